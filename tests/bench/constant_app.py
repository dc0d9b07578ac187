"""What the benchmark compares with: a Flask route that returns a constant, under airlock's own gunicorn settings."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import structlog
from flask import Flask

from certs.names import parse_names
from certs.store import ensure_self_signed
from webhook.observe.log import configure
from webhook.serving.http.server import ServingOptions, run


class Constant:
    """A service without a decision."""

    def __init__(self) -> None:
        app = Flask(__name__)
        app.add_url_rule("/", "constant", lambda: "constant", methods=["POST"])
        app.add_url_rule("/readyz", "ready", lambda: "ready")
        self.wsgi = self.probes = app

    def quick(self, path: str, body: bytes) -> None:
        """Leave everything to the application."""

    def dropped(self, reason: str) -> None:
        """Do nothing."""

    def follow(self, reader: str, silent: Callable[[], float]) -> None:
        """Do nothing."""

    def start(self) -> None:
        """Do nothing."""

    def drain(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


@click.command()
@click.option("--cert-dir", type=click.Path(path_type=Path), required=True)
@click.option("--self-signed", is_flag=True)
@click.option("--port", type=int)
@click.option("--metrics-port", type=int)
def main(cert_dir: Path, port: int, metrics_port: int, *, self_signed: bool) -> None:
    """Serve it."""
    configure()
    assert self_signed
    ensure_self_signed(cert_dir, parse_names(["localhost"]), datetime.now(UTC))
    log = structlog.get_logger("airlock.serving")
    run(
        Constant,
        ServingOptions(
            cert_dir,
            "127.0.0.1",
            port,
            metrics_port,
            drain_seconds=0,
            on_listening=lambda tls, metrics: log.info("listening", port=tls, metrics_port=metrics),
        ),
    )


if __name__ == "__main__":
    main()
