"""An audit counts what the ConfigMaps beside running pods give by `envFrom` as set."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.harness.livepods import running
from tests.harness.scanning import ENFORCING, dumped
from webhook.audit.assessment import Law, judge
from webhook.audit.survey import Basis
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.scan.look import Scope, interest, look, read_admission

REQUIRED = "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: DEPLOY_ENV, value: prod}]}"


def told(*objects: dict[str, Any]) -> list[str]:
    """Return what an audit says of the variables in *objects*."""
    law = Law(read_policy(ENFORCING), read_manifest(REQUIRED))
    dump = dumped(*objects)
    scene = look(dump, Scope(None), read_admission(dump), interest([law]))
    survey = judge(scene.look, scene.manifests, law, Basis("a dump", "", "", None), datetime.now(UTC))
    return [one.violation.cause.text for group in survey.groups for one in group.found]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"DEPLOY_ENV": "stage"}, []),
        ({"OTHER": "x"}, ["is missing in a running pod:"]),
        (None, ["is missing in a running pod in env, unless envFrom gives it (ConfigMap settings):"]),
    ],
)
def test_what_a_config_map_in_the_cluster_gives_counts_as_set(data: dict[str, str] | None, expected: list[str]) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **running()}
    pod["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    objects = [pod]
    if data is not None:
        metadata = {"name": "settings", "namespace": "airflow"}
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    texts = told(*objects)
    assert len(texts) == len(expected)
    assert all(part in text for part, text in zip(expected, texts, strict=True))
