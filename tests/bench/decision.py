"""(a) What a decision costs without any network: it grows with the pod, and not with the policy."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import count, cycle

import yaml

from tests.bench.pods import MANIFEST, POLICY, reviewed, scheduler
from tests.bench.told import Told, best, each, ratios
from tests.figures.figure import Figure, Promise, Row
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.decision import Decision
from webhook.judge.gate import Gate
from webhook.serving.desk import VALIDATE, Desk, Parts

CONTAINERS, VARIABLES, ENTRIES = (1, 3, 30, 300), (10, 100, 1_000), (1, 10, 100)
DISTINCT = 5_000  # images; airlock remembers 4,096
_NUMBERS = count()  # no image comes twice, however often it is measured


def _fail(path: str, error: BaseException) -> None:
    raise AssertionError(path) from error


def _forget(decision: Decision, when: datetime) -> None: ...


def deciding(policy: str) -> Callable[[bytes], bytes]:
    """Return what turns a review's bytes into those of its answer, as the server does under *policy*."""
    gate = Gate(read_policy(policy), read_manifest(MANIFEST))
    desk = Desk(Parts(lambda: gate, (), _forget, _fail))

    def decide(body: bytes) -> bytes:
        return (desk.quickly(VALIDATE, body) or desk.answer(VALIDATE, body)).body

    return decide


def exempting(entries: int) -> str:
    """Return a policy with so many exemptions; none covers the pods here."""
    common = {"rules": ["mutable-tag"], "owner": "bench", "expires": "2999-01-01", "reason": "to measure"}
    exemptions = [{"name": f"e{n}", "images": [f"r.example.com/team-{n}/*"], **common} for n in range(entries)]
    return POLICY[:-1] + f", exemptions: {json.dumps(exemptions)}}}"


def tagging(entries: int) -> str:
    """Return a policy with so many entries on tags; only the last matches the pods here."""
    rows = [{"match": f"team-{n}-*", "is": "mutable"} for n in range(entries - 1)]
    tags = [*rows, {"match": "2.10.*", "is": "immutable"}]
    return POLICY[:-1] + f", rules: {{mutable-tag: {{tags: {json.dumps(tags)}}}}}}}"


def measure(told: Told) -> Iterator[Figure | Row]:
    """Yield the decision's times and their ratios."""
    rounds, seconds = told.pick(7, 15), 0.05
    decide = deciding(POLICY)
    shapes = {f"{n} containers of 16 variables": reviewed(scheduler(containers=n), 0) for n in CONTAINERS}
    shapes |= {f"1 container of {n} variables": reviewed(scheduler(containers=1, variables=n), 0) for n in VARIABLES}
    typical = reviewed(scheduler())

    [mine, theirs] = each([partial(decide, typical), partial(json.loads, typical)], rounds, seconds)
    name = f"a review of {len(typical):,} bytes, to json.loads of it"
    yield Figure(name, ratios(mine, theirs), promise=Promise(0.70), gate=best(mine, theirs))
    yield _row("the same review", typical, mine, theirs)

    fresh = cycle([reviewed(scheduler(tag=f"2.10.{next(_NUMBERS)}")) for _ in range(DISTINCT)])
    [mine, theirs] = each([lambda: decide(next(fresh)), partial(json.loads, typical)], told.pick(3, 7), seconds)
    yield Figure(
        f"{DISTINCT:,} reviews of as many images in turn, to json.loads", ratios(mine, theirs), gate=best(mine, theirs)
    )

    for shape, body in shapes.items():
        [mine, theirs] = each([partial(decide, body), partial(json.loads, body)], told.pick(3, 7), seconds)
        yield _row(shape, body, mine, theirs)
    denied = reviewed(scheduler(tag="latest"))  # an exemption is looked for where there is a finding
    for kind, policy, body in (("exemptions", exempting, denied), ("entries on tags", tagging, typical)):
        calls = [partial(deciding(policy(n)), body) for n in ENTRIES]
        times = each([*calls, partial(json.loads, body)], rounds, seconds)
        for n, took in zip(ENTRIES, times, strict=False):
            yield _row(f"{n} {kind}", body, took, times[-1])
        name = f"{ENTRIES[-1]} {kind}, to {ENTRIES[0]}"
        most, least = times[len(ENTRIES) - 1], times[0]
        yield Figure(name, ratios(most, least), promise=Promise(1.1), gate=best(most, least))


def _row(name: str, body: bytes, mine: tuple[float, ...], theirs: tuple[float, ...]) -> Row:
    decision, parsed = sorted(mine)[len(mine) // 2], sorted(theirs)[len(theirs) // 2]
    cells = {"bytes": float(len(body)), "decision, µs": decision, "json.loads, µs": parsed, "ratio": decision / parsed}
    return Row(name, cells)


def documents() -> dict[str, str]:
    """Return the documents that `airlock serve` is measured with, by the options' names."""
    return {"policy": yaml.safe_dump(yaml.safe_load(POLICY)), "required-env": MANIFEST}
