"""Cases of the rule `callback`: a DAG folder in a file, whose lines say what is wrong with them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from webhook.lint.environment import Declared, Environment
from webhook.lint.facts import Facts
from webhook.lint.folder import Folder
from webhook.lint.lint import lint
from webhook.lint.linted import Linted
from webhook.lint.versions import versions
from webhook.pods.airflow import Component

FOLDER = Path(__file__).parents[1] / "cases" / "callback"
FILES = sorted(FOLDER.glob("*.yaml"))
_KEYS = {
    "files", "airflow", "image", "executor", "manifests", "required", "variables",
    "says", "spared", "unusable", "modes", "gibberish", "unreal",
}  # fmt: skip
_STRIPPED = re.compile(r" *# ! [a-z, -]+$", re.MULTILINE)
_MARK = re.compile(r"# ! (?P<faults>[a-z, -]+)$")


@dataclass(frozen=True, slots=True)
class Case:
    """One file below tests/cases/callback."""

    name: str
    data: dict[str, Any]

    @property
    def files(self) -> dict[str, str]:
        """The folder, without the marks."""
        return {
            file: re.sub(r" *# ! [a-z, -]+$", "", text, flags=re.MULTILINE) for file, text in self.data["files"].items()
        }

    @property
    def marks(self) -> set[tuple[str, int, str]]:
        """File, line and kind of each finding that the lines announce."""
        return {
            (file, number, fault.strip())
            for file, text in self.data["files"].items()
            for number, line in enumerate(text.splitlines(), 1)
            if (match := _MARK.search(line)) is not None
            for fault in match["faults"].split(",")
        }


def load(path: Path) -> Case:
    data: dict[str, Any] = yaml.safe_load(path.read_text())
    assert set(data) <= _KEYS, f"{path.name} has keys that nobody reads: {set(data) - _KEYS}"
    return Case(path.stem, data)


def facts(data: dict[str, Any]) -> Facts:
    declared = {
        Component(name): Declared(frozenset(one.get("names", ())), one.get("open", False))
        for name, one in data.get("manifests", {}).items()
    }
    required = {Component(name): frozenset(names) for name, names in data.get("required", {}).items()}
    return Facts(
        asked=versions(str(data["airflow"])) if "airflow" in data else None,
        image=versions(str(data["image"])) if "image" in data else None,
        executor=data.get("executor", ""),
        environment=Environment(declared, required) if declared or required else None,
        variables=frozenset(data["variables"]) if "variables" in data else None,
    )


def linted(files: dict[str, str], known: Facts | None = None) -> Linted:
    content = {name: text.encode() for name, text in files.items()}
    folder = Folder(content.get, ("dags",), ("plugins",))
    return lint(folder, [name for name in sorted(content) if name.startswith("dags/")], known or Facts())


def found(outcome: Linted) -> set[tuple[str, int, str]]:
    return {(place.file, place.line, str(one.fault)) for one in outcome.findings for place in one.places}
