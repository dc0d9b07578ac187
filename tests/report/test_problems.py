"""What people mend: one entry for an image or variable and a rule, the most urgent first."""

from typing import Any

import yaml

from tests.harness import surveys
from tests.harness.livepods import NOW, digest, live, running, task
from webhook.audit.assessment import Law, judge
from webhook.audit.survey import Basis, Survey
from webhook.audit.taking import Look
from webhook.documents.policy import read_policy
from webhook.documents.required_env import EMPTY, RequiredEnv
from webhook.report import problems
from webhook.rules.finding import Mode

LATEST, MAIN = "apache/airflow:latest", "apache/airflow:main"


def look(*pods: dict[str, Any], required: RequiredEnv = EMPTY, **policy: Any) -> Survey:
    body = {"apiVersion": "airlock/v1", "kind": "Policy", "mode": "enforce", **policy}
    law = Law(read_policy(yaml.safe_dump(body)), required)
    return judge(Look(tuple(map(live, pods))), (), law, Basis("a test", "a policy", "none", None), NOW)


def test_one_image_is_one_problem_whatever_namespace_component_and_mode() -> None:
    survey = look(
        running(image=LATEST),
        running("worker", LATEST, namespace="lab"),
        task(LATEST),
        namespaces=[{"names": ["lab"], "mode": "warn"}],
    )
    (found,) = problems.of_survey(survey)
    assert (found.rule, found.subject, found.mode) == ("mutable-tag", f"docker.io/{LATEST}", Mode.ENFORCE)
    assert (found.findings, found.pods, found.namespaces) == (3, 3, ("airflow", "lab"))
    assert [hit.mode for hit in found.hits if hit.namespace == "lab"] == [Mode.WARN]


def test_workloads_stand_under_the_fix_that_they_need() -> None:
    (found,) = problems.of_survey(look(running(image=LATEST), running("worker", LATEST), task(LATEST)))
    assert [[hit.component for hit in way.hits] for way in found.ways] == [["scheduler", "worker"], ["task"]]
    assert "images.pod_template.pullPolicy" in found.ways[1].fix
    assert "images.pod_template.pullPolicy" not in found.ways[0].fix


def test_the_reason_does_not_repeat_what_the_heading_names() -> None:
    found = problems.of_survey(surveys.story())
    assert all(f"'{problem.subject}'" not in text for problem in found for text in problem.texts)
    assert all(not text.startswith("'") for problem in found for text in problem.texts)


def test_what_denies_most_comes_first_and_what_only_warns_after_it() -> None:
    pods = [running("worker", MAIN, name=f"worker-{n}") for n in range(3)]
    pods += [running("triggerer", "apache/airflow:dev", namespace="lab", name=f"triggerer-{n}") for n in range(9)]
    survey = look(running(image=LATEST), *pods, namespaces=[{"names": ["lab"], "mode": "warn"}])
    found = problems.of_survey(survey)
    assert [(one.subject.rpartition(":")[2], one.returning) for one in found] == [
        ("main", 3),
        ("latest", 1),
        ("dev", 0),
    ]
    modes = [problem.mode.rank for problem in problems.of_survey(surveys.story())]
    assert modes == sorted(modes, reverse=True)


def test_a_pod_with_two_problems_comes_back_by_mending_neither_alone() -> None:
    both = running(image=LATEST)
    both["spec"]["containers"].append({"name": "b", "image": MAIN, "imagePullPolicy": "IfNotPresent"})
    found = problems.of_survey(look(both, running("worker", MAIN)))
    assert {one.subject.rpartition(":")[2]: one.returning for one in found} == {"main": 1, "latest": 0}
    assert {one.subject.rpartition(":")[2]: one.lost for one in found} == {"main": 2, "latest": 1}


def test_what_would_not_come_back_is_counted_only_where_admission_sees_it() -> None:
    survey = surveys.story("enforce")
    lab = [hit for problem in problems.of_survey(survey) for hit in problem.hits if hit.namespace == "lab"]
    assert lab
    assert all(hit.lost == 0 for hit in lab)


def test_every_finding_is_in_one_problem() -> None:
    for survey in (surveys.story(), surveys.hostile(), surveys.wide(), surveys.large(400)):
        assert sum(problem.findings for problem in problems.of_survey(survey)) == survey.counts.total()


def test_three_problems_are_to_be_mended_first_each_of_another_subject() -> None:
    found = problems.of_survey(surveys.story())
    first = list(problems.first(found))
    assert len({problem.subject for problem in first}) == len(first) == 3
    assert first[0] is found[0]
    assert [problem.subject for problem in found].count(first[0].subject) == 2  # mutable-tag, and its drift


def test_an_image_that_cannot_be_read_is_a_problem_by_what_is_wrong_with_it() -> None:
    (found,) = problems.of_survey(look(running(image="Not An Image")))
    assert not found.named
    assert "Not An Image" in found.subject


def test_digests_are_told_beside_the_container_that_runs_them() -> None:
    drift = next(one for one in problems.of_survey(surveys.story()) if one.rule == "image-drift")
    told = {container for hit in drift.hits for container in hit.containers}
    assert any(digest("1")[:19] in container for container in told)
