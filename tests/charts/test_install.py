"""The chart on a real API server: helm installs, upgrades, rolls back and uninstalls it, beside the controller."""

import re
import shlex
from http.client import HTTPConnection
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from tests.harness.chart.release import HOME, RELEASE, Release
from tests.harness.chart.rendering import HelmError, of_kind, render, values_of
from tests.harness.control_plane import ControlPlane
from tests.harness.gate import config_map
from tests.harness.openreports import DEFINITION
from tests.harness.places import ROOT
from tests.harness.probed import records
from tests.harness.server import serving
from tests.harness.waiting import until
from webhook.__main__ import main

INSTALL = (ROOT / "docs/install.md").read_text(encoding="utf-8")
REPORTS = "reports.openreports.io"
STRICT = "controllers.pods.validate.airlock"
FAIL = {"failurePolicy": "Fail", "failNamespaces": ["airflow"], "failurePolicyForOthers": "Fail"}


def resources(plane: ControlPlane) -> set[str]:
    """Return the resources that the API server knows; none while it names a group that it does not serve yet."""
    run = plane.run_kubectl("api-resources", "-o", "name")
    return set() if run.returncode else {*run.stdout.split()}


def everything(plane: ControlPlane, *selector: str) -> set[str]:
    """Return the names of all objects that an installation could leave, in HOME, elsewhere and in no namespace."""
    deletable = plane.kubectl("api-resources", "--verbs=list,delete", "-o", "name").split()
    kinds = ",".join(sorted({*deletable} - {"events", "events.events.k8s.io", "componentstatuses"}))
    found = plane.kubectl("get", kinds, "-n", HOME, "-o", "name", "--ignore-not-found", *selector).split()
    elsewhere = plane.kubectl("get", "roles,rolebindings", "-A", "-o", "name", *selector).split()
    return {*found, *elsewhere}


def test_what_is_installed_is_gone_when_it_is_uninstalled(home: ControlPlane) -> None:
    before = everything(home)
    release = Release(home)
    told = release.helm("install", values=values_of("story"))
    assert "Policy       mode enforce\n" in told
    assert len(everything(home) - before) > 20
    release.helm("uninstall")

    def left() -> set[str]:
        return everything(home) - before

    until(lambda: not left(), f"nothing to be left of {left()}")


def removal() -> list[list[str]]:
    """Return the commands with which docs/install.md removes airlock, as they are run here."""
    section = INSTALL.partition("## Removing it")[2].partition("\n## ")[0]
    lines = "".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL)).splitlines()
    here = (line.replace("-n airlock", f"-n {HOME}").replace("=airlock", f"={HOME}") for line in lines)
    return [shlex.split(line) for line in here]


def test_the_documented_removal_leaves_nothing_that_airlock_made(
    home: ControlPlane, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def forget() -> None:
        home.kubectl("delete", "crd", REPORTS)
        until(lambda: (known := resources(home)) and REPORTS not in known, "the API to be gone")

    request.addfinalizer(forget)
    home.kubectl("apply", "-f", "-", input=yaml.safe_dump(DEFINITION))
    until(lambda: REPORTS in resources(home), "the API to be known")
    before = everything(home)
    release = Release(home)
    release.helm("install")
    with release.controlled(tmp_path, keep=True) as log:
        until(lambda: accepted(release), "the accepted documents")
        until(lambda: audited(log), "an audit")
    made, labels = everything(home) - before, {"airlock/installation": HOME}
    assert {"secret/airlock-ca", "secret/airlock-tls"} <= made
    others = made - everything(home, "-l", f"airlock/installation={HOME}")
    # Helm's own record, and what servers before 1.24 make for each ServiceAccount.
    assert {name for name in others if "-token-" not in name} == {"secret/sh.helm.release.v1.airlock.v1"}
    report = {"apiVersion": "openreports.io/v1alpha1", "kind": "Report", "source": "airlock"}
    text = yaml.safe_dump(report | {"metadata": {"name": "airlock", "namespace": "pipelines", "labels": labels}})
    until(lambda: home.run_kubectl("apply", "-f", "-", input=text).returncode == 0, "the API to be served")
    helms, *lines = removal()
    release.helm(*helms[1:2])
    for line in lines:
        home.kubectl(*line[1:])
    until(lambda: not everything(home) - before, f"nothing to be left of {everything(home) - before}")
    assert home.kubectl("get", REPORTS, "-A", "-o", "name") == ""


def test_an_old_server_is_warned_of_what_it_cannot_tell(release: Release) -> None:
    told = " ".join(release.helm("upgrade").split())
    warning = "does not label namespaces with their names"
    assert (warning in told) is (release.plane.version < (1, 21))


def test_an_old_server_is_given_no_backstop_and_the_notes_say_so(release: Release) -> None:
    command = ["policy", "export", "--as", "mutating-admission-policy", "-o", "values", "--required-env"]
    exported = CliRunner().invoke(main, [*command, str(ROOT / "examples" / "required-env.yaml")]).stdout
    told = release.helm("upgrade", values=yaml.safe_load(exported))
    note = "backstop.mutating is left out: it needs Kubernetes 1.36."
    assert (note in told) is (release.plane.version < (1, 36))


def test_an_upgrade_leaves_the_ca_bundle_and_changes_the_rest(release: Release) -> None:
    assert release.bundled() == {False}
    release.publish()
    assert release.bundled() == {True}
    release.helm(
        "upgrade", values=values_of("documents-elsewhere") | {"fullnameOverride": "", "serve": {"replicas": 3}}
    )
    assert release.bundled() == {True}
    assert release.get("deployment", RELEASE, "-n", HOME)["spec"]["replicas"] == 3
    release.helm("rollback", "1")
    assert release.bundled() == {True}
    assert release.get("deployment", RELEASE, "-n", HOME)["spec"]["replicas"] == 2


def test_fail_is_refused_until_the_registration_is_complete_and_goes_again(release: Release) -> None:
    with pytest.raises(HelmError, match="has no caBundle yet"):
        release.helm("upgrade", values={"webhooks": FAIL})
    assert {*release.policies().values()} == {"Ignore"}
    release.publish()
    release.helm("upgrade", values={"webhooks": FAIL})
    assert {name for name, policy in release.policies().items() if policy == "Fail"} == {STRICT}
    assert release.bundled() == {True}
    release.helm("upgrade")
    assert {*release.policies().values()} == {"Ignore"}


def test_a_first_install_with_fail_is_refused(home: ControlPlane) -> None:
    with pytest.raises(HelmError, match="airlock is not installed yet"):
        Release(home).helm("install", values={"webhooks": FAIL})


def test_a_deleted_registration_stays_deleted_until_helm_brings_it_back_with_ignore(release: Release) -> None:
    release.publish()
    release.helm("upgrade", values={"webhooks": FAIL})
    release.plane.kubectl("delete", "validatingwebhookconfigurations,mutatingwebhookconfigurations", RELEASE)
    with pytest.raises(HelmError, match="has no caBundle yet"):
        release.helm("upgrade", values={"webhooks": FAIL})
    release.helm("upgrade")
    assert release.bundled() == {False}
    assert {*release.policies().values()} == {"Ignore"}


def test_what_the_controller_made_survives_an_upgrade(release: Release) -> None:
    made = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": HOME}, "stringData": {"a": "b"}}
        for name in ("airlock-ca", "airlock-tls")
    ]
    release.plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(made))
    names = ("secret/airlock-ca", "secret/airlock-tls")
    versions = [release.get(name, "-n", HOME)["metadata"]["resourceVersion"] for name in names]
    release.helm("upgrade", values={"serve": {"replicas": 3}})
    assert [release.get(name, "-n", HOME)["metadata"]["resourceVersion"] for name in names] == versions
    release.plane.kubectl("delete", "-n", HOME, *names)


def test_the_api_server_takes_the_registration_as_it_is_written(release: Release) -> None:
    rendered = render(kubernetes=release.plane.kubernetes, namespace=HOME)
    for each in of_kind(rendered, "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        there = {hook["name"]: hook for hook in release.get(each["kind"], RELEASE)["webhooks"]}
        for hook in each["webhooks"]:
            assert there[hook["name"]].items() >= hook.items()


ALLOWED = {
    "airlock": [
        ("watch", "configmaps/airlock-policy", HOME),
        ("get", "configmaps/airlock-accepted", HOME),
        ("create", "events.events.k8s.io", "airflow"),
    ],
    "airlock-controller": [
        ("update", "secrets/airlock-tls", HOME),
        ("create", "secrets", HOME),
        ("list", "endpointslices.discovery.k8s.io", HOME),
        ("patch", "validatingwebhookconfigurations.admissionregistration.k8s.io/airlock", ""),
        ("list", "namespaces", ""),
        ("watch", "pods", ""),
        ("get", "nodes/any", ""),
        ("update", "configmaps/airlock-sightings", HOME),
        ("update", "configmaps/airlock-report-15", HOME),
        ("get", f"namespaces/{HOME}", ""),
    ],
}
FORBIDDEN = {
    "airlock": [
        ("get", "secrets/airlock-tls", HOME),
        ("get", "secrets/airlock-ca", HOME),
        ("update", "configmaps/airlock-policy", HOME),
        ("get", "validatingwebhookconfigurations.admissionregistration.k8s.io/airlock", ""),
        ("get", "configmaps/callbacks", "pipelines"),
        ("list", "configmaps", HOME),
        ("list", "pods", "airflow"),
    ],
    "airlock-controller": [
        ("get", "secrets/other", HOME),
        ("list", "secrets", HOME),
        ("delete", "secrets/airlock-tls", HOME),
        ("get", "secrets/airlock-tls", "airflow"),
        ("create", "validatingwebhookconfigurations.admissionregistration.k8s.io", ""),
        ("delete", "validatingwebhookconfigurations.admissionregistration.k8s.io/airlock", ""),
        ("patch", "validatingwebhookconfigurations.admissionregistration.k8s.io/other", ""),
        ("patch", "configmaps/airlock-policy", HOME),
        ("list", "configmaps", HOME),
        ("create", "configmaps", HOME),
        ("delete", "configmaps/airlock-report-0", HOME),
        ("update", "configmaps/airlock-report-16", HOME),
        ("get", "configmaps/airlock-report-0", "airflow"),
        ("get", "namespaces/airflow", ""),
        ("get", "pods/any", "airflow"),
        ("delete", "pods/any", "airflow"),
        ("patch", "nodes/any", ""),
    ],
}


def test_the_service_accounts_may_do_what_they_need_and_nothing_else(release: Release) -> None:
    # Where there are slices, endpoints are not looked at.
    endpoints = {"airlock-controller": [("get", "endpoints/airlock", HOME)]}
    old = release.plane.version < (1, 21)
    for expected, table in (("yes", ALLOWED), ("no", FORBIDDEN), ("yes" if old else "no", endpoints)):
        for account, rows in table.items():
            for verb, what, namespace in rows:
                where = ("-n", namespace) if namespace else ()
                user = f"--as=system:serviceaccount:{HOME}:{account}"
                run = release.plane.run_kubectl("auth", "can-i", verb, what, *where, user)
                assert run.stdout.strip() == expected, (account, verb, what, run.stderr)


def test_airlock_serves_with_the_rights_that_the_chart_grants(home: ControlPlane, tmp_path: Path) -> None:
    release = Release(home)
    maps = [
        config_map("pipelines", "callbacks", {"MESSAGE_CALLBACK_ENDPOINT": "x"}),
        config_map("pipelines", "topics", {"callbacks": "x"}),
        config_map("platform", "teams", {"airflow": "x"}),
    ]
    home.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(maps))
    keys = {"configMaps": ["pipelines"], "secrets": ["platform"]}
    release.helm("install", values=values_of("story") | {"envReference": keys})
    try:
        environ = {"PATH": "/usr/bin:/bin", "KUBECONFIG": str(home.token_kubeconfig(HOME, "airlock"))}
        documents = [f"--{name}=configmap:{HOME}/airlock-{name}" for name in ("policy", "required-env", "accepted")]
        keyed = ["--read-configmaps=pipelines", "--read-secrets=platform"]
        with serving(
            tmp_path, *documents, *keyed, environ=environ
        ) as server:  # ready: every document and source was read
            assert "revision" in server.probe("/readyz")[1]
            until(lambda: "not all known" not in server.probe("/readyz")[1], "names and keys to be read")
            assert rights_lacking(server.log) == []
        user = f"--as=system:serviceaccount:{HOME}:airlock"
        for what, namespace in (("secrets", "pipelines"), ("configmaps", "platform")):
            assert home.run_kubectl("auth", "can-i", "list", what, "-n", namespace, user).stdout.strip() == "no"
    finally:
        release.helm("uninstall")
        home.kubectl("delete", "-f", "-", input=yaml.safe_dump_all(maps))


def test_the_controller_registers_airlock_with_the_rights_and_arguments_of_the_chart(
    release: Release, tmp_path: Path
) -> None:
    with release.controlled(tmp_path) as log:
        found = release.get("secret", "airlock-tls", "-n", HOME)
        assert found["type"] == "kubernetes.io/tls"
        assert found["data"].keys() == {"tls.crt", "tls.key", "ca.crt"}
        until(lambda: accepted(release), "the accepted documents")
        until(lambda: audited(log), "an audit")
        assert rights_lacking(log) == []


def rights_lacking(log: Path) -> list[str]:
    """Return what the API server refused for lack of rights; an Event into a namespace that ends is refused as well."""
    return [line for line in log.read_text().splitlines() if "is forbidden: User" in line]


def audited(log: Path) -> bool:
    """Return whether an audit has been done by the controller that writes *log*."""
    port = next(record["metrics_port"] for record in records(log) if record["event"] == "listening")
    done = re.search(r'^airlock_audit_runs_total\{outcome="done"\} (.+)$', metrics(port), re.MULTILINE)
    return done is not None and float(done[1]) >= 1


def metrics(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def accepted(release: Release) -> bool:
    data = release.get("configmap", "airlock-accepted", "-n", HOME).get("data") or {}
    return {"policy.yaml", "required-env.yaml"} <= data.keys()
