"""Where the registration leaves tasks out of `/mutate`, what they lack is a warning that says why, and a metric."""

import json
from pathlib import Path
from typing import Any

from tests.harness.reviews import EXECUTOR, review, scheduler, task
from tests.harness.server import serving
from tests.harness.waiting import until

POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
MANIFEST = """
apiVersion: airlock/v1
kind: RequiredEnv
env: [{name: DEPLOY_ENV, value: prod, components: [scheduler%s]}]
"""
CONCERNED = "airlock_tasks_left_out"


def test_a_task_that_lacks_a_variable_passes_with_the_reason_and_a_scheduler_does_not(tmp_path: Path) -> None:
    policy, manifest = tmp_path / "policy.yaml", tmp_path / "required-env.yaml"
    policy.write_text(POLICY)
    manifest.write_text(MANIFEST % "")
    documents = ("--policy", str(policy), "--required-env", str(manifest))
    with serving(tmp_path, *documents, "--events", "log", "--tasks-left-out") as server:
        pod = review(task("apache/airflow:2.10.5"), user=EXECUTOR)
        assert server.review("/validate", pod) == {"uid": json.loads(pod)["request"]["uid"], "allowed": True}
        assert server.metric(CONCERNED) == 0

        manifest.write_text(MANIFEST % ", task")
        until(lambda: server.metric(CONCERNED) == 1, "the new manifest")
        answer = server.review("/validate", pod)
        assert answer["allowed"]
        (warning,) = answer["warnings"]
        assert "'DEPLOY_ENV' is missing: the webhook configuration does not ask airlock to add variables to" in warning
        assert not server.review("/validate", review(scheduler()))["allowed"]
        until(lambda: any(_tells(record) for record in server.records()), "an Event that says why")

        manifest.write_text(MANIFEST % "")
        until(lambda: server.metric(CONCERNED) == 0, "the old manifest")


def _tells(record: dict[str, Any]) -> bool:
    return "does not ask airlock to add variables to tasks" in str(record.get("note", ""))
