"""D26, the other half: an Events API that answers 403, 429 or 500, or nothing at all."""

import base64
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

from certs.names import parse_names
from certs.store import ensure_self_signed
from tests.bench.told import quantile
from tests.figures.figure import Figure, Promise, Row
from tests.harness.control_plane import ControlPlane
from tests.harness.gate import EVENTS, Gate
from tests.harness.waiting import until
from tests.prove.events import ACCOUNT, sent
from tests.prove.told import Told


class _Refusing(BaseHTTPRequestHandler):
    """A webhook that has the API server answer 429 to every Event."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = {"code": 429, "reason": "TooManyRequests", "message": "slower"}
        response = {"uid": asked["request"]["uid"], "allowed": False, "status": status}
        body = json.dumps({"apiVersion": asked["apiVersion"], "kind": asked["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _impatient(plane: ControlPlane, gate: Gate) -> Iterator[None]:
    folder = gate.server.log.parent / "impatient"
    folder.mkdir()
    ensure_self_signed(folder, parse_names(["localhost", "127.0.0.1"]), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with _registered(plane, _hooked(server.server_address[1], (folder / "ca.crt").read_bytes(), 5)):
            yield
        server.shutdown()


# A webhook that nobody answers on makes the API server refuse Events with a 500, one that is silent makes it hang.
def _hooked(port: int, ca: bytes, timeout: int) -> dict[str, Any]:
    rule = {"apiGroups": ["events.k8s.io"], "apiVersions": ["v1"], "resources": ["events"], "operations": ["*"]}
    hook = {
        "name": "events.example.com",
        "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": base64.b64encode(ca).decode()},
        "rules": [rule],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": timeout,
    }
    api, kind = "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "events"}, "webhooks": [hook]}


@contextmanager
def _forbidden(plane: ControlPlane, _gate: Gate) -> Iterator[None]:
    text = plane.kubectl("get", "clusterrolebinding", EVENTS, "-o", "yaml")
    plane.kubectl("delete", "clusterrolebinding", EVENTS)
    try:
        yield
    finally:
        body = yaml.safe_load(text)
        body["metadata"] = {"name": body["metadata"]["name"]}
        plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(body))


@contextmanager
def _failing(plane: ControlPlane, gate: Gate) -> Iterator[None]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        with _registered(plane, _hooked(nobody.getsockname()[1], gate.server.ca.read_bytes(), 5)):
            yield


@contextmanager
def _hanging(plane: ControlPlane, gate: Gate) -> Iterator[None]:
    silent = socket.create_server(("127.0.0.1", 0), backlog=500)
    with silent, _registered(plane, _hooked(silent.getsockname()[1], gate.server.ca.read_bytes(), 30)):
        yield


@contextmanager
def _registered(plane: ControlPlane, hook: dict[str, Any]) -> Iterator[None]:
    plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(hook))
    try:
        yield
    finally:
        plane.kubectl("delete", "validatingwebhookconfiguration", "events")


Fault = Callable[[ControlPlane, Gate], Any]
FAULTS: dict[str, tuple[Fault, frozenset[int]]] = {
    "403": (_forbidden, frozenset({403})),
    "429": (_impatient, frozenset({429})),
    "500": (_failing, frozenset({500})),
    "no answer": (_hanging, frozenset()),
}


def faults(told: Told) -> Iterator[Figure | Row]:
    """Violate on and on while the Events API fails in one way after the other."""
    seconds = told.pick(4, 20)
    with told.gate() as gate:
        namespace = told.plane.namespace()
        (took,) = sent((gate.server,), seconds, [namespace], kinds=3)
        usual = quantile(took, 50)
        for name, (fault, expected) in FAULTS.items():
            with fault(told.plane, gate):
                time.sleep(1)  # until the API server honours it
                seen = len(told.plane.audit())
                (took,) = sent((gate.server,), seconds, [told.plane.namespace()], kinds=3)
                answers = _answers(told.plane, seen)
                pid = gate.server.process.poll()
            yield Row(f"Events API: {name}", {f"answers {status}": float(n) for status, n in sorted(answers.items())})
            if expected:
                yield Figure(
                    f"{name}: answers that were meant",
                    (sum(answers[one] for one in expected),),
                    "",
                    Promise(1, at_most=False),
                )
            yield Figure(f"{name}: p50 of a denial, to the usual", (quantile(took, 50) / usual,))
            yield Figure(f"{name}: p99 of a denial", (quantile(took, 99) * 1e3,), "ms", Promise(100))
            yield Figure(f"{name}: writes that were tried", (sum(answers.values()),), f"in {seconds} s", Promise(100))
            assert pid is None, "airlock ended"
            assert gate.server.ready
        back = told.plane.namespace()
        sent((gate.server,), 1, [back], kinds=1)
        began = time.monotonic()
        until(lambda: gate.events(back), "an Event after the faults")
        yield Figure("until an Event is written when all is well again", (time.monotonic() - began,), "s", Promise(60))


def _answers(plane: ControlPlane, since: int) -> Counter[int]:
    events = [one for one in plane.audit()[since:] if one["user"]["username"] == ACCOUNT and one["verb"] != "watch"]
    mine = [one for one in events if one.get("objectRef", {}).get("resource") == "events"]
    return Counter(one.get("responseStatus", {}).get("code", 0) for one in mine)
