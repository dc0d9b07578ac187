"""What makes pods and has none that tell its fault is told by itself: once, and never beside pods that tell it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.harness.livepods import running, task
from tests.harness.scanning import ENFORCING, dumped, workload
from webhook.audit.assessment import Law, judge
from webhook.audit.group import Group
from webhook.audit.preview import preview
from webhook.audit.survey import Basis, Survey, code
from webhook.documents.policy import read_policy
from webhook.documents.required_env import EMPTY, read_manifest
from webhook.pods.airflow import Component
from webhook.rules.finding import Mode
from webhook.scan.look import Scope, interest, look, read_admission

LATEST, GOOD = "apache/airflow:latest", "apache/airflow:2.10.5"
CFG = "[core]\nexecutor = KubernetesExecutor\n[kubernetes_executor]\nworker_container_repository = {}\n"
TEMPLATE = """
apiVersion: v1
kind: Pod
metadata: {labels: {tier: airflow, component: worker, release: airflow}}
spec: {containers: [{name: base, image: dummy, imagePullPolicy: IfNotPresent}]}
"""


def pod(*arguments: Any, **others: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", **running(*arguments, **others)}


def executor(tag: str = "latest", namespace: str = "airflow") -> dict[str, Any]:
    data = {"airflow.cfg": CFG.format("apache/airflow") + f"worker_container_tag = {tag}\n"}
    metadata = {"name": "airflow-config", "namespace": namespace, "labels": {"release": "airflow"}}
    data["pod_template_file.yaml"] = TEMPLATE
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def taken(*objects: dict[str, Any], policy: str = ENFORCING, required: str = "") -> Survey:
    law = Law(read_policy(policy), read_manifest(required) if required else EMPTY)
    dump = dumped(*objects)
    scene = look(dump, Scope(None), read_admission(dump), interest([law]))
    return judge(scene.look, scene.manifests, law, Basis("a dump", policy, "", None), datetime.now(UTC))


def unmade(survey: Survey) -> list[Group]:
    return [group for group in survey.groups if not group.pods]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_a_workload_without_pods_is_told_with_what_its_pods_would_be_denied_for(kind: str) -> None:
    (group,) = unmade(taken(workload("worker", "airflow", LATEST, kind=kind)))
    assert (group.title, group.lost) == (f"worker {kind} airflow/airflow-worker", 0)
    (found,) = group.found
    assert (found.pods, found.example, found.violation.mode) == (0, "", Mode.ENFORCE)
    assert found.violation.cause.places[0].path == "spec.template.spec.containers[0].image"


def test_a_suspended_cron_job_and_a_job_that_has_not_begun_are_told() -> None:
    cron = workload("airflow-cleanup-pods", "airflow", LATEST, kind="CronJob", suspend=True)
    job = workload("create-user-job", "airflow", LATEST, kind="Job")
    assert [group.kind for group in unmade(taken(cron, job))] == ["CronJob", "Job"]


@pytest.mark.parametrize("ending", ["Complete", "Failed"])
def test_a_job_that_has_ended_makes_no_more_pods_and_is_not_told(ending: str) -> None:
    job = workload("create-user-job", "airflow", LATEST, kind="Job")
    job["status"] = {"conditions": [{"type": ending, "status": "True"}]}
    assert unmade(taken(job)) == []
    job["status"]["conditions"][0]["status"] = "False"
    assert len(unmade(taken(job))) == 1


def test_what_running_pods_tell_is_not_told_again_of_what_makes_them() -> None:
    survey = taken(pod("worker", LATEST), workload("worker", "airflow", LATEST))
    assert (unmade(survey), survey.lost) == ([], 1)


def test_a_rollout_that_is_refused_shows_beside_the_pods_that_still_run() -> None:
    survey = taken(pod("worker", GOOD), workload("worker", "airflow", LATEST))
    (group,) = unmade(survey)
    assert (group.name, survey.lost, code(survey, Mode.ENFORCE)) == ("airflow-worker", 0, 1)
    assert len(survey.groups) == 2


def test_pods_of_another_owner_tell_nothing_of_this_one() -> None:
    other = workload("worker", "airflow", LATEST)
    other["metadata"]["name"] = "airflow-worker-gpu"
    survey = taken(pod("worker", LATEST), workload("worker", "airflow", LATEST), other)
    assert [group.name for group in unmade(survey)] == ["airflow-worker-gpu"]


def test_the_jobs_of_a_cron_job_tell_what_it_makes() -> None:
    made = pod("airflow-cleanup-pods", LATEST)
    made["metadata"]["ownerReferences"][0] |= {"kind": "Job", "name": "airflow-airflow-cleanup-pods-28391"}
    cron = workload("airflow-cleanup-pods", "airflow", LATEST, kind="CronJob")
    assert unmade(taken(made, cron)) == []


def test_what_an_owner_makes_is_told_of_the_owner_alone() -> None:
    job = workload("airflow-cleanup-pods", "airflow", LATEST, kind="Job")
    job["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "c", "controller": True}]
    assert unmade(taken(job)) == []


def test_the_executors_worker_is_composed_from_its_config_map_and_told_with_its_key() -> None:
    survey = taken(pod("scheduler", GOOD), executor())
    (group,) = unmade(survey)
    assert group.title == "task ConfigMap airflow/airflow-config (pod_template_file.yaml)"
    assert (group.component, group.chart, group.airflow.release) == (Component.TASK, "official", "airflow")
    assert group.found[0].violation.cause.image == "docker.io/apache/airflow:latest"
    assert unmade(taken(pod("scheduler", GOOD), executor("2.10.5"))) == []


def test_tasks_that_run_tell_what_the_executors_template_makes() -> None:
    tasks = {"apiVersion": "v1", "kind": "Pod", **task(LATEST)}
    assert unmade(taken(tasks, executor())) == []


def test_config_maps_are_read_only_beside_airflow() -> None:
    assert unmade(taken(pod("scheduler", GOOD), executor(namespace="elsewhere"))) == []


def test_settings_in_one_config_map_complete_the_template_in_another() -> None:
    both = executor()
    other = {**both, "metadata": {**both["metadata"], "name": "airflow-template"}}
    other["data"] = {"pod_template_file.yaml": both["data"].pop("pod_template_file.yaml")}
    (group,) = unmade(taken(pod("scheduler", GOOD), both, other))
    assert group.name == "airflow-template (pod_template_file.yaml)"


def test_exempted_templates_are_counted_as_exempted() -> None:
    exemption = "{name: e, reason: r, owner: o, expires: 2999-01-01, namespaces: [airflow]}"
    policy = f"{{apiVersion: airlock/v1, kind: Policy, mode: enforce, exemptions: [{exemption}]}}"
    (group,) = unmade(taken(workload("worker", "airflow", LATEST), policy=policy))
    assert (group.found, [one.exempted.exemption for one in group.lifted]) == ((), ["e"])


def test_what_airlock_will_inject_is_not_missing_in_a_template() -> None:
    required = "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: DEPLOY_ENV, value: prod}]}"
    assert unmade(taken(workload("scheduler", "airflow", GOOD), required=required)) == []


def test_a_preview_keeps_the_pods_of_an_object_apart_from_what_it_would_make() -> None:
    objects = (pod("worker", "apache/airflow:stable"), workload("worker", "airflow", LATEST))
    old, new = taken(*objects, policy="{apiVersion: airlock/v1, kind: Policy}"), taken(*objects)
    found = preview(old, new)
    assert (found.denied, [bool(change.group.pods) for change in found.changes]) == (1, [False, True])


def test_workloads_of_others_are_passed_over() -> None:
    other = workload("worker", "airflow", LATEST)
    other["spec"]["template"]["metadata"]["labels"] = {"app": "web"}
    assert taken(other).groups == ()


def stranger(kind: str = "Deployment") -> dict[str, Any]:
    made = workload("scheduler", "airflow", LATEST, kind=kind)
    made["spec"]["template"]["metadata"]["labels"] = {"app": "etl"}
    made["spec"]["selector"] = {"matchLabels": {"app": "etl"}}
    return made


def test_a_workload_that_looks_like_airflow_is_noted_with_its_row_once_for_all_its_pods() -> None:
    labels = {"app": "etl", "pod-template-hash": "1"}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "airflow-scheduler-1",
        "uid": "u",
        "controller": True,
    }
    pods = [pod("scheduler", LATEST, name=f"airflow-scheduler-1-{letter}") for letter in "ab"]
    for one in pods:
        one["metadata"] |= {"labels": labels, "ownerReferences": [owner], "namespace": "airflow"}
    row = "- {component: scheduler, labels: {app: etl}, container: scheduler}"
    for objects in ((stranger(),), (stranger(), *pods), pods):
        [remark] = [one for one in taken(*objects).remarks if one.note]
        assert str(remark).startswith("airflow/Deployment/airflow-scheduler: Deployment looks like Airflow (image ")
        assert remark.text.endswith(row)
    assert taken(*pods).groups == ()


def test_a_command_alone_gives_a_running_airflow_away() -> None:
    made = pod("scheduler", "registry.example.com/data/etl:1", name="etl-0")
    made["metadata"] |= {"labels": {"app": "etl"}, "namespace": "etl"}
    made["spec"]["containers"][0] |= {"name": "main", "args": ["airflow", "scheduler"]}
    [remark] = [one for one in taken(made).remarks if one.note]
    assert "looks like Airflow (argument 'scheduler', " in remark.text
    assert remark.text.endswith("- {component: scheduler, labels: {app: etl}, container: main}")


def test_a_container_that_no_template_of_the_owner_has_came_from_another_webhook() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "airflow-worker", "uid": "u", "controller": True}
    made = pod("worker", LATEST)
    made["metadata"] |= {"ownerReferences": [owner], "namespace": "airflow"}
    mesh = {"name": "mesh", "image": "registry.example.com/mesh:latest", "imagePullPolicy": "IfNotPresent"}
    made["spec"]["containers"].append(mesh)
    template = workload("worker", "airflow", LATEST, kind="StatefulSet")
    for objects, injected in (((made, template), ["mesh"]), ((made,), [])):
        groups = [group for group in taken(*objects).groups if group.pods]
        causes = [found.violation.cause for group in groups for found in group.found if found.violation.cause.image]
        assert len(causes) == 2
        told = [name for cause in causes if "another webhook adds" in cause.fix for name in cause.containers]
        assert told == injected
