"""`airlock policy export`: what people apply."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from tests.harness.places import ROOT
from webhook.__main__ import main

ENV = ROOT / "examples" / "required-env.yaml"


def run(*arguments: str | Path) -> tuple[int, str, str]:
    found = CliRunner().invoke(main, ["policy", "export", *map(str, arguments)])
    return found.exit_code, found.stdout, found.stderr


def test_the_validating_policy_and_its_bindings_are_printed_with_what_is_left_out() -> None:
    code, text, _ = run("--as", "validating-admission-policy", "--policy", ROOT / "examples" / "policy.yaml")
    objects = list(yaml.safe_load_all(text))
    assert code == 0
    assert [one["kind"].removeprefix("ValidatingAdmission") for one in objects] == ["Policy", "PolicyBinding"] * 2
    assert text.startswith("# Made by airlock policy export")
    assert "export again before 2027-03-31 is over (legacy-etl)" in text


def test_namespaces_that_are_left_out_and_deny_are_said_by_options() -> None:
    code, text, _ = run("--as", "validating-admission-policy", "--exclude-namespace", "airlock", "--deny")
    policy = next(yaml.safe_load_all(text))
    names = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][0]["values"]
    assert (code, names) == (0, ["kube-system", "airlock"])


def test_expressions_keep_within_what_an_api_server_takes() -> None:
    _, text, _ = run("--as", "validating-admission-policy")
    for one in yaml.safe_load_all(text):
        for each in one["spec"].get("variables", ()):
            # The longest expression that was tried on an API server; there is no limit but that of an object.
            assert len(each["expression"]) < 40_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as", "mutating-admission-policy"), "no literal variable is required"),
        (("--as", "validating-admission-policy", "--policy", "absent.yaml"), "absent.yaml"),
        ((), "--as"),
        (
            ("--as", "validating-admission-policy", "--exclude-namespace", "kube-*"),
            "'kube-*' is not the name of a name",
        ),
    ],
)
def test_what_cannot_be_exported_exits_with_2_and_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    code, _, error = run(*arguments)
    assert (code, said in error) == (2, True)


def test_the_mutating_policy_holds_no_value_that_does_not_stand_in_the_manifest() -> None:
    code, text, _ = run("--as", "mutating-admission-policy", "--required-env", ENV)
    assert code == 0
    assert "JSONPatch" in text
