"""What the controller keeps and tells beside certificates, and what serve and its guard make of that."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.harness.control_plane import ControlPlane
from tests.harness.controller import DENIED, MANIFEST, POLICY, Installation, Process, installation
from tests.harness.controller_rights import config_maps
from tests.harness.gate import config_map
from tests.harness.server import Server, serving
from tests.harness.waiting import until
from webhook.__main__ import main
from webhook.cluster import MERGE_PATCH

BAD = POLICY.replace("enforce", "enforc")


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found:
        found.apply(*found.registration("Ignore"))
        yield found


@pytest.fixture(scope="module")
def controller(made: Installation) -> Iterator[Process]:
    with made.controlled("--propagation", "0", "--settling", "0") as process:
        until(lambda: accepted(made).keys() >= {"policy.yaml", "required-env.yaml"}, "both documents")
        until(lambda: process.ready, "the controller to be ready")
        yield process


@pytest.fixture(scope="module")
def replicas(made: Installation, controller: Process) -> Iterator[tuple[Server, Server]]:
    del controller
    with made.served() as both:
        yield both


def accepted(made: Installation) -> dict[str, str]:
    data: dict[str, str] = (made.get("configmaps/airlock-accepted") or {}).get("data") or {}
    return data


def policy(made: Installation, text: str) -> int:
    return made.patch("configmaps/airlock-policy", {"data": {"policy.yaml": text}}).status


def refused(made: Installation, text: str) -> bool:
    """Return whether that policy would be refused now; it is not written in any case."""
    path, body = f"/api/v1/namespaces/{made.namespace}/configmaps/airlock-policy", {"data": {"policy.yaml": text}}
    tried = made.cluster.call("PATCH", path, query={"dryRun": "All"}, body=body, content_type=MERGE_PATCH)
    return tried.status == DENIED


def test_what_is_good_is_kept_with_its_revision(made: Installation, controller: Process) -> None:
    data = accepted(made)
    assert data["policy.yaml"] == POLICY
    assert data["required-env.yaml"] == MANIFEST
    series = f'airlock_accepted_info{{document="policy",revision="{data["policy.revision"]}"}}'
    until(lambda: controller.metric(series) == 1, "the gauge")


def test_a_place_that_somebody_deletes_is_missed_and_filled_again_once_it_is_back(
    made: Installation, controller: Process
) -> None:
    made.delete("configmaps/airlock-accepted")
    until(lambda: "airlock-accepted is missing: `helm upgrade`" in controller.probe("/readyz")[1], "the trouble")
    controller.looks_again()  # the rest of the work goes on as ever
    made.apply(*config_maps(made.namespace))
    until(lambda: accepted(made), "the documents")
    until(lambda: controller.ready, "the trouble to be over")


def test_a_policy_that_enforces_behind_a_webhook_that_fails_open_is_told_of_once(
    made: Installation, controller: Process
) -> None:
    def lines() -> int:
        return [line["event"] for line in controller.records()].count("fails open")

    def told() -> int:
        """Return how often Events tell of it: those of this controller, and of others that ran here before."""
        events = made.events("EnforcesWhileFailingOpen")
        assert {event["regarding"]["name"] for event in events} <= {"airlock-policy"}
        return sum(event.get("series", {}).get("count", 1) for event in events)

    until(lambda: controller.metric("airlock_fails_open") == 1, "the gauge")
    controller.looks_again()
    until(lambda: told() >= lines(), "an Event for each line so far")
    before, events = lines(), told()
    made.apply(*made.registration("Fail"))
    until(lambda: controller.metric("airlock_fails_open") == 0, "the gauge to fall")
    made.apply(*made.registration("Ignore"))
    until(lambda: controller.metric("airlock_fails_open") == 1, "the gauge")
    controller.looks_again()
    assert lines() == before + 1
    until(lambda: told() > events, "an Event for this line")


def test_a_namespace_that_airlock_is_told_to_skip_is_told_of(made: Installation) -> None:
    skipped = made.plane.namespace(labels={"airlock/skip": "incident-7"})

    def told() -> list[dict[str, Any]]:
        events = made.events("BreakGlass")  # the other controller writes one as well, if it runs
        return [event for event in events if event["regarding"]["name"] == skipped]

    with made.controlled("--propagation", "0", "--settling", "0") as fresh:
        until(lambda: fresh.metric("airlock_break_glass_namespaces") >= 1, "the gauge")
        found = until(told, "the Event")
    [note] = {event["note"] for event in found}
    assert "airlock/skip=incident-7" in note
    assert {event["regarding"]["kind"] for event in found} == {"Namespace"}
    made.plane.kubectl("delete", "namespace", skipped, "--wait=false")


def test_a_bad_edit_is_refused_at_kubectl_apply(made: Installation, replicas: tuple[Server, Server]) -> None:
    del replicas
    until(lambda: refused(made, BAD), "the guard to stand")
    assert policy(made, BAD) == DENIED
    changed = config_map(made.namespace, "airlock-policy", {"policy.yaml": BAD})
    run = made.plane.run_kubectl("replace", "-f", "-", input=json.dumps(changed))
    assert run.returncode == 1
    assert "line 3: mode: " in run.stderr
    assert made.get("configmaps/airlock-policy")["data"]["policy.yaml"] == POLICY
    assert policy(made, POLICY + "futureField: 1\n") == 200
    assert policy(made, POLICY) == 200


def test_a_replica_starts_from_what_was_accepted_when_the_present_document_is_bad(
    made: Installation, controller: Process, tmp_path: Path
) -> None:
    del controller
    until(lambda: accepted(made).get("policy.yaml") == POLICY, "the good one")
    made.delete(made.hooks[1])  # with the guard in place the bad one could not be written
    try:
        assert until(lambda: policy(made, BAD) == 200, "the guard to be gone")
        source = f"configmap:{made.namespace}/airlock-"
        sources = ["--policy", f"{source}policy", "--required-env", f"{source}required-env"]
        environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(made.plane.kubeconfig)}
        with serving(tmp_path, *sources, "--accepted", f"{source}accepted", environ=environ) as server:
            assert "policy: revision" in server.probe("/readyz")[1]
            assert server.metric('airlock_policy_stale{document="policy"}') > 0
            until(lambda: made.events("DocumentStale"), "the Event")
            assert policy(made, POLICY) == 200
            until(lambda: server.metric('airlock_policy_stale{document="policy"}') == 0, "the good one")
        assert accepted(made)["policy.yaml"] == POLICY
    finally:
        policy(made, POLICY)
        made.apply(*made.registration("Ignore"))


def test_certs_show_tells_all_that_there_is(made: Installation, replicas: tuple[Server, Server]) -> None:
    del replicas
    arguments = ["certs", "show", "--namespace", made.namespace, "--webhook-configuration", made.configuration]
    arguments += ["--kubeconfig", str(made.plane.kubeconfig)]
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 1
    assert run.stderr == f"no replica of Service {made.namespace}/airlock answers\n"
    run = CliRunner().invoke(main, [*arguments, "--replica", f"127.0.0.1:{made.ports[0]}"])
    assert run.exit_code == 0, run.output
    for text in (f"Secret {made.namespace}/airlock-ca", "  CA ", "  signed by CA ", "next: "):
        assert text in run.output
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        silent = f"127.0.0.1:{bound.getsockname()[1]}"
        run = CliRunner().invoke(main, ["certs", "show", silent])
    assert (run.exit_code, run.output) == (1, f"{silent}: does not say what it serves: connection refused\n")
    run = CliRunner().invoke(main, ["certs", "show", f"127.0.0.1:{made.ports[0]}"])
    assert run.exit_code == 0
    assert f"airlock.{made.namespace}.svc" in run.output
