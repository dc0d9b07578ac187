"""Health as a kubelet asks for it: an ordinary start and an ordinary end have no failed probe."""

import subprocess
import sys
from http.client import HTTPConnection
from time import monotonic

import pytest
from flask.testing import FlaskClient

from tests.harness.places import ROOT
from webhook.serving.health import Readiness, add_probes, bare_app, create_probes
from webhook.serving.http.listening import listen

READY, LOADING = Readiness(ready=True), Readiness(ready=False)


def probes(*states: Readiness) -> FlaskClient:
    """Return a client of the metrics port of a process that is in each of *states* once, and in the last one then."""
    left = list(states)
    return create_probes(lambda: left.pop(0) if len(left) > 1 else left[0], lambda _: (b"", "text/plain")).test_client()


def test_a_start_up_probe_is_answered_once_the_process_is_ready() -> None:
    client = probes(LOADING, LOADING, READY)
    assert client.get("/healthz?patience=4").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_a_start_up_probe_is_answered_in_the_end_though_the_process_is_not_ready() -> None:
    began = monotonic()
    assert probes(LOADING).get("/healthz?patience=0.2").status_code == 200
    assert monotonic() - began >= 0.2


@pytest.mark.parametrize("patience", ["", "?patience=", "?patience=x", "?patience=-1", "?patience=nan"])
def test_nothing_else_waits(patience: str) -> None:
    def loading() -> Readiness:
        pytest.fail("it waits")

    assert create_probes(loading, lambda _: (b"", "")).test_client().get(f"/healthz{patience}").text == "ok\n"


def test_nobody_can_hold_up_the_port_of_the_reviews() -> None:
    app = bare_app()
    add_probes(app, lambda: pytest.fail("it waits"))
    assert app.test_client().get("/healthz?patience=4").text == "ok\n"


def test_a_process_that_drains_is_not_ready_but_for_a_kubelet() -> None:
    client = probes(Readiness(ready=False, lines=("draining",), draining=True))
    assert client.get("/readyz").status_code == 503
    told = client.get("/readyz?draining=ready")
    assert (told.status_code, told.text) == (200, "ready\ndraining\n")


def test_a_process_that_was_never_ready_is_not_for_a_kubelet_either() -> None:
    assert probes(LOADING).get("/readyz?draining=ready").status_code == 503


LISTENS = """
import sys
from webhook.commands import {0}
from webhook.serving.http import listening
def listen_or_exit(*arguments): print(sorted({{"flask", "gunicorn", "kubernetes"}} & sys.modules.keys())); sys.exit()
listening.listen_or_exit = listen_or_exit
{0}.{0}({1})
"""


@pytest.mark.parametrize(("command", "options"), [("serve", "--cert-dir=."), ("controller", "--namespace=airlock")])
def test_the_metrics_port_listens_before_anything_that_takes_long_is_imported(command: str, options: str) -> None:
    code = LISTENS.format(command, [options])
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_a_client_that_comes_before_anybody_accepts_waits() -> None:
    with listen("127.0.0.1", 0) as listener:
        connection = HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=5)
        connection.request("GET", "/healthz")  # neither refused nor reset
        connection.close()
