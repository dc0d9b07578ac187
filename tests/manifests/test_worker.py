"""The worker pod that check composes, against those that Airflow's own executor made from the same template."""

from base64 import b64encode
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.places import CORPUS
from webhook.documents.policy import DEFAULT, read_policy
from webhook.documents.required_env import EMPTY
from webhook.manifests.check import Asked, Check
from webhook.manifests.hidden import Chest
from webhook.manifests.objects import Manifest, manifests
from webhook.manifests.outcome import Outcome
from webhook.manifests.stream import Document, documents
from webhook.manifests.worker import Worker
from webhook.pods.charts import CHARTS

PROVIDERS = ("provider-af2.11.2-cncf8.4.2", "provider-af3.3.2-cncf10.25.0")
MADE = sorted(
    path
    for provider in PROVIDERS
    for path in (CORPUS / provider).glob("executor-official-1.22.0-*.yaml")
    if (CORPUS / "official-1.22.0" / f"{path.stem.removeprefix('executor-official-1.22.0-')}.workloads.yaml").exists()
)
TEMPLATE = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: base\n      image: template:1.0.0\n"


def indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())


def config(render: str) -> str:
    """Return the ConfigMap of *render* as the official chart writes it, with its template and its settings."""
    values = yaml.safe_load((CORPUS / f"{render}.values.yaml").read_text()) or {}
    image = values.get("images", {}).get("airflow", {})
    # values.yaml: the tag and repository of images.airflow, else the chart's defaults
    repository = image.get("repository") or values.get("defaultAirflowRepository", "apache/airflow")
    tag = image.get("tag") or values.get("defaultAirflowTag", "3.2.2")
    cfg = (
        f"[core]\nexecutor = {values.get('executor', 'KubernetesExecutor')}\n\n"
        "[kubernetes]\nnamespace = airflow\n\n"
        f"[kubernetes_executor]\nnamespace = airflow\nworker_container_repository = {repository}\n"
        f"worker_container_tag = {tag}\n"
    )
    template = (CORPUS / f"{render}.pod_template_file.yaml").read_text()
    return (
        "---\n# Source: airflow/templates/configmaps/configmap.yaml\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: airflow-config\n  labels: {tier: airflow}\n"
        f"data:\n  airflow.cfg: |-\n{indented(cfg)}  pod_template_file.yaml: |-\n\n{indented(template)}"
    )


def read(text: str, file: str = "config.yaml") -> list[Manifest]:
    found = []
    for document in documents(text.encode()):
        assert isinstance(document, Document)
        found += [one for one in manifests(file, document, "default") if isinstance(one, Manifest)]
    return found


def workers(text: str) -> list[Worker]:
    found = read(text)
    chest = Chest(found, CHARTS)
    holders = [one for one in found if one.kind in ("ConfigMap", "Secret")]
    return [worker for one in holders for worker in chest.workers(one) if isinstance(worker, Worker)]


def checked(text: str, policy: str = "") -> Outcome:
    asked = Asked(read_policy(policy) if policy else DEFAULT, EMPTY, date(2026, 11, 23))
    check = Check(asked)
    check.take("config.yaml", text.encode())
    return check.outcome()


def holder(kind: str = "ConfigMap", **data: str) -> str:
    return yaml.safe_dump({"apiVersion": "v1", "kind": kind, "metadata": {"name": "c"}, "data": data}) + "---\n"


def scheduler(*env: dict[str, Any], **container: Any) -> str:
    pod = {"containers": [{"name": "scheduler", "image": "apache/airflow:3.2.2", "env": list(env), **container}]}
    labels = {"labels": {"tier": "airflow", "component": "scheduler"}}
    spec = {"template": {"metadata": labels, "spec": pod}}
    return yaml.safe_dump({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "s"}, "spec": spec})


def image(text: str) -> str:
    [worker] = workers(text)
    return str(worker.pod["spec"]["containers"][0]["image"])


@pytest.mark.parametrize("path", MADE, ids=lambda path: f"{path.parent.name[9:]} {path.stem[25:]}")
def test_a_composed_worker_has_image_policy_and_labels_of_the_one_that_the_executor_made(path: Path) -> None:
    real = yaml.safe_load(path.read_text())
    [worker] = workers(config(f"official-1.22.0/{path.stem.removeprefix('executor-official-1.22.0-')}"))
    assert worker.pod["metadata"]["labels"].items() <= real["metadata"]["labels"].items()
    for field in ("containers", "initContainers"):
        ours, theirs = (pod["spec"].get(field) or [] for pod in (worker.pod, real))
        assert [[one.get(key) for key in ("name", "image", "imagePullPolicy")] for one in ours] == [
            [one.get(key) for key in ("name", "image", "imagePullPolicy")] for one in theirs
        ]


def test_there_are_real_workers_to_compare_with() -> None:
    assert len(MADE) > 15


def test_a_moving_tag_in_the_settings_is_found_at_its_own_line_inside_the_config_map() -> None:
    text = config("official-1.22.0/k8s-image-latest-always")
    seen = checked(text)
    [workload] = seen.workloads
    [reported] = workload.reported
    lines = text.splitlines()
    assert lines[reported.place.line - 1] == "    worker_container_tag = latest"
    assert [lines[related.place.line - 1].strip() for related in reported.related] == [
        "worker_container_repository = registry.example.com/data/airflow",
        "imagePullPolicy: IfNotPresent",
    ]
    assert "images.pod_template.pullPolicy: Always" in reported.violation.cause.fix
    assert workload.title == "task Pod in airflow, made from ConfigMap airflow-config (pod_template_file.yaml)"
    assert workload.template == "airflow/templates/configmaps/configmap.yaml"


def test_another_container_of_the_template_is_found_at_its_line_in_the_template() -> None:
    text = config("official-1.22.0/k8s-extra-containers").replace("alpine:3.20.3", "alpine:edge")
    places = [reported.place for workload in checked(text).workloads for reported in workload.reported]
    assert places
    assert all("image:" in text.splitlines()[place.line - 1] for place in places)


def test_the_digest_of_the_template_is_dropped_as_the_executor_drops_it() -> None:
    cfg = "[kubernetes_executor]\nworker_container_repository = a/b\nworker_container_tag = dev\n"
    template = TEMPLATE.replace("template:1.0.0", "a/b@sha256:" + "ab" * 32)
    text = holder(**{"airflow.cfg": cfg, "pod_template_file.yaml": template})
    assert image(text) == "a/b:dev"
    assert [reported.violation.cause.image for w in checked(text).workloads for reported in w.reported] == [
        "docker.io/a/b:dev"
    ]


def test_without_repository_or_tag_the_image_of_the_template_stays() -> None:
    for cfg in ("", "[kubernetes_executor]\nworker_container_tag = dev\n", "[core]\nworker_container_tag = dev\n"):
        assert image(holder(**{"airflow.cfg": cfg, "pod_template.yaml": TEMPLATE})) == "template:1.0.0"


def test_variables_win_over_the_file_and_todays_section_over_the_old_one() -> None:
    cfg = "[kubernetes_executor]\nworker_container_repository = a/b\nworker_container_tag = file\n"
    text = holder(**{"airflow.cfg": cfg, "pod_template_file.yaml": TEMPLATE})
    old = {"name": "AIRFLOW__KUBERNETES__WORKER_CONTAINER_TAG", "value": "old"}
    new = {"name": "AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_TAG", "value": "new"}
    assert image(text + scheduler()) == "a/b:file"
    assert image(text + scheduler(old)) == "a/b:old"
    assert image(text + scheduler(old, new)) == "a/b:new"


def test_variables_are_followed_into_config_maps_and_secrets() -> None:
    names = [f"AIRFLOW__KUBERNETES__WORKER_CONTAINER_{part}" for part in ("REPOSITORY", "TAG")]
    encoded = {name: b64encode(value.encode()).decode() for name, value in zip(names, ("a/b", "edge"), strict=True)}
    secret = holder("Secret", **encoded)
    template = yaml.safe_dump(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "t"}, "data": {"pod_template.yaml": TEMPLATE}}
    )
    by_ref = [{"name": name, "valueFrom": {"secretKeyRef": {"name": "c", "key": name}}} for name in names]
    assert image(f"{secret}{template}---\n{scheduler(envFrom=[{'secretRef': {'name': 'c'}}])}") == "a/b:edge"
    assert image(f"{secret}{template}---\n{scheduler(*by_ref)}") == "a/b:edge"
    assert image(f"{secret}{template}") == "a/b:edge"  # nobody who refers to the Secret is in the input


def test_an_image_that_comes_from_outside_of_the_input_is_said_to_be_unknown() -> None:
    tag = {
        "name": "AIRFLOW__KUBERNETES__WORKER_CONTAINER_TAG",
        "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}},
    }
    cfg = "[kubernetes]\nworker_container_repository = a/b\n"
    text = holder(**{"airflow.cfg": cfg, "pod_template_file.yaml": TEMPLATE.replace("1.0.0", "latest")})
    seen = checked(text + scheduler(tag))
    assert ["comes from outside of the input" in remark.text for remark in seen.skipped] == [True]
    assert [workload.reported for workload in seen.workloads] == [(), ()]


def test_a_template_that_no_executor_uses_is_passed_over() -> None:
    text = holder(**{"airflow.cfg": "[core]\nexecutor = CeleryExecutor\n", "pod_template_file.yaml": "nonsense: ["})
    seen = checked(text)
    assert seen.workloads == ()
    assert "makes no pods" in seen.skipped[0].text
    assert seen.unusable == []


@pytest.mark.parametrize(
    "executor", ["KubernetesExecutor", "CeleryExecutor,KubernetesExecutor", "my.plugin.PodExecutor", "fast:my:Own"]
)
def test_any_executor_that_may_make_pods_has_its_template_judged(executor: str) -> None:
    text = holder(**{"airflow.cfg": f"[core]\nexecutor = {executor}\n", "pod_template_file.yaml": TEMPLATE})
    assert len(checked(text).workloads) == 1


def test_a_template_that_cannot_be_read_is_named_with_its_line() -> None:
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n"
    text = f"{head}  pod_template_file.yaml: |\n    a: 1\n    b: c: d\n"
    [remark] = checked(text).unusable
    assert (remark.place.line, "pod_template_file.yaml is not YAML" in remark.text) == (7, True)


def test_the_namespace_of_the_settings_decides_the_mode() -> None:
    policy = "{apiVersion: airlock/v1, kind: Policy, namespaces: [{names: [jobs], mode: enforce}]}"
    cfg = "[kubernetes_executor]\nnamespace = jobs\n"
    text = holder(**{"airflow.cfg": cfg, "pod_template_file.yaml": TEMPLATE.replace("1.0.0", "dev")})
    [workload] = checked(text, policy).workloads
    assert [reported.violation.mode for reported in workload.reported] == ["enforce"]


def test_a_key_that_the_settings_name_is_a_template_whatever_its_name() -> None:
    cfg = "[kubernetes_executor]\npod_template_file = /opt/airflow/worker.yaml\n"
    renamed = TEMPLATE.replace("name: base", "name: main")  # the executor calls it base
    assert len(workers(holder(**{"airflow.cfg": cfg, "worker.yaml": renamed, "other.yaml": renamed}))) == 1


def test_any_key_that_is_a_pod_with_the_executors_container_is_a_template() -> None:
    other = TEMPLATE.replace("name: base", "name: main")
    assert len(workers(holder(**{"gpu": TEMPLATE, "small.json": '{"kind": "Pod", "spec": {"containers": []}}'}))) == 1
    assert workers(holder(**{"worker.yaml": other})) == []


def test_two_files_are_two_installations() -> None:
    check = Check(Asked(DEFAULT, EMPTY, date(2026, 11, 23)))
    for file, tag in (("prod.yaml", "3.2.2"), ("dev.yaml", "latest")):
        cfg = f"[kubernetes_executor]\nworker_container_repository = a/b\nworker_container_tag = {tag}\n"
        template = TEMPLATE + "      imagePullPolicy: IfNotPresent\n"
        check.take(file, holder(**{"airflow.cfg": cfg, "pod_template_file.yaml": template}).encode())
    assert [(w.place.file, len(w.reported)) for w in check.outcome().workloads] == [("prod.yaml", 0), ("dev.yaml", 1)]


def test_the_community_charts_template_and_secret_make_a_task_in_the_words_of_that_chart() -> None:
    template = (CORPUS / "community-8.9.0/k8s-image-latest.pod_template_file.yaml").read_text()
    template = template.replace("registry.example.com/data/airflow:latest", "registry.example.com/data/airflow:1.0.0")
    named = {"REPOSITORY": "registry.example.com/data/airflow", "TAG": "latest"}
    secret = {
        f"AIRFLOW__KUBERNETES__WORKER_CONTAINER_{key}": b64encode(value.encode()).decode()
        for key, value in named.items()
    }
    workloads = (CORPUS / "community-8.9.0/k8s-image-latest.workloads.yaml").read_text()
    envs = holder("Secret", **secret).replace("name: c", "name: airflow-config-envs")
    text = f"{holder(**{'pod_template.yaml': template})}{envs}"
    [worker] = [one for one in checked(text + workloads).workloads if one.key]
    [reported] = worker.reported
    assert text.splitlines()[reported.place.line - 1].strip().startswith("AIRFLOW__KUBERNETES__WORKER_CONTAINER_TAG:")
    assert reported.violation.cause.fix.startswith("set airflow.image.tag")


def test_the_executor_is_known_from_variables_too() -> None:
    text = holder(**{"pod_template_file.yaml": TEMPLATE})
    celery = {"name": "AIRFLOW__CORE__EXECUTOR", "value": "CeleryExecutor"}
    assert workers(text + scheduler(celery)) == []
    assert len(workers(text + scheduler())) == 1


def test_string_data_wins_over_data_and_a_prefix_counts() -> None:
    both = {"REPOSITORY": "a/b", "TAG": "old"}
    names = {f"KUBERNETES__WORKER_CONTAINER_{key}": value for key, value in both.items()}
    encoded = {key: b64encode(value.encode()).decode() for key, value in names.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": encoded}
    secret["stringData"] = {"KUBERNETES__WORKER_CONTAINER_TAG": "new"}
    source = {"prefix": "AIRFLOW__", "secretRef": {"name": "s"}}
    template = holder(**{"pod_template_file.yaml": TEMPLATE})
    assert image(f"{yaml.safe_dump(secret)}---\n{template}{scheduler(envFrom=[source])}") == "a/b:new"


def test_of_two_releases_in_a_namespace_each_has_its_own_settings() -> None:
    texts = []
    for release, tag in (("one", "3.2.2"), ("two", "dev")):
        cfg = f"[kubernetes_executor]\nworker_container_repository = a/b\nworker_container_tag = {tag}\n"
        for name, data in (("cfg", {"airflow.cfg": cfg}), ("template", {"pod_template_file.yaml": TEMPLATE})):
            metadata = {"name": f"{release}-{name}", "labels": {"release": release}}
            texts.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    made = workers(yaml.safe_dump_all(texts))
    assert [worker.pod["spec"]["containers"][0]["image"] for worker in made] == ["a/b:3.2.2", "a/b:dev"]


def test_the_schedulers_own_container_comes_before_all_others() -> None:
    names = [f"AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_{part}" for part in ("REPOSITORY", "TAG")]
    ours, theirs = (
        [{"name": name, "value": value} for name, value in zip(names, ("a/b", tag), strict=True)]
        for tag in ("ours", "theirs")
    )
    worker = yaml.safe_load(scheduler(*theirs))
    worker["metadata"]["name"], worker["spec"]["template"]["metadata"]["labels"]["component"] = "w", "worker"
    both = yaml.safe_load(scheduler(*ours))
    both["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "env": theirs})
    template = yaml.safe_load(holder(**{"pod_template_file.yaml": TEMPLATE}).removesuffix("---\n"))
    assert image(yaml.safe_dump_all([template, worker, both])) == "a/b:ours"


def test_the_settings_beside_the_template_come_first_and_a_doubled_percent_is_one() -> None:
    other, mine = (
        f"[kubernetes_executor]\nworker_container_repository = a/b\nworker_container_tag = {tag}\n"
        for tag in ("other", "v1%%2")
    )
    first = holder(**{"airflow.cfg": other}).replace("name: c", "name: other")
    assert image(first + holder(**{"airflow.cfg": mine, "pod_template_file.yaml": TEMPLATE})) == "a/b:v1%2"
