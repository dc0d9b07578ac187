"""What a good manifest says that is most likely a mistake of whatever filled it in."""

import json
from pathlib import Path

import click.testing
import pytest

from webhook.__main__ import main
from webhook.admission.edit import Edit
from webhook.admission.guard import Guarded, judge
from webhook.documents.doubts import doubts
from webhook.documents.required_env import read_manifest


def manifest(value: str, **fields: str) -> str:
    """Return a manifest of one variable."""
    return json.dumps(
        {"apiVersion": "airlock/v1", "kind": "RequiredEnv", "env": [{"name": "DEPLOY_ENV", "value": value, **fields}]}
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", "is empty"),
        ("${DEPLOY_ENV}", "has ${...}"),
        ("https://${HOST:-x}/", "has ${...}"),
        ("$(DEPLOY_ENV}", "has $( without its )"),
        ("https://$(HOST", "has $( without its )"),
        ("$DEPLOY_ENV", "is a shell's way"),
        ("{{ .Values.env }}", "was not rendered"),
        ("<no value>", "was not rendered"),
    ],
)
def test_a_substitution_that_went_wrong_is_told_and_the_value_never(value: str, told: str) -> None:
    read_manifest(manifest(value))  # it is no problem of the document
    (doubt,) = doubts(manifest(value))
    assert str(doubt).startswith(f"env[0].value: {told}") or told in str(doubt)
    assert not value.strip("${}()") or value not in str(doubt)


@pytest.mark.parametrize("value", ["prod", "$(POD_NS)-blue", "$$(HOME)", "$${HOME}", "100$", "a$b", "{x}", "$(A)/$(B)"])
def test_other_values_are_nothing_to_doubt(value: str) -> None:
    assert list(doubts(manifest(value))) == []


@pytest.mark.parametrize("value", ["$(" * 60_000 + ")", "$(A)" * 30_000, "$(A" * 40_000])
def test_a_forged_value_costs_a_time_that_grows_with_its_length(value: str) -> None:
    # A search that looked again from each dollar sign would take minutes here.
    assert len(list(doubts(manifest(value)))) == (not value.endswith(")"))


def test_an_empty_value_with_a_reason_is_meant() -> None:
    assert list(doubts(manifest("", reason="switches the proxy off"))) == []


def test_other_documents_and_bad_ones_are_not_doubted() -> None:
    for text in ("{kind: Policy}", "- a", "", "a: [", "{kind: RequiredEnv, env: {value: ''}}", "{kind: RequiredEnv}"):
        assert list(doubts(text)) == []


def test_policy_check_warns_with_the_line_and_finds_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "required-env.yaml"
    file.write_text("apiVersion: airlock/v1\nkind: RequiredEnv\nenv:\n  - name: A\n    value: ${A}\n")
    result = click.testing.CliRunner().invoke(main, ["policy", "check", str(file)])
    assert result.exit_code == 0
    assert f"{file}:5: warning: env[0].value: has ${{...}}" in result.stdout


def test_the_guard_warns_and_admits() -> None:
    edit = Edit(
        uid="1",
        operation="CREATE",
        kind="ConfigMap",
        namespace="airlock",
        name="airlock-required-env",
        username="alice",
        dry_run=False,
        data={"required-env.yaml": manifest("${A}")},
        old=None,
    )
    guards = {("airlock", "airlock-required-env"): (Guarded("required-env", "required-env.yaml", read_manifest),)}
    judgement = judge(edit, guards)
    assert judgement.denial == ""
    assert judgement.warnings == (
        "airlock: required-env: env[0].value: has ${...}, which no Kubernetes expands: it writes references as $(NAME)",
    )
