"""What the controller keeps and tells beside certificates, and what serve and its guard make of that."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.harness.control_plane import ControlPlane
from tests.harness.controller import MANIFEST, POLICY, Installation, Process, installation
from tests.harness.controller_rights import config_maps
from tests.harness.gate import config_map
from tests.harness.server import Server, serving, wait_for
from webhook.__main__ import main

BAD = POLICY.replace("enforce", "enforc")


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found:
        found.apply(*found.registration("Ignore"))
        yield found


@pytest.fixture(scope="module")
def controller(made: Installation) -> Iterator[Process]:
    with made.controlled("--propagation", "0", "--settling", "0") as process:
        wait_for(lambda: process.ready and made.get("configmaps/airlock-accepted"), 30, process.log.read_text())
        yield process


@pytest.fixture(scope="module")
def replicas(made: Installation, controller: Process) -> Iterator[tuple[Server, Server]]:
    del controller
    with made.served() as both:
        yield both


def policy(made: Installation, text: str) -> int:
    return made.patch("configmaps/airlock-policy", {"data": {"policy.yaml": text}}).status


def test_what_is_good_is_kept_with_its_revision(made: Installation, controller: Process) -> None:
    data = made.get("configmaps/airlock-accepted")["data"]
    assert data["policy.yaml"] == POLICY
    assert data["required-env.yaml"] == MANIFEST
    series = f'airlock_accepted_info{{document="policy",revision="{data["policy.revision"]}"}}'
    assert controller.metric(series) == 1


def test_a_place_that_somebody_deletes_is_missed_and_filled_again_once_it_is_back(
    made: Installation, controller: Process
) -> None:
    made.delete("configmaps/airlock-accepted")
    wait_for(lambda: "airlock-accepted is missing: `helm upgrade`" in controller.probe("/readyz")[1], 10, "the trouble")
    controller.looks_again()  # the rest of the work goes on as ever
    made.apply(*config_maps(made.namespace))
    wait_for(lambda: (made.get("configmaps/airlock-accepted") or {}).get("data"), 10, "the documents")
    wait_for(lambda: controller.ready, 10, "the trouble to be over")


def test_a_policy_that_enforces_behind_a_webhook_that_fails_open_is_told_of_once(
    made: Installation, controller: Process
) -> None:
    wait_for(lambda: controller.metric("airlock_fails_open") == 1, 10, "the gauge")
    (event,) = wait_for(lambda: made.events("EnforcesWhileFailingOpen"), 10, "the Event")
    assert event["regarding"]["name"] == "airlock-policy"
    assert "series" not in event
    made.apply(*made.registration("Fail"))
    wait_for(lambda: controller.metric("airlock_fails_open") == 0, 10, "the gauge to fall")
    made.apply(*made.registration("Ignore"))


def test_a_namespace_that_airlock_is_told_to_skip_is_told_of(made: Installation) -> None:
    skipped = made.plane.namespace(labels={"airlock/skip": "incident-7"})
    with made.controlled("--propagation", "0", "--settling", "0") as fresh:
        wait_for(lambda: fresh.metric("airlock_break_glass_namespaces") >= 1, 20, "the gauge")
        found = wait_for(lambda: made.events("BreakGlass"), 10, "the Event")
    [note] = {event["note"] for event in found if event["regarding"]["name"] == skipped}
    assert "airlock/skip=incident-7" in note
    assert {event["regarding"]["kind"] for event in found} == {"Namespace"}
    made.plane.kubectl("delete", "namespace", skipped, "--wait=false")


def test_a_bad_edit_is_refused_at_kubectl_apply(made: Installation, replicas: tuple[Server, Server]) -> None:
    del replicas
    wait_for(lambda: policy(made, BAD) == 422, 20, "the guard to stand")
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
    wait_for(lambda: made.get("configmaps/airlock-accepted")["data"]["policy.yaml"] == POLICY, 10, "the good one")
    made.delete(made.hooks[1])  # with the guard in place the bad one could not be written
    try:
        assert wait_for(lambda: policy(made, BAD) == 200, 20, "the guard to be gone")
        source = f"configmap:{made.namespace}/airlock-"
        sources = ["--policy", f"{source}policy", "--required-env", f"{source}required-env"]
        environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(made.plane.kubeconfig)}
        with serving(tmp_path, *sources, "--accepted", f"{source}accepted", environ=environ) as server:
            assert "policy: revision" in server.probe("/readyz")[1]
            assert server.metric('airlock_policy_stale{document="policy"}') > 0
            wait_for(lambda: made.events("DocumentStale"), 10, "the Event")
            assert policy(made, POLICY) == 200
            wait_for(lambda: server.metric('airlock_policy_stale{document="policy"}') == 0, 10, "the good one")
        assert made.get("configmaps/airlock-accepted")["data"]["policy.yaml"] == POLICY
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
    for text in (f"Secret {made.namespace}/airlock-ca", "  authority ", "  signed by authority ", "next: "):
        assert text in run.output
    run = CliRunner().invoke(main, ["certs", "show", f"127.0.0.1:{made.ports[0]}"])
    assert run.exit_code == 0
    assert f"airlock.{made.namespace}.svc" in run.output
