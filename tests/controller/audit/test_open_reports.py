"""Reports as openreports.io's: the definition made here has the fields that are used."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.livepods import running
from tests.harness.openreports import known, report_on
from tests.harness.running import Kubelets, good, since
from tests.harness.waiting import until
from webhook.controller.api import Api
from webhook.controller.audit.draft import Draft
from webhook.controller.audit.pace import Pace
from webhook.controller.audit.publisher import Publisher

AUDIT = ("--audit", "--audit-interval", "0.5", "--no-certificates")


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found, known(found):
        yield found


def test_a_report_of_an_earlier_version_gets_its_label_and_keeps_those_of_others(
    made: Installation, faulty: Kubelets
) -> None:
    path = f"/apis/openreports.io/v1alpha1/namespaces/{faulty.namespace}/reports/airlock"
    with made.controlled(*AUDIT):
        until(lambda: report_on(made, faulty.namespace), "the Report")
    good(made.patch(path, {"metadata": {"labels": {"team": "platform", "airlock/installation": None}}}))

    def labels() -> dict[str, str]:
        found: dict[str, str] = (report_on(made, faulty.namespace) or {})["metadata"]["labels"]
        return found

    with made.controlled(*AUDIT):
        until(lambda: labels().get("airlock/installation") == made.namespace, "the label")
    assert labels()["team"] == "platform"
    before = (report_on(made, faulty.namespace) or {})["metadata"]["resourceVersion"]
    with made.controlled(*AUDIT) as process:
        process.audits(3)
    assert (report_on(made, faulty.namespace) or {})["metadata"]["resourceVersion"] == before


def test_a_report_that_somebody_changes_meanwhile_is_not_overwritten_blindly(
    made: Installation, faulty: Kubelets
) -> None:
    with made.controlled(*AUDIT):
        before = until(lambda: report_on(made, faulty.namespace), "the Report")
    path = f"/apis/openreports.io/v1alpha1/namespaces/{faulty.namespace}/reports/airlock"
    good(made.patch(path, {"results": []}))
    with made.controlled(*AUDIT) as process:
        process.audits(2)
        pod = running("triggerer", "apache/airflow:main", started=since(hours=1))
        faulty.run(pod | {"spec": pod["spec"] | {"nodeName": ""}})

        def findings() -> int:
            results = (report_on(made, faulty.namespace) or {})["results"]
            return sum("rule" in one for one in results)  # the others say what was not checked

        until(lambda: findings() == 3, "the findings on the new pod")
    assert before["metadata"]["uid"] == (report_on(made, faulty.namespace) or {})["metadata"]["uid"]


def test_a_report_that_somebody_deletes_comes_back(made: Installation, faulty: Kubelets) -> None:
    publisher, now = (
        Publisher(Api(made.cluster), made.namespace, time.monotonic, Pace(discovery=0.0)),
        datetime.now(UTC),
    )
    draft = Draft(faulty.namespace, "the policy", set())

    def audit() -> None:
        publisher.begin()
        publisher.publish(draft.report(), now)
        publisher.end(complete=True)

    audit()
    first = report_on(made, faulty.namespace)
    audit()
    assert report_on(made, faulty.namespace) == first is not None
    made.delete(f"/apis/openreports.io/v1alpha1/namespaces/{faulty.namespace}/reports/airlock")
    audit()
    again = report_on(made, faulty.namespace)
    assert again is not None
    assert again["summary"] == first["summary"]


def test_what_somebody_else_calls_so_is_left_alone(made: Installation, faulty: Kubelets) -> None:
    body = {"apiVersion": "openreports.io/v1alpha1", "kind": "Report", "source": "mine"}
    made.apply(body | {"metadata": {"name": "airlock", "namespace": faulty.namespace}})
    with made.controlled(*AUDIT) as process:
        until(lambda: "is somebody else's" in process.probe("/readyz")[1], "the trouble to be told")
        assert process.ready
        process.audits(1)
        assert process.metric("airlock_audit_complete") == 1
    assert (report_on(made, faulty.namespace) or {})["source"] == "mine"
