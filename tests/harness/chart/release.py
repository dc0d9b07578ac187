"""The release `airlock` on the real control plane: helm works on it beside the controller."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.chart.rendering import CHART, Object, helm
from tests.harness.control_plane import ControlPlane
from tests.harness.server import listening
from tests.harness.waiting import PATIENCE, until

HOME, RELEASE = "chart-home", "airlock"
MANAGER = "airlock-controller"  # the controller's field manager
QUICK = ("--propagation=0", "--audit-interval=1")  # of the controller, where the chart's are for life
KINDS = ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")


class Release:
    """The release `airlock` in the namespace *home*."""

    def __init__(self, plane: ControlPlane, home: str = HOME) -> None:
        self.plane = plane
        self.home = home

    def helm(self, command: str, *arguments: str, values: Object | None = None, chart: Path = CHART) -> str:
        named, stdin = (), None
        if command in ("install", "upgrade"):
            # Without this helm keeps the values of the last revision when none are given.
            reset = ("--reset-values",) if command == "upgrade" else ()
            named, stdin = (str(chart), "--values", "-", *reset), json.dumps(values or {})
        return helm(
            command,
            RELEASE,
            *named,
            *arguments,
            "--namespace",
            self.home,
            stdin=stdin,
            kubeconfig=self.plane.kubeconfig,
        )

    def manifest(self) -> str:
        """Return what helm applied."""
        return helm("get", "manifest", RELEASE, "--namespace", self.home, kubeconfig=self.plane.kubeconfig)

    def other(self, *arguments: str) -> str:
        """Run helm on another release."""
        return helm(*arguments, kubeconfig=self.plane.kubeconfig)

    def get(self, *arguments: str) -> Any:
        return json.loads(self.plane.kubectl("get", *arguments, "-o", "json"))

    def hooks(self) -> list[Object]:
        return [hook for kind in KINDS for hook in self.get(kind, RELEASE)["webhooks"]]

    def publish(self) -> None:
        """Write a caBundle into every entry, as the controller does."""
        bundle = base64.b64encode(self.plane.ca_pem.encode()).decode()
        for kind in KINDS:
            count = len(self.get(kind, RELEASE)["webhooks"])
            patch = [
                {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": bundle}
                for index in range(count)
            ]
            self.plane.kubectl(
                "patch", kind, RELEASE, "--type=json", "-p", json.dumps(patch), f"--field-manager={MANAGER}"
            )

    def bundled(self) -> set[bool]:
        return {"caBundle" in hook["clientConfig"] for hook in self.hooks()}

    @contextmanager
    def controlled(self, folder: Path, *, keep: bool = False) -> Iterator[Path]:
        """Run the controller by the rights and arguments of the chart until the block ends.

        It has registered airlock before, and made both Secrets: that of the certificate comes after the caBundles.
        Gives its log. The Secrets that it made are deleted in the end, unless they are to be kept.
        """
        deployment = self.get("deployment", f"{RELEASE}-controller", "-n", self.home)
        arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        command = [sys.executable, "-m", "webhook", *arguments, "--metrics-port=0", *QUICK]
        environ = {
            "PATH": "/usr/bin:/bin",
            "KUBECONFIG": str(self.plane.token_kubeconfig(self.home, f"{RELEASE}-controller")),
        }
        log = folder / "log.json"
        with log.open("wb") as output, subprocess.Popen(command, stderr=output, env=environ) as process:
            try:
                assert listening(process, log), log.read_text()
                until(lambda: self.bundled() == {True}, "the caBundles")
                until(lambda: "airlock-tls" in self._secrets(), "the certificate")
                yield log
            finally:
                process.terminate()
                process.wait(PATIENCE)
                made = ("secret/airlock-ca", "secret/airlock-tls")
                if not keep:
                    self.plane.run_kubectl("delete", "-n", self.home, "--ignore-not-found", *made)

    def _secrets(self) -> set[str]:
        return {one["metadata"]["name"] for one in self.get("secrets", "-n", self.home)["items"]}

    def policies(self) -> dict[str, str]:
        return {hook["name"]: hook["failurePolicy"] for hook in self.hooks()}


@pytest.fixture(scope="module")
def home(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """Return a control plane with the namespaces that installations need."""
    names = [HOME, "pipelines", "platform"]
    present = control_plane.kubectl("get", "namespaces", "-o", "name")
    made = [name for name in names if f"namespace/{name}\n" not in present]
    for name in made:
        control_plane.namespace(name)
    yield control_plane
    if made:
        control_plane.kubectl("delete", "namespaces", *made)  # and wait: the next tests create them again


@pytest.fixture
def release(home: ControlPlane) -> Iterator[Release]:
    release = Release(home)
    release.helm("install")
    yield release
    release.helm("uninstall")
