"""What somebody might try to get a moving tag past an enforcing policy: owners, labels, lists, references, JSON."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.reviews import EXECUTOR, deployment, review, scheduler, task
from tests.harness.server import Server, serving

MAIN = "apache/airflow:main"
POLICY = """
apiVersion: airlock/v1
kind: Policy
mode: enforce
workloads: enforce
exemptions:
  - {name: workers, reason: none, owner: nobody, expires: 2999-12-31, components: [worker], rules: [mutable-tag]}
"""
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}
SUPPORT = {"tier": "airflow", "component": "redis"}
GOOD = {"name": "scheduler", "image": "apache/airflow:2.10.5", "imagePullPolicy": "IfNotPresent"}
BAD = GOOD | {"image": MAIN}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "policy.yaml").write_text(POLICY)
    with serving(folder, "--policy", str(folder / "policy.yaml")) as server:
        yield server


def pod(*containers: dict[str, Any], owner: dict[str, Any] | None = OWNER, **spec: Any) -> dict[str, Any]:
    made = scheduler()
    made["spec"] = {"containers": list(containers or (BAD,)), **spec}
    made["metadata"]["ownerReferences"] = [owner] if owner else []
    return made


def with_metadata(made: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return made | {"metadata": made["metadata"] | fields}


def changed(new: dict[str, Any], old: dict[str, Any], **more: Any) -> bytes:
    return review(new, old=old, operation="UPDATE", user="alice", **more)


def spelt(old: str, new: str) -> bytes:
    """Return the review of a bad pod with *new* for *old* in its JSON."""
    text = review(pod()).decode()
    assert text.count(old) >= 1
    return text.replace(old, new, 1).encode()


def labelled(labels: dict[str, str], *containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return with_metadata(pod(*containers, **more), labels=labels)


def nested(key: str) -> str:
    return f'{{"{key}":' * 3_000 + "{}" + "}" * 3_000


FIRST = {**GOOD, "name": "first"}
SECOND = {**BAD, "name": "second"}
DENIED: dict[str, bytes] = {
    # Owners
    "two controllers": review(with_metadata(pod(), ownerReferences=[OWNER, OWNER | {"kind": "Deployment"}])),
    "an owner's kind in small letters": review(pod(owner=OWNER | {"kind": "replicaset"})),
    "an exempted component without an owner": review(labelled(SUPPORT | {"component": "worker"}, owner=None)),
    # Labels
    "redis in capitals": review(labelled(SUPPORT | {"component": "REDIS"})),
    "redis that runs Airflow from a registry with a port": review(
        labelled(SUPPORT, BAD | {"image": "r.example.com:5000/x/airflow:main"})
    ),
    "statsd with Airflow in an init container": review(
        labelled(SUPPORT | {"component": "statsd"}, GOOD | {"image": "statsd:v1.2.3"}, initContainers=[BAD])
    ),
    "a mirror pod that no node asks about": review(
        with_metadata(pod(), annotations={"kubernetes.io/config.mirror": "1"}), user="system:node:n"
    ),
    "labels twice, the first empty": spelt('"labels": {', '"labels": {}, "labels": {'),
    # Lists
    "two containers of one name": review(pod(GOOD, BAD)),
    "an ephemeral container from the start": review(pod(GOOD, ephemeralContainers=[BAD | {"name": "e"}])),
    "an image volume": review(
        pod(GOOD, volumes=[{"name": "v", "image": {"reference": MAIN, "pullPolicy": "IfNotPresent"}}])
    ),
    "the last of 3,999 containers": review(pod(*({"name": f"c{n}", "image": "a/b:1.2.3"} for n in range(3_998)), BAD)),
    "more findings than are named, all exempted": review(
        labelled(
            SUPPORT | {"component": "worker"},
            *(BAD | {"name": f"c{n}"} for n in range(400)),
            owner=OWNER | {"kind": "StatefulSet"},
        )
    ),
    # References
    "a blank behind the tag": review(pod(GOOD | {"image": "apache/airflow:2.10.5 "})),
    "a digit of another script": review(pod(GOOD | {"image": "apache/airflow:2.10.\uff15"})),
    "a digest in capitals": review(pod(GOOD | {"image": f"apache/airflow:main@SHA256:{'A' * 64}"})),
    "a digest that is too short": review(pod(GOOD | {"image": "apache/airflow:main@sha256:abc"})),
    "a pull policy in small letters": review(pod(BAD | {"imagePullPolicy": "always"})),
    "no pull policy": review(pod({key: value for key, value in BAD.items() if key != "imagePullPolicy"})),
    # Updates
    "images that change places within a list": changed(pod(GOOD, SECOND), pod(BAD, FIRST)),
    "images that change places between lists": changed(
        pod(BAD, initContainers=[FIRST]), pod(GOOD, initContainers=[FIRST | {"image": MAIN}])
    ),
    "a task's label in another spelling": changed(
        labelled({"kubernetes_executor": "TRUE"}), labelled({"kubernetes_executor": "no"})
    ),
    "a label of Helm's": changed(
        labelled({"helm.sh/chart": "airflow-25.1.0", "app.kubernetes.io/component": "scheduler"}), labelled({"a": "b"})
    ),
    "an update of nothing": review(pod(), operation="UPDATE", user="alice"),
    "an ephemeral container later": changed(
        pod(GOOD, ephemeralContainers=[BAD | {"name": "e"}]), pod(GOOD), subresource="ephemeralcontainers"
    ),
    # JSON
    "an escaped letter in the key of the labels": spelt('"labels"', '"\\u006cabels"'),
    "an escaped letter in the key of the spec": spelt('"spec"', '"\\u0073pec"'),
    "a text that looks like managedFields": review(with_metadata(pod(), annotations={"x": '"managedFields": [{'})),
    "such a text beside deep managedFields": review(with_metadata(pod(), annotations={"x": '"managedFields": ['}))
    .decode()
    .replace('"annotations"', f'"managedFields": [{nested("f:a")}], "annotations"', 1)
    .encode(),
    "a deep field before the containers": spelt('"containers"', f'"affinity": {nested("a")}, "containers"'),
    "a deep field before the template": review(deployment(pod())).replace(
        b'"template"', b'"x": ' + b"[" * 5_000 + b"]" * 5_000 + b', "template"', 1
    ),
    "an integer of 6,000 digits": spelt('"containers"', f'"priority": {"9" * 6_000}, "containers"'),
    "a number that is none": spelt('"containers"', '"priority": NaN, "containers"'),
    "another namespace than it is sent to": spelt('"namespace": "airflow"', '"namespace": "kube-system"'),
    "a scheduler's template that says it is a task": review(
        deployment(labelled({"tier": "airflow", "component": "scheduler", "kubernetes_executor": "True"}))
    ),
}
ADMITTED: dict[str, bytes] = {
    "a finalizer of a bad pod goes": changed(pod(), with_metadata(pod(), finalizers=["example.com/wait"])),
    "an executor adopts a bad pod": review(
        with_metadata(task(), labels=task()["metadata"]["labels"] | {"airflow-worker": "2"}),
        old=with_metadata(task(), labels=task()["metadata"]["labels"] | {"airflow-worker": "1"}),
        operation="UPDATE",
        user=EXECUTOR,
    ),
    "an image of a moving tag gives way": changed(pod(GOOD), pod()),
}


@pytest.mark.parametrize("body", DENIED.values(), ids=DENIED.keys())
def test_no_trick_gets_a_moving_tag_past_the_policy(server: Server, body: bytes) -> None:
    answer = server.review("/validate", body)
    assert answer["allowed"] is False
    assert answer["status"]["code"] == 422
    assert server.review("/mutate", body) == {"uid": answer["uid"], "allowed": True}
    assert server.review("/guard", body) == {"uid": answer["uid"], "allowed": True}


@pytest.mark.parametrize("body", ADMITTED.values(), ids=ADMITTED.keys())
def test_what_makes_nothing_worse_always_passes(server: Server, body: bytes) -> None:
    assert server.review("/validate", body)["allowed"] is True


def test_none_of_it_broke_anything(server: Server) -> None:
    # The last test of this module on purpose: everything above went to the same process.
    for path in ("/validate", "/mutate", "/guard"):
        for verdict in ("refused", "failed"):
            labels = f'dry_run="false",operation="other",path="{path}",verdict="{verdict}"'
            assert server.metric(f"airlock_admission_reviews_total{{{labels}}}") == 0
