"""One cluster, one corpus, and one number of findings, whichever door they come out of."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from msgspec.structs import replace

from tests.harness import places, surveys
from tests.harness.reviews import REPLICASET, review
from webhook.admission.review import decode
from webhook.audit.survey import Survey
from webhook.controller.audit.draft import Draft
from webhook.controller.audit.figures import Count
from webhook.controller.audit.report import as_json, as_open_report
from webhook.controller.audit.telling import news
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge import message
from webhook.judge.decision import Decision
from webhook.judge.gate import Gate
from webhook.manifests.check import Asked, Check
from webhook.observe.metrics import Metrics
from webhook.report import audit_files, audit_json, check_json, junit, page, sarif
from webhook.report.wording import MODES, Options, audit_summary, summary
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode

STRICT = Options(Mode.AUDIT)
LEVELS = {"error": Mode.ENFORCE, "warning": Mode.WARN, "note": Mode.AUDIT}
SURVEYS = (surveys.story, surveys.wide, surveys.hostile, surveys.empty, surveys.healthy)
POLICY = read_policy(
    "{apiVersion: airlock/v1, kind: Policy, mode: enforce, rules: {mutable-tag: {unrecognised: warn}}}"
)
MANIFEST = read_manifest(
    "{apiVersion: airlock/v1, kind: RequiredEnv, env: ["
    "{name: DEPLOY_ENV, value: prod, containers: all, components: [scheduler, worker, task, triggerer]},"
    " {name: REGION, value: eu, components: [scheduler, task]}]}"
)
TODAY = date(2026, 11, 26)
Counts = dict[Mode, int]


def by_mode(counts: Counter[Mode]) -> Counts:
    return {mode: counts[mode] for mode in MODES}


def in_words(text: str) -> Counts:
    """Return the numbers in `13 findings (3 enforce, 9 warn, 1 audit)`."""
    (found,) = re.findall(r"(\d+) findings? \((\d+) enforce, (\d+) warn, (\d+) audit\)", text)
    total, *modes = map(int, found)
    assert total == sum(modes)
    return dict(zip(MODES, modes, strict=True))


def in_json(text: str) -> Counts:
    body = json.loads(text)
    counts = by_mode(Counter(Mode(one["mode"]) for one in body["findings"]))
    assert counts == {Mode(mode): count for mode, count in body["summary"]["findings"].items()}
    assert len({one["fingerprint"] for one in body["findings"]}) == len(body["findings"])
    return counts


def in_sarif(text: str) -> Counts:
    results = json.loads(text)["runs"][0]["results"]
    prints = {tuple(one["partialFingerprints"].items()) for one in results}
    assert len(prints) == len(results)
    return by_mode(Counter(LEVELS[one["level"]] for one in results))


def in_junit(text: str) -> Counts:
    root = ET.fromstring(text)  # noqa: S314 - our own
    counts = by_mode(Counter(Mode(one.attrib["type"]) for one in root.iter("failure")))
    assert int(root.attrib["failures"]) == sum(counts.values())
    return counts


def in_page(text: str) -> Counts:
    """Return what the page's script counts; its rows are workloads, and a finding may have several."""
    found = re.search(r'(?s)<script type="application/json" id="data">(.*?)</script>', text)
    body: dict[str, Any] = json.loads(found[1]) if found else {"findings": dict.fromkeys(MODES, 0)}
    counts = {Mode(mode): number for mode, number in body["findings"].items()}
    told = re.search(r'<p id="count" role="status">(\d+) findings? with', text)
    assert int(told[1] if told else 0) == sum(counts.values())
    return counts


def in_metrics(survey: Survey, batches: int) -> Counts:
    """Return what the controller's metric says when *survey* comes in as so many *batches*."""
    count = Count()
    size = len(survey.groups) // batches + 1
    for start in range(0, len(survey.groups), size):
        count.add(replace(survey, groups=survey.groups[start : start + size]))
    figures: Counter[Mode] = Counter()
    for (_, mode, _, _), number in count.figures().findings.items():
        figures[mode] += number
    assert sum(figures.values()) == count.findings.total()  # which /readyz says
    return by_mode(figures)


def in_reports(survey: Survey) -> Counts:
    counts: Counter[Mode] = Counter()
    counted: set[tuple[str, ...]] = set()
    for namespace, groups in groupby(survey.groups, key=lambda group: group.namespace):
        draft = Draft(namespace, "the policy", counted)
        for group in groups:  # one at a time, as batches may come
            draft.add([group])
        report = draft.report()
        body, opened = as_json(report), as_open_report(report)
        assert {mode: body["summary"][mode] for mode in MODES} == report.counts
        assert by_mode(Counter(Mode(row["mode"]) for row in body["findings"])) == report.counts
        scored = [one for one in opened["results"] if one["scored"]]
        assert len(scored) == opened["summary"]["fail"] + opened["summary"]["warn"] == len(body["findings"])
        counts.update(report.counts)
    return by_mode(counts)


AUDITED: dict[str, Callable[[Survey], Counts]] = {
    "table": lambda survey: in_words(audit_summary(survey)),
    "json": lambda survey: in_json(audit_json.render(survey)),
    "sarif": lambda survey: in_sarif(audit_files.render_sarif(survey, STRICT)),
    "junit": lambda survey: in_junit(audit_files.render_junit(survey, STRICT)),
    "html": lambda survey: in_page(page.render(survey)),
    "metrics and readyz": lambda survey: in_metrics(survey, 1),
    "metrics in batches": lambda survey: in_metrics(survey, 4),
    "reports": in_reports,
}


@pytest.mark.parametrize("make", SURVEYS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("door", AUDITED)
def test_an_audit_counts_the_same_findings_in_every_door(door: str, make: Callable[[], Survey]) -> None:
    survey = make()
    assert AUDITED[door](survey) == by_mode(survey.counts)


def test_the_events_of_an_audit_name_each_finding_of_each_owner() -> None:
    survey = surveys.story()
    told = Counter(violation.rule for one in news(survey) for violation in one.decision.verdict.violations)
    assert told == Counter(found.violation.rule for group in survey.groups for found in group.found)
    assert told["image-drift"] == 3  # owners that show the one drift
    assert Counter(one.violation.rule for one in survey.findings)["image-drift"] == 1


def test_one_reference_that_drifts_in_two_namespaces_counts_once_and_is_in_both_reports() -> None:
    survey = surveys.story()
    triggerers = [group for group in survey.groups if group.component == "triggerer"]
    moved = [replace(group, namespace="other", name=name) for group in triggerers for name in ("one", "two")]
    both = replace(survey, groups=(*(group for group in survey.groups if group.component != "triggerer"), *moved))
    drifts = [one for one in both.findings if one.violation.rule == "image-drift"]
    assert len(drifts) == 1
    assert {group.namespace for group, _ in drifts[0].shown} == {"airflow", "other"}
    counted: set[tuple[str, ...]] = set()
    bodies = []
    for namespace in ("airflow", "other"):
        draft = Draft(namespace, "the policy", counted)
        for group in both.groups:  # one at a time, as batches may come
            draft.add([group] if group.namespace == namespace else [])
        bodies.append(as_json(draft.report()))
    first, second = ([row["rule"] for row in body["findings"]].count("image-drift") for body in bodies)
    assert (first, second) == (1, 0)
    (other,) = bodies[1]["countedElsewhere"]
    assert (other["rule"], other["object"], other["pods"]) == ("image-drift", "Deployment one", 4)
    assert other["otherWorkloads"] == ["Deployment two"]
    (drift,) = [row for row in bodies[0]["findings"] if row["rule"] == "image-drift"]
    assert (drift["object"], drift["otherWorkloads"]) == (
        "Deployment airflow-scheduler", ["Pod sales_daily/load_orders"]
    )  # fmt: skip


def pods() -> list[tuple[str, dict[str, Any]]]:
    """Return every pod of the corpus, by its file."""
    found = []
    for path in sorted(places.CORPUS.glob("*/*.yaml")):
        if path.stem.endswith((".values", ".workloads", ".pod_template_file")):
            continue
        documents = yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        found += [(str(path), one) for one in documents if one and one.get("kind") == "Pod"]
    return found


def judged(pod: dict[str, Any]) -> Decision:
    return Gate(POLICY, MANIFEST).validate(
        decode(review(pod, user=REPLICASET, namespace=pod["metadata"].get("namespace", "airflow"))), TODAY
    )


def test_a_pod_of_the_corpus_counts_the_same_in_denial_warnings_event_metric_and_check() -> None:
    metrics = Metrics(RULES)
    numbers: Counter[str] = Counter()
    decisions = [judged(pod) for _, pod in pods()]
    for decision in decisions:
        metrics.observe(decision)
        violations = decision.verdict.violations
        numbers["violations"] += len(violations)
        if violations:
            assert message.note(decision).count("\n- ") == len(violations)
        if not decision.verdict.allowed:
            assert message.denial(decision).count("\n- ") == len(violations)
        warns = sum(one.mode is Mode.WARN for one in violations)
        assert len(message.warnings(decision)) == warns
    counted = sum(
        sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "airlock_violations_total"
    )
    assert counted == numbers["violations"] > 100


def test_the_corpus_counts_the_same_in_every_format_of_check() -> None:
    check = Check(Asked(POLICY, MANIFEST, TODAY))
    for path in sorted(places.CORPUS.glob("*/*.workloads.yaml")):
        check.take(path.relative_to(places.CORPUS).as_posix(), path.read_bytes())
    outcome = check.outcome()
    expected = by_mode(outcome.counts)
    assert sum(expected.values()) > 30
    assert in_words(summary(outcome)) == expected
    assert in_json(check_json.render(outcome)) == expected
    assert in_sarif(sarif.render(outcome, STRICT)) == expected
    assert in_junit(junit.render(outcome, STRICT)) == expected
