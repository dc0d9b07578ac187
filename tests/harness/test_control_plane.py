"""The control plane of the tests is a real one, and leaves nothing behind."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException, CoreV1Api
from urllib3.exceptions import HTTPError

from tests.harness.control_plane import ControlPlane, binaries
from tests.harness.control_plane.access import NAME_LABEL, KubectlError
from tests.harness.control_plane.program import StartError
from tests.harness.places import ROOT
from tests.harness.waiting import until

pytestmark = pytest.mark.cluster  # with a control plane of its own

REPLICASET_CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"


def pod(name: str) -> dict[str, Any]:
    containers = [{"name": "main", "image": "nginx:1.27"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers}}


def deployment(name: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod(name)["spec"]}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def creators(plane: ControlPlane, namespace: str, resource: str) -> list[str]:
    return [
        event["user"]["username"]
        for event in plane.audit()
        if event["verb"] == "create"
        and event["objectRef"] == {"resource": resource, "namespace": namespace, "apiVersion": "v1"}
        and event["responseStatus"]["code"] == 201
    ]


def test_a_deployment_gets_its_pod_from_the_replicaset_controllers_service_account(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=yaml.safe_dump(deployment("web")))
    until(lambda: creators(control_plane, namespace, "pods"), "a pod in the audit log")
    assert creators(control_plane, namespace, "pods") == [REPLICASET_CONTROLLER]
    phases = control_plane.kubectl("get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].status.phase}")
    assert phases == "Pending"


def test_an_api_server_that_is_away_refuses_clients_and_comes_back_with_its_data_and_its_controllers(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("create", "configmap", "kept", "-n", namespace, "--from-literal=key=value")
    url = control_plane.url
    control_plane.stop_apiserver()
    try:
        with control_plane.client() as client, pytest.raises(HTTPError, match="refused"):
            CoreV1Api(client).list_namespace()
    finally:
        control_plane.start_apiserver()
    value = control_plane.kubectl("get", "configmap", "kept", "-n", namespace, "-o", "jsonpath={.data.key}")
    assert (value, control_plane.url) == ("value", url)
    control_plane.kubectl("create", "deployment", "web", "-n", namespace, "--image=nginx:1.27")
    until(lambda: creators(control_plane, namespace, "pods"), "a pod in the audit log")


def test_the_audit_log_is_read_whole_behind_an_event_that_a_killed_server_did_not_finish(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.stop_apiserver()  # which kills it; in the middle of a write, it leaves a part
    with control_plane.audit_log.open("ab") as log:
        log.write(b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","responseStatus":{"code":200}')
    control_plane.start_apiserver()
    control_plane.kubectl("create", "configmap", "after", "-n", namespace)
    created = {"verb": "create", "namespace": namespace, "name": "after"}
    until(
        lambda: (
            created
            in [
                {"verb": event["verb"], "namespace": ref.get("namespace"), "name": ref.get("name")}
                for event in control_plane.audit()
                for ref in [event.get("objectRef", {})]
            ]
        ),
        "the ConfigMap in the audit log",
    )


def test_a_watch_from_before_a_compaction_is_gone_after_a_restart(control_plane: ControlPlane, namespace: str) -> None:
    version = control_plane.kubectl(
        "create", "configmap", "watched", "-n", namespace, "-o", "jsonpath={.metadata.resourceVersion}"
    )
    control_plane.kubectl("create", "configmap", "later", "-n", namespace)
    control_plane.stop_apiserver()
    control_plane.compact()
    control_plane.start_apiserver()
    watch = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&resourceVersion={version}&timeoutSeconds=5"
    event = json.loads(control_plane.kubectl("get", "--raw", watch))
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_the_subresource_of_ephemeral_containers_answers(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "-n", namespace, "-f", "-", input=yaml.safe_dump(pod("web")))
    path = f"/api/v1/namespaces/{namespace}/pods/web/ephemeralcontainers"
    debug = {
        "name": "debug",
        "image": "busybox:1.36",
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePolicy": "File",
    }
    body = json.loads(control_plane.kubectl("get", "--raw", path))
    # A kind of its own that holds the list alone, before 1.22; a Pod since.
    (body["spec"] if body["kind"] == "Pod" else body)["ephemeralContainers"] = [debug]
    control_plane.kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(body))
    images = control_plane.kubectl(
        "get", "pod", "web", "-n", namespace, "-o", "jsonpath={.spec.ephemeralContainers[*].image}"
    )
    assert images == "busybox:1.36"


def test_the_audit_log_is_read_however_deep_a_pod_in_it_nests(control_plane: ControlPlane, namespace: str) -> None:
    managed = [{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": "@"}]
    made = pod("deep")
    made["metadata"]["managedFields"] = managed
    body = json.dumps(made).replace('"@"', '{"f:a":' * 9_000 + "{}" + "}" * 9_000)
    control_plane.kubectl("create", "--raw", f"/api/v1/namespaces/{namespace}/pods", "-f", "-", input=body)
    ref = {"resource": "pods", "namespace": namespace, "name": "deep", "apiVersion": "v1"}
    until(lambda: ref in [event.get("objectRef") for event in control_plane.audit()], "the pod in the audit log")


def test_a_user_is_impersonated_with_exactly_the_groups_that_are_given(
    control_plane: ControlPlane, namespace: str
) -> None:
    with control_plane.as_user("alice", ["dags", "ops"]) as client, pytest.raises(ApiException, match="alice"):
        CoreV1Api(client).list_namespaced_pod(namespace)
    path = f"/namespaces/{namespace}/pods"
    asked = until(lambda: [one for one in control_plane.audit() if path in one["requestURI"]], "the audit log's line")
    (user,) = [one["impersonatedUser"] for one in asked if "impersonatedUser" in one]
    assert (user["username"], user["groups"]) == ("alice", ["dags", "ops", "system:authenticated"])


def test_a_token_kubeconfig_is_its_service_account_and_nobody_else(control_plane: ControlPlane, namespace: str) -> None:
    kubeconfig = control_plane.token_kubeconfig(namespace, "default")
    with pytest.raises(KubectlError, match=f'"system:serviceaccount:{namespace}:default" cannot list'):
        control_plane.kubectl("--kubeconfig", str(kubeconfig), "get", "pods", "-n", namespace)


def test_a_namespace_has_its_labels_and_its_name_as_one(control_plane: ControlPlane) -> None:
    name = control_plane.namespace(labels={"team": "dags"})
    labels = json.loads(control_plane.kubectl("get", "namespace", name, "-o", "jsonpath={.metadata.labels}"))
    assert labels == {"team": "dags", NAME_LABEL: name}


@pytest.mark.parametrize(
    ("arguments", "deadline", "sentence"),
    [
        (["--no-such-flag"], 60, r"kube-apiserver ended with status 1; .*(\n.*)*unknown flag: --no-such-flag"),
        ([], 0, r"kube-apiserver was not ready within 0 s; the end of its log:"),
    ],
)
def test_a_failed_start_shows_the_log_of_the_program_that_failed_and_leaves_nothing(
    control_plane: ControlPlane, arguments: list[str], deadline: float, sentence: str
) -> None:
    plane = ControlPlane(control_plane.site.binaries, apiserver_arguments=arguments, deadline=deadline)
    with pytest.raises(StartError, match=sentence):
        plane.start()
    assert not plane.site.folder.exists()


def working_in(folder: Path) -> list[Path]:
    """Return the entries in /proc of the processes that work in *folder*."""
    return [entry for entry in Path("/proc").glob("[0-9]*") if works_in(entry) == folder]


@contextmanager
def owner(kubeconfig: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start `python -m tests.harness.control_plane`; gives the process and, once it is up, its folder."""
    command = [sys.executable, "-m", "tests.harness.control_plane", "--kubeconfig", str(kubeconfig)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if line.startswith("Logs"))
            yield process, Path(line.split()[-1])
        finally:
            process.kill()


def works_in(entry: Path) -> Path | None:
    """Return the folder that a process of /proc works in; None if it has ended, reaped or not."""
    try:
        return (entry / "cwd").readlink()
    except OSError:
        return None


@pytest.mark.usefixtures("control_plane")  # not needed to pass, but builds the programs if it must
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_however_the_owner_ends(tmp_path: Path, ending: signal.Signals) -> None:
    with owner(tmp_path / "kubeconfig") as (process, folder):
        started = working_in(folder)
        process.send_signal(ending)
        until(lambda: not folder.exists(), "the folder is removed")
    assert len(started) == 3
    until(lambda: [works_in(entry) for entry in started] == [None] * 3, "what was killed has ended")


def test_a_second_control_plane_works_by_its_kubeconfig_knows_nothing_of_the_first_and_leaves_nothing_when_it_is_ended(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    name = control_plane.namespace()
    kubeconfig = tmp_path / "new" / "kubeconfig"
    with owner(kubeconfig) as (process, folder):
        started = working_in(folder)
        names = control_plane.kubectl("--kubeconfig", str(kubeconfig), "get", "namespaces", "-o", "name")
        process.terminate()
        assert process.wait(60) == 0
    assert "namespace/kube-system" in names
    assert name not in names
    assert not kubeconfig.exists()
    assert not folder.exists()
    assert [works_in(entry) for entry in started] == [None] * 3


def test_a_kubeconfig_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n")
    command = [sys.executable, "-m", "tests.harness.control_plane", "--kubeconfig", str(kubeconfig)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, kubeconfig.read_text()) == (1, "apiVersion: v1\nkind: Config\n")
    assert "choose another place" in run.stderr


def fake(folder: Path, *programs: str) -> Path:
    """Fill a folder with programs that need only be there."""
    folder.mkdir(parents=True, exist_ok=True)
    for program in programs:
        (folder / program).touch(mode=0o755)
    return folder


def build(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script with its cache in *home*, and nothing else in its environment but what is given."""
    variables = {"HOME": str(home), "PATH": os.environ["PATH"], **environment}
    return subprocess.run([str(binaries.BUILD), *arguments], env=variables, capture_output=True, text=True, check=False)


PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")


def test_programs_that_the_environment_names_come_first(tmp_path: Path) -> None:
    assets = fake(tmp_path / "assets", *PROGRAMS)
    run = build(tmp_path, KUBEBUILDER_ASSETS=str(assets))
    assert (run.stdout, run.stderr) == (f"{assets}\n", "")


def cache(home: Path) -> Path:
    """Return the folder of built programs, as the script's help names it."""
    entry = next(line for line in build(home, "--help").stdout.splitlines() if line.strip().startswith("3."))
    return Path(entry.split()[-1])


def test_a_folder_without_all_programs_is_passed_over_and_named(tmp_path: Path) -> None:
    fake(cache(tmp_path), *PROGRAMS)
    assets = fake(tmp_path / "assets", "etcd", "kube-apiserver")
    run = build(tmp_path, KUBEBUILDER_ASSETS=str(assets))
    assert run.stdout.splitlines()[-1] == str(cache(tmp_path))
    assert run.stderr == f"{assets} is passed over: it has no kube-controller-manager\n"


def test_a_second_build_waits_for_the_first_and_takes_what_it_made(tmp_path: Path) -> None:
    lock = cache(tmp_path).parent / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        command = [str(binaries.BUILD)]
        variables = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        with subprocess.Popen(command, env=variables, stdout=-1, stderr=-1, text=True) as second:
            assert second.stderr is not None
            assert second.stderr.readline() == "waiting for another build to end\n"
            fake(cache(tmp_path), *PROGRAMS)
            fcntl.flock(held, fcntl.LOCK_UN)
            assert second.communicate() == (f"{cache(tmp_path)}\n", "")


def test_where_nothing_can_be_built_the_script_says_what_to_do(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "env", "mkdir", "flock", "rm"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    run = build(tmp_path, PATH=str(tools))
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines()[-1].endswith(f"set KUBEBUILDER_ASSETS to a folder with {' '.join(PROGRAMS)}")


def test_an_unknown_target_is_told_with_those_that_exist(tmp_path: Path) -> None:
    run = build(tmp_path, "nodes")
    assert (run.returncode, run.stderr) == (1, "build: 'nodes' is neither 'control-plane' nor 'node'\n")
