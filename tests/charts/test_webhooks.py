"""The registration: who is asked about what, what happens without an answer, and what is never asked about."""

import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.harness.chart.conditions import REPLICASET, matches, review
from tests.harness.chart.rendering import (
    NAMESPACE,
    NEWEST,
    VALUES,
    HelmError,
    Object,
    notes,
    of_kind,
    render,
    values_of,
    webhooks,
)
from webhook.controller.configurations import KINDS, Target, read_configuration, registered
from webhook.status.line import State
from webhook.status.unasked import Outside, namespaces, unasked

NOW = datetime(2027, 1, 1, tzinfo=UTC)
OLD, CONDITIONS = "1.27.0", "1.28.0"
STRICT, REST = "controllers.pods.validate.airlock", "pods.validate.airlock"
UPDATES = "updates.validate.airlock"
MUTATE, WORKLOADS, GUARD = "pods.mutate.airlock", "workloads.validate.airlock", "documents.guard.airlock"
EXECUTOR = "system:serviceaccount:airflow:airflow-scheduler"
everywhere = pytest.mark.parametrize("name", VALUES)
on_every_server = pytest.mark.parametrize("kubernetes", ["1.20.2", OLD, CONDITIONS, NEWEST])


def fail(namespaces: list[str], others: str = "Ignore") -> Object:
    """Return values under which pods in *namespaces* wait for airlock."""
    policies = {"failurePolicy": "Fail", "failurePolicyForOthers": others}
    return {"webhooks": {**policies, "failNamespaces": namespaces, "allowFailAtInstall": True}}


@everywhere
def test_what_all_entries_have_in_common(name: str) -> None:
    values = values_of(name)
    service = values.get("fullnameOverride", "airlock")
    for hook in webhooks(render(values)).values():
        assert hook["clientConfig"]["service"].items() >= {"namespace": NAMESPACE, "name": service, "port": 443}.items()
        assert "caBundle" not in hook["clientConfig"]
        assert hook["timeoutSeconds"] == values.get("webhooks", {}).get("timeoutSeconds", 2)
        assert hook["matchPolicy"] == "Equivalent"
        assert hook["sideEffects"] == "NoneOnDryRun"
        assert hook["admissionReviewVersions"] == ["v1"]
        assert "objectSelector" not in hook
        assert not any("*" in str(rule) for rule in hook["rules"])
        assert all(rule["scope"] == "Namespaced" for rule in hook["rules"])


@on_every_server
@everywhere
def test_the_entries_are_always_the_same_ones(name: str, kubernetes: str) -> None:
    values = values_of(name)
    if values.get("webhooks", {}).get("failurePolicy") == "Fail":
        values["webhooks"]["failurePolicyForOthers"] = "Fail"
    updates = [] if kubernetes in (CONDITIONS, NEWEST) else [UPDATES]  # where the others cannot tell which matter
    assert [*webhooks(render(values, kubernetes=kubernetes))] == [MUTATE, STRICT, REST, *updates, WORKLOADS, GUARD]


def test_each_entry_is_asked_about_what_it_says() -> None:
    hooks = webhooks(render())
    asked = {
        name: {
            (resource, operation)
            for rule in hook["rules"]
            for resource in rule["resources"]
            for operation in rule["operations"]
        }
        for name, hook in hooks.items()
    }
    pods = {("pods", "CREATE"), ("pods", "UPDATE"), ("pods/ephemeralcontainers", "UPDATE")}
    kinds = ("deployments", "statefulsets", "daemonsets", "jobs", "cronjobs")
    assert asked == {
        MUTATE: {("pods", "CREATE")},
        STRICT: pods,
        REST: pods,
        WORKLOADS: {*itertools.product(kinds, ("CREATE", "UPDATE"))},
        GUARD: {("configmaps", "CREATE"), ("configmaps", "UPDATE")},
    }
    paths = {name: hook["clientConfig"]["service"]["path"] for name, hook in hooks.items()}
    assert paths == {MUTATE: "/mutate", STRICT: "/validate", REST: "/validate", WORKLOADS: "/validate", GUARD: "/guard"}
    assert hooks[MUTATE]["reinvocationPolicy"] == "IfNeeded"


@pytest.mark.parametrize("kubernetes", ["1.20.2", OLD])
@pytest.mark.parametrize("others", [fail(["airflow"], "Fail"), fail(["*"], "Fail"), {}])
def test_an_update_never_meets_fail_where_the_server_cannot_tell_which_matter(kubernetes: str, others: Object) -> None:
    for name, hook in webhooks(render(others, kubernetes=kubernetes)).items():
        about = {operation for rule in hook["rules"] if rule["apiGroups"] == [""] for operation in rule["operations"]}
        if name != GUARD and "UPDATE" in about:
            assert (name, hook["failurePolicy"]) == (UPDATES, "Ignore")
            assert selects(hook, "airflow")
            assert selects(hook, "other")


@on_every_server
@everywhere
def test_airlock_status_finds_that_the_entries_are_asked_about_everything(name: str, kubernetes: str) -> None:
    values = values_of(name)
    if values.get("webhooks", {}).get("failurePolicy") == "Fail":
        values["webhooks"]["failurePolicyForOthers"] = "Fail"
    target = Target(NAMESPACE, values.get("fullnameOverride", "airlock"))
    metadata = {"uid": "1", "resourceVersion": "1"}
    found = [
        registered(read_configuration(kind, body | {"metadata": metadata | body["metadata"]}, target), NOW)
        for kind in KINDS
        for body in of_kind(render(values, kubernetes=kubernetes), kind)
    ]
    assert [len(each.known) > 0 for each in found] == [True, True]
    assert not [*unasked(found)]
    asked = {"kube-system", NAMESPACE, "airflow", "other"} - {*values.get("webhooks", {}).get("excludeNamespaces", [])}
    labels = {one: {"kubernetes.io/metadata.name": one} for one in asked}
    (line,) = namespaces(found, Outside(labels), frozenset({"kube-system", NAMESPACE}))
    assert line.state is State.OK


# Namespaces


@on_every_server
@everywhere
def test_kube_system_and_airlocks_own_namespace_are_left_out_in_the_object_itself(name: str, kubernetes: str) -> None:
    values = values_of(name)
    if values.get("webhooks", {}).get("failurePolicy") == "Fail":
        values["webhooks"]["failurePolicyForOthers"] = "Fail"
    more = values.get("webhooks", {}).get("excludeNamespaces", [])
    for entry, hook in webhooks(render(values, kubernetes=kubernetes)).items():
        for namespace in ("kube-system", NAMESPACE, *more):
            assert selects(hook, namespace) is (entry == GUARD and namespace == NAMESPACE)
        assert not selects(hook, "airflow", {"airlock/skip": ""})


def selects(hook: Object, namespace: str, labels: dict[str, str] | None = None) -> bool:
    """Return whether a namespace of that name is one that *hook* is about."""
    own = {"kubernetes.io/metadata.name": namespace} | (labels or {})
    selector = hook["namespaceSelector"]
    assert selector.keys() == {"matchExpressions"}
    return all(
        OPERATORS[each["operator"]](own.get(each["key"]), each.get("values", []))
        for each in selector["matchExpressions"]
    )


OPERATORS: dict[str, Callable[[str | None, list[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "DoesNotExist": lambda value, _: value is None,
}


# failurePolicy


def asked(objects: list[Object], user: str, namespace: str) -> dict[str, str]:
    """Return which entries are asked about a new pod of *user*, and what happens when there is no answer."""
    return {
        name: hook["failurePolicy"]
        for name, hook in webhooks(objects).items()
        if name in (STRICT, REST) and selects(hook, namespace) and matches(hook, review(user, namespace=namespace))
    }


@pytest.mark.parametrize(
    ("values", "waits"),
    [
        ({}, set()),
        (fail(["airflow"]), {(REPLICASET, "airflow"), ("system:kube-controller-manager", "airflow")}),
        (fail(["*"]), set(itertools.product((REPLICASET, "system:kube-controller-manager"), ("airflow", "other")))),
        (
            fail(["airflow"], others="Fail"),
            {(user, "airflow") for user in (REPLICASET, "system:kube-controller-manager", EXECUTOR, "alice")},
        ),
    ],
)
def test_who_waits_for_airlock_when_it_is_away(values: Object, waits: set[tuple[str, str]]) -> None:
    objects = render(values)
    users = (REPLICASET, "system:kube-controller-manager", EXECUTOR, "alice")
    for user, namespace in itertools.product(users, ("airflow", "other")):
        policies = asked(objects, user, namespace)
        assert len(policies) == 1  # each pod is judged once
        assert [*policies.values()] == ["Fail" if (user, namespace) in waits else "Ignore"]


@pytest.mark.parametrize(
    ("values", "waits"),
    [({}, set()), (fail(["airflow"], "Fail"), {"airflow"}), (fail(["*"], "Fail"), {"airflow", "other"})],
)
@pytest.mark.parametrize("kubernetes", ["1.20.2", OLD])
def test_who_waits_where_the_server_cannot_tell_who_asks(kubernetes: str, values: Object, waits: set[str]) -> None:
    objects = render(values, kubernetes=kubernetes)
    for namespace in ("airflow", "other"):
        assert [*asked(objects, EXECUTOR, namespace).values()] == ["Fail" if namespace in waits else "Ignore"]


@everywhere
def test_everything_else_always_ignores(name: str) -> None:
    hooks = webhooks(render(values_of(name)))
    assert {hooks[entry]["failurePolicy"] for entry in (MUTATE, WORKLOADS, GUARD)} == {"Ignore"}


def without(values: Object, **changes: Any) -> Object:
    return {"webhooks": values["webhooks"] | changes}


@pytest.mark.parametrize(
    ("values", "kubernetes", "told"),
    [
        (without(fail(["airflow"]), allowFailAtInstall=False), NEWEST, "Install with Ignore, run `helm test`"),
        (fail([]), NEWEST, "name the namespaces of your Airflows"),
        (fail(["airflow"]), OLD, "Kubernetes v1.27.0 cannot tell controllers"),
        ({"webhooks": {"failurePolicyForOthers": "Fail"}}, NEWEST, "set both, or neither"),
    ],
)
def test_what_could_end_badly_is_refused_with_a_sentence(values: Object, kubernetes: str, told: str) -> None:
    with pytest.raises(HelmError, match=re.escape(told)):
        render(values, kubernetes=kubernetes)


def test_an_upgrade_to_fail_that_cannot_see_the_cluster_is_refused() -> None:
    values = without(fail(["airflow"]), allowFailAtInstall=False)
    with pytest.raises(HelmError, match="has no caBundle yet"):
        render(values, arguments=("--is-upgrade",))


# NOTES.txt


def test_the_notes_of_a_default_installation_say_how_to_see_it_work() -> None:
    told = notes()
    assert "mode warn: denies nothing" in told
    assert "helm test airlock -n airlock" in told
    assert "mode warn, enforce in places" in notes(values_of("production"))
    assert "kubectl delete validatingwebhookconfigurations,mutatingwebhookconfigurations airlock" in told
    (warned,) = re.findall(r"^  \* (.*)$", told, re.MULTILINE)
    assert warned.startswith("The image is localhost/airlock:0.1.0, which no node can pull")


PULLED = {"image": {"repository": "registry.example.com/airlock"}}


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        (PULLED, []),
        (PULLED | values_of("story"), ["The policy enforces, but the webhook fails open"]),
        (PULLED | {"policy": {"document": {"namespaces": [{"names": ["a"], "mode": "enforce"}]}}}, ["The policy enf"]),
        (values_of("production"), ["webhooks.allowFailAtInstall is set"]),
        (PULLED | {"serve": {"replicas": 1}}, ["There are fewer than 2 replicas"]),
        (PULLED | {"serve": {"replicas": 1, "autoscaled": True}}, ["serve.autoscaled is set"]),
        (PULLED | {"serve": {"hostNetwork": True}}, ["serve.hostNetwork is set: each replica needs its own node"]),
        (PULLED | {"certificates": {"leafLife": "30m"}}, ["certificates.leafLife is 30m"]),
        (
            values_of("everywhere"),
            [
                "webhooks.failurePolicy is Fail with fewer than 2 replicas",
                "webhooks.failurePolicy Fail applies in every namespace",
                "webhooks.failurePolicyForOthers is Fail",
                "webhooks.allowFailAtInstall is set",
                "The image is localhost/airlock:main",
                'image.tag "main" can move',
            ],
        ),
        (
            PULLED | values_of("documents-elsewhere"),
            ["policy.create is false", "requiredEnv.create is false"],
        ),
    ],
)
def test_the_notes_warn_of_risky_values(values: Object, warned: list[str]) -> None:
    told = re.findall(r"^  \* (.*)$", notes(values), re.MULTILINE)
    kinds = ("serviceMonitor.enabled", "prometheusRule.enabled")
    monitoring = [line for line in told if line.startswith(kinds)]  # a client has no such kind
    found = [line for line in told if line not in monitoring]
    assert len(found) == len(warned), found
    assert all(line.startswith(start) for line, start in zip(found, warned, strict=True)), found


def test_the_notes_say_what_a_tool_that_only_renders_does_not_check() -> None:
    assert "Helm rendered this without a cluster" in notes()
    assert "kubectl get namespaces" not in notes()
    assert "whether these namespaces exist" in notes(values_of("story"))
    assert "kubectl get namespaces pipelines platform\n" in notes(values_of("story"))


def test_the_notes_leave_the_number_of_replicas_to_an_autoscaler() -> None:
    assert "as many replicas of the webhook airlock as its autoscaler sets" in notes({"serve": {"autoscaled": True}})
    assert "2 replica(s) of the webhook airlock" in notes()


def test_the_notes_warn_where_airlock_would_not_judge_its_own_neighbours() -> None:
    assert "airlock is in namespace airflow and does not check its own namespace" in notes(namespace="airflow")


def test_the_notes_warn_of_alerts_that_nobody_feeds() -> None:
    on, fed = {"prometheusRule": {"enabled": True}}, {"serviceMonitor": {"enabled": True}}
    warning = "if nothing else scrapes airlock as job airlock-metrics, the alert AirlockNotServing fires"
    assert warning in notes(on)
    assert warning not in notes(on | fed)
    assert warning not in notes({"prometheusRule": {"enabled": True, "job": "airlock"}})
    # A client knows no such kind.
    assert "does not have monitoring.coreos.com/v1: there are no alerts" in notes(on | fed)


def test_helm_owns_no_secret_and_no_data_that_the_controller_writes() -> None:
    objects = render()
    assert of_kind(objects, "Secret") == []
    with_data = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap") if "data" in each}
    assert with_data == {"airlock-policy", "airlock-required-env"}
