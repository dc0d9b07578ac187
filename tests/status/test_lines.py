"""Facts become lines: the registration, whom it trusts, the replicas' answers, the policy's modes, the sources."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from certs.plan import Leaf
from webhook.documents.policy import read_policy
from webhook.status.documents import modes, sources, sources_of
from webhook.status.line import State, Unseen
from webhook.status.registration import (
    MUTATING,
    NEW,
    VALIDATING,
    Hook,
    Registered,
    Served,
    bundle,
    fails_open,
    registration,
)
from webhook.status.replicas import Replica, Said, read_said, replicas
from webhook.variables.known import Absence

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def hook(path: str = "/validate", *, new_pods: bool = True, ignores: bool = True, trusts: str = "a") -> Hook:
    return Hook(
        "pods.validate.airlock", path, frozenset({NEW} if new_pods else ()), ignores, frozenset({trusts} - {""})
    )


def leaf(issuer: str = "a", *, days: int = 1) -> tuple[Served, ...]:
    return (Served("airlock-0", Leaf(issuer, NOW - timedelta(days=9), NOW + timedelta(days=days))),)


def validating(*hooks: Hook) -> Registered:
    return Registered(VALIDATING, "airlock", hooks)


def test_a_configuration_that_asks_nobody_about_new_pods_is_not_complete() -> None:
    (line,) = registration([validating(hook(new_pods=False))])
    assert line.state is State.WRONG
    assert "has no entry that asks /validate about new pods" in line.text
    (line,) = registration([Registered(MUTATING, "airlock", (hook(),))])
    assert "has no entry that asks /mutate about new pods" in line.text


@pytest.mark.parametrize(
    ("found", "served", "text"),
    [
        (hook(trusts=""), leaf(), "trusts nobody: no valid caBundle for pods.validate.airlock"),
        (hook(trusts="b"), leaf(), "does not trust what airlock-0 serves: caBundle of pods.validate.airlock"),
        (hook(), leaf(days=-1), "the certificate of airlock-0 is of no use: it expired on 2026-12-31 00:00:00 UTC"),
    ],
)
def test_a_bundle_that_does_not_fit_is_wrong(found: Hook, served: tuple[Served, ...], text: str) -> None:
    lines = list(bundle([validating(found)], served, NOW))
    assert {line.state for line in lines} == {State.WRONG}
    assert any(text in line.text for line in lines)


def test_a_configuration_that_leaves_pods_out_by_their_labels_is_wrong() -> None:
    (line,) = registration([validating(hook(), replace(hook(), by_labels=True))])
    assert (line.state, line.name) == (State.WRONG, f"{VALIDATING} airlock")
    assert line.text.endswith("take out the objectSelector of pods.validate.airlock")


def test_a_certificate_that_nobody_showed_is_unknown() -> None:
    (line,) = bundle([validating(hook())], Unseen("secrets is forbidden"), NOW)
    assert line.state is State.UNKNOWN


def test_it_fails_open_if_one_entry_that_judges_new_pods_does() -> None:
    (line,) = fails_open([validating(hook(), hook(ignores=False))], enforces=True)
    assert line.state is State.NOTE
    assert line.text.endswith("failurePolicy is Ignore, and the policy enforces")
    (line,) = fails_open([validating(hook(ignores=False), hook(new_pods=False))], enforces=True)
    assert line.state is State.OK
    assert not [*fails_open([Registered(VALIDATING, "airlock", None)], enforces=True)]


@pytest.mark.parametrize(
    ("text", "state", "told"),
    [
        ("ready\npolicy: revision 3f2a\n", State.OK, "answers; policy 3f2a"),
        ("ready\npolicy: revision 4f2a\n", State.WRONG, "answers by policy 4f2a, while the ConfigMap has 3f2a"),
        ("ready\npolicy: revision 3f2a, stale for 9 s\n", State.WRONG, "but policy: revision 3f2a, stale for 9 s"),
        ("not ready\npolicy: none yet\n", State.WRONG, "is not ready: policy: none yet"),
        ("<html>", State.WRONG, "does not answer"),
    ],
)
def test_a_replica_is_what_its_readyz_says(text: str, state: State, told: str) -> None:
    (line,) = replicas((Replica("airlock-0", read_said(text)),), {"policy": "3f2a"})
    assert line.state is state
    assert told in line.text


def test_a_manifest_that_is_bad_or_missing_is_wrong_and_never_said_to_read_nothing() -> None:
    (line,) = sources_of("no variables are required: there is none", {}, (), unread=False)
    assert (line.state, line.text) == (State.WRONG, "no variables are required: there is none")
    (line,) = sources_of("it was not read: 403", {}, (), unread=True)
    assert line.state is State.UNKNOWN
    last_good = {("airflow", "callbacks"): Absence.MISSING}
    assert [line.state for line in sources_of("it is bad", last_good, (), unread=False)] == [State.WRONG, State.WRONG]
    (line,) = sources_of("", {}, (), unread=False)
    assert line.state is State.OK


def test_a_replica_without_a_line_on_sources_says_nothing_about_them() -> None:
    assert Said(ready=True).sources is None


def test_modes_are_told_in_short_strictest_first_with_what_differs_in_namespaces() -> None:
    policy = read_policy(
        "apiVersion: airlock/v1\nkind: Policy\nmode: warn\nrules: {mutable-tag: {mode: enforce}}\n"
        "namespaces: [{names: [dev-*], rules: {mutable-tag: audit}}]\n"
    )
    told = modes(policy)
    assert told.startswith("enforce mutable-tag, warn required-env")
    assert told.endswith("; in dev-*: audit mutable-tag")


def test_a_source_that_only_a_replica_was_refused_is_wrong() -> None:
    name = ("pipelines", "callbacks")
    (fine, refused) = sources({name: frozenset()}, [{"read": 1}, {"forbidden": 1}])
    assert (fine.state, refused.state) == (State.OK, State.WRONG)
    (line,) = sources({name: Unseen("forbidden")}, [{"read": 1}])
    assert line.state is State.OK
    (line,) = sources({name: Unseen("forbidden")}, [])
    assert line.state is State.UNKNOWN
    (line,) = sources({name: Absence.MISSING}, [{"missing": 1}])
    assert line.text == "ConfigMap pipelines/callbacks does not exist"
