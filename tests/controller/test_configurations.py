"""Only what is airlock's in a webhook configuration is looked at, and only its caBundle is patched."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from certs.issue import issue_ca
from webhook.controller.configurations import Target, read_configuration, registered
from webhook.controller.replicas import addresses, addresses_of, ask_all, split_address
from webhook.documents.policy import read_policy
from webhook.status.documents import enforces

TARGET = Target("airlock", "airlock", frozenset({"127.0.0.1:8443"}))
VALIDATING = "ValidatingWebhookConfiguration"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CA = issue_ca(NOW).cert_pem
PODS = [{"operations": ["CREATE"], "resources": ["pods"]}]


def hook(name: str, path: str = "/validate", service: str = "airlock", **fields: Any) -> dict[str, Any]:
    client = {"service": {"namespace": "airlock", "name": service, "path": path}}
    return {"name": name, "clientConfig": client, "failurePolicy": "Ignore", "rules": PODS, **fields}


def configuration(*hooks: dict[str, Any], kind: str = VALIDATING) -> Any:
    metadata = {"name": "airlock", "uid": "1", "resourceVersion": "7"}
    return read_configuration(kind, {"metadata": metadata, "webhooks": [*hooks]}, TARGET)


def test_other_peoples_entries_are_neither_read_nor_patched() -> None:
    found = configuration(hook("theirs", service="other"), hook("ours"))
    assert [entry.name for entry in found.entries] == ["ours"]
    assert found.patch(CA) == [
        {"op": "test", "path": "/webhooks/1/name", "value": "ours"},
        {"op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": b64encode(CA).decode()},
    ]


def test_an_entry_may_call_a_replica_by_url() -> None:
    ours, theirs = ({"url": f"https://127.0.0.1:{port}/validate"} for port in (8443, 8444))
    assert len(configuration(hook("a", clientConfig=ours), hook("b", clientConfig=theirs)).entries) == 1


def test_an_address_that_is_none_is_nobody_s() -> None:
    assert configuration(hook("a", clientConfig={"url": "https://[::1/validate"})).entries == ()


@pytest.mark.parametrize(
    ("selector", "by_labels"),
    [(None, False), ({}, False), ({"matchLabels": {}, "matchExpressions": []}, False),
     ({"matchLabels": {"team": "data"}}, True),
     ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, True)],
)  # fmt: skip
def test_an_entry_that_selects_by_labels_is_seen(selector: dict[str, Any] | None, *, by_labels: bool) -> None:
    found = configuration(hook("a", objectSelector=selector))
    assert [one.by_labels for one in found.entries] == [by_labels]
    assert [one.by_labels for one in registered(found, NOW).known] == [by_labels]


@pytest.mark.parametrize(
    ("rule", "asks"),
    [
        ({}, {"CREATE pods"}),
        ({"operations": ["*"], "resources": ["pods", "pods/ephemeralcontainers"]},
         {"CREATE pods", "UPDATE pods", "UPDATE pods/ephemeralcontainers"}),
        ({"operations": ["UPDATE"], "resources": ["*"]}, {"UPDATE pods"}),
        ({"operations": ["UPDATE"], "resources": ["pods/*"]}, {"UPDATE pods", "UPDATE pods/ephemeralcontainers"}),
        ({"operations": ["UPDATE"], "resources": ["*/*"]}, {"UPDATE pods", "UPDATE pods/ephemeralcontainers"}),
        ({"operations": ["UPDATE"], "resources": ["*/ephemeralcontainers"]}, {"UPDATE pods/ephemeralcontainers"}),
        ({"apiGroups": ["apps"]}, set()),
        ({"apiGroups": ["*"], "apiVersions": ["*"], "scope": "*"}, {"CREATE pods"}),
        ({"apiVersions": ["v2"]}, set()),
        ({"scope": "Cluster"}, set()),
    ],
)  # fmt: skip
def test_a_rule_asks_about_what_the_api_server_reads_it_as(rule: dict[str, Any], asks: set[str]) -> None:
    core = {"apiGroups": [""], "apiVersions": ["v1"], "scope": "Namespaced"}
    (entry,) = configuration(hook("a", rules=[PODS[0] | core | rule])).entries
    assert entry.asks == asks
    assert entry.new_pods is ("CREATE pods" in asks)


@pytest.mark.parametrize("bundle", ["", "?", b64encode(b"hello").decode()])
def test_a_bundle_of_nothing_trusts_nobody(bundle: str) -> None:
    client = hook("a")["clientConfig"] | {"caBundle": bundle}
    (entry,) = configuration(hook("a", clientConfig=client)).entries
    assert entry.trust.authorities == ()


@pytest.mark.parametrize(
    ("hooks", "fails_open"),
    [
        ([hook("a")], True),
        ([hook("a", failurePolicy="Fail")], False),
        ([hook("controllers", failurePolicy="Fail"), hook("others")], False),
        ([hook("a", failurePolicy="Fail", rules=[]), hook("b")], True),
        ([hook("guard", path="/guard")], False),
        ([], False),
    ],
)
def test_it_fails_open_when_no_entry_that_judges_pods_fails_closed(
    hooks: list[dict[str, Any]], *, fails_open: bool
) -> None:
    assert configuration(*hooks).fails_open is fails_open
    assert not configuration(*hooks, kind="MutatingWebhookConfiguration").fails_open


@pytest.mark.parametrize(
    ("text", "any_"),
    [
        ("mode: enforce", True),
        ("mode: warn", False),
        ("namespaces: [{names: [prod], mode: enforce}]", True),
        ("namespaces: [{names: [prod], rules: {mutable-tag: enforce}}]", True),
        ("rules: {required-env: {mode: enforce}}", True),
        ("mode: enforce\nrules: {required-env: {mode: audit}, mutable-tag: {mode: off}}", False),
    ],
)
def test_a_policy_enforces_when_any_rule_does_anywhere(text: str, *, any_: bool) -> None:
    assert enforces(read_policy(f"apiVersion: airlock/v1\nkind: Policy\n{text}\n")) is any_


def test_addresses_are_those_of_the_tls_port_ready_or_not() -> None:
    ports = [{"name": "metrics", "port": 9090}, {"name": "https", "port": 8443}]
    subset = {"addresses": [{"ip": "10.0.0.1"}], "notReadyAddresses": [{"ip": "fd00::1"}], "ports": ports}
    assert addresses({"subsets": [subset, subset]}) == ("10.0.0.1:8443", "[fd00::1]:8443")
    assert addresses(None) == ()


def test_addresses_are_found_in_slices_as_well() -> None:
    ports = [{"name": "metrics", "port": 9090}, {"name": "https", "port": 10250}]
    conditions = {"ready": False, "serving": True}
    first = {"endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"], "conditions": conditions}]}
    second = {"endpoints": [{"addresses": ["fd00::1"]}], "ports": ports}
    assert addresses_of([first | {"ports": ports}, second]) == ("10.0.0.1:10250", "10.0.0.2:10250", "[fd00::1]:10250")
    assert addresses_of([{"endpoints": None, "ports": None}]) == ()


def test_a_replica_that_is_not_there_says_nothing() -> None:
    assert ask_all(("127.0.0.1:1",), "airlock.airlock.svc") == {"127.0.0.1:1": None}


@pytest.mark.parametrize("text", ["", "x", "x:", ":1", "x:y"])
def test_an_address_has_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        split_address(text)
