"""Advisories: what is known fails, what nobody could check is said, and neither is taken for the other."""

from datetime import date
from typing import Any

import pytest

from release.advisories import EXCEPTIONS, NOT_CHECKED, Lifted, judge, read_exceptions

TODAY = date(2026, 11, 27)
FLASK = {"name": "flask", "version": "3.1.3", "vulns": []}
SKIPPED = {"name": "yarl", "skip_reason": "Dependency not found on PyPI"}
BAD = {
    "name": "idna",
    "version": "3.20",
    "vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["3.21"], "description": ""}],
}


def report(*dependencies: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(dependencies), "fixes": []}


def test_nothing_known_about_what_was_checked_is_no_failure() -> None:
    verdict = judge(report(FLASK), "", (), TODAY)
    assert verdict.lines == ("advisories: none about the 1 libraries of requirements.lock",)
    assert not verdict.failed


def test_a_known_advisory_is_a_failure_and_says_what_fixes_it() -> None:
    verdict = judge(report(FLASK, BAD), "", (), TODAY)
    assert verdict.lines == ("advisories: idna 3.20: PYSEC-2026-1; fixed in 3.21",)
    assert verdict.failed


@pytest.mark.parametrize("name", ["PYSEC-2026-1", "CVE-2026-1"])
def test_an_exception_lifts_an_advisory_by_any_of_its_names_until_its_day(name: str) -> None:
    assert not judge(report(BAD), "", (Lifted(name, TODAY, "unused"),), TODAY).failed


def test_an_exception_that_is_over_is_a_failure_even_where_nothing_can_be_checked() -> None:
    over = (Lifted("CVE-2026-1", date(2026, 11, 26), "unused"),)
    assert judge(report(BAD), "", over, TODAY).failed
    assert judge(None, "no network", over, TODAY).failed


@pytest.mark.parametrize(("given", "why"), [(None, "connection refused"), (report(SKIPPED), "not found on PyPI")])
def test_a_database_that_is_not_reached_is_said_and_is_no_failure(given: dict[str, Any] | None, why: str) -> None:
    verdict = judge(given, why, (), TODAY)
    (line,) = verdict.lines
    assert line.startswith(NOT_CHECKED)
    assert why in line
    assert not verdict.failed


def test_a_library_that_the_database_does_not_know_is_not_taken_for_a_good_one() -> None:
    verdict = judge(report(FLASK, SKIPPED), "", (), TODAY)
    assert verdict.lines == ("advisories: yarl was not checked: Dependency not found on PyPI",)
    assert verdict.failed


def test_the_exceptions_can_be_read_and_each_has_a_reason() -> None:
    text = '[[exception]]\nid = "CVE-1"\nuntil = 2027-03-31\nreason = "unused"\n'
    assert read_exceptions(text) == (Lifted("CVE-1", date(2027, 3, 31), "unused"),)
    assert all(one.reason for one in read_exceptions(EXCEPTIONS.read_text(encoding="utf-8")))
