"""What people read on a terminal: how long it is, how wide, and what the options do."""

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

import click.testing
import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.harness import places, surveys
from tests.harness.livepods import running
from tests.harness.scanning import listed
from webhook.__main__ import main
from webhook.audit.preview import preview
from webhook.audit.survey import Survey
from webhook.report import audit_table
from webhook.report.wording import Options

SCREEN = (80, 24)
made = cache(lambda make: make())  # a large one takes seconds
ALL = (surveys.story, surveys.six, surveys.wide, surveys.healthy, surveys.empty, surveys.hostile, surveys.large)
MAKERS = pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)


def shown(survey: Survey, options: Options = Options(), *, width: int | None = SCREEN[0]) -> list[str]:  # noqa: B008 - a value
    """Return what *survey* looks like on a terminal of *width* columns; None: in a pipe."""
    text = StringIO()
    terminal = {"force_terminal": True, "width": width, "color_system": None} if width is not None else {}
    console = Console(file=text, highlight=False, emoji=False, markup=False, **terminal)  # type: ignore[arg-type]
    audit_table.show(console, survey, options)
    return text.getvalue().splitlines()


def check(*arguments: str, terminal: bool = False) -> list[str]:
    environ = {"FORCE_COLOR": "1" if terminal else None, "NO_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"}
    result = click.testing.CliRunner(env=environ).invoke(main, ["check", *arguments])
    assert result.exit_code in (0, 1, 2), result.output
    return result.stdout.splitlines()


def test_a_namespace_of_six_pods_on_one_bad_tag_takes_at_most_forty_lines() -> None:
    lines = shown(surveys.six())
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert text.count("registry.example.com/data/airflow:latest") == 1
    assert all(name in text for name in ("api-server", "dag-processor", "scheduler", "triggerer", "sales_daily"))
    assert text.count("fix: ") == 2


@MAKERS
def test_a_summary_fits_one_screen(make: Callable[[], Survey]) -> None:
    for width in (SCREEN[0], None):
        lines = shown(made(make), Options(summary=True), width=width)
        assert len(lines) < SCREEN[1]
        assert max(map(len, lines)) <= SCREEN[0]


def test_a_summary_of_a_preview_fits_one_screen() -> None:
    old = surveys.large(400)
    text = StringIO()
    found = preview(old, replace(old, groups=()))
    audit_table.show_preview(Console(file=text, width=SCREEN[0]), found, Options(summary=True))
    lines = text.getvalue().splitlines()
    assert len(lines) < SCREEN[1]
    assert "and 386 more workloads" in text.getvalue()


@MAKERS
@pytest.mark.parametrize("options", [Options(), Options(exempted=True), Options(summary=True), Options(fixes=False)])
def test_no_line_ends_in_blanks(make: Callable[[], Survey], options: Options) -> None:
    for width in (SCREEN[0], 41, None):
        assert [line for line in shown(made(make), options, width=width) if line != line.rstrip()] == []


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("options", [[], ["--summary"], ["--no-fixes"], ["--show-exempted"]])
def test_no_line_of_a_check_ends_in_blanks(options: list[str], terminal: bool) -> None:  # noqa: FBT001 - a parameter
    lines = check(*options, str(places.CORPUS / "official-1.22.0"), terminal=terminal)
    assert len(lines) > 5
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert [line for line in plain if line != line.rstrip()] == []


def test_a_summary_of_a_check_fits_one_screen() -> None:
    lines = check("--summary", str(places.CORPUS), str(places.CORPUS / "missing"))
    assert len(lines) < SCREEN[1]
    assert any(line.startswith("and ") and line.endswith("more causes") for line in lines)


def test_words_are_never_broken_so_that_they_can_be_copied() -> None:
    for width in (30, 41, 60):
        whole = " ".join(shown(surveys.story(), width=width)).split()
        assert "registry.example.com/data/airflow:main" in whole
        assert all("MESSAGE_CALLBACK" not in word or "MESSAGE_CALLBACK_ENDPOINT" in word for word in whole)


def test_fixes_are_shown_unless_they_are_not_wanted() -> None:
    with_, without = shown(surveys.story()), shown(surveys.story(), Options(fixes=False))
    assert any("fix: " in line for line in with_)
    assert not any("fix: " in line for line in without)
    workloads = [[line.strip() for line in lines if "airflow-scheduler, 2 pods" in line] for lines in (with_, without)]
    assert workloads[0] == workloads[1] != []


@pytest.mark.parametrize("command", ["check", "audit"])
def test_an_older_script_may_still_ask_for_fixes(command: str, tmp_path: Path) -> None:
    dump = tmp_path / "pods.json"
    dump.write_text(listed({"apiVersion": "v1", "kind": "Pod", **running(image="apache/airflow:latest")}))
    runner = click.testing.CliRunner()
    files = ["-f", str(dump)] if command == "audit" else [str(dump)]
    plain, asked = (runner.invoke(main, [command, *files, *more]).stdout for more in ([], ["--fix-hints"]))
    assert plain == asked
    assert "fix: " in plain
    assert "--fix-hints" not in runner.invoke(main, [command, "--help"]).stdout


def test_a_longer_list_says_how_much_more_there_is() -> None:
    lines = shown(surveys.large(), width=None)
    assert len(lines) < 400
    assert any("more workloads" in line for line in lines)
    assert any("more causes, which -o json lists" in line for line in lines)


@MAKERS
def test_the_table_says_of_each_layer_one_of_four_words(make: Callable[[], Survey]) -> None:
    lines = [line for line in shown(made(make), width=None) if re.match(r"[1-4] (stale|image|name|call)", line)]
    words = [re.match(r"[1-4] [a-z ]+: (found|not found|not checked|not comparable) \(.+\)", line) for line in lines]
    assert len(words) == 4
    assert all(words)


def test_a_headline_is_green_only_when_nothing_was_found() -> None:
    def colour(survey: Survey) -> Any:
        console = Console(file=StringIO(), force_terminal=True, color_system="standard", width=80, record=True)
        audit_table.show(console, survey, Options())
        return re.search(r"\x1b\[1;(\d+)m", console.export_text(styles=True))[1]  # type: ignore[index]

    assert [colour(made(make)) for make in (surveys.healthy, surveys.empty, surveys.story)] == ["32", "33", "31"]


def test_no_sentence_calls_what_was_not_read_well() -> None:
    files = [*resources.files("webhook.report").joinpath("html").iterdir()]
    assert files
    assert all("all is well" not in file.read_text(encoding="utf-8") for file in files)
