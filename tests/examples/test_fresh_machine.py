"""The README's two commands on an untouched Debian 12, with what the README asks for and nothing else."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.debian import Debian, can_be_made
from tests.harness.places import ROOT

PACKAGES = ("make", "git", "python3", "python3-venv")
HOME = "/root/airlock"

pytestmark = [pytest.mark.long, pytest.mark.skipif(not can_be_made(), reason="debootstrap needs root, on Debian")]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    debian = Debian.made(tmp_path_factory.mktemp("debian") / "root", PACKAGES)
    clone = debian.folder / HOME.removeprefix("/")
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True)
    yield debian
    subprocess.run(["rm", "-rf", debian.folder], check=True)


def test_make_run_shows_the_story(machine: Debian) -> None:
    ended = machine.run(f"cd {HOME} && make run ONCE=1", seconds=1200)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "denied 422 Invalid" in ended.stdout


def test_make_test_builds_the_control_plane_and_runs_tests_on_it(machine: Debian) -> None:
    # All tests are CI's business; whether the command gets that far on such a machine is this one's.
    ended = machine.run(f"cd {HOME} && make test ARGS='-q tests/cluster tests/sources/test_configmap.py'", seconds=7200)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    assert " passed" in ended.stdout
    assert " skipped" not in ended.stdout
    assert Path(machine.folder / "root/.cache/airlock/control-plane").is_dir()
