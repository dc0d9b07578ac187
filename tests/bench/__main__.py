"""`make bench`: what a decision costs, as ratios measured in one run; absolute times depend on the machine."""

import json
import multiprocessing
import os
import socket
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.harness.reviews import owned, review
from tests.harness.server import Server, serving
from webhook.admission import review as envelope
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge import message
from webhook.judge.gate import Gate

ROUNDS, CALLS = 15, 400
SECONDS, CONNECTIONS = 4.0, 4
SIZE = 10 * 1024
TODAY = date(2026, 11, 23)
POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
MANIFEST = "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: MESSAGE_CALLBACK_ENDPOINT, value: https://x}]}"


def scheduler_review() -> bytes:
    """Return a review of about 10 KB: a healthy scheduler of three containers, with what an API server adds."""
    variables = [{"name": f"AIRFLOW__SECTION__OPTION_{n}", "value": f"value-{n}"} for n in range(16)]
    env = [{"name": "MESSAGE_CALLBACK_ENDPOINT", "value": "https://x"}, *variables]
    mounts = [{"name": "config", "mountPath": "/opt/airflow/airflow.cfg", "subPath": "airflow.cfg", "readOnly": True}]
    names = ("scheduler", "git-sync", "scheduler-log-groomer")
    containers = [
        {
            "name": name,
            "image": "apache/airflow:2.10.5",
            "imagePullPolicy": "IfNotPresent",
            "env": env,
            "volumeMounts": mounts,
        }
        for name in names
    ]
    metadata = {
        "name": "airflow-scheduler-7d4b9c-x2x9z",
        "namespace": "airflow",
        "uid": "5b1f",
        "labels": {"tier": "airflow", "component": "scheduler", "release": "airflow"},
        "managedFields": [],
    }
    pod = owned({"kind": "Pod", "metadata": metadata, "spec": {"containers": containers}})
    fields: dict[str, Any] = {f"f:{n}": {"f:name": {}, "f:value": {}} for n in range((SIZE - len(review(pod))) // 38)}
    pod["metadata"]["managedFields"] = [{"manager": "kube-controller-manager", "fieldsV1": fields}]
    return review(pod)


def decide(gate: Gate, body: bytes) -> bytes:
    """Do what /validate does, bytes in and bytes out."""
    asked = envelope.decode(body)
    decision = gate.validate(asked, TODAY)
    assert decision.verdict.allowed
    return envelope.allow(asked.uid, message.warnings(decision))


def microseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - began) / CALLS * 1e6


def compare(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float, float]:
    """Return the medians of *one* and *other* in microseconds, and the median of their ratios round by round."""
    pairs = [(microseconds(one), microseconds(other)) for _ in range(ROUNDS)]
    mine, theirs = zip(*pairs, strict=True)
    ratios = [first / second for first, second in pairs]
    return statistics.median(mine), statistics.median(theirs), statistics.median(ratios)


def hammer(port: int, cafile: str, request: bytes) -> float:
    """Send *request* over one kept-alive TLS connection for `SECONDS`; return how many a second got a 200."""
    context = ssl.create_default_context(cafile=cafile)
    done = 0
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        answers = tls.makefile("rb")
        began = time.perf_counter()
        while time.perf_counter() < began + SECONDS:
            tls.sendall(request)
            assert answers.readline().startswith(b"HTTP/1.1 200")
            length = 0
            while (line := answers.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            answers.read(length)
            done += 1
        return done / (time.perf_counter() - began)


def per_second(server: Server, path: str, body: bytes) -> float:
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json")
    head = "\r\n".join((*lines, f"Content-Length: {len(body)}", "", ""))
    arguments = [(server.port, str(server.ca), head.encode() + body)] * CONNECTIONS
    with multiprocessing.get_context("spawn").Pool(CONNECTIONS) as pool:
        pool.map(abs, range(CONNECTIONS))  # the processes are there before any of them begins
        return sum(pool.starmap(hammer, arguments, chunksize=1))


@contextmanager
def constant(folder: Path) -> Iterator[Server]:
    """Run a Flask route that answers with a constant, under airlock's own gunicorn settings."""
    with serving(folder, command=[sys.executable, "-m", "tests.bench.constant_app"]) as server:
        yield server


def main() -> None:
    """Print the two ratios."""
    console = Console(highlight=False, soft_wrap=True)
    body = scheduler_review()
    gate = Gate(read_policy(POLICY), read_manifest(MANIFEST))
    mine, theirs, ratio = compare(lambda: decide(gate, body), lambda: json.loads(body))
    console.print(f"deciding a review of {len(body):,} bytes  {mine:7.1f} µs   json.loads of it {theirs:7.1f} µs")
    console.print(f"  ratio [bold]{ratio:.2f}[/]  (at most 1.00 is promised)")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "policy.yaml").write_text(POLICY)
        (root / "required-env.yaml").write_text(MANIFEST)
        documents = ["--policy", str(root / "policy.yaml"), "--required-env", str(root / "required-env.yaml")]
        (root / "a").mkdir()
        (root / "b").mkdir()
        with serving(root / "a", *documents) as airlock, constant(root / "b") as other:
            pairs = [(per_second(airlock, "/validate", body), per_second(other, "/", body)) for _ in range(3)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(first / second for first, second in pairs)
    console.print(f"/validate over TLS, kept alive     {mine:7.0f} /s   a constant Flask route {theirs:7.0f} /s")
    console.print(f"  ratio [bold]{ratio:.2f}[/]  (at least 0.70 is promised)   on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
