"""Debian's docker-registry on loopback, open or behind TLS and a login, and images without content to push there."""

import base64
import contextlib
import hashlib
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from certs.issue import Pair
from tests.harness.control_plane.ports import LOOPBACK, free
from tests.harness.control_plane.program import Program
from tests.harness.node.programs import folder
from tests.harness.waiting import until

USER, PASSWORD = "ci", "correct horse"
_HTPASSWD = f"{USER}:$2b$04$LlLg3frw.F7dHAkFSf..recnLzvhY21A3WBCvNicCipZNHEwAEZ72\n"
_OCI = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class DockerRegistry:
    """docker-registry at *address*, HOST:PORT; *tls* trusts it, None without TLS."""

    address: str
    tls: ssl.SSLContext | None
    log: Path
    headers: Mapping[str, str] = field(default_factory=dict)  # with which it is pushed to

    def index(self, name: str, tag: str, revisions: Mapping[str, str | None]) -> str:
        """Push an index of one image a platform ("linux/amd64"), each with the revision given; return its digest."""
        members = [
            self._member(platform, *self.image(name, revision, platform=platform))
            for platform, revision in revisions.items()
        ]
        body = json.dumps({"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": members}).encode()
        return self._manifest(name, tag, f"{_OCI}.index.v1+json", body)[0]

    def image(
        self, name: str, revision: str | None, tag: str | None = None, platform: str = "linux/amd64"
    ) -> tuple[str, int]:
        """Push an image with that revision as its label, None for no labels; return its digest and size."""
        system, _, architecture = platform.partition("/")
        settings: dict[str, Any] = {"Env": ["PATH=/bin"]}
        if revision is not None:
            settings["Labels"] = {"org.opencontainers.image.revision": revision, "maintainer": "data"}
        config = json.dumps({"os": system, "architecture": architecture, "config": settings}).encode()
        layer = f"a layer for {platform}".encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": self._blob(name, f"{_OCI}.config.v1+json", config),
            "layers": [self._blob(name, f"{_OCI}.layer.v1.tar", layer)],
        }
        body = json.dumps(manifest).encode()
        return self._manifest(name, tag or digest_of(body), f"{_OCI}.manifest.v1+json", body)

    def _member(self, platform: str, digest: str, size: int) -> dict[str, Any]:
        system, _, architecture = platform.partition("/")
        described = {"os": system, "architecture": architecture}
        return {"mediaType": f"{_OCI}.manifest.v1+json", "digest": digest, "size": size, "platform": described}

    def _manifest(self, name: str, reference: str, kind: str, body: bytes) -> tuple[str, int]:
        self.send("PUT", f"/v2/{name}/manifests/{reference}", body, {"Content-Type": kind}, http.client.CREATED)
        return digest_of(body), len(body)

    def _blob(self, name: str, kind: str, body: bytes) -> dict[str, Any]:
        place = self.send("POST", f"/v2/{name}/blobs/uploads/", b"", {}, http.client.ACCEPTED)
        target = f"/v2/{place.partition('/v2/')[2]}&digest={digest_of(body)}"
        self.send("PUT", target, body, {"Content-Type": "application/octet-stream"}, http.client.CREATED)
        return {"mediaType": kind, "digest": digest_of(body), "size": len(body)}

    def send(self, method: str, target: str, body: bytes, headers: Mapping[str, str], expected: int) -> str:
        """Ask for *target* and return the Location; raises RuntimeError when the answer is not the *expected* one."""
        host = self.address
        connection = (
            http.client.HTTPConnection(host, timeout=10)
            if self.tls is None
            else http.client.HTTPSConnection(host, timeout=10, context=self.tls)
        )
        with contextlib.closing(connection):
            connection.request(method, target, body, {**headers, **self.headers})
            response = connection.getresponse()
            said = response.read()
            if response.status != expected:
                raise RuntimeError(f"{method} {target}: {response.status} {said!r}")
            return response.getheader("Location") or ""


def digest_of(body: bytes) -> str:
    """Return the digest of *body*."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def basic(user: str = USER, password: str = PASSWORD) -> str:
    """Return what an Authorization header says for a user."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@contextlib.contextmanager
def running(
    work: Path, leaf: Pair | None = None, *, login: bool = False, token: Mapping[str, Any] | None = None
) -> Iterator[DockerRegistry]:
    """Run a registry, at first empty, in folder *work*: with TLS by *leaf*, for one user, or for clients with *token*.

    *token* is what docker-registry's own configuration says of it.
    """
    address = f"{LOOPBACK}:{free(1)[0]}"
    served: dict[str, Any] = {"addr": address, "relativeurls": True}
    context = None
    if leaf is not None:
        for name, pem in (("tls.crt", leaf.cert_pem), ("tls.key", leaf.key_pem)):
            (work / name).write_bytes(pem)
        served["tls"] = {"certificate": str(work / "tls.crt"), "key": str(work / "tls.key")}
        context = ssl.create_default_context(cadata=(work / "ca.crt").read_text())
    auth: dict[str, Any] = {}
    if login:
        (work / "htpasswd").write_text(_HTPASSWD)
        auth["htpasswd"] = {"realm": "airlock's tests", "path": str(work / "htpasswd")}
    if token is not None:
        auth["token"] = dict(token)
    document = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(work / "storage")}, "delete": {"enabled": True}},
        "http": served,
        **({"auth": auth} if auth else {}),
    }
    file = work / "registry.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    program = Program("registry", [str(folder() / "docker-registry"), "serve", str(file)], work)
    registry = DockerRegistry(address, context, program.log, {"Authorization": basic()} if login else {})
    try:
        program.start()
        until(lambda: _answers(program, registry), "the registry answers")
        yield registry
    finally:
        program.stop()


def _answers(program: Program, registry: DockerRegistry) -> bool:
    program.check()
    try:
        registry.send("GET", "/v2/", b"", {}, http.client.OK)
    except OSError:
        return False
    except RuntimeError:
        return True  # it asks who that is
    return True
