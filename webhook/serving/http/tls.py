"""The TLS context of the serving port: built from a directory, built again when the files' bytes change.

A context in use is never changed, and a pair that cannot be served never replaces one that can.
"""

import hashlib
import logging
import os
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Any

from certs.certificate import MAX_PEM_BYTES, CertificateError, Facts, is_key_of, read_facts
from certs.store import CERT, KEY

log = logging.getLogger("airlock.tls")


class Reload(StrEnum):
    """What became of changed files."""

    ACCEPTED = "accepted"  # new connections are served with them
    REJECTED = "rejected"  # the pair before stays in force


OnReload = Callable[[Reload, str], None]


class TlsError(ValueError):
    """A certificate directory that cannot be served; the text names the file and what is wrong with it."""


class DeadlineSocket(ssl.SSLSocket):
    """A TLS socket that gives its client *patience* seconds for everything it sends, from the first send on.

    Without *patience* it is an ordinary socket. To start over, set *deadline* (of `time.monotonic()`) to None.
    """

    patience: float | None = None
    deadline: float | None = None

    def send(self, data: Any, flags: int = 0) -> int:  # noqa: ANN401 - any buffer
        """Send some of *data*; raises TimeoutError when the client's time is over."""
        if self.patience is not None:
            now = monotonic()
            self.deadline = self.deadline or now + self.patience
            if self.deadline <= now:
                raise TimeoutError("the answer was not taken in time")
            self.settimeout(self.deadline - now)
        return super().send(data, flags)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key, ready to serve: the context, what the certificate says, a digest of both files."""

    context: ssl.SSLContext
    facts: Facts
    digest: bytes


def load_identity(directory: Path) -> Identity:
    """Build a context from `tls.crt` and `tls.key` of *directory* and prove it with a handshake.

    Raises TlsError when they are absent, unreadable, no pair, or change meanwhile. Whether the certificate is valid
    today is not asked.
    """
    try:
        digest, cert, key = _read(directory)
        with _naming(CERT):
            facts = read_facts(cert)
        with _naming(KEY):
            fits = is_key_of(key, cert)
        if not fits:
            raise TlsError(f"{KEY} is not the key of {CERT}")
        context = _context(directory)
        _prove(context)
        if _read(directory)[0] != digest:  # OpenSSL reads files, so what it has read is known only afterwards
            raise TlsError(f"{CERT} and {KEY} changed while they were read")
    except ssl.SSLError as error:
        raise TlsError(f"{CERT} and {KEY} cannot be served: {error.reason or error}") from None
    except OSError as error:  # gone between two reads
        raise TlsError(f"{CERT} and {KEY} cannot be read: {error.strerror}") from None
    return Identity(context, facts, digest)


class LiveIdentity:
    """The identity in force for *directory*, looked at every *interval* seconds by a thread of its own.

    *on_reload* hears, from that thread, about each change that was accepted and once about each content that was
    rejected and still there at the second look, so a writer that replaces two files one by one causes no report.
    A certificate outside its validity at *clock*'s time is rejected as long as the one in force is inside its own.
    """

    def __init__(
        self,
        directory: Path,
        identity: Identity,
        on_reload: OnReload,
        *,
        interval: float = 1.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._directory = directory
        self._identity = identity
        self._on_reload = on_reload
        self._interval = interval
        self._clock = clock
        self._suspected = self._told = (b"", "")  # a rejected content's digest, and what is wrong with it
        self._looked = monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tls-reload", daemon=True)

    @property
    def context(self) -> ssl.SSLContext:
        """The context for the next connection; safe to ask for from any thread."""
        return self._identity.context

    def start(self) -> None:
        """Start the thread; in the process that serves, since a fork does not take threads along."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it was started."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(self._interval + 1)

    def silent(self) -> float:
        """Return how many seconds ago the files were last looked at."""
        return monotonic() - self._looked

    def check(self) -> None:
        """Look at the files once."""
        digest = b""
        try:
            digest, _, _ = _read(self._directory)
            if digest == self._identity.digest:
                self._accept(self._identity, changed=bool(self._told[1]))
                return
            fresh = load_identity(self._directory)
            self._refuse_untimely(fresh.facts)
        except TlsError as error:
            self._reject((digest, str(error)))
        else:
            self._accept(fresh, changed=True)

    def _refuse_untimely(self, facts: Facts) -> None:
        now = self._clock()
        fault = facts.fault(now)
        if fault and not self._identity.facts.fault(now):
            raise TlsError(f"{CERT}: {fault}")

    def _accept(self, identity: Identity, *, changed: bool) -> None:
        self._identity = identity
        self._suspected = self._told = (b"", "")
        if changed:
            self._on_reload(Reload.ACCEPTED, str(identity.facts))

    def _reject(self, fault: tuple[bytes, str]) -> None:
        if fault == self._suspected != self._told:
            self._told = fault
            self._on_reload(Reload.REJECTED, f"{fault[1]}; still serving {self._identity.facts}")
        self._suspected = fault

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self.check()
            except Exception:
                log.exception("the certificate could not be looked at")
            self._looked = monotonic()


def _read(directory: Path) -> tuple[bytes, bytes, bytes]:
    contents = []
    for name in (CERT, KEY):
        try:
            with open(directory / name, "rb", opener=_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # reading a FIFO would wait for ever
                    raise TlsError(f"{directory / name}: not a regular file")
                contents.append(file.read(MAX_PEM_BYTES + 1))
        except OSError as error:
            raise TlsError(f"{directory / name}: {error.strerror}") from None
    cert, key = contents
    return hashlib.sha256(len(cert).to_bytes(8) + cert + key).digest(), cert, key


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except CertificateError as error:
        raise TlsError(f"{name}: {error}") from None


def _context(directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client may ask for new keys in TLS 1.2 as often as it likes, and each time costs a signature.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = DeadlineSocket
    context.load_cert_chain(directory / CERT, directory / KEY, password=_refuse_password)
    return context


def _refuse_password() -> str:
    raise TlsError(f"{KEY} is encrypted")  # OpenSSL would ask on the terminal


def _prove(context: ssl.SSLContext) -> None:
    """Shake hands in memory, so that what OpenSSL finds out only in use is found out before."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    server.do_handshake()
