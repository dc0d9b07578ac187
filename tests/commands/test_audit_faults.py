"""A look at a real API server through what befalls one: it ends with what could be seen, and says what could not."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from tests.harness.control_plane import ControlPlane
from tests.harness.populace import task
from tests.harness.scanning import ENFORCING, reader
from tests.harness.waiting import until
from webhook.audit.assessment import Law, judge
from webhook.audit.survey import Basis, Survey, code
from webhook.cluster import Cluster, Page, connect
from webhook.documents.policy import read_policy
from webhook.scan.look import Scope, interest, look, read_admission
from webhook.scan.pages import Patience
from webhook.scan.server import Server

PODS = 12
FLOWCONTROL = "flowcontrol.apiserver.k8s.io"


@dataclass
class Watched:
    """A connection that does something before the given pages of pods (from 1), and when it is told to wait (429).

    It keeps the status of each answer.
    """

    cluster: Cluster
    before: Mapping[int, Callable[[], None]] = field(default_factory=dict)
    put_off: Callable[[], None] = lambda: None
    pages: int = 0
    answers: list[int] = field(default_factory=list)

    def read(self, path: str, *, query: Mapping[str, str]) -> Page:
        if path.endswith("/pods"):
            self.pages += 1
            self.before.get(self.pages, lambda: None)()
        page = self.cluster.read(path, query=query)
        self.answers.append(page.status)
        if page.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.put_off()
        return page


def populate(plane: ControlPlane, namespace: str) -> None:
    """Put a dozen tasks on moving tags into *namespace*."""
    pods = [task(f"t-{number:02}", namespace, "x/y:latest", "", "") for number in range(PODS)]
    for pod in pods:
        del pod["spec"]["nodeName"], pod["status"]
    items = [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in pods]
    plane.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def survey(connection: Watched, *namespaces: str, patience: Patience, limit: int = 3) -> Survey:
    server = Server(connection, limit=limit, patience=patience)
    law = Law(read_policy(ENFORCING))
    scene = look(server, Scope(namespaces), read_admission(server), interest([law]))
    return judge(scene.look, scene.manifests, law, Basis("a test", "", "", None), datetime.now(UTC))


def told(found: Survey) -> dict[str, str]:
    return {str(remark.place): remark.text for remark in found.remarks if not remark.usable}


@contextmanager
def connected(kubeconfig: Path) -> Iterator[Cluster]:
    with connect(kubeconfig=str(kubeconfig)) as cluster:
        yield cluster


def test_expiry_a_restart_and_a_forbidden_namespace_lose_no_pod_that_may_be_seen(
    control_plane: ControlPlane, namespace: str
) -> None:
    populate(control_plane, namespace)
    other = control_plane.namespace()
    restarts: list[threading.Thread] = []

    def expire() -> None:
        control_plane.kubectl("create", "configmap", "later", "-n", namespace)  # so that the list is of the past
        control_plane.compact()

    def restart() -> None:
        control_plane.stop_apiserver()
        restarts.append(threading.Thread(target=control_plane.start_apiserver))
        restarts[0].start()

    with connected(reader(control_plane, namespace, within=(namespace,))) as cluster:
        connection = Watched(cluster, {3: expire, 5: restart})
        found = survey(connection, other, namespace, patience=Patience(total=60))
    restarts[0].join()
    assert 410 in connection.answers
    assert (found.pods, found.lost) == (PODS, PODS)
    assert list(told(found)) == [f"pods in {other}"]
    assert code(found, None) == 2


def test_a_server_that_stays_away_ends_the_scan_with_what_was_seen(control_plane: ControlPlane, namespace: str) -> None:
    populate(control_plane, namespace)
    with connected(reader(control_plane, namespace, within=(namespace,))) as cluster:
        connection = Watched(cluster, {3: control_plane.stop_apiserver})
        try:
            found = survey(connection, namespace, patience=Patience(total=1.0))
        finally:
            control_plane.start_apiserver()
    assert found.pods == 6
    assert "not all could be read" in told(found)[f"pods in {namespace}"]
    assert connection.pages < 10
    assert code(found, None) == 2


@contextmanager
def crowded(plane: ControlPlane, namespace: str, kubeconfig: Path) -> Iterator[Callable[[], None]]:
    """Let the account of *kubeconfig* have the smallest share of the API server, and use it up.

    Yields what ends the crowd.
    """
    with connect(kubeconfig=str(plane.kubeconfig)) as cluster:
        version = cluster.call("GET", f"/apis/{FLOWCONTROL}").body["preferredVersion"]["version"]
    account = yaml.safe_load(kubeconfig.read_text())["users"][0]["name"]
    subject = {"kind": "ServiceAccount", "serviceAccount": {"namespace": namespace, "name": account}}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
    shares = "assuredConcurrencyShares" if version == "v1beta1" else "nominalConcurrencyShares"
    level: dict[str, Any] = {"type": "Limited", "limited": {shares: 1, "limitResponse": {"type": "Reject"}}}
    schema = {
        "matchingPrecedence": 50,
        "priorityLevelConfiguration": {"name": namespace},
        "rules": [{"subjects": [subject], "resourceRules": [everything]}],
    }
    for kind, spec in (("PriorityLevelConfiguration", level), ("FlowSchema", schema)):
        body = {"apiVersion": f"{FLOWCONTROL}/{version}", "kind": kind, "metadata": {"name": namespace}, "spec": spec}
        plane.kubectl("create", "-f", "-", input=json.dumps(body))
    stop = threading.Event()

    def press() -> None:
        with connect(kubeconfig=str(kubeconfig)) as cluster:
            while not stop.is_set():
                busy.append(cluster.read("/api/v1/configmaps", query={}).status)

    busy: list[int] = []
    with ThreadPoolExecutor(12) as pool:
        try:
            for _ in range(12):
                pool.submit(press)
            until(lambda: 429 in busy, "the account's share is used up")
            yield stop.set
        finally:
            stop.set()
    plane.kubectl("delete", f"flowschema/{namespace}", f"prioritylevelconfiguration/{namespace}")


def test_a_server_that_asks_for_patience_is_given_it(control_plane: ControlPlane, namespace: str) -> None:
    populate(control_plane, namespace)
    account = reader(control_plane, namespace, everywhere="view")
    with connected(account) as cluster, crowded(control_plane, namespace, account) as disperse:
        connection = Watched(cluster, put_off=disperse)
        while 429 not in connection.answers:
            found = survey(connection, namespace, patience=Patience(total=60))
            assert told(found) == {}
            assert found.pods == PODS
