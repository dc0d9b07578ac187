"""The metrics port: a small WSGI application over plain HTTP/1.0, from threads of its own.

Its clients are the kubelet and Prometheus. Nobody can starve them: each connection has a deadline, and when there are
too many, the oldest gives way.
"""

import logging
import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from socketserver import ThreadingMixIn
from time import monotonic
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("airlock.probes")

_LOOK = 0.2  # seconds between two looks at the deadlines
_GIVE_WAY = 1.0  # seconds that a new connection waits for those that were cut to end


class ProbeServer:
    """Serves *application* on *listener*, a bound and listening socket, in threads.

    A connection may last *seconds*, however it spends them, and *connections* may be open at once.
    """

    def __init__(
        self, listener: socket.socket, application: WSGIApplication, *, connections: int = 32, seconds: float = 5.0
    ) -> None:
        self._server = _Server(listener, _guarded(application), connections, seconds)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK,), name="probes", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.server_port

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the listener; answers under way are not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Handler(WSGIRequestHandler):
    def setup(self) -> None:
        self.request.settimeout(self.server.seconds)  # type: ignore[attr-defined] # the server is a _Server
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's words
        log.debug(format, *args)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, application: WSGIApplication, connections: int, seconds: float) -> None:
        address = listener.getsockname()
        super().__init__(address[:2], _Handler, bind_and_activate=False)
        self.socket.close()  # the one the base class made
        listener.settimeout(0)
        self.socket = listener
        self.server_name, self.server_port = address[:2]
        self.setup_environ()
        self.set_app(application)
        self.connections = connections
        self.seconds = seconds
        self._lock = threading.Condition()  # notified when a connection has ended
        self._open: dict[socket.socket, float] = {}  # connections and their deadlines, oldest first
        self._ending: set[socket.socket] = set()  # those that were cut, until their threads have seen it

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        with self._lock:
            if len(self._open) >= self.connections:
                self._end(next(iter(self._open)))
            room = self._lock.wait_for(lambda: len(self._ending) < self.connections, _GIVE_WAY)
            if room:
                self._open[request] = monotonic() + self.seconds
        if room:
            super().process_request(request, client_address)
        else:  # the threads of those that were cut do not end: no more threads beside them
            super().shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in the base class
        with self._lock:
            self._open.pop(request, None)
            self._ending.discard(request)
            self._lock.notify()
        super().shutdown_request(request)

    def service_actions(self) -> None:
        now = monotonic()
        with self._lock:
            for request in [request for request, deadline in self._open.items() if deadline <= now]:
                self._end(request)

    def _end(self, request: socket.socket) -> None:
        del self._open[request]
        self._ending.add(request)
        _cut(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        del request
        error = sys.exception()
        if isinstance(error, OSError):
            log.debug("a client of the metrics port, %s, went away", client_address)
        else:
            log.error("a request to the metrics port failed", exc_info=error)


def _cut(request: socket.socket) -> None:
    """End what a thread waits for on *request*; the thread then closes it."""
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


def _guarded(application: WSGIApplication) -> WSGIApplication:
    """Log what *application* raises, instead of wsgiref's traceback on standard error."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except Exception:
            log.exception("a request to the metrics port failed")
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"internal error\n"]

    return guarded
