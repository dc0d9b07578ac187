"""What `make run` shows: start airlock on the examples, ask it about the story's pods, print question and answer."""

import json
import signal
import ssl
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

import click
import jsonpatch
import yaml
from rich.console import Console
from rich.markup import escape

HERE = Path(__file__).parent
START_SECONDS = 30
TAKEN = "Choose other ports: make run PORT=18443 METRICS_PORT=19090"

# Who asks for the pod decides what its labels are worth: only a controller's pod is believed to be a scheduler.
STORY = (
    ("a task's worker on a moving tag", "worker-on-a-moving-tag", "system:serviceaccount:airflow:airflow-scheduler"),
    ("a scheduler without its variable", "scheduler-without-its-variable", "replicaset-controller"),
    ("a healthy triggerer", "healthy-triggerer", "statefulset-controller"),
)


@click.command(help=__doc__)
@click.option("--port", default=8443, show_default=True, help="TLS port of the webhook.")
@click.option("--metrics-port", default=9090, show_default=True, help="Plain port of metrics and probes.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".run"), help="Where certificates and log go.")
@click.option("--once", is_flag=True, help="End after the demonstration.")
def main(port: int, metrics_port: int, folder: Path, *, once: bool) -> None:
    """Run the demonstration."""
    folder.mkdir(exist_ok=True)
    console = Console(highlight=False, soft_wrap=True)
    with serving(port, metrics_port, folder) as (server, bound, probes):
        context = ssl.create_default_context(cafile=folder / "certs" / "ca.crt")
        console.print(f"[bold]airlock[/] answers on https://localhost:{bound}, by examples/policy.yaml\n")
        for title, name, user in STORY:
            show(console, title, name, ask(context, bound, folder, name, user))
        if not once:
            say_how_to_go_on(console, bound, probes, folder)
            sys.exit(end_of(server))


@contextmanager
def serving(port: int, metrics_port: int, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """Run `airlock serve` on the examples while the block runs; give the process and its two ports.

    When this process is told to end, the server is, and what it then does not answer ends the block.
    """
    command = [sys.executable, "-m", "webhook", "serve", "--self-signed", "--cert-dir", str(folder / "certs")]
    command += ["--policy", str(HERE / "policy.yaml"), "--required-env", str(HERE / "required-env.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--metrics-port", str(metrics_port), "--events", "log"]
    log = folder / "airlock.log"
    with log.open("wb") as output, subprocess.Popen(command, stderr=output) as server:  # noqa: S603 - our own program
        told = end_with(server)
        try:
            ports = comes_up(server, log)
            if ports is None or told:
                text = log.read_text()
                way_out = TAKEN if "in use" in text else ""
                sys.exit(0 if told else f"airlock did not start; its log says:\n{text}{way_out}")
            yield server, *ports
        except (OSError, HTTPException):
            if not told:
                raise
        finally:
            server.send_signal(signal.SIGINT)
            end_of(server)


def end_with(server: subprocess.Popen[bytes]) -> list[int]:
    """Have SIGTERM, SIGHUP and Ctrl-C end *server*, and nothing else; return where their numbers will stand.

    An exception from a handler would not do: Python drops it where an object is being deleted, and it may leave a lock
    of `Popen` held that its end waits for.
    """
    told: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        told.append(number)
        server.send_signal(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    return told


def end_of(server: subprocess.Popen[bytes]) -> int:
    """Wait for the end of *server* and hear signals meanwhile; return its exit code.

    A wait without limit would not hear one that comes just before it begins: the kernel has delivered it then, and
    Python calls no handler before the wait is over.
    """
    while True:
        with suppress(subprocess.TimeoutExpired):
            return server.wait(1)


def comes_up(server: subprocess.Popen[bytes], log: Path) -> tuple[int, int] | None:
    """Return the ports of the server as soon as it is ready; None when it ended or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            record = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
            if record.get("event") == "listening" and is_ready(record["metrics_port"]):
                return record["port"], record["metrics_port"]
        time.sleep(0.1)
    return None


def is_ready(metrics_port: int) -> bool:
    """Return whether /readyz says so."""
    connection = HTTPConnection("127.0.0.1", metrics_port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def ask(context: ssl.SSLContext, port: int, folder: Path, name: str, user: str) -> dict[str, dict[str, Any]]:
    """Post the pod in pods/*name*.yaml as the API server would: to /mutate, then what came out of it to /validate."""
    pod = yaml.safe_load((HERE / "pods" / f"{name}.yaml").read_text())
    username = user if ":" in user else f"system:serviceaccount:kube-system:{user}"
    request = {
        "uid": str(uuid4()),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "airflow",
        "userInfo": {"username": username},
        "object": pod,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    (folder / f"{name}.json").write_text(json.dumps(review, indent=2))
    mutated = post(context, port, "/mutate", review)
    request["object"] = jsonpatch.apply_patch(pod, json.loads(b64decode(mutated.get("patch", "W10="))))
    return {"/mutate": mutated, "/validate": post(context, port, "/validate", review)}


def post(context: ssl.SSLContext, port: int, path: str, review: dict[str, Any]) -> dict[str, Any]:
    """Post *review* and return the response in the answer."""
    connection = HTTPSConnection("localhost", port, context=context, timeout=5)
    try:
        connection.request("POST", path, json.dumps(review), {"Content-Type": "application/json"})
        response: dict[str, Any] = json.loads(connection.getresponse().read())["response"]
        return response
    finally:
        connection.close()


def show(console: Console, title: str, name: str, answers: dict[str, dict[str, Any]]) -> None:
    """Print one pod's question and answers."""
    console.print(f"[bold cyan]{title}[/]  [dim]examples/pods/{name}.yaml[/]")
    spec = yaml.safe_load((HERE / "pods" / f"{name}.yaml").read_text())["spec"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        console.print(f"  {container['name']}: {escape(container['image'])}, {container['imagePullPolicy']}")
    for path, answer in answers.items():
        console.print(f"  POST {path:<10}", end="")
        if not answer["allowed"]:
            status = answer["status"]
            console.print(f"[bold red]denied[/] {status['code']} {status['reason']}")
            console.print("    " + escape(status["message"]).replace("\n", "\n    "))
        elif "patch" in answer:
            console.print("[bold green]allowed[/], with a patch:")
            for operation in json.loads(b64decode(answer["patch"])):
                console.print(f"    {escape(json.dumps(operation))}")
        else:
            console.print("[bold green]allowed[/]")
        for warning in answer.get("warnings", ()):
            console.print(f"    [yellow]Warning:[/] {escape(warning)}")
    console.print()


def say_how_to_go_on(console: Console, port: int, metrics_port: int, folder: Path) -> None:
    """Print the commands that talk to the running server."""
    console.print("[bold]It goes on serving; Ctrl-C ends it.[/] Change examples/*.yaml and ask again:")
    console.print(
        f"  curl --cacert {folder}/certs/ca.crt -H 'Content-Type: application/json' \\\n"
        f"    --data @{folder}/worker-on-a-moving-tag.json https://localhost:{port}/validate"
    )
    console.print(f"  curl http://localhost:{metrics_port}/metrics      [dim]log: {folder}/airlock.log[/]")


if __name__ == "__main__":
    main()
