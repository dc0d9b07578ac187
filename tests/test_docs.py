"""The documents lead to each other: no link to a place that is not there, no page that the index does not name."""

import re
from pathlib import Path

import pytest

from tests.harness.places import ROOT

PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("charts/airlock/*.md"), *ROOT.glob("examples/**/*.md")}
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def targets(page: Path) -> list[str]:
    return [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page has for its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in targets(page):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in anchors(found)):
            lost.append(target)
    assert lost == []


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} <= set(targets(index))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_row_of_a_table_is_a_line_with_a_cell_for_each_column(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"^\|.*\n\|[ :|-]+\|\n(?:.+\n)*", text, re.MULTILINE):
        head, _, *rows = table.splitlines()
        assert [row for row in rows if bars(row) != bars(head) or row[0] != "|" or row[-1] != "|"] == []


def bars(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row))
