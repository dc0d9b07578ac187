"""Programs in Go that tests compare with: where they are, and the webhooks that do nothing as a process."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from certs.names import parse_names
from certs.store import ensure_self_signed
from tests.harness.control_plane.ports import LOOPBACK, free
from tests.harness.waiting import until


@cache
def program(name: str) -> str:
    """Return the path of the program *name*; the first call builds it, which takes half a minute."""
    run = subprocess.run([str(Path(__file__).with_name("build"))], stdout=subprocess.PIPE, text=True, check=True)
    return str(Path(run.stdout.splitlines()[-1]) / name)


@contextmanager
def pair(folder: Path, variable: str, value: str) -> Iterator[tuple[int, Path]]:
    """Run a pair of webhooks that adds *variable* and allows everything; yields its port and its CA's file."""
    ensure_self_signed(folder, parse_names(["localhost", LOOPBACK]), datetime.now(UTC))
    [port] = free(1)
    tls = [str(folder / "tls.crt"), str(folder / "tls.key")]
    command = [program("pair"), f"{LOOPBACK}:{port}", *tls, variable, value]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _accepts(port), "the Go pair")
            yield port, folder / "ca.crt"
        finally:
            process.terminate()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), 1).close()
    except OSError:
        return False
    return True
