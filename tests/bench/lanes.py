"""(b) and (d): both paths over TLS beside constants under stock gunicorn, in turns within one run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from tests.bench.decision import documents
from tests.bench.pods import reviewed, scheduler
from tests.bench.servers import Clients, Contender, Measured, airlock, asked, stock
from tests.bench.told import Told, best
from tests.figures.figure import Figure, Promise, Row

FLASK, BARE = "constant Flask route", "constant bare WSGI"
VALIDATE, MUTATE = "airlock /validate", "airlock /mutate"
LARGE = 2_000  # containers of a large review, about 2.5 MB


@contextmanager
def contenders() -> Iterator[tuple[dict[str, Contender], Clients]]:
    """Run all servers, and the processes that ask them."""
    body = reviewed(scheduler())
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root, clients = Path(folder), Clients()
        stack.callback(clients.close)
        server = stack.enter_context(airlock(root / "airlock", documents()))
        ours = [asked(server, path, body) for path in ("/validate", "/mutate")]
        theirs = [
            stack.enter_context(stock(root / app, app, name, body)) for app, name in (("app", FLASK), ("bare", BARE))
        ]
        large = asked(server, "/validate", reviewed(scheduler(containers=LARGE), 0))
        all_ = {one.name: one for one in (*ours, *theirs)} | {"large": large}
        yield all_, clients


Turns = dict[str, list[Measured]]


def paths(told: Told) -> Iterator[Figure | Row]:
    """Yield what both paths take, over more and more connections."""
    seconds, rounds = (0.6, 5) if told.quick else (1.0, 5)
    with contenders() as (servers, clients):
        compared = (VALIDATE, MUTATE, FLASK, BARE)
        for connections in (1, 16) if told.quick else (1, 8, 16, 32, 128):
            turns: Turns = {name: [] for name in compared}
            for _ in range(rounds):
                for name in compared:
                    turns[name].append(clients.turn(servers[name], connections, seconds))
            yield from _rows(turns, connections)
            yield from _figures(turns, connections)
        if not told.quick:
            yield from _beside_large(servers, clients, rounds, seconds)


def _rows(turns: Turns, connections: int) -> Iterator[Row]:
    for name, measured in turns.items():
        yield Row(
            f"{name}, {connections} at once",
            {
                "p50, ms": median(one.p50 for one in measured) * 1e3,
                "p95, ms": median(one.p95 for one in measured) * 1e3,
                "p99, ms": median(one.p99 for one in measured) * 1e3,
                "requests/s": median(one.rate for one in measured),
                "requests/s of one core": 1 / median(one.cpu for one in measured),
            },
        )


def _figures(turns: Turns, connections: int) -> Iterator[Figure]:
    alone = connections == 1
    many = "1 connection" if alone else f"{connections} connections"

    def ratio(mine: str, other: str, of: Callable[[Measured], float]) -> tuple[float, ...]:
        return tuple(of(a) / of(b) for a, b in zip(turns[mine], turns[other], strict=True))

    for other in (FLASK, BARE):
        latency, requests = Promise(0.65), Promise(1.5, at_most=False)
        if alone:
            values = ratio(VALIDATE, other, lambda one: one.p50)
            yield Figure(f"{many}: p50 of /validate, to the {other}", values, "", latency if other == FLASK else None)
        if connections == 16:
            values = ratio(VALIDATE, other, lambda one: one.rate)
            promise = requests if other == FLASK else None
            yield Figure(f"{many}: requests/s of /validate, to the {other}", values, "", promise)
        values = ratio(VALIDATE, other, lambda one: one.cpu)
        # With more, Flask's threads stand in each other's way: how much depends on what else the machine does.
        gate = _best(turns, VALIDATE, other) if other == FLASK and alone else None
        yield Figure(f"{many}: processor for a /validate, to the {other}", values, gate=gate)
    values = ratio(MUTATE, VALIDATE, lambda one: one.cpu)
    promise, gate = (Promise(1.1), _best(turns, MUTATE, VALIDATE)) if alone else (None, None)
    yield Figure(f"{many}: processor for a /mutate with nothing to inject, to /validate", values, "", promise, gate)
    if connections == 32:
        values = tuple(one.p99 / one.p50 for one in turns[VALIDATE])
        yield Figure(f"{many}: p99 of /validate, to its p50", values, "", Promise(3))


def _best(turns: Turns, mine: str, other: str) -> float:
    return best((one.cpu for one in turns[mine]), (one.cpu for one in turns[other]))


def _beside_large(
    servers: dict[str, Contender], clients: Clients, rounds: int, seconds: float
) -> Iterator[Figure | Row]:
    values, answered = [], 0
    for _ in range(rounds):
        large = clients.beside(servers["large"], 8, 2 * seconds + 1)
        alone = clients.turn(servers[VALIDATE], 1, seconds)
        values.append(alone.p99 * 1e3)
        answered += large.answered()
    name = f"1 connection: p99 of /validate while 8 reviews of {LARGE:,} containers are decided at any time"
    yield Figure(name, tuple(values), "ms", Promise(100))
    yield Row("large reviews answered beside", {"reviews": float(answered)})


def handshakes(told: Told) -> Iterator[Figure | Row]:
    """Yield how many new connections each takes in a second."""
    seconds, rounds = (0.7, 3) if told.quick else (1.5, 5)
    with contenders() as (servers, clients):
        turns: dict[str, list[tuple[float, float]]] = {name: [] for name in (VALIDATE, FLASK, BARE)}
        for _ in range(rounds):
            for name, taken in turns.items():
                taken.append(clients.shaken(servers[name], seconds))
    for name, taken in turns.items():
        cells = {
            "new connections/s, a request each": median(rate for rate, _ in taken),
            "of one core": 1 / median(spent for _, spent in taken),
        }
        yield Row(name, cells)
    values = tuple(mine[1] / theirs[1] for mine, theirs in zip(turns[VALIDATE], turns[FLASK], strict=True))
    name = f"processor for a new connection with a request, to the {FLASK}"
    gate = best((spent for _, spent in turns[VALIDATE]), (spent for _, spent in turns[FLASK]))
    yield Figure(name, values, "", Promise(1), gate)
