"""What an audit tells: Events once, metrics in bounds, reports of a hard size. All pure."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from tests.harness.livepods import NOW, REPOSITORY, ago, digest, live, node, running, task
from webhook.audit.survey import Basis, Survey
from webhook.audit.taking import Look, survey
from webhook.controller.audit.draft import Draft
from webhook.controller.audit.figures import OTHER, AuditMetrics, Count
from webhook.controller.audit.library import Library
from webhook.controller.audit.report import LARGEST, MOST_FINDINGS, Report, as_json, as_open_report, content
from webhook.controller.audit.telling import BURST, Told, news
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.gate import Gate
from webhook.pods.nodes import known
from webhook.sources.readable import Readable

GATE = Gate(read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}"))
NODES = known([node("node-a"), node("node-b")])
DAY = timedelta(hours=24)
LATEST = "apache/airflow:latest"


def found(*pods: dict[str, Any], gate: Gate = GATE) -> Survey:
    basis = Basis("the cluster", "ConfigMap airlock/airlock-policy, revision 45bd7d719826", "the same", installed=True)
    return survey(Look(tuple(map(live, pods)), NODES), gate, basis, NOW)


def one_job(run: str) -> dict[str, Any]:
    pod = running("airflow-cleanup-pods", LATEST, name=f"cleanup-{run}-x")
    pod["metadata"]["ownerReferences"][0] |= {"kind": "Job", "name": f"airflow-cleanup-{run}", "apiVersion": "batch/v1"}
    return pod


def marks(*pods: dict[str, Any]) -> list[str]:
    return [mark for one in news(found(*pods)) for mark in one.marks]


def told_of(*variables: str) -> list[str]:
    env = ", ".join(f"{{name: {name}, value: x}}" for name in variables)
    gate = Gate(manifest=read_manifest(f"{{apiVersion: airlock/v1, kind: RequiredEnv, env: [{env}]}}"))
    return [mark for one in news(found(running(), gate=gate)) for mark in one.marks]


# Events


def test_everything_about_one_owner_is_told_in_one_event_and_again_when_there_is_more() -> None:
    stale = running("worker", LATEST, f"{REPOSITORY}@{digest('2')}", node="node-b")
    scheduler, worker = news(found(running("scheduler", LATEST), stale))
    assert (len(scheduler.marks), len(worker.marks)) == (2, 3)
    note = worker.occurrence(NOW).note
    assert note.startswith(
        "worker ReplicaSet 'airflow/airflow-worker-6d4cf': mutable-tag: 'apache/airflow:latest' with "
    )
    assert [line.split(":")[0] for line in note.splitlines()[1:]] == ["- mutable-tag", "- image-drift", "- image-skew"]
    told = Told(DAY, 0.0)
    told.begin(NOW, 0.0)
    assert told.is_new(*worker.marks[:1])
    assert told.is_new(*worker.marks)
    assert not told.is_new(*worker.marks)
    assert not told.is_new(*worker.marks[1:])


def test_what_is_told_says_owner_rule_and_images() -> None:
    (one,) = news(found(running("scheduler", LATEST, name="x"), running("scheduler", LATEST, name="y")))
    told = one.occurrence(NOW)
    assert (told.reason, told.type, told.regarding.kind) == ("Audited", "Warning", "ReplicaSet")
    assert told.regarding.name == "airflow-scheduler-6d4cf"
    assert told.note.startswith("scheduler ReplicaSet 'airflow/airflow-scheduler-6d4cf': mutable-tag: ")
    assert "tag 'latest' is mutable" in told.note


def test_a_rollout_and_another_run_of_a_cron_job_are_no_news() -> None:
    rolled = running("scheduler", LATEST)
    rolled["metadata"]["labels"]["pod-template-hash"] = "7f9c"
    rolled["metadata"]["ownerReferences"][0] |= {"name": "airflow-scheduler-7f9c", "uid": "other"}
    assert marks(running("scheduler", LATEST)) == marks(rolled)
    assert marks(one_job("28934571")) == marks(one_job("28934572"))
    assert marks(task(LATEST, name="one")) == marks(task(LATEST, name="two"))


def test_another_image_another_rule_and_another_task_are_news() -> None:
    first = marks(running("scheduler", LATEST))
    assert first != marks(running("scheduler", "apache/airflow:main"))
    assert marks(task(LATEST, dag="a")) != marks(task(LATEST, dag="b"))
    assert set(told_of("DEPLOY_ENV")) & set(told_of("DEPLOY_ENV", "REGION")) == set()
    drifting = [
        running("scheduler", LATEST),
        running("triggerer", LATEST, f"{REPOSITORY}@{digest('2')}", node="node-b"),
    ]
    assert len(marks(*drifting)) == 5  # both are mutable and drift, and the triggerer is not the scheduler's image
    assert set(first) < set(marks(*drifting))


def test_a_drift_that_all_tasks_of_an_airflow_show_is_one_piece_of_news() -> None:
    new = f"{REPOSITORY}@{digest('2')}"
    pods = [task(dag="a"), task(dag="b"), task(dag="c", image_id=new, node="node-b"), task(dag="d", release="other")]
    drifts = [mark for one in news(found(*pods)) for mark in one.marks if "image-drift" in str(one)]
    assert len(drifts) == 4
    assert len(set(drifts)) == 2  # one for each Airflow


def audits(told: Told, at: float, present: Iterable[str], *, complete: bool = True) -> list[str]:
    told.begin(NOW + timedelta(seconds=at), at)
    fresh = [mark for mark in present if told.is_new(mark)]
    told.end(complete=complete)
    return fresh


def test_a_finding_is_told_once_while_it_lasts_and_again_when_it_comes_back() -> None:
    told = Told(DAY, 0.0)
    assert audits(told, 0, ["o1"]) == ["o1"]
    assert audits(told, 60, ["o1", "o2"]) == ["o2"]
    assert audits(told, 120, ["o1"]) == []
    assert audits(told, 180, ["o1", "o2"]) == ["o2"]


def test_an_audit_that_did_not_see_everything_forgets_nothing() -> None:
    told = Told(DAY, 0.0)
    audits(told, 0, ["o1"])
    audits(told, 60, [], complete=False)
    assert audits(told, 120, ["o1"]) == []


def test_what_tasks_show_counts_as_lasting_between_their_runs_but_not_for_ever() -> None:
    told = Told(DAY, 0.0)
    assert audits(told, 0, ["t1"]) == ["t1"]
    assert audits(told, 60, []) == []
    assert audits(told, 3600, ["t1"]) == []
    assert audits(told, 3600 + 86_401, []) == []
    assert audits(told, 3600 + 86_402, ["t1"]) == ["t1"]


def test_of_many_findings_at_once_some_wait_and_none_is_lost() -> None:
    told, present = Told(DAY, 0.0), [f"o{number}" for number in range(50)]
    first = audits(told, 0, present)
    assert len(first) == BURST
    assert told.waiting == 50 - BURST
    later = [audits(told, 60.0 * minute, present) for minute in range(1, 6)]
    assert sorted(sum(later, first)) == sorted(present)
    assert told.waiting == 0


def test_what_cannot_be_remembered_is_not_told_again_and_again() -> None:
    told = Told(DAY, 0.0, most=3)
    assert len(audits(told, 0, ["o1", "o2", "o3", "o4"])) == 3
    assert audits(told, 60, ["o1", "o2", "o3", "o4"]) == []
    assert told.waiting == 1


def test_what_was_told_in_an_earlier_life_is_not_told_again() -> None:
    told = Told(DAY, 0.0)
    told.recall({"o1": int(NOW.timestamp())})
    assert audits(told, 5, ["o1"]) == []


# metrics


def counted(*surveys: Survey, most: int = 500) -> dict[tuple[str, str, str, str], int]:
    count = Count()
    for each in surveys:
        count.add(each)
    return {
        (rule, mode.value, part.value, name): n for (rule, mode, part, name), n in count.figures(most).findings.items()
    }


def test_a_finding_counts_once_for_the_pods_of_one_owner() -> None:
    pods = [running("scheduler", LATEST, name="x"), running("scheduler", LATEST, name="y"), task(LATEST, name="z")]
    assert counted(found(*pods)) == {
        ("mutable-tag", "enforce", "scheduler", "airflow"): 1,
        ("mutable-tag", "enforce", "task", "airflow"): 1,
    }


def test_namespaces_that_do_not_fit_are_summed_up_and_nothing_is_lost() -> None:
    many = [running("scheduler", LATEST, namespace=f"team-{number}") for number in range(30)]
    many += [running("triggerer", LATEST, namespace="team-7")]
    count = Count()
    count.add(found(*many))
    figures = count.figures(most=10)
    assert figures.capped
    assert len(figures.findings) <= 10
    assert len(figures.lost) <= 10
    assert sum(figures.findings.values()) == 31
    assert sum(figures.lost.values()) == 31
    names = {namespace for *_, namespace in figures.findings}
    assert {"team-7", OTHER} < names  # the one with the most findings keeps its name


def test_before_the_first_audit_nothing_is_claimed() -> None:
    registry = CollectorRegistry()
    metrics = AuditMetrics(registry)
    shown = generate_latest(registry).decode()
    assert "# HELP airlock_audit_last_run_timestamp_seconds" in shown
    assert [line for line in shown.splitlines() if line.startswith("airlock_audit_") and "_runs_" not in line] == []
    metrics.failed()
    assert "airlock_audit_complete 0.0" in generate_latest(registry).decode()
    metrics.ran(Count().figures(), NOW, 0.5, complete=True)
    assert registry.get_sample_value("airlock_audit_last_run_timestamp_seconds") == NOW.timestamp()


# reports


def report(*pods: dict[str, Any]) -> Report:
    draft = Draft("airflow", "the policy", set())
    draft.add(found(*pods).groups)
    return draft.report()


def test_a_report_names_what_to_change() -> None:
    body = as_json(
        report(running("scheduler", LATEST, name="x"), running("scheduler", LATEST, name="y"), running("webserver"))
    )
    (row,) = body["findings"]
    assert row["object"] == "Deployment airflow-scheduler"
    assert (row["pods"], row["rule"], row["mode"], row["image"]) == (2, "mutable-tag", "enforce", f"docker.io/{LATEST}")
    assert body["summary"] == {"enforce": 1, "warn": 0, "audit": 0, "sound": 1}
    assert "more" not in body


def test_times_and_counts_are_not_the_substance_of_a_report() -> None:
    few, many = (
        report(running("scheduler", LATEST)),
        report(*(running("scheduler", LATEST, name=f"{n}") for n in range(3))),
    )
    assert few.substance == many.substance
    assert content(as_json(few)) != content(as_json(many))
    assert few.substance != report(running("triggerer", LATEST)).substance


def test_a_report_has_a_hard_size_and_says_how_much_is_not_in_it() -> None:
    long = [task(f"{'x' * 200}/{n}:latest", dag="d" * 200 + str(n), name=f"{n}") for n in range(300)]
    short = [task(LATEST, dag=f"d{n}", name=f"s{n}") for n in range(300)]
    for pods in (long, short):
        made = report(*pods)
        for body, rows in ((as_json(made), "findings"), (as_open_report(made), "results")):
            told = [row for row in body[rows] if "rule" in row]
            assert len(json.dumps(body)) <= LARGEST
            assert 20 < len(told) <= MOST_FINDINGS
            assert f"and {300 - len(told)} more" in str(body)


def test_a_report_says_what_was_not_checked_and_what_annotations_say_airlock_did() -> None:
    pod = running("scheduler")
    pod["spec"]["containers"][0]["env"] = [{"name": "DEPLOY_ENV", "value": "prod"}]
    pod["metadata"]["annotations"] = {"airlock/injected": "DEPLOY_ENV,REGION"}
    env = "[{name: DEPLOY_ENV, value: prod}, {name: REGION, value: eu}]"
    gate = Gate(manifest=read_manifest(f"{{apiVersion: airlock/v1, kind: RequiredEnv, env: {env}}}"))
    draft = Draft("airflow", "the policy", set(), ("env-reference: references to Secrets: nobody may read them",))
    draft.add(found(pod, gate=gate).groups)
    body, opened = as_json(draft.report()), as_open_report(draft.report())
    assert body["notChecked"] == ["env-reference: references to Secrets: nobody may read them"]
    assert body["injected"] == {"DEPLOY_ENV": 1}  # the spec does not bear out REGION
    assert "pinned" not in body
    notes = {one["result"]: one["message"] for one in opened["results"] if "rule" not in one}
    assert notes["skip"] == body["notChecked"][0]
    assert notes["pass"].endswith("as annotations say: DEPLOY_ENV (1 workload)")
    assert opened["summary"]["skip"] == 1
    plain = report(running("scheduler"))
    assert not as_json(plain).keys() & {"notChecked", "injected", "pinned"}
    assert draft.report().substance != plain.substance


def test_references_that_nobody_lets_it_look_up_are_said_to_be_unchecked_unless_the_rule_is_off() -> None:
    nobody: Any = None  # there is nothing to ask for
    library = Library(Readable(), nobody)
    assert library.unchecked("airflow", GATE) == (
        "env-reference: references to ConfigMaps: the controller is not set up to read them",
        "env-reference: references to Secrets: the controller is not set up to read them",
    )
    off = Gate(read_policy("{apiVersion: airlock/v1, kind: Policy, rules: {env-reference: {mode: off}}}"))
    assert library.unchecked("airflow", off) == ()
    assert library.unread == library.trouble == ""


def test_the_strictest_findings_stand_first_however_the_groups_come_in() -> None:
    draft = Draft("airflow", "the policy", set())
    for number in range(250):
        draft.add(found(running("scheduler", "apache/airflow:2.10", name=f"w{number}", release=f"r{number}")).groups)
    draft.add(found(running("scheduler", LATEST, started=ago(hours=1))).groups)
    assert draft.report().rows[0].mode == "enforce"


def test_a_result_of_open_reports_refers_to_an_owner_that_exists() -> None:
    pod = running("worker", LATEST)
    pod["metadata"]["ownerReferences"][0] |= {"kind": "StatefulSet", "name": "airflow-worker"}
    (result,) = as_open_report(report(pod))["results"]
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "namespace": "airflow", "name": "airflow-worker"}
    assert result["resources"] == [reference]
    assert (result["result"], result["severity"]) == ("fail", "high")
