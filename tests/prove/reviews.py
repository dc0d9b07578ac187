"""D3: mutated reviews straight to the server: none breaks it, none is answered with a 5xx, none takes long."""

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import yaml

from tests.bench.told import quantile
from tests.figures.figure import Figure, Promise, Row
from tests.figures.process import family, memory
from tests.harness.places import CORPUS
from tests.harness.reviews import deployment, review, scheduler, task
from tests.harness.server import Server
from tests.prove.mutations import mutated
from tests.prove.post import Kept
from tests.prove.told import ENFORCE, Told

SEED = 20261127
_HALF = re.compile("[\ud800-\udfff]")
ANSWERS = {200, 400, 413, 415}


def bases() -> list[dict[str, Any]]:
    """Return good reviews of every kind that airlock is asked about."""
    pods = [scheduler(), scheduler("apache/airflow:latest"), task()]
    for path in sorted(CORPUS.glob("provider-*/*.yaml"))[::6]:
        pods += [one for one in yaml.load_all(path.read_text(), yaml.CSafeLoader) if one and one.get("kind") == "Pod"]
    bodies = [review(pod) for pod in pods]
    bodies += [review(pod, operation="UPDATE", old=pod) for pod in pods[:3]]
    bodies += [review(deployment(pods[1], kind)) for kind in ("Deployment", "StatefulSet", "Job", "CronJob")]
    bodies += [review(pods[0], subresource="ephemeralcontainers", operation="UPDATE", old=pods[0])]
    return [json.loads(body) for body in bodies]


def flaw(status: int, sent: bytes, answer: bytes) -> str:
    """Return what is wrong with an answer, or nothing."""
    if status not in ANSWERS:
        return f"status {status}"
    if status != 200:
        return "" if answer.count(b"\n") <= 1 else "more than a line"
    try:
        response = json.loads(answer)["response"]
        uid = response["uid"]
        assert isinstance(response["allowed"], bool)
        if "patch" in response:
            assert isinstance(json.loads(base64.b64decode(response["patch"])), list)
            assert response["patchType"] == "JSONPatch"
    except (ValueError, KeyError, AssertionError, TypeError) as error:
        return f"no response of an AdmissionReview: {error!r}"
    try:
        asked = json.loads(sent)["request"]["uid"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""  # airlock reads more than this does
    return "" if uid == _as_go_reads(asked) else f"uid {uid!r} and not {asked!r}"


def _as_go_reads(asked: object) -> object:
    """Return what the API server's JSON would make of *asked*: half a surrogate pair is U+FFFD to it."""
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", asked) if isinstance(asked, str) else asked


def measure(told: Told) -> Iterator[Figure | Row]:
    """Send mutated reviews of all kinds to both paths."""
    number = told.pick(4_000, 100_000)
    with told.server(ENFORCE, "--events", "log") as server:
        random, good = Random(SEED), bases()  # noqa: S311 - the same each time
        with Kept(server) as kept:
            for body in good:
                assert kept.post("/validate", json.dumps(body).encode())[0] == 200
            before, pids = memory(server.process.pid), set(family(server.process.pid))
            make = partial(mutated, random)
            took, statuses, flaws = _sent(kept, (make(random.choice(good)) for _ in range(number)))
        yield Row("answers", {f"{status}": float(count) for status, count in sorted(statuses.items())})
        yield Figure("answers that are no review's, or another's", (sum(flaws.values()),), "", Promise(0))
        for text, count in flaws.most_common(5):
            yield Row(text, {"times": float(count)})
        yield Figure("processes that ended", (len(pids - set(family(server.process.pid))),), "", Promise(0))
        yield Figure("memory more than before", (memory(server.process.pid) - before,), "MiB", Promise(50))
        yield Figure("p99 of an answer", (quantile(took, 99) * 1e3,), "ms", Promise(250))
        yield Figure("reviews sent", (number,))
        yield Figure("failures that airlock counted", (_failed(server),), "", Promise(0))


def _sent(kept: Kept, bodies: Iterator[bytes]) -> tuple[list[float], Counter[int], Counter[str]]:
    took, statuses, flaws = list[float](), Counter[int](), Counter[str]()
    for nth, body in enumerate(bodies):
        began = time.perf_counter()
        status, answer = kept.post("/mutate" if nth % 2 else "/validate", body)
        took.append(time.perf_counter() - began)
        statuses[status] += 1
        if wrong := flaw(status, body, answer):
            flaws[wrong] += 1
    return took, statuses, flaws


def _failed(server: Server) -> float:
    lines = server.probe("/metrics")[1].splitlines()
    failed = [
        line for line in lines if line.startswith("airlock_admission_reviews_total") and 'verdict="failed"' in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in failed)
