"""The controller's probes are answered from the start, for both families, whether or not there is an API server."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.harness.probed import records
from tests.harness.waiting import until

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: away
contexts: [{name: away, context: {cluster: away, user: nobody}}]
clusters: [{name: away, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: nobody, user: {token: none}}]
"""


def test_the_controllers_probes_are_reached_by_both_families_where_it_listens_on_all_addresses(tmp_path: Path) -> None:
    config, log = tmp_path / "kubeconfig", tmp_path / "log.json"
    config.write_text(KUBECONFIG)
    command = [sys.executable, "-m", "webhook", "controller", "--namespace", "airlock", "--host", "::"]
    environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(config)}
    with (
        log.open("wb") as output,
        subprocess.Popen([*command, "--metrics-port", "0"], stderr=output, env=environ) as one,
    ):
        try:
            port = until(lambda: port_of(log), "it to listen")
            for address in ("::1", "127.0.0.1"):
                socket.create_connection((address, port), 5).close()
        finally:
            one.kill()


def port_of(log: Path) -> int | None:
    """Return the port that *log* says it listens on, None before it does."""
    return next((record["metrics_port"] for record in records(log) if record["event"] == "listening"), None)
