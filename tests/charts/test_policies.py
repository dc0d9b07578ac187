"""The chart's admission policies, evaluated by a CEL interpreter: the servers of the tests may have none.

`test_token.py` tries the same on the real control plane, with a server that has them.
"""

import copy
from collections.abc import Callable
from typing import Any

import celpy
import pytest
from celpy.adapter import json_to_cel

from tests.harness.chart.rendering import NAMESPACE, Object, of_kind, one, render, values_of

KIND, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
OBJECTS, REGISTRATION, SKIP = "airlock-objects", "airlock-registration", "airlock-skip-label"
CONTROLLER = "system:serviceaccount:airlock:airlock-controller"
UID = "6ab6cd12-0bd5-4f0f-b0b0-0d6e1d7a1f10"
OWNER = {"apiVersion": "v1", "kind": "Namespace", "name": NAMESPACE, "uid": UID}
PARAMS = {"metadata": {"name": NAMESPACE, "uid": UID}}
GROUPS = {"webhooks": {"skipGroups": ["platform", "system:masters"]}}


def truth(expression: str, variables: Object) -> bool:
    """Return what *expression* says; raises what it raises."""
    environment = celpy.Environment()
    program = environment.program(environment.compile(expression))
    return bool(program.evaluate({name: json_to_cel(value) for name, value in variables.items()}))


def refused(policy: Object, variables: Object) -> list[str]:
    """Return the messages with which the API server would refuse, by *policy*; each expression is evaluated."""
    spec = policy["spec"]
    if not all([truth(each["expression"], variables) for each in spec.get("matchConditions", ())]):  # noqa: C419
        return []
    return [each["message"] for each in spec["validations"] if not truth(each["expression"], variables)]


def asked(operation: str, resource: str, new: Object | None, old: Object | None, user: str = CONTROLLER) -> Object:
    """Return what a policy may look at."""
    name = ((new or old) or {})["metadata"].get("name", "")
    info: Object = {"username": user}
    request = {"operation": operation, "resource": {"resource": resource}, "name": name, "userInfo": info}
    return {"request": request, "object": new, "oldObject": old, "params": PARAMS}


def config_map(name: str) -> Object:
    return {"metadata": {"name": name}, "data": {"a": "b"}}


def secret(name: str, kind: str) -> Object:
    return {"metadata": {"name": name}, "type": kind, "data": {}}


# What the controller may write in airlock's namespace


@pytest.mark.parametrize(
    "name", ["airlock-accepted", "airlock-status", "airlock-sightings", "airlock-report-0", "airlock-report-15"]
)
def test_the_controller_fills_its_config_maps_and_neither_makes_nor_deletes_them(name: str) -> None:
    policy, each = one(render(), KIND, OBJECTS), config_map(name)
    assert refused(policy, asked("UPDATE", "configmaps", each, each)) == []
    assert refused(policy, asked("CREATE", "configmaps", each, None))
    assert refused(policy, asked("DELETE", "configmaps", None, each))


@pytest.mark.parametrize(
    "name",
    ["airlock-policy", "airlock-required-env", "airlock-report-16", "airlock-report-airflow", "kube-root-ca.crt"],
)
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE"])
def test_no_other_config_map_is_the_controllers(name: str, operation: str) -> None:
    new = None if operation == "DELETE" else config_map(name)
    old = None if operation == "CREATE" else config_map(name)
    assert refused(one(render(), KIND, OBJECTS), asked(operation, "configmaps", new, old))


@pytest.mark.parametrize(
    ("name", "kind", "passes"),
    [
        ("airlock-ca", "Opaque", True),
        ("airlock-tls", "kubernetes.io/tls", True),
        ("airlock-ca", "kubernetes.io/service-account-token", False),
        ("airlock-tls", "kubernetes.io/service-account-token", False),
        ("airlock-tls", "Opaque", False),
        ("airlock-ca", "bootstrap.kubernetes.io/token", False),
        ("other", "Opaque", False),
    ],
)
def test_the_controller_makes_no_secret_but_its_two_and_of_no_other_type(name: str, kind: str, passes: bool) -> None:  # noqa: FBT001 - a table
    policy, each = one(render(), KIND, OBJECTS), secret(name, kind)
    assert (refused(policy, asked("CREATE", "secrets", each, None)) == []) is passes
    assert (refused(policy, asked("UPDATE", "secrets", each, each)) == []) is passes
    assert refused(policy, asked("DELETE", "secrets", None, each))


def test_with_cert_manager_no_secret_is_the_controllers() -> None:
    policy = one(render(values_of("cert-manager")), KIND, OBJECTS)
    assert refused(policy, asked("CREATE", "secrets", secret("airlock-ca", "Opaque"), None))


def test_nobody_else_is_bound() -> None:
    objects = render()
    token = secret("mine", "kubernetes.io/service-account-token")
    other = "system:serviceaccount:airlock:default"
    assert refused(one(objects, KIND, OBJECTS), asked("CREATE", "secrets", token, None, other)) == []
    before, after = registrations(lambda hook: hook | {"rules": []})
    assert refused(one(objects, KIND, REGISTRATION), asked("UPDATE", "x", after, before, "alice")) == []


# What the controller may change of the registration


def registrations(
    change: Callable[[Object], Object], kind: str = "ValidatingWebhookConfiguration"
) -> tuple[Object, Object]:
    """Return the registration as the API server has it, and with *change* made to its first entry."""
    before = one(render(), kind)
    for hook in before["webhooks"]:
        hook["clientConfig"]["caBundle"] = "b2xk"
        hook |= {"objectSelector": {}}
    after = copy.deepcopy(before)
    after["webhooks"][0] = change(after["webhooks"][0])
    return before, after


def client(**fields: Any) -> Callable[[Object], Object]:
    return lambda hook: hook | {"clientConfig": {**hook["clientConfig"], **fields}}


def without(field: str) -> Callable[[Object], Object]:
    return lambda hook: {name: value for name, value in hook.items() if name != field}


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_the_controller_may_change_the_ca_bundle(kind: str) -> None:
    before, after = registrations(client(caBundle="bmV3"), kind)
    assert refused(one(render(), KIND, REGISTRATION), asked("UPDATE", "x", after, before)) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (client(url="https://attacker.example.com"), "clientConfig.url"),
        (lambda hook: hook | {"clientConfig": {"url": "https://attacker.example.com", "caBundle": "b2xk"}}, "service"),
        (client(service={"namespace": "airlock", "name": "airlock", "path": "/healthz", "port": 443}), "service"),
        (lambda hook: hook | {"rules": [{"apiGroups": ["*"], "resources": ["*"]}]}, "rules"),
        (lambda hook: hook | {"namespaceSelector": {}}, "namespaceSelector"),
        (lambda hook: hook | {"objectSelector": {"matchLabels": {"a": "b"}}}, "objectSelector"),
        (without("matchConditions"), "matchConditions"),
        (lambda hook: hook | {"matchConditions": [{"name": "never", "expression": "false"}]}, "matchConditions"),
        (lambda hook: hook | {"failurePolicy": "Fail"}, "failurePolicy"),
        (lambda hook: hook | {"timeoutSeconds": 30}, "timeoutSeconds"),
        (lambda hook: hook | {"sideEffects": "None"}, "sideEffects"),
        (lambda hook: hook | {"matchPolicy": "Exact"}, "matchPolicy"),
        (lambda hook: hook | {"admissionReviewVersions": ["v1beta1"]}, "admissionReviewVersions"),
        (lambda hook: hook | {"name": "other.airlock"}, "rename"),
        (lambda hook: hook | {"reinvocationPolicy": "Never"}, "reinvocationPolicy"),
    ],
)
def test_the_controller_may_change_nothing_else(change: Callable[[Object], Object], field: str) -> None:
    kind = "MutatingWebhookConfiguration" if field == "reinvocationPolicy" else "ValidatingWebhookConfiguration"
    before, after = registrations(change, kind)
    assert any(
        field in each for each in refused(one(render(), KIND, REGISTRATION), asked("UPDATE", "x", after, before))
    )


def test_the_controller_may_neither_add_nor_remove_an_entry() -> None:
    policy = one(render(), KIND, REGISTRATION)
    before, _ = registrations(lambda hook: hook)
    fewer, more = copy.deepcopy(before), copy.deepcopy(before)
    fewer["webhooks"].pop()
    more["webhooks"].append(more["webhooks"][0] | {"name": "more.airlock"})
    for after in (fewer, more):
        assert refused(policy, asked("UPDATE", "x", after, before))


@pytest.mark.parametrize("field", ["labels", "annotations", "finalizers"])
def test_labels_annotations_and_finalizers_are_not_the_controllers(field: str) -> None:
    before, after = registrations(lambda hook: hook)
    after["metadata"][field] = ["x/y"] if field == "finalizers" else {"cert-manager.io/inject-ca-from": "x/y"}
    assert refused(one(render(), KIND, REGISTRATION), asked("UPDATE", "x", after, before))


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [
        ([], [OWNER], True),
        ([OWNER], [OWNER], True),
        ([OWNER | {"uid": "gone"}], [OWNER], True),  # after a restore from a backup
        ([{"kind": "App", "name": "x", "uid": "y", "apiVersion": "v1"}], [OWNER], False),  # the other one stays
        ([{"kind": "App", "name": "x", "uid": "y", "apiVersion": "v1"}],
         [{"kind": "App", "name": "x", "uid": "y", "apiVersion": "v1"}, OWNER], True),
        ([], [OWNER | {"uid": "wrong"}], False),  # it would be collected at once
        ([], [OWNER | {"name": "default"}], False),
        ([], [OWNER | {"kind": "Pod", "name": "x"}], False),
        ([OWNER], [], False),
    ],
)  # fmt: skip
def test_the_only_owner_is_airlocks_namespace_as_it_is(old: list[Object], new: list[Object], passes: bool) -> None:  # noqa: FBT001 - a table
    before, after = registrations(lambda hook: hook)
    for each, owners in ((before, old), (after, new)):
        if owners:
            each["metadata"]["ownerReferences"] = owners
    assert (refused(one(render(), KIND, REGISTRATION), asked("UPDATE", "x", after, before)) == []) is passes


def test_with_cert_manager_the_ca_bundle_is_not_the_controllers() -> None:
    before, after = registrations(client(caBundle="bmV3"))
    assert refused(one(render(values_of("cert-manager")), KIND, REGISTRATION), asked("UPDATE", "x", after, before))


def test_others_registrations_are_never_touched_by_the_policy() -> None:
    for name in ("default", "documents-elsewhere"):
        objects = render(values_of(name))
        own = one(objects, "ValidatingWebhookConfiguration", "gate" if "elsewhere" in name else "airlock")
        policy = one(objects, KIND, f"{own['metadata']['name']}-registration")
        (rule,) = policy["spec"]["matchConstraints"]["resourceRules"]
        assert rule["resourceNames"] == [own["metadata"]["name"]]
        binding = one(objects, BINDING, policy["metadata"]["name"])["spec"]
        assert binding["paramRef"] == {"name": NAMESPACE, "parameterNotFoundAction": "Allow"}


# The break-glass label


def namespace(**labels: str) -> Object:
    return {"metadata": {"name": "airflow"} | ({"labels": labels} if labels else {})}


def labelled(value: str) -> Object:
    return {"metadata": {"name": "airflow", "labels": {"airlock/skip": value, "team": "data"}}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, labelled("incident")),
        (None, labelled("")),
        (namespace(), labelled("")),
        (namespace(team="data"), labelled("incident")),
        (labelled("incident"), labelled("other")),
        (labelled(""), namespace()),
    ],
)
def test_the_break_glass_label_is_kept_for_the_groups(old: Object | None, new: Object) -> None:
    policy = one(render(GROUPS), KIND, SKIP)
    request = asked("UPDATE" if old else "CREATE", "namespaces", new, old, "alice")
    assert refused(policy, request)
    request["request"]["userInfo"]["groups"] = ["system:authenticated", "developers"]
    assert refused(policy, request)
    request["request"]["userInfo"]["groups"].append("platform")
    assert refused(policy, request) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, namespace(team="data")),
        (None, namespace()),
        (namespace(), namespace(team="data")),
        (labelled("x"), labelled("x") | {"spec": {"finalizers": []}}),
    ],
)
def test_other_changes_of_a_namespace_are_everybodys(old: Object | None, new: Object) -> None:
    policy = one(render(GROUPS), KIND, SKIP)
    assert refused(policy, asked("UPDATE" if old else "CREATE", "namespaces", new, old, "alice")) == []


def test_labels_cannot_be_changed_by_a_subresource_either() -> None:
    (rule,) = one(render(GROUPS), KIND, SKIP)["spec"]["matchConstraints"]["resourceRules"]
    assert {"namespaces/status", "namespaces/finalize"} < {*rule["resources"]}


# When there are policies


def test_every_policy_is_bound_and_denies() -> None:
    objects = render(GROUPS)
    policies = [each["metadata"]["name"] for each in of_kind(objects, KIND)]
    assert policies == [OBJECTS, REGISTRATION, SKIP]
    bindings = {each["spec"]["policyName"]: each["spec"]["validationActions"] for each in of_kind(objects, BINDING)}
    assert bindings == {name: ["Deny"] for name in policies}
    assert {each["spec"]["failurePolicy"] for each in of_kind(objects, KIND)} == {"Fail"}


def test_there_are_policies_from_1_30_on_and_each_can_be_left_out() -> None:
    assert of_kind(render(GROUPS, kubernetes="1.29.0"), KIND, BINDING) == []
    assert [each["metadata"]["name"] for each in of_kind(render(), KIND)] == [OBJECTS, REGISTRATION]
    off = {"admissionPolicies": {"enabled": False}}
    assert of_kind(render(off), KIND) == []
    assert [each["metadata"]["name"] for each in of_kind(render(off | GROUPS), KIND)] == [SKIP]
