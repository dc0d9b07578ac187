"""Who may ask: the authorities that sign clients' certificates, and the names that these must have.

A certificate is asked for at the handshake and needed by no connection: what it is needed for, the application knows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from certs.certificate import MAX_PEM_BYTES
from certs.trust import read_trust, write_trust
from webhook.serving.http.certfile import Doubt, OnReload, Reload, TlsError, read

_SHOWN = 5  # names of a certificate that are told


class Authorities:
    """The authorities in *file*, read when made and at each look; raises TlsError when the first content is bad.

    *on_reload* hears of each change that was accepted, and once of each content that was rejected.
    """

    def __init__(self, file: Path, on_reload: OnReload) -> None:
        self._file = file
        self._on_reload = on_reload
        self._doubt = Doubt()
        self._pem = _read_authorities(file)

    @property
    def pem(self) -> str:
        """The authorities in force."""
        return self._pem

    def look(self) -> None:
        """Read the file again; what is bad changes nothing."""
        try:
            pem = _read_authorities(self._file)
        except TlsError as error:
            if self._doubt.is_news(b"", str(error)):
                self._on_reload(Reload.REJECTED, f"{error}; still asking for certificates of those before")
            return
        changed, self._pem = pem != self._pem, pem
        if self._doubt.settle() or changed:
            self._on_reload(Reload.ACCEPTED, f"{self._file}: {pem.count('BEGIN CERTIFICATE')} authorities of clients")


def _read_authorities(file: Path) -> str:
    content = read(file)
    if len(content) > MAX_PEM_BYTES:
        raise TlsError(f"{file}: it is longer than {MAX_PEM_BYTES} bytes")
    trust = read_trust(content)
    if not trust.authorities:
        raise TlsError(f"{file}: it holds no PEM certificate of an authority")
    if not trust.tidy:
        raise TlsError(f"{file}: one of its certificates is no authority's, or cannot be read")
    return write_trust(trust.authorities).decode()


def refusal(certificate: Mapping[str, Any] | None, allowed: frozenset[str]) -> str:
    """Say why a client with *certificate* (as `SSLSocket.getpeercert` gives it) may not ask; "" when it may.

    Its common name, a DNS name or a URI has to be one of *allowed*; any name will do when these are none.

    >>> refusal({"subject": ((("commonName", "kube-apiserver"),),)}, frozenset({"kube-apiserver"}))
    ''
    """
    if not certificate:
        return "only clients with a certificate may ask, and this one has sent none"
    names = [value for rdn in certificate["subject"] for key, value in rdn if key == "commonName"]
    names += [value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "URI")]
    if not allowed or not allowed.isdisjoint(names):
        return ""
    said = ", ".join(repr(name[:100]) for name in names[:_SHOWN]) or "nobody"
    return f"the client's certificate is for {said}, and only the names given with --client-name may ask"
