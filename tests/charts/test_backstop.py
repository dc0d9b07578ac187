"""The chart makes what `airlock policy export -o values` prints: the same objects, with the release's labels."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.harness.chart.rendering import HelmError, Object, of_kind, render
from tests.harness.places import ROOT
from webhook.__main__ import main

KINDS = {"validating": "Validating", "mutating": "Mutating"}
POLICY, ENV = ROOT / "examples" / "policy.yaml", ROOT / "examples" / "required-env.yaml"


def export(part: str, *arguments: str | Path) -> str:
    command = ["policy", "export", "--as", f"{part}-admission-policy", "--policy", POLICY]
    command += ["--required-env", ENV] if part == "mutating" else []
    result = CliRunner().invoke(main, [*map(str, command), *map(str, arguments)])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def backstops(objects: list[Object], part: str) -> list[Object]:
    kind = f"{KINDS[part]}AdmissionPolicy"
    found = of_kind(objects, kind, f"{kind}Binding")
    return [one for one in found if one["metadata"]["labels"].get("app.kubernetes.io/component") == "backstop"]


def by_name(objects: list[Object]) -> dict[tuple[str, str], tuple[str, Object]]:
    return {(one["kind"], one["metadata"]["name"]): (one["apiVersion"], one["spec"]) for one in objects}


@pytest.mark.parametrize("part", KINDS)
def test_the_chart_makes_the_objects_that_kubectl_would_apply(part: str) -> None:
    applied = list(yaml.safe_load_all(export(part)))
    made = backstops(render(yaml.safe_load(export(part, "-o", "values"))), part)
    assert by_name(made) == by_name(applied)
    assert len(made) == len(applied)
    assert all(one["metadata"]["labels"]["helm.sh/chart"] for one in made)


@pytest.mark.parametrize(
    ("part", "version", "needs"), [("validating", "1.29.0", "1.30"), ("mutating", "1.35.0", "1.36")]
)
def test_a_server_without_the_api_gets_none(part: str, version: str, needs: str) -> None:
    values = yaml.safe_load(export(part, "-o", "values"))
    assert backstops(render(values, kubernetes=version), part) == []
    assert len(backstops(render(values, kubernetes=f"{needs}.0"), part)) == len(values["backstop"][part]) > 1


def test_without_values_there_is_no_backstop() -> None:
    assert [one for part in KINDS for one in backstops(render(), part)] == []


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "ClusterRoleBinding"},
        {"kind": "MutatingAdmissionPolicy"},
        {"apiVersion": "rbac.authorization.k8s.io/v1"},
        {"metadata": {"name": "kube-system-guard"}},
        {"data": {}},
    ],
)
def test_the_schema_takes_no_other_object(change: dict[str, Any]) -> None:
    values = yaml.safe_load(export("validating", "-o", "values"))
    values["backstop"]["validating"][0] |= change
    with pytest.raises(HelmError, match="backstop"):
        render(values)
