# ruff: noqa: INP001 - a file of the chart, in no package
"""What `helm test` runs: asks airlock's Service, as the API server does, about a pod in order and one that is not.

Nothing is created, and the reviews are dry runs: no Event is written and no alert fires.
"""

import base64
import copy
import http.client
import json
import os
import socket
import ssl
import sys
import time
from typing import Any

import jsonpatch

CA, PATIENCE = "/ca/ca.crt", 60.0
BAD, GOOD = "apache/airflow:latest", "apache/airflow:2.10.5"
Answer = dict[str, Any]


class Failure(Exception):  # noqa: N818 - the end of the test, with a sentence
    """What does not work."""


def review(pod: Answer, namespace: str) -> Answer:
    """Return the review of *pod*, which a ReplicaSet's controller makes in *namespace*."""
    kind, resource = {"group": "", "version": "v1", "kind": "Pod"}, {"group": "", "version": "v1", "resource": "pods"}
    request = {
        "uid": "helm-test",
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": pod["metadata"]["name"],
        "namespace": namespace,
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": pod,
        "oldObject": None,
        "dryRun": True,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def scheduler(image: str, namespace: str) -> Answer:
    """Return a scheduler's pod that runs *image*."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "helm-test", "uid": "helm-test", "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "helm-test",
            "namespace": namespace,
            "uid": "helm-test",
            "labels": {"tier": "airflow", "component": "scheduler", "release": "helm-test"},
            "ownerReferences": [owner],
        },
        "spec": {"containers": [{"name": "scheduler", "image": image, "imagePullPolicy": "IfNotPresent"}]},
    }


class Airlock:
    """The Service, asked over TLS by its name in the cluster, at the address that the kubelet has told us."""

    def __init__(self, service: str, namespace: str, ca: str, patience: float) -> None:
        prefix = service.upper().replace("-", "_")
        self.name = f"{service}.{namespace}.svc"
        self._address = os.environ.get(f"{prefix}_SERVICE_HOST", self.name)
        self._port = int(os.environ.get(f"{prefix}_SERVICE_PORT", "443"))
        self._ca = ca
        self._patience = patience  # seconds until there is an answer

    def ask(self, path: str, pod: Answer, namespace: str) -> Answer:
        """Return the response to *pod*'s review; raises Failure when there is none for too long."""
        deadline = time.monotonic() + self._patience
        body = json.dumps(review(pod, namespace)).encode()
        while True:
            try:
                status, answer = self._post(path, body)
            except (OSError, http.client.HTTPException) as error:
                why = f"{type(error).__name__}: {error}"
            else:
                if status == http.HTTPStatus.OK:
                    response: Answer = json.loads(answer)["response"]
                    return response
                why = f"HTTP {status}: {answer.decode(errors='replace').strip()}"
            if time.monotonic() > deadline:
                raise Failure(f"no answer from https://{self.name}{path} for {self._patience:.0f} s, at last {why}")
            time.sleep(1)

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=self._ca)
        with (
            socket.create_connection((self._address, self._port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=self.name) as secure,
        ):
            connection = http.client.HTTPConnection(self.name)
            connection.sock = secure
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()


def say(text: str) -> None:
    """Print *text* for `helm test --logs`."""
    print(text, flush=True)  # noqa: T201 - the output of the test


def mutated(airlock: Airlock, pod: Answer, namespace: str) -> Answer:
    """Return *pod* as it would be after the mutating webhook."""
    response = airlock.ask("/mutate", pod, namespace)
    if not response["allowed"]:
        raise Failure(f"/mutate denies a pod, which it never should: {response}")
    if "patch" not in response:
        return pod
    patch = json.loads(base64.b64decode(response["patch"]))
    say(f"/mutate changes it: {', '.join(sorted({operation['path'] for operation in patch}))}")
    changed: Answer = jsonpatch.apply_patch(copy.deepcopy(pod), patch)
    return changed


def run(airlock: Airlock, namespace: str) -> None:
    """Ask about both pods; raises Failure when an answer is not what it should be."""
    say(f"a scheduler on {GOOD} in the namespace {namespace}")
    response = airlock.ask("/validate", mutated(airlock, scheduler(GOOD, namespace), namespace), namespace)
    if not response["allowed"]:
        raise Failure(f"a pod that is in order is denied: {response['status']['message']}")
    say("is admitted" + "".join(f"\n  with the warning: {warning}" for warning in response.get("warnings", [])))
    if any("mutable-tag" in warning for warning in response.get("warnings", [])):
        raise Failure(f"{GOOD} is a full version, and airlock warns of it: see `tags` in the policy")

    say(f"a scheduler on {BAD}, IfNotPresent, in the namespace {namespace}")
    response = airlock.ask("/validate", mutated(airlock, scheduler(BAD, namespace), namespace), namespace)
    said = response.get("warnings", []) if response["allowed"] else [response["status"]["message"]]
    say("is admitted" if response["allowed"] else "is denied")
    say("\n".join(said))
    if not any("mutable-tag" in text for text in said):
        raise Failure(
            f"nothing is said of {BAD}: the policy has mutable-tag at audit or off in the namespace {namespace}, or"
            " exempts it. Name a namespace in helmTest.namespace where it warns or enforces"
        )


def main() -> None:
    """Run the test that the environment describes."""
    environment = os.environ
    patience = float(environment.get("PATIENCE", PATIENCE))
    airlock = Airlock(environment["SERVICE"], environment["SERVICE_NAMESPACE"], environment.get("CA", CA), patience)
    try:
        run(airlock, environment["NAMESPACE"])
    except Failure as failure:
        sys.exit(f"airlock's test failed: {failure}")
    say("airlock answers, and by the policy")


if __name__ == "__main__":
    main()
