"""airlock on a real API server: denied, completed, reported."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.control_plane import ControlPlane
from tests.harness.gate import HOME, LABEL, MANIFEST, POLICY, REPLICASET, SOURCE, Gate, bad_pod, config_map, standing
from tests.harness.gate import scheduler_deployment as deployment
from tests.harness.places import CORPUS
from tests.harness.waiting import until

EXECUTOR = "system:serviceaccount:airflow:airflow-scheduler"
BOTH = {
    "basic-template-noimage",  # an image without a tag, and the template says IfNotPresent
    "podoverride-image-latest",
    "kpo-full-pod-spec",
    "kpo-latest-ifnotpresent",
    "kpo-never-dev",
    "kpo-template-file",
}
REFUSED = {
    "provider-af2.11.2-cncf8.4.2": BOTH | {"1.15.0-k8s-image-latest", "1.15.0-k8s-image-latest-always"},
    "provider-af3.3.2-cncf10.25.0": BOTH
    | {
        "1.22.0-k8s-extra-containers",  # the user's sidecar is on a floating version
        "1.22.0-k8s-image-branch-tag",
        "1.22.0-k8s-image-latest",
        "1.22.0-k8s-image-latest-always",  # images.airflow.pullPolicy does not reach it
        "1.22.0-k8s-plugins-volume",
        "1.22.0-k8s-pullpolicy-never",
    },
}
DIGEST = "apache/airflow@sha256:" + "ab" * 32


@pytest.fixture(scope="module")
def gate(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with standing(control_plane, tmp_path_factory.mktemp("gate")) as gate:
        yield gate


@pytest.fixture
def namespace(gate: Gate) -> str:
    return gate.plane.namespace(labels={LABEL: ""})


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.load_all(path.read_text(), yaml.CSafeLoader) if document]


def pod_of(gate: Gate, namespace: str, name: str = "scheduler") -> dict[str, Any]:
    """Return the only pod in *namespace* as soon as a controller has made it."""
    selector = ("pods", "-n", namespace, "-l", f"component={name}")
    pods: list[dict[str, Any]] = until(lambda: gate.get(*selector)["items"], "a pod")
    return pods[0]


def test_a_bad_schedulers_replica_set_carries_the_answer_and_one_event_with_a_rising_count(
    gate: Gate, namespace: str
) -> None:
    gate.apply(deployment(namespace, "apache/airflow:latest"))

    def told() -> list[dict[str, Any]]:
        return [event for event in gate.events(namespace) if event.get("series", {}).get("count", 1) >= 8]

    (event,) = until(told, "eight denials in one Event")
    denied = [other["metadata"]["uid"] for other in gate.events(namespace) if other["reason"] == "Denied"]
    assert denied == [event["metadata"]["uid"]]  # its count goes on rising
    (replica_set,) = gate.get("replicasets", "-n", namespace)["items"]
    assert event["regarding"]["uid"] == replica_set["metadata"]["uid"]
    assert "tag 'latest' is mutable" in event["note"]
    assert "fix: set images.airflow.tag" in event["note"]

    name = replica_set["metadata"]["name"]
    described = gate.plane.kubectl("describe", "replicaset", name, "-n", namespace)
    assert "FailedCreate" in described
    assert "denied the request: scheduler Pod '" in described
    assert "Denied" in described
    status = {condition["type"]: condition for condition in replica_set["status"]["conditions"]}
    assert "tag 'latest' is mutable" in status["ReplicaFailure"]["message"]


def test_a_deployments_findings_are_warnings_while_its_pods_are_enforced(gate: Gate, namespace: str) -> None:
    manifest = yaml.safe_dump(deployment(namespace, "apache/airflow:latest"))
    applied = gate.plane.run_kubectl("apply", "-f", "-", input=manifest)
    assert applied.returncode == 0
    whose = f"scheduler Deployment '{namespace}/airflow-scheduler'"
    assert f"Warning: airlock: {whose}: its Pods will be denied: mutable-tag: 'apache/airflow:latest'" in applied.stderr


def test_the_official_charts_scheduler_gets_its_variables_and_is_otherwise_unchanged(gate: Gate) -> None:
    (workload,) = [
        document
        for document in documents(CORPUS / "official-1.22.0" / "kubernetes-executor.workloads.yaml")
        if document["metadata"]["name"] == "airflow-scheduler"
    ]
    pods = []
    for labels in ({LABEL: ""}, {}):
        namespace = gate.plane.namespace(labels=labels)
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "airflow-scheduler"}}
        objects: list[dict[str, Any]] = [account, deepcopy(workload)]
        for object_ in objects:
            object_["metadata"]["namespace"] = namespace
            gate.apply(object_)
        pods.append(pod_of(gate, namespace))
    completed, plain = pods
    (index,) = [n for n, one in enumerate(plain["spec"]["containers"]) if one["name"] == "scheduler"]
    injected = completed["spec"]["containers"][index]["env"][:4]
    assert injected == [
        {"name": "MESSAGE_CALLBACK_ENDPOINT", "value": "https://callbacks.example.com/$$(HOME)"},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
        {"name": "CPU_LIMIT", "valueFrom": {"resourceFieldRef": {"divisor": "0", "resource": "limits.cpu"}}},
        {"name": "MEMORY_LIMIT", "valueFrom": {"resourceFieldRef": {"divisor": "1Mi", "resource": "limits.memory"}}},
    ]
    del completed["spec"]["containers"][index]["env"][:4]
    assert comparable(completed) == comparable(plain)


def comparable(pod: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of *pod* without what differs between any two pods: the volume of its token."""
    text = json.dumps(pod["spec"], sort_keys=True)
    for volume in pod["spec"]["volumes"]:
        if "-token-" in volume["name"] or volume["name"].startswith("kube-api-access-"):  # the latter from 1.21 on
            text = text.replace(volume["name"], "token")
    spec: dict[str, Any] = json.loads(text)
    return spec


@pytest.mark.parametrize("folder", ["provider-af2.11.2-cncf8.4.2", "provider-af3.3.2-cncf10.25.0"])
def test_executor_and_operator_pods_are_answered_by_their_images(gate: Gate, namespace: str, folder: str) -> None:
    refused = set()
    for path in sorted((CORPUS / folder).glob("*.yaml")):
        (pod,) = documents(path)
        if pod["kind"] != "Pod":
            continue
        pod["metadata"].pop("namespace", None)
        for field in ("serviceAccountName", "serviceAccount"):
            pod["spec"].pop(field, None)
        status, answer = gate.create(pod, EXECUTOR, namespace, dry_run=True)
        assert status in (201, 422), answer
        if status == 422 and "executor-example" in path.stem:  # the provider's examples hold placeholders
            assert "secretKeyRef.name: Invalid value" in answer["message"]
        elif status == 422:
            refused.add(path.stem)
            assert "denied the request" in answer["message"]
            assert answer["reason"] == "Invalid"
            first = answer["message"].splitlines()[0]
            assert re.search(r"denied the request: task( '\S+')?( of DAG '\S+',)? Pod '", first)
            assert "mutable-tag: '" in first
    assert {name.removeprefix("executor-").removeprefix("official-") for name in refused} == REFUSED[folder]


def test_a_dry_run_gets_the_same_answer_and_makes_no_event(gate: Gate, namespace: str) -> None:
    pod = bad_pod()
    pod["metadata"] = {"name": "same", "labels": pod["metadata"]["labels"]}
    status, answer = gate.create(pod, REPLICASET, namespace)
    dry_status, dry_answer = gate.create(pod, REPLICASET, namespace, dry_run=True)
    assert (status, answer["message"]) == (dry_status, dry_answer["message"])
    until(lambda: gate.events(namespace), "the Event of the request that was no dry run")
    other = gate.plane.namespace(labels={LABEL: ""})
    for _ in range(3):
        assert gate.create(bad_pod(), REPLICASET, other, dry_run=True)[0] == 422
    gate.create(bad_pod(), REPLICASET, namespace)  # its Event is written after whatever came before
    until(lambda: gate.events(namespace)[0].get("series"), "the count to rise")
    assert gate.events(other) == []


def test_an_image_patched_from_a_digest_to_latest_is_refused(gate: Gate, namespace: str) -> None:
    gate.apply(deployment(namespace, DIGEST))
    name = pod_of(gate, namespace)["metadata"]["name"]
    patch = json.dumps({"spec": {"containers": [{"name": "scheduler", "image": "apache/airflow:latest"}]}})
    patched = gate.plane.run_kubectl("patch", "pod", name, "-n", namespace, "-p", patch)
    assert patched.returncode != 0
    assert "mutable-tag: 'apache/airflow:latest' with imagePullPolicy IfNotPresent" in patched.stderr


def test_labels_and_finalizers_of_a_pod_that_violates_still_change(gate: Gate) -> None:
    namespace = gate.plane.namespace()  # not yet behind the gate
    gate.apply(deployment(namespace, "apache/airflow:latest"))
    name = pod_of(gate, namespace)["metadata"]["name"]
    gate.plane.kubectl("label", "namespace", namespace, f"{LABEL}=")
    until(lambda: gate.create(bad_pod(), REPLICASET, namespace, dry_run=True)[0] == 422, "the gate to stand")
    gate.plane.kubectl("label", "pod", name, "-n", namespace, "airflow-worker=43")
    for finalizers in (["example.com/hold"], []):
        patch = json.dumps({"metadata": {"finalizers": finalizers}})
        gate.plane.kubectl("patch", "pod", name, "-n", namespace, "--type=merge", "-p", patch)
    labels = gate.get("pod", name, "-n", namespace)["metadata"]["labels"]
    assert labels["airflow-worker"] == "43"


def test_forged_labels_get_no_variable(gate: Gate, namespace: str) -> None:
    pod = bad_pod()
    pod["spec"]["containers"][0]["image"] = "apache/airflow:2.10.5"
    untrusted = 'airlock_untrusted_components_total{component="scheduler"}'
    before = gate.server.metric(untrusted)
    status, made = gate.create(pod, "system:serviceaccount:airflow:airflow-worker", namespace)
    assert status == 201
    assert "env" not in made["spec"]["containers"][0]
    assert gate.server.metric(untrusted) > before


def test_injected_references_survive_a_second_pass(gate: Gate, namespace: str) -> None:
    gate.apply(deployment(namespace, "apache/airflow:2.10.5"))
    made = pod_of(gate, namespace)
    again = {key: made["metadata"][key] for key in ("labels", "ownerReferences")} | {"name": "again"}
    # The copy is asked for under the manifest that denies whatever differs from it.
    status, answer = gate.create({**made, "metadata": again}, REPLICASET, namespace, dry_run=True)
    assert status == 201, answer
    assert answer["spec"]["containers"][0]["env"] == made["spec"]["containers"][0]["env"]


def test_the_api_server_takes_every_patch_for_every_pod_of_the_corpus(gate: Gate, namespace: str) -> None:
    names = ["scheduler", "dag-processor", "triggerer", "worker", "api-server", "webserver", "job", "support", "task"]
    everywhere = "{name: %s, components: [%s], containers: all, value: '%s'}"
    env = [everywhere % (f"AIRLOCK_{n}", ", ".join(names), "$(AIRFLOW_HOME)/$(AIRLOCK_0)" * n) for n in range(3)]
    manifest = f"{{apiVersion: airlock/v1, kind: RequiredEnv, env: [{', '.join(env)}]}}"
    plain = gate.plane.namespace()
    with edited(gate, "airlock-required-env", {"required-env.yaml": manifest}):
        for path in sorted([*CORPUS.glob("official*/k*.yaml"), *CORPUS.glob("community*/k*.yaml")]):
            if path.name.count(".") > 3 or "workloads" in path.name or "values" in path.name or "template" in path.name:
                continue
            for pod in documents(path):
                status, answer = created_like(gate, pod, namespace)
                if status != 201 and "denied the request" not in answer["message"]:
                    # A pod of a StatefulSet without its volumes, for one: then the gate has changed nothing about it.
                    assert (status, answer["message"]) == plainly(gate, pod, plain), path
                if status == 201 and gate_concerns(pod):
                    containers = answer["spec"]["containers"]
                    assert all({"AIRLOCK_0", "AIRLOCK_2"} <= {e["name"] for e in c["env"]} for c in containers), path


def created_like(gate: Gate, pod: dict[str, Any], namespace: str) -> tuple[int, dict[str, Any]]:
    """Ask for *pod* of the corpus as its controller would."""
    pod["metadata"].pop("namespace", None)
    pod["spec"].pop("serviceAccountName", None)
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "x", "uid": "1", "controller": True}
    if "job-name" in pod["metadata"]["labels"] or pod["spec"].get("restartPolicy") != "Always":
        owner |= {"apiVersion": "batch/v1", "kind": "Job"}
    pod["metadata"]["ownerReferences"] = [owner]
    return gate.create(pod, REPLICASET, namespace, dry_run=True)


def plainly(gate: Gate, pod: dict[str, Any], namespace: str) -> tuple[int, str]:
    """Return how the API server answers where no gate stands."""
    status, answer = gate.create(pod, REPLICASET, namespace, dry_run=True)
    return status, answer["message"]


def gate_concerns(pod: dict[str, Any]) -> bool:
    labels: dict[str, str] = pod["metadata"]["labels"]
    return labels.get("tier") == "airflow" or labels.get("app") == "airflow"


class edited:  # noqa: N801 - reads as a word: with edited(...)
    """The document in force while the block runs is another one."""

    def __init__(self, gate: Gate, name: str, data: dict[str, str]) -> None:
        self._gate, self._name, self._data = gate, name, data
        self._before = {
            "airlock-policy": {"policy.yaml": POLICY},
            "airlock-required-env": {"required-env.yaml": MANIFEST},
        }

    def __enter__(self) -> None:
        self._gate.put(self._name, self._data)

    def __exit__(self, *_: object) -> None:
        self._gate.put(self._name, self._before[self._name])


def test_an_edit_of_the_policy_is_in_force_once_it_is_counted(gate: Gate, namespace: str) -> None:
    assert gate.create(bad_pod(), REPLICASET, namespace, dry_run=True)[0] == 422
    with edited(gate, "airlock-policy", {"policy.yaml": POLICY.replace("mode: enforce", "mode: warn")}):
        assert gate.create(bad_pod(), REPLICASET, namespace, dry_run=True)[0] == 201
    assert gate.create(bad_pod(), REPLICASET, namespace, dry_run=True)[0] == 422


def test_a_bad_edit_changes_nothing_and_an_event_says_why(gate: Gate, namespace: str) -> None:
    series = 'airlock_policy_reloads_total{document="policy",outcome="rejected"}'
    rejected = gate.server.metric(series)
    gate.apply(config_map(HOME, "airlock-policy", {"policy.yaml": POLICY + "mod: audit\n"}))
    try:
        until(lambda: gate.server.metric(series) > rejected, "the edit to be seen")
        assert gate.create(bad_pod(), REPLICASET, namespace, dry_run=True)[0] == 422
        assert gate.server.ready
        assert "line 5: mod" in gate.server.probe("/readyz")[1]
        until(lambda: gate.server.metric('airlock_policy_stale{document="policy"}') > 0, "it to count as stale")

        def told() -> list[str]:
            return [event["note"] for event in gate.events(HOME) if event["reason"] == "DocumentRejected"]

        (note,) = until(told, "the Event")
        assert "line 5: mod" in note
        assert "DocumentRejected" in gate.plane.kubectl("describe", "configmap", "airlock-policy", "-n", HOME)
    finally:
        gate.apply(config_map(HOME, "airlock-policy", {"policy.yaml": POLICY}))
    until(lambda: gate.server.metric('airlock_policy_stale{document="policy"}') == 0, "it to be good again")


def test_another_namespaces_config_map_is_followed_and_its_absence_is_told(gate: Gate, namespace: str) -> None:
    def env() -> list[dict[str, Any]]:
        pod = bad_pod()
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "1", "controller": True}
        pod["metadata"]["ownerReferences"] = [owner]
        pod["spec"]["containers"][0]["image"] = "apache/airflow:2.10.5"
        status, answer = gate.create(pod, REPLICASET, namespace, dry_run=True)
        assert status == 201, answer
        variables: list[dict[str, Any]] = answer["spec"]["containers"][0]["env"]
        return [one for one in variables if one["name"] == "MESSAGE_CALLBACK_ENDPOINT"]

    try:
        gate.apply(config_map(SOURCE, "callbacks", {"endpoint": "https://new.example.com"}))
        until(lambda: env()[0]["value"] == "https://new.example.com", "the new value")
        gate.plane.kubectl("delete", "configmap", "callbacks", "-n", SOURCE)
        until(lambda: env() == [], "the deletion to be seen")
        applied = gate.plane.run_kubectl(
            "apply", "-f", "-", input=yaml.safe_dump(deployment(namespace, "apache/airflow:2.10.5"))
        )
        assert "ConfigMap 'pipelines/callbacks' does not exist" in applied.stderr
    finally:
        gate.apply(config_map(SOURCE, "callbacks", {"endpoint": "https://callbacks.example.com/$(HOME)"}))
    until(env, "it to be back")


def test_an_admitted_pods_event_is_on_the_pod(gate: Gate) -> None:
    namespace = gate.plane.namespace(name="team-lax", labels={LABEL: ""})
    gate.apply(deployment(namespace, "apache/airflow:latest"))
    pod = pod_of(gate, namespace)

    def told() -> list[dict[str, Any]]:
        return [event for event in gate.events(namespace) if event["regarding"]["kind"] == "Pod"]

    (event,) = until(told, "the Event")
    assert event["reason"] == "Warned"
    assert event["regarding"]["uid"] == pod["metadata"]["uid"]
    assert "Warned" in gate.plane.kubectl("describe", "pod", pod["metadata"]["name"], "-n", namespace)


def test_no_value_of_a_pod_or_a_config_map_is_in_the_log(gate: Gate) -> None:
    text = gate.server.settled().log.read_text()
    assert '"event": "decision"' in text
    assert "callbacks.example.com" not in text
    assert not [
        record for record in gate.server.records() if record["level"] == "error" and record["event"] != "document"
    ]


def stray(image: str = "registry.example.com/team/job:1.4.2", **labels: str) -> dict[str, Any]:
    """Return a pod that nothing controls."""
    containers = [{"name": "base", "image": image, "imagePullPolicy": "IfNotPresent"}]
    metadata: dict[str, Any] = {"generateName": "stray-", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def created(gate: Gate, pod: dict[str, Any], user: str, namespace: str) -> str:
    """Make *pod* and return its name."""
    status, answer = gate.create(pod, user, namespace)
    assert status == 201, answer
    name: str = answer["metadata"]["name"]
    return name


def patched(gate: Gate, namespace: str, name: str, patch: dict[str, Any]) -> str:
    """Return why *patch* is refused, "" when it is not."""
    text = json.dumps(patch)
    done = gate.plane.run_kubectl("patch", "pod", name, "-n", namespace, "--type=strategic", "-p", text)
    return done.stderr if done.returncode else ""


def labelled(gate: Gate, namespace: str, name: str, **labels: str | None) -> str:
    """Return why a change of *labels* is refused, "" when it is not; None takes one away."""
    return patched(gate, namespace, name, {"metadata": {"labels": labels}})


def imaged(gate: Gate, namespace: str, name: str, image: str, container: str = "base") -> str:
    """Return why another *image* is refused, "" when it is not."""
    return patched(gate, namespace, name, {"spec": {"containers": [{"name": container, "image": image}]}})


def test_a_pod_does_not_become_airflows_on_a_moving_tag(gate: Gate, namespace: str) -> None:
    name = created(gate, stray("registry.example.com/team/job:main"), "alice", namespace)
    for label in ("True", "true", "1"):
        refused = labelled(gate, namespace, name, kubernetes_executor=label)
        assert "tag 'main' is mutable" in refused
    assert labelled(gate, namespace, name, team="data") == ""


def test_only_a_right_that_no_role_for_people_has_gets_a_label_past_the_gate(gate: Gate, namespace: str) -> None:
    name = created(gate, stray("registry.example.com/team/job:main"), "alice", namespace)
    label = json.dumps({"metadata": {"labels": {"kubernetes_executor": "True"}}})
    arguments = ("patch", "pod", name, "-n", namespace, "--type=merge", "-p", label)
    assert gate.plane.run_kubectl(*arguments).returncode
    assert gate.plane.run_kubectl(*arguments, "--subresource=status").returncode == 0
    for role in ("admin", "edit"):
        rules = gate.get("clusterrole", role)["rules"]
        (granted,) = [set(rule["verbs"]) for rule in rules if "pods/status" in rule["resources"]]
        assert granted == {"get", "list", "watch"}


def test_a_label_that_is_taken_off_and_put_back_hides_no_image(gate: Gate, namespace: str) -> None:
    name = created(gate, stray(kubernetes_executor="True"), EXECUTOR, namespace)
    containers = [{"name": "base", "image": "registry.example.com/team/job:main"}]
    at_once = {"metadata": {"labels": {"kubernetes_executor": None}}, "spec": {"containers": containers}}
    assert "tag 'main' is mutable" in patched(gate, namespace, name, at_once)
    assert labelled(gate, namespace, name, kubernetes_executor=None) == ""
    assert imaged(gate, namespace, name, "registry.example.com/team/job:main") == ""
    assert "tag 'main' is mutable" in labelled(gate, namespace, name, kubernetes_executor="True")


def test_no_forged_owner_makes_an_update_milder(gate: Gate, namespace: str) -> None:
    gate.apply(deployment(namespace, DIGEST))
    owner = gate.get("deployment", "airflow-scheduler", "-n", namespace)["metadata"]
    pod = stray(tier="airflow", component="statsd")
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner["name"], "uid": owner["uid"], "controller": True}
    ]
    name = created(gate, pod, "alice", namespace)
    assert "tag 'main' is mutable" in imaged(gate, namespace, name, "registry.example.com/team/job:main")


ADOPTION: list[dict[str, str | None]] = [
    {"airflow-worker": "43"},
    {"airflow_pod_revoked": "True"},
    {"airflow_executor_done": "True"},
    {"already_checked": "True"},
    {"team": "data"},
    {"airflow-worker": None},
]


@pytest.mark.parametrize("folder", ["provider-af2.11.2-cncf8.4.2", "provider-af3.3.2-cncf10.25.0"])
def test_adoption_revocation_labels_and_finalizers_pass_on_pods_that_violate(gate: Gate, folder: str) -> None:
    namespace = gate.plane.namespace()  # not yet behind the gate
    names = []
    for path in sorted((CORPUS / folder).glob("*latest*.yaml")):
        (pod,) = documents(path)
        if pod["kind"] != "Pod":
            continue
        pod["metadata"].pop("namespace", None)
        for field in ("serviceAccountName", "serviceAccount"):
            pod["spec"].pop(field, None)
        names.append(created(gate, pod, EXECUTOR, namespace))
    assert len(names) >= 3
    gate.plane.kubectl("label", "namespace", namespace, f"{LABEL}=")
    until(lambda: gate.create(bad_pod(), REPLICASET, namespace, dry_run=True)[0] == 422, "the gate to stand")
    for name in names:
        for labels in ADOPTION:
            assert labelled(gate, namespace, name, **labels) == ""
        for finalizers in (["example.com/hold"], []):
            assert patched(gate, namespace, name, {"metadata": {"finalizers": finalizers}}) == ""


ORDERED = """\
apiVersion: airlock/v1
kind: RequiredEnv
env: [{name: TENANT, value: blue-$(POD_NS), onConflict: override}, {name: URL, value: "https://$(TENANT)"}]
"""


def test_the_api_server_takes_the_patch_that_moves_a_variable_behind_what_it_refers_to(
    gate: Gate, namespace: str
) -> None:
    pod = bad_pod()
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "1", "controller": True}
    pod["metadata"]["ownerReferences"] = [owner]
    (container,) = pod["spec"]["containers"]
    container["image"] = "apache/airflow:2.10.5"
    field = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    container["env"] = [
        {"name": "TENANT", "value": "red"},
        {"name": "URL", "value": "https://$(TENANT)"},
        {"name": "A", "value": "a"},
        {"name": "POD_NS", "valueFrom": field},
    ]
    with edited(gate, "airlock-required-env", {"required-env.yaml": ORDERED}):
        status, made = gate.create(pod, REPLICASET, namespace, dry_run=True)
        assert status == 201, made
        env = made["spec"]["containers"][0]["env"]
        assert [one["name"] for one in env] == ["A", "POD_NS", "TENANT", "URL"]
        assert env[2]["value"] == "blue-$(POD_NS)"
        container["env"] = env
        status, again = gate.create(pod, REPLICASET, namespace, dry_run=True)
        assert (status, again["spec"]["containers"][0]["env"]) == (201, env)
