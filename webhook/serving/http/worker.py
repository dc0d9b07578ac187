"""The life of the process that serves: it makes the service, opens the metrics port, and drains before it ends."""

import logging
import os
import sys
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

from webhook.serving.http.drain import Drain
from webhook.serving.http.heap import keep_little
from webhook.serving.http.keeper import TICK
from webhook.serving.http.metrics_port import ProbeServer
from webhook.serving.http.poller import PollingWorker
from webhook.serving.http.watchdog import Watchdog

log = logging.getLogger("airlock.serving")

_SWITCH = 0.001  # seconds


class Worker(PollingWorker):
    """Serves what the application object in `self.app` makes, and ends as it is told."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - gunicorn's
        super().__init__(*arguments, **named)
        self.drain: Drain | None = None
        self.quitting = False
        self.watchdog = Watchdog()
        self._next_beat = 0.0

    def notify(self) -> None:
        """Tell the arbiter that the loop goes on, now and then."""
        now = monotonic()
        if now >= self._next_beat:
            self._next_beat = now + TICK
            super().notify()

    def load_wsgi(self) -> None:
        """Make the service; ends the process, and so the whole server, with one line when that is not possible."""
        keep_little()
        try:
            self.service = self.app.make_service()
            self.service.start()
        except (OSError, ValueError) as error:
            log.critical("cannot start: %s", error)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        self.wsgi = self.service.wsgi

    def run(self) -> None:
        """Serve until told to stop."""
        identity = self.app.identity
        probes = ProbeServer(self.app.metrics_listener, self.service.probes)
        try:
            # A thread that wants to run waits for this long at most: the loop, while a large body is decided.
            sys.setswitchinterval(_SWITCH)
            identity.start()
            probes.start()
            self.watchdog.start()
            self.service.follow("loop", self.watchdog.silent)
            self.service.follow("certificate", identity.silent)
            self.options.on_listening(self.sockets[0].getsockname()[1], probes.port)
            super().run()
        finally:
            threads = (self.watchdog.stop, self.service.stop, identity.stop, probes.stop)
            for stop in (self.close_all, self.leisure.end, *threads):
                try:
                    stop()
                except Exception:
                    log.exception("a part of the service did not stop")
            if self.quitting and self.busy:
                logging.shutdown()
                os._exit(0)  # Python would wait for the threads

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGTERM, begin to drain; runs between any two lines of the main thread, so it only takes a note."""
        del sig, frame
        if not self.booted:
            self.alive = False  # for Python may drop what a handler raises
            sys.exit(0)
        if self.drain is None:
            self.drain = Drain(self.options.drain_seconds, self.options.drain_limit, monotonic())
            self.method_queue.defer(lambda: None)  # wakes the poller

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGINT and SIGQUIT, end at the next tick.

        gunicorn's own handler takes the lock of the thread pool, which the very code it interrupts may hold.
        """
        del sig, frame
        self.alive = False
        if not self.booted:
            sys.exit(0)
        self.quitting = True
        self.method_queue.defer(lambda: None)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what there is to do, for a tick at most, and look at what signals have asked for."""
        super().wait_for_and_dispatch_events(timeout=min(timeout, TICK))
        self.watchdog.beat()
        if self.quitting:
            sys.exit(0)
        if self.drain is None or not self.alive:
            return
        if not self.drain.announced:
            self.drain.announced = True
            self.max_keepalived = 0  # from here on every answer says Connection: close
            log.info("draining: not ready any more, still serving")
            try:
                self.service.drain()
            except Exception:
                log.exception("the service could not be told to drain")
        self.alive = not self.drain.is_over(monotonic(), self.nr, self.busy)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's
        """Accept or not; at the end take those who have already connected, and refuse the next at once."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            with suppress(OSError):
                self.accept(listener)
            listener.close()
        linger = monotonic() + STOP_KEEPALIVE_LINGER
        for conn in self.waiting:
            if not conn.begun:
                conn.deadline = min(conn.deadline, linger)
