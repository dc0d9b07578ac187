"""(c) What a webhook adds to the creation of a pod on a real API server: nothing, a bare pair in Go, airlock."""

import base64
import http.client
import json
import random
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.bench.decision import documents
from tests.bench.pods import scheduler
from tests.bench.servers import airlock
from tests.bench.told import Told
from tests.figures.figure import Figure, Promise, Row
from tests.harness.control_plane import ControlPlane
from tests.harness.go import pair
from tests.harness.reviews import REPLICASET
from tests.harness.waiting import until

VARIABLE, VALUE = "MESSAGE_CALLBACK_ENDPOINT", "https://x"
LABEL = "measured"  # on namespaces: which webhooks are asked there
# As the ReplicaSet's controller, for airlock believes labels of whom it knows.
HEADERS = {
    "Content-Type": "application/json",
    "Impersonate-User": REPLICASET,
    "Impersonate-Group": "system:masters",
}
NOTHING, GO, AIRLOCK = "no webhook", "a bare pair in Go", "airlock"


class Creator:
    """Creates a pod over one kept connection, as a dry run."""

    def __init__(self, plane: ControlPlane) -> None:
        configuration = plane.configuration()
        context = ssl.create_default_context(cafile=str(configuration.ssl_ca_cert))
        context.load_cert_chain(str(configuration.cert_file), str(configuration.key_file))
        self._connection = http.client.HTTPSConnection(urlsplit(plane.url).netloc, context=context, timeout=60)

    def create(self, namespace: str, pod: bytes) -> tuple[float, dict[str, Any]]:
        """Return the seconds that it took, and the pod as it would be stored."""
        began = time.perf_counter()
        status, body = self._sent(namespace, pod)
        took = time.perf_counter() - began
        assert status == http.client.CREATED, body
        created: dict[str, Any] = json.loads(body)
        return took, created

    def post(self, namespace: str, pod: bytes) -> tuple[int, dict[str, Any]]:
        """Return the status and the object of any answer."""
        status, body = self._sent(namespace, pod)
        answered: dict[str, Any] = json.loads(body)
        return status, answered

    def _sent(self, namespace: str, pod: bytes) -> tuple[int, bytes]:
        self._connection.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod, HEADERS)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def pod() -> bytes:
    """Return a scheduler of three containers that lacks the variable in the first."""
    made = scheduler()
    made["metadata"] = {"generateName": "airflow-scheduler-", "labels": made["metadata"]["labels"]}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "airflow-scheduler-7d4b9c", "uid": "0f1e2d3c"}
    made["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    for container in made["spec"]["containers"]:
        container["env"] = [one for one in container["env"] if one["name"] != VARIABLE]
        del container["volumeMounts"]
    return json.dumps({"apiVersion": "v1", **made}).encode()


def registered(name: str, port: int, ca: Path) -> list[dict[str, Any]]:
    """Return the registration of a pair that is asked about pods in namespaces with the label *name*."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    hooks = []
    for path, kind in (("mutate", "MutatingWebhookConfiguration"), ("validate", "ValidatingWebhookConfiguration")):
        bundle = base64.b64encode(ca.read_bytes()).decode()
        hook = {
            "name": f"{path}.{name}.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{port}/{path}", "caBundle": bundle},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {LABEL: name}},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 10,
        }
        api = "admissionregistration.k8s.io/v1"
        hooks.append({"apiVersion": api, "kind": kind, "metadata": {"name": f"bench-{name}"}, "webhooks": [hook]})
    return hooks


@contextmanager
def standing() -> Iterator[tuple[Creator, dict[str, str]]]:
    """Have a control plane with both pairs in front of it; yields a client, and the namespace of each contender."""
    with tempfile.TemporaryDirectory() as made, ControlPlane() as plane:
        folder = Path(made)
        (folder / "go").mkdir()
        with pair(folder / "go", VARIABLE, VALUE) as (port, ca), airlock(folder / "airlock", documents()) as server:
            hooks = [*registered("go", port, ca), *registered("airlock", server.port, server.ca)]
            plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(hooks))
            names = {NOTHING: "none", GO: "go", AIRLOCK: "airlock"}
            namespaces = {name: plane.namespace(labels={LABEL: label}) for name, label in names.items()}
            creator, body = Creator(plane), pod()
            for name, namespace in namespaces.items():
                wanted = name != NOTHING
                # New registrations take some time to be honoured.
                until(lambda at=namespace, is_=wanted: given(creator.create(at, body)[1]) == is_, name)  # type: ignore[misc]
            yield creator, namespaces


def given(created: dict[str, Any]) -> bool:
    """Return whether the first container has the variable."""
    return any(one["name"] == VARIABLE for one in created["spec"]["containers"][0].get("env", ()))


def measure(told: Told) -> Iterator[Figure | Row]:
    """Yield what a creation takes with each, in turns of any order."""
    rounds, turns = told.pick(5, 10), told.pick(60, 200)
    with standing() as (creator, namespaces):
        body = pod()
        contenders = list(namespaces.items())
        took: dict[str, list[float]] = {name: [] for name in namespaces}
        for _ in range(rounds):
            each: dict[str, list[float]] = {name: [] for name in namespaces}
            for _ in range(turns):
                for name, namespace in random.sample(contenders, len(contenders)):  # each may profit by the one before
                    each[name].append(creator.create(namespace, body)[0] * 1e3)
            for name, times in each.items():
                took[name].append(median(times))
    added = {name: [one - none for one, none in zip(times, took[NOTHING], strict=True)] for name, times in took.items()}
    for name, times in took.items():
        yield Row(name, {"creation, ms": median(times), "added, ms": median(added[name])})
    values = tuple(mine / bare for mine, bare in zip(added[AIRLOCK], added[GO], strict=True))
    yield Figure("what airlock adds, to what the bare pair in Go adds", values, "", Promise(1.1))
