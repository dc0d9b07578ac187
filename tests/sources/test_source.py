"""A document may change: the last good one stays in force, and each change is told once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.control_plane import ControlPlane
from tests.harness.waiting import until
from webhook.cluster import Cluster, connect
from webhook.grammar.model import DocumentError, Problem, revision
from webhook.sources.configmap import ConfigMapWatch, Present, State
from webhook.sources.name import ConfigMapName, SourceError, parse_src
from webhook.sources.source import PATIENCE, Outcome, Reload, Source
from webhook.variables.known import Absence


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Document:
    """A source of numbers, and what it reports and reads."""

    def __init__(self, initial: int | None = None, absent: int | None = None) -> None:
        self.clock = Clock()
        self.reloads: list[Reload] = []
        self.read: list[str] = []
        self.source = Source(
            "numbers", self._parse, self.reloads.append, initial=initial, absent=absent, clock=self.clock
        )

    @property
    def outcomes(self) -> list[Outcome]:
        return [reload.outcome for reload in self.reloads]

    def _parse(self, text: str) -> int:
        self.read.append(text)
        if text == "broken reader":
            raise RecursionError("on purpose")
        try:
            return int(text)
        except ValueError:
            raise DocumentError([Problem(3, "a.b", "no number"), Problem(1, "", "nothing good")]) from None


@pytest.fixture
def document() -> Document:
    return Document()


def test_there_is_no_value_before_the_first_good_document(document: Document) -> None:
    document.source.offer("x")
    assert (document.source.value, document.source.ready, document.source.revision) == (None, False, "")
    document.source.offer("1")
    assert (document.source.value, document.source.ready) == (1, True)


def test_the_revision_is_that_of_the_text_in_force(document: Document) -> None:
    document.source.offer("1")
    document.source.offer("x")
    assert document.source.revision == revision("1")


def test_after_a_bad_edit_the_last_good_document_stays_and_every_problem_is_told(document: Document) -> None:
    document.source.offer("1")
    document.source.offer("x")
    assert document.source.value == 1
    assert document.source.problems == ("line 1: nothing good", "line 3: a.b: no number")
    text = document.reloads[-1].text
    kept = f"numbers: rejected, revision {revision('1')} stays in force: "
    assert text == kept + "line 1: nothing good; line 3: a.b: no number"


def test_the_same_bytes_are_read_and_reported_once(document: Document) -> None:
    for text in ("1", "1", "x", "x", "x"):
        document.source.offer(text)
    assert document.read == ["1", "x"]
    assert document.outcomes == [Outcome.ACCEPTED, Outcome.REJECTED]


def test_going_back_to_the_text_in_force_is_told_and_needs_no_reading(document: Document) -> None:
    for text in ("1", "x", "1"):
        document.source.offer(text)
    assert document.read == ["1", "x"]
    assert document.outcomes == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    assert document.source.problems == ()


def test_bytes_that_are_no_text_are_a_bad_document(document: Document) -> None:
    document.source.offer(b"12\xff")
    assert document.source.problems == ("byte 2 is not UTF-8",)


def test_a_text_that_has_no_bytes_is_a_bad_document(document: Document) -> None:
    document.source.offer("\ud800")
    assert document.outcomes == [Outcome.REJECTED]


def test_a_reader_that_fails_rejects_the_document(document: Document, caplog: pytest.LogCaptureFixture) -> None:
    document.source.offer("1")
    document.source.offer("broken reader")
    assert document.source.value == 1
    assert document.outcomes[-1] is Outcome.REJECTED
    assert "RecursionError" in caplog.text


def test_a_document_that_is_gone_stays_in_force_and_is_told_once(document: Document) -> None:
    document.source.offer("1")
    document.source.lose("gone")
    document.source.lose("gone")
    assert document.source.value == 1
    assert document.outcomes == [Outcome.ACCEPTED, Outcome.LOST]


def test_a_document_that_comes_back_is_told(document: Document) -> None:
    document.source.offer("1")
    document.source.lose("gone")
    document.source.offer("1")
    assert document.outcomes[-1] is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("found", "outcome", "problem"),
    [
        (Absence.MISSING, Outcome.LOST, "the ConfigMap does not exist: said so"),
        (Absence.FORBIDDEN, Outcome.LOST, "the ConfigMap cannot be read: airlock has no right to: said so"),
        ({"other": "2"}, Outcome.REJECTED, "the ConfigMap has no key 'n', only ['other']"),
        ({}, Outcome.REJECTED, "the ConfigMap has no key 'n', only []"),
    ],
)
def test_why_a_configmap_gives_no_document_is_told_apart(
    document: Document, found: dict[str, str] | Absence, outcome: Outcome, problem: str
) -> None:
    document.source.take({"n": "1"}, "n")
    document.source.take(found, "n", "said so")
    assert document.source.value == 1
    assert (document.outcomes[-1], document.source.problems) == (outcome, (problem,))


def test_a_configmap_that_nobody_could_ask_for_yet_is_no_news_but_a_reason(document: Document) -> None:
    document.source.take(Absence.UNREAD, "n", "connection refused")
    assert document.reloads == []
    assert document.source.problems == ("the ConfigMap has not been read yet: connection refused",)
    document.source.offer("1")
    assert not document.source.problems


def test_an_optional_document_that_was_never_there_is_ready_once_that_is_known() -> None:
    document = Document(absent=0)
    document.source.take(Absence.UNREAD, "n")
    assert not document.source.ready
    document.source.take(Absence.MISSING, "n")
    assert (document.source.value, document.source.problems, document.source.stale) == (0, (), 0.0)
    assert document.reloads == []


def test_an_optional_document_that_may_not_be_read_is_not_taken_for_absent() -> None:
    document = Document(absent=0)
    document.source.take(Absence.FORBIDDEN, "n", "no rights")
    assert not document.source.ready
    assert "no rights" in document.source.problems[0]


def test_an_optional_document_that_is_deleted_stays_in_force() -> None:
    document = Document(absent=0)
    document.source.take({"n": "7"}, "n")
    document.source.take(Absence.MISSING, "n")
    assert document.source.value == 7
    assert document.outcomes == [Outcome.ACCEPTED, Outcome.LOST]


def test_an_optional_document_that_is_bad_from_the_start_is_not_ready() -> None:
    document = Document(absent=0)
    document.source.take({"n": "x"}, "n")
    assert not document.source.ready
    assert document.outcomes == [Outcome.REJECTED]


def test_what_is_built_in_is_never_stale() -> None:
    document = Document(initial=7)
    document.clock.now += 1e6
    assert (document.source.value, document.source.revision, document.source.stale) == (7, "built-in", 0)


def test_a_document_that_is_confirmed_is_not_stale(document: Document) -> None:
    document.source.offer("1")
    for _ in range(10):
        document.clock.now += PATIENCE
        assert document.source.stale == 0
        document.source.seen()


def test_a_document_that_nobody_confirms_is_stale_from_when_it_was_confirmed_last(document: Document) -> None:
    document.source.offer("1")
    document.clock.now += 5
    document.source.seen()
    document.clock.now += PATIENCE + 1
    assert document.source.stale == PATIENCE + 1


@pytest.mark.parametrize("text", ["x", None])
def test_what_is_not_the_present_document_is_stale_at_once(document: Document, text: str | None) -> None:
    document.source.offer("1")
    document.clock.now += 5
    document.source.seen()
    if text is None:
        document.source.lose("gone")
    else:
        document.source.offer(text)
    document.clock.now += 3
    document.source.seen()
    assert document.source.stale == 3
    document.source.offer("1")
    assert document.source.stale == 0


def test_a_seed_is_in_force_and_stale_until_a_good_document_comes(document: Document) -> None:
    document.source.offer("x")
    assert document.source.seed("5", "taken from what was accepted last")
    document.clock.now += 3
    assert (document.source.value, document.source.ready, document.source.stale) == (5, True, 3)
    assert "no number" in document.source.problems[-1]
    document.source.offer("6")
    assert (document.source.value, document.source.stale, document.source.problems) == (6, 0, ())


def test_a_seed_comes_too_late_when_a_document_is_in_force(document: Document) -> None:
    document.source.offer("1")
    assert not document.source.seed("5", "late")
    assert document.source.value == 1


def test_a_seed_that_is_no_good_is_not_taken(document: Document) -> None:
    assert not document.source.seed("x", "bad")
    assert not document.source.ready


@given(st.lists(st.sampled_from(["1", "2", "x", "y", None])))
def test_the_value_is_always_that_of_the_last_good_text(texts: list[str | None]) -> None:
    document = Document()
    for text in texts:
        if text is None:
            document.source.lose("gone")
        else:
            document.source.offer(text)
    good = [text for text in texts if text in ("1", "2")]
    assert document.source.value == (int(good[-1]) if good else None)
    assert (document.source.problems == ()) == (not texts or texts[-1] in ("1", "2"))


def test_src_is_a_configmap_or_a_file() -> None:
    assert parse_src("configmap:airlock/airlock-policy") == ConfigMapName("airlock", "airlock-policy")
    assert parse_src("configmap:a/policies.v1") == ConfigMapName("a", "policies.v1")
    assert parse_src("configmap/policy.yaml") == Path("configmap/policy.yaml")


@pytest.mark.parametrize(
    "text", ["", "\0", "configmap:", "configmap:a", "configmap:a/", "configmap:/b", "configmap:a/b/c", "configmap:A/b"]
)
def test_what_is_no_src_is_named_with_what_is_allowed(text: str) -> None:
    with pytest.raises(SourceError, match="configmap:NAMESPACE/NAME") as raised:
        parse_src(text)
    assert repr(text) in str(raised.value)


@given(st.text())
def test_any_text_is_a_src_or_an_error(text: str) -> None:
    try:
        src = parse_src(text)
    except SourceError:
        return
    assert isinstance(src, Path) or f"configmap:{src.namespace}/{src.name}" == text


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    with connect(kubeconfig=str(control_plane.kubeconfig)) as made:
        yield made


def test_an_edit_of_a_configmap_comes_into_force_by_itself_and_its_deletion_keeps_the_last(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, document: Document
) -> None:
    source = document.source

    def changed(state: State) -> None:
        source.take(state.known, "n", "" if isinstance(state, Present) else state.why)

    def kubectl(*arguments: str) -> None:
        control_plane.kubectl("-n", namespace, *arguments)

    kubectl("create", "configmap", "numbers", "--from-literal=n=1")
    watch = ConfigMapWatch(cluster, namespace, "numbers", changed, seen=source.seen)
    watch.start()
    try:
        until(lambda: source.value == 1, "the first document")
        kubectl("patch", "configmap", "numbers", "--patch", '{"data": {"n": "2"}}')
        until(lambda: source.value == 2, "the edit")
        kubectl("patch", "configmap", "numbers", "--patch", '{"data": {"n": "x"}}')
        until(lambda: source.problems, "the bad edit")
        kubectl("delete", "configmap", "numbers")
        until(lambda: document.outcomes[-1] is Outcome.LOST, "the deletion")
        assert source.value == 2
    finally:
        watch.stop()
