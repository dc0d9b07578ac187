"""The chart as it is rendered: valid on every server, restricted, with few rights, and what it refuses."""

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import kubernetes_validate  # type: ignore[import-untyped]  # has no hints
import pytest
import re2
import yaml
from click.testing import CliRunner

from certs.pace import CA_LIFE, LEAF_LIFE
from tests.harness.chart import schema
from tests.harness.chart.rendering import (
    CHART,
    NAMESPACE,
    NEWEST,
    VALUES,
    HelmError,
    Object,
    helm,
    of_kind,
    one,
    pods,
    render,
    values_of,
    webhooks,
)
from webhook.__main__ import main

SUPPORTED = ("1.25.0", "1.30.0", NEWEST)
MONITORING = ("--api-versions", "monitoring.coreos.com/v1")
CUSTOM = {
    "Certificate",
    "Issuer",
    "PrometheusRule",
    "ServiceMonitor",
}  # kinds for which kubernetes-validate has no schema
OWN = ["airlock-policy", "airlock-required-env"]
WATCHED = [*OWN, "airlock-release"]  # a delivery pipeline makes airlock-release
FILLED = [
    "airlock-accepted",
    "airlock-status",
    "airlock-sightings",
    "airlock-pins",
    *(f"airlock-report-{number}" for number in range(16)),
]
everywhere = pytest.mark.parametrize("name", VALUES)


@everywhere
def test_helm_lint_is_clean(name: str) -> None:
    told = helm("lint", "--strict", str(CHART), "--values", str(VALUES[name]))
    assert "[WARNING]" not in told
    assert "0 chart(s) failed" in told


@pytest.mark.parametrize("kubernetes", SUPPORTED)
@everywhere
def test_every_object_fits_the_schemas_of_kubernetes(name: str, kubernetes: str) -> None:
    values = values_of(name)
    if kubernetes == "1.25.0" and values.get("webhooks", {}).get("failurePolicy") == "Fail":
        values["webhooks"]["failurePolicyForOthers"] = "Fail"  # that server cannot tell who asks
    objects = render(values, kubernetes=kubernetes, arguments=MONITORING)
    assert len(objects) > 15
    for each in objects:
        if each["kind"] not in CUSTOM:
            fits(json.dumps(each), kubernetes)


@cache
def fits(text: str, kubernetes: str) -> None:
    """Validate an object, once if several values lead to it: the schema is read again each time."""
    kubernetes_validate.validate(json.loads(text), kubernetes, strict=True)


@everywhere
def test_every_container_is_restricted(name: str) -> None:
    values = values_of(name)
    asked = {"hostNetwork"} if values.get("serve", {}).get("hostNetwork") else set()
    for _, pod in pods(render(values)):
        spec, (container,) = pod["spec"], pod["spec"]["containers"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"].get("runAsUser") == values.get("podSecurityContext", {}).get("runAsUser", 65532)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys() <= asked
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        kinds = {kind for volume in spec.get("volumes", ()) for kind in volume.keys() - {"name"}}
        assert kinds <= {"secret", "configMap", "emptyDir"}
        assert all(v["emptyDir"]["medium"] == "Memory" for v in spec["volumes"] if "emptyDir" in v)


def test_the_key_of_the_authority_is_no_pods_business() -> None:
    objects = render()
    mounted = {
        name: {v["secret"]["secretName"] for v in pod["spec"]["volumes"] if "secret" in v}
        for name, pod in pods(objects)
    }
    assert mounted == {"airlock": {"airlock-tls"}, "airlock-controller": set(), "airlock-test": {"airlock-tls"}}
    test = one(objects, "Pod", "airlock-test")
    assert [item["key"] for item in test["spec"]["volumes"][0]["secret"]["items"]] == ["ca.crt"]
    assert "secrets" not in str(one(objects, "Role")["rules"])


# RBAC


def rules(objects: list[Object], kind: str, name: str, namespace: str | None = None) -> list[tuple[str, ...]]:
    """Return what a role grants, a row each: group, resources, names, verbs."""
    fields = ("apiGroups", "resources", "resourceNames", "verbs")
    role = one(objects, kind, name, namespace)
    return [tuple(",".join(rule.get(field, ["(all)"])) for field in fields) for rule in role["rules"]]


def test_names_and_keys_may_be_read_in_the_namespaces_that_the_values_name_and_by_replicas_alone() -> None:
    objects = render({"envReference": {"configMaps": ["airflow", "pipelines"], "secrets": ["airflow", "vault"]}})
    granted = {
        namespace: rules(objects, "Role", "airlock-keys", namespace) for namespace in ("airflow", "pipelines", "vault")
    }
    assert granted == {
        "airflow": [("", "configmaps,secrets", "(all)", "list,watch")],
        "pipelines": [("", "configmaps", "(all)", "list,watch")],
        "vault": [("", "secrets", "(all)", "list,watch")],
    }
    for namespace in granted:
        (subject,) = one(objects, "RoleBinding", "airlock-keys", namespace)["subjects"]
        assert (subject["name"], subject["namespace"]) == ("airlock", "airlock")
    arguments = one(objects, "Deployment", "airlock")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [one for one in arguments if one.startswith("--read-")] == [
        "--read-configmaps=airflow",
        "--read-configmaps=pipelines",
        "--read-secrets=airflow",
        "--read-secrets=vault",
    ]
    assert not any("--read-" in argument for argument in pods_arguments(render()))


def test_the_controller_may_read_names_and_keys_only_if_a_value_says_so() -> None:
    values = {"envReference": {"configMaps": ["airflow"], "secrets": ["vault"], "audit": True}}
    objects = render(values)
    for namespace in ("airflow", "vault"):
        subjects = one(objects, "RoleBinding", "airlock-keys", namespace)["subjects"]
        assert [subject["name"] for subject in subjects] == ["airlock", "airlock-controller"]
    arguments = one(objects, "Deployment", "airlock-controller")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [one for one in arguments if one.startswith("--read-")] == [
        "--read-configmaps=airflow",
        "--read-secrets=vault",
    ]
    assert rules(objects, "ClusterRole", "airlock-controller") == rules(render(), "ClusterRole", "airlock-controller")
    with pytest.raises(HelmError, match="there is no audit that could read anything"):
        render(values | {"audit": {"enabled": False}})


def pods_arguments(objects: list[Object]) -> list[str]:
    return [one for _, pod in pods(objects) for container in pod["spec"]["containers"] for one in container["args"]]


EVENTS = ("events.k8s.io", "events", "(all)", "create,patch")
AUDIT = [("", "pods", "(all)", "list,watch"), ("", "nodes", "(all)", "get,list")]
CONFIGURATIONS = "mutatingwebhookconfigurations,validatingwebhookconfigurations"


def test_rights_are_the_table_and_nothing_more() -> None:
    objects = render()
    documents = ("", "configmaps", ",".join([*WATCHED, "airlock-pins", "airlock-sightings"]), "get,list,watch")
    assert rules(objects, "ClusterRole", "airlock") == [EVENTS]
    assert rules(objects, "Role", "airlock") == [documents, ("", "configmaps", "airlock-accepted", "get")]
    assert rules(objects, "ClusterRole", "airlock-controller") == [
        ("admissionregistration.k8s.io", CONFIGURATIONS, "airlock", "get,patch"),
        ("", "namespaces", "airlock", "get"),
        ("", "namespaces", "(all)", "list"),
        *AUDIT,
        ("openreports.io", "reports", "(all)", "create"),
        ("openreports.io", "reports", "airlock", "get,list,update,delete"),
        EVENTS,
    ]
    assert rules(objects, "Role", "airlock-controller") == [
        ("", "configmaps", ",".join(WATCHED), "get,list,watch"),
        ("", "configmaps", ",".join(FILLED), "get,update"),
        ("", "secrets", "(all)", "create"),
        ("", "secrets", "airlock-ca,airlock-tls", "get,update"),
        ("discovery.k8s.io", "endpointslices", "(all)", "list"),
    ]
    assert len(of_kind(objects, "Role", "ClusterRole")) == 4


def test_without_reports_there_are_no_config_maps_for_them() -> None:
    objects = render({"audit": {"reports": False}})
    wide = rules(objects, "ClusterRole", "airlock-controller")
    assert [rule for rule in wide if rule in AUDIT] == AUDIT
    assert "openreports.io" not in str(wide)
    own = [rule for rule in rules(objects, "Role", "airlock-controller") if "configmaps" in rule[1]]
    assert [(names, verbs) for _, _, names, verbs in own] == [
        (",".join(WATCHED), "get,list,watch"),
        ("airlock-accepted,airlock-status,airlock-sightings,airlock-pins", "get,update"),
    ]
    assert [each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")] == [*OWN, *FILLED[:4]]


@everywhere
def test_what_the_controller_fills_comes_without_data_and_is_all_that_it_may_change(name: str) -> None:
    objects = render(values_of(name))
    names = [each["metadata"]["name"] for each in of_kind(objects, "Deployment")]
    (account,) = [name for name in names if name.endswith("-controller")]
    role = one(objects, "Role", account)
    made = [each["metadata"]["name"] for each in of_kind(objects, "ConfigMap") if "data" not in each]
    granted = [rule for rule in role["rules"] if "configmaps" in rule["resources"] and "update" in rule["verbs"]]
    assert [rule["resourceNames"] for rule in granted] == [made]
    assert not [rule for rule in role["rules"] if "configmaps" in rule["resources"] and "create" in rule["verbs"]]


def test_without_the_audit_its_rights_are_gone() -> None:
    objects = render({"audit": {"enabled": False}} | values_of("story"))
    granted = str([each["rules"] for each in of_kind(objects, "Role", "ClusterRole")])
    assert not [word for word in ("pods", "nodes", "openreports.io", "sightings") if word in granted]
    for namespace in ("pipelines", "platform"):
        (subject,) = one(objects, "RoleBinding", "airlock-sources", namespace)["subjects"]
        assert subject["name"] == "airlock"
    controller = one(objects, "Deployment", "airlock-controller")["spec"]["template"]["spec"]["containers"][0]
    assert "--no-audit" in controller["args"]


def test_what_a_from_names_may_be_read_by_the_audit_too() -> None:
    subjects = one(render(values_of("story")), "RoleBinding", "airlock-sources", "pipelines")["subjects"]
    assert [subject["name"] for subject in subjects] == ["airlock", "airlock-controller"]


def test_with_cert_manager_the_controller_touches_no_secret_and_of_the_registration_only_the_owner() -> None:
    objects = render(values_of("cert-manager"))
    assert "secrets" not in str(of_kind(objects, "Role", "ClusterRole"))
    assert rules(objects, "ClusterRole", "airlock-controller")[0][3] == "get,patch"  # the owner, and nothing else:
    policy = one(objects, "ValidatingAdmissionPolicy", "airlock-registration")
    assert "does not change clientConfig.caBundle" in str(policy)
    controller = one(objects, "Deployment", "airlock-controller")["spec"]["template"]["spec"]["containers"][0]
    assert "--no-certificates" in controller["args"]
    certificate = one(objects, "Certificate")
    assert certificate["spec"]["secretName"] == "airlock-tls"
    assert certificate["spec"]["dnsNames"] == ["airlock.airlock.svc"]
    for configuration in of_kind(objects, "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        assert configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == "airlock/airlock"


@everywhere
def test_no_right_has_a_wildcard_and_every_binding_has_its_own_role(name: str) -> None:
    objects = render(values_of(name))
    assert "*" not in str([each["rules"] for each in of_kind(objects, "Role", "ClusterRole")])
    accounts = {each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")}
    roles = {(r["kind"], r["metadata"]["name"], r["metadata"].get("namespace")) for r in objects if "rules" in r}
    bound = set()
    for binding in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        assert {subject["name"] for subject in binding["subjects"]} <= accounts
        assert {subject["namespace"] for subject in binding["subjects"]} == {NAMESPACE}
        reference = binding["roleRef"]
        bound.add((reference["kind"], reference["name"], binding["metadata"].get("namespace")))
    assert bound == roles
    assert len(accounts) == 2


def test_each_config_map_that_a_from_names_may_be_read_and_no_other() -> None:
    objects = render(values_of("story"))
    read = {
        namespace: rules(objects, "Role", "airlock-sources", namespace)[0] for namespace in ("pipelines", "platform")
    }
    assert read == {
        "pipelines": ("", "configmaps", "callbacks,topics", "get,list,watch"),
        "platform": ("", "configmaps", "teams", "get,list,watch"),
    }
    objects = render(values_of("documents-elsewhere"))
    assert rules(objects, "Role", "gate-sources", "platform")[0][2] == "teams,topics"


# The documents


def test_the_documents_are_those_of_the_values() -> None:
    for name in ("default", "story", "production"):
        values, objects = values_of(name), render(values_of(name))
        policy = yaml.safe_load(one(objects, "ConfigMap", "airlock-policy")["data"]["policy.yaml"])
        given = values.get("policy", {}).get("document", {})
        assert policy == {"apiVersion": "airlock/v1", "kind": "Policy", "mode": "warn"} | _as_text(given)
        manifest = one(objects, "ConfigMap", "airlock-required-env")["data"]["required-env.yaml"]
        assert yaml.safe_load(manifest)["env"] == values.get("requiredEnv", {}).get("document", {}).get("env", [])
    elsewhere = of_kind(render(values_of("documents-elsewhere")), "ConfigMap")
    assert not {each["metadata"]["name"] for each in elsewhere} & {*OWN}


def _as_text(document: Object) -> Object:
    """Return *document* with days as text, as a schema sees them."""
    loaded: Object = yaml.load(yaml.safe_dump(document), yaml.BaseLoader)  # noqa: S506 - makes nothing but text
    return loaded


@pytest.mark.parametrize("name", ["default", "story", "production"])
def test_airlock_takes_the_documents_that_the_chart_writes(name: str, tmp_path: Path) -> None:
    for own in OWN:
        for key, text in one(render(values_of(name)), "ConfigMap", own)["data"].items():
            path = tmp_path / key
            path.write_text(text)
            with (
                main.make_context("airlock", ["policy", "check", str(path)]) as context,
                pytest.raises(SystemExit) as end,
            ):
                main.invoke(context)
            assert end.value.code == 0


# The values


def test_the_schemas_of_the_documents_are_airlocks_own() -> None:
    embedded = {kind: schema.read()["$defs"][kind] for kind in schema.KINDS}
    assert embedded == schema.documents(), "run: python -m tests.harness.chart.schema"


def patterns(node: Any) -> Iterator[str]:
    """Yield each expression in a JSON Schema."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for inner in node.values():
            yield from patterns(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from patterns(inner)


def test_helm_can_read_every_expression_of_the_schema() -> None:
    # Helm's are Go's, which know no lookahead: with one, it refuses the chart as a whole.
    assert all(re2.compile(pattern) for pattern in patterns(schema.read()))


def test_no_object_of_the_values_takes_unknown_names() -> None:
    whole = schema.read()
    for kind in schema.KINDS:
        del whole["$defs"][kind]
    loose = [
        path
        for path, each in _objects(whole)
        if (other := each.get("additionalProperties")) is not False and (other or {}).get("type") != "string"
    ]
    assert loose == ["properties.global"]  # Helm's own


def _objects(node: Any, path: str = "") -> list[tuple[str, Object]]:
    if not isinstance(node, dict):
        return []
    here = [(path, node)] if node.get("type") == "object" else []
    return here + [found for key, value in node.items() for found in _objects(value, f"{path}.{key}".lstrip("."))]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"serve": {"replica": 3}}, "additional properties 'replica' not allowed"),
        ({"policy": {"document": {"mdoe": "warn"}}}, "additional properties 'mdoe' not allowed"),
        ({"policy": {"document": {"mode": False}}}, "got boolean, want string"),  # off without quotes
        ({"requiredEnv": {"document": {"env": [{"name": "A", "value": 5}]}}}, "got number, want string"),
        ({"webhooks": {"failurePolicy": "fail"}}, "/webhooks/failurePolicy"),
        ({"image": {"digest": "sha256:12"}}, "/image/digest"),
        ({"serve": {"drainSeconds": 0}}, "/serve/drainSeconds"),
        ({"prometheusRule": {"without": ["AirlockFailOpen"]}}, "/prometheusRule/without/0"),
        ({"prometheusRule": {"job": 'a"}'}}, "/prometheusRule/job"),
        ({"prometheusRule": {"runbooks": "docs/operations.md"}}, "/prometheusRule/runbooks"),  # leads nowhere
        ({"prometheusRule": {"level": "most"}}, "/prometheusRule/level"),
        ({"dashboard": {"labels": {"grafana_dashboard": 1}}}, "got number, want string"),
        ({"certificates": {"leafLife": "1y"}}, "/certificates/leafLife"),
        ({"certificates": {"caLife": "0d"}}, "/certificates/caLife"),
        ({"audit": {"interval": "1m"}}, "/audit/interval"),
        ({"audit": {"window": "a day"}}, "/audit/window"),
        ({"audit": {"report": True}}, "additional properties 'report' not allowed"),
    ],
)
def test_values_that_mean_nothing_are_refused(values: Object, told: str) -> None:
    with pytest.raises(RuntimeError, match=re.escape(told)):
        render(values)


# Pods and Services


def test_airlocks_own_programs_take_the_arguments() -> None:
    for name in VALUES:
        for pod, template in pods(render(values_of(name))):
            (container,) = template["spec"]["containers"]
            if not pod.endswith("-test"):
                command, *arguments = container["args"]
                found = main.get_command(click.Context(main), command)
                assert found is not None
                with found.make_context(command, arguments) as context:
                    assert context.params["metrics_port"] == 9090


@pytest.mark.parametrize(
    ("name", "lives"),
    [
        ("default", [f"--ca-life={CA_LIFE.days}d", f"--leaf-life={LEAF_LIFE.days}d"]),
        ("production", ["--ca-life=730d", "--leaf-life=90d"]),
        ("cert-manager", []),
    ],
)
def test_certificates_live_as_long_as_the_values_say(name: str, lives: list[str]) -> None:
    spec = one(render(values_of(name)), "Deployment", "airlock-controller")["spec"]["template"]["spec"]
    assert [argument for argument in spec["containers"][0]["args"] if "-life=" in argument] == lives


def test_a_pod_has_time_for_its_drain() -> None:
    for seconds in (1, 15, 120):
        spec = one(render({"serve": {"drainSeconds": seconds}}), "Deployment")["spec"]["template"]["spec"]
        # Longest drain, twice the deadline of a request, and what gunicorn adds: see webhook/serving/server.py.
        assert spec["terminationGracePeriodSeconds"] > (seconds + 15) + 2 * 8 + 5
        assert f"--drain-seconds={seconds}" in spec["containers"][0]["args"]
        assert "lifecycle" not in spec["containers"][0]


def test_a_replica_goes_only_when_another_answers() -> None:
    objects = render()
    serve, controller = one(objects, "Deployment"), one(objects, "Deployment", "airlock-controller")
    assert serve["spec"]["replicas"] == 2
    assert serve["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert controller["spec"]["replicas"] == 1
    assert controller["spec"]["strategy"] == {"type": "Recreate"}
    budget = one(objects, "PodDisruptionBudget")
    assert budget["apiVersion"] == "policy/v1"
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    spread = {each["topologyKey"] for each in serve["spec"]["template"]["spec"]["topologySpreadConstraints"]}
    assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_the_chart_leaves_out_what_a_server_does_not_have() -> None:
    old, middle = render(kubernetes="1.20.2"), render(kubernetes="1.25.0")
    assert one(old, "PodDisruptionBudget")["apiVersion"] == "policy/v1beta1"
    assert "unhealthyPodEvictionPolicy" not in one(middle, "PodDisruptionBudget")["spec"]
    assert "matchConditions" not in str(middle)
    assert "v1beta1" not in str(middle)
    hook = webhooks(old)["workloads.validate.airlock"]
    assert [rule["apiVersions"] for rule in hook["rules"] if "cronjobs" in rule["resources"]] == [["v1"], ["v1beta1"]]
    monitor = {"serviceMonitor": {"enabled": True}}
    assert of_kind(render(monitor), "ServiceMonitor") == []
    assert one(render(monitor, arguments=MONITORING), "ServiceMonitor")


def test_services_and_policies_select_the_pods_they_mean() -> None:
    objects = render()
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(objects)}

    def selected(selector: dict[str, str]) -> set[str]:
        return {name for name, own in labels.items() if selector.items() <= own.items()}

    both = {"airlock", "airlock-controller"}
    assert selected(one(objects, "Service")["spec"]["selector"]) == {"airlock"}
    assert selected(one(objects, "Service", "airlock-metrics")["spec"]["selector"]) == both
    assert selected(one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]) == {"airlock"}
    for name in both:
        assert selected(one(objects, "Deployment", name)["spec"]["selector"]["matchLabels"]) == {name}
        assert selected(one(objects, "NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"]) == {name}


def test_a_network_policy_limits_what_leaves_only_when_the_ports_are_known() -> None:
    assert one(render(), "NetworkPolicy")["spec"]["policyTypes"] == ["Ingress"]
    objects = render(values_of("production"))
    serve, controller = (one(objects, "NetworkPolicy", name)["spec"] for name in ("airlock", "airlock-controller"))
    api_server = {"ports": [{"port": port, "protocol": "TCP"} for port in (443, 6443)]}
    assert serve["egress"] == [api_server]
    assert controller["egress"][0] == api_server
    assert controller["egress"][1]["ports"] == [{"port": "https", "protocol": "TCP"}]
    assert serve["ingress"][0] == {"ports": [{"port": "https", "protocol": "TCP"}]}  # from anywhere
    assert "from" in serve["ingress"][1]
    assert of_kind(render(values_of("everywhere")), "NetworkPolicy") == []


def test_neighbouring_services_set_no_variable_that_airlock_reads() -> None:
    for name, pod in pods(render()):
        assert pod["spec"]["enableServiceLinks"] is (name == "airlock-test")


@pytest.mark.parametrize("name", VALUES)
def test_whatever_the_chart_makes_has_one_label(name: str) -> None:
    objects = render(values_of(name), arguments=MONITORING)
    label = {"airlock/installation": NAMESPACE}.items()
    without = [each for each in objects if not label <= each["metadata"]["labels"].items()]
    assert without == []
    assert all(label <= pod["metadata"]["labels"].items() for _, pod in pods(objects))
    made = [each["spec"]["secretTemplate"]["labels"] for each in of_kind(objects, "Certificate")]
    assert all(label <= labels.items() for labels in made)


def test_names_fit_however_long_the_releases_is() -> None:
    for release in ("a", "x" * 53, "team-airlock"):
        for each in render(release=release):
            assert len(each["metadata"]["name"]) <= 63
            assert all(len(label) <= 63 for label in each["metadata"]["labels"].values())
    assert one(render(release="gate"), "Deployment", "gate-airlock")


def test_an_upgrade_changes_no_selector_and_no_name() -> None:
    def fixed(objects: list[Object]) -> Object:
        return {
            f"{each['kind']} {each['metadata']['name']}": copy.deepcopy(each["spec"]["selector"])
            for each in of_kind(objects, "Deployment")
        }

    assert fixed(render()) == fixed(render(values_of("production"))) == fixed(render(values_of("cert-manager")))


OWN_POLICY = """\
apiVersion: airlock/v1
kind: Policy
mode: enforce
components:
  - {component: other, labels: {app.kubernetes.io/name: airlock}}
"""


@pytest.mark.parametrize(
    ("values", "code"),
    [({}, 0), (values_of("production"), 0), ({"image": {"tag": "main"}}, 1), ({"image": {"tag": "0.1"}}, 1)],
)
def test_airlock_would_admit_itself(values: Object, code: int, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(OWN_POLICY)
    deployments = yaml.safe_dump_all(of_kind(render(values), "Deployment"))
    arguments = ["check", "--policy", str(tmp_path / "policy.yaml"), "--namespace", NAMESPACE, "-"]
    told = CliRunner().invoke(main, arguments, input=deployments)
    assert told.exit_code == code, told.output
    assert ("mutable-tag" in told.output) is bool(code)
