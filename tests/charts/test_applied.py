"""What the chart renders, applied to a real API server: unusual values by helm, and plain manifests by kubectl."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.chart import KUBERNETES, NAMESPACE, manifest
from release.source import Source
from tests.harness.chart.release import Release
from tests.harness.chart.rendering import HELM, Object, values_of
from tests.harness.control_plane import ControlPlane
from tests.harness.places import ROOT
from tests.harness.waiting import until


def lost(wanted: Any, there: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of what is *wanted* and is another *there*, or none; lists are compared by place."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        for key, value in wanted.items():
            yield from lost(value, there.get(key), f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(there, list) and len(wanted) == len(there):
        for index, value in enumerate(wanted):
            yield from lost(value, there[index], f"{path}[{index}]")
    elif wanted != there and not (wanted in ("", [], {}) and there is None):  # servers leave out what is empty
        yield f"{path}: {wanted!r} became {there!r}"


def test_unusual_values_reach_the_api_server_as_they_are_written(home: ControlPlane) -> None:
    release, values = Release(home), values_of("unusual")
    release.helm("install", "--server-side=true", values=values)
    try:
        rendered = [one for one in yaml.safe_load_all(release.manifest()) if one]
        found = json.loads(home.kubectl("get", "-f", "-", "-o", "json", input=yaml.safe_dump_all(rendered)))["items"]
    finally:
        release.helm("uninstall")
    there = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in found}
    assert len(there) == len(rendered) > 30
    gone = [
        f"{each['kind']} {each['metadata']['name']}{path}"
        for each in rendered
        for path in lost(each, there[each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]])
    ]
    if home.version < (1, 23):  # only there is the field on by default
        gone = [path for path in gone if ".ipFamilyPolicy" not in path]
    assert gone == []


# Plain manifests


@pytest.fixture
def plain(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Path]:
    """Give the plain manifests for this server, applied as their own head says."""
    project = yaml.safe_load((ROOT / "charts/airlock/Chart.yaml").read_text(encoding="utf-8"))
    source = Source(ROOT, "", 0, project["version"])
    known = [one for one in KUBERNETES if tuple(map(int, one.split("."))) <= control_plane.version]
    path = manifest(source, HELM, tmp_path, known[-1] if known else control_plane.kubernetes.removesuffix(".0"))
    apply(control_plane, path)
    yield path
    control_plane.kubectl("delete", "-f", str(path))


def apply(plane: ControlPlane, path: Path) -> None:
    """Run the command that *path* itself names."""
    (command,) = re.findall(r"then: kubectl (.*) FILE$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plane.kubectl(*command.split(), str(path))


def test_plain_manifests_lie_in_airlocks_namespace_and_the_controller_works_by_them(
    control_plane: ControlPlane, plain: Path, tmp_path: Path
) -> None:
    objects = [one for one in yaml.safe_load_all(plain.read_text(encoding="utf-8")) if one]
    there = json.loads(control_plane.kubectl("get", "-f", str(plain), "-o", "json"))["items"]
    assert {one["metadata"].get("namespace", NAMESPACE) for one in there} == {NAMESPACE}
    assert len(there) == len(objects)
    release = Release(control_plane, NAMESPACE)

    def accepted() -> Object:
        found: Object = release.get("configmap", "airlock-accepted", "-n", NAMESPACE).get("data") or {}
        return found

    with release.controlled(tmp_path, keep=True) as log:
        until(lambda: "policy.yaml" in accepted(), f"the accepted documents: {log.read_text()}")
    apply(control_plane, plain)  # as an upgrade: what the controller wrote stays
    assert release.bundled() == {True}
    assert "policy.yaml" in accepted()
