"""The TLS context of the serving port: built from a directory, built again when the files' bytes change.

A context in use is never changed, and a pair that cannot be served never replaces one that can.
"""

import hashlib
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from certs.certificate import CertificateError, Facts, is_key_of, read_facts
from certs.store import CERT, KEY
from webhook.serving.http.certfile import Doubt, OnReload, Reload, TlsError, held, read
from webhook.serving.http.clients import Authorities

log = logging.getLogger("airlock.tls")


class DeadlineSocket(ssl.SSLSocket):
    """A TLS socket that gives its client *patience* seconds for everything it sends, from the first send on.

    Without *patience* it is an ordinary socket. To start over, set *deadline* (of `time.monotonic()`) to None.
    """

    patience: float | None = None
    deadline: float | None = None
    refusal: str = ""  # why its client may not ask

    def send(self, data: Any, flags: int = 0) -> int:  # noqa: ANN401 - any buffer
        """Send some of *data*; raises TimeoutError when the client's time is over."""
        if self.patience is not None:
            now = monotonic()
            self.deadline = self.deadline or now + self.patience
            if self.deadline <= now:
                raise TimeoutError("the answer was not taken in time")
            self.settimeout(self.deadline - now)
        return super().send(data, flags)


class Identity(msgspec.Struct, frozen=True):
    """A certificate with its key, ready to serve: the context, what the certificate says, a digest of both files."""

    context: ssl.SSLContext
    facts: Facts
    digest: bytes
    authorities: str  # of clients' certificates; none is asked for without


def load_identity(directory: Path, authorities: str = "") -> Identity:
    """Build a context from `tls.crt` and `tls.key` of *directory* and prove it with a handshake.

    Clients are asked for a certificate of the PEM *authorities*, and may have none. Raises TlsError when the files
    are absent, unreadable, no pair, or change meanwhile. Whether the certificate is valid today is not asked.
    """
    try:
        digest, cert, key = _read(directory)
        with _naming(CERT):
            facts = read_facts(cert)
        with _naming(KEY):
            fits = is_key_of(key, cert)
        if not fits:
            raise TlsError(f"{KEY} is not the key of {CERT}")
        context = _context(directory, authorities)
        _prove(context)
        if _read(directory)[0] != digest:  # OpenSSL reads files, so what it has read is known only afterwards
            raise TlsError(f"{CERT} and {KEY} changed while they were read")
    except ssl.SSLError as error:
        raise TlsError(f"{CERT} and {KEY} cannot be served: {error.reason or error}") from None
    except OSError as error:  # gone between two reads
        raise TlsError(f"{CERT} and {KEY} cannot be read: {error.strerror}") from None
    return Identity(context, facts, digest, authorities)


class LiveIdentity:
    """The identity in force for *directory*, looked at every *interval* seconds by a thread of its own.

    *on_reload* hears, from that thread, about each change that was accepted and once about each content that was
    rejected and still there at the second look. It looks at the clients' *authorities* too.
    A certificate outside its validity at *clock*'s time is rejected as long as the one in force is inside its own.
    """

    def __init__(  # noqa: PLR0913 - the last three have defaults
        self,
        directory: Path,
        identity: Identity,
        on_reload: OnReload,
        *,
        authorities: Authorities | None = None,
        interval: float = 1.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._directory = directory
        self._identity = identity
        self._on_reload = on_reload
        self._interval = interval
        self._clock = clock
        self._authorities = authorities
        self._doubt = Doubt()
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
        digest, fresh = b"", self._identity
        if self._authorities is not None:
            self._authorities.look()
        authorities = self._authorities.pem if self._authorities is not None else ""
        try:
            digest, _, _ = _read(self._directory)
            if digest != fresh.digest or authorities != fresh.authorities:
                fresh = load_identity(self._directory, authorities)
                self._refuse_untimely(fresh.facts)
        except TlsError as error:
            if self._doubt.is_news(digest, str(error)):
                self._on_reload(Reload.REJECTED, f"{error}; still serving {self._identity.facts}")
            return
        changed, self._identity = fresh.digest != self._identity.digest, fresh
        if self._doubt.settle() or changed:
            self._on_reload(Reload.ACCEPTED, str(fresh.facts))

    def _refuse_untimely(self, facts: Facts) -> None:
        now = self._clock()
        fault = facts.fault(now)
        if fault and not self._identity.facts.fault(now):
            raise TlsError(f"{CERT}: {fault}")

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self.check()
            except Exception:
                log.exception("the certificate could not be looked at")
            self._looked = monotonic()


def _read(directory: Path) -> tuple[bytes, bytes, bytes]:
    cert, key = (read(directory / name) for name in (CERT, KEY))
    return hashlib.sha256(len(cert).to_bytes(8) + cert + key).digest(), cert, key


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except CertificateError as error:
        raise TlsError(f"{name}: {error}") from None


def _context(directory: Path, authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client may ask for new keys in TLS 1.2 as often as it likes, and each time costs a signature.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = DeadlineSocket
    if authorities:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an intermediate authority is enough
        context.load_verify_locations(cadata=authorities)
    with held(directory / CERT) as cert, held(directory / KEY) as key:
        context.load_cert_chain(cert, key, password=_refuse_password)
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
