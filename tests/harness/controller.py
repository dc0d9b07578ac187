"""An installation as the chart makes it, on the real control plane: registration, replicas, load."""

import base64
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from certs.names import parse_names
from certs.store import FILES
from tests.harness.certificates import Dialler, aged
from tests.harness.control_plane import ControlPlane
from tests.harness.control_plane.ports import free
from tests.harness.controller_rights import ACCOUNT, config_maps, rights
from tests.harness.gate import bad_pod, config_map
from tests.harness.load import Load
from tests.harness.probed import Probed
from tests.harness.server import Server, listening, serving
from tests.harness.waiting import PATIENCE, until
from webhook.cluster import MERGE_PATCH, Answer, Cluster, connect
from webhook.controller.configurations import KINDS

POLICY = "apiVersion: airlock/v1\nkind: Policy\nmode: enforce\n"
MANIFEST = "apiVersion: airlock/v1\nkind: RequiredEnv\nenv: []\n"
GUARD = "guard"
DENIED = 422


@dataclass
class Installation:
    """airlock's objects in a namespace of their own, with two replicas that are reached on loopback."""

    plane: ControlPlane
    folder: Path
    namespace: str
    ports: tuple[int, int]
    cluster: Cluster  # as the administrator
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def configuration(self) -> str:
        return f"airlock-{self.namespace}"

    def registration(self, policy: str = "Fail") -> list[dict[str, Any]]:
        """Return both configurations, with no caBundle: each calls a replica of its own."""

        def hook(name: str, port: int, **fields: Any) -> dict[str, Any]:
            return {
                "name": f"{name}.airlock.example.com",
                "clientConfig": {"url": f"https://127.0.0.1:{port}/{name}"},
                "namespaceSelector": {"matchLabels": {"airlock-test": self.namespace}},
                "failurePolicy": policy,
                "sideEffects": "NoneOnDryRun",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 5,
                **fields,
            }

        def rules(resource: str, *operations: str) -> list[dict[str, Any]]:
            return [{"apiGroups": [""], "apiVersions": ["v1"], "resources": [resource], "operations": [*operations]}]

        own = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}
        both = ("CREATE", "UPDATE")
        guard = hook(GUARD, self.ports[1], rules=rules("configmaps", *both), namespaceSelector=own)
        pods = [*rules("pods", *both), *rules("pods/ephemeralcontainers", "UPDATE")]
        validating = [hook("validate", self.ports[1], rules=pods), guard | {"failurePolicy": "Ignore"}]
        return [
            self._configuration(
                "MutatingWebhookConfiguration", [hook("mutate", self.ports[0], rules=rules("pods", "CREATE"))]
            ),
            self._configuration("ValidatingWebhookConfiguration", validating),
        ]

    def _configuration(self, kind: str, hooks: list[dict[str, Any]]) -> dict[str, Any]:
        metadata = {"name": self.configuration}
        return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": metadata, "webhooks": hooks}

    def apply(self, *objects: dict[str, Any]) -> None:
        self.plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))

    def get(self, path: str) -> Any:
        """Return what lies at *path*, in airlock's namespace unless it is a whole path; None when there is nothing."""
        answer = self.cluster.call("GET", self._whole(path))
        return answer.body if answer.ok else None

    def delete(self, path: str) -> None:
        answer = self.cluster.call("DELETE", self._whole(path))
        assert answer.ok, answer.why

    def patch(self, path: str, change: dict[str, Any]) -> Answer:
        """Apply *change*, a merge patch."""
        return self.cluster.call("PATCH", self._whole(path), body=change, content_type=MERGE_PATCH)

    def _whole(self, path: str) -> str:
        return path if path.startswith("/") else f"/api/v1/namespaces/{self.namespace}/{path}"

    @property
    def hooks(self) -> list[str]:
        """Where the two configurations are."""
        return [f"{path}/{self.configuration}" for path in KINDS.values()]

    def bundles(self) -> list[bytes]:
        """Return the caBundle of each entry of the configurations that are there."""
        found = [self.get(path) for path in self.hooks]
        hooks = [hook for body in found if body is not None for hook in body["webhooks"]]
        return [base64.b64decode(hook["clientConfig"].get("caBundle", "")) for hook in hooks]

    def secret(self, name: str) -> dict[str, bytes]:
        """Return the data of a Secret; empty when it is not there."""
        data = (self.get(f"secrets/{name}") or {}).get("data") or {}
        return {key: base64.b64decode(value) for key, value in data.items()}

    def events(self, reason: str) -> list[dict[str, Any]]:
        items = self.get(f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")["items"]
        return [event for event in items if event["reason"] == reason]

    def arguments(self, *more: str) -> list[str]:
        """Return the command line of the controller, but for the program."""
        replicas = [part for port in self.ports for part in ("--replica", f"127.0.0.1:{port}")]
        source = f"configmap:{self.namespace}/airlock-"
        return [
            "controller", "--namespace", self.namespace, "--webhook-configuration", self.configuration, *replicas,
            "--accepted", f"{source}accepted", "--policy", f"{source}policy", "--required-env", f"{source}required-env",
            "--host", "127.0.0.1", "--metrics-port", "0", "--interval", "0.2", "--no-audit", *more,
        ]  # fmt: skip

    def environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "KUBECONFIG": str(self.plane.token_kubeconfig(self.namespace, ACCOUNT))}

    @contextmanager
    def controlled(self, *more: str, program: tuple[str, ...] = (), **environ: str) -> Iterator["Process"]:
        """Run the controller until the block ends; the block begins when it listens, or has ended by itself."""
        log = self.folder / f"controller-{next(self.numbers)}.json"
        command = [*(program or (sys.executable, "-m", "webhook")), *self.arguments(*more)]
        with (
            log.open("wb") as output,
            subprocess.Popen(command, stderr=output, env=self.environ() | environ) as process,
        ):
            try:
                listening(process, log)
                yield Process(process, log)
            finally:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(PATIENCE)

    @contextmanager
    def served(self, *more: str) -> Iterator[tuple[Server, Server]]:
        """Run both replicas, with *more* options, whose certificates follow the Secret as a kubelet has them do."""
        until(lambda: self.secret("airlock-tls"), "the TLS Secret")
        folders = [self.folder / f"replica-{number}" for number in range(2)]
        stop = threading.Event()
        for place in folders:
            (place / "certs").mkdir(parents=True)
        self._sync(folders)
        kubelet = threading.Thread(target=self._follow, args=(folders, stop), daemon=True)
        with ExitStack() as stack:
            kubelet.start()
            stack.callback(kubelet.join)
            stack.callback(stop.set)
            source = f"configmap:{self.namespace}/airlock-"
            sources = ["--policy", f"{source}policy", "--required-env", f"{source}required-env"]
            environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(self.plane.kubeconfig)}
            first, second = (
                stack.enter_context(serving(place, "--port", str(port), *sources, *more, environ=environ))
                for place, port in zip(folders, self.ports, strict=True)
            )
            for server in (first, second):  # at once: anyone who looks at what they serve keeps them from going quiet
                stack.callback(server.process.send_signal, signal.SIGINT)
            yield first, second

    def _follow(self, folders: list[Path], stop: threading.Event) -> None:
        while not stop.wait(0.2):
            self._sync(folders)

    def _sync(self, folders: list[Path]) -> None:
        data = self.secret("airlock-tls")
        for place in folders if data else ():
            for name in FILES:
                unfinished = place / name
                unfinished.write_bytes(data.get(name, b""))
                unfinished.replace(place / "certs" / name)


@dataclass
class Process(Probed):
    """A controller that runs."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def probes(self) -> int:
        """Return the metrics port."""
        return int(next(record["metrics_port"] for record in self.records() if record["event"] == "listening"))

    def looks_again(self) -> None:
        """Return when it has looked at all certificates from now on, and had nothing more to do."""
        looks = 'airlock_reconciles_total{outcome="done",part="certificates"}'
        before = self.metric(looks)  # the look that is under way may have begun earlier
        until(lambda: self.metric(looks) >= before + 2, "the controller to look again")

    def audits(self, number: int) -> None:
        """Return when *number* audits have ended from now on; the one that is under way counts."""
        ended = 'airlock_audit_runs_total{outcome="done"}'
        before = self.metric(ended)
        until(lambda: self.metric(ended) >= before + number, f"{number} audits to end")


@contextmanager
def installation(plane: ControlPlane, folder: Path) -> Iterator[Installation]:
    """Make everything that the chart makes; remove what would trouble others when the block ends."""
    first, second = free(2)
    made = Installation(plane, folder, plane.namespace(), (first, second), connect(kubeconfig=str(plane.kubeconfig)))
    documents = {"airlock-policy": {"policy.yaml": POLICY}, "airlock-required-env": {"required-env.yaml": MANIFEST}}
    maps = [config_map(made.namespace, name, data) for name, data in documents.items()]
    maps += config_maps(made.namespace)
    made.apply(*rights(made.namespace, made.configuration, plane.kubernetes), *maps, *made.registration())
    try:
        yield made
    finally:
        plane.kubectl("delete", "--ignore-not-found", "-f", "-", input=yaml.safe_dump_all(made.registration()))
        plane.kubectl("delete", "namespace", made.namespace, "--wait=false", "--ignore-not-found")
        made.cluster.close()


@contextmanager
def load(made: Installation) -> Iterator[tuple[Load, Dialler]]:
    """Make pods (dry run) through both webhooks without pause, and verify every replica by what is published."""
    namespace = made.plane.namespace(labels={"airlock-test": made.namespace})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    asked = partial(made.cluster.call, "POST", pods, query={"dryRun": "All"}, body=bad_pod())
    until(lambda: asked().status == DENIED, "the webhooks to be called")
    addresses = [("127.0.0.1", port) for port in made.ports]
    with Load(made.plane, namespace, bad_pod(), DENIED) as told, Dialler(made, addresses, "127.0.0.1") as dialler:
        yield told, dialler


def age(made: Installation, ca_age: timedelta) -> str:
    """Put certificates there whose authority was made so long ago, for 100 days; return its mark."""
    service = f"airlock.{made.namespace}"
    names = parse_names(["127.0.0.1", "airlock", service, f"{service}.svc", f"{service}.svc.cluster.local"])
    mark, secrets = aged(names, ca_age)
    made.plane.kubectl("apply", "-n", made.namespace, "-f", "-", input=yaml.safe_dump_all(secrets))
    return mark
