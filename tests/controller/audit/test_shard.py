"""A ConfigMap of reports: which namespace is where, how old a finding is, and what gives way when there is no room."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from webhook.controller.audit.shard import (
    LARGEST_SHARD,
    SHARDS,
    Page,
    fitted,
    page_of,
    read_pages,
    shard_of,
    write_pages,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def finding(name: str, text: str = "tag 'latest' is mutable, 3 pods", **fields: Any) -> dict[str, Any]:
    found = {"mode": "enforce", "rule": "mutable-tag", "component": "scheduler", "object": f"Deployment {name}"}
    return found | {"containers": ["scheduler"], "image": "a:latest", "pods": 3, "message": text} | fields


def body(*findings: dict[str, Any], pods: int = 3, more: int = 0) -> dict[str, Any]:
    summary = {"enforce": len(findings) + more, "warn": 0, "audit": 0, "sound": 5}
    return {"namespace": "airflow", "policy": "the policy", "pods": pods, "summary": summary, "findings": [*findings]}


def read(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.text)
    return found


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63))
def test_every_namespace_has_a_shard_and_always_the_same_one(namespace: str) -> None:
    assert 0 <= shard_of(namespace) < SHARDS
    assert shard_of(namespace) == shard_of(namespace)


def test_namespaces_spread_over_all_shards() -> None:
    assert {shard_of(f"airflow-{number}") for number in range(200)} == {*range(SHARDS)}


def test_a_finding_keeps_its_age_while_its_figures_change_and_a_new_one_is_new() -> None:
    first = page_of(body(finding("a")), None, NOW)
    second = page_of(body(finding("a", "tag 'latest' is mutable, 7 pods", pods=7), finding("b")), first, LATER)
    old, new = read(second)["findings"]
    assert (old["since"], old["pods"]) == ("2026-11-26T12:00:00Z", 7)
    assert new["since"] == "2026-11-26T13:00:00Z"


def test_figures_alone_change_the_page_and_not_its_substance() -> None:
    first = page_of(body(finding("a")), None, NOW)
    figures = page_of(body(finding("a", "tag 'latest' is mutable, 7 pods"), pods=9), first, LATER)
    assert figures != first
    assert figures.substance == first.substance
    assert page_of(body(finding("b")), first, LATER).substance != first.substance


def test_what_is_written_is_read_back_as_it_was() -> None:
    pages = {"airflow": page_of(body(finding("a"), finding("b")), None, NOW), "x": page_of(body(), None, NOW)}
    assert read_pages(write_pages(pages)) == pages


def test_the_oldest_findings_give_way_and_the_page_says_how_many() -> None:
    long = "x" * 1000
    old = page_of(body(*(finding(f"old-{number}", long) for number in range(200))), None, NOW)
    new = page_of(body(*(finding(f"new-{number}", long) for number in range(200)), more=3), None, LATER)
    kept = fitted({"a": old, "b": new})
    assert sum(len(text) for text in write_pages(kept).values()) <= LARGEST_SHARD
    assert len(kept["b"].entries) == 200
    assert 0 < len(kept["a"].entries) < 200
    assert read(kept["a"])["more"] == f"and {200 - len(kept['a'].entries)} more"
    assert read(kept["a"])["summary"]["enforce"] == 200
    assert read(kept["b"])["more"] == "and 3 more"


def test_what_another_report_counts_is_kept_apart_and_gives_way_as_well() -> None:
    whole = body(finding("a")) | {"countedElsewhere": [finding("a"), finding("b", "x" * 1000)]}
    page = page_of(whole, None, NOW)
    found = read(page)
    assert [len(found[name]) for name in ("findings", "countedElsewhere")] == [1, 2]
    assert "more" not in found
    assert read_pages(write_pages({"airflow": page})) == {"airflow": page}
    (kept,) = fitted({"a": page}, largest=1000).values()
    assert [len(read(kept)[name]) for name in ("findings", "countedElsewhere")] == [1, 1]


def test_of_the_same_age_the_strictest_stay() -> None:
    page = page_of(body(*(finding(f"number {letter}", "x" * 1000) for letter in "abcdefgh")), None, NOW)
    (kept,) = fitted({"a": page}, largest=4000).values()
    assert [json.loads(entry.text)["object"][-1] for entry in kept.entries] == ["a", "b", "c"]


@given(st.integers(0, 120), st.integers(0, 3000), st.integers(1, 8))
def test_a_shard_is_never_larger_than_it_may_be(findings: int, length: int, pages: int) -> None:
    given_pages = {
        f"n{number}": page_of(body(*(finding(f"f{nth}", "é" * length) for nth in range(findings))), None, NOW)
        for number in range(pages)
    }
    written = write_pages(fitted(given_pages))
    assert sum(len(text.encode()) for text in written.values()) <= LARGEST_SHARD + 200 * pages
    assert len(written) == pages


def test_what_somebody_else_wrote_is_left_out() -> None:
    good = page_of(body(finding("a")), None, NOW)
    data = {
        "a.json": "{",
        "b.json": "[]",
        "c.json": '{"findings": 5}',
        "d.json": json.dumps({"findings": [7, {"since": "yesterday"}, {"since": 5}], "summary": {"enforce": "many"}}),
        "e.txt": good.text,
        "g.json": "[" * 100_000,
        "h.json": '{"findings": [], "notChecked": ' + "[" * 900 + "]" * 900 + "}",
        "i.json": '{"findings": [{"since": "2026-01-01T00:00:00Z", "image": ' + "[" * 900 + "]" * 900 + "}]}",
        "f.json": good.text,
    }
    pages = read_pages(data)
    assert pages.keys() == {"d", "f"}
    assert pages["d"].entries == ()
    assert pages["f"] == good
