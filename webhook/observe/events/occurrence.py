"""What an Event says: pure functions from a decision, or from a change of a document, to `events.k8s.io/v1`."""

import hashlib
import json
import re
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
from msgspec.structs import replace

from webhook.judge.decision import Decision, ObjectRef
from webhook.judge.message import fitted
from webhook.rules.finding import Mode

REASONS = {Mode.ENFORCE: "Denied", Mode.WARN: "Warned", Mode.AUDIT: "Audited"}
CONTROLLER = "airlock"
LONGEST_NOTE, LONGEST_INSTANCE = 1024, 128  # bytes (pkg/apis/core/validation/events.go)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME = 253 - 17
_PLACE = 100  # what a place takes besides its text


class Occurrence(msgspec.Struct, frozen=True):
    """Something to tell about an object; the same *key* again is a repeat of it."""

    key: str
    regarding: ObjectRef
    type: str
    reason: str
    action: str
    at: datetime
    note: str = ""  # composed when it is first told
    task: str = ""  # whose allowance of Events it takes from; "" for what has none
    common: str = ""  # the key where that is used up


def regarding(decision: Decision) -> ObjectRef:
    """Return the object that exists when the decision is made: a denied pod never will, its owner does."""
    if not decision.verdict.allowed and decision.owner is not None:
        return decision.owner
    return decision.regarding


def key(decision: Decision) -> str:
    """Return what repeats of *decision* have in common.

    A ReplicaSet tries again with a pod of another name, and an executor with one that has no owner. An object that is
    no pod stands for itself.
    """
    whole = decision.owner or (decision.regarding if decision.regarding.kind != "Pod" else None)
    if whole is not None:
        return _key(decision, [whole.uid or f"{whole.kind} {whole.namespace}/{whole.name}"])
    return _key(decision, _task(decision))


def occurrence(decision: Decision, at: datetime) -> Occurrence:
    """Return what there is to tell about *decision*, which has violations, but for the note.

    A pod that is admitted and has no owner is told apart by its uid, as far as its task's allowance goes: the
    KubernetesPodOperator copies the Events of its own pod into the log of the task, and of no other.
    """
    common, reason, ref = key(decision), REASONS[decision.verdict.mode], decision.regarding
    told = Occurrence(common, regarding(decision), "Warning", reason, "Admission", at)
    if decision.owner is not None or ref.kind != "Pod" or not ref.uid or not decision.verdict.allowed:
        return told
    whose = _task(decision)
    return replace(told, key=_key(decision, [*whose, ref.uid]), task=_digest(whose), common=common)


def size(decision: Decision) -> int:
    """Return about how many characters *decision* holds: nobody limits an image's name but the pod's size."""
    verdict, found = decision.verdict, 0
    for cause in chain((one.cause for one in verdict.violations), (one.cause for one in verdict.exempted)):
        found += sum(map(len, (cause.text, cause.fix, cause.image, cause.variable, cause.reason)))
        found += sum(_PLACE + len(place.path) + len(place.container) + len(place.detail) for place in cause.places)
    return found


def injection(decision: Decision, at: datetime) -> Occurrence:
    """Return what there is to tell about the variables that a pod of the owner of *decision* was given: names alone."""
    owner = decision.owner or decision.regarding
    whose = [owner.uid or f"{owner.kind} {owner.namespace}/{owner.name}", *decision.injected]
    names = ", ".join(decision.injected)
    note = fitted([f"its pods are given variables of the required-env manifest that they lack: {names}"], LONGEST_NOTE)
    mark = hashlib.sha256(json.dumps(["injected", *whose]).encode(errors="backslashreplace")).hexdigest()
    return Occurrence(mark, owner, "Normal", "Injected", "Admission", at, note)


def _task(decision: Decision) -> list[str]:
    task = decision.task
    return [decision.regarding.namespace, *((task.dag_id, task.task_id) if task is not None else ("", ""))]


def _key(decision: Decision, whose: list[str]) -> str:
    violations = decision.verdict.violations
    rules = sorted({violation.rule for violation in violations})
    images = sorted({violation.cause.image for violation in violations})
    return _digest([REASONS[decision.verdict.mode], whose, rules, images])


def announcement(reason: str, note: str, about: ObjectRef, at: datetime, *, good: bool) -> Occurrence:
    """Return what there is to tell about a document: *good* news, or bad."""
    same = _digest([reason, note, about.uid or f"{about.kind} {about.namespace}/{about.name}"])
    return Occurrence(same, about, "Normal" if good else "Warning", reason, "Reload", at, note)


def event(told: Occurrence, count: int, last: datetime, instance: str) -> dict[str, Any]:
    """Return the `events.k8s.io/v1` Event for *count* occurrences, the latest of them at *last*."""
    ref = told.regarding
    facts = {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "uid": ref.uid,
    }
    mark = _digest([instance, told.key, micro_time(told.at)])  # the same for each try
    body: dict[str, Any] = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": ref.namespace or "default", "name": event_name(ref.name, mark)},
        "eventTime": micro_time(told.at),
        "type": told.type,
        "reason": told.reason,
        "action": told.action,
        "reportingController": CONTROLLER,
        "reportingInstance": fitted([instance], LONGEST_INSTANCE) or CONTROLLER,
        "regarding": {field: value for field, value in facts.items() if value},
        "note": fitted([told.note], LONGEST_NOTE),
    }
    return body | series(count, last) if count > 1 else body


def series(count: int, last: datetime) -> dict[str, Any]:
    """Return the part of an Event that says how often; *count* is at least 2."""
    return {"series": {"count": count, "lastObservedTime": micro_time(last)}}


def event_name(name: str, mark: str) -> str:
    """Return a DNS subdomain that begins with *name*, as far as that is one, and ends with 16 digits of *mark*.

    >>> event_name("airflow-scheduler-6d4cf56db6", "0123456789abcdef01")
    'airflow-scheduler-6d4cf56db6.0123456789abcdef'
    """
    stem = name[:_LONGEST_NAME].rstrip("-.")
    return f"{stem if _NAME.fullmatch(stem) else CONTROLLER}.{mark[:16]}"


def micro_time(at: datetime) -> str:
    """Return *at* with exactly six digits of fraction: the API server refuses fewer (kubernetes#89156).

    >>> micro_time(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC))
    '2026-03-01T12:00:00.000000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
