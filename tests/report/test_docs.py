"""The samples in the docs are what the commands print."""

import re
from pathlib import Path

import click.testing
import pytest

from tests.harness import places, surveys
from tests.report.test_tables import shown
from webhook.__main__ import main

DOCS = places.ROOT / "docs"


def samples(page: str) -> list[str]:
    return re.findall(r"```text\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_on_audit_shows_what_an_audit_prints() -> None:
    assert "\n".join(shown(surveys.six())) + "\n" in samples("audit.md")


def test_the_readme_shows_the_part_of_an_audit_that_people_read_first() -> None:
    text = (places.ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    (told,) = [block for block in blocks if "would not come back" in block]
    assert told.endswith("\n...\n")
    assert told.removesuffix("...\n") in "\n".join(shown(surveys.story()))


def test_the_page_on_check_shows_what_a_check_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(places.ROOT)
    runner = click.testing.CliRunner(env={"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"})
    result = runner.invoke(main, ["check", "--policy", "examples/policy.yaml", "examples/pods/"])
    assert re.sub(r"\x1b\[[0-9;]*m", "", result.stdout) in samples("check.md")


@pytest.mark.parametrize("page", ["audit.md", "check.md", "report.md"])
def test_no_page_speaks_of_an_option_that_is_gone(page: str) -> None:
    assert "--fix-hints" not in Path(DOCS / page).read_text(encoding="utf-8")
