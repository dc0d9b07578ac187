"""`airlock probe`: asks a webhook about a good pod and a bad one, as the API server would.

`helm test` runs it. It creates nothing, and its reviews are dry runs: airlock writes no Event and no alert fires.
"""

import base64
import copy
import json
import socket
import ssl
import time
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

GOOD, BAD = "apache/airflow:2.10.5", "apache/airflow:latest"
TIMEOUT, PAUSE = 5.0, 1.0  # seconds
PORT = 443

Object = dict[str, Any]


class ProbeError(Exception):
    """The webhook does not answer as one should."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where airlock is served, and which authorities to trust."""

    url: str
    address: tuple[str, int]
    trust: ssl.SSLContext
    patience: float  # seconds until there must be an answer

    def ask(self, path: str, pod: Object) -> Object:
        """Return the response to *pod*'s review; raises ProbeError when none comes, or another's."""
        uid = str(uuid.uuid4())
        return _response(self.wait_for(HTTPStatus.OK, path, json.dumps(_review(uid, pod)).encode()), uid)

    def wait_for(self, expected: HTTPStatus, path: str, body: bytes) -> bytes:
        """Return the answer with the status *expected* to *body*; raises ProbeError when none comes."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                status, answer = self._post(path, body)
            except (OSError, HTTPException) as error:
                why = f"{type(error).__name__}: {error}"
            else:
                if status == expected:
                    return answer
                why = f"{status} {answer[:200].decode(errors='replace').strip()}"
            if time.monotonic() >= deadline:
                raise ProbeError(f"no answer from {self.url}{path}, at last {why}")
            time.sleep(PAUSE)

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        place = urlsplit(self.url)
        with (
            socket.create_connection(self.address, timeout=TIMEOUT) as plain,
            self.trust.wrap_socket(plain, server_hostname=place.hostname) as secure,
        ):
            connection = HTTPConnection(place.netloc)
            connection.sock = secure
            connection.request("POST", f"{place.path}{path}", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()


@click.command()
@click.argument("url")
@click.option(
    "--ca",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The CA to trust, such as ca.crt; without it this machine's CAs.",
)
@click.option("--namespace", default="airlock-probe", show_default=True, help="The namespace to use in the reviews.")
@click.option("--connect", metavar="HOST:PORT", help="Where to connect to, instead of the host in the URL.")
@click.option(
    "--patience", type=click.FloatRange(0), default=0.0, help="How many seconds to retry while there is no answer."
)
@click.option(
    "--expect-refusal",
    is_flag=True,
    help="For an airlock with --client-ca: succeed when it refuses this command, which has no client certificate.",
)
def probe(  # noqa: PLR0913 - an argument for each option
    *, url: str, ca: Path | None, namespace: str, connect: str | None, patience: float, expect_refusal: bool
) -> None:
    """Send a good and a bad scheduler pod to the webhook at URL, such as https://airlock.airlock.svc.

    Both go through /mutate and /validate as dry runs. Prints the answers. Exits with 0 if airlock admits the good pod
    and denies or warns about the bad one, else with 1.
    """
    try:
        webhook = Webhook(url.rstrip("/"), _address(url, connect), _trust(ca), patience)
        if expect_refusal:
            _be_refused(webhook)
        else:
            _run(webhook, namespace)
    except (ProbeError, OSError) as error:
        raise click.ClickException(str(error)) from None


def _run(webhook: Webhook, namespace: str) -> None:
    click.echo(f"a scheduler on {GOOD} in the namespace {namespace}")
    good = webhook.ask("/validate", _mutated(webhook, _scheduler(GOOD, namespace)))
    if not good["allowed"]:
        raise ProbeError(f"a good pod is denied: {good['status']['message']}")
    warnings = good.get("warnings") or []
    click.echo("is admitted" + "".join(f"\n  with the warning: {warning}" for warning in warnings))
    if any("mutable-tag" in warning for warning in warnings):
        raise ProbeError(f"{GOOD} is a full version, and airlock warns of it: see `tags` in the policy")

    click.echo(f"a scheduler on {BAD}, IfNotPresent, in the namespace {namespace}")
    bad = webhook.ask("/validate", _mutated(webhook, _scheduler(BAD, namespace)))
    said = (bad.get("warnings") or []) if bad["allowed"] else [bad["status"]["message"]]
    click.echo("\n".join(["is admitted" if bad["allowed"] else "is denied", *said]))
    if not any("mutable-tag" in text for text in said):
        raise ProbeError(
            f"nothing is said of {BAD}: the policy has mutable-tag at audit or off in the namespace {namespace}, or"
            " exempts it; name a namespace where it warns or enforces"
        )
    click.echo("airlock answers, and by the policy")


def _be_refused(webhook: Webhook) -> None:
    answer = webhook.wait_for(HTTPStatus.FORBIDDEN, "/validate", b"").decode(errors="replace").strip()
    if "certificate" not in answer:
        raise ProbeError(f"it refuses this command for another reason: {answer[:200]}")
    click.echo(f"/validate: {answer}\nairlock answers nobody without a certificate; how it judges was not tried")


def _mutated(webhook: Webhook, pod: Object) -> Object:
    """Return *pod* as it would be after the mutating webhook."""
    response = webhook.ask("/mutate", pod)
    if not response["allowed"]:
        raise ProbeError(f"/mutate denies a pod, which it never should: {response}")
    if "patch" not in response:
        return pod
    patch = json.loads(base64.b64decode(response["patch"]))
    click.echo(f"/mutate changes it: {', '.join(sorted({operation['path'] for operation in patch}))}")
    import jsonpatch

    changed: Object = jsonpatch.apply_patch(copy.deepcopy(pod), patch)
    return changed


def _address(url: str, connect: str | None) -> tuple[str, int]:
    try:
        place = urlsplit(url)
        host, port = place.hostname, place.port
    except ValueError as error:
        raise ProbeError(f"{url} is not a URL: {error}") from None
    if place.scheme != "https" or not host:
        raise ProbeError(f"{url}: the URL must begin with https:// and name a host")
    if connect is None:
        return host, port or PORT
    from webhook.controller.replicas import split_address

    try:
        return split_address(connect)
    except ValueError as error:
        raise ProbeError(str(error)) from None


def _trust(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise ProbeError(f"{ca} holds no certificate in PEM") from None


def _response(body: bytes, uid: str) -> Object:
    try:
        response: Object = json.loads(body)["response"]
        if response["uid"] == uid and isinstance(response["allowed"], bool):
            return response
    except (KeyError, TypeError, ValueError):
        raise ProbeError("the answer is not an AdmissionReview") from None
    raise ProbeError("the answer is to another review")


def _scheduler(image: str, namespace: str) -> Object:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "airlock-probe", "uid": "airlock-probe"}
    metadata = {
        "name": "airlock-probe",
        "namespace": namespace,
        "uid": "airlock-probe",
        "labels": {"tier": "airflow", "component": "scheduler", "release": "airlock-probe"},
        "ownerReferences": [owner | {"controller": True}],
    }
    container = {"name": "scheduler", "image": image, "imagePullPolicy": "IfNotPresent"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def _review(uid: str, pod: Object) -> Object:
    """Return the review of *pod*, which a ReplicaSet's controller makes."""
    kind, resource = {"group": "", "version": "v1", "kind": "Pod"}, {"group": "", "version": "v1", "resource": "pods"}
    request = {
        "uid": uid,
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": pod["metadata"]["name"],
        "namespace": pod["metadata"]["namespace"],
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": pod,
        "oldObject": None,
        "dryRun": True,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
