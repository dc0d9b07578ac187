"""A cluster is given up soon when it never answers, late when it did, and once for all."""

import json
from collections.abc import Mapping

import pytest

from webhook.cluster import Page
from webhook.scan.pages import ListError, Patience
from webhook.scan.server import FIRST, Server
from webhook.scan.supply import NODES, PODS

EMPTY = Page(200, b'{"metadata": {}, "items": []}')


class Script:
    """A connection that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: Page | OSError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def read(self, path: str, *, query: Mapping[str, str]) -> Page:
        self.asked.append(f"{path} {query.get('continue', '')}".strip())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


def pods(*names: str, then: str = "", left: int | None = None) -> Page:
    metadata = {"continue": then, "remainingItemCount": left}
    items = [{"metadata": {"name": name, "uid": name}} for name in names]
    return Page(200, json.dumps({"metadata": metadata, "items": items}).encode())


def test_progress_is_told_with_each_page_and_how_much_there_is() -> None:
    told: list[tuple[str, int, int | None]] = []
    connection = Script(pods("a", "b", then="t", left=1), pods("c"))
    server = Server(connection, limit=2, progress=lambda what, count, of: told.append((what, count, of)))
    assert len(list(server.items(PODS, "airflow"))) == 3
    assert told == [("pods in airflow", 0, None), ("pods in airflow", 2, 3)]
    assert connection.asked == ["/api/v1/namespaces/airflow/pods", "/api/v1/namespaces/airflow/pods t"]


def test_an_object_that_is_not_there_is_none_and_one_that_may_not_be_seen_is_an_error() -> None:
    assert Server(Script(Page(404, b"{}"))).item(PODS, "airflow", "a") is None
    assert Server(Script(Page(200, b"{}"))).item(NODES, None, "a") == b"{}"
    with pytest.raises(ListError, match="may not") as caught:
        Server(Script(Page(403, b'{"message": "may not"}'))).item(PODS, "airflow", "a")
    assert caught.value.status == 403


def test_a_server_that_went_away_is_not_waited_for_again() -> None:
    connection = Script(EMPTY, OSError("connection refused"))
    server = Server(connection, patience=Patience(total=0.5))
    assert list(server.items(NODES, None)) == []
    for _ in range(3):
        with pytest.raises(ListError, match="connection refused") as caught:
            list(server.items(PODS, None))
        assert caught.value.status is None
    with pytest.raises(ListError, match="connection refused"):
        server.item(PODS, "airflow", "a")
    assert len(connection.asked) < 6


@pytest.mark.parametrize("first", [EMPTY, Page(403, b"{}")])
def test_a_server_that_has_answered_once_is_given_all_the_patience(first: Page) -> None:
    trouble = [OSError("connection refused")] * 3
    server = Server(Script(first, *trouble, EMPTY), patience=Patience(total=5))
    if first is EMPTY:
        list(server.items(NODES, None))
    else:
        with pytest.raises(ListError):
            list(server.items(NODES, None))
    assert list(server.items(PODS, None)) == []


def test_a_server_that_never_answered_is_given_up_in_seconds() -> None:
    assert FIRST.total <= 5
    with pytest.raises(ListError, match="connection refused"):
        list(Server(Script(OSError("connection refused")), patience=Patience(total=3600)).items(PODS, None))
