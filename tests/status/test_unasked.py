"""What of pods nobody asks airlock about is told: changes, halves of the chart's entries, whole namespaces."""

import pytest

from webhook.audit.coverage import Selector, read_selector
from webhook.status.line import State, Unseen
from webhook.status.registration import MUTATING, NEW, VALIDATING, Hook, Registered
from webhook.status.unasked import Outside, namespaces, unasked

ALL = frozenset({NEW, "UPDATE pods", "UPDATE pods/ephemeralcontainers"})
TRIES, ONCE = "tries-again", "does-not-try-again"
EXEMPT = frozenset({"kube-system", "airlock"})
USUAL = read_selector(
    {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]}
)
DATA = read_selector({"matchLabels": {"team": "data"}})


def hook(asks: frozenset[str] = ALL, *conditions: str, selector: Selector = USUAL, path: str = "/validate") -> Hook:
    name = f"pods{path.replace('/', '.')}.airlock"
    return Hook(name, path, asks, True, frozenset("a"), False, selector, frozenset(conditions))  # noqa: FBT003


def validating(*hooks: Hook) -> Registered:
    return Registered(VALIDATING, "airlock", hooks)


def mutating(selector: Selector = USUAL) -> Registered:
    return Registered(MUTATING, "airlock", (hook(frozenset({NEW}), selector=selector, path="/mutate"),))


@pytest.mark.parametrize(
    "found",
    [
        validating(hook()),
        validating(hook(ALL, "not-a-mirror-pod", TRIES), hook(ALL, "images-or-labels-change", ONCE)),
        validating(hook(frozenset({NEW})), hook(ALL - {NEW})),
        validating(hook(frozenset())),  # the registration's line says that
        mutating(),
        Registered(VALIDATING, "airlock", None),
        Registered(VALIDATING, "airlock", Unseen("forbidden")),
    ],
)
def test_a_registration_that_asks_about_everything_between_its_entries_gets_no_line(found: Registered) -> None:
    assert not [*unasked([found])]


def test_changes_of_pods_that_nobody_is_asked_about_are_wrong_and_named() -> None:
    (line,) = unasked([validating(hook(frozenset({NEW}), TRIES), hook(frozenset({NEW, "UPDATE pods"}), ONCE))])
    assert line.state is State.WRONG
    assert line.text == (
        "ValidatingWebhookConfiguration airlock asks nobody about UPDATE pods/ephemeralcontainers; asks about UPDATE"
        " pods only where its matchCondition does-not-try-again holds; `helm upgrade` completes it"
    )


def test_half_of_the_entries_judges_half_of_the_pods() -> None:
    (line,) = unasked([validating(hook(ALL, TRIES))])
    assert "asks about CREATE pods only where its matchCondition tries-again holds" in line.text


def test_a_condition_that_is_not_the_charts_is_a_note() -> None:
    (line,) = unasked([validating(hook(ALL, "not-a-mirror-pod", "not-team-x"))])
    assert (line.state, line.name) == (State.NOTE, "pods.validate.airlock")
    assert "asks only where 'not-team-x' holds" in line.text


def told(*found: Registered, **labels: dict[str, str]) -> tuple[State, str]:
    (line,) = namespaces(found, Outside(labels), EXEMPT)
    return line.state, line.text


def test_namespaces_that_the_selectors_leave_out_are_a_note_with_what_airlock_does_not_do_there() -> None:
    both = (validating(hook(selector=DATA)), mutating(DATA))
    state, text = told(*both, b={}, a={"team": "web"}, c={"team": "data"}, airlock={})
    assert state is State.NOTE
    assert text.startswith("airlock judges and changes no new pods in namespaces a, b: the namespaceSelectors")
    _, text = told(validating(hook(selector=DATA)), mutating(), a={})
    assert text.startswith("airlock judges no new pods in namespace a: ")
    _, text = told(validating(hook()), mutating(DATA), a={})
    assert text.startswith("airlock changes no new pods in namespace a: ")
    _, text = told(validating(hook(ALL, TRIES), hook(ALL, ONCE, selector=DATA)), mutating(), a={})
    assert text.startswith("airlock judges only some new pods in namespace a: ")
    _, text = told(*both, **{f"n{number}": {} for number in range(7)})
    assert "in namespaces n0, n1, n2, n3, n4 and 2 more: " in text


def test_an_entry_that_is_not_asked_about_new_pods_makes_up_for_no_other() -> None:
    state, _ = told(validating(hook(selector=DATA), hook(frozenset({"UPDATE pods"}))), mutating(), a={})
    assert state is State.NOTE


def test_where_no_namespace_is_left_out_that_is_said() -> None:
    state, text = told(
        validating(hook()), mutating(), **{"kube-system": {"kubernetes.io/metadata.name": "kube-system"}}
    )
    assert state is State.OK
    assert "in every namespace that the break-glass label does not exclude" in text


def test_selectors_that_select_nothing_at_all_are_wrong() -> None:
    found = [validating(hook(selector=DATA)), mutating(DATA)]
    (line,) = namespaces(found, Outside({"a": {}}, frozenset({MUTATING, VALIDATING})), EXEMPT)
    assert line.state is State.WRONG
    assert line.text.startswith("airlock changes and judges new pods in no namespace")


def test_namespaces_that_may_not_be_listed_are_unknown_and_those_of_no_registration_are_no_line() -> None:
    (line,) = namespaces([validating(hook())], Unseen("403"), EXEMPT)
    assert (line.state, line.name) == (State.UNKNOWN, "namespaces")
    assert not [*namespaces([Registered(VALIDATING, "airlock", None)], Unseen("403"), EXEMPT)]
