"""What `make release` builds: the same bytes twice, and each part is what it says."""

import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st

from release.__main__ import SUMS, build
from release.archives import settled
from release.chart import KUBERNETES, NAMESPACE
from release.image_archive import files
from release.source import ReleaseError, Source, check_out
from tests.harness.chart.rendering import CHART, helm
from tests.harness.places import ROOT

BASE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airlock/image/base-bookworm-1.tar"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
METADATA: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return check_out(ROOT, tmp_path_factory.mktemp("release") / "source")


@pytest.fixture(scope="module")
def built(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("built")
    build(source, target, None, with_image=False)
    return target


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def bill(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    read: dict[str, Any] = json.loads(text)
    return read


def test_twice_the_same_bytes(source: Source, built: Path, tmp_path: Path) -> None:
    again = check_out(ROOT, tmp_path / "elsewhere")
    (tmp_path / "again").mkdir()
    build(again, tmp_path / "again", None, with_image=False)
    assert again.commit == source.commit
    assert digests(tmp_path / "again") == digests(built)


def test_all_that_is_published_is_there_and_its_sums_are_right(source: Source, built: Path) -> None:
    version = source.version
    wheel = f"airlock_airflow-{version}-py3-none-any.whl"
    names = {wheel, f"{wheel}.cdx.json", f"airlock_airflow-{version}.tar.gz", f"airlock-{version}.tgz"}
    names |= {f"airlock-{version}-kubernetes-{kubernetes}.yaml" for kubernetes in KUBERNETES}
    assert {path.name for path in built.iterdir()} == names | {SUMS}
    checked = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=built, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_wheel_holds_the_program_and_the_commits_time(source: Source, built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        assert {name.split("/")[0].split("-")[0] for name in names} == {"airlock_airflow", "certs", "webhook"}
        assert len({entry.date_time for entry in wheel.infolist()}) == 1
    assert {str(path.relative_to(source.folder)) for path in source.folder.glob("webhook/**/*.py")} <= set(names)


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_the_plain_manifests_are_what_the_chart_renders_and_its_namespace(
    source: Source, built: Path, kubernetes: str
) -> None:
    text = (built / f"airlock-{source.version}-kubernetes-{kubernetes}.yaml").read_text(encoding="utf-8")
    namespace, *objects = [one for one in yaml.safe_load_all(text) if one]
    assert namespace == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    chart = str(source.folder / "charts/airlock")
    rendered = helm("template", "airlock", chart, "--namespace", NAMESPACE, "--kube-version", f"{kubernetes}.0")
    hooks = [
        one for one in yaml.safe_load_all(rendered) if one and "helm.sh/hook" in one["metadata"].get("annotations", {})
    ]
    assert hooks
    assert objects == [one for one in yaml.safe_load_all(rendered) if one and one not in hooks]


def test_each_version_of_kubernetes_that_changes_what_the_chart_renders_has_a_file(source: Source) -> None:
    def rendered(minor: int) -> str:
        chart = str(source.folder / "charts/airlock")
        return helm("template", "airlock", chart, "--no-hooks", "--kube-version", f"1.{minor}.0")

    minors = [int(one.removeprefix("1.")) for one in KUBERNETES]
    changes = [minor for minor in range(minors[0] + 1, 38) if rendered(minor) != rendered(minor - 1)]
    assert changes == minors[1:]


def test_the_packaged_chart_renders_as_its_folder(source: Source, built: Path) -> None:
    folder, package = source.folder / "charts/airlock", built / f"airlock-{source.version}.tgz"
    assert helm("template", "airlock", str(package)) == helm("template", "airlock", str(folder))


def test_the_bill_of_the_wheel_names_what_the_lock_pins(source: Source, built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    read = bill(wheel.with_name(f"{wheel.name}.cdx.json"))
    pinned = re.findall(r"^(\S+)==(\S+)", (source.folder / "requirements.lock").read_text(), re.MULTILINE)
    assert sorted((one["name"], one["version"]) for one in read["components"]) == sorted(pinned)
    assert read["metadata"]["component"]["hashes"][0]["content"] == sha256(wheel.read_bytes()).hexdigest()


def test_a_folder_that_is_no_repository_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="not a git repository"):
        check_out(tmp_path, tmp_path / "source")


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("apt-get") is None, reason="the base needs root, on Debian")
def test_the_image_is_twice_the_same_bytes_and_its_bill_names_the_lock_and_the_base(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([ROOT / "tests/harness/chart/image"], check=True)  # makes the base
    monkeypatch.setenv("PIP_IGNORE_REQUIRES_PYTHON", "1")  # Debian's 3.11.2 has the fixes that are asked for
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build(source, tmp_path / name, str(BASE), with_image=True)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    (archive,) = (tmp_path / "one").glob("*-image.tar")
    found = {one["purl"].partition("?")[0] for one in bill(archive.with_name(f"{archive.name}.cdx.json"))["components"]}
    assert f"pkg:pypi/airlock-airflow@{source.version}" in found
    assert {one.split("@")[0] for one in found} >= {"pkg:pypi/flask", "pkg:pypi/kubernetes", "pkg:deb/debian/libc6"}
    assert "pkg:pypi/pip" not in {one.split("@")[0] for one in found}


def test_the_chart_says_its_licence_its_image_and_what_is_new() -> None:
    told = METADATA["annotations"]
    assert told["artifacthub.io/license"] == PROJECT["project"]["license"]
    (image,) = yaml.safe_load(told["artifacthub.io/images"])
    assert f"image: {image['image']}\n" in helm("template", "airlock", str(CHART)).replace('"', "")
    assert all(set(one) == {"kind", "description"} for one in yaml.safe_load(told["artifacthub.io/changes"]))
    assert METADATA["version"] == METADATA["appVersion"] == PROJECT["project"]["version"]


def test_the_charts_icon_is_the_file() -> None:
    kind, _, data = METADATA["icon"].partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert (
        subprocess.run(["base64", "-d"], input=data.encode(), capture_output=True, check=True).stdout
        == (ROOT / "docs/icon.svg").read_bytes()
    )


def test_the_pinned_build_backend_is_the_dockerfiles() -> None:
    (pin,) = [one for one in PROJECT["project"]["optional-dependencies"]["dev"] if one.startswith("setuptools")]
    assert f"{pin} --hash" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def packed(members: list[tuple[str, bytes]], **entry: Any) -> bytes:
    written = BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in entry.items():
                setattr(info, field, value)
            tar.addfile(info, BytesIO(content))
    return written.getvalue()


@given(st.dictionaries(st.text("abc", min_size=1), st.binary(max_size=20), min_size=1, max_size=4), st.data())
def test_a_settled_archive_follows_from_names_and_contents(contents: dict[str, bytes], data: st.DataObject) -> None:
    members = list(contents.items())
    one = settled(packed(members, mtime=1, uid=5), 1_700_000_000)
    other = settled(packed(data.draw(st.permutations(members)), mtime=9, uname="me"), 1_700_000_000)
    assert one == other
    with tarfile.open(fileobj=BytesIO(one)) as tar:
        assert {entry.name: tar.extractfile(entry).read() for entry in tar} == contents  # type: ignore[union-attr]


def test_files_of_an_image_are_those_that_its_last_layer_leaves(tmp_path: Path) -> None:
    layers = (
        packed([("etc/a", b"old"), ("etc/b", b"b"), ("opt/c/d", b"d"), ("usr/e", b"e")]),
        packed([("etc/a", b"new"), ("etc/.wh.b", b""), ("opt/.wh.c", b""), ("usr/.wh..wh..opq", b""), ("usr/f", b"f")]),
    )
    blobs = {f"blobs/sha256/{nth}": layer for nth, layer in enumerate(layers)}
    blobs["blobs/sha256/m"] = json.dumps({"layers": [{"digest": f"sha256:{nth}"} for nth in range(2)]}).encode()
    blobs["index.json"] = json.dumps({"manifests": [{"digest": "sha256:m"}]}).encode()
    archive = tmp_path / "image.tar"
    archive.write_bytes(packed(list(blobs.items())))
    left = {PurePosixPath("etc/a"): b"new", PurePosixPath("usr/f"): b"f"}
    assert files(archive, lambda _path: True) == left
