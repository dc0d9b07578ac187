"""Without a policy on the command line the installed one is taken, and else it is said which one and why."""

import json
from typing import Any

import pytest

from tests.harness.scanning import dumped
from webhook.documents.accepted import KEYS
from webhook.documents.policy import DEFAULT
from webhook.documents.release import NONE
from webhook.documents.required_env import EMPTY, read_manifest
from webhook.grammar.model import revision
from webhook.pods.observed import NOTHING, Origin, write_origins
from webhook.rules.finding import Mode
from webhook.scan.dump import Dump
from webhook.scan.installed import POLICY, RELEASE, REQUIRED_ENV, installed, read_seen, read_sources
from webhook.scan.pages import ListError
from webhook.scan.supply import Collection
from webhook.variables.known import Absence

ENFORCING = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"


def config_map(name: str, data: dict[str, str] | None, namespace: str = "airlock") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


class Cluster(Dump):
    """A cluster in which everything may be read: what it does not have is known not to be there."""

    def item(self, collection: Collection, namespace: str | None, name: str) -> Any:
        try:
            return super().item(collection, namespace, name)
        except ListError:
            return None


class Silent(Dump):
    """A cluster that does not answer any more."""

    def item(self, collection: Collection, namespace: str | None, name: str) -> Any:
        raise ListError(f"no answer about {namespace}/{name} of {collection.plural}")


def cluster(*objects: dict[str, Any]) -> Cluster:
    made = Cluster()
    for one in objects:
        made.take("x", json.dumps(one).encode())
    return made


def test_the_installed_policy_is_taken_and_told_with_its_revision() -> None:
    given = installed(
        cluster(config_map("airlock-policy", {"policy.yaml": ENFORCING})), POLICY, "airlock", expected=True
    )
    assert (given.value.mode, given.warning) == (Mode.ENFORCE, "")
    assert given.words == f"ConfigMap airlock/airlock-policy, revision {revision(ENFORCING)}"


def test_a_missing_release_needs_no_warning_and_a_bad_one_does() -> None:
    given = installed(cluster(), RELEASE, "airlock", expected=True)
    assert (given.value, given.warning) == (NONE, "")
    bad = installed(cluster(config_map("airlock-release", {"release.yaml": "[]"})), RELEASE, "airlock", expected=True)
    assert bad.value is NONE
    assert bad.warning.startswith("images are not compared with a release: ConfigMap airlock/airlock-release is bad")


def test_what_registries_said_is_read_where_the_controller_wrote_it_down() -> None:
    origins = {"docker.io/x/y:1": Origin("sha256:1", ("4f2c9d1",))}
    there = cluster(config_map("airlock-pins", {"revisions.json": write_origins(origins)}))
    assert read_seen(there, "airlock").origins == origins
    assert read_seen(there, "gate") == read_seen(Silent(), "airlock") == NOTHING


def test_it_is_looked_for_where_the_registration_says() -> None:
    there = cluster(config_map("airlock-policy", {"policy.yaml": ENFORCING}, "gate"))
    assert installed(there, POLICY, "gate", expected=True).value.mode is Mode.ENFORCE
    assert installed(there, POLICY, "airlock", expected=True).value is DEFAULT


@pytest.mark.parametrize("expected", [True, False, None])
def test_without_an_installation_the_built_in_policy_needs_no_warning(*, expected: bool | None) -> None:
    given = installed(cluster(), POLICY, "airlock", expected=expected)
    assert given.value is DEFAULT
    assert given.words == "the built-in policy (there is no ConfigMap airlock/airlock-policy)"
    assert bool(given.warning) == bool(expected)


@pytest.mark.parametrize("data", [None, {}, {"policy.yml": ENFORCING}])
def test_a_config_map_without_the_key_is_warned_of(data: dict[str, str] | None) -> None:
    given = installed(cluster(config_map("airlock-policy", data)), POLICY, "airlock", expected=True)
    assert given.warning == "judged by the built-in policy: ConfigMap airlock/airlock-policy has no key policy.yaml"


def test_a_bad_policy_is_warned_of_with_its_first_problem() -> None:
    bad = config_map("airlock-policy", {"policy.yaml": "{apiVersion: airlock/v1, kind: Policy, mode: loud}"})
    given = installed(cluster(bad), POLICY, "airlock", expected=True)
    assert given.value is DEFAULT
    assert given.warning.startswith(
        "judged by the built-in policy: ConfigMap airlock/airlock-policy is bad, line 1: mode"
    )


def test_what_was_last_good_stands_in_for_a_bad_policy_as_it_does_for_replicas() -> None:
    bad = config_map("airlock-policy", {"policy.yaml": "mode: loud"})
    good = config_map("airlock-accepted", {KEYS["policy"]: ENFORCING})
    given = installed(cluster(bad, good), POLICY, "airlock", expected=True)
    assert given.value.mode is Mode.ENFORCE
    assert given.words == f"ConfigMap airlock/airlock-accepted, revision {revision(ENFORCING)}"
    assert given.warning.endswith("replicas use the last good one")


def test_a_policy_that_may_not_be_read_is_warned_of() -> None:
    given = installed(dumped(), POLICY, "airlock", expected=None)
    assert given.words == "the built-in policy (ConfigMap airlock/airlock-policy was not read)"
    assert "was not read: it is not in the dump" in given.warning


def test_a_cluster_that_does_not_answer_is_no_cluster_without_a_policy() -> None:
    with pytest.raises(ListError):
        installed(Silent(), POLICY, "airlock", expected=None)


def test_without_a_manifest_nothing_is_required() -> None:
    given = installed(cluster(), REQUIRED_ENV, "airlock", expected=False)
    assert (given.value, given.words) == (EMPTY, "none (there is no ConfigMap airlock/airlock-required-env)")


def variable(name: str, config_map: str) -> str:
    source = f"{{configMap: {{namespace: pipelines, name: {config_map}, key: URL}}}}"
    return f"{{name: {name}, namespaces: [airflow], reason: r, from: {source}}}"


def test_sources_are_read_missing_ones_known_and_unseen_ones_left_out() -> None:
    plain = "{name: DEPLOY_ENV, value: prod}"
    env = f"[{variable('A', 'here')}, {variable('B', 'gone')}, {plain}]"
    manifest = read_manifest(f"{{apiVersion: airlock/v1, kind: RequiredEnv, env: {env}}}")
    here = config_map("here", {"URL": "https://callbacks.example.com"}, "pipelines")
    found = read_sources(cluster(here), manifest)
    assert found.config_maps == {
        ("pipelines", "here"): {"URL": "https://callbacks.example.com"},
        ("pipelines", "gone"): Absence.MISSING,
    }
    assert ([one.name for one in found.required.env], found.remarks) == (["A", "B", "DEPLOY_ENV"], ())
    unseen = read_sources(dumped(here), manifest)
    assert [one.name for one in unseen.required.env] == ["A", "DEPLOY_ENV"]
    (remark,) = unseen.remarks
    assert remark.usable
    assert remark.text == "B is not looked at: ConfigMap pipelines/gone was not read: it is not in the dump"
