"""The story, for real: one tag pushed twice, components on the cached copy, and an audit that names the layers.

The pods are busybox under the names, labels and owners of the official chart's.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.node import Node
from tests.harness.node.arguments import NAME
from tests.harness.scanning import reader
from webhook.audit.group import Group
from webhook.audit.survey import Basis, Survey
from webhook.audit.taking import Look, survey
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.gate import Gate
from webhook.judge.message import sentence
from webhook.pods.live import decode_pod
from webhook.pods.nodes import decode_node, known
from webhook.pods.sighting import short

IMAGE = "registry.example.com/data/airflow:main"
POLICY = """
apiVersion: airlock/v1
kind: Policy
mode: warn
rules: {mutable-tag: {mode: enforce}, image-skew: {graceMinutes: 0}}
"""
MANIFEST = """
apiVersion: airlock/v1
kind: RequiredEnv
env:
  - name: MESSAGE_CALLBACK_ENDPOINT
    namespaces: [airflow-story]
    reason: SLA callbacks run inside the scheduler
    from: {configMap: {namespace: story-pipelines, name: callbacks, key: MESSAGE_CALLBACK_ENDPOINT}}
"""


@dataclass(frozen=True, slots=True)
class Story:
    """A cluster in which the story has happened."""

    node: Node
    namespace: str
    old: str  # digests
    new: str
    viewer: Path  # the kubeconfig of somebody who may only look


def component(name: str, policy: str) -> dict[str, Any]:
    """Return a Deployment with the labels and the container of the official chart's component *name*."""
    labels = {"tier": "airflow", "component": name, "release": "story"}
    container = {"name": name, "image": IMAGE, "imagePullPolicy": policy, "command": ["sleep", "infinity"]}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    body = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"story-{name}"}, "spec": body}


@pytest.fixture(scope="module")
def story(node: Node) -> Iterator[Story]:
    namespace = node.namespace("airflow-story")
    node.namespace("story-pipelines")
    endpoint = "--from-literal=MESSAGE_CALLBACK_ENDPOINT=https://callbacks.example.com"
    node.kubectl("create", "configmap", "callbacks", "-n", "story-pipelines", endpoint)

    def run(name: str, policy: str) -> None:
        node.kubectl("apply", "-n", namespace, "-f", "-", input=yaml.safe_dump(component(name, policy)))
        node.wait_ready(f"component={name}", namespace=namespace)

    with node.registry() as registry:
        old = registry.push(node.build_image(files={"/opt/airflow/plugins/callbacks.py": "VERSION = 1"}), IMAGE)
        run("scheduler", "IfNotPresent")
        new = registry.push(node.build_image(files={"/opt/airflow/plugins/callbacks.py": "VERSION = 2"}), IMAGE)
        run("triggerer", "IfNotPresent")  # made after the push, and served from the cache all the same
        run("worker", "Always")
        yield Story(node, namespace, old, new, reader(node, namespace, everywhere="view"))


def audited(story: Story) -> Survey:
    """Return the survey of the story's namespace, by what kubectl shows."""
    found = json.loads(story.node.kubectl("get", "pods", "-n", story.namespace, "-o", "json"))["items"]
    nodes = json.loads(story.node.kubectl("get", "nodes", "-o", "json"))["items"]
    pods = tuple(decode_pod(json.dumps(pod).encode()) for pod in found)
    facts = known(node for one in nodes if (node := decode_node(json.dumps(one).encode())) is not None)
    sources = {("story-pipelines", "callbacks"): {"MESSAGE_CALLBACK_ENDPOINT": "https://callbacks.example.com"}}
    gate = Gate(read_policy(POLICY), read_manifest(MANIFEST), sources)
    latest = max(image.since for pod in pods for image in pod.images.values() if image.since is not None)
    basis = Basis("the story", "enforces mutable-tag", "one", None)
    return survey(Look(pods, facts), gate, basis, latest + timedelta(seconds=1))


def group(found: Survey, name: str) -> Group:
    (one,) = [one for one in found.groups if one.component == name]
    return one


def told(found: Survey, name: str, rule: str) -> str:
    """Return what *rule* says of the component *name*; nothing when it says nothing."""
    return "\n".join(sentence(one.violation) for one in group(found, name).found if one.violation.rule == rule)


def test_the_plugins_of_the_pods_are_two_versions_under_one_tag(story: Story) -> None:
    versions = {
        name: story.node.exec(story.namespace, f"deployment/story-{name}", "cat", "/opt/airflow/plugins/callbacks.py")
        for name in ("scheduler", "triggerer", "worker")
    }
    assert versions == {"scheduler": "VERSION = 1", "triggerer": "VERSION = 1", "worker": "VERSION = 2"}


def test_drift_is_found_with_both_digests_and_the_node(story: Story) -> None:
    found = audited(story)
    (drift,) = found.drifts
    assert drift.certain
    assert {one.digest: (one.pods, one.nodes) for one in drift.sightings} == {
        story.old: (2, (NAME,)),
        story.new: (1, (NAME,)),
    }
    (finding,) = [one for one in found.findings if one.violation.rule == "image-drift"]
    text = finding.violation.cause.text
    assert f"runs as {short(story.old)} in 2 pods" in text
    assert f"runs as {short(story.new)} in 1 pod" in text
    assert f"on '{NAME}'" in text
    assert {
        group.component: {place.detail for place in shown.violation.cause.places} for group, shown in finding.shown
    } == {
        "scheduler": {f"as {short(story.old)}"},
        "triggerer": {f"as {short(story.old)}"},
        "worker": {f"as {short(story.new)}"},
    }


def test_every_layer_of_the_story_is_named_in_one_answer(story: Story) -> None:
    found = audited(story)
    assert "the scheduler of this Airflow runs" in told(found, "worker", "image-skew")  # 1 stale image
    assert "proven: it runs as" in told(found, "scheduler", "mutable-tag")  # 2 image cache
    assert "'MESSAGE_CALLBACK_ENDPOINT' (SLA callbacks" in told(found, "scheduler", "required-env")  # 3 namespace wall
    assert told(found, "triggerer", "image-skew") == ""


def test_the_pods_on_the_cached_copy_would_not_come_back(story: Story) -> None:
    found = audited(story)
    assert {one.component.value: one.lost for one in found.groups} == {"scheduler": 1, "triggerer": 1, "worker": 0}
    assert found.lost == 2


def airlock(story: Story, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `airlock audit` on the story's namespace as somebody who may only look."""
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "required-env.yaml").write_text(MANIFEST)
    documents = ["--policy", str(folder / "policy.yaml"), "--required-env", str(folder / "required-env.yaml")]
    command = [sys.executable, "-m", "webhook", "audit", "--kubeconfig", str(story.viewer), "-n", story.namespace]
    return subprocess.run([*command, *documents, *arguments], capture_output=True, text=True, check=False, timeout=120)


def test_who_may_only_look_is_told_the_story_and_what_would_not_come_back(story: Story, tmp_path: Path) -> None:
    run = airlock(story, tmp_path)
    assert run.returncode == 1, run.stderr  # something would not come back
    told = " ".join(run.stdout.split())  # wherever its lines break
    assert "2 of 3 running pods would not come back" in told
    assert f"image-drift: {IMAGE} " in told
    assert f"runs as {short(story.old)} in 2 pods (scheduler, triggerer)" in told
    assert f"runs as {short(story.new)} in 1 pod (worker)" in told
    assert f"on '{NAME}'" in told
    assert "MESSAGE_CALLBACK_ENDPOINT" in told
    assert "callbacks.example.com" not in told


def test_the_page_shows_three_layers_of_the_story_and_that_nobody_looked_for_the_fourth(
    story: Story, tmp_path: Path
) -> None:
    page = tmp_path / "audit.html"
    assert airlock(story, tmp_path, "-o", "html", "--output-file", str(page)).returncode == 1
    text = page.read_text(encoding="utf-8")
    assert text.count("</svg> found</p>") == 3
    assert text.count("</svg> not checked</p>") == 1
    assert short(story.old) in text
    assert short(story.new) in text
