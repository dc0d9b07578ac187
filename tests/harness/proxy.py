"""A TCP proxy on loopback that can fall silent without closing, as a network does."""

import selectors
import socket
import threading
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class Proxy:
    """Forwards connections to *port* of loopback, until told otherwise; a context manager."""

    def __init__(self, port: int) -> None:
        self._upstream = (LOOPBACK, port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._sockets: set[socket.socket] = {self._listener}
        self._pairs: dict[socket.socket, socket.socket] = {}  # what is forwarded, and where
        self._lock = threading.Lock()
        self._open = True
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy")

    @property
    def port(self) -> int:
        """The port to connect to."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._selector.close()
        with ExitStack() as stack:
            for each in self._sockets:
                stack.enter_context(each)

    def silence(self) -> None:
        """Forward nothing any more on the connections that there are; their ends are not told."""
        with self._lock:
            for end in self._pairs:
                self._selector.unregister(end)
            self._pairs = {}

    def cut(self) -> None:
        """Close all connections, and new ones as soon as they come."""
        with self._lock:
            self._open = False
            for end in list(self._pairs):
                self._close(end)

    def mend(self) -> None:
        """Let new connections through again."""
        with self._lock:
            self._open = True

    def _run(self) -> None:
        while not self._stopping.is_set():
            ready = self._selector.select(timeout=0.05)
            with self._lock:
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.data in self._pairs:  # not closed or silenced since
                        self._forward(key.data)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        self._sockets.add(near)
        if not self._open:
            self._close(near)
            return
        try:
            far = socket.create_connection(self._upstream)
        except OSError:
            self._close(near)
            return
        self._sockets.add(far)
        for source, target in ((near, far), (far, near)):
            self._pairs[source] = target
            self._selector.register(source, selectors.EVENT_READ, source)

    def _forward(self, source: socket.socket) -> None:
        target = self._pairs[source]
        with suppress(OSError):
            if data := source.recv(1 << 16):
                target.sendall(data)
                return
        self._close(source)
        self._close(target)

    def _close(self, end: socket.socket) -> None:
        if self._pairs.pop(end, None):
            self._selector.unregister(end)
        self._sockets.discard(end)
        end.close()
