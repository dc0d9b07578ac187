"""The process of `airlock controller`: connection, metrics port and signals around the loop."""

import os
import signal
import socket
import threading

import structlog

from webhook.cluster import Cluster
from webhook.controller.loop import Controller
from webhook.controller.options import Options
from webhook.controller.telemetry import Telemetry
from webhook.documents.building import build
from webhook.observe.events.observer import Events, Writer
from webhook.serving.health import create_probes
from webhook.serving.http.metrics_port import ProbeServer

log = structlog.stdlib.get_logger("airlock.controller")

_ENDS = (signal.SIGTERM, signal.SIGINT)


def run(options: Options, cluster: Cluster, metrics: socket.socket) -> None:
    """Work until SIGTERM or SIGINT; *metrics* listens already."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # also in the threads that are started from here on
    build()
    telemetry = Telemetry(options.site.configurations)
    instance = os.environ.get("HOSTNAME") or socket.gethostname()
    events = Events(Writer(cluster.create_event, cluster.patch_event), lambda _: "", telemetry.event, instance)
    controller = Controller(options, cluster, telemetry, events)
    probes = ProbeServer(metrics, create_probes(lambda: controller.readiness, telemetry.exposition))
    threading.Thread(target=_stop_when_told, args=(controller,), name="signals", daemon=True).start()
    log.info("listening", metrics_port=probes.port)
    probes.start()
    events.start()
    controller.run()
    events.stop(timeout=2.0)
    probes.stop()
    cluster.close()


def _stop_when_told(controller: Controller) -> None:
    """Stop *controller* at the first signal that ends the process.

    A handler could set its event while the main thread holds that event's lock, and one that comes just before the
    main thread begins to wait is not called until that is over.
    """
    signal.sigwait(_ENDS)
    controller.stop()
