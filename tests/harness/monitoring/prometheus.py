"""A real Prometheus on loopback, for as long as a test asks it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.harness.control_plane.ports import free
from tests.harness.monitoring.programs import program
from tests.harness.waiting import until

EVERY = "500ms"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    port: int

    def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer of the API; a query that it does not take is an AssertionError."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/api/v1/{path}?{urlencode(query)}")
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that *expr* has now: each a dict with `metric` and `value`."""
        found: list[dict[str, Any]] = self.get("query", query=expr)["result"]
        return found


@contextmanager
def prometheus(folder: Path, job: str, rules: dict[str, Any], **targets: int) -> Iterator[Prometheus]:
    """Run one that scrapes *targets*, ports by the pods' names, as the Operator has it done for *job*, with *rules*."""
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    statics = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "airlock", "pod": pod, "service": job}}
        for pod, port in targets.items()
    ]
    config = {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": job, "static_configs": statics}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (port,) = free(1)
    log = folder / "prometheus.log"
    command = [
        program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            until(lambda: _ready(process, port, log), "Prometheus to be ready")
            yield Prometheus(port)
        finally:
            process.terminate()
            process.wait(20)


def _ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
