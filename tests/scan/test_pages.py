"""A collection is read to its end through expiry, overload and lost connections, or it is said why not."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

import msgspec
import pytest

from tests.harness.control_plane import ControlPlane
from webhook.cluster import Cluster, Page, connect
from webhook.scan.pages import Cancelled, ListError, Listing, Patience

QUICK = Patience(total=0.5, longest=0.1)


@dataclass
class Script:
    """A connection that gives one answer after the other, whatever is asked; *asked* are the queries."""

    answers: list[Page | OSError | Callable[[], Page]]
    asked: list[Mapping[str, str]]

    def read(self, path: str, *, query: Mapping[str, str]) -> Page:
        assert path == "/api/v1/pods"
        self.asked.append(query)
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer if isinstance(answer, Page) else answer()


def page(*names: str, then: str = "", version: str = "7") -> Page:
    items = [{"metadata": {"name": name, "uid": f"uid-{name}"}} for name in names]
    return Page(200, json.dumps({"metadata": {"resourceVersion": version, "continue": then}, "items": items}).encode())


def status(code: int, message: str = "no", retry_after: float | None = None, then: str = "") -> Page:
    body = {"kind": "Status", "metadata": {"continue": then}, "message": message}
    return Page(code, json.dumps(body).encode(), retry_after)


def script(*answers: Page | OSError | Callable[[], Page]) -> Script:
    return Script(list(answers), [])


def listing(connection: Script, **options: Any) -> Listing:
    return Listing(connection, "/api/v1/pods", patience=QUICK, chance=lambda: 0.0, **options)


def names(items: Iterator[msgspec.Raw] | Listing) -> list[str]:
    return [json.loads(bytes(item))["metadata"]["name"] for item in items]


def test_pages_follow_each_other_by_their_tokens_and_the_version_is_the_first_page_s() -> None:
    connection = script(page("a", "b", then="t1"), page(then="t2"), page("c", version="9"))
    one = listing(connection, limit=2, query={"fieldSelector": "x=y"})
    assert names(one) == ["a", "b", "c"]
    assert (one.version, one.whole) == ("7", True)
    asked = {"fieldSelector": "x=y", "limit": "2"}
    assert connection.asked == [asked, {**asked, "continue": "t1"}, {**asked, "continue": "t2"}]


def test_of_pages_that_are_too_large_fewer_items_are_asked_for_until_they_fit() -> None:
    large = status(413, "the answer has more than 9 bytes")
    connection = script(large, large, page("a", then="t1"), page("b", then="t2"), large, page("c"))
    assert names(listing(connection, limit=20)) == ["a", "b", "c"]
    asked = [(query.get("continue"), query["limit"]) for query in connection.asked]
    assert asked == [(None, "20"), (None, "5"), (None, "1"), ("t1", "2"), ("t2", "4"), ("t2", "1")]


def test_one_item_that_is_too_large_ends_the_list_at_once() -> None:
    with pytest.raises(ListError, match="413 the answer has more than 9 bytes"):
        names(listing(script(status(413, "the answer has more than 9 bytes")), limit=1))


def test_an_empty_collection_has_a_version_and_no_items() -> None:
    null = Page(200, b'{"metadata": {"resourceVersion": "7"}, "items": null}')
    one = listing(script(null))
    assert names(one) == []
    assert one.version == "7"


@pytest.mark.parametrize(
    "trouble", [status(429, retry_after=0), status(500), status(503), OSError("cut"), Page(200, b"{")]
)
def test_a_passing_trouble_is_waited_out(trouble: Page | OSError) -> None:
    connection = script(page("a", then="t1"), trouble, trouble, page("b"))
    assert names(listing(connection)) == ["a", "b"]
    assert [query.get("continue") for query in connection.asked] == [None, "t1", "t1", "t1"]


@pytest.mark.parametrize(
    ("trouble", "text", "code"),
    [
        (status(429, "too many requests", retry_after=3600), "429 too many requests", 429),
        (status(503, "<html>"), "503 <html>", 503),
        (OSError("connection refused"), "connection refused", None),
    ],
)
def test_a_trouble_that_stays_ends_the_listing_and_is_told(
    trouble: Page | OSError, text: str, code: int | None
) -> None:
    connection = script(page("a", then="t1"), *[trouble] * 100)
    items = iter(listing(connection))
    taken = [next(items)]
    with pytest.raises(ListError) as caught:
        next(items)
    assert (len(taken), str(caught.value), caught.value.status) == (1, text, code)
    assert 2 < len(connection.asked) < 20


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_a_refusal_is_final_at_once(code: int) -> None:
    connection = script(status(code, "may not"))
    with pytest.raises(ListError, match="may not") as caught:
        names(listing(connection))
    assert caught.value.status == code
    assert len(connection.asked) == 1


@pytest.mark.parametrize("code", [401, 403])
def test_a_server_that_refuses_what_it_allowed_before_may_have_just_started(code: int) -> None:
    refused = status(code, "may not")
    assert names(listing(script(page("a", then="t1"), refused, page("b")))) == ["a", "b"]
    assert names(listing(script(OSError("connection refused"), refused, page("a")))) == ["a"]
    with pytest.raises(ListError, match="may not"):
        names(listing(script(page("a", then="t1"), *[refused] * 100)))


def test_a_server_that_asks_for_patience_gets_as_much_as_is_there() -> None:
    pauses: list[float] = []

    class Watched(Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            return False

    connection = script(status(429, retry_after=7), status(429, retry_after=3600), page("a"))
    patience = Patience(total=60, longest=30)
    one = Listing(connection, "/api/v1/pods", patience=patience, stop=Watched(), clock=lambda: 1.0, chance=lambda: 1.0)
    assert names(one) == ["a"]
    assert pauses == [7, 30]


def test_an_expired_list_goes_on_with_the_remainder_as_it_is_now() -> None:
    gone = status(410, "expired", then="now")
    connection = script(page("a", then="t1"), gone, page("b", version="12"))
    one = listing(connection)
    assert names(one) == ["a", "b"]
    assert connection.asked[-1]["continue"] == "now"
    assert (one.version, one.whole) == ("7", False)


def test_an_expired_list_without_a_remainder_begins_again_and_tells_nothing_twice() -> None:
    connection = script(page("a", "b", then="t1"), status(410), page("a", "new", "b", then="t2"), page("c"))
    one = listing(connection)
    assert names(one) == ["a", "b", "new", "c"]
    assert "continue" not in connection.asked[2]
    assert (one.version, one.whole) == ("7", False)


def test_a_list_that_expires_each_time_is_given_up() -> None:
    expiring = [answer for _ in range(9) for answer in (page("a", then="t1"), status(410))]
    with pytest.raises(ListError, match="expired 4 times") as caught:
        names(listing(script(*expiring)))
    assert caught.value.status == 410


def test_a_listing_can_be_stopped_between_pages_and_while_it_waits() -> None:
    stop = Event()
    items = iter(listing(script(page("a", then="t1"), page("b")), stop=stop))
    next(items)
    stop.set()
    with pytest.raises(Cancelled):
        next(items)

    def busy() -> Page:
        again.set()
        return status(429, retry_after=3600)

    again = Event()
    patient = Patience(total=7200, longest=3600)
    with pytest.raises(Cancelled):
        names(Listing(script(busy), "/api/v1/pods", patience=patient, stop=again))


def test_items_of_any_shape_are_left_to_who_takes_them() -> None:
    odd = b'{"metadata": {}, "items": [null, 1, {"metadata": null}, {"metadata": {"uid": 5}}, {}]}'
    assert [bytes(item) for item in listing(script(Page(200, odd)))] == [
        b"null", b"1", b'{"metadata": null}', b'{"metadata": {"uid": 5}}', b"{}",
    ]  # fmt: skip


def test_nothing_holds_a_page_when_the_next_is_asked_for() -> None:
    pages: list[bytes] = []
    held: list[int] = []

    def answer() -> Page:
        held.extend(sys.getrefcount(pages[number]) - 2 for number in range(len(pages)))  # the list's, the argument
        pages.append(page("a", "b", then="" if len(pages) == 2 else "t").data)
        return Page(200, pages[-1])

    for item in listing(script(answer, answer, answer)):
        assert item
    assert held == [0, 0, 0]


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    with connect(kubeconfig=str(control_plane.kubeconfig)) as made:
        yield made


def config_maps(cluster: Cluster, namespace: str, count: int) -> str:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(count):
        body = {"metadata": {"name": f"a-{number}"}, "data": {"k": "Ä" * 100}}
        assert cluster.call("POST", path, body=body).ok
    return path


def test_a_real_collection_is_read_in_pages(cluster: Cluster, namespace: str) -> None:
    path = config_maps(cluster, namespace, 7)
    mine = {f"a-{number}" for number in range(7)}
    one = Listing(cluster, path, limit=2)
    assert mine <= set(names(one))
    assert (int(one.version) > 0, one.whole) == (True, True)


def test_a_real_list_that_is_compacted_away_in_the_middle_is_read_to_its_end(
    cluster: Cluster, control_plane: ControlPlane, namespace: str
) -> None:
    path = config_maps(cluster, namespace, 7)
    one = Listing(cluster, path, limit=2)
    items = iter(one)
    first = names(iter([next(items)]))
    assert cluster.call("POST", path, body={"metadata": {"name": "a-late"}}).ok
    control_plane.compact()
    rest = names(items)
    read = first + rest
    assert len(set(read)) == len(read)
    assert set(read) >= {f"a-{number}" for number in range(7)}
    # From 1.34 on the server may still have the list as it was at first, and goes on from that.
    assert ("a-late" in read) is not one.whole
    assert not one.whole or control_plane.version >= (1, 34)


def test_a_long_answer_comes_compressed_and_is_read_all_the_same(cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    body = {"metadata": {"name": "large"}, "data": {"k": "x" * 300_000}}
    assert cluster.call("POST", path, body=body).ok
    answer = cluster.read(f"{path}/large")
    assert json.loads(answer.data)["data"] == body["data"]
    assert cluster.read(f"{path}/missing").why == 'configmaps "missing" not found'


def test_an_item_that_nests_deeply_costs_its_page_nothing() -> None:
    deep = '{"f:a":' * 9_995 + "{}" + "}" * 9_995
    strange = page("a", "b").data.replace(b'"uid-a"', b'"uid-a", "managedFields": [{"fieldsV1": %s}]' % deep.encode())
    assert names(listing(script(Page(200, strange)))) == ["a", "b"]
