"""The directory that `airlock serve` reads its certificate from: `tls.crt`, `tls.key` and `ca.crt`."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from certs.certificate import MAX_PEM_BYTES, CertificateError, Facts, is_key_of, is_signed_by, read_facts
from certs.issue import issue_ca, issue_leaf
from certs.names import Names
from certs.pace import LEAF_LIFE

CERT, KEY, CA = "tls.crt", "tls.key", "ca.crt"
FILES = (CA, KEY, CERT)  # in the order they are written: a reader that sees the certificate can have the rest

_OURS = "airlock self-signed"  # the organisation in the authority's name; nobody else's set is ever replaced
_UNFINISHED = ".airlock-"
_SOON = timedelta(days=30)


class StoreError(ValueError):
    """A directory that holds neither a complete set nor nothing; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The three files' bytes."""

    cert_pem: bytes
    key_pem: bytes
    ca_pem: bytes


class Ensured(StrEnum):
    """What `ensure_self_signed` did."""

    MADE = "made"  # there was none
    REPLACED = "replaced"  # an earlier one of ours was of no more use
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, and a sentence on why, or on what is wrong with what was kept; "" when there is nothing to say."""

    what: Ensured
    detail: str = ""


def read_bundle(directory: Path) -> Bundle | None:
    """Read the three files of *directory*; None when there is none of them.

    Raises StoreError when only some are there or one is longer than MAX_PEM_BYTES, OSError when one cannot be read.
    """
    present = [name for name in FILES if (directory / name).exists()]
    if not present:
        return None
    missing = [name for name in FILES if name not in present]
    if missing:
        raise StoreError(
            f"{directory} holds {' and '.join(sorted(present))} but not {' and '.join(sorted(missing))}: "
            "add what is missing, or remove the rest to have new ones made"
        )
    return Bundle(*(_read(directory / name) for name in (CERT, KEY, CA)))


def ensure_self_signed(directory: Path, names: Names, now: datetime, *, life: timedelta = LEAF_LIFE) -> Outcome:
    """Put a certificate for *names*, valid for *life*, and its own authority into *directory* if there is none.

    The authority's key is thrown away: a new certificate means a new `ca.crt`, and so a new caBundle. That is why a set
    that is there stays, with two exceptions for sets made here: one that has expired and one that lacks one of *names*
    are replaced, since no client could use them. Other people's sets are never touched. Two processes may do this at
    the same time. Raises StoreError when the set there is incomplete or torn, OSError when it cannot be read or
    written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(directory):
        bundle = read_bundle(directory)
        if bundle is None:
            _make(directory, names, now, life)
            return Outcome(Ensured.MADE)
        try:
            return _judge(directory, bundle, names, now, life)
        except CertificateError as error:
            raise StoreError(f"{directory}: {error}: repair the set, or remove it to have a new one made") from None


def _judge(directory: Path, bundle: Bundle, names: Names, now: datetime, life: timedelta) -> Outcome:
    if not is_key_of(bundle.key_pem, bundle.cert_pem):
        raise CertificateError(f"{KEY} is not the key of {CERT}")
    leaf = read_facts(bundle.cert_pem)
    fault = _fault(leaf, names, now)
    if not fault:
        soon = leaf.not_after - now < _SOON
        return Outcome(Ensured.KEPT, f"{CERT} expires on {leaf.not_after:%Y-%m-%d}" if soon else "")
    if not _is_ours(bundle):
        return Outcome(Ensured.KEPT, f"{CERT} was not made by airlock and is left as it is, but {fault}")
    _make(directory, names, now, life)
    return Outcome(Ensured.REPLACED, fault)


def _fault(leaf: Facts, names: Names, now: datetime) -> str:
    missing = names.without(leaf.names)
    return leaf.fault(now) or (f"it is not for {missing}" if missing != Names() else "")


def _is_ours(bundle: Bundle) -> bool:
    authority = read_facts(bundle.ca_pem)
    ours = f"O={_OURS}" in authority.subject.split(",") and authority.subject == authority.issuer
    return ours and is_signed_by(bundle.cert_pem, bundle.ca_pem)


def _make(directory: Path, names: Names, now: datetime, life: timedelta) -> None:
    ca = issue_ca(now, organisation=_OURS, life=life)
    leaf = issue_leaf(ca, names, now, life=life)
    contents = {CA: ca.cert_pem, KEY: leaf.key_pem, CERT: leaf.cert_pem}
    for leftover in directory.glob(f"{_UNFINISHED}*"):  # of a process that was killed at this
        leftover.unlink()
    unfinished = {name: directory / f"{_UNFINISHED}{name}.{secrets.token_hex(4)}" for name in FILES}
    for name in FILES:
        _write(unfinished[name], contents[name], mode=0o600 if name == KEY else 0o644)
    for name in FILES:
        unfinished[name].replace(directory / name)
    with _opened(directory) as descriptor:
        os.fsync(descriptor)


def _write(path: Path, data: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_PEM_BYTES + 1)
    if len(data) > MAX_PEM_BYTES:
        raise StoreError(f"{path} is longer than {MAX_PEM_BYTES} bytes: it is no certificate or key")
    return data


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with _opened(directory) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # released when the descriptor is closed
        yield


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
