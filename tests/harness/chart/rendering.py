"""The chart as helm renders it with the values that users set: VALUES has a file for each kind of installation."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.harness.places import ROOT

CHART = ROOT / "charts/airlock"
HELM = Path(__file__).with_name("helm")
VALUES = {path.stem: path for path in sorted(Path(__file__).with_name("values").glob("*.yaml"))}
NEWEST = "1.37.0"
NAMESPACE = "airlock"
Object = dict[str, Any]


class HelmError(RuntimeError):
    """helm ended with an error; the text is what it wrote to stderr."""


def helm(*arguments: str, stdin: str | None = None, kubeconfig: Path | None = None) -> str:
    """Run helm, against the cluster of *kubeconfig* if it asks one; return what it wrote to stdout."""
    command = [str(HELM), *arguments, *(["--kubeconfig", str(kubeconfig)] if kubeconfig else [])]
    run = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)
    if run.returncode:
        raise HelmError(run.stderr)
    return run.stdout


def values_of(name: str) -> Object:
    """Return the values in the file *name* of VALUES."""
    loaded: Object = yaml.safe_load(VALUES[name].read_text(encoding="utf-8")) or {}
    return loaded


def render(
    values: Mapping[str, Any] | None = None,
    *,
    kubernetes: str = NEWEST,
    release: str = "airlock",
    namespace: str = NAMESPACE,
    arguments: tuple[str, ...] = (),
) -> list[Object]:
    """Return the objects of the chart under *values*, for a server of version *kubernetes*."""
    text = _rendered(
        ("template", release, str(CHART), "--namespace", namespace, "--kube-version", kubernetes, *arguments),
        json.dumps(values or {}, default=str),
    )
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


@lru_cache
def _rendered(arguments: tuple[str, ...], values: str) -> str:
    return helm(*arguments, "--values", "-", stdin=values)


def notes(values: Mapping[str, Any] | None = None, *, namespace: str = NAMESPACE) -> str:
    """Return what an installation under *values* prints for the user."""
    text = helm(
        "install", "airlock", str(CHART), "--namespace", namespace, "--dry-run=client", "--values", "-",
        stdin=json.dumps(values or {}, default=str),
    )  # fmt: skip
    return text.partition("\nNOTES:\n")[2]


def one(objects: list[Object], kind: str, name: str = "airlock", namespace: str | None = None) -> Object:
    """Return the only one of *objects* of that *kind* and *name*."""
    (found,) = [
        each
        for each in objects
        if each["kind"] == kind
        and each["metadata"]["name"] == name
        and namespace in (None, each["metadata"].get("namespace"))
    ]
    return found


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    """Return those of *objects* that are of one of *kinds*."""
    return [each for each in objects if each["kind"] in kinds]


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield each pod that the chart makes, with its name: metadata and spec."""
    for each in objects:
        if each["kind"] in ("Deployment", "Pod"):
            yield each["metadata"]["name"], each["spec"]["template"] if each["kind"] == "Deployment" else each


def webhooks(objects: list[Object]) -> dict[str, Object]:
    """Return the entries of both webhook configurations by their names."""
    configurations = of_kind(objects, "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    return {hook["name"]: hook for each in configurations for hook in each["webhooks"]}
