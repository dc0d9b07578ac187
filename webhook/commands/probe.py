"""`airlock probe`: asks a webhook what it says to a good and to a bad pod, as the API server would."""

import json
import ssl
import uuid
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import click

GOOD, BAD = "apache/airflow:2.10.5@sha256:" + "0" * 64, "apache/airflow:latest"
TIMEOUT = 10.0  # seconds
OK = 200


class ProbeError(Exception):
    """The webhook does not answer as one should."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one pod."""

    allowed: bool
    text: str  # the denial, or the warnings


@click.command()
@click.argument("url")
@click.option(
    "--ca",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The authority that is trusted, such as ca.crt; without it those of this machine.",
)
def probe(url: str, ca: Path | None) -> None:
    """Post a good and a bad pod to the webhook at URL, such as https://airlock.airlock.svc.

    Both are dry runs. Prints what came; exits with 0 when the good pod passes and the bad one is answered, whatever
    the policy makes of it, with 1 when not.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        good = _ask(url, context, GOOD)
        bad = _ask(url, context, BAD)
    except (ProbeError, OSError, HTTPException, ValueError) as error:
        raise click.ClickException(f"{url}: {error}") from None
    click.echo(f"a pod of a digest: {'allowed' if good.allowed else 'denied'}{good.text and f': {good.text}'}")
    click.echo(f"a pod of a moving tag: {'allowed' if bad.allowed else 'denied'}{bad.text and f': {bad.text}'}")
    if not good.allowed:
        raise click.ClickException("the good pod is denied: see the policy, it may require variables")


def _ask(url: str, context: ssl.SSLContext, image: str) -> Said:
    split = urlsplit(url)
    if split.scheme != "https" or not split.hostname:
        raise ProbeError("the URL must begin with https:// and name a host")
    uid = str(uuid.uuid4())
    connection = HTTPSConnection(split.hostname, split.port, context=context, timeout=TIMEOUT)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"{split.path.rstrip('/')}/validate", _review(uid, image), headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != OK:
        raise ProbeError(f"the answer is {answer.status} {body[:200].decode(errors='replace').strip()}")
    return _said(body, uid)


def _said(body: bytes, uid: str) -> Said:
    try:
        response = json.loads(body)["response"]
        if response["uid"] != uid:
            raise ProbeError("the answer is to another review")
        text = [(response.get("status") or {}).get("message", ""), *(response.get("warnings") or ())]
        return Said(response["allowed"] is True, "; ".join(part for part in text if part))
    except (KeyError, TypeError, ValueError):
        raise ProbeError("the answer is no AdmissionReview") from None


def _review(uid: str, image: str) -> bytes:
    container = {"name": "triggerer", "image": image, "imagePullPolicy": "IfNotPresent"}
    labels = {"tier": "airflow", "component": "triggerer", "release": "airlock-probe"}
    metadata = {"name": "airlock-probe", "namespace": "airlock-probe", "labels": labels}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    request = {
        "uid": uid,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "airlock-probe",
        "name": "airlock-probe",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": pod,
        "dryRun": True,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()
