"""What keeps airlock from judging is told once when it has lasted, and once when it is over."""

from datetime import UTC, datetime, timedelta

from certs.plan import Leaf, Observed, Replica
from certs.trust import Authority, Trust
from webhook.controller.configurations import KINDS, Configuration, Entry
from webhook.controller.scene import Scene, Site
from webhook.controller.vigil import LOOKS, Vigil, troubles
from webhook.judge.decision import ObjectRef
from webhook.status.registration import NEW

NOW = datetime(2027, 1, 1, tzinfo=UTC)
SITE = Site("airlock", "airlock", "airlock-ca", "airlock-tls", ("airlock",))


class Book:
    """The Events that were written: reason, kind, and whether they were good news."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, bool]] = []

    def announce(self, reason: str, note: str, about: ObjectRef, *, good: bool = False) -> None:
        assert note
        assert about.namespace == SITE.namespace
        self.told.append((reason, about.kind, good))


def configurations(mark: str = "a") -> tuple[Configuration, ...]:
    trust = Trust((Authority(mark, NOW - timedelta(days=1), NOW + timedelta(days=1)),))
    entry = Entry(0, "pods.validate.airlock", "/validate", trust, ignores_failures=True, asks=frozenset({NEW}))
    return tuple(Configuration(kind, "airlock", "uid", "1", (entry,)) for kind in KINDS)


def scene(*leaves: Leaf | None) -> Scene:
    return Scene(Observed(replicas=tuple(Replica(f"10.0.0.{n}:8443", leaf) for n, leaf in enumerate(leaves))))


def leaf(issuer: str = "a") -> Leaf:
    return Leaf(issuer, NOW - timedelta(days=1), NOW + timedelta(days=1))


def test_nothing_is_told_while_all_is_well() -> None:
    book = Book()
    vigil = Vigil(book.announce)
    for _ in range(2 * LOOKS):
        vigil.look(troubles(SITE, configurations(), scene(leaf(), None), NOW))
    assert (book.told, vigil.lines, vigil.unregistered) == ([], (), False)


def test_a_trouble_that_passes_sooner_is_a_line_and_no_event() -> None:
    book = Book()
    vigil = Vigil(book.announce)
    for _ in range(LOOKS - 1):
        vigil.look(troubles(SITE, configurations(), scene(), NOW))
    assert vigil.lines == ("not judging: no replica answers: the API server asks airlock, and nobody is there",)
    vigil.look(troubles(SITE, configurations(), scene(leaf()), NOW))
    assert book.told == []
    assert not [*vigil.lines]


def test_no_replica_that_answers_is_told_once_and_when_it_is_over() -> None:
    book = Book()
    vigil = Vigil(book.announce)
    for _ in range(3 * LOOKS):
        vigil.look(troubles(SITE, configurations(), scene(None, None), NOW))
    vigil.look(troubles(SITE, configurations(), scene(leaf(), None), NOW))
    assert book.told == [("NoReplicaAnswers", "Service", False), ("NoReplicaAnswers", "Service", True)]


def test_each_missing_configuration_is_told_of_also_where_somebody_else_sees_to_certificates() -> None:
    book = Book()
    vigil = Vigil(book.announce)
    for _ in range(LOOKS):
        vigil.look(troubles(SITE, (), None, NOW))
    assert book.told == [("RegistrationMissing", kind, False) for kind in KINDS]
    assert vigil.unregistered


def test_a_bundle_that_does_not_trust_what_is_served_is_told_for_each_configuration() -> None:
    book = Book()
    vigil = Vigil(book.announce)
    for _ in range(LOOKS):
        vigil.look(troubles(SITE, configurations("b"), scene(leaf("a")), NOW))
    assert book.told == [("CABundleMismatch", kind, False) for kind in KINDS]
    assert "does not trust what 10.0.0.0:8443 serves" in vigil.lines[0]
