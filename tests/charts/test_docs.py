"""The pages about installing and running: what they name exists."""

import json
import re
from typing import Any

import click
import pytest
import yaml

from tests.harness.chart import schema
from tests.harness.chart.rendering import CHART, render
from tests.harness.places import ROOT
from webhook.__main__ import main
from webhook.controller.telemetry import Telemetry
from webhook.observe.metrics import Metrics
from webhook.rules.catalogue import RULES

README, INSTALL, OPERATIONS = (
    path.read_text(encoding="utf-8")
    for path in (CHART / "README.md", ROOT / "docs/install.md", ROOT / "docs/operations.md")
)
PAGES = {"README": README, "install": INSTALL, "operations": OPERATIONS}
VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
WHOLE = {"document", "resources", "labels"}  # values that are documented as one


def leaves(values: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Return the values by their paths."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value and name not in WHOLE:
            found |= leaves(value, f"{path}{name}.")
        else:
            found[path + name] = value
    return found


def test_the_readme_lists_every_value_and_its_default() -> None:
    listed = re.findall(r"^\| `([\w.]+)` \| `(.*)` \|$", README, re.MULTILINE)
    assert {name: json.loads(default) for name, default in listed} == leaves(yaml.safe_load(VALUES))
    assert [name for name, _ in listed] == [*leaves(yaml.safe_load(VALUES))]


def test_every_value_is_explained_above_it() -> None:
    lines = VALUES.splitlines()
    bare = {
        "image:",
        "serve:",
        "controller:",
        "audit:",
        "policy:",
        "requiredEnv:",
        "envReference:",
        "webhooks:",
        "admissionPolicies:",
        "backstop:",
        "certificates:",
        "certManager:",
    }
    bare |= {"networkPolicy:", "serviceMonitor:", "prometheusRule:", "dashboard:", "helmTest:"}
    bare |= {"document:", "resources:"}
    told_together = {
        "tolerations",
        "podLabels",
        "podAnnotations",
        "limits",
        "requests",
        "kind",
        "apiVersion",
        "env",
        "interval",
    }
    for number, line in enumerate(lines):
        name = re.match(r" *([a-zA-Z]+):", line)
        if name and line.strip() not in bare and name[1] not in told_together:
            assert lines[number - 1].lstrip().startswith("#"), line


def defined(path: list[str], node: dict[str, Any]) -> bool:
    """Return whether the schema *node* has a value at *path*."""
    if "$ref" in node:
        node = schema.read()["$defs"][node["$ref"].rpartition("/")[2]]
    if not path:
        return True
    below = node.get("properties", {}).get(path[0])
    return below is not None and defined(path[1:], below)


@pytest.mark.parametrize("page", PAGES)
def test_every_value_that_a_page_names_exists(page: str) -> None:
    tops = [*schema.read()["properties"]]
    quoted = re.findall(rf"`((?:{'|'.join(tops)})\.[\w.]+)", PAGES[page])
    given = re.findall(r"--set ([\w.]+)=", PAGES[page])
    assert quoted + given
    for name in {*quoted, *given} - {"values.yaml"}:
        assert defined(name.split("."), schema.read()), name


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_values_is_taken(page: str) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", PAGES[page], re.DOTALL):
        values = yaml.safe_load(block)
        if "spec" in values or "kind" in values:  # Argo CD's, the API server's
            continue
        if "webhooks" in values:
            values["webhooks"]["allowFailAtInstall"] = True
        assert len(render(values)) > 15


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_airlock_exists(page: str) -> None:
    for words in re.findall(r"(?:-- |`)airlock ((?:[a-z-]+ ?)+)", PAGES[page]):
        command: click.Command = main
        for word in words.split():
            if isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                assert found is not None, words
                command = found


def test_every_metric_is_explained_and_no_other() -> None:
    shown = "".join(m.exposition()[0].decode() for m in (Metrics(RULES), Telemetry(["airlock"])))
    there = set(re.findall(r"^# HELP (airlock_\w+)", shown, re.MULTILINE))
    named = set(re.findall(r"\b(airlock_\w+)", OPERATIONS))
    assert named == there


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = CHART if page == "README" else ROOT / "docs"
    for target in re.findall(r"\]\(([^)#]*)(?:#([\w-]+))?\)", PAGES[page]):
        path = folder / target[0] if target[0] else None
        assert path is None or path.exists(), target
        text = PAGES[page] if path is None else path.read_text(encoding="utf-8") if path.suffix == ".md" else ""
        if target[1]:
            headings = [
                re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-")
                for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            ]
            assert target[1] in headings, target
