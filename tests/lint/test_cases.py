"""The rule `callback`, case by case: every file under `cases/callback/` is a sentence and its proof."""

from pathlib import Path

import pytest

from tests.lint.cases import FILES, facts, found, linted, load
from webhook.lint.finding import Fault


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_case_finds_what_its_lines_announce_and_nothing_else(path: Path) -> None:
    case = load(path)
    outcome = linted(case.files, facts(case.data))
    assert found(outcome) == case.marks, "\n".join(f"{one.place}: {one.sentence}" for one in outcome.findings)
    told = "\n".join(f"{one.sentence} {one.fix} {' '.join(also.text for also in one.also)}" for one in outcome.findings)
    for words in case.data.get("says", ()):
        assert words in told
    assert sorted(one.reason for one in outcome.spared) == sorted(case.data.get("spared", ()))
    assert [f"{one.place}: {one.text}" for one in outcome.unusable] == case.data.get("unusable", [])
    if "modes" in case.data:
        assert [str(one.mode) for one in outcome.findings] == case.data["modes"]


def test_every_kind_has_a_case_that_shows_it_and_every_case_of_text_one_that_does_not() -> None:
    shown = {fault for path in FILES for _, _, fault in load(path).marks}
    assert shown == {str(fault) for fault in Fault}
    assert any(not load(path).marks for path in FILES if path.stem.startswith("text"))
