"""airlock installed on the real node by its own chart, from its own image, with its own ServiceAccounts."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.control_plane.access import NAME_LABEL
from tests.harness.gate import LABELS, MANIFEST, POLICY, SOURCE, config_map
from tests.harness.node import Node
from tests.harness.places import ROOT
from tests.harness.waiting import until

RELEASE = NAMESPACE = "airlock"
SERVE, CONTROLLER = "app.kubernetes.io/component=serve", "app.kubernetes.io/component=controller"
CALLBACKS = "https://callbacks.example.com"
VALUES: dict[str, Any] = {
    "serve": {"replicas": 2, "drainSeconds": 6, "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}},
    "policy": {"document": yaml.safe_load(POLICY)},
    "requiredEnv": {"document": yaml.safe_load(MANIFEST)},
}


def image() -> tuple[Path, str]:
    """Return airlock's image as an OCI archive, built from the Dockerfile, and its name."""
    built = subprocess.run([ROOT / "tests/harness/chart/image"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.splitlines()[-1]), f"localhost/airlock:{version()}"


def version() -> str:
    """Return the version that the chart installs."""
    chart: dict[str, str] = yaml.safe_load((ROOT / "charts/airlock/Chart.yaml").read_text())
    return chart["appVersion"]


@dataclass(frozen=True, slots=True)
class Installed:
    """A node with airlock on it."""

    node: Node
    folder: Path

    def helm(self, *arguments: str) -> str:
        """Run helm against the node and return what it says."""
        command = [str(ROOT / "tests/harness/chart/helm"), *arguments, "--kubeconfig", str(self.node.kubeconfig)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout}\n{run.stderr}"
        return run.stdout

    def apply_values(self, *, command: str = "upgrade", **changes: Any) -> str:
        """Install or upgrade the release with `VALUES` and *changes* on top."""
        path = self.folder / "values.yaml"
        path.write_text(yaml.safe_dump({**VALUES, **changes}))
        return self.helm(
            command, RELEASE, str(ROOT / "charts/airlock"), "--namespace", NAMESPACE, "--values", str(path)
        )

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` shows."""
        return json.loads(self.node.kubectl("get", *arguments, "-o", "json"))

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change *objects* as the administrator."""
        self.node.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))

    def serving(self, count: int, seconds: float = 120) -> list[dict[str, Any]]:
        """Return the replicas once they are *count* and ready."""
        return self.node.wait_ready(SERVE, count, namespace=NAMESPACE, seconds=seconds)

    def secret(self, name: str) -> dict[str, bytes]:
        """Return the data of a Secret of airlock's; empty when it is not there."""
        found = self.node.run_kubectl("get", "secret", name, "-n", NAMESPACE, "-o", "json")
        data = json.loads(found.stdout).get("data") or {} if found.returncode == 0 else {}
        return {key: base64.b64decode(value) for key, value in data.items()}

    def bundles(self) -> list[bytes]:
        """Return the caBundles of all entries that call airlock."""
        hooks = [
            hook
            for kind in ("mutating", "validating")
            for configuration in self.get(f"{kind}webhookconfigurations")["items"]
            if configuration["metadata"]["name"] == RELEASE
            for hook in configuration["webhooks"]
        ]
        return [base64.b64decode(hook["clientConfig"].get("caBundle", "")) for hook in hooks]

    def registered(self) -> bool:
        """Return whether every entry has one and the same caBundle, with a certificate in it."""
        bundles = set(self.bundles())
        return len(bundles) == 1 and b"BEGIN CERTIFICATE" in bundles.pop()

    def judged_namespace(self) -> str:
        """Return a new namespace in which airlock already answers."""
        namespace = self.node.namespace()
        until(lambda: self.denies(namespace), "airlock to be asked")
        return namespace

    def denies(self, namespace: str) -> bool:
        """Return whether a scheduler on a moving tag is refused now."""
        return "is mutable" in self.answer(namespace)

    def answer(self, namespace: str) -> str:
        """Return why a scheduler on a moving tag is refused now; nothing when it is not."""
        pod = yaml.safe_dump(scheduler("apache/airflow:latest", "refused"))
        run = self.node.run_kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", input=pod)
        return run.stderr if run.returncode else ""


def scheduler(image: str, name: str) -> dict[str, Any]:
    """Return a bare scheduler pod."""
    container = {"name": "scheduler", "image": image, "imagePullPolicy": "IfNotPresent"}
    metadata = {"name": name, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


@pytest.fixture(scope="module")
def installed(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Return an installation for the tests of a module."""
    with installing(node, tmp_path_factory.mktemp("installed")) as made:
        yield made


@pytest.fixture(scope="module")
def judged(installed: Installed) -> str:
    """Return a namespace in which airlock answers."""
    return installed.judged_namespace()


@contextmanager
def installing(node: Node, folder: Path) -> Iterator[Installed]:
    """Install the chart on *node*, and uninstall it when the block ends."""
    archive, name = image()
    node.load_image(archive, name)
    node.kubectl("label", "namespace", "kube-system", f"{NAME_LABEL}=kube-system", "--overwrite")  # as from 1.21 on
    present = node.kubectl("get", "namespaces", "-o", "name")
    for namespace in (NAMESPACE, SOURCE):
        if f"namespace/{namespace}\n" not in present:
            node.namespace(namespace)
    installed = Installed(node, folder)
    installed.apply(config_map(SOURCE, "callbacks", {"endpoint": CALLBACKS}))
    installed.apply_values(command="install")
    began = time.monotonic()
    installed.serving(2, 180)
    until(installed.registered, "the caBundles")
    print(f"installed and registered in {time.monotonic() - began:.0f} s")  # noqa: T201 - pytest shows it with -s
    try:
        yield installed
    finally:
        # A test may have done it; and whatever is wrong with the release, nobody is asked any more.
        node.run_kubectl("delete", "validatingwebhookconfigurations,mutatingwebhookconfigurations", RELEASE)
        installed.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait")
