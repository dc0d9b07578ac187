"""What `envFrom` gives: counted as set where it is known, told where it is not."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import click.testing
import yaml

from tests.harness.reviews import review, scheduler
from webhook.__main__ import main
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge import message
from webhook.judge.decision import Decision
from webhook.judge.gate import Gate
from webhook.pods.workload import Container, EnvFrom, NameRef
from webhook.variables.env_from import given
from webhook.variables.known import Absence, ConfigMaps, secret

TODAY = date(2026, 11, 23)
POLICY = read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}")


def mutated(conflict: str, **container: Any) -> Decision:
    """Return the decision of `/mutate` on a scheduler with *container*'s fields, which must have DEPLOY_ENV."""
    env = [{"name": "DEPLOY_ENV", "value": "prod", "onConflict": conflict}]
    required = read_manifest(json.dumps({"apiVersion": "airlock/v1", "kind": "RequiredEnv", "env": env}))
    return Gate(POLICY, required).mutate(decode(review(scheduler(**container))), TODAY)[0]


SETTINGS = {"envFrom": [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "more"}}]}


def test_somebody_is_told_when_an_added_variable_may_hide_what_env_from_gives() -> None:
    decision = mutated("keep", **SETTINGS)
    (told,) = message.hints(decision)
    assert "'DEPLOY_ENV' (container scheduler) may be set by envFrom (ConfigMap settings, Secret more)" in told
    assert "onConflict: override" in told


def test_nobody_is_told_when_the_manifest_is_meant_to_win_or_nothing_can_be_hidden() -> None:
    assert message.hints(mutated("override", **SETTINGS)) == []
    assert message.hints(mutated("keep")) == []
    assert message.hints(mutated("keep", env=[{"name": "DEPLOY_ENV", "value": "stage"}], **SETTINGS)) == []
    assert message.hints(mutated("keep", envFrom=[{"prefix": "OTHER_", "configMapRef": {"name": "settings"}}])) == []


def test_the_last_source_that_has_a_name_counts_and_what_is_not_known_is_named() -> None:
    sources = [
        EnvFrom(config_map_ref=NameRef("first")),
        EnvFrom(config_map_ref=NameRef("second")),
        EnvFrom(config_map_ref=NameRef("unread")),
    ]
    known: ConfigMaps = {
        ("ns", "first"): {"A": "1"},
        ("ns", "second"): {"A": "2", "B": "3"},
        ("ns", "unread"): Absence.UNREAD,
        ("elsewhere", "unread"): {"A": "4"},
    }
    found = given(Container(env_from=sources), "A", "ns", known)
    assert (found.present, found.value, found.doubt) == (True, "2", "ConfigMap unread")
    assert given(Container(env_from=sources), "A", "ns", None).doubt == (
        "ConfigMap first, ConfigMap second, ConfigMap unread"
    )


def test_of_a_secret_the_keys_count_and_no_value() -> None:
    container = Container(env_from=[EnvFrom(prefix="AF_", secret_ref=NameRef("more"))])
    known = {secret("ns", "more"): {"TOKEN": ""}}
    found = given(container, "AF_TOKEN", "ns", known)
    assert (found.present, found.value, found.doubt) == (True, None, "")
    assert not given(container, "TOKEN", "ns", known).present


def rendered(**container: Any) -> list[dict[str, Any]]:
    """Return a scheduler's Deployment with *container*'s fields, and a ConfigMap and a Secret beside it."""
    own = {"name": "scheduler", "image": "apache/airflow:2.10.5", **container}
    template = {"metadata": {"labels": {"tier": "airflow", "component": "scheduler"}}, "spec": {"containers": [own]}}
    metadata = {"name": "airflow-scheduler", "namespace": "airflow"}
    objects = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"DEPLOY_ENV": "stage"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "more"}, "data": {"OTHER": "eA=="}},
    ]
    for one in objects:
        one["metadata"]["namespace"] = "airflow"  # type: ignore[index]
    return objects


def test_a_check_counts_what_the_input_gives_by_env_from_as_set(tmp_path: Path) -> None:
    (tmp_path / "required.yaml").write_text(
        "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: DEPLOY_ENV, value: prod}, {name: OTHER, value: x},"
        " {name: THIRD, value: y}]}"
    )
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump_all(rendered(**SETTINGS)))
    arguments = ["check", "--required-env", str(tmp_path / "required.yaml"), str(tmp_path / "rendered.yaml")]
    told = click.testing.CliRunner().invoke(main, arguments)
    assert told.exit_code == 0, told.output
    assert "may be set by envFrom" not in " ".join(told.output.split())  # all that it names is in the input

    lacking = rendered(envFrom=[{"secretRef": {"name": "elsewhere"}}])
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump_all(lacking))
    told = click.testing.CliRunner().invoke(main, arguments)
    assert "may be set by envFrom (Secret elsewhere)" in " ".join(told.output.split())
