"""A source that airlock may not read is tried again when a pod needs it: the real server on a real API server."""

import os
from pathlib import Path
from typing import Any

from tests.harness.control_plane import ControlPlane
from tests.harness.gate import ONE_SOURCE
from tests.harness.reviews import review, scheduler
from tests.harness.server import Server, serving
from tests.harness.waiting import until


def test_a_right_that_is_given_later_counts_from_the_first_pod_that_asks_and_all_pods_together_make_one_try(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    kubectl = control_plane.kubectl
    kubectl("create", "configmap", "callbacks", "-n", namespace, "--from-literal=endpoint=here")
    kubectl("create", "serviceaccount", "replica", "-n", namespace)
    manifest = tmp_path / "required-env.yaml"
    manifest.write_text(ONE_SOURCE % namespace)
    kubeconfig = control_plane.token_kubeconfig(namespace, "replica")
    environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)}
    # The second option only says that a cluster is meant.
    options = ("--required-env", str(manifest), "--read-configmaps", namespace)
    with serving(tmp_path, *options, environ=environ, ready=False) as server:
        until(lambda: "sources: 1 forbidden" in server.probe("/readyz")[1], "the refusal")
        account = f"{namespace}:replica"
        grant = ("create", "rolebinding", "replica", "-n", namespace, "--clusterrole=view")
        kubectl(*grant, f"--serviceaccount={account}")
        can = ("auth", "can-i", "list", "configmaps", "-n", namespace, "--as", f"system:serviceaccount:{account}")
        until(lambda: not control_plane.run_kubectl(*can).returncode, "the API server knows of the right")
        ask(server, "elsewhere")
        ask(server, "airflow")
        until(lambda: "sources: 1 read" in server.probe("/readyz")[1], "the value")
        tries = [event for event in control_plane.audit() if is_list(event, account)]
    assert [event["responseStatus"]["code"] for event in tries] == [403, 200]


def ask(server: Server, namespace: str) -> None:
    """Have *server* asked about ten new schedulers in *namespace*."""
    for _ in range(10):
        server.review("/mutate", review(scheduler(), namespace=namespace))


def is_list(event: dict[str, Any], account: str) -> bool:
    """Return whether *event* of the audit log tells of a list of the ConfigMap by *account*."""
    user = event["user"]["username"]
    return user == f"system:serviceaccount:{account}" and event["verb"] == "list" and "callbacks" in event["requestURI"]
