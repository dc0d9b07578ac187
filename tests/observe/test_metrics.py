"""Every decision is counted once, under labels that are few and known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.decisions import CLEAN, DENIED, NOT_AIRFLOW, WARNED, decision, violation
from webhook.judge.decision import Decision, Mutation
from webhook.judge.verdict import Exempted, Verdict
from webhook.observe.events.ledger import Fate
from webhook.observe.metrics import EVENTS, RELOADS, Metrics
from webhook.pods.airflow import Component
from webhook.rules.finding import Mode
from webhook.sources.source import Outcome

RULES = ("mutable-tag", "required-env")
LABELS = {
    "airlock_admission_reviews_total": {"path", "operation", "verdict", "dry_run"},
    "airlock_admission_duration_seconds_bucket": {"path", "le"},
    "airlock_violations_total": {"rule", "mode", "component"},
    "airlock_exempted_total": {"rule"},
    "airlock_dropped_total": {"reason"},
    "airlock_reader_silent_seconds": {"reader"},
    "airlock_mutations_total": {"outcome"},
    "airlock_events_total": {"outcome"},
    "airlock_policy_reloads_total": {"document", "outcome"},
    "airlock_policy_info": {"document", "revision"},
    "airlock_policy_stale": {"document"},
    "airlock_untrusted_components_total": {"component"},
    "airlock_lookalikes_total": set(),
    "airlock_tasks_left_out": set(),
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(RULES)


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Return the series of *name* that are not zero, by their label values in the order of the labels' names."""
    body, _ = metrics.exposition()
    found = [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]
    return {tuple(v for _, v in sorted(s.labels.items())): s.value for s in found if s.name == name and s.value}


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (NOT_AIRFLOW, "ignored"),
        (CLEAN, "allowed"),
        (decision(Mode.AUDIT), "audited"),
        (WARNED, "warned"),
        (DENIED, "denied"),
        (decision(Mode.AUDIT, Mode.WARN, Mode.ENFORCE), "denied"),
        (replace(WARNED, component=None), "warned"),
    ],
)
def test_a_review_is_counted_under_what_was_done(metrics: Metrics, made: Decision, word: str) -> None:
    metrics.observe(made)
    assert samples(metrics, "airlock_admission_reviews_total") == {("false", "CREATE", "/validate", word): 1}


def test_a_body_that_was_refused_and_a_review_that_broke_are_counted(metrics: Metrics) -> None:
    metrics.refused("/validate")
    metrics.failed("/mutate")
    assert samples(metrics, "airlock_admission_reviews_total") == {
        ("false", "other", "/validate", "refused"): 1,
        ("false", "other", "/mutate", "failed"): 1,
    }


def test_an_operation_that_nobody_knows_is_other(metrics: Metrics) -> None:
    for operation in ("CREATE", "UPDATE", "DELETE", "CONNECT", "PATCH", "x" * 1000):
        metrics.observe(replace(CLEAN, operation=operation))
    counted = samples(metrics, "airlock_admission_reviews_total")
    assert {operation: count for (_, operation, _, _), count in counted.items()} == {
        "CREATE": 1,
        "UPDATE": 1,
        "DELETE": 1,
        "CONNECT": 1,
        "other": 2,
    }


def test_durations_are_counted_by_path(metrics: Metrics) -> None:
    metrics.observe(replace(CLEAN, seconds=0.0004))
    metrics.observe(replace(CLEAN, path="/mutate", seconds=0.25))
    assert samples(metrics, "airlock_admission_duration_seconds_sum") == {("/validate",): 0.0004, ("/mutate",): 0.25}


def test_violations_are_counted_one_by_one(metrics: Metrics) -> None:
    metrics.observe(decision(Mode.WARN, Mode.WARN, Mode.ENFORCE))
    counted = samples(metrics, "airlock_violations_total")
    assert counted == {("scheduler", "warn", "mutable-tag"): 2, ("scheduler", "enforce", "mutable-tag"): 1}


def test_exempted_findings_and_distrusted_components_are_counted(metrics: Metrics) -> None:
    exempted = Exempted("mutable-tag", "legacy-etl", violation(Mode.WARN).cause)
    made = replace(CLEAN, verdict=Verdict(exempted=(exempted,)), distrusted=Component.SCHEDULER)
    metrics.observe(made)
    metrics.observe(replace(made, path="/mutate"))
    assert samples(metrics, "airlock_exempted_total") == {("mutable-tag",): 1}
    assert samples(metrics, "airlock_untrusted_components_total") == {("scheduler",): 1}


def test_objects_that_look_like_airflow_are_counted_once(metrics: Metrics) -> None:
    metrics.observe(replace(NOT_AIRFLOW, lookalike=True))
    metrics.observe(replace(NOT_AIRFLOW, lookalike=True, path="/mutate"))
    metrics.observe(replace(NOT_AIRFLOW, lookalike=True, dry_run=True))
    assert samples(metrics, "airlock_lookalikes_total") == {(): 1}


def test_mutations_are_counted_by_outcome(metrics: Metrics) -> None:
    for mutation in Mutation:
        metrics.observe(replace(CLEAN, path="/mutate", mutation=mutation))
    assert samples(metrics, "airlock_mutations_total") == {(mutation.value,): 1 for mutation in Mutation}


def test_a_dry_run_is_a_review_and_nothing_else(metrics: Metrics) -> None:
    metrics.observe(replace(DENIED, dry_run=True, distrusted=Component.WORKER))
    metrics.observe(replace(CLEAN, path="/mutate", dry_run=True, mutation=Mutation.INJECTED))
    assert samples(metrics, "airlock_admission_reviews_total") == {
        ("true", "CREATE", "/validate", "denied"): 1,
        ("true", "CREATE", "/mutate", "allowed"): 1,
    }
    for name in ("violations", "mutations", "untrusted_components"):
        assert samples(metrics, f"airlock_{name}_total") == {}


def test_the_fates_of_events_and_documents_are_those_that_are_told() -> None:
    assert set(EVENTS) == {fate.value for fate in Fate}
    assert set(RELOADS) == {outcome.value for outcome in Outcome}


def test_events_and_reloads_are_counted(metrics: Metrics) -> None:
    metrics.event(Fate.REPEATED, 14)
    metrics.reloaded("policy", Outcome.REJECTED)
    assert samples(metrics, "airlock_events_total") == {("repeated",): 14}
    assert samples(metrics, "airlock_policy_reloads_total") == {("policy", "rejected"): 1}


def test_a_document_has_one_revision_and_the_old_one_disappears(metrics: Metrics) -> None:
    state = {"revision": ""}
    metrics.follow("policy", lambda: state["revision"], lambda: 0.0)
    assert samples(metrics, "airlock_policy_info") == {}
    for revision in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        state["revision"] = revision
        assert samples(metrics, "airlock_policy_info") == {("policy", revision): 1}


def test_how_stale_a_document_is_is_asked_when_somebody_looks(metrics: Metrics) -> None:
    state = {"stale": 0.0}
    metrics.follow("policy", lambda: "aaaaaaaaaaaa", lambda: state["stale"])
    assert samples(metrics, "airlock_policy_stale") == {}
    state["stale"] = 12.5
    assert samples(metrics, "airlock_policy_stale") == {("policy",): 12.5}


def test_known_series_are_there_from_the_start(metrics: Metrics) -> None:
    text = metrics.exposition()[0].decode()
    for series in (
        'airlock_admission_reviews_total{dry_run="false",operation="CREATE",path="/validate",verdict="denied"} 0.0',
        'airlock_violations_total{component="scheduler",mode="enforce",rule="mutable-tag"} 0.0',
        'airlock_events_total{outcome="dropped"} 0.0',
        'airlock_policy_reloads_total{document="required-env",outcome="rejected"} 0.0',
    ):
        assert series in text


def test_names_and_labels_are_those_of_the_design_and_no_more(metrics: Metrics) -> None:
    metrics.follow("policy", lambda: "aaaaaaaaaaaa", lambda: 0.0)
    metrics.watch("loop", lambda: 0.25)
    metrics.observe(DENIED)
    text = metrics.exposition()[0].decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    ours = {name: labels for name, labels in found.items() if name.startswith("airlock_")}
    derived = {f"airlock_admission_duration_seconds_{part}": {"path"} for part in ("count", "sum")}
    assert ours == LABELS | derived
    assert "process_resident_memory_bytes" in found
    assert not any(name in text for name in ("apache/airflow", "7d4b9c", 'namespace="'))


def test_two_replicas_in_one_process_share_nothing() -> None:
    one, two = Metrics(RULES), Metrics(RULES)
    one.observe(DENIED)
    assert samples(two, "airlock_admission_reviews_total") == {}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0"),
        ("text/plain; version=abc", "text/plain; version=0.0.4"),
    ],
)
def test_the_format_is_what_was_asked_for(metrics: Metrics, accept: str, content_type: str) -> None:
    assert metrics.exposition(accept)[1].startswith(content_type)


ACCEPT = st.text(st.sampled_from("text/plain;, version=1.0openmetrics-tp*q") | st.characters(), max_size=60)


@given(ACCEPT)
def test_no_header_breaks_the_exposition(accept: str) -> None:
    body, content_type = Metrics().exposition(accept)
    assert body.startswith(b"# HELP")
    assert content_type
