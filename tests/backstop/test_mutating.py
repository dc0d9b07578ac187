"""The exported mutation puts literal variables where /mutate would, as far as CEL can say where that is."""

from datetime import date
from typing import Any

import jsonpatch
import pytest

from tests.harness import cel
from tests.harness.reviews import EXECUTOR, REPLICASET, review, scheduler, task
from webhook.admission.review import decode
from webhook.backstop.mutating import mutating
from webhook.backstop.objects import Choice
from webhook.documents.policy import DEFAULT, read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.gate import Gate

CHOICE = Choice(date(2026, 11, 26))
MANIFEST = read_manifest("""
apiVersion: airlock/v1
kind: RequiredEnv
env:
  - {name: DEPLOY_ENV, value: prod}
  - {name: URL, value: "https://$(DEPLOY_ENV).example.com", components: [scheduler, triggerer]}
  - {name: ELSEWHERE, value: x, namespaces: ["other-*"]}
  - {name: TEAM, value: data, components: [task], containers: all}
  - {name: TOKEN, valueFrom: {secretKeyRef: {name: a, key: b}}}
""")


def by_server(pod: dict[str, Any], user: str, policy: str = "mode: warn", namespace: str = "airflow") -> dict[str, Any]:
    """Return *pod* after the exported policy."""
    judged = read_policy(f"apiVersion: airlock/v1\nkind: Policy\n{policy}")
    exported, _ = mutating(judged, MANIFEST, CHOICE).objects
    for nth in range(len(exported["spec"]["mutations"])):  # the API server shows each what the one before has done
        request = {"operation": "CREATE", "namespace": namespace, "userInfo": {"username": user}}
        patches = cel.operations(exported, {"request": request, "object": pod, "oldObject": None})
        pod = jsonpatch.apply_patch(pod, patches[nth]) if patches else pod
    return pod


def by_engine(pod: dict[str, Any], user: str) -> dict[str, Any]:
    literal = MANIFEST.model_copy(update={"env": tuple(one for one in MANIFEST.env if one.value is not None)})
    _, operations = Gate(DEFAULT, literal).mutate(decode(review(pod, user=user)), CHOICE.today)
    changed: dict[str, Any] = jsonpatch.apply_patch(pod, operations)
    return changed


@pytest.mark.parametrize(
    "env",
    [
        None,
        [],
        [{"name": "OWN", "value": "1"}],
        [{"name": "URL", "value": "mine"}],
        [{"name": "OWN", "value": "1"}, {"name": "URL", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    ],
)
def test_a_scheduler_gets_what_the_engine_gives_it(env: list[dict[str, Any]] | None) -> None:
    pod = scheduler()
    if env is not None:
        pod["spec"]["containers"][0]["env"] = env
    pod["spec"]["containers"].append({"name": "scheduler-log-groomer", "image": "a:1"})
    assert by_server(pod, REPLICASET)["spec"] == by_engine(pod, REPLICASET)["spec"]


def test_labels_of_a_pod_that_no_controller_made_are_anybodys() -> None:
    pod = by_server(scheduler(), EXECUTOR)
    assert pod["spec"] == by_engine(scheduler(), EXECUTOR)["spec"]
    assert [one["name"] for one in pod["spec"]["containers"][0]["env"]] == ["TEAM"]


def test_a_variable_stands_before_one_that_its_value_refers_to_which_the_page_says() -> None:
    pod = scheduler()
    pod["spec"]["containers"][0]["env"] = [{"name": "DEPLOY_ENV", "value": "mine"}]
    assert [one["name"] for one in by_server(pod, REPLICASET)["spec"]["containers"][0]["env"]] == ["URL", "DEPLOY_ENV"]


def test_a_task_gets_its_own_in_all_containers() -> None:
    pod = task()
    pod["spec"]["containers"].append({"name": "sidecar", "image": "a:1"})
    assert by_server(pod, EXECUTOR)["spec"] == by_engine(pod, EXECUTOR)["spec"]


@pytest.mark.parametrize(
    ("pod", "user", "policy"),
    [
        (scheduler(), REPLICASET, "mode: audit"),
        (scheduler(), REPLICASET, 'mode: "off"'),
        (
            scheduler(),
            REPLICASET,
            "exemptions: [{name: a, reason: r, owner: o, expires: 2026-11-26, components: [scheduler]}]",
        ),
    ],
)
def test_a_pod_that_the_engine_leaves_alone_is_left_alone(pod: dict[str, Any], user: str, policy: str) -> None:
    assert by_server(pod, user, policy) == pod


def test_what_is_no_literal_is_told() -> None:
    found = mutating(DEFAULT, MANIFEST, CHOICE)
    assert "TOKEN" in found.left_out[0]
    assert (
        mutating(DEFAULT, read_manifest("{apiVersion: airlock/v1, kind: RequiredEnv, env: []}"), CHOICE).objects == ()
    )
