"""D4 and D5: patches of generated pods apply, and a second pass changes nothing, also after other webhooks."""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from random import Random
from typing import Any

import jsonpatch

from tests.bench.creation import Creator
from tests.figures.figure import Figure, Promise, Row
from tests.harness.gate import LABEL
from tests.harness.reviews import owned, review
from tests.prove.told import ENFORCE, Told
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.gate import Gate

SEED, TODAY = 20261127, date(2026, 11, 27)
CLIENTS = 4
NAMES = ("MESSAGE_CALLBACK_ENDPOINT", "POD_IP", "CPU_LIMIT", "A", "B_2")
VALUES = ("", "x", "$(POD_IP)", "$$(A)", "$(MESSAGE_CALLBACK_ENDPOINT)/$(A)", "https://x", "$(")
LITERALS = """\
apiVersion: airlock/v1
kind: RequiredEnv
env:
  - {name: MESSAGE_CALLBACK_ENDPOINT, value: "https://x/$(POD_IP)"}
  - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}, onConflict: override}
  - {name: A, value: "a", containers: all}
"""


def pod(random: Random) -> dict[str, Any]:
    """Return a scheduler as nobody would write it: 1 to 4 containers, sometimes 50, with any variables."""
    count = 50 if random.random() < 0.01 else random.randint(1, 4)
    containers = [_container(random, f"c{n}" if n else "scheduler") for n in range(count)]
    spec: dict[str, Any] = {"containers": containers}
    if random.random() < 0.4:
        spec["initContainers"] = [_container(random, f"i{n}") for n in range(random.randint(1, 3))]
    metadata: dict[str, Any] = {
        "generateName": "airflow-scheduler-",
        "labels": {"tier": "airflow", "component": "scheduler", "release": "airflow"},
    }
    if random.random() < 0.3:
        metadata["annotations"] = {"a/b~c": "x"}
    return owned({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def _container(random: Random, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "image": f"apache/airflow@sha256:{'a' * 64}"}
    match random.randrange(5):
        case 0:
            made["env"] = []
        case 1 | 2 | 3:
            made["env"] = [_variable(random) for _ in range(random.choice((1, 2, 5, 20)))]
    if random.random() < 0.2:
        made["envFrom"] = [{"configMapRef": {"name": "x"}}]
    return made


def _variable(random: Random) -> dict[str, Any]:
    name = random.choice(NAMES)
    if random.random() < 0.2:
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return {"name": name, "value": random.choice(VALUES)} if random.random() < 0.9 else {"name": name}


def _other_webhooks(random: Random, made: dict[str, Any]) -> dict[str, Any]:
    """Return *made* as two other webhooks leave it: the variables in another order, and one container more."""
    changed = copy.deepcopy(made)
    for container in changed["spec"]["containers"]:
        random.shuffle(container.get("env") or [])
    changed["spec"]["containers"].append({"name": "istio-proxy", "image": f"istio@sha256:{'b' * 64}"})
    return changed


def settling(told: Told) -> Iterator[Figure | Row]:
    """Mutate generated pods again and again: D4."""
    random, number = Random(SEED), told.pick(500, 10_000)  # noqa: S311 - the same each time
    gate = Gate(read_policy(ENFORCE), read_manifest(LITERALS))
    patched, again, after = 0, 0, 0

    def passed(made: dict[str, Any]) -> tuple[dict[str, Any], int]:
        _, operations = gate.mutate(decode(review(made)), TODAY)
        return jsonpatch.apply_patch(made, operations), len(operations)

    for _ in range(number):
        once, first = passed(pod(random))
        patched += first > 0
        again += passed(once)[1] > 0
        reinvoked, _ = passed(_other_webhooks(random, once))
        after += passed(reinvoked)[1] > 0
    yield Figure("pods", (number,))
    yield Figure("pods that got a patch", (patched,))
    yield Figure("pods that a second pass changes", (again,), "", Promise(0))
    yield Figure("the same after two other webhooks and a reinvocation", (after,), "", Promise(0))


def applied(told: Told) -> Iterator[Figure | Row]:
    """Create generated pods through the API server, which applies every patch: D5."""
    number = told.pick(200, 2_000)
    with told.gate(), ThreadPoolExecutor(CLIENTS) as pool:
        namespace = told.plane.namespace(labels={LABEL: ""})
        parts = pool.map(lambda seed: _created(Creator(told.plane), namespace, seed, number // CLIENTS), range(CLIENTS))
        statuses: Counter[int] = Counter()
        broken: list[str] = []
        incomplete = 0
        for counted, texts, missing in parts:
            statuses += counted
            broken += texts
            incomplete += missing
    yield Row("answers", {f"{status}": float(count) for status, count in sorted(statuses.items())})
    for text in broken[:3]:
        yield Row(text, {"times": 1.0})
    yield Figure("creations", (sum(statuses.values()),))
    yield Figure("patches that the API server could not apply, and other errors", (len(broken),), "", Promise(0))
    yield Figure("schedulers admitted without their variable", (incomplete,), "", Promise(0))


def _created(creator: Creator, namespace: str, seed: int, number: int) -> tuple[Counter[int], list[str], int]:
    random = Random(SEED + seed)  # noqa: S311 - the same each time
    statuses, broken, missing = Counter[int](), list[str](), 0
    for _ in range(number):
        status, answer = creator.post(namespace, json.dumps(pod(random)).encode())
        statuses[status] += 1
        message = str(answer.get("message", ""))
        if status not in (201, 422) or "nternal error" in message or "failed calling" in message:
            broken.append(f"{status} {message[:300]}")
        if status == 201:
            names = {one["name"] for one in answer["spec"]["containers"][0].get("env", ())}
            missing += "MESSAGE_CALLBACK_ENDPOINT" not in names
    return statuses, broken, missing
