"""The serving process: gunicorn as a library, TLS on one port, probes and metrics on another, a drain at the end."""

import logging
import math
import os
import re
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, Protocol
from wsgiref.types import WSGIApplication

import msgspec
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.sock import TCP6Socket, TCPSocket

from webhook.serving.http.certfile import OnReload, Reload, TlsError
from webhook.serving.http.clients import Authorities
from webhook.serving.http.listening import listen_or_exit
from webhook.serving.http.tls import LiveIdentity, load_identity
from webhook.serving.http.worker import Worker

log = logging.getLogger("airlock.serving")


class Quick(Protocol):
    """An answer with status 200 and type application/json."""

    @property
    def body(self) -> bytes:
        """What is answered."""

    @property
    def tell(self) -> Callable[[], Callable[[], None]]:
        """What to call when the answer is on its way; it returns what to call when nobody waits."""


class Service(Protocol):
    """What is served; made in the process that serves it, so it may start threads there."""

    @property
    def wsgi(self) -> WSGIApplication:
        """The application of the TLS port; called from many threads."""

    @property
    def probes(self) -> WSGIApplication:
        """The application of the metrics port; called from many threads."""

    def quick(self, path: str, body: bytes) -> Quick | None:
        """Return the answer to a POST of a small JSON *body*; None when that takes long, and `wsgi` is to answer.

        Called in the loop that serves everybody.
        """

    def dropped(self, reason: str) -> None:
        """Count a client that got no answer, or one that `wsgi` does not know of; one of `keeper.DROPS`."""

    def follow(self, reader: str, silent: Callable[[], float]) -> None:
        """Show for how many seconds the thread *reader* has given no sign of life."""

    def start(self) -> None:
        """Begin; called once, before anybody is served. OSError and ValueError end the server with their text.

        Threads that are started here must be daemons.
        """

    def drain(self) -> None:
        """Stop being ready; called at most once, on SIGTERM. Requests still come."""

    def stop(self) -> None:
        """End; called once, after the last request. Quick: it is also what Ctrl-C waits for."""


def _log_reload(outcome: Reload, detail: str) -> None:
    log.log(logging.INFO if outcome is Reload.ACCEPTED else logging.ERROR, "certificate %s: %s", outcome, detail)


def _log_ports(tls_port: int, metrics_port: int) -> None:
    log.info("listening on port %d (TLS) and port %d (metrics)", tls_port, metrics_port)


class ServingOptions(msgspec.Struct, frozen=True):
    """How to serve. Times are seconds; a port of 0 means any free one."""

    cert_dir: Path  # holds tls.crt and tls.key
    host: str = "0.0.0.0"  # noqa: S104 - a webhook is called from other machines. "::" is IPv4 and IPv6
    port: int = 8443
    metrics_port: int = 9090
    metrics: socket.socket | None = None  # listens already, in place of metrics_port
    threads: int = 16
    connections: int = 4096  # open at once; fewer where the limit of open files is lower
    # From the first byte to the whole request, and again from there until the answer is taken. The API server waits
    # 10 s by default, 30 s at most, for everything together.
    request_deadline: float = 8.0
    # The API server keeps idle connections for 90 s, and repeats no POST on one that was closed meanwhile.
    keepalive: int = 120
    drain_seconds: float = 5.0  # served on after SIGTERM, at least
    drain_limit: float = 20.0  # and at most, if requests keep coming
    on_listening: Callable[[int, int], None] = _log_ports  # the TLS port and the metrics port
    on_reload: OnReload = _log_reload
    client_ca: Path | None = None  # the authorities of certificates that clients are asked for; None: they are not
    client_names: frozenset[str] = frozenset()  # that such a certificate may have; any if there are none

    def __post_init__(self) -> None:
        """Check the times against each other."""
        if self.drain_limit < self.drain_seconds:
            raise ValueError(f"a drain of at most {self.drain_limit} s cannot take at least {self.drain_seconds} s")


def run(make_service: Callable[[], Service], options: ServingOptions) -> NoReturn:
    """Serve what *make_service* makes until SIGTERM (after a drain) or SIGINT (at once), then exit with code 0.

    *make_service* and every callback run in a child process. Exits with code 1 and one line on standard error when a
    port is taken or the certificate cannot be served; with code 3 and one line in the log when the service cannot be
    made.
    """
    try:
        authorities = Authorities(options.client_ca, options.on_reload) if options.client_ca is not None else None
        identity = load_identity(options.cert_dir, authorities.pem if authorities is not None else "")
    except TlsError as error:
        sys.exit(f"airlock: {error}")
    live = LiveIdentity(options.cert_dir, identity, options.on_reload, authorities=authorities)
    with (
        # Before there is a child process, so that a taken port is told once and at once.
        listen_or_exit(options.host, options.port, "--port", backlog=2048) as tls,
        options.metrics or listen_or_exit(options.host, options.metrics_port, "--metrics-port") as metrics,
    ):
        _Application(make_service, options, live, tls, metrics).run()


class LimitedLogger(Logger):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's log as part of the program's own: no handlers, no format, and few warnings of one kind.

    gunicorn warns once for each request that it cannot parse, which a port scanner turns into a flood.
    """

    each, seconds = 5, 60.0  # warnings of one kind in so many seconds
    longest = 300  # characters; the request that could not be parsed is quoted

    def setup(self, cfg: Any) -> None:  # noqa: ANN401 - gunicorn's
        """Use *cfg*; leaves handlers and levels to the code that configures logging."""
        self.cfg = cfg
        self._access_log_enabled = False  # airlock logs decisions
        self.error_log.propagate = True
        self._told: dict[str, list[float]] = {}

    def warning(self, msg: str, *arguments: object, **named: Any) -> None:  # noqa: ANN401 - logging's
        """Log unless too many of this kind were logged of late."""
        kind = re.split(r"[%=\d]", msg, maxsplit=1)[0]
        now = monotonic()
        times = [time for time in self._told.get(kind, ()) if time > now - self.seconds]
        if len(times) < self.each:
            self.error_log.warning(msg[: self.longest], *arguments, **named)
            self._told[kind] = [*times, now]
            if len(times) == self.each - 1:
                self.error_log.warning("no more of these for %d s: %s", self.seconds, kind.strip())


class _Arbiter(Arbiter):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's master, for one worker: what would start another one is ignored."""

    def handle_hup(self) -> None:
        """Go on: documents and certificates are read again by themselves."""
        self.log.info("ignored: there is nothing to reload")

    handle_ttin = handle_ttou = handle_usr2 = handle_hup


class _Application(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """What gunicorn's arbiter and the worker ask for; made before the fork, used in both processes."""

    def __init__(
        self,
        make_service: Callable[[], Service],
        options: ServingOptions,
        identity: LiveIdentity,
        tls: socket.socket,
        metrics: socket.socket,
    ) -> None:
        self.make_service = make_service
        self.options = options
        self.identity = identity
        self.metrics_listener = metrics
        self._tls = tls
        super().__init__(prog="airlock")

    def run(self) -> NoReturn:
        """Run the arbiter with the socket that is bound already; both processes leave through here."""
        arbiter = _Arbiter(self)
        kind = TCP6Socket if self._tls.family == socket.AF_INET6 else TCPSocket
        arbiter.LISTENERS = [kind(self._tls.getsockname(), self.cfg, arbiter.log, fd=self._tls.detach())]
        arbiter.run()
        raise AssertionError("the arbiter ends by SystemExit")

    def load_config(self) -> None:
        """Give gunicorn its settings; all others keep their defaults, no file and no variable is read."""
        options = self.options
        settings = {
            "bind": ["127.0.0.1:0"],  # not used, the socket is there already; the default would come from $PORT
            "forwarded_allow_ips": "",  # no header says who the client is; the default would come from a variable
            "workers": 1,
            "worker_class": Worker,
            "threads": options.threads,
            "worker_connections": _affordable(options.connections),
            "keepalive": options.keepalive,
            # The arbiter kills the worker when this is over: drain, last requests and their answers, goodbyes.
            "graceful_timeout": math.ceil(options.drain_limit + 2 * options.request_deadline) + 5,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108 - memory, not disk: a slow disk must not stop the heartbeat
            "control_socket_disable": True,
            "certfile": str(options.cert_dir / "tls.crt"),  # makes requests https; the worker has its own context
            "http_protocols": "h1",
            "http_parser": "python",
            "limit_request_line": 2048,  # /mutate?timeout=10s
            "limit_request_fields": 64,
            "proc_name": "airlock",
            "logger_class": LimitedLogger,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)


def _affordable(connections: int) -> int:
    """Raise the limit of open files for *connections* and the rest of the process; return how many there may be."""
    rest = 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < connections + rest:
        soft = connections + rest if hard == resource.RLIM_INFINITY else min(connections + rest, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(min(connections, soft - rest), 64)
