"""Surveys: pods of one owner told together, what would not come back, what admission never sees, previews."""

from typing import Any

import pytest

from tests.harness.livepods import NOW, REPOSITORY, digest, live, node, running, task
from webhook.audit.coverage import Coverage, Registration, read_registration, read_selector
from webhook.audit.preview import preview
from webhook.audit.survey import Basis, Survey, code
from webhook.audit.taking import Look, survey
from webhook.documents.policy import DEFAULT, read_policy
from webhook.judge.gate import Gate
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods.airflow import Component
from webhook.pods.nodes import known
from webhook.rules.finding import Mode

ENFORCING = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
NODES = known([node("node-a"), node("node-b")])
EVERYWHERE = Registration("airlock", (read_selector(None),))
SELECTOR = {"matchExpressions": [{"key": "airlock/skip", "operator": "DoesNotExist"}]}


def taken(
    *pods: dict[str, Any], policy: str = ENFORCING, coverage: Coverage | None = None, installed: bool | None = None
) -> Survey:
    look = Look(tuple(live(pod) for pod in pods), NODES, coverage or Coverage())
    return survey(look, Gate(read_policy(policy)), Basis("a test", policy, "none", installed), NOW)


def test_pods_of_one_owner_are_one_group_by_the_name_that_people_gave_it() -> None:
    (group,) = taken(running(), running(node="node-b")).groups
    assert (group.title, group.pods, group.nodes) == (
        "scheduler Deployment airflow/airflow-scheduler",
        2,
        ("node-a", "node-b"),
    )


def test_pods_of_one_task_are_one_group_whatever_they_are_called() -> None:
    (group,) = taken(task(name="sales-1"), task(name="sales-2")).groups
    assert (group.title, group.pods) == ("task Pod airflow/sales_daily/load_orders", 2)
    assert group.task is not None


def test_a_finding_that_pods_have_in_common_is_told_once_with_their_number_and_an_example() -> None:
    pods = [running("worker", "apache/airflow:latest", name=f"worker-{n}") for n in range(3)]
    (group,) = taken(*pods).groups
    (found,) = group.found
    assert (found.pods, found.example, found.violation.mode) == (3, "worker-0", Mode.ENFORCE)
    assert (group.lost, group.mode) == (3, Mode.ENFORCE)


def test_the_headline_counts_pods_that_would_be_denied_if_they_were_made_again() -> None:
    found = taken(running("worker", "apache/airflow:latest"), running(), task("registry.example.com/t:main", ""))
    assert (found.pods, found.lost) == (3, 2)
    assert taken(running("worker", "apache/airflow:latest"), policy="{apiVersion: airlock/v1, kind: Policy}").lost == 0


def test_pods_that_have_ended_and_pods_of_others_are_no_part_of_it() -> None:
    other = running()
    other["metadata"]["labels"] = {"app": "web"}
    found = taken(other, running(phase="Failed", image="apache/airflow:latest"))
    assert (found.seen, found.pods, found.groups) == (2, 0, ())


def test_a_pod_that_is_being_deleted_does_not_count_as_running() -> None:
    leaving = running(image="apache/airflow:latest", node="node-b")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-24T11:59:50Z"
    found = taken(leaving, running())
    assert (found.pods, found.lost, found.skews) == (1, 0, ())


def test_a_bare_pod_that_wears_a_schedulers_labels_is_a_task() -> None:
    pod = running()
    del pod["metadata"]["ownerReferences"]
    (group,) = taken(pod).groups
    assert (group.component, group.distrusted) == (Component.TASK, Component.SCHEDULER)


def test_pods_in_namespaces_that_admission_never_sees_are_told_and_come_back() -> None:
    registration = Registration("airlock", (read_selector(SELECTOR),))
    labels: dict[str, dict[str, str]] = {"airflow": {}, "sandbox": {"airlock/skip": "yes"}}
    coverage = Coverage(registration, known=True, namespaces=labels)
    bad = [running("worker", "apache/airflow:latest", namespace=namespace) for namespace in labels]
    found = taken(*bad, coverage=coverage, installed=True)
    assert found.outside == {"sandbox": 1}
    assert found.lost == 1


def test_before_airlock_is_installed_the_headline_is_about_what_would_happen() -> None:
    coverage = Coverage(None, known=True, namespaces={"airflow": {}})
    found = taken(running("worker", "apache/airflow:latest"), coverage=coverage, installed=False)
    assert (found.lost, found.outside) == (1, {"airflow": 1})


def test_what_may_not_be_known_of_admission_is_said_to_be_unknown() -> None:
    (group,) = taken(running()).groups
    assert group.admission is None
    unlisted = Coverage(EVERYWHERE, known=True, namespaces={})
    assert taken(running(), coverage=unlisted).groups[0].admission is None


def test_drift_and_skew_are_told_of_the_cluster_as_a_whole() -> None:
    stale = running("worker", image_id=f"{REPOSITORY}@{digest('2')}", node="node-b")
    found = taken(running(), stale)
    (drift,), (skew,) = found.drifts, found.skews
    assert drift.image == f"{REPOSITORY}:2.10.5"
    assert [one.digest for one in drift.sightings] == [digest("1"), digest("2")]
    assert drift.certain
    assert ([part.component for part in skew.leader], [part.component for part in skew.behind]) == (
        [Component.SCHEDULER],
        [Component.WORKER],
    )


def test_images_are_told_with_the_class_of_their_tag_and_the_digests_they_run_as() -> None:
    pods = [
        running(image="apache/airflow:main", policy="Always"),
        running("worker", f"apache/airflow@{digest('1')}", image_id=""),
        running("triggerer", "no image", image_id=""),
        running("webserver"),
    ]
    kinds = {use.image: (use.kind, use.digests) for group in taken(*pods).groups for use in group.images}
    assert kinds == {
        "apache/airflow:main": ("mutable", (digest("1"),)),
        f"apache/airflow@{digest('1')}": ("digest", ()),
        "no image": ("unreadable", ()),
        "apache/airflow:2.10.5": ("immutable", (digest("1"),)),
    }


def test_exemptions_hold_as_at_admission_and_are_counted() -> None:
    exemption = "{name: e, reason: r, owner: o, expires: 2026-11-24, namespaces: [airflow]}"
    policy = f"{{apiVersion: airlock/v1, kind: Policy, mode: enforce, exemptions: [{exemption}]}}"
    (group,) = taken(running("worker", "apache/airflow:latest"), policy=policy).groups
    assert (group.found, [one.pods for one in group.lifted], group.lost) == ((), [1], 0)


def test_groups_stand_in_one_order_however_the_pods_came() -> None:
    pods = [running(component, namespace=ns) for ns in ("b", "a") for component in ("worker", "scheduler")]
    assert taken(*pods).groups == taken(*reversed(pods)).groups


@pytest.mark.parametrize(
    ("fail_on", "expected"), [(Mode.ENFORCE, 1), (Mode.WARN, 1), (Mode.AUDIT, 1), (None, 0)], ids=str
)
def test_the_exit_code_says_how_strict_the_findings_are(fail_on: Mode | None, expected: int) -> None:
    assert code(taken(running("worker", "apache/airflow:latest")), fail_on) == expected
    assert code(taken(running()), fail_on) == 0


def test_what_could_not_be_seen_gives_another_exit_code() -> None:
    remark = Remark(Place("pods", 0), "may not be listed in namespace secret")
    look = Look((), remarks=(remark,))
    found = survey(look, Gate(DEFAULT), Basis("a test", "built-in", "none", None), NOW)
    assert not found.complete
    assert code(found, None) == 2


def test_the_formats_of_check_can_tell_a_survey() -> None:
    found = taken(running("worker", "apache/airflow:latest"))
    (judged,) = found.outcome.workloads
    assert (str(judged.place), judged.title) == (
        "airflow/Deployment/airflow-worker",
        "worker Deployment airflow/airflow-worker",
    )
    assert found.outcome.counts == found.counts


def test_a_preview_says_what_an_edit_of_the_policy_would_newly_deny_and_allow() -> None:
    pods = [running("worker", "apache/airflow:latest"), running(image="apache/airflow:2.10-etl")]
    warning, enforcing = taken(*pods, policy="{apiVersion: airlock/v1, kind: Policy}"), taken(*pods)
    stricter = preview(warning, enforcing)
    assert (stricter.denied, stricter.admitted) == (1, 0)
    (change,) = [change for change in stricter.changes if change.denied]
    assert change.group.component is Component.WORKER
    assert [one.violation.mode for one in change.new] == [Mode.ENFORCE]
    assert [one.violation.mode for one in change.gone] == [Mode.WARN]
    milder = preview(enforcing, warning)
    assert (milder.denied, milder.admitted) == (0, 1)
    assert preview(warning, warning).changes == ()


def hook(name: str = "pods.validate.airlock", **fields: Any) -> dict[str, Any]:
    return {"name": name, "clientConfig": {"service": {"namespace": "gate", "name": "airlock"}}, **fields}


def test_the_registration_is_read_off_the_webhooks_of_the_cluster() -> None:
    other = {"name": "validate.kyverno.svc", "clientConfig": {}}
    found = read_registration([{"webhooks": [other]}, {"webhooks": [hook(namespaceSelector=SELECTOR)]}])
    assert found is not None
    assert found.namespace == "gate"
    assert found.sees({"team": "data"})
    assert not found.sees({"airlock/skip": ""})
    assert read_registration([{"webhooks": [other]}, {}]) is None


def test_two_entries_for_pods_see_what_either_sees() -> None:
    one, two = ({"matchLabels": {"team": team}} for team in ("a", "b"))
    strict = hook("controllers.pods.validate.airlock", namespaceSelector=one)
    found = read_registration([{"webhooks": [strict, hook(namespaceSelector=two)]}])
    assert found is not None
    assert [found.sees({"team": team}) for team in "abc"] == [True, True, False]


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["x"], {"x": True, "y": False, None: False}),
        ("NotIn", ["x"], {"x": False, "y": True, None: True}),
        ("Exists", [], {"x": True, "y": True, None: False}),
        ("DoesNotExist", [], {"x": False, "y": False, None: True}),
    ],
)
def test_selectors_select_as_the_api_servers_do(operator: str, values: list[str], expected: dict[Any, bool]) -> None:
    selector = read_selector({"matchExpressions": [{"key": "k", "operator": operator, "values": values}]})
    assert {value: selector.matches({"k": value} if value else {}) for value in expected} == expected
