"""A bad edit of the policy or the manifest is refused when it is made, with every problem; nothing else is judged."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.reviews import UID, review
from webhook.admission.edit import Edit, decode_edit
from webhook.admission.guard import Guarded, judge
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest

HEAD = "apiVersion: airlock/v1\nkind: Policy\n"
GUARDS = {
    ("airlock", "airlock-policy"): (Guarded("policy", "policy.yaml", read_policy),),
    ("airlock", "airlock-required-env"): (Guarded("required-env", "required-env.yaml", read_manifest),),
}


def config_map(data: Any, name: str = "airlock-policy") -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "airlock"}, "data": data}


def edit(text: str | None, old: str | None = None, name: str = "airlock-policy", namespace: str = "airlock") -> Edit:
    def data(content: str | None) -> dict[str, str]:
        return {} if content is None else {"policy.yaml": content}

    operation = "CREATE" if old is None else "UPDATE"
    before = None if old is None else data(old)
    return Edit(UID, operation, "ConfigMap", namespace, name, "jane", dry_run=False, data=data(text), old=before)


def test_a_good_document_passes() -> None:
    assert judge(edit(HEAD + "mode: enforce\n"), GUARDS).denial == ""


def test_a_bad_document_is_denied_with_every_problem_and_its_line() -> None:
    found = judge(edit(HEAD + "mode: enforc\nworkloads: audit\n"), GUARDS)
    head, *lines = found.denial.splitlines()
    assert head == "2 problems in ConfigMap airlock/airlock-policy; what is in force stays in force:"
    assert [line.partition(": ")[2].split(":")[0] for line in lines] == ["line 3", "line 4"]
    assert found.warnings == ()


def test_a_field_of_another_version_only_warns() -> None:
    found = judge(edit(HEAD + "futureField: 1\n"), GUARDS)
    assert found.denial == ""
    (warning,) = found.warnings
    assert warning.startswith("airlock: policy: line 3: futureField: ")


def test_a_field_of_another_version_beside_a_real_problem_is_denied() -> None:
    assert "mode" in judge(edit(HEAD + "futureField: 1\nmode: enforc\n"), GUARDS).denial


def test_a_missing_key_is_denied_with_the_keys_there_are() -> None:
    assert "the ConfigMap has no key 'policy.yaml', only nothing" in judge(edit(None), GUARDS).denial


def test_an_edit_that_leaves_the_text_alone_passes_whatever_it_says() -> None:
    assert judge(edit("mode: enforc", old="mode: enforc"), GUARDS).denial == ""
    assert judge(edit("mode: enforc", old=HEAD), GUARDS).denial != ""


@pytest.mark.parametrize("place", [("airlock-other", "airlock"), ("airlock-policy", "elsewhere")])
def test_other_configmaps_are_nobodys_business(place: tuple[str, str]) -> None:
    name, namespace = place
    assert judge(edit("x: [", name=name, namespace=namespace), GUARDS).denial == ""


def test_a_text_with_very_many_problems_is_cut() -> None:
    text = HEAD + "exemptions:\n" + "- {}\n" * 100
    found = judge(edit(text), GUARDS)
    assert len(found.denial.splitlines()) == 42
    assert found.denial.splitlines()[-1].startswith("and ")


def test_an_edit_is_decoded_with_what_was_there_before() -> None:
    body = review(config_map({"a": "1"}), old=config_map(None), operation="UPDATE", namespace="airlock")
    found = decode_edit(body)
    assert (found.kind, found.name, dict(found.data), found.old) == ("ConfigMap", "airlock-policy", {"a": "1"}, {})


@pytest.mark.parametrize(
    "body",
    [
        review({"kind": "Pod", "metadata": {"name": "x"}}),
        review(None, old=config_map({}), operation="DELETE", kind="ConfigMap"),
        review(config_map({}), subresource="status"),
    ],
)
def test_what_is_no_edit_of_a_configmap_is_none(body: bytes) -> None:
    assert decode_edit(body).kind == ""


@pytest.mark.parametrize("data", [5, [], {"a": 1}, "x"])
def test_a_guarded_configmap_that_cannot_be_read_is_refused_and_any_other_passes(data: Any) -> None:
    request = {"name": "airlock-policy"}
    body = json.loads(review(config_map(data), namespace="airlock"))
    body["request"] |= request
    asked = decode_edit(json.dumps(body).encode())
    assert asked.obstacle.startswith("cannot be read: ")
    assert "the object cannot be read: " in judge(asked, GUARDS).denial
    assert judge(asked, {}).denial == ""


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_whatever_is_written_is_judged_in_printable_lines(text: str) -> None:
    found = judge(edit(text), GUARDS)
    assert all(line.isprintable() for line in [*found.denial.splitlines(), *found.warnings])


# What is doubtful

MANIFEST = "apiVersion: airlock/v1\nkind: RequiredEnv\nenv:\n"
FROM = "from: {configMap: {namespace: pipelines, name: callbacks, key: K}}"


def variable(name: str, *namespaces: str) -> str:
    return f"- {{name: {name}, reason: r, namespaces: {json.dumps(namespaces)}, {FROM}}}\n"


def manifest_edit(text: str, old: str | None = None) -> Edit:
    before = None if old is None else {"required-env.yaml": old}
    data = {"required-env.yaml": text}
    operation = "CREATE" if old is None else "UPDATE"
    return Edit(
        UID, operation, "ConfigMap", "airlock", "airlock-required-env", "jane", dry_run=False, data=data, old=before
    )


@pytest.mark.parametrize("glob", ["*-prod", "?irflow", "**a"])
def test_an_edit_that_brings_in_a_source_for_namespaces_of_any_name_is_refused(glob: str) -> None:
    wide = MANIFEST + variable("A", "airflow", glob)
    for old in (None, MANIFEST + variable("A", "airflow"), MANIFEST + variable("B", glob)):
        found = judge(manifest_edit(wide, old), GUARDS)
        assert f"line 4: env[0].namespaces[1]: '{glob}' begins with a wildcard" in found.denial


def test_what_an_earlier_version_took_is_warned_of_while_something_else_is_edited() -> None:
    before = MANIFEST + variable("A", "*-prod")
    found = judge(manifest_edit(MANIFEST + variable("B", "airflow") + variable("A", "*-prod"), before), GUARDS)
    assert found.denial == ""
    (warning,) = found.warnings
    assert warning.startswith("airlock: required-env: line 5: env[1].namespaces[0]: '*-prod' begins with a wildcard")


def test_an_edit_of_a_bad_document_is_judged_by_what_it_says_now() -> None:
    found = judge(manifest_edit(MANIFEST + variable("A", "*-prod"), "env: ["), GUARDS)
    assert "begins with a wildcard" in found.denial


def test_a_policy_that_trusts_everybody_passes_with_a_warning() -> None:
    found = judge(edit(HEAD + 'trustedCreators: ["*"]\n'), GUARDS)
    assert found.denial == ""
    assert found.warnings[0].startswith("airlock: policy: line 3: trustedCreators[0]: '*' means everybody")
