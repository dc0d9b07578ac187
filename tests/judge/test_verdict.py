"""One cause, one finding: what is merged, and what is not."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.harness.reviews import REPLICASET, owned, review
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.gate import Gate
from webhook.judge.verdict import Verdict, Violation, Where, cause_of, merged
from webhook.rules.finding import Finding, Mode

ENFORCE = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
MANIFEST = """{apiVersion: airlock/v1, kind: RequiredEnv, env: [
  {name: DEPLOY_ENV, value: prod, containers: all}, {name: REGION, value: eu, containers: all}]}"""
LATEST = {"image": "apache/airflow:latest", "imagePullPolicy": "IfNotPresent"}
FINDING = Finding("spec.containers[0].image", "tag 'latest' is mutable", "set a version", "scheduler", "docker.io/a:b")


def judged(*containers: dict[str, Any], policy: str = ENFORCE, manifest: str = "", **spec: Any) -> Verdict:
    """Return what is said of a scheduler of the official chart with *containers*."""
    labels = {"tier": "airflow", "component": "scheduler", "chart": "airflow-1.22.0", "helm.sh/chart": "airflow-1.22.0"}
    pod = owned({"kind": "Pod", "metadata": {"labels": labels}, "spec": {"containers": containers, **spec}})
    gate = Gate(read_policy(policy), read_manifest(manifest)) if manifest else Gate(read_policy(policy))
    return gate.validate(decode(review(pod, user=REPLICASET)), date(2026, 11, 26)).verdict


def shown(verdict: Verdict) -> list[tuple[str, list[str]]]:
    return [(one.cause.image or one.cause.variable, list(one.cause.containers)) for one in verdict.violations]


def named(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, **LATEST, **facts}


def test_one_tag_in_three_containers_of_one_workload_is_one_finding_with_three_places() -> None:
    verdict = judged(
        named("scheduler"),
        named("scheduler-log-groomer"),
        initContainers=[named("wait-for-airflow-migrations")],
    )
    (violation,) = verdict.violations
    assert [place.path for place in violation.cause.places] == [
        "spec.initContainers[0].image",
        "spec.containers[0].image",
        "spec.containers[1].image",
    ]


def test_one_image_is_one_finding_however_it_is_spelled_and_whether_its_policy_is_given_or_the_default() -> None:
    spelled = ["apache/airflow:main", "docker.io/apache/airflow:main", "index.docker.io/apache/airflow:main"]
    containers = [named(f"c{n}", image=image) for n, image in enumerate(spelled)]
    del containers[1]["imagePullPolicy"]
    (violation,) = judged(named("scheduler", image="apache/airflow:2.10.5"), *containers).violations
    assert violation.cause.containers == ("c0", "c1", "c2")
    assert [place.detail for place in violation.cause.places] == ["", "no imagePullPolicy, so the default", ""]


def test_no_tag_and_latest_are_one_image() -> None:
    (violation,) = judged(named("scheduler", image="apache/airflow"), named("scheduler-log-groomer")).violations
    assert violation.cause.containers == ("scheduler", "scheduler-log-groomer")


def test_another_image_another_policy_and_another_fix_are_other_findings() -> None:
    verdict = judged(
        named("scheduler"),
        named("scheduler-log-groomer", imagePullPolicy="Never"),
        named("git-sync", image="registry.k8s.io/git-sync/git-sync:v4"),
        named("mine"),
    )
    assert [containers for _, containers in shown(verdict)] == [
        ["scheduler"], ["scheduler-log-groomer"], ["git-sync"], ["mine"]
    ]  # fmt: skip


def test_a_variable_is_one_finding_for_all_containers_that_lack_it() -> None:
    clean = {"image": "apache/airflow:2.10.5"}
    verdict = judged(named("scheduler", **clean), named("scheduler-log-groomer", **clean), manifest=MANIFEST)
    assert shown(verdict) == [
        ("DEPLOY_ENV", ["scheduler", "scheduler-log-groomer"]),
        ("REGION", ["scheduler", "scheduler-log-groomer"]),
    ]


def test_what_an_exemption_lifts_is_merged_and_counted_in_the_same_unit() -> None:
    exempting = f"""{ENFORCE[:-1]}, exemptions: [
      {{name: e, reason: r, owner: o, expires: 2099-01-01, rules: [mutable-tag], images: ["docker.io/apache/*"]}}]}}"""
    verdict = judged(named("scheduler"), named("scheduler-log-groomer"), named("x", image="a/b:main"), policy=exempting)
    assert [one.cause.containers for one in verdict.exempted] == [("scheduler", "scheduler-log-groomer")]
    assert [one.cause.containers for one in verdict.violations] == [("x",)]


@pytest.mark.parametrize(
    "changes",
    [{"rule": "required-env"}, {"mode": Mode.WARN}, {"note": "expired"}, {"pods": Mode.ENFORCE}],
    ids=lambda changes: next(iter(changes)),
)
def test_violations_with_another_effect_stay_apart(changes: dict[str, Any]) -> None:
    one = Violation("mutable-tag", Mode.ENFORCE, cause_of(FINDING))
    assert len(merged([one, replace(one, **changes)])) == 2
    assert merged([one, one]) == (one,)


fields = st.sampled_from(["a", "b"])
findings = st.lists(st.builds(Finding, fields, fields, fields, fields, fields), max_size=12)


@given(findings)
def test_merging_loses_no_place_invents_none_and_keeps_the_order(given_: list[Finding]) -> None:
    apart = [Violation("mutable-tag", Mode.WARN, cause_of(finding)) for finding in given_]
    result = merged(apart)
    assert len({one.key for one in result}) == len(result)
    assert {(one.key, place) for one in result for place in one.cause.places} == {
        (one.key, place) for one in apart for place in one.cause.places
    }
    assert [one.key for one in result] == list(dict.fromkeys(one.key for one in apart))
    assert all(len(set(one.cause.places)) == len(one.cause.places) for one in result)
    assert merged(result) == result


def test_a_cause_names_each_container_once() -> None:
    places = (Where("spec.containers[0].image", "a"), Where("spec.containers[0].env", "a"), Where("spec"))
    assert replace(cause_of(FINDING), places=places).containers == ("a",)
