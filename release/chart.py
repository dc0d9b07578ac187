"""The chart as a package, and as plain manifests for those without Helm."""

from pathlib import Path

import yaml

from release.archives import settle
from release.programs import run
from release.source import Source

NAMESPACE = "airlock"
# The versions of Kubernetes from which the chart renders something else: each file is for this version and later ones.
KUBERNETES = ("1.25", "1.27", "1.28", "1.30")


def chart(source: Source, helm: Path, target: Path) -> Path:
    """Package the chart into *target*."""
    run([helm, "package", "charts/airlock", "--destination", target], source)
    package = target / f"airlock-{source.version}.tgz"
    settle(package, source.epoch)
    return package


def manifests(source: Source, helm: Path, target: Path) -> list[Path]:
    """Write what the chart renders with its own values, and the namespace, into a file for each of `KUBERNETES`."""
    return [manifest(source, helm, target, kubernetes) for kubernetes in KUBERNETES]


def manifest(source: Source, helm: Path, target: Path, kubernetes: str) -> Path:
    """Write what the chart renders for this version of Kubernetes, such as 1.25, and the namespace, into a file."""
    render = ["template", "airlock", "charts/airlock", "--namespace", NAMESPACE, "--kube-version", kubernetes]
    text = run([helm, *render, "--no-hooks"], source)
    head = [
        f"# airlock {source.version} for Kubernetes {kubernetes} and later: what its chart renders by itself.",
        "# Put your image in the place of localhost/airlock, then: kubectl apply --server-side --filename FILE",
        "---",
        yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, sort_keys=False),
    ]
    path = target / f"airlock-{source.version}-kubernetes-{kubernetes}.yaml"
    path.write_text("\n".join(head) + text, encoding="utf-8")
    return path
