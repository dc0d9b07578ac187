"""D14, D15 and D16: slow, silent and very many clients, and connections that are used again after any pause."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.bench.client import connect, exchange, request, trusting
from tests.bench.servers import asked
from tests.bench.told import quantile
from tests.figures.figure import Figure, Promise, Row
from tests.figures.process import descriptors
from tests.harness.reviews import review, scheduler
from tests.harness.server import Server
from tests.prove.told import ENFORCE, Told

THREADS = 16  # of airlock
HEAD = request("/validate?timeout=2s", review(scheduler()))
KINDS = ("a byte of a ClientHello", "silence after the handshake's first half", "half a head", "half a body")


def attacker(server: Server, kind: str) -> socket.socket:
    """Return a connection that is stuck in *kind*."""
    raw = socket.create_connection(("127.0.0.1", server.port), 30)
    context = ssl.create_default_context(cafile=server.ca)
    if kind == KINDS[0]:
        raw.sendall(b"\x16")
        return raw
    if kind == KINDS[1]:
        out = ssl.MemoryBIO()
        with suppress(ssl.SSLWantReadError):
            context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
        raw.sendall(out.read())
        return raw
    shaken = context.wrap_socket(raw, server_hostname="localhost")
    shaken.sendall(HEAD[: HEAD.index(b"\r\n") + 2] if kind == KINDS[2] else HEAD[:-100])
    return shaken


@contextmanager
def honest(server: Server, pause: float = 0.005) -> Iterator[list[float]]:
    """Ask over one kept connection, and over a new one now and then; yields the seconds that each answer took."""
    target = asked(server, "/validate", review(scheduler())).target
    took, over = list[float](), threading.Event()
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            with connect(target, trusting(target)) as kept:
                for nth in range(10**9):
                    if over.wait(pause):
                        return
                    began = time.perf_counter()
                    if nth % 20:
                        exchange(kept, target.request)
                    else:
                        with connect(target, trusting(target)) as fresh:
                            exchange(fresh, target.request)
                    took.append(time.perf_counter() - began)
        except (OSError, AssertionError) as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()
    assert not failures, f"an honest client failed: {failures[0]!r}"


def ended(sock: socket.socket) -> bool:
    """Return whether the server has closed *sock*."""
    sock.settimeout(0)
    try:
        while sock.recv(65536):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        pass
    return True


def slow(told: Told) -> Iterator[Figure | Row]:
    """Hold four times as many connections as there are threads in each kind of half, and send on byte by byte: D14."""
    for kind in KINDS[:: told.pick(3, 1)]:
        with told.server(ENFORCE, "--events", "off") as server, ExitStack() as stack:
            with honest(server) as took:
                socks = [stack.enter_context(attacker(server, kind)) for _ in range(4 * THREADS)]
                reaped = _reaped(socks, 20)
                time.sleep(told.pick(0, 3))
            assert server.ready
        yield Figure(f"{kind}: p99 of honest clients", (quantile(took, 99),), "s", Promise(2))
        yield Figure(f"{kind}: until the last of {len(socks)} is closed", (reaped,), "s", Promise(10))


def _reaped(socks: list[socket.socket], most: float) -> float:
    """Send a byte a second on each of *socks* until all are closed; return how long that took."""
    began, open_ = time.monotonic(), list(socks)
    while open_ and time.monotonic() < began + most:
        time.sleep(0.5)
        open_ = [sock for sock in open_ if not ended(sock)]
        for sock in open_:
            with suppress(OSError):
                sock.settimeout(1)
                sock.send(b"x")
    return time.monotonic() - began


def crowd(told: Told) -> Iterator[Figure | Row]:
    """Hold two thousand idle connections, and shake hands as often as possible beside: D15."""
    number, seconds = told.pick(500, 2_000), told.pick(3, 15)
    with told.server(ENFORCE, "--events", "off") as server, ExitStack() as stack:
        before = descriptors(server.process.pid)
        target = asked(server, "/validate", review(scheduler())).target
        with honest(server) as took:
            for _ in range(number):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            end, done, context = time.monotonic() + seconds, 0, trusting(target)
            while time.monotonic() < end:
                with connect(target, context) as sock:
                    exchange(sock, target.request)
                done += 1
            held = descriptors(server.process.pid) - before
            ready = server.ready
        stack.close()
        began = time.monotonic()
        while descriptors(server.process.pid) > before + 20 and time.monotonic() < began + 20:
            time.sleep(0.1)
        recovered = time.monotonic() - began
    yield Figure("connections held, idle", (number,))
    yield Figure("new connections a second beside them", (done / seconds,), "/s")
    yield Figure("p99 of honest clients", (quantile(took, 99),), "s", Promise(2))
    yield Figure("descriptors for each connection held", (held / number,), "", Promise(1.1))
    yield Figure("ready meanwhile", (float(ready),), "", Promise(1, at_most=False))
    yield Figure("until the descriptors are free again", (recovered,), "s", Promise(5))


def pauses(told: Told) -> Iterator[Figure | Row]:
    """Use kept connections again after any pause that an API server makes, and around airlock's limit: D16."""
    most, limit = told.pick(5, 100), 120
    gaps = [float(second) for second in range(1, most + 1)]
    around = [] if told.quick else [limit - 3 + step / 4 for step in range(25)]
    with told.server(ENFORCE, "--events", "off") as server, ExitStack() as stack:
        target = asked(server, "/validate", review(scheduler())).target
        waiting: list[tuple[float, ssl.SSLSocket]] = []
        for gap in [*gaps, *gaps, *around]:
            sock = stack.enter_context(connect(target, trusting(target)))
            exchange(sock, target.request)
            waiting.append((time.monotonic() + gap, sock))
        lost, closed, torn = 0, 0, 0
        for nth, (due, sock) in sorted(enumerate(waiting), key=lambda one: one[1][0]):
            time.sleep(max(0.0, due - time.monotonic()))
            within = nth < 2 * len(gaps)
            if ended(sock):
                lost += within
                closed += not within
                continue
            sock.settimeout(10)
            broken = _broken(lambda at=sock: exchange(at, target.request))  # type: ignore[misc]
            lost += broken and within
            torn += broken and not within
    yield Figure(f"connections used again after 1 to {most} s", (2 * len(gaps),))
    yield Figure("of these, without an answer", (lost,), "", Promise(0))
    if around:
        yield Figure(
            f"connections used again {around[0]:g} to {around[-1]:g} s later, around airlock's limit", (len(around),)
        )
        yield Figure("of these, seen to be closed before anything was sent", (closed,))
        yield Figure("of these, torn when the request was sent", (torn,), "", Promise(1))


def _broken(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except (OSError, AssertionError):
        return True
    return False
