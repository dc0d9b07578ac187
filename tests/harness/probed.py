"""A program of airlock that runs: what its metrics port and its log say."""

import json
from abc import ABC, abstractmethod
from http.client import HTTPConnection
from pathlib import Path
from typing import Any


def records(log: Path) -> list[dict[str, Any]]:
    """Return the records in *log*: of its whole lines, since the last one may still be growing."""
    whole, _, _ = log.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


class Probed(ABC):
    """A process with a metrics port and a log in JSON."""

    log: Path

    @abstractmethod
    def probes(self) -> int:
        """Return the metrics port."""

    def probe(self, path: str) -> tuple[int, str]:
        """GET *path* of the metrics port."""
        connection = HTTPConnection("127.0.0.1", self.probes(), timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metric(self, series: str) -> float:
        """Return the value of *series*, written as in the exposition; 0 when there is none."""
        lines = self.probe("/metrics")[1].splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == series), 0.0)

    def records(self) -> list[dict[str, Any]]:
        """Return the records of the log so far."""
        return records(self.log)

    @property
    def ready(self) -> bool:
        """Whether it says that it is."""
        return self.probe("/readyz")[0] == 200
