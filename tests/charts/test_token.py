"""What the controller's token is worth: each attempt of somebody who stole it, on the real control plane.

RBAC refuses what it can say on every server. What only an admission policy can say is refused from Kubernetes 1.30 on;
before that the attempt succeeds, as the chart's README says.
"""

import base64
import json
from collections.abc import Iterator

import pytest
import yaml

from tests.harness.chart.release import HOME, KINDS, RELEASE, Release
from tests.harness.chart.rendering import Object
from tests.harness.control_plane import ControlPlane
from tests.harness.gate import config_map
from tests.harness.waiting import until

POLICIES = (1, 30)
VALIDATING = "validatingwebhookconfiguration"


class Thief:
    """Has the token of the controller's ServiceAccount."""

    def __init__(self, release: Release) -> None:
        self._plane = release.plane
        self._token = ("--kubeconfig", str(release.plane.token_kubeconfig(HOME, f"{RELEASE}-controller")))

    def tries(self, *arguments: str, body: Object | None = None) -> str:
        """Return "" when `kubectl` with *arguments* succeeds, else what it says."""
        stdin = None if body is None else yaml.safe_dump(body)
        run = self._plane.run_kubectl(*arguments, *self._token, input=stdin)
        return "" if run.returncode == 0 else run.stderr

    def patches(self, kind: str, name: str, *operations: Object, where: tuple[str, ...] = ()) -> str:
        return self.tries("patch", kind, name, *where, "--type=json", "-p", json.dumps(operations), "--dry-run=server")


@pytest.fixture(scope="module")
def release(home: ControlPlane) -> Iterator[Release]:
    release = Release(home)
    release.helm("install")
    yield release
    release.helm("uninstall")


@pytest.fixture(scope="module")
def thief(release: Release) -> Thief:
    thief = Thief(release)
    if release.plane.version >= POLICIES:
        # A policy that was made a moment ago does not bind yet.
        until(lambda: "ValidatingAdmissionPolicy" in thief.patches(VALIDATING, RELEASE, URL), "the policies")
    return thief


OWN = ("-n", HOME)
URL = {"op": "replace", "path": "/webhooks/0/clientConfig", "value": {"url": "https://attacker.example.com/"}}
NEW_DATA = {"op": "add", "path": "/data", "value": {"a": "b"}}


@pytest.mark.parametrize("name", ["airlock-policy", "airlock-required-env", "kube-root-ca.crt"])
def test_rbac_keeps_it_from_every_config_map_but_those_it_fills(thief: Thief, name: str) -> None:
    assert "forbidden" in thief.patches("configmap", name, NEW_DATA, where=OWN)
    assert "forbidden" in thief.tries("delete", "configmap", name, *OWN)
    assert "forbidden" in thief.tries("create", "-f", "-", body=config_map(HOME, "airlock-invented", {"a": "b"}))
    assert "forbidden" in thief.tries("get", "configmaps", *OWN)


@pytest.mark.parametrize(
    "name", ["airlock-accepted", "airlock-status", "airlock-sightings", "airlock-report-0", "airlock-report-15"]
)
def test_it_fills_its_own_and_cannot_delete_them(release: Release, thief: Thief, name: str) -> None:
    found = release.get("configmap", name, *OWN) | NEW_DATA
    body = {key: found[key] for key in ("apiVersion", "kind", "metadata")} | {"data": {"a": "b"}}
    assert thief.tries("replace", "--dry-run=server", "-f", "-", body=body) == ""
    assert "forbidden" in thief.tries("delete", "configmap", name, *OWN)


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("airlock-ca", "kubernetes.io/service-account-token", {}),
        ("other", "Opaque", {"a": "Yg=="}),
    ],
)
def test_a_policy_keeps_it_from_secrets_that_it_does_not_need(
    release: Release, thief: Thief, name: str, kind: str, data: dict[str, str]
) -> None:
    metadata: Object = {"name": name, "namespace": HOME}
    if "token" in kind:
        metadata["annotations"] = {"kubernetes.io/service-account.name": "default"}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}
    told = thief.tries("create", "--dry-run=server", "-f", "-", body=body)
    if release.plane.version >= POLICIES:
        assert "airlock's controller makes and changes only the Secrets" in told
    else:
        assert told == ""


@pytest.mark.parametrize(("name", "kind"), [("airlock-ca", "Opaque"), ("airlock-tls", "kubernetes.io/tls")])
def test_it_makes_the_two_secrets_that_it_needs(thief: Thief, name: str, kind: str) -> None:
    data = {key: base64.b64encode(b"x").decode() for key in ("tls.crt", "tls.key")}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": HOME}, "type": kind}
    assert thief.tries("create", "--dry-run=server", "-f", "-", body=body | {"data": data}) == ""
    assert "forbidden" in thief.tries("get", "secrets", *OWN)
    assert "forbidden" in thief.tries("delete", "secret", name, *OWN)


OWNER = {"apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": "11111111-2222-3333-4444-555555555555"}
CHANGES: dict[str, Object] = {
    "another address": URL,
    "every resource": {
        "op": "add",
        "path": "/webhooks/0/rules/0",
        "value": {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]},
    },
    "no namespace": {
        "op": "replace",
        "path": "/webhooks/0/namespaceSelector",
        "value": {"matchLabels": {"no": "where"}},
    },
    "fail": {"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"},
    "another time limit": {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 30},
    "no webhook": {"op": "remove", "path": "/webhooks/0"},
    "an annotation": {"op": "add", "path": "/metadata/annotations", "value": {"cert-manager.io/inject-ca-from": "x/y"}},
    "an owner that is not there": {"op": "add", "path": "/metadata/ownerReferences", "value": [OWNER]},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_policy_keeps_it_from_changing_what_is_asked_and_who_answers(
    release: Release, thief: Thief, change: str, kind: str
) -> None:
    told = thief.patches(kind, RELEASE, CHANGES[change])
    if release.plane.version >= POLICIES:
        assert "ValidatingAdmissionPolicy" in told
    else:
        assert told == ""


@pytest.mark.parametrize("kind", KINDS)
def test_it_sets_the_ca_bundle_and_the_owner(release: Release, thief: Thief, kind: str) -> None:
    bundle = base64.b64encode(release.plane.ca_pem.encode()).decode()
    uid = release.get("namespace", HOME)["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": HOME, "uid": uid}
    published = {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}
    owned = {"op": "add", "path": "/metadata/ownerReferences", "value": [owner]}
    assert thief.patches(kind, RELEASE, published, owned) == ""
    assert "forbidden" in thief.tries("delete", kind, RELEASE)
    assert "forbidden" in thief.tries("get", kind)


def test_the_break_glass_label_is_kept_for_the_groups_that_the_values_name(release: Release) -> None:
    if release.plane.version < POLICIES:
        assert "has no ValidatingAdmissionPolicy (1.30)" in release.helm(
            "upgrade", values={"webhooks": {"skipGroups": ["platform"]}}
        )
        return
    release.helm("upgrade", values={"webhooks": {"skipGroups": ["platform"]}})
    label = ("label", "--dry-run=server", "--overwrite", "namespace", "pipelines", "airlock/skip=x", "--as=alice")

    def told(*groups: str) -> str:
        more = (f"--as-group={group}" for group in ("system:masters", *groups))
        return release.plane.run_kubectl(*label, *more).stderr

    until(lambda: "only these groups may change it" in told(), "the policy to bind")
    assert told("platform") == ""
