"""The stock of shapes: whatever order changes come in, it says what a fresh list would say, and keeps little."""

import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.livepods import NOW, REPOSITORY, ago, digest, live, running, task
from webhook.audit.taking import HASH, owner_of
from webhook.controller.audit.auditor import KEPT
from webhook.controller.audit.shape import Keep
from webhook.controller.audit.stock import Stock
from webhook.documents.policy import read_policy
from webhook.judge.gate import Gate
from webhook.pods.fleet import Live, fleet
from webhook.pods.live import LivePod
from webhook.pods.nodes import Nodes
from webhook.pods.observed import Observed
from webhook.pods.references import Held
from webhook.pods.sighting import RELEASES

GATE = Gate()
KEEP = Keep(GATE.labels | dict.fromkeys((*RELEASES, HASH)), frozenset({"DEPLOY_ENV"}))


def stock(most: int = 100) -> tuple[Stock, list[LivePod]]:
    left: list[LivePod] = []
    return Stock(KEEP, lambda pod, _: left.append(pod), most), left


def alike(made: Stock) -> Counter[tuple[Any, ...]]:
    """Return how many pods there are of each shape, by all that is judged."""
    found: Counter[tuple[Any, ...]] = Counter()
    for batch in made.batches():
        for pod in batch:
            spec, runs = str(pod.workload.spec), {place: run.image_id for place, run in pod.images.items()}
            role = GATE.recognise(pod)
            found[pod.namespace, str(role), str(pod.workload.metadata.controller), spec, str(runs)] += pod.alike
    return found


VARIANTS = [
    running("scheduler", name="a"),
    running("scheduler", image_id=f"{REPOSITORY}@{digest('2')}", name="a"),
    running("scheduler", "apache/airflow:latest", name="a"),
    running("webserver", name="a", node="node-b"),
    task(name="a"),
    task(name="a", dag="other"),
    running("scheduler", name="a", namespace="else"),
]
PODS = st.tuples(st.integers(0, 12), st.integers(-1, len(VARIANTS) - 1))  # which pod, and what it is now; -1: gone


def variant(pod: int, which: int) -> LivePod:
    body = copy.deepcopy(VARIANTS[which])
    body["metadata"] |= {"uid": f"uid-{pod}", "name": f"pod-{pod}"}
    return live(body)


@given(st.lists(PODS, max_size=60))
def test_any_order_of_changes_leads_to_what_a_fresh_list_says(changes: list[tuple[int, int]]) -> None:
    made, left = stock()
    now: dict[int, int] = {}
    for pod, which in changes:
        if which < 0:
            made.drop(f"uid-{pod}")
            now.pop(pod, None)
        else:
            made.put(variant(pod, which), "containerd linux/amd64")
            now[pod] = which
    fresh, _ = stock()
    for pod, which in now.items():
        fresh.put(variant(pod, which), "containerd linux/amd64")
    assert alike(made) == alike(fresh)
    assert len(made) == len(now)
    assert all(pod.alike == 1 for pod in left)


@given(st.lists(st.integers(0, len(VARIANTS) - 1), max_size=40), st.integers(1, 5))
def test_pods_without_room_are_counted_and_counted_off(whiches: list[int], most: int) -> None:
    made, _ = stock(most)
    for pod, which in enumerate(whiches):
        made.put(variant(pod, which), "")
    assert made.unremembered + sum(alike(made).values()) == len(whiches)
    for pod in range(len(whiches)):
        made.drop(f"uid-{pod}")
    assert (len(made), made.unremembered, alike(made)) == (0, 0, Counter())


def test_ten_thousand_pods_of_one_owner_are_one_shape() -> None:
    made, _ = stock()
    for number in range(10_000):
        body = running("worker", name=f"w-{number}", node=f"node-{number}")
        body["metadata"]["labels"]["run"] = f"w-{number}"
        made.put(live(body), "containerd linux/amd64")
    ((pod,),) = made.batches()
    assert pod.alike == 10_000
    assert len([place for place in made.places() if place.alike == 0]) == 7  # of the nodes, some are named


def test_texts_as_long_as_somebody_likes_take_no_more_than_their_share() -> None:
    made, _ = stock(10_000)
    for number in range(40):
        body = task(name=f"w-{number}", dag=f"{number:03}" + "x" * 1_000_000)
        made.put(live(body), "")
    assert sum(alike(made).values()) < 16
    assert made.unremembered + sum(alike(made).values()) == 40
    for number in range(40):
        made.drop(live(task(name=f"w-{number}")).uid)
    made.put(live(running()), "")
    assert made.unremembered == 0
    assert sum(alike(made).values()) == 1


def test_values_of_variables_that_no_manifest_names_are_not_kept() -> None:
    body = running()
    body["spec"]["containers"][0]["env"] = [
        {"name": "SQL_ALCHEMY_CONN", "value": "postgres://secret"},
        {"name": "DEPLOY_ENV", "value": "prod"},
    ]
    made, _ = stock()
    made.put(live(body), "")
    ((pod,),) = made.batches()
    assert "secret" not in str(pod)
    kept = [(one.name, one.value) for container in pod.workload.spec.containers or () for one in container.env or ()]
    assert kept == [("DEPLOY_ENV", "prod")]


def test_what_a_rule_sees_of_a_shape_is_what_it_sees_of_its_pod() -> None:
    body = running("scheduler", "apache/airflow:latest")
    body["spec"]["volumes"] = [{"name": "x"}, {"name": "y", "image": {"reference": "models:main"}}]
    body["spec"]["initContainers"] = [{"name": "wait", "image": "busybox:latest", "imagePullPolicy": "Never"}]
    pod = live(body)
    made, _ = stock()
    made.put(pod, "")
    ((kept,),) = made.batches()
    assert list(kept.workload.images) == list(pod.workload.images)
    assert owner_of(kept, None) == owner_of(pod, None)
    assert dict(kept.images) == dict(pod.images)


def test_what_env_reference_sees_of_a_shape_is_what_it_sees_of_its_pod() -> None:
    key = {"name": "ENDPOINT", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "endpoint"}}}
    file = {"name": "TOKEN", "valueFrom": {"fileKeyRef": {"volumeName": "data", "path": "env", "key": "TOKEN"}}}
    body = running("scheduler", phase="Pending", started=ago(minutes=1))
    body["spec"]["containers"][0] |= {"env": [key, file, {"name": "OTHER", "value": "hush"}]}
    body["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "gone"}}]
    body["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    body["status"] = {"phase": "Pending"}
    seeing = Gate(observed=Observed(holdings=Held(whole=frozenset({("ConfigMap", "airflow"), ("Secret", "airflow")}))))
    pod = live(body)
    made = Stock(Keep(seeing.labels, frozenset(), references=True), lambda *_: None)
    made.put(pod, "")
    ((kept,),) = made.batches()
    told = [seeing.audit(Live(one, fleet(()), Nodes(), NOW)).verdict.violations for one in (pod, kept)]
    assert told[0] == told[1]
    assert [one.cause.variable for one in told[0]] == ["ENDPOINT", "TOKEN", ""]
    assert "hush" not in str(kept)


def test_marks_are_kept_so_that_the_audit_can_say_what_airlock_did() -> None:
    body = running()
    body["metadata"]["annotations"] = {"airlock/injected": "DEPLOY_ENV", "other": "thing"}
    made = Stock(Keep(GATE.labels | dict.fromkeys(KEPT), frozenset()), lambda *_: None)
    made.put(live(body), "")
    ((pod,),) = made.batches()
    assert pod.workload.metadata.annotations == {"airlock/injected": "DEPLOY_ENV"}


def test_the_oldest_start_counts_as_long_as_one_of_the_shape_runs() -> None:
    made, left = stock()
    old, new = running(name="old", started=ago(hours=9)), running(name="new", started=ago(hours=1))
    made.put(live(old), "")
    made.put(live(new), "")
    made.drop(live(old).uid)
    ((pod,),) = made.batches()
    assert pod.images["containers", "scheduler"].since == live(old).images["containers", "scheduler"].since
    assert not left
    made.drop(live(new).uid)
    assert [pod.node for pod in left] == ["node-a"]


def test_what_belongs_to_one_owner_is_in_one_batch() -> None:
    made, _ = stock()
    for number in range(12):
        body = running("worker", f"apache/airflow:2.10.{number}", name=f"w-{number}", namespace=f"ns-{number % 3}")
        body["metadata"]["labels"]["pod-template-hash"] = f"{number}"
        body["metadata"]["ownerReferences"][0]["name"] = f"airflow-worker-{number}"
        made.put(live(body), "")
    batches = [{pod.namespace for pod in batch} for batch in made.batches(size=2)]
    assert batches == [{"ns-0"}, {"ns-1"}, {"ns-2"}]


def test_nodes_that_are_gone_are_not_named_unless_no_other_is_known() -> None:
    made, _ = stock()
    for node in ("node-a", "node-b"):
        made.put(live(running(name=node, node=node)), "containerd linux/amd64")
    made.forget_nodes({"node-b"})
    assert made.groups() == {"node-b": "containerd linux/amd64"}
    made.forget_nodes({"node-c"})
    assert made.groups() == {"node-b": "containerd linux/amd64"}


@pytest.mark.parametrize("labels", [{"config_id": "x", "run": "airflow-scheduler"}, {"app": "mine", "role": "worker"}])
def test_labels_that_make_a_pod_airflows_are_kept(labels: dict[str, str]) -> None:
    row = "{component: worker, labels: {app: mine, role: worker}, container: main}"
    managed = "{names: [airflow], managed: composer}"
    text = f"{{apiVersion: airlock/v1, kind: Policy, components: [{row}], namespaces: [{managed}]}}"
    gate = Gate(read_policy(text))
    body = running()
    body["metadata"]["labels"] = labels | {"other": "thing"}
    made = Stock(Keep(gate.labels, frozenset()), lambda *_: None)
    made.put(live(body), "")
    ((pod,),) = made.batches()
    assert gate.recognise(pod) == gate.recognise(live(body)) is not None
    assert "other" not in pod.labels
