"""D21: the clock jumps while airlock serves, and the process is stopped and goes on."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.figures.figure import Figure, Promise, Row
from tests.figures.process import family
from tests.harness.reviews import review, scheduler
from tests.harness.server import Server
from tests.harness.waiting import until
from tests.prove.post import Kept
from tests.prove.sockets import KINDS, attacker, ended
from tests.prove.told import Told

DAY = 24 * 3600
JUMPS = {
    "an hour back": -3600,
    "two days on": 2 * DAY,
    "a year on": 365 * DAY,
    "a year back": -365 * DAY,
    "back to now": 0,
}


def policy() -> str:
    """Return a policy whose exemption of the moving tag ends tomorrow."""
    expires = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    exemption = f"{{name: e, owner: o, reason: r, expires: {expires}, components: [scheduler]}}"
    return f"{{apiVersion: airlock/v1, kind: Policy, mode: enforce, exemptions: [{exemption}]}}"


def jumps(told: Told) -> Iterator[Figure | Row]:
    """Let the wall clock jump under a running airlock: exemptions follow it, deadlines and connections do not."""
    wrong, open_, unready = list[str](), 0, 0
    with told.folder() as folder:
        clock = folder / "clock"
        library, source = str(folder / "clock.so"), str(Path(__file__).with_name("clock.c"))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        clock.write_text("0")
        fake = {"LD_PRELOAD": library, "CLOCK_FILE": str(clock), "PATH": os.environ["PATH"]}
        with told.server(policy(), "--events", "off", **fake) as server, Kept(server) as kept:
            denied = review(scheduler("apache/airflow:latest"))
            for name, seconds in JUMPS.items():
                clock.write_text(str(seconds))
                expected = seconds <= 0
                if kept.response("/validate", denied)["allowed"] != expected:
                    wrong.append(name)
                with attacker(server, KINDS[0]) as slow:
                    time.sleep(0.5)
                    open_ += not ended(slow)  # its deadline is not over, whatever the clock says
                unready += not server.ready
            with attacker(server, KINDS[0]) as slow:
                until(lambda: ended(slow), "the deadline of a slow client")
    for name in wrong:
        yield Row(name, {"verdicts by another day": 1.0})
    yield Figure("jumps of the clock", (len(JUMPS),))
    yield Figure("verdicts by another day than the clock's", (len(wrong),), "", Promise(0))
    yield Figure("clients cut off by a jump", (len(JUMPS) - open_,), "", Promise(0))
    yield Figure("jumps after which it was not ready", (unready,), "", Promise(0))


def stopped(told: Told) -> Iterator[Figure | Row]:
    """Stop master and worker, as a suspended machine does, and let them go on."""
    seconds, back = told.pick(3, 45), list[float]()
    with told.server(policy(), "--events", "off") as server:
        for _ in range(told.pick(1, 2)):
            _signal(server, signal.SIGSTOP)
            time.sleep(seconds)
            began = time.monotonic()
            _signal(server, signal.SIGCONT)
            until(lambda: _answers(server), "an answer after the stop")
            back.append(time.monotonic() - began)
    yield Figure("stopped for", (seconds,), "s")
    yield Figure("until it answers again", tuple(back), "s", Promise(5))


def _signal(server: Server, number: signal.Signals) -> None:
    for pid in family(server.process.pid):
        os.kill(pid, number)


def _answers(server: Server) -> bool:
    try:
        with Kept(server, timeout=5) as kept:
            return "allowed" in kept.response("/validate", review(scheduler()))
    except OSError:
        return False
