"""The controller's background audit on a real API server, as its own ServiceAccount with the rights of the chart."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.controller import POLICY, Installation, Process, installation
from tests.harness.controller_rights import ACCOUNT, keys, rights
from tests.harness.livepods import REPOSITORY, digest, running, task
from tests.harness.running import Kubelets, fresh_name, nodes, requests, since
from tests.harness.scanning import report as audit
from tests.harness.waiting import until
from webhook.controller.audit.shard import shard_of

OLD, NEW = f"{REPOSITORY}@{digest('1')}", f"{REPOSITORY}@{digest('2')}"
AUDIT = ("--audit", "--audit-interval", "0.5", "--no-certificates")


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found:
        yield found


@pytest.fixture
def kubelets(made: Installation, namespace: str) -> Iterator[Kubelets]:
    """Return what makes pods run in a namespace; with the test they go, and no later test sees them go."""
    found = Kubelets(made.cluster, namespace)
    yield found
    found.leave()


@pytest.fixture
def two(made: Installation) -> Iterator[tuple[str, str]]:
    """Have two nodes of one kind."""
    names = fresh_name(), fresh_name()
    with nodes(made.cluster, *names):
        yield names


def series(rule: str, mode: str, component: str, namespace: str) -> str:
    labels = f'component="{component}",mode="{mode}",namespace="{namespace}",rule="{rule}"'
    return f"airlock_audit_findings{{{labels}}}"


def found(process: Process, namespace: str) -> dict[str, float]:
    """Return the findings in *namespace* by rule and component."""
    lines = process.probe("/metrics")[1].splitlines()
    ours = [line for line in lines if line.startswith("airlock_audit_findings{") and f'"{namespace}"' in line]
    rows = {}
    for line in ours:
        labels = dict(part.split("=") for part in line.partition("{")[2].partition("}")[0].split(","))
        rows[f"{labels['rule']} {labels['component']}".replace('"', "")] = float(line.rpartition(" ")[2])
    return rows


def told(made: Installation, namespace: str) -> list[dict[str, Any]]:
    items = made.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    return [event for event in items if event["reason"] == "Audited"]


def report(made: Installation, namespace: str) -> dict[str, Any]:
    data = (made.get(f"configmaps/airlock-report-{shard_of(namespace)}") or {}).get("data") or {}
    body: dict[str, Any] = json.loads(data.get(f"{namespace}.json", "{}"))
    return body


def test_a_finding_shows_in_metrics_event_and_report_and_goes_when_it_is_mended(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    namespace = kubelets.namespace
    with made.controlled(*AUDIT) as process:
        process.audits(1)
        name = kubelets.deploy(running("scheduler", "apache/airflow:latest", started=since(hours=1)), {two[0]: OLD})
        until(lambda: found(process, namespace) == {"mutable-tag scheduler": 1}, "the metric")
        assert process.metric(series("mutable-tag", "enforce", "scheduler", namespace)) == 1
        assert process.metric(f'airlock_audit_would_not_return{{namespace="{namespace}"}}') == 1
        (event,) = until(lambda: told(made, namespace), "the Event")
        assert event["regarding"]["kind"] == "ReplicaSet"
        assert event["regarding"]["name"].startswith(f"{name}-")
        assert "tag 'latest' is mutable" in event["note"]
        (row,) = until(lambda: report(made, namespace).get("findings"), "the report")
        assert (row["rule"], row["mode"], row["object"]) == ("mutable-tag", "enforce", f"Deployment {name}")
        kubelets.scale(name, 0)
        until(lambda: found(process, namespace) == {}, "the metric to fall")
        assert process.ready


def test_an_edit_of_the_policy_is_followed_by_an_audit(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    kubelets.deploy(running("scheduler", "apache/airflow:latest", started=since(hours=1)), {two[0]: OLD})
    with made.controlled(*AUDIT, "--audit-interval", "600") as process:
        until(lambda: found(process, kubelets.namespace) == {"mutable-tag scheduler": 1}, "the metric")
        enforced = series("mutable-tag", "enforce", "scheduler", kubelets.namespace)
        assert process.metric(enforced) == 1
        made.patch("configmaps/airlock-policy", {"data": {"policy.yaml": POLICY.replace("enforce", "audit")}})
        try:
            until(lambda: process.metric(enforced.replace("enforce", "audit")) == 1, "the other mode")
            assert enforced not in process.probe("/metrics")[1]
        finally:
            made.patch("configmaps/airlock-policy", {"data": {"policy.yaml": POLICY}})


def test_a_variable_that_the_manifest_begins_to_name_is_looked_for_in_pods_that_run(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    namespace = kubelets.namespace
    pod = running("scheduler", "apache/airflow:2.10.5", started=since(hours=1))
    pod["spec"]["containers"][0]["env"] = [{"name": "DEPLOY_ENV", "value": "prod-eu"}]
    kubelets.deploy(pod, {two[0]: OLD})
    entry = {"name": "DEPLOY_ENV", "namespaces": [namespace], "value": "prod-eu"}
    other = {"name": "TEAM", "namespaces": [namespace], "value": "s3cr3t-team"}

    def require(*entries: dict[str, Any]) -> None:
        text = json.dumps({"apiVersion": "airlock/v1", "kind": "RequiredEnv", "env": entries})
        assert made.patch("configmaps/airlock-required-env", {"data": {"required-env.yaml": text}}).ok

    with made.controlled(*AUDIT) as process:
        process.audits(1)
        try:
            require(entry, other)
            (row,) = until(lambda: report(made, namespace).get("findings"), "the report")
            assert "'TEAM' is missing in a running pod" in row["message"]
            require(entry | {"value": "prod-us"})
            until(lambda: "has another value" in str(report(made, namespace)), "the other finding")
            texts = [str(report(made, namespace)), str(told(made, namespace)), process.log.read_text()]
            assert not [text for text in texts for value in ("prod-", "s3cr3t") if value in text]
        finally:
            require()


def test_references_are_checked_where_the_chart_lets_it_read_and_unknown_elsewhere(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    namespace = kubelets.namespace
    pod = running("scheduler", started=since(hours=1))
    reference = {"name": "ENDPOINT", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "endpoint"}}}
    pod["spec"]["containers"][0]["env"] = [reference]
    kubelets.deploy(pod, {two[0]: OLD})
    made.apply(*keys(namespace, made.namespace))
    with made.controlled(*AUDIT, "--read-configmaps", namespace, "--read-secrets", namespace) as process:
        (row,) = until(lambda: report(made, namespace).get("findings"), process.log.read_text())
        assert (row["rule"], row["mode"], row["variable"]) == ("env-reference", "warn", "ENDPOINT")
        assert "ConfigMap 'gone' does not exist" in row["message"]
        (said,) = report(made, namespace)["notChecked"]
        assert said.startswith("env-reference: references to Secrets: ")
        assert "is forbidden" in said
        line = f"audit: references: Secrets in namespace {namespace} are not all known"
        until(lambda: line in process.probe("/readyz")[1], "readyz to say so")  # once the audit is over
        made.plane.kubectl("-n", namespace, "create", "configmap", "gone", "--from-literal=endpoint=x")
        until(lambda: report(made, namespace).get("findings") == [], "the finding to go")


def test_one_tag_that_runs_as_two_images_is_told_of_each_owner(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    namespace, image = kubelets.namespace, f"apache/airflow:2.10.5-{fresh_name()}"
    with made.controlled(*AUDIT) as process:
        kubelets.deploy(running("scheduler", image, started=since(hours=2)), {two[0]: OLD})
        kubelets.deploy(running("triggerer", image, started=since(hours=1)), {two[1]: NEW})
        until(lambda: "image-drift scheduler" in found(process, namespace), "drift")
        events = until(lambda: [e for e in told(made, namespace) if "image-drift" in e["note"]][1:], "the Events")
        assert all("runs as sha256:" in event["note"] for event in events)
        assert "image-drift triggerer" not in found(process, namespace)  # one reference that drifts is one finding
        assert two[0] in str(report(made, namespace))
        assert two[1] in str(report(made, namespace))


def test_the_event_of_a_stateful_set_shows_both_its_findings_and_the_fix(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    # Before the audit begins: one that saw the first pod alone would tell of that.
    worker = running("worker", "apache/airflow:main", started=since(hours=2))
    name = kubelets.deploy(worker, {two[0]: OLD, two[1]: NEW}, "StatefulSet")
    with made.controlled(*AUDIT):
        (event,) = until(lambda: told(made, kubelets.namespace), "the Event")
        shown = made.plane.kubectl("get", "events", "-n", kubelets.namespace)
    assert event["regarding"]["kind"] == "StatefulSet"
    note, first = event["note"], event["note"].splitlines()[0]
    whose = f"worker StatefulSet '{kubelets.namespace}/{name}'"
    assert first == (
        f"{whose}: mutable-tag: 'apache/airflow:main' with imagePullPolicy IfNotPresent;"
        " image-drift: 'apache/airflow:main' runs as 2 images"
    )
    assert first in next(line for line in shown.splitlines() if "Audited" in line)
    assert len(note.encode()) <= 1024
    tag, drift = note.splitlines()[1:]
    assert tag.startswith("- mutable-tag: 'apache/airflow:main': tag 'main' is mutable")
    assert drift.startswith("- image-drift: 'apache/airflow:main': runs as sha256:1111")
    assert all(word in drift for word in ("sha256:222222222222", two[0], two[1], "in container 'worker'"))
    assert "fix: " in tag


def test_metrics_readyz_and_report_count_the_cluster_as_airlock_audit_does(
    made: Installation, kubelets: Kubelets, two: tuple[str, str], tmp_path: Path
) -> None:
    namespace, image = kubelets.namespace, f"apache/airflow:main-{fresh_name()}"
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    for component in ("scheduler", "worker", "triggerer"):
        pod = running(component, image, started=since(hours=2))
        # A second container on the same tag, and one on another: places, and a finding more.
        own = pod["spec"]["containers"][0]
        pod["spec"]["containers"] += [own | {"name": "groomer"}, own | {"name": "mine", "image": "team/x:latest"}]
        kubelets.deploy(pod, {two[0]: OLD, two[1]: NEW})
    expected = {"mutable-tag": 9, "image-drift": 1}
    with made.controlled(*AUDIT) as process:

        def counted() -> Counter[str]:
            rules: Counter[str] = Counter()
            for line in process.probe("/metrics")[1].splitlines():
                if line.startswith("airlock_audit_findings{") and f'"{namespace}"' in line:
                    rules[line.partition('rule="')[2].partition('"')[0]] += int(float(line.split()[-1]))
            return rules

        until(lambda: counted() == expected, "the metric")
        body = report(made, namespace)

        def agree() -> bool:
            """Whether both count the same; what earlier tests left goes meanwhile."""
            lines = process.probe("/metrics")[1].splitlines()
            everywhere = sum(float(line.split()[-1]) for line in lines if line.startswith("airlock_audit_findings{"))
            return f", {everywhere:.0f} findings;" in process.probe("/readyz")[1]

        until(agree, "readyz to count the same")
    audited = audit("-n", namespace, "--policy", policy, kubeconfig=made.plane.kubeconfig)
    assert Counter(one["rule"] for one in audited["findings"]) == expected
    assert Counter(one["rule"] for one in body["findings"]) == expected
    summary = audited["summary"]["findings"]
    assert {mode: body["summary"][mode] for mode in summary} == summary
    (drift,) = [one for one in audited["findings"] if one["rule"] == "image-drift"]
    assert len(drift["workloads"]) == 3
    assert all(node in drift["text"] for node in two)


def test_a_node_that_joins_is_known_when_its_first_pod_runs(made: Installation, kubelets: Kubelets) -> None:
    image, names = f"apache/airflow:2.10.5-{fresh_name()}", (fresh_name(), fresh_name())
    with made.controlled(*AUDIT) as process:
        process.audits(1)
        with nodes(made.cluster, *names):
            kubelets.deploy(running("scheduler", image, started=since(hours=2)), {names[0]: OLD})
            kubelets.deploy(running("triggerer", image, started=since(hours=1)), {names[1]: NEW})
            certain = series("image-drift", "warn", "scheduler", kubelets.namespace)
            until(lambda: process.metric(certain) == 1, "drift without a reservation")


def test_nothing_is_written_while_nothing_changes(made: Installation, kubelets: Kubelets, two: tuple[str, str]) -> None:
    kubelets.deploy(running("scheduler", "apache/airflow:latest", started=since(hours=1)), {two[0]: OLD})
    with made.controlled(*AUDIT) as process:
        until(lambda: report(made, kubelets.namespace).get("findings"), "the report")
        until(lambda: told(made, kubelets.namespace), "the Event")
        process.audits(1)  # the one that wrote these keeps its notes and pins after them
        before = len(written(made))
        process.audits(6)
        assert written(made)[before:] == []
    (event,) = told(made, kubelets.namespace)  # the end has written whatever still waited
    assert "series" not in event


def written(made: Installation) -> list[tuple[str, str]]:
    """Return what the controller of this installation wrote, but the record for status: once a minute in any case."""
    wrote = requests(made.plane, f"{made.namespace}:{ACCOUNT}")
    return [one for one in wrote if not one[1].endswith("/airlock-status")]


def test_a_restart_keeps_what_ran_and_tells_nothing_twice(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    namespace, image = kubelets.namespace, f"apache/airflow:2.10.5-{fresh_name()}"
    with made.controlled(*AUDIT) as process:
        process.audits(1)
        kubelets.deploy(running("scheduler", "apache/airflow:latest", started=since(hours=1)), {two[0]: OLD})
        until(lambda: told(made, namespace), "the Event")
        kubelets.run(task(image, OLD, name="brief", node=two[0], started=since(seconds=2)))
        kubelets.end("brief")  # between two looks, as workers do
        kubelets.run(task("apache/airflow:latest", OLD, name="mark", node=two[0], started=since(seconds=2)))
        until(lambda: "mutable-tag task" in found(process, namespace), "what came after it to be seen")
    assert image in str(made.get("configmaps/airlock-sightings"))
    with made.controlled(*AUDIT) as process:
        process.audits(1)
        kubelets.run(task(image, NEW, name="later", node=two[1], started=since(seconds=0)))
        until(lambda: "proven" in str(report(made, namespace)), "what only both together show")
    # The end has written whatever still waited.
    assert len([event for event in told(made, namespace) if event["regarding"]["kind"] == "ReplicaSet"]) == 1


def test_what_was_kept_and_is_damaged_is_left_out(made: Installation, kubelets: Kubelets, two: tuple[str, str]) -> None:
    kubelets.deploy(running("scheduler", "apache/airflow:latest", started=since(hours=1)), {two[0]: OLD})
    bad = [
        '["a", 5]',
        '{"sightings": 7}',
        '{"sightings": [["x", "", "sha256:1", 0, 0, [], []], null], "told": {"o": []}}',
    ]
    for text in bad:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": made.namespace, "name": "airlock-sightings"},
        }
        made.apply(body | {"data": {"sightings.json": text}})
        with made.controlled(*AUDIT) as process:
            until(lambda: found(process, kubelets.namespace) == {"mutable-tag scheduler": 1}, "the metric")
            assert "audit: sightings" not in process.probe("/readyz")[1]
            assert not [line for line in process.records() if line.get("part") == "sightings"]


def test_an_api_server_that_restarts_and_forgets_is_caught_up_with(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    namespace = kubelets.namespace
    name = kubelets.deploy(running("scheduler", "apache/airflow:latest", started=since(hours=1)), {two[0]: OLD})
    with made.controlled(*AUDIT) as process:
        until(lambda: found(process, namespace) == {"mutable-tag scheduler": 1}, "the metric")
        made.plane.stop_apiserver()
        until(lambda: process.metric("airlock_audit_complete") == 0, "the audit to say so")
        assert found(process, namespace) == {"mutable-tag scheduler": 1}  # what was seen last stays
        made.plane.compact()
        made.plane.start_apiserver()
        kubelets.scale(name, 0)
        until(lambda: found(process, namespace) == {}, "what has changed meanwhile")
        assert process.metric("airlock_audit_complete") == 1


def without(made: Installation, resource: str) -> dict[str, Any]:
    """Return the controller's rights in the whole cluster without those on *resource*."""
    (role,) = [
        each
        for each in rights(made.namespace, made.configuration, made.plane.kubernetes)
        if each["kind"] == "ClusterRole"
    ]
    return role | {"rules": [rule for rule in role["rules"] if rule["resources"] != [resource]]}


def test_where_nodes_may_not_be_read_digests_are_compared_with_a_reservation(
    made: Installation, kubelets: Kubelets, two: tuple[str, str]
) -> None:
    made.apply(without(made, "nodes"))
    image = f"apache/airflow:2.10.5-{fresh_name()}"
    try:
        with made.controlled(*AUDIT) as process:
            kubelets.deploy(running("scheduler", image, started=since(hours=2)), {two[0]: OLD})
            kubelets.deploy(running("triggerer", image, started=since(hours=1)), {two[1]: NEW})
            doubtful = series("image-drift", "audit", "scheduler", kubelets.namespace)
            until(lambda: process.metric(doubtful) == 1, "drift with a reservation")
            assert process.metric("airlock_audit_complete") == 1
            until(lambda: "airlock cannot read nodes" in str(report(made, kubelets.namespace)), "the report")
    finally:
        made.apply(*rights(made.namespace, made.configuration, made.plane.kubernetes))


def test_pods_that_may_not_be_listed_are_said_once_and_certificates_go_on(made: Installation) -> None:
    made.apply(without(made, "pods"))
    try:
        with made.controlled(*AUDIT) as process:
            until(lambda: process.metric('airlock_audit_runs_total{outcome="failed"}') >= 2, process.log.read_text())
            assert "audit: run: pods cannot be read: 403" in process.probe("/readyz")[1]
            said = [line for line in process.records() if "pods cannot be read" in str(line.get("why"))]
            assert len(said) == 1
            series_ = 'airlock_reconciles_total{outcome="done",part="accepted"}'
            before = process.metric(series_)
            until(lambda: process.metric(series_) > before + 3, "the controller to go on")
    finally:
        made.apply(*rights(made.namespace, made.configuration, made.plane.kubernetes))


def test_a_namespace_that_goes_is_let_go(made: Installation, two: tuple[str, str]) -> None:
    namespace = made.plane.namespace()
    kubelets = Kubelets(made.cluster, namespace)
    kubelets.deploy(running("scheduler", "apache/airflow:latest", started=since(hours=1)), {two[0]: OLD})
    with made.controlled(*AUDIT, "--audit-window", "1s") as process:
        until(lambda: report(made, namespace), "the report")
        made.plane.kubectl("delete", "namespace", namespace, "--wait=false")
        kubelets.scale("airflow-scheduler", 0)
        until(lambda: not report(made, namespace), "the report to go")
        process.audits(1)  # the one that took the report away shows its figures last
        assert found(process, namespace) == {}
