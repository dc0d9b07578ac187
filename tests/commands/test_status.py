"""`airlock status` against the real control plane, with real replicas and the real controller behind it."""

import base64
import copy
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from certs.issue import issue_ca
from tests.harness.certificates import whole
from tests.harness.control_plane import ControlPlane
from tests.harness.controller import GUARD, MANIFEST, POLICY, Installation, Process, age, installation
from tests.harness.controller_rights import ACCOUNT
from tests.harness.gate import ONE_SOURCE, config_map
from tests.harness.server import Server, serving
from tests.harness.waiting import until
from webhook.__main__ import main

SELECTOR = {"app.kubernetes.io/name": "airlock", "app.kubernetes.io/component": "serve"}


def address() -> str:
    """Return an address of this machine that is not loopback: the API server proxies to no other pod."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])


def called(made: Installation, *, guarded: bool = True) -> list[dict[str, Any]]:
    """Return the registration as the chart has it: by the Service."""
    found = made.registration("Ignore")
    for each in found if not guarded else ():
        each["webhooks"] = [hook for hook in each["webhooks"] if not hook["name"].startswith(GUARD)]
    for hook in (hook for each in found for hook in each["webhooks"]):
        path = "/" + hook["clientConfig"]["url"].rpartition("/")[2]
        hook["clientConfig"] = {"service": {"namespace": made.namespace, "name": "airlock", "path": path, "port": 443}}
    return found


def reader(made: Installation, name: str) -> Path:
    """Make the ServiceAccount *name*, which has no rights, and return its kubeconfig."""
    metadata = {"name": name, "namespace": made.namespace}
    made.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    return made.plane.token_kubeconfig(made.namespace, name)


def pod(made: Installation, number: int, server: Server) -> dict[str, Any]:
    """Return a pod that stands for *server*: what the API server's proxy needs to know of it."""
    ports = [{"name": "metrics", "containerPort": server.metrics_port}]
    container = {"name": "serve", "image": "airlock", "ports": ports}
    metadata = {"name": f"airlock-{number}", "namespace": made.namespace, "labels": SELECTOR}
    # Nobody schedules it.
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def run_pods(made: Installation, servers: tuple[Server, Server]) -> None:
    for number, server in enumerate(servers):
        made.apply(pod(made, number, server))
        status = {"status": {"phase": "Running", "podIP": address(), "podIPs": [{"ip": address()}]}}
        assert made.patch(f"pods/airlock-{number}/status", status).ok


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("status")) as found:
        yield found


@pytest.fixture(scope="module")
def controller(made: Installation) -> Iterator[Process]:
    with made.controlled("--propagation", "0", "--settling", "0", "--audit") as process:
        yield process


@pytest.fixture(scope="module")
def servers(made: Installation, controller: Process) -> Iterator[tuple[Server, Server]]:
    until(lambda: made.secret("airlock-tls"), controller.log.read_text())
    spec = {"selector": SELECTOR, "ports": [{"name": "https", "port": 443}]}
    metadata = {"name": "airlock", "namespace": made.namespace}
    made.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}, *called(made))
    made.plane.namespace(labels={"airlock-test": made.namespace})  # one that the registration selects
    with made.served("--host", "0.0.0.0") as both:  # noqa: S104
        run_pods(made, both)
        until(lambda: whole(made), "the caBundles")
        until(lambda: fine(status(made)), "the first audit")
        yield both


class Told:
    """What the command said."""

    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.text = output
        self.report: dict[str, Any] = json.loads(output) if output.startswith("{") else {}

    def lines(self, subject: str) -> list[tuple[str, str]]:
        """Return state and text of the lines on *subject*."""
        return [(line["state"], line["text"]) for line in self.report["lines"] if line["subject"] == subject]


def status(made: Installation, *more: str, kubeconfig: Path | None = None, output: str = "json") -> Told:
    arguments = ["status", "--namespace", made.namespace, "--webhook-configuration", made.configuration, *more]
    place = str(kubeconfig or made.plane.kubeconfig)
    run = CliRunner().invoke(main, [*arguments, "-o", output, "--kubeconfig", place])
    return Told(run.exit_code, run.stdout or run.stderr)


@contextmanager
def document(made: Installation, name: str, key: str, text: str, before: str) -> Iterator[None]:
    """Have another document in a ConfigMap while the block runs."""
    until(lambda: made.patch(f"configmaps/{name}", {"data": {key: text}}).ok, "a guard that was taken away")
    try:
        yield
    finally:
        assert made.patch(f"configmaps/{name}", {"data": {key: before}}).ok


def test_all_is_well_and_each_line_says_so(made: Installation, servers: tuple[Server, Server]) -> None:
    del servers
    told = status(made)
    assert told.code == 0, told.text
    assert told.report["headline"] == "airlock is judging: 2 replicas answer, and the API server asks them"
    assert told.report["verdict"] == "judging"
    assert [state for state, _ in told.lines("registration")] == ["ok", "ok"]
    assert "trust what is served" in told.lines("caBundle")[0][1]
    assert [state for state, _ in told.lines("replica")] == ["ok", "ok"]
    assert "enforce mutable-tag required-env" in told.lines("policy")[0][1]
    assert told.lines("fails open")[0][0] == "note"
    assert told.lines("break-glass")[0][0] == "ok"
    assert told.lines("controller")[0][0] == "ok"
    assert [state for state, _ in told.lines("audit")] == ["ok"]


def test_the_table_has_the_verdict_first(made: Installation, servers: tuple[Server, Server]) -> None:
    del servers
    first, *rest = status(made, output="table").text.splitlines()
    assert first.startswith("airlock is judging: ")
    assert all(line.split()[0] in ("ok", "note") for line in rest)


def test_configurations_that_somebody_deleted_are_told_at_every_door_and_once_by_events_until_that_is_over(
    made: Installation, servers: tuple[Server, Server], controller: Process
) -> None:
    del servers
    place = ("--kubeconfig", str(made.plane.kubeconfig))
    for path in made.hooks:
        made.delete(path)
    try:
        told = status(made)
        assert told.code == 1
        assert told.report["headline"].startswith("airlock is not judging: MutatingWebhookConfiguration ")
        assert [state for state, _ in told.lines("registration")] == ["wrong", "wrong"]
        until(lambda: len(made.events("RegistrationMissing")) == 2, "the Events")
        both = made.events("RegistrationMissing")
        assert {event["type"] for event in both} == {"Warning"}
        assert "does not exist: nobody asks airlock" in both[0]["note"]
        code, text = controller.probe("/readyz")
        assert code == 503
        assert f"not judging: ValidatingWebhookConfiguration {made.configuration} does not exist" in text
        names = ("--namespace", made.namespace, "--webhook-configuration", made.configuration)
        shown = CliRunner().invoke(main, ["certs", "show", *names, *place])
        assert shown.exit_code == 1
        assert f"MutatingWebhookConfiguration {made.configuration} does not exist" in shown.stderr
    finally:
        made.apply(*called(made))
        until(lambda: whole(made), "the caBundles")
    over = until(lambda: [e for e in made.events("RegistrationMissing") if e["type"] == "Normal"], "the end")
    controller.looks_again()
    assert over[0]["note"].startswith("it is over: ")
    assert "not judging: Validating" not in controller.probe("/readyz")[1]


def test_no_replica_is_wrong(made: Installation, servers: tuple[Server, Server]) -> None:
    for number in range(2):
        made.delete(f"pods/airlock-{number}?gracePeriodSeconds=0")
    try:
        told = status(made)
        assert told.code == 1
        assert told.lines("replica") == [("wrong", "there is none: nobody answers the API server")]
        assert told.report["headline"] == "airlock is not judging: there is none: nobody answers the API server"
    finally:
        until(lambda: not made.get("pods")["items"], "the pods to be gone")
        run_pods(made, servers)


def test_a_replica_that_does_not_answer_is_wrong_while_the_other_one_judges(
    made: Installation, servers: tuple[Server, Server]
) -> None:
    silent = pod(made, 2, servers[0])
    silent["spec"]["containers"][0]["ports"][0]["containerPort"] = 1
    made.apply(silent)
    assert made.patch("pods/airlock-2/status", {"status": {"podIP": address(), "podIPs": [{"ip": address()}]}}).ok
    try:
        told = status(made)
        assert told.code == 1
        assert ("wrong", "airlock-2 does not answer") in told.lines("replica")
        assert told.report["headline"].startswith("airlock is judging, but something is wrong: airlock-2")
        waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "airlock"'}
        state = {"name": "serve", "image": "airlock", "imageID": "", "ready": False, "restartCount": 0}
        body = {"status": {"containerStatuses": [{**state, "state": {"waiting": waiting}}]}}
        assert made.patch("pods/airlock-2/status", body).ok
        why = 'container serve waits: ImagePullBackOff: Back-off pulling image "airlock"'
        assert ("wrong", f"airlock-2 does not answer: {why}") in status(made).lines("replica")
    finally:
        made.delete("pods/airlock-2?gracePeriodSeconds=0")
        until(lambda: made.get("pods/airlock-2") is None, "the pod to be gone")


def edited(made: Installation, change: Callable[[dict[str, Any]], None]) -> Told:
    """Return what is told once somebody has made *change* in the entry that judges pods."""
    path = made.hooks[1]
    before = made.get(path)["webhooks"]
    hooks = copy.deepcopy(before)
    change(hooks[0])
    assert made.patch(path, {"webhooks": hooks}).ok
    try:
        return status(made)
    finally:
        assert made.patch(path, {"webhooks": before}).ok


def test_an_edit_of_the_registration_that_leaves_changes_of_pods_out_is_wrong_though_airlock_judges(
    made: Installation, servers: tuple[Server, Server]
) -> None:
    del servers
    told = edited(made, lambda hook: hook["rules"].pop())
    name = f"ValidatingWebhookConfiguration {made.configuration}"
    text = f"{name} asks nobody about UPDATE pods/ephemeralcontainers; `helm upgrade` completes it"
    assert ("wrong", text) in told.lines("fails open")
    assert told.report["headline"] == f"airlock is judging, but something is wrong: {text}"
    told = edited(made, lambda hook: hook["rules"][0].update(operations=["CREATE"]))
    assert "asks nobody about UPDATE pods;" in told.report["headline"]


def test_an_edit_of_the_registration_that_leaves_namespaces_out_is_told_with_their_names(
    made: Installation, servers: tuple[Server, Server]
) -> None:
    del servers
    left = made.plane.namespace(labels={"airlock-test": made.namespace, "status-test/left": "yes"})
    beside = [{"key": "status-test/left", "operator": "DoesNotExist"}]
    assert left not in str(status(made).lines("fails open"))
    told = edited(made, lambda hook: hook["namespaceSelector"].update(matchExpressions=beside))
    (text,) = [text for state, text in told.lines("fails open") if state == "note" and "new pods in" in text]
    assert "airlock judges and changes no new pods in " in text
    assert f"airlock judges no new pods in namespace {left}" in text
    assert told.code == 0, told.text
    nobody = {"matchLabels": {"status-test/left": "nobody"}}
    told = edited(made, lambda hook: hook.update(namespaceSelector=nobody))
    assert told.code == 1
    assert "airlock judges new pods in no namespace" in told.report["headline"]
    made.plane.kubectl("delete", "namespace", left, "--wait=false")


def test_a_break_glass_namespace_is_told_with_the_value_of_its_label(
    made: Installation, servers: tuple[Server, Server]
) -> None:
    del servers
    skipped = made.plane.namespace(labels={"status-test/skip": "incident-7"})
    told = status(made, "--break-glass-label", "status-test/skip")
    text = f"namespace {skipped} has the label status-test/skip=incident-7: airlock judges and changes nothing there"
    assert told.lines("break-glass") == [("note", text)]
    assert told.code == 0
    made.plane.kubectl("delete", "namespace", skipped, "--wait=false")


def test_a_source_is_missing_then_lacks_its_key_then_is_read_by_every_replica(
    made: Installation, servers: tuple[Server, Server]
) -> None:
    del servers
    name = f"ConfigMap {made.namespace}/callbacks"
    with document(made, "airlock-required-env", "required-env.yaml", ONE_SOURCE % made.namespace, MANIFEST):
        told = until(lambda: settled(made, "1 missing"), "the replicas to look")
        assert told.lines("source") == [("wrong", f"{name} does not exist")]
        assert told.code == 1
        assert "something is wrong" in told.report["headline"]
        made.apply(config_map(made.namespace, "callbacks", {"other": "x"}))
        told = until(lambda: settled(made, "1 read"), "the replicas to look")
        assert told.lines("source") == [("wrong", f"{name} has no key endpoint")]
        made.apply(config_map(made.namespace, "callbacks", {"endpoint": "x"}))
        told = status(made)
        assert told.lines("source") == [("ok", f"{name} was read by every replica that answers")]
        assert told.code == 0, told.text


def test_a_source_that_cannot_be_had_is_told_by_one_event_until_that_is_over_and_named_in_the_controllers_metrics(
    made: Installation, servers: tuple[Server, Server], controller: Process
) -> None:
    del servers
    name = f"{made.namespace}/late"
    manifest = (ONE_SOURCE % made.namespace).replace("name: callbacks", "name: late")
    state = f'airlock_source{{name="late",namespace="{made.namespace}",state="%s"}}'
    may_read(made, ACCOUNT, "late")
    with document(made, "airlock-required-env", "required-env.yaml", manifest, MANIFEST):
        (event,) = until(lambda: late(made, "Warning"), "the Event")
        assert event["note"] == f"ConfigMap {name} does not exist"
        assert event["regarding"]["name"] == "airlock-required-env"
        assert f"a source cannot be read: {event['note']}" in controller.probe("/readyz")[1]
        assert controller.metric(state % "missing") == 1
        (line,) = [line for line in status(made).report["lines"] if line["name"] == name]
        assert line["since"] <= event["eventTime"]
        assert "does not exist (since 20" in status(made, output="table").text
    (over,) = until(lambda: late(made, "Normal"), "the end")
    assert over["note"].startswith("it is over: ")
    assert len(late(made, "Warning")) == 1


def late(made: Installation, kind: str) -> list[dict[str, Any]]:
    return [e for e in made.events("SourceUnavailable") if e["type"] == kind and "/late " in e["note"]]


def settled(made: Installation, counts: str) -> Told | None:
    """Return what is told once both replicas count their sources so."""
    base = f"/api/v1/namespaces/{made.namespace}/pods"
    pods = made.get("pods")["items"]
    ports = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["ports"][0]["containerPort"] for pod in pods}
    pages = [made.cluster.read(f"{base}/{name}:{port}/proxy/readyz") for name, port in ports.items()]
    return status(made) if all(f"sources: {counts}\n" in page.data.decode() for page in pages) else None


def test_a_replica_that_may_not_read_a_source_is_wrong_also_for_a_reader_who_may(
    made: Installation, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    del servers
    kubeconfig = reader(made, "poor")
    own = ("--namespace", made.namespace)
    made.plane.kubectl("create", "role", "poor", *own, "--verb=list,watch,get", "--resource=configmaps")
    made.plane.kubectl("create", "rolebinding", "poor", *own, "--role=poor", f"--serviceaccount={made.namespace}:poor")
    manifest = f"configmap:{made.namespace}/airlock-required-env"
    environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)}
    with (
        document(made, "airlock-required-env", "required-env.yaml", ONE_SOURCE % "kube-public", MANIFEST),
        serving(tmp_path, "--required-env", manifest, environ=environ, ready=False) as poor,
    ):
        until(lambda: "sources: 1 forbidden" in poor.probe("/readyz")[1], "the refusal")
        told = status(made, "--replica", f"127.0.0.1:{poor.port}")
        assert poor.metric('airlock_sources{state="forbidden"}') == 1
    assert told.code == 1
    assert ("wrong", "a replica says that 1 of 1 ConfigMaps of the manifest are forbidden") in told.lines("source")


def test_what_a_reader_without_rights_may_not_see_is_unknown_and_never_fine(
    made: Installation, servers: tuple[Server, Server]
) -> None:
    del servers
    told = status(made, kubeconfig=reader(made, "nobody"))
    assert told.code == 2
    assert told.report["verdict"] == "unknown"
    assert told.report["headline"].startswith("whether airlock is judging cannot be known: ")
    assert {state for state, _ in (*told.lines("registration"), *told.lines("replica"))} == {"unknown"}
    assert 'cannot list resource "namespaces"' in told.lines("break-glass")[0][1]
    assert 'cannot get resource "configmaps"' in told.lines("policy")[0][1]
    assert "ok" not in {line["state"] for line in told.report["lines"]}


def test_a_reader_of_one_config_map_sees_what_the_controller_saw_last_and_how_old_that_is(
    made: Installation, servers: tuple[Server, Server]
) -> None:
    del servers
    kubeconfig = reader(made, "reader")
    may_read(made, "reader", "airlock-status")
    told = until(lambda: fine(status(made, kubeconfig=kubeconfig)), "the controller to look")
    assert told.report["headline"] == "airlock is judging: 2 replicas answer, and the API server asks them"
    texts = [text for subject in ("registration", "replica", "caBundle", "policy") for _, text in told.lines(subject)]
    assert len(texts) == 6
    assert all("; the controller saw it " in text for text in texts)


def may_read(made: Installation, account: str, name: str) -> None:
    """Let a ServiceAccount get one ConfigMap."""
    own = ("--namespace", made.namespace)
    made.plane.kubectl("create", "role", name, *own, "--verb=get", "--resource=configmaps", f"--resource-name={name}")
    user = f"--serviceaccount={made.namespace}:{account}"
    made.plane.kubectl("create", "rolebinding", name, *own, f"--role={name}", user)


def fine(told: Told) -> Told | None:
    return told if told.code == 0 else None


def test_what_a_controller_wrote_that_is_gone_since_is_not_fine(
    control_plane: ControlPlane, made: Installation, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    del servers
    record = made.get("configmaps/airlock-status")["data"]["status.json"]
    with installation(control_plane, tmp_path) as alone:
        told = status(alone)
        assert told.lines("audit")[0][0] == "unknown"
        assert "has not written anything yet" in told.lines("controller")[0][1]
        old = json.loads(record) | {"at": (datetime.now(UTC) - timedelta(hours=2)).isoformat()}
        assert alone.patch("configmaps/airlock-status", {"data": {"status.json": json.dumps(old)}}).ok
        told = status(alone)
        text = "the controller last wrote 2 hours ago: it does not run, or cannot write"
        assert told.lines("controller") == [("wrong", text)]
        assert told.lines("audit")[0] == ("unknown", f"{text}; then: {json.loads(record)['lines'][-1]['text']}")
        alone.delete("configmaps/airlock-status")
        assert "`helm upgrade --install` creates it" in status(alone).lines("audit")[0][1]


def test_a_policy_that_is_bad_is_wrong(made: Installation, servers: tuple[Server, Server]) -> None:
    del servers
    # With the guard in place the bad one could not be written; without a registration that would be told too.
    made.apply(*called(made, guarded=False))
    try:
        with document(made, "airlock-policy", "policy.yaml", "mode: enforc\n", POLICY):
            told = status(made)
            assert told.lines("policy")[0][0] == "wrong"
    finally:
        made.apply(*called(made))
        until(lambda: whole(made), "the caBundles")


def test_a_ca_bundle_of_another_authority_is_wrong_whatever_the_replicas_say(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    with installation(control_plane, tmp_path) as made:
        age(made, timedelta(days=1))
        foreign = issue_ca(datetime.now(UTC)).cert_pem
        objects = made.registration("Ignore")
        for hook in (hook for each in objects for hook in each["webhooks"]):
            hook["clientConfig"]["caBundle"] = base64.b64encode(foreign).decode()
        made.apply(*objects)
        with made.served():
            asked = [part for port in made.ports for part in ("--replica", f"127.0.0.1:{port}")]
            told = status(made, *asked)
            assert told.code == 1
            assert told.report["headline"].startswith("airlock is not judging: the certificate of 127.0.0.1:")
            assert [state for state, _ in told.lines("replica")] == ["ok", "ok"]
            assert {state for state, _ in told.lines("caBundle")} == {"wrong"}


def test_an_address_without_a_cluster_behind_it_cannot_be_known(tmp_path: Path) -> None:
    run = CliRunner().invoke(main, ["status", "--kubeconfig", str(tmp_path / "none")])
    assert run.exit_code == 2
    assert run.stderr.startswith("whether airlock is judging cannot be known: ")
