"""What belongs to one Airflow is found wherever the input has it, and what the input does not have is said."""

from datetime import date
from typing import Any

import pytest
import yaml

from webhook.documents.policy import DEFAULT
from webhook.documents.required_env import EMPTY
from webhook.manifests.check import Asked, Check
from webhook.manifests.outcome import Outcome

TEMPLATE = {
    "apiVersion": "v1", "kind": "Pod",
    "spec": {"containers": [{"name": "base", "image": "a/template:1.0.0", "imagePullPolicy": "IfNotPresent"}]},
}  # fmt: skip
KUBERNETES = "AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_"


def cfg(tag: str = "latest", executor: str = "KubernetesExecutor", extra: str = "") -> str:
    section = f"[kubernetes_executor]\nworker_container_repository = a/b\nworker_container_tag = {tag}\n"
    return f"[core]\nexecutor = {executor}\n{section}{extra}"


def config_map(name: str = "airflow-config", labels: Any = None, **data: Any) -> dict[str, Any]:
    texts = {key: one if isinstance(one, str) else yaml.safe_dump(one) for key, one in data.items()}
    metadata = {"name": name, "namespace": "airflow", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}


def template(name: str = "airflow-template", **options: Any) -> dict[str, Any]:
    return config_map(name, **{"pod_template_file.yaml": TEMPLATE}, **options)


def scheduler(*, env: dict[str, str] | None = None, mounts: str = "", **container: Any) -> dict[str, Any]:
    variables = [{"name": name, "value": value} for name, value in (env or {}).items()]
    volumes = [{"name": "config", "configMap": {"name": mounts}}] if mounts else []
    own = {"name": "scheduler", "image": "a/b:1.0.0", "env": variables} | container
    labels = {"tier": "airflow", "component": "scheduler"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [own], "volumes": volumes}}
    metadata = {"name": "scheduler", "namespace": "airflow"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": pod}}


def seen(**files: list[dict[str, Any]]) -> Outcome:
    check = Check(Asked(DEFAULT, EMPTY, date(2026, 11, 23)))
    for name, documents in files.items():
        check.take(f"{name.replace('__', '/')}.yaml", yaml.safe_dump_all(documents).encode())
    return check.outcome()


def images(outcome: Outcome) -> list[str]:
    """Return the images of worker pods that have a finding."""
    return [one.violation.cause.image for work in outcome.workloads if work.key for one in work.reported]


def skipped(outcome: Outcome) -> str:
    return "\n".join(remark.text for remark in outcome.skipped)


def test_a_chart_that_is_rendered_into_folders_is_one_installation() -> None:
    rendered = seen(
        out__airflow__templates__configmaps__configmap=[template()],
        out__airflow__templates__secrets__config=[config_map("airflow-cfg", **{"airflow.cfg": cfg("1.0.0")})],
        out__airflow__templates__scheduler__deployment=[scheduler(env={f"{KUBERNETES}TAG": "dev"})],
    )
    assert images(rendered) == ["docker.io/a/b:dev"]
    assert rendered.workloads[0].place.file == "out/airflow/templates/configmaps/configmap.yaml"


def test_two_environments_in_two_folders_have_each_its_own_settings() -> None:
    both = seen(
        dev__template=[template()], dev__settings=[config_map(**{"airflow.cfg": cfg("dev")})],
        prod__template=[template()], prod__settings=[config_map(**{"airflow.cfg": cfg("1.0.0")})],
    )  # fmt: skip
    assert images(both) == ["docker.io/a/b:dev"]
    assert [work.place.file for work in both.workloads if work.reported] == ["dev/template.yaml"]


def test_the_configuration_that_the_scheduler_mounts_is_the_one_in_force() -> None:
    other = config_map("a-other", **{"airflow.cfg": cfg("1.0.0")})
    mounted = config_map("z-mounted", **{"airflow.cfg": cfg("latest")})
    assert images(seen(all=[other, mounted, template(), scheduler(mounts="z-mounted")])) == ["docker.io/a/b:latest"]
    assert images(seen(all=[other, mounted, template()])) == []


def test_of_two_schedulers_the_one_that_mounts_the_template_says_what_it_becomes() -> None:
    one, two = scheduler(env={f"{KUBERNETES}TAG": "1.0.0"}), scheduler(env={f"{KUBERNETES}TAG": "dev"}, mounts="theirs")
    two["metadata"]["name"] = "other"
    config = config_map(**{"airflow.cfg": cfg("1.0.0")})
    assert images(seen(all=[one, two, config, template("theirs")])) == ["docker.io/a/b:dev"]
    assert images(seen(all=[one, two, config, template("mine")])) == []


def test_a_copy_of_airflow_cfg_beside_a_template_in_a_file_has_the_settings() -> None:
    check = Check(Asked(DEFAULT, EMPTY, date(2026, 11, 23)))
    check.take("base/pod_template.yaml", yaml.safe_dump(TEMPLATE).encode())
    check.take("base/airflow.cfg", cfg("latest").encode())
    outcome = check.outcome()
    [work] = outcome.workloads
    assert [(one.place.file, one.place.line) for one in work.reported] == [("base/airflow.cfg", 5)]
    assert outcome.skipped == []


def test_variables_of_other_components_are_no_settings_of_the_executor() -> None:
    worker = scheduler(env={"AIRFLOW__CORE__EXECUTOR": "LocalExecutor", f"{KUBERNETES}TAG": "dev"})
    worker["spec"]["template"]["metadata"]["labels"]["component"] = "worker"
    assert images(seen(all=[worker, scheduler(), template(), config_map(**{"airflow.cfg": cfg()})])) == [
        "docker.io/a/b:latest"
    ]


@pytest.mark.parametrize(
    ("executor", "judged"),
    [
        ("EdgeExecutor", False),
        ("airflow.providers.edge3.executors.EdgeExecutor", False),
        ("CeleryExecutor,EdgeExecutor", False),
        ("fast:airflow.executors.local_executor.LocalExecutor", False),
        ("airflow.providers.amazon.aws.executors.ecs.AwsEcsExecutor", False),
        ("fast:LocalExecutor, pods:KubernetesExecutor", True),
        ("LocalKubernetesExecutor", True),
    ],
)
def test_names_paths_and_aliases_of_executors_say_whether_pods_are_made(executor: str, judged: bool) -> None:  # noqa: FBT001
    outcome = seen(all=[template(), config_map(**{"airflow.cfg": cfg(executor=executor)})])
    assert bool(outcome.workloads) is judged
    assert ("makes no pods" in skipped(outcome)) is not judged


TEAMS = "LocalExecutor;blue=KubernetesExecutor;red=CeleryExecutor"


def test_a_team_has_the_settings_of_its_own_variables_and_sections() -> None:
    env = {f"AIRFLOW__BLUE___KUBERNETES_EXECUTOR__WORKER_CONTAINER_{key}": value
           for key, value in (("REPOSITORY", "blue/b"), ("TAG", "dev"))}  # fmt: skip
    by_variables = seen(all=[template(), config_map(**{"airflow.cfg": cfg(executor=TEAMS)}), scheduler(env=env)])
    assert images(by_variables) == ["docker.io/blue/b:dev"]
    section = "[blue=kubernetes_executor]\nworker_container_repository = blue/b\nworker_container_tag = edge\n"
    by_file = seen(all=[template(), config_map(**{"airflow.cfg": cfg(executor=TEAMS, extra=section)})])
    assert images(by_file) == ["docker.io/blue/b:edge"]
    assert by_file.workloads[0].key == "pod_template_file.yaml, team blue"


def test_teams_are_ignored_where_several_teams_are_switched_off() -> None:
    config = cfg(executor=TEAMS).replace("[core]\n", "[core]\nmulti_team = False\n")
    assert "makes no pods" in skipped(seen(all=[template(), config_map(**{"airflow.cfg": config})]))


def test_what_an_env_from_outside_of_the_input_may_set_is_said() -> None:
    outside = scheduler(envFrom=[{"secretRef": {"name": "extra"}}])
    text = skipped(seen(all=[template(), outside]))
    assert "Secret extra of its Airflow is not in the input" in text
    assert "airflow.cfg of its Airflow is not in the input" in text
    assert skipped(seen(all=[template(), outside, config_map(**{"airflow.cfg": cfg()})])) == ""


def test_a_setting_that_airflow_fills_from_a_variable_is_unknown() -> None:
    outcome = seen(all=[template(), config_map(**{"airflow.cfg": cfg("${TAG}")})])
    assert images(outcome) == []
    assert "is not judged: it comes from outside of the input" in skipped(outcome)


def test_a_pull_policy_that_kubernetes_does_not_know_is_a_finding() -> None:
    wrong = yaml.safe_load(yaml.safe_dump(TEMPLATE).replace("IfNotPresent", "ifNotPresent"))
    outcome = seen(all=[config_map(**{"pod_template_file.yaml": wrong, "airflow.cfg": cfg("1.0.0")})])
    [reported] = [one for work in outcome.workloads for one in work.reported]
    assert reported.violation.cause.places[0].path == "spec.containers[0].imagePullPolicy"
    assert "the API server will refuse each such pod" in reported.violation.cause.text


def test_a_template_of_several_documents_is_judged_in_each() -> None:
    second = yaml.safe_dump(TEMPLATE).replace("a/template:1.0.0", "a/template:dev")
    two = config_map(gpu=f"{yaml.safe_dump(TEMPLATE)}---\n{second}")
    assert images(seen(all=[two])) == ["docker.io/a/template:dev"]


def test_a_template_without_a_sign_of_a_chart_has_no_words_of_one() -> None:
    beside = config_map("mine", **{"pod.yaml": TEMPLATE, "airflow.cfg": cfg("dev")})
    [reported] = [one for work in seen(all=[beside, scheduler()]).workloads for one in work.reported if work.key]
    assert "images.airflow" not in reported.violation.cause.fix


def test_worker_pods_whose_template_the_input_does_not_have_are_said_not_to_be_judged() -> None:
    settings = config_map(**{"airflow.cfg": cfg(extra="pod_template_file = /opt/airflow/pod_template.yaml\n")})
    text = "the pod template of its executor (/opt/airflow/pod_template.yaml) was not among what was read, so that new"
    assert text in skipped(seen(all=[settings, scheduler(mounts="airflow-config")]))
    assert "pod template" in skipped(seen(all=[scheduler(env={"AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor"})]))


@pytest.mark.parametrize(
    "documents",
    [
        [template(), scheduler(env={"AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor"})],
        [scheduler(env={"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"})],
        [scheduler(env={"AIRFLOW__CORE__EXECUTOR": "company.executors.BatchExecutor"})],
        [scheduler()],
    ],
)
def test_where_there_is_one_or_none_is_needed_nothing_is_said_of_a_template(documents: list[dict[str, Any]]) -> None:
    assert "pod template" not in skipped(seen(all=documents))


EXECUTOR_OF = [{"name": "AIRFLOW__CORE__EXECUTOR", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}]


@pytest.mark.parametrize(
    ("container", "what"),
    [
        ({"volumeMounts": [{"name": "config", "mountPath": "/opt/airflow/airflow.cfg"}]}, "airflow.cfg"),
        ({"envFrom": [{"secretRef": {"name": "config-envs"}}]}, "Secret config-envs"),
        ({"env": EXECUTOR_OF}, "what AIRFLOW__CORE__EXECUTOR refers to"),
    ],
)
def test_where_the_executor_is_not_known_worker_pods_are_said_not_to_be_judged(container: Any, what: str) -> None:
    alone = scheduler(mounts="airflow-config")
    alone["spec"]["template"]["spec"]["containers"][0] |= container
    text = f"its executor is not known, because {what} was not among what was read: if it makes worker pods, they are"
    assert text in skipped(seen(all=[alone]))
    settings = config_map(**{"airflow.cfg": cfg(executor="CeleryExecutor")})
    if "env" not in container:
        assert skipped(seen(all=[alone, settings])) == ""
    assert "executor is not known" not in skipped(seen(all=[alone, template()]))  # which is judged as one that is used


@pytest.mark.parametrize(
    "field", [{"data": "!!!"}, {"data": "ENC[AES256_GCM,data:x,iv:y]"}, {"stringData": "ENC[AES256_GCM,data:x,iv:y]"}]
)
def test_a_pod_template_that_nobody_can_read_is_no_template_without_findings(field: dict[str, str]) -> None:
    [(name, value)] = field.items()
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "airflow"},
        name: {"pod_template_file.yaml": value, "password": value},
    }  # fmt: skip
    outcome = seen(all=[secret])
    assert [remark.text for remark in outcome.unusable] == [
        "pod_template_file.yaml is not judged: its value is encrypted, or neither base64 nor text; check it decrypted"
    ]


def test_an_encrypted_airflow_cfg_is_not_taken_for_one_without_settings() -> None:
    sealed = config_map(**{"airflow.cfg": "ENC[AES256_GCM,data:x,iv:y]"})
    assert "airflow.cfg of its Airflow is not in the input" in skipped(seen(all=[template(), scheduler(), sealed]))
