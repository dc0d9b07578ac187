"""The real API server shows airlock its client certificate, as docs/operations.md says how to tell it."""

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.harness.control_plane import ControlPlane
from tests.harness.control_plane.pki import Authority
from tests.harness.places import ROOT
from tests.harness.reviews import scheduler
from tests.harness.server import Server, serving
from tests.harness.waiting import until

PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
NAME = "kube-apiserver-webhooks"


def documented(beginning: str) -> dict[str, Any]:
    """Return the example of the page that begins with *beginning*."""
    (found,) = re.findall(rf"   ```yaml\n(   {beginning}.*?)   ```", PAGE, re.DOTALL)
    example: dict[str, Any] = yaml.safe_load(found)
    return example


def configure(folder: Path, server: Server, clients: Authority) -> Path:
    """Write the three files of the page for *server*, and return the first."""
    pair = clients.client(NAME)
    admission = documented("# admission.yaml")
    for plugin in admission["plugins"]:
        plugin["configuration"]["kubeConfigFile"] = str(folder / "webhooks.kubeconfig")
    kubeconfig = documented("# webhooks.kubeconfig")
    (user,) = kubeconfig["users"]
    assert user["name"] == "airlock.airlock.svc"
    user["name"] = f"127.0.0.1:{server.port}"  # of a registration by URL
    for name, content in (("client-certificate", pair.public), ("client-key", pair.key)):
        user["user"][name] = str(folder / name)
        (folder / name).write_text(content)
    (folder / "webhooks.kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    file = folder / "admission.yaml"
    file.write_text(yaml.safe_dump(admission))
    return file


@contextmanager
def standing(folder: Path) -> Iterator[tuple[ControlPlane, Server]]:
    clients = Authority("clients")
    (folder / "clients.crt").write_text(clients.certificate)
    arguments = ("--client-ca", str(folder / "clients.crt"), "--client-name", NAME, "--events", "off")
    with serving(folder, *arguments) as server:
        file = configure(folder, server, clients)
        with ControlPlane(apiserver_arguments=[f"--admission-control-config-file={file}"]) as plane:
            yield plane, server


def register(plane: ControlPlane, server: Server, host: str) -> None:
    """Have both webhooks asked at *host*, and pods wait for them."""
    for kind, path in (("Validating", "validate"), ("Mutating", "mutate")):
        hook = {
            "name": f"{path}.airlock.example.com",
            "clientConfig": {
                "url": f"https://{host}:{server.port}/{path}",
                "caBundle": base64.b64encode(server.ca.read_bytes()).decode(),
            },
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "namespaceSelector": {"matchLabels": {"host": host.replace(".", "-")}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
        }
        name = f"airlock-{path}-{host.replace('.', '-')}"
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [hook],
        }
        plane.kubectl("apply", "-f", "-", input=json.dumps(configuration))


def test_the_api_server_of_the_page_is_answered_and_one_without_a_certificate_is_told_why_not(tmp_path: Path) -> None:
    with standing(tmp_path) as (plane, server):
        namespaces = {}
        for host in ("127.0.0.1", "localhost"):  # for the second, the page's kubeconfig has no certificate
            namespaces[host] = plane.namespace(labels={"host": host.replace(".", "-")})
            register(plane, server, host)

        def create(host: str) -> subprocess.CompletedProcess[str]:
            pod = scheduler()
            labels = pod["metadata"]["labels"]
            pod["metadata"] = {"generateName": "x-", "namespace": namespaces[host], "labels": labels}
            return plane.run_kubectl("create", "-f", "-", input=json.dumps(pod))

        def decided() -> set[tuple[str, str]]:
            return {(one["namespace"], one["path"]) for one in server.records() if one["event"] == "decision"}

        until(lambda: "this one has sent none" in create("localhost").stderr, "a refusal")
        allowed = namespaces["127.0.0.1"]
        both = {(allowed, "/validate"), (allowed, "/mutate")}
        until(lambda: create("127.0.0.1") and decided() >= both, "both webhooks")
        assert decided() == both
        assert create("127.0.0.1").returncode == 0
        assert create("localhost").returncode == 1
