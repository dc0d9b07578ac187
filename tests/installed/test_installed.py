"""airlock on a real node, as its chart installs it: it judges, and it stays up through whatever is done to it."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml

from tests.harness import official
from tests.harness.gate import SOURCE, config_map, scheduler_deployment
from tests.harness.installed import CALLBACKS, CONTROLLER, NAMESPACE, RELEASE, SERVE, VALUES, Installed, scheduler
from tests.harness.load import THREADS, Load
from tests.harness.waiting import until

HEAL = 10.0  # seconds


def test_replicas_and_controller_run_under_restricted_settings(installed: Installed) -> None:
    pods = [*installed.serving(2), *installed.node.wait_ready(CONTROLLER, 1, namespace=NAMESPACE)]
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_no_probe_fails_while_a_pod_starts(installed: Installed) -> None:
    pods = [*installed.serving(2), *installed.node.wait_ready(CONTROLLER, 1, namespace=NAMESPACE)]
    told = failed_probes(installed)
    assert [text for pod in pods if in_time(installed, pod) for text in told if pod["metadata"]["name"] in text] == []


def in_time(installed: Installed, pod: dict[str, Any]) -> bool:
    """Return whether *pod* listened within the time of an ordinary start; not on a machine with too much to do."""
    began = datetime.fromisoformat(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
    records = map(json.loads, installed.node.logs(NAMESPACE, pod["metadata"]["name"]).splitlines())
    listened = next(record["timestamp"] for record in records if record["event"] == "listening")
    return datetime.fromisoformat(listened) - began < timedelta(seconds=3)


def failed_probes(installed: Installed) -> dict[str, int]:
    """Return what Events say of failed probes, and how often."""
    events = installed.get("events", "-n", NAMESPACE, "--field-selector", "reason=Unhealthy")["items"]
    return {f"{one['involvedObject']['name']}: {one['message']}": one["count"] for one in events}


def test_the_official_charts_scheduler_is_refused_on_a_moving_tag_and_runs_complete_on_a_release(
    installed: Installed, judged: str
) -> None:
    node = installed.node
    moving, release = official.scheduler("k8s-image-latest"), official.scheduler("kubernetes-executor")
    official.prepare(node, judged, moving, release)  # either would run
    applied = node.run_kubectl("apply", "-n", judged, "-f", "-", input=yaml.safe_dump(moving))
    assert "tag 'latest' is mutable" in applied.stderr  # which helm shows of a Deployment

    def told() -> str:
        return node.kubectl("describe", "replicasets", "-n", judged)

    until(lambda: "denied the request: scheduler Pod '" in told(), "the answer on the ReplicaSet")
    until(lambda: "airlock" in told() and "Denied" in told(), "airlock's own Event")
    assert node.pods("component=scheduler", judged) == []
    node.kubectl("apply", "-n", judged, "-f", "-", input=yaml.safe_dump(release))
    (pod,) = node.wait_ready("component=scheduler", namespace=judged)
    name = pod["metadata"]["name"]
    found = node.exec(judged, name, "env", container="scheduler").splitlines()
    assert f"MESSAGE_CALLBACK_ENDPOINT={CALLBACKS}" in found
    assert f"POD_IP={pod['status']['podIP']}" in found
    assert "AIRFLOW_HOME=/opt/airflow" in found
    beside = node.exec(judged, name, "env", container="scheduler-log-groomer")
    assert "MESSAGE_CALLBACK_ENDPOINT" not in beside  # it is the scheduler's own container that needs it


def test_the_caBundle_comes_back_when_somebody_wipes_it(installed: Installed) -> None:  # noqa: N802 - a field's name
    kinds = ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")

    def generations() -> list[int]:
        found = (
            installed.node.kubectl("get", kind, RELEASE, "-o", "jsonpath={.metadata.generation}") for kind in kinds
        )
        return [int(one) for one in found]

    before = generations()
    patch = json.dumps([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}])
    for kind in kinds:
        installed.node.kubectl("patch", kind, RELEASE, "--type=json", "-p", patch)
    # A change for the wipe, and one for what heals it: that may be quicker than the next look.
    healed = [one + 2 for one in before]

    def well() -> bool:
        return all(now >= then for now, then in zip(generations(), healed, strict=True)) and installed.registered()

    until(well, "the caBundles to be healed", seconds=HEAL)


@pytest.mark.parametrize("name", ["airlock-tls", "airlock-ca"])
def test_a_deleted_secret_comes_back_and_nobody_notices(installed: Installed, judged: str, name: str) -> None:
    with Load(installed.node, judged, scheduler("apache/airflow:latest", "refused"), 422) as load:
        installed.node.kubectl("delete", "secret", name, "-n", NAMESPACE)
        until(lambda: installed.secret(name), "the Secret to be back", seconds=HEAL)
        until(installed.registered, "the caBundles")
        sent = load.sent
        until(lambda: load.sent > sent + 200, "load after it")
    assert load.failures == []
    assert load.sent > 100


def test_a_deleted_configuration_stays_deleted_until_helm_brings_it_back(installed: Installed, judged: str) -> None:
    for kind in ("mutating", "validating"):
        installed.node.kubectl("delete", f"{kind}webhookconfiguration", RELEASE)
    until(lambda: not installed.denies(judged), "the gate to be open")
    assert installed.get("validatingwebhookconfigurations")["items"] == []
    installed.apply_values()
    until(installed.registered, "the caBundles of the configurations that are back", seconds=HEAL)
    until(lambda: installed.denies(judged), "the gate to stand")


def test_a_bad_edit_of_the_policy_is_refused_at_kubectl_apply(installed: Installed) -> None:
    bad = config_map(
        NAMESPACE, "airlock-policy", {"policy.yaml": "{apiVersion: airlock/v1, kind: Policy, mode: enforced}"}
    )
    applied = installed.node.run_kubectl("apply", "-f", "-", input=yaml.safe_dump(bad))
    assert applied.returncode != 0
    assert "'enforced' is none of" in applied.stderr


def unready(installed: Installed) -> dict[str, int]:
    """Return what Events say of replicas that answered that they are not ready, and how often."""
    return {text: times for text, times in failed_probes(installed).items() if "statuscode: 503" in text}


def rolled(installed: Installed, judged: str, times: int) -> Load:
    with Load(installed.node, judged, scheduler("apache/airflow:latest", "refused"), 422) as load:
        for _ in range(times):
            installed.node.kubectl("rollout", "restart", f"deployment/{RELEASE}", "-n", NAMESPACE)
            installed.node.kubectl("rollout", "status", f"deployment/{RELEASE}", "-n", NAMESPACE, "--timeout=180s")
        sent = load.sent  # how many a rollout takes differs from machine to machine: some after it are asked for, too
        until(lambda: load.sent > sent + 200, "load after it")
    return load


def test_a_rolling_restart_under_load_loses_no_request(installed: Installed, judged: str) -> None:
    assert rolled(installed, judged, 2).failures == []


@pytest.mark.long
def test_three_replicas_rolled_twenty_times_lose_no_request(installed: Installed, judged: str) -> None:
    installed.apply_values(serve={**VALUES["serve"], "replicas": 3})
    installed.serving(3)
    load = rolled(installed, judged, 20)
    assert load.failures == []
    print(f"{load.sent} asked, the slowest answer after {load.slowest:.2f} s")  # noqa: T201 - pytest shows it with -rP


def test_one_of_three_replicas_that_is_killed_costs_hardly_more_than_the_requests_in_flight(
    installed: Installed, judged: str
) -> None:
    installed.apply_values(serve={**VALUES["serve"], "replicas": 3})
    (container,) = installed.serving(3)[0]["status"]["containerStatuses"]
    with Load(installed.node, judged, scheduler("apache/airflow:latest", "refused"), 422) as load:
        until(lambda: load.sent > 50, "load before it")
        installed.node.containers.signal(container["containerID"].removeprefix("containerd://"), "SIGKILL")
        until(lambda: load.sent > 200, "load after it")
        installed.serving(3)
    # Until the kubelet has seen it, the API server may be led there once more by each client whose request was cut.
    assert len(load.failures) <= 2 * THREADS, load.failures
    installed.apply_values()


def test_a_worker_that_is_killed_costs_at_most_the_requests_in_flight(installed: Installed, judged: str) -> None:
    pod = installed.serving(2)[0]["metadata"]["name"]
    with Load(installed.node, judged, scheduler("apache/airflow:latest", "refused"), 422) as load:
        # PID 1 of a container takes no SIGKILL from inside; gunicorn's worker does the serving.
        installed.node.exec(NAMESPACE, pod, "python3", "-c", KILL_WORKER)
        until(lambda: restarted(installed, pod) or load.sent > 300, "load after the kill")
        installed.serving(2)
    assert len(load.failures) <= THREADS, load.failures
    assert load.sent > 100


KILL_WORKER = (
    "import os, signal\n"
    "for p in filter(str.isdigit, os.listdir('/proc')):\n"
    "    stat = open(f'/proc/{p}/stat').read().split()\n"
    "    if stat[3] == '1' and int(p) != os.getpid() and 'airlock' in stat[1]: os.kill(int(p), signal.SIGKILL)\n"
)


def restarted(installed: Installed, pod: str) -> bool:
    status = installed.get("pod", pod, "-n", NAMESPACE)["status"]["containerStatuses"][0]
    return int(status["restartCount"]) > 0


def test_with_no_replica_nothing_is_bricked_and_all_comes_back(installed: Installed, judged: str) -> None:
    installed.node.kubectl("scale", f"deployment/{RELEASE}", "-n", NAMESPACE, "--replicas=0")
    installed.node.wait_ready(SERVE, 0, namespace=NAMESPACE, seconds=120)
    assert not installed.denies(judged)  # failurePolicy Ignore
    installed.apply(scheduler_deployment(judged, "apache/airflow:latest", name="meanwhile"))
    until(lambda: installed.node.pods("component=scheduler", judged), "a pod while airlock is away")
    installed.node.kubectl("scale", f"deployment/{RELEASE}", "-n", NAMESPACE, "--replicas=2")
    installed.serving(2)
    until(lambda: installed.denies(judged), "the gate to stand again")


def test_a_label_leaves_a_namespace_alone_for_as_long_as_it_is_there(installed: Installed, judged: str) -> None:
    installed.node.kubectl("label", "namespace", judged, "airlock/skip=incident-42")
    until(lambda: not installed.denies(judged), "the namespace to be left alone")
    installed.node.kubectl("label", "namespace", judged, "airlock/skip-")
    until(lambda: installed.denies(judged), "the gate to stand again")


def test_nobody_judges_kube_system_and_airlocks_own_namespace(installed: Installed, judged: str) -> None:
    pod = yaml.safe_dump(scheduler("apache/airflow:latest", "refused"))
    create = ("create", "--dry-run=server", "-o", "json", "-f", "-")
    assert installed.node.run_kubectl(*create, "-n", judged, input=pod).returncode != 0
    for namespace in ("kube-system", NAMESPACE):
        made = installed.node.run_kubectl(*create, "-n", namespace, input=pod)
        assert (made.returncode, made.stderr) == (0, "")
        assert "env" not in json.loads(made.stdout)["spec"]["containers"][0]


def test_a_node_that_is_drained_comes_back_by_itself_though_everybody_waits_for_airlock(
    installed: Installed, judged: str
) -> None:
    node = installed.node
    strict = {"failurePolicy": "Fail", "failNamespaces": [judged], "failurePolicyForOthers": "Fail"}
    installed.apply_values(webhooks=strict)
    moving = official.scheduler("k8s-image-latest")  # whatever it is called, in kube-system it is nobody's business
    official.prepare(node, "kube-system", moving)
    node.kubectl("apply", "-n", "kube-system", "-f", "-", input=yaml.safe_dump(moving))
    node.wait_ready("component=scheduler", namespace="kube-system")
    # Without evictions: on the only node the PodDisruptionBudget would keep the last replica for ever, as it should.
    with node.drained("--disable-eviction", seconds=120):
        assert "failed calling webhook" in installed.answer(judged)
        airlock = [*node.pods(SERVE, NAMESPACE), *node.pods(CONTROLLER, NAMESPACE)]
        pods = [*airlock, *node.pods("tier=airflow", "kube-system")]
        assert [pod["status"]["phase"] for pod in pods] == ["Pending"] * 4  # made while nobody answered
    installed.serving(2)
    node.wait_ready("component=scheduler", namespace="kube-system")
    until(lambda: installed.denies(judged), "the gate to stand again")
    node.kubectl("delete", "-n", "kube-system", "deployment", moving["metadata"]["name"])
    installed.apply_values()


def test_an_upgrade_and_its_rollback_lose_no_request(installed: Installed, judged: str) -> None:
    before = unready(installed)
    with Load(installed.node, judged, scheduler("apache/airflow:latest", "refused"), 422) as load:
        installed.apply_values(podAnnotations={"example.com/revision": "2"})
        installed.node.kubectl("rollout", "status", f"deployment/{RELEASE}", "-n", NAMESPACE, "--timeout=180s")
        installed.helm("rollback", RELEASE, "--namespace", NAMESPACE)
        installed.node.kubectl("rollout", "status", f"deployment/{RELEASE}", "-n", NAMESPACE, "--timeout=180s")
        sent = load.sent
        until(lambda: load.sent > sent + 200, "load after it")
    assert load.failures == []
    assert installed.registered()
    assert unready(installed) == before  # none of those that drained


def test_helm_test_says_that_airlock_answers(installed: Installed) -> None:
    assert "Succeeded" in installed.helm("test", RELEASE, "--namespace", NAMESPACE)


def test_after_uninstall_pods_start_as_if_airlock_had_never_been(installed: Installed, judged: str) -> None:
    installed.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait")
    for kind in ("mutating", "validating"):
        assert installed.get(f"{kind}webhookconfigurations")["items"] == []
    assert not installed.denies(judged)
    pod: dict[str, Any] = scheduler("apache/airflow:latest", "free")
    installed.node.kubectl("create", "-n", judged, "-f", "-", input=yaml.safe_dump(pod))
    made = installed.get("pod", "free", "-n", judged)
    assert "env" not in made["spec"]["containers"][0]
    assert installed.get("configmap", "callbacks", "-n", SOURCE)["data"]  # and what was others' is untouched
