"""The four layers of an audit: nothing that was not looked at is ever "not found"."""

from collections.abc import Iterable
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from tests.harness import surveys
from tests.harness.livepods import NOW, ago, digest, live, node, running, task
from webhook.audit.assessment import Law, judge
from webhook.audit.layers import Layer, State, layers
from webhook.audit.survey import Basis, Survey
from webhook.audit.taking import Look
from webhook.documents.policy import read_policy
from webhook.documents.required_env import EMPTY, RequiredEnv
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods.nodes import Nodes, known
from webhook.report import page
from webhook.report.wording import Tone, headline, short_summary, tone

OLD, NEW = "apache/airflow:2.10.4", "apache/airflow:2.10.5"
STALE, CACHE, WALL, CALLBACK = range(4)
AGREEING = (running(), running("triggerer"))
AIRFLOW_NODES = known([node("node-a"), node("node-b")])


def image_id(letter: str) -> str:
    return f"docker.io/apache/airflow@{digest(letter)}"


def look(
    pods: Iterable[dict[str, Any]],
    required: RequiredEnv = EMPTY,
    nodes: Nodes = AIRFLOW_NODES,
    remarks: tuple[Remark, ...] = (),
    **policy: Any,
) -> Survey:
    law = Law(read_policy(yaml.safe_dump({"apiVersion": "airlock/v1", "kind": "Policy", **policy})), required)
    seen = Look(tuple(live(pod) for pod in pods), nodes, remarks=remarks)
    return judge(seen, (), law, Basis("a test", "a policy", "none was read", None), NOW)


def with_endpoint(pod: dict[str, Any]) -> dict[str, Any]:
    value = {"name": "MESSAGE_CALLBACK_ENDPOINT", "value": "https://callbacks.example.com"}
    pod["spec"]["containers"][0]["env"] = [value]
    return pod


def state(survey: Survey, nth: int) -> tuple[State, str]:
    layer: Layer = layers(survey)[nth]
    return layer.state, "; ".join(layer.told)


def test_what_was_looked_at_and_is_not_there_is_not_found() -> None:
    survey = look([with_endpoint(running()), running("triggerer")], surveys.manifest())
    assert [layer.state for layer in layers(survey)] == [State.CLEAR, State.CLEAR, State.CLEAR, State.UNCHECKED]


def test_without_a_manifest_nobody_knows_which_variables_are_missing() -> None:
    found, why = state(look(AGREEING), WALL)
    assert (found, "none was read" in why) == (State.UNCHECKED, True)


def test_a_manifest_that_declares_nothing_for_what_runs_checks_nothing() -> None:
    survey = look([running("triggerer"), running("api-server")], surveys.manifest())
    assert state(survey, WALL) == (State.UNCHECKED, "1 declared variable, none for what runs here")


def test_a_variable_whose_source_could_not_be_read_is_not_checked() -> None:
    unread = Remark(Place("required-env", 0), "SLACK_URL is not looked at", usable=True)
    survey = look([with_endpoint(running())], surveys.manifest(), remarks=(unread,))
    assert state(survey, WALL) == (State.UNCHECKED, "1 variable whose source could not be read")


@pytest.mark.parametrize("rule", ["image-skew", "image-drift", "mutable-tag", "required-env"])
def test_a_rule_that_the_policy_turns_off_has_checked_nothing(rule: str) -> None:
    survey = look([with_endpoint(running()), running("triggerer")], surveys.manifest(), rules={rule: {"mode": "off"}})
    nth = {"image-skew": STALE, "required-env": WALL}.get(rule, CACHE)
    assert state(survey, nth) == (State.UNCHECKED, f"the policy turns {rule} off")


def test_where_a_rule_is_off_in_one_namespace_that_one_is_named() -> None:
    pods = [*AGREEING, running(namespace="lab")]
    survey = look(pods, namespaces=[{"names": ["lab"], "rules": {"image-drift": "off"}}])
    assert state(survey, CACHE) == (State.UNCHECKED, "the policy turns image-drift off in lab")


def test_images_whose_nodes_say_no_digest_are_not_comparable_and_counted() -> None:
    pods = [running("worker", f"apache/airflow:2.9.{n}", "", release=f"r{n}") for n in range(15)]
    pods += [running("scheduler", f"apache/airflow:2.9.{n}", "", release=f"r{n}") for n in range(15)]
    survey = look(pods)
    assert state(survey, CACHE) == (State.INCOMPARABLE, "15 images could not be compared")
    assert state(survey, STALE) == (State.INCOMPARABLE, "15 images could not be compared")


def test_digests_on_nodes_of_two_platforms_are_not_comparable() -> None:
    nodes = known([node("node-a"), node("node-b", architecture="arm64")])
    pods = [running("worker", NEW, image_id(one), node=f"node-{where}") for one, where in (("1", "a"), ("2", "b"))]
    assert state(look(pods, nodes=nodes), CACHE) == (State.INCOMPARABLE, "1 image could not be compared")


def test_one_digest_on_nodes_of_two_platforms_is_one_image() -> None:
    nodes = known([node("node-a"), node("node-b", architecture="arm64")])
    pods = [running("worker", NEW, image_id("1"), node=f"node-{where}") for where in "ab"]
    assert state(look(pods, nodes=nodes), CACHE)[0] is State.CLEAR


def test_two_images_of_one_airflow_that_are_younger_than_the_grace_period_are_told() -> None:
    pods = [running(image=NEW, image_id=image_id("5"), started=ago(minutes=5)), running("worker", OLD, image_id("4"))]
    survey = look(pods)
    assert survey.skews == ()
    found, why = state(survey, STALE)
    assert (found, "1 Airflow runs two images" in why) == (State.UNCHECKED, True)
    assert "run one image" not in page.render(survey)


def test_two_images_of_one_component_are_told_although_no_rule_compares_it_with_itself() -> None:
    pods = [running(image=NEW, image_id=image_id("5")), running(image=OLD, image_id=image_id("4"), name="other")]
    found, why = state(look([*pods, running("triggerer", NEW, image_id("5"))]), STALE)
    assert (found, "1 Airflow runs two images" in why) == (State.UNCHECKED, True)


def test_a_task_on_another_repository_is_meant_and_leaves_its_airflow_in_step() -> None:
    survey = look([*AGREEING, task("team/heavy:1.0.0", f"docker.io/team/heavy@{digest('7')}")])
    assert state(survey, STALE)[0] is State.CLEAR


def test_one_component_alone_has_nothing_to_be_compared_with() -> None:
    assert state(look([running()]), STALE) == (State.UNCHECKED, "no Airflow runs two components to compare")


def test_what_could_not_be_seen_keeps_every_layer_from_being_clear() -> None:
    unseen = Remark(Place("pods in finance", 0), "may not be listed")
    survey = look([with_endpoint(running()), running("triggerer")], surveys.manifest(), remarks=(unseen,))
    assert {layer.state for layer in layers(survey)} == {State.UNCHECKED}
    assert tone(survey) is Tone.DOUBTFUL
    assert headline(survey) == "2 of 2 running pods that could be seen would come back"


def test_what_is_exempted_is_found_all_the_same() -> None:
    exemption = {"name": "old", "reason": "r", "owner": "o", "expires": "2099-12-31", "namespaces": ["airflow"]}
    survey = look([running(image="apache/airflow:latest"), running("triggerer")], exemptions=[exemption])
    assert state(survey, CACHE) == (State.FOUND, "1 workload exempted")


def test_a_cluster_without_airflow_has_no_layer_that_is_clear() -> None:
    assert {layer.state for layer in layers(surveys.empty())} == {State.UNCHECKED}


def test_what_may_be_airflows_is_counted_where_none_was_judged() -> None:
    note = Remark(Place("etl/Deployment/x", 0), "looks like Airflow", usable=True, note=True)
    survey = look([], remarks=(note,))
    assert "1 workload that may be Airflow's was not judged" in state(survey, 1)[1]
    assert short_summary(survey).endswith("1 workload not judged")


def test_where_the_policy_only_warns_the_headline_says_what_enforcing_would_deny() -> None:
    broken = [running(image="apache/airflow:latest", name=f"scheduler-{n}") for n in range(5)]
    fine = [running("worker", name=f"worker-{n}") for n in range(9)]
    survey = look([*broken, *fine])
    assert headline(survey) == "none would be denied by this policy; 5 of 14 under `mode: enforce`"
    assert tone(survey) is Tone.DOUBTFUL


@pytest.mark.parametrize("policy", [{"mode": "audit"}, {"namespaces": [{"names": ["*"], "mode": "warn"}]}])
def test_enforcing_means_every_mode_that_is_not_off(policy: dict[str, Any]) -> None:
    assert look([running(image="apache/airflow:latest")], **policy).enforced == 1


@pytest.mark.parametrize(
    "policy",
    [
        {"rules": {"mutable-tag": {"mode": "off"}}},
        {"namespaces": [{"names": ["*"], "rules": {"mutable-tag": "off"}}]},
    ],
)
def test_what_is_off_stays_off_when_the_rest_enforces(policy: dict[str, Any]) -> None:
    law = Law(read_policy(yaml.safe_dump({"apiVersion": "airlock/v1", "kind": "Policy", **policy})).enforcing())
    survey = judge(Look((live(running(image="apache/airflow:latest")),)), (), law, surveys.BASIS, NOW)
    assert survey.lost == 0


def test_findings_that_nothing_would_deny_are_counted_in_a_headline_that_is_not_good() -> None:
    pods = [running(image=NEW, image_id=image_id("5")), running("worker", OLD, image_id("4"))]
    survey = look(pods)
    assert headline(survey) == "2 of 2 running pods would come back; 1 finding"
    assert tone(survey) is Tone.DOUBTFUL


def test_a_headline_is_good_only_when_all_was_seen_and_nothing_was_found() -> None:
    assert tone(surveys.healthy()) is Tone.GOOD
    assert tone(replace(surveys.healthy(), groups=surveys.story().groups)) is not Tone.GOOD
    assert tone(surveys.empty()) is not Tone.GOOD
