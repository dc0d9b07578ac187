"""Runs a policy's tests: each case takes the path of a request, from an AdmissionReview to the verdict."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import jsonpatch
import msgspec

from webhook.admission.envelope import API_VERSION, ReviewError
from webhook.admission.review import decode
from webhook.documents.fixture import Case, Expected
from webhook.judge.gate import Gate
from webhook.judge.message import sentence
from webhook.judge.verdict import Verdict, Violation


class Result(msgspec.Struct, frozen=True):
    """What came of one case."""

    name: str
    problems: tuple[str, ...]  # how the answer differs from what was expected; () when it does not

    @property
    def passed(self) -> bool:
        """Whether the answer was the expected one."""
        return not self.problems


def run(gate: Gate, case: Case, found: Mapping[str, Any], today: date) -> Result:
    """Return how the answer of *gate* about the object *found* differs from what *case* expects, on *today* (UTC)."""
    try:
        return Result(case.name, tuple(_differences(gate, case, found, today)))
    except ReviewError as error:
        return Result(case.name, (f"the object cannot be asked about: {error}",))


def _differences(gate: Gate, case: Case, found: Mapping[str, Any], today: date) -> Iterator[str]:
    _, operations = gate.mutate(decode(_review(case, found)), today)
    final = jsonpatch.apply_patch(found, operations) if operations else found
    yield from _injection(case, sorted({entry["name"] for operation in operations for entry in _entries(operation)}))
    verdict = gate.validate(decode(_review(case, final)), today).verdict
    yield from _findings(case.expect, verdict)
    exempted = sorted({one.exemption for one in verdict.exempted})
    if exempted != sorted(case.exempted):
        yield f"exempted by {_listed(exempted)}, and {_listed(case.exempted)} expected"


def _injection(case: Case, injected: list[str]) -> Iterator[str]:
    if injected != sorted(case.injected):
        yield f"injected: {_listed(injected)}, and {_listed(case.injected)} expected"


def _entries(operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the variables that *operation* of a patch sets: one, or the whole list."""
    value = operation.get("value")
    every = value if isinstance(value, list) else [value]
    return [entry for entry in every if isinstance(entry, Mapping) and "name" in entry]


def _findings(expected: tuple[Expected, ...], verdict: Verdict) -> Iterator[str]:
    for one in expected:
        if not any(_meets(violation, one) for violation in verdict.violations):
            words = f" that says {one.reason!r}" if one.reason else ""
            yield f"expected {one.rule} ({one.mode}){words}: no such finding"
    for violation in verdict.violations:
        if not any(_meets(violation, one) for one in expected):
            yield f"not expected ({violation.mode}): {sentence(violation)}"


def _meets(violation: Violation, expected: Expected) -> bool:
    same = (violation.rule, violation.mode) == (expected.rule, expected.mode)
    return same and expected.reason in " ".join(sentence(violation).split())


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _review(case: Case, found: Mapping[str, Any]) -> bytes:
    """Return the AdmissionReview that asks about *found*."""
    api_version, kind = str(found.get("apiVersion", "v1")), str(found.get("kind", "Pod"))
    group, _, version = api_version.rpartition("/")
    metadata = found.get("metadata")
    own = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    namespace = case.namespace or own or "default"
    request = {
        "uid": "test",
        "kind": {"group": group, "version": version, "kind": kind},
        "operation": "CREATE" if case.old is None else "UPDATE",
        "namespace": namespace,
        "userInfo": {"username": case.user},
        "object": _moved(found, namespace),
        "oldObject": case.old and _moved(case.old, namespace),
        "dryRun": True,
    }
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": request})


def _moved(found: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    """Return the object in *namespace*: the API server would set it there before it asks."""
    metadata = found.get("metadata")
    return {**found, "metadata": {**metadata, "namespace": namespace}} if isinstance(metadata, Mapping) else found
