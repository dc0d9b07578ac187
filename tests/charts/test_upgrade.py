"""Upgrades with Helm 4, which applies on the server's side, and as Helm 3 does, on the client's; also from 0.1.0.

`earlier-0.1.0.tgz` is the chart before the controller lost its right to make ConfigMaps (commit 88768ae).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness.chart.release import HOME, KINDS, MANAGER, RELEASE, Release
from tests.harness.chart.rendering import CHART, HelmError, Object
from tests.harness.control_plane import ControlPlane
from tests.harness.gate import config_map
from tests.harness.places import ROOT
from tests.harness.waiting import until

EARLIER = ROOT / "tests/harness/chart/earlier-0.1.0.tgz"
OWN = ("-n", HOME)
HOW = pytest.mark.parametrize("how", ["--server-side=true", "--server-side=false"], ids=["helm-4", "helm-3"])


@pytest.fixture
def earlier(home: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Release]:
    """Give an installation of 0.1.0, with what its controller made."""
    release = Release(home)
    release.helm("install", request.getfixturevalue("how"), chart=EARLIER)
    ours = {"app.kubernetes.io/managed-by": "airlock-controller"}
    maps = [config_map(HOME, name, {"policy.yaml": "x"}) for name in ("airlock-accepted", "airlock-sightings")]
    # A namespace may be called 3.
    maps += [config_map(HOME, f"airlock-report-{name}", {"report.json": "{}"}) for name in ("airflow", "team-a", "3")]
    for each in maps:
        each["metadata"]["labels"] = ours | ({"airlock/report": ""} if "report" in each["metadata"]["name"] else {})
        home.kubectl("create", f"--field-manager={MANAGER}", "-f", "-", input=yaml.safe_dump(each))
    release.publish()
    yield release
    release.helm("uninstall")
    home.kubectl("delete", *OWN, "configmaps,secrets", "-l", "app.kubernetes.io/managed-by=airlock-controller")


def maps(release: Release) -> dict[str, Object]:
    items = release.get("configmaps", *OWN)["items"]
    return {item["metadata"]["name"]: item for item in items if item["metadata"]["name"].startswith("airlock-")}


@HOW
def test_an_upgrade_from_0_1_0_keeps_what_the_controller_wrote_and_takes_its_old_reports_away(
    earlier: Release, tmp_path: Path, how: str
) -> None:
    before, asked = maps(earlier), [hook["name"] for hook in earlier.hooks()]
    told = earlier.helm("upgrade", how)
    assert "Helm rendered this without a cluster" not in told
    after = maps(earlier)
    for name in ("airlock-accepted", "airlock-sightings", "airlock-report-3"):
        assert after[name]["data"] == before[name]["data"]
        assert after[name]["metadata"]["uid"] == before[name]["metadata"]["uid"]
    assert {f"airlock-report-{number}" for number in range(16)} <= after.keys()
    # What was asked about before is asked about still; an entry that is new ignores until the controller completes it.
    there = {hook["name"]: hook for hook in earlier.hooks()}
    assert all("caBundle" in there[name]["clientConfig"] for name in asked)
    assert all(hook["failurePolicy"] == "Ignore" for name, hook in there.items() if name not in asked)
    with earlier.controlled(tmp_path) as log:
        until(lambda: not {"airlock-report-airflow", "airlock-report-team-a"} & maps(earlier).keys(), log.read_text())
        until(lambda: maps(earlier)["airlock-accepted"]["data"]["policy.yaml"] != "x", "the accepted documents")
        refused = [line for line in log.read_text().splitlines() if "forbidden" in line and "configmaps" in line]
        assert refused == []
    earlier.helm("upgrade", how)
    role = str(earlier.get("role", f"{RELEASE}-controller", *OWN)["rules"])
    assert "team-a" not in role
    assert "delete" not in role


@HOW
def test_a_rollback_to_0_1_0_works_as_well(earlier: Release, how: str) -> None:
    earlier.helm("upgrade", how)
    earlier.helm("rollback", "1", how)
    left = maps(earlier)
    assert "airlock-report-0" not in left
    assert left["airlock-accepted"]["data"] == {"policy.yaml": "x"}
    assert earlier.bundled() == {True}
    earlier.helm("upgrade", how)


@HOW
def test_what_the_controller_wrote_and_the_owner_that_it_set_stay_at_every_upgrade(
    release: Release, tmp_path: Path, how: str
) -> None:
    def owners() -> list[object]:
        found = [release.get(kind, RELEASE)["metadata"].get("ownerReferences") for kind in KINDS]
        return [each and each[0]["kind"] for each in found]

    with release.controlled(tmp_path) as log:
        until(lambda: "data" in maps(release)["airlock-accepted"], log.read_text())
        until(lambda: owners() == ["Namespace"] * 2, log.read_text())
    data = maps(release)["airlock-accepted"]["data"]
    force = ("--force-conflicts",) if how.endswith("true") else ()
    changed: Object = {"serve": {"replicas": 3}, "webhooks": {"excludeNamespaces": ["elsewhere"]}}
    for more in ((), force):
        release.helm("upgrade", how, *more, values=changed)
        assert maps(release)["airlock-accepted"]["data"] == data
        assert owners() == ["Namespace"] * 2
        assert release.bundled() == {True}
        release.helm("rollback", "1", how)
        assert maps(release)["airlock-accepted"]["data"] == data


def test_a_config_map_that_somebody_deleted_comes_back_with_the_next_upgrade(release: Release) -> None:
    release.plane.kubectl("delete", "configmap", "airlock-accepted", "airlock-report-4", *OWN)
    release.helm("upgrade")
    assert {"airlock-accepted", "airlock-report-4"} <= maps(release).keys()


# What is refused


def test_a_second_release_is_refused_unless_the_values_allow_it(release: Release) -> None:
    second = ("install", "second", str(CHART), "--namespace", "platform", "--dry-run=server")
    with pytest.raises(HelmError, match=r"belongs to another release of airlock \(airlock, in namespace chart-home\)"):
        release.other(*second)
    assert "second-airlock" in release.other(*second, "--set", "allowSecondRelease=true")
    release.helm("upgrade")  # its own is none


def test_a_source_in_a_namespace_that_is_not_there_is_told_before_anything_is_applied(release: Release) -> None:
    sources = [{"namespace": "nowhere", "names": ["x"]}]
    with pytest.raises(HelmError, match="there is no namespace nowhere"):
        release.helm("upgrade", values={"requiredEnv": {"sources": sources}})


FAIL = {"failurePolicy": "Fail", "failNamespaces": ["airflow"], "failurePolicyForOthers": "Fail"}


@pytest.mark.parametrize(("part", "name"), [("policy", "airlock-policy"), ("requiredEnv", "airlock-required-env")])
def test_fail_without_a_document_is_refused_until_it_is_there(release: Release, part: str, name: str) -> None:
    release.publish()
    values: Object = {"webhooks": FAIL, part: {"create": False}}
    release.helm("upgrade", values={part: {"create": False}})  # the ConfigMap goes
    with pytest.raises(HelmError, match=f"{part}.create is false, but there is no ConfigMap {HOME}/{name}"):
        release.helm("upgrade", values=values)
    release.plane.kubectl("create", "configmap", name, *OWN)
    try:
        release.helm("upgrade", values=values)
    finally:
        release.plane.kubectl("delete", "configmap", name, *OWN)


def test_a_rollback_to_fail_after_a_removal_can_be_got_out_of(home: ControlPlane) -> None:
    release = Release(home)
    release.helm("install")
    release.publish()
    release.helm("upgrade", values={"webhooks": FAIL})
    release.helm("uninstall", "--keep-history")
    release.helm("rollback", "2")
    try:
        assert release.bundled() == {False}
        assert "Fail" in release.policies().values()
        release.helm("rollback", "1")  # the way out: docs/operations.md
        assert {*release.policies().values()} == {"Ignore"}
    finally:
        release.helm("uninstall")


# Beside other owners

AKS = [
    {"key": "control-plane", "operator": "NotIn", "values": ["true"]},
    {"key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"]},
]


def enforced(release: Release) -> None:
    """Add what AKS's enforcer adds to every selector, as it does."""
    for kind in KINDS:
        operations = [
            {"op": "add", "path": f"/webhooks/{index}/namespaceSelector/matchExpressions/-", "value": each}
            for index, hook in enumerate(release.get(kind, RELEASE)["webhooks"])
            if "guard" not in hook["name"]
            for each in AKS
        ]
        manager = "--field-manager=admissionsenforcer"
        release.plane.kubectl("patch", kind, RELEASE, "--type=json", "-p", json.dumps(operations), manager)


def test_an_upgrade_meets_no_conflict_with_aks_when_the_values_say_what_it_adds(release: Release) -> None:
    enforced(release)
    values: Object = {"serve": {"replicas": 3}}
    with pytest.raises(HelmError, match="conflict"):
        release.helm("upgrade", values=values)
    known = {"webhooks": {"extraNamespaceSelector": AKS}}
    release.helm("upgrade", values=values | known)
    release.helm("upgrade", values=known)
    release.helm("upgrade", "--server-side=false", values=values)  # as Helm 3 does: it meets none in any case


def test_an_edit_of_the_policy_in_an_emergency_gives_way_by_force_and_nothing_else_does(
    release: Release, tmp_path: Path
) -> None:
    with release.controlled(tmp_path) as log:
        until(lambda: "data" in maps(release)["airlock-accepted"], log.read_text())
    data, policy = maps(release)["airlock-accepted"]["data"], "apiVersion: airlock/v1\nkind: Policy\nmode: audit\n"
    patch = json.dumps({"data": {"policy.yaml": policy}})
    release.plane.kubectl("patch", "configmap", "airlock-policy", *OWN, "-p", patch, "--field-manager=kubectl-edit")
    values: Object = {"policy": {"document": {"mode": "enforce"}}}
    with pytest.raises(HelmError, match="conflict"):
        release.helm("upgrade", values=values)
    release.helm("upgrade", "--force-conflicts", values=values)
    assert "mode: enforce" in maps(release)["airlock-policy"]["data"]["policy.yaml"]
    assert maps(release)["airlock-accepted"]["data"] == data
    assert release.bundled() == {True}
    release.helm("upgrade", values=values)  # and no force is needed from then on


def test_an_autoscaler_keeps_the_replicas_that_it_set(release: Release) -> None:
    scaled: Object = {"serve": {"autoscaled": True}}
    release.helm("upgrade", values=scaled)
    release.plane.kubectl("scale", "deployment", RELEASE, "--replicas=5", *OWN)
    release.helm("upgrade", values=scaled | {"webhooks": {"excludeNamespaces": ["elsewhere"]}})
    assert release.get("deployment", RELEASE, *OWN)["spec"]["replicas"] == 5
