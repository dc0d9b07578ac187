"""A real image registry for one node, which pulls everything from there, whatever registry a name says."""

import contextlib
import http.client
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.harness.control_plane.program import Program
from tests.harness.node.box import Box
from tests.harness.node.containers import full
from tests.harness.node.images import Buildah
from tests.harness.node.programs import Programs
from tests.harness.waiting import until

PORT = 5000


@dataclass(frozen=True, slots=True)
class Registry:
    """docker-registry at *address*, HOST:PORT, without TLS."""

    address: str
    buildah: Buildah

    def push(self, archive: Path, name: str) -> str:
        """Push the image in the OCI *archive* as what a pod calls *name*, and return its digest.

        The node finds `busybox:1` as `library/busybox:1` here, and `registry.example.com/etl:1` as `etl:1`.
        """
        return self.buildah.push(archive, f"{self.address}/{full(name).partition('/')[2]}")


@contextlib.contextmanager
def running(box: Box, programs: Programs, buildah: Buildah, logs: Path) -> Iterator[Registry]:
    """Run a registry on the bridge of *box*, empty at first, with its log in the folder *logs*."""
    address = f"{box.network.bridge}:{PORT}"
    storage = box.folder / "registry"
    file = box.folder / "registry.yaml"
    file.write_text(_config(address, storage), encoding="utf-8")
    program = Program("registry", box.command(programs.path("docker-registry"), "serve", str(file)), logs)
    mirrors = box.folder / "registries" / "_default"
    mirrors.mkdir()
    (mirrors / "hosts.toml").write_text(f'[host."http://{address}"]\ncapabilities = ["pull", "resolve"]\n')
    try:
        program.start()
        until(lambda: _answers(program, address), "the registry answers")
        yield Registry(address, buildah)
    finally:
        program.stop()
        shutil.rmtree(mirrors)
        shutil.rmtree(storage, ignore_errors=True)  # not there if nothing was pushed


def _answers(program: Program, address: str) -> bool:
    program.check()
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _config(address: str, storage: Path) -> str:
    document = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {"addr": address},
    }
    return yaml.safe_dump(document, sort_keys=False)
