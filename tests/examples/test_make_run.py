"""`make run` as a newcomer ends it: whatever signal that is, no server stays behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.harness.places import ROOT
from tests.harness.waiting import until


@contextmanager
def made(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Run `make run` in a session of its own, with this environment as its venv; give it and the server's port."""
    ready = f"{sys.prefix}/.ready"  # it is: nothing is to be set up
    settings = [f"VENV={sys.prefix}", f"RUN={folder / 'run'}", "PORT=0", "METRICS_PORT=0"]
    command = ["make", f"--old-file={ready}", "run", *settings]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as make:
        assert make.stdout is not None
        text = ""
        for line in make.stdout:
            text += line
            if "Ctrl-C" in line:
                break
        answers = re.search(r"https://localhost:(\d+)", text)
        assert answers is not None, text
        try:
            yield make, int(answers[1])
        finally:
            with suppress(ProcessLookupError):
                os.killpg(make.pid, signal.SIGTERM)
            make.stdout.close()


def is_served(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_make_that_is_told_to_end_ends_the_server_too(tmp_path: Path) -> None:
    with made(tmp_path) as (make, port):
        assert is_served(port)
        make.terminate()
        make.wait(30)
        until(lambda: not is_served(port), "the server to end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "a closed window"])
def test_a_terminal_ends_the_server_too(tmp_path: Path, number: signal.Signals) -> None:
    with made(tmp_path) as (make, port):
        os.killpg(make.pid, number)  # as a terminal does: to all that run in it
        make.wait(30)
        until(lambda: not is_served(port), "the server to end")


def test_a_signal_that_comes_just_before_the_wait_for_the_server_is_heard() -> None:
    command = [sys.executable, "-m", "tests.examples.told_as_it_waits"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
