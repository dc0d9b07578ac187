"""The comment on a pull request: short, folded, and harmless whatever names it shows."""

import re

import click.testing
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from tests.harness import places, surveys
from webhook.__main__ import main
from webhook.report import markdown, problems
from webhook.report.wording import Options, shown

GITHUB = 65_536  # characters of a comment
LINKED = re.compile(r"(?<![\w/])[@#]\w")  # what GitHub makes a mention or a link of, in text
# GFM without what airlock itself writes in HTML: everything else must be text.
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def tokens(text: str) -> list[Token]:
    return [inner for token in READER.parse(text) for inner in (token, *(token.children or ()))]


def test_every_cause_is_in_the_table_and_its_workloads_are_folded() -> None:
    text = markdown.render_audit(surveys.story(), Options())
    head, *folded = text.split("<details>")
    found = problems.of_survey(surveys.story())
    assert len(folded) == len(found) + 2  # what could not be seen, and what was left out
    table = text.partition("| | rule | cause | where |")[2].partition("<details>")[0]
    assert all(f"`{problem.subject}`" in table for problem in found)
    assert "airflow-scheduler" not in head + table
    assert text.count("</details>") == len(folded)


def test_it_begins_with_the_headline_and_the_four_layers() -> None:
    lines = markdown.render_audit(surveys.story(), Options()).splitlines()
    assert lines[0] == "### airlock audit: 9 of 20 running pods would not come back"
    words = [match[1] for line in lines if (match := re.match(r"\| [1-4] [\w ]+ \| \*\*([\w ]+)\*\* \|", line))]
    assert words == ["found", "found", "found", "not checked"]


def test_a_comment_is_never_longer_than_github_takes() -> None:
    text = markdown.render_audit(surveys.large(), Options())
    assert len(text) < GITHUB
    assert re.search(r"and \d+ more causes, which `-o json` lists", text)
    assert text.count("<details>") == text.count("</details>")
    long = replace(surveys.hostile("x" * 250), remarks=surveys.hostile("y" * 900).remarks * 3000)
    assert len(markdown.render_audit(long, Options())) < GITHUB


@pytest.mark.parametrize(
    "name", ["@team <b>|`x`~~*_[a](b) #1", "# h\n- x", "1. `` ``` |", "![x](y) &lt; <!--", "$a$ http://x.y"]
)
def test_names_of_others_draw_link_and_mention_nothing(name: str) -> None:
    survey = surveys.hostile(name)
    found = tokens(markdown.render_audit(survey, Options()))
    kinds = {token.type for token in found}
    assert not kinds & {"link_open", "image", "em_open", "s_open", "hr", "blockquote_open", "fence"}
    assert [token.tag for token in found if token.type == "heading_open"] == ["h3"]
    html = {token.content for token in found if token.type in ("html_block", "html_inline")}
    allowed = r"\s*(<details><summary>(<code>[^<]*</code>|[^<])*</summary>|</details>)\s*"
    assert all(re.fullmatch(f"({allowed})+", one) for one in html)
    texts = [token.content for token in found if token.type == "text"]
    assert not [one for one in texts if LINKED.search(one)]
    plain = "".join(texts).replace("\u200b", "")
    assert shown(name).split()[0].strip("`") in plain


def test_rows_of_tables_keep_their_cells() -> None:
    text = markdown.render_audit(surveys.hostile("a|b"), Options())
    for line in text.splitlines():
        if line.startswith("| **"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5


def test_a_check_says_where_each_finding_stands() -> None:
    folder = places.CASES / "check" / "formats"
    result = click.testing.CliRunner().invoke(
        main, ["check", "--policy", str(folder / "policy.yaml"), "-o", "markdown", str(folder / "airflow.yaml")]
    )
    assert result.exit_code == 1
    assert result.stdout.startswith("### airlock check: 3 findings\n")
    assert f"`{folder / 'airflow.yaml'}:43`: scheduler Deployment" in result.stdout


def test_a_check_that_saw_no_workload_does_not_look_like_success() -> None:
    result = click.testing.CliRunner().invoke(
        main, ["check", "-o", "markdown", "-"], input="{kind: Foo, apiVersion: v1}"
    )
    assert result.stdout.startswith("### airlock check: nothing was checked\n")
    assert "**No workload of Airflow was seen**, so nothing was checked." in result.stdout


def test_fixes_can_be_left_out() -> None:
    assert "**Fix:**" in markdown.render_audit(surveys.story(), Options())
    assert "**Fix:**" not in markdown.render_audit(surveys.story(), Options(fixes=False))
