"""Each finding's line is the line of the text it speaks of, however that was written."""

import json
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.reviews import EXECUTOR, owned, review, scheduler, task
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.documents.required_env import EMPTY
from webhook.judge.gate import Gate
from webhook.judge.message import sentence
from webhook.manifests.check import Asked, Check
from webhook.manifests.composer import resolved
from webhook.manifests.outcome import Outcome
from webhook.manifests.stream import Document, documents

TODAY = date(2026, 11, 23)
POLICY = read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}")


def checked(content: str | bytes) -> Outcome:
    check = Check(Asked(POLICY, EMPTY, TODAY))
    check.take("f", content if isinstance(content, bytes) else content.encode())
    return check.outcome()


def lines(content: str) -> list[str]:
    shown = content.replace("\r\n", "\n").split("\n")
    seen = checked(content)
    assert seen.unusable == []
    return [shown[one.place.line - 1].strip() for workload in seen.workloads for one in workload.reported]


POD = """apiVersion: v1
kind: Pod
metadata: {name: x, labels: {kubernetes_executor: "True"}}
spec:
  containers:
    - name: base
      imagePullPolicy: Never
      image: a:dev
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (POD, "image: a:dev"),
        (f"# comment\n\n---\n{POD}", "image: a:dev"),
        (f"kind: X\napiVersion: v1\n--- # two\n{POD}\n...\n", "image: a:dev"),
        (f"%YAML 1.1\n---\n{POD}", "image: a:dev"),
        (POD.replace("\n", "\r\n"), "image: a:dev"),
        ("\ufeff" + POD, "image: a:dev"),
        (POD.replace("image: a:dev", "image:\n        'a:dev'"), "'a:dev'"),
        (POD.replace("image: a:dev", "image: >-\n        a:dev"), "image: >-"),
        (POD.replace("a:dev", "&i a:dev\n    - {name: y, image: *i, imagePullPolicy: Never}"), "image: &i a:dev"),
        (POD.replace("    - name: base\n", "    - <<: &d {name: base}\n"), "image: a:dev"),
        (POD.replace("      image: a:dev", "      image: a:1.0.0\n      image: a:dev"), "image: a:dev"),
        (POD.replace("a:dev", "3.2"), "image: 3.2"),
    ],
    ids=range(12),
)  # fmt: skip
def test_the_line_of_a_finding_is_that_of_the_image(text: str, line: str) -> None:
    assert set(lines(text)) == {line}


def test_json_has_lines_too() -> None:
    text = json.dumps(yaml.safe_load(POD), indent="\t").replace('"x"', '"\\ud83d\\ude80"')
    assert lines(text) == ['"image": "a:dev"']


def test_utf_16_with_a_mark_is_read_as_powershell_writes_it() -> None:
    assert len(checked(POD.encode("utf-16")).workloads) == 1


def test_a_label_that_is_no_text_for_the_api_server_is_told_at_its_line() -> None:
    text = POD.replace('{name: x, labels: {kubernetes_executor: "True"}}', "\n  labels:\n    tier: airflow\n    a: yes")
    [workload] = checked(text).workloads
    assert [one.violation.cause.text for one in workload.reported if "cannot be read" in one.violation.cause.text]


@pytest.mark.parametrize(
    ("text", "value"),
    [("on", True), ("No", False), ("OFF", False), ("y", "y"), ("True", True), ("~", None), ("0x1F", 31), ("a", "a")],
)
def test_plain_scalars_mean_what_kubectl_makes_of_them(text: str, value: object) -> None:
    assert resolved(text) == value


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8)
TREES = st.recursive(
    PLAIN | st.booleans() | st.none() | st.integers(-(2**53), 2**53),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(PLAIN.filter(lambda key: key != "<<"), TREES, min_size=1, max_size=3), st.booleans())
def test_what_was_dumped_reads_back_as_it_was(tree: dict[str, Any], flow: bool) -> None:  # noqa: FBT001
    def safe(value: Any) -> bool:
        if isinstance(value, dict):
            return "<<" not in value and all(map(safe, value.values()))
        return all(map(safe, value)) if isinstance(value, list) else True

    if safe(tree) and "{{" not in json.dumps(tree):
        for text in (yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True), json.dumps(tree)):
            [document] = documents(text.encode())
            assert isinstance(document, Document)
            assert document.root.value == tree


@given(st.binary(max_size=200) | st.text(alphabet="abc:-&*{}[]|>\n \t'\"#%!?,~<").map(str.encode))
def test_no_bytes_at_all_end_it_with_an_exception(content: bytes) -> None:
    list(documents(content))
    checked(content)


IMAGES = st.sampled_from(["a:1.0.0", "a:latest", "a:dev", "a", "a:odd-tag", "A:1", "a@sha256:" + "ab" * 32, ""])
POLICIES = st.sampled_from([None, "Always", "IfNotPresent", "Never"])


@given(IMAGES, POLICIES, st.sampled_from(["scheduler", "task", "review", "by hand"]))
def test_check_and_admission_agree_on_the_same_pod(image: str, policy: str | None, how: str) -> None:
    pod = task(image) if how == "task" else scheduler(image)
    pod["spec"]["containers"][0]["imagePullPolicy"] = policy
    pod["spec"]["initContainers"] = [{"name": "first", "image": image}]
    user = {"task": EXECUTOR, "by hand": "jane"}.get(how)
    if how == "by hand":
        del pod["metadata"]["ownerReferences"]
    body = review(pod, user=user) if user else review(owned(pod))
    decision = Gate(POLICY).validate(decode(body), TODAY)
    told = [f"{one.mode} {sentence(one)}" for one in decision.verdict.violations]
    for content in (body, json.dumps(pod)) if how == "review" else (json.dumps(pod), yaml.safe_dump(pod)):
        [workload] = checked(content).workloads
        assert workload.component == decision.component
        assert [f"{one.violation.mode} {sentence(one.violation)}" for one in workload.reported] == told
