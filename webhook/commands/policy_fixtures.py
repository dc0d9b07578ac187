"""Runs the files of `airlock policy test`, and shows what came of them."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from xml.etree import ElementTree as ET

import click
import msgspec

from webhook.commands.reading import contents, document
from webhook.documents.fixture import Case, PolicyTest, read_policy_test
from webhook.documents.policy import DEFAULT, read_policy
from webhook.documents.required_env import EMPTY, read_manifest
from webhook.grammar.yamlnode import compose
from webhook.judge.gate import Gate
from webhook.manifests.fixture import Result, run
from webhook.pods.text import plural, printable
from webhook.sources.file import FileError

T = TypeVar("T")

_LONGEST = 2000  # characters of a line


class Suite(msgspec.Struct, frozen=True):
    """What came of one file."""

    file: str
    results: tuple[Result, ...]


def suite(file: Path, policy: Path | None) -> Suite:
    """Return what comes of the tests in *file*, by *policy* or the one that it names.

    Ends the program with 2 when a file cannot be used.
    """
    tests = document(file, read_policy_test).value
    gate = _gate(tests, file, policy)
    today = tests.today or datetime.now(UTC).date()
    return Suite(str(file), tuple(run(gate, case, _object(case, file), today) for case in tests.tests))


def _gate(tests: PolicyTest, file: Path, policy: Path | None) -> Gate:
    required = _named(file, "requiredEnv", tests.required_env, read_manifest) if tests.required_env else EMPTY
    if policy is not None:
        return Gate(document(policy, read_policy).value, required)
    return Gate(_named(file, "policy", tests.policy, read_policy) if tests.policy else DEFAULT, required)


def _named(file: Path, field: str, name: str, reader: Callable[[bytes], T]) -> T:
    """Return the document *name* that *field* of the tests in *file* names."""
    place = file.parent / name
    if not place.exists():
        return _end(f"{file}: {field}: {place}: no such file or directory")
    return document(place, reader).value


def _object(case: Case, file: Path) -> Mapping[str, Any]:
    """Return the object of *case*; ends the program with 2 when its file holds none."""
    if case.object is not None:
        return case.object
    place = file.parent / case.file
    try:
        root, faults = compose(contents(place))
    except FileError as error:
        return _end(f"{file}: {case.name!r}: file: {error}")
    if root is None or faults or not isinstance(root.value, Mapping):
        return _end(f"{place}: {'; '.join(fault.text for fault in faults) or 'is no object'}")
    found: Mapping[str, Any] = root.value
    return found


def _end(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(2)


def text(suites: list[Suite]) -> str:
    """Return *suites* for a terminal."""
    lines = []
    for each in suites:
        lines.append(each.file)
        for result in each.results:
            lines.append(f"  {'ok    ' if result.passed else 'FAILED'}  {printable(result.name, _LONGEST)}")
            lines += [f"          {printable(problem, _LONGEST)}" for problem in result.problems]
    results = [result for each in suites for result in each.results]
    failed = sum(not result.passed for result in results)
    summary = f"{plural(len(results), 'test')}, {failed} failed" if failed else f"{plural(len(results), 'test')} passed"
    return "\n".join([*lines, "", summary, ""])


def junit(suites: list[Suite]) -> str:
    """Return *suites* as JUnit XML."""
    root = ET.Element("testsuites", name="airlock policy test")
    for each in suites:
        failed = sum(not result.passed for result in each.results)
        counts = {"tests": str(len(each.results)), "failures": str(failed), "errors": "0", "skipped": "0", "time": "0"}
        element = ET.SubElement(root, "testsuite", {"name": each.file, **counts})
        for result in each.results:
            case = ET.SubElement(
                element, "testcase", name=printable(result.name, _LONGEST), classname=each.file, time="0"
            )
            if not result.passed:
                told = [printable(problem, _LONGEST) for problem in result.problems]
                ET.SubElement(case, "failure", message=told[0], type="difference").text = "\n".join(told)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(one.get(count, "0")) for one in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
