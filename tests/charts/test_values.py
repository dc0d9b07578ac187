"""Values for other people's clusters: each shows in what is rendered, and nowhere else."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.chart.rendering import HelmError, Object, notes, of_kind, one, pods, render, webhooks

WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


def pod(objects: list[Object], name: str = "airlock") -> Object:
    found: Object = dict(pods(objects))[name]["spec"]
    return found


def test_openshift_gives_the_ids_where_they_are_null() -> None:
    objects = render({"podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}})
    for _, each in pods(objects):
        assert each["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    half = pod(render({"podSecurityContext": {"fsGroup": None, "runAsUser": 1000}}))["securityContext"]
    assert (half["runAsUser"], half["runAsGroup"]) == (1000, 65532)
    assert "fsGroup" not in half


def test_nobody_runs_as_root() -> None:
    with pytest.raises(HelmError, match="/podSecurityContext/runAsUser"):
        render({"podSecurityContext": {"runAsUser": 0}})


def test_replicas_in_their_nodes_network_let_go_of_the_port_first() -> None:
    objects = render({"serve": {"hostNetwork": True, "port": 10250}})
    spec = pod(objects)
    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    container = spec["containers"][0]
    assert "--port=10250" in container["args"]
    assert container["ports"][0]["containerPort"] == 10250
    strategy = one(objects, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 1, "maxSurge": 0}
    for name in ("airlock-controller", "airlock-test"):
        assert "hostNetwork" not in pod(objects, name)
    assert "dnsPolicy" not in pod(render())


@pytest.mark.parametrize("port", [80, 443, 9090, 65536])
def test_a_port_that_a_replica_cannot_have_is_refused(port: int) -> None:
    with pytest.raises(HelmError, match="/serve/port"):
        render({"serve": {"port": port}})


def test_both_programs_listen_where_the_values_say() -> None:
    for host in ("::", "0.0.0.0"):  # noqa: S104 - an argument in a manifest
        objects = render({"serve": {"host": host}})
        for name in ("airlock", "airlock-controller"):
            assert f"--host={host}" in pod(objects, name)["containers"][0]["args"]


def test_an_autoscaler_owns_the_number_of_replicas() -> None:
    assert "replicas" not in one(render({"serve": {"autoscaled": True}}), "Deployment")["spec"]


@pytest.mark.parametrize("seconds", [1, 10])
def test_the_api_server_waits_as_long_as_the_values_say(seconds: int) -> None:
    hooks = webhooks(render({"webhooks": {"timeoutSeconds": seconds}}))
    assert {hook["timeoutSeconds"] for hook in hooks.values()} == {seconds}


@pytest.mark.parametrize("seconds", [0, 11])
def test_other_times_are_refused(seconds: int) -> None:
    with pytest.raises(HelmError, match="/webhooks/timeoutSeconds"):
        render({"webhooks": {"timeoutSeconds": seconds}})


AKS = [
    {"key": "control-plane", "operator": "NotIn", "values": ["true"]},
    {"key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"]},
]


def test_what_aks_would_add_to_a_selector_can_be_there_already() -> None:
    for name, hook in webhooks(render({"webhooks": {"extraNamespaceSelector": AKS}})).items():
        if "guard" not in name:
            expressions = hook["namespaceSelector"]["matchExpressions"]
            assert [each for each in expressions if each in AKS] == AKS


@pytest.mark.parametrize("cert_manager", [True, False])
def test_labels_and_annotations_of_the_registration(*, cert_manager: bool) -> None:
    notes = {"admissions.enforcer/disabled": "true"}
    given = {"webhooks": {"labels": notes, "annotations": notes}, "certManager": {"enabled": cert_manager}}
    for each in of_kind(render(given | {"commonAnnotations": {"note": "x"}}), *WEBHOOKS):
        assert each["metadata"]["labels"].items() >= notes.items()
        assert each["metadata"]["annotations"].items() >= (notes | {"note": "x"}).items()
        assert ("cert-manager.io/inject-ca-from" in each["metadata"]["annotations"]) is cert_manager


def test_every_object_has_the_common_labels_and_annotations_and_no_pod_template_does() -> None:
    values = {"commonLabels": {"team": "platform"}, "commonAnnotations": {"note": "x"}, "dashboard": {"enabled": True}}
    values["webhooks"] = {"skipGroups": ["platform"]}
    for each in render(values):
        if each["metadata"].get("annotations", {}).get("helm.sh/hook") != "test":
            assert each["metadata"]["labels"]["team"] == "platform", each["metadata"]["name"]
            assert each["metadata"]["annotations"]["note"] == "x", each["metadata"]["name"]
    assert all("team" not in template["metadata"]["labels"] for _, template in pods(render(values)))


NONSENSE: list[tuple[Object, str]] = [
    ({"serve": {"hostNetwork": "yes"}}, "at '/serve/hostNetwork': got string, want boolean"),
    ({"serve": {"dnsPolicy": "None"}}, "at '/serve/dnsPolicy': value must be one of '', 'Default'"),
    ({"serve": {"host": "localhost"}}, "at '/serve/host': value must be one of '::', '0.0.0.0'"),
    ({"serve": {"host": "[::]"}}, "at '/serve/host': value must be one of"),
    ({"affinity": {"nodeAfinity": {}}}, "at '/affinity': additional properties 'nodeAfinity' not allowed"),
    ({"topologySpreadConstraints": {}}, "at '/topologySpreadConstraints': got object, want array"),
    ({"extraEnv": {"A": "b"}}, "at '/extraEnv': got object, want array"),
    ({"extraEnv": [{"name": "A", "value": 1}]}, "at '/extraEnv/0/value': got number, want string"),
    ({"commonLabels": {"team": "a b"}}, "at '/commonLabels/team': 'a b' does not match"),
    ({"commonLabels": {"a b": "x"}}, "invalid propertyName 'a b'"),
    ({"commonAnnotations": {"on": True}}, "at '/commonAnnotations/on': got boolean, want string"),
    ({"serviceAnnotations": {"a b": "x"}}, "invalid propertyName 'a b'"),
    ({"webhooks": {"labels": {"team": "a b"}}}, "at '/webhooks/labels/team': 'a b' does not match"),
    ({"podLabels": {"app.kubernetes.io/name": "x"}}, "invalid propertyName 'app.kubernetes.io/name'"),
    ({"podLabels": {"airlock/installation": "x"}}, "invalid propertyName 'airlock/installation'"),
    ({"nodeSelector": {"disk": "a b"}}, "at '/nodeSelector/disk': 'a b' does not match"),
    ({"priorityClassName": "A b"}, "at '/priorityClassName': 'A b' does not match"),
    ({"ipFamilyPolicy": "Dual"}, "at '/ipFamilyPolicy': value must be one of"),
    ({"webhooks": {"extraNamespaceSelector": [{"key": "a", "operator": "In"}]}}, "missing property 'values'"),
    ({"webhooks": {"extraNamespaceSelector": [{"key": "a", "operator": "Exists", "values": ["x"]}]}}, "maxItems"),
]


@pytest.mark.parametrize(("values", "told"), NONSENSE)
def test_what_no_cluster_would_take_is_refused_before_it_is_sent(values: Object, told: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(values)
    assert told in str(refused.value)


@pytest.mark.parametrize("key", ["app.kubernetes.io/name", "helm.sh/chart", "airlock/report"])
def test_a_common_label_does_not_take_the_charts_own(key: str) -> None:
    with pytest.raises(HelmError, match=f"invalid propertyName '{key}'"):
        render({"commonLabels": {key: "x"}})


def test_annotations_of_services_and_accounts_stay_there() -> None:
    objects = render({"serviceAnnotations": {"a": "b"}, "serviceAccountAnnotations": {"c": "d"}})
    noted = {each["kind"]: each["metadata"]["annotations"] for each in objects if "annotations" in each["metadata"]}
    assert noted["Service"] == {"a": "b"}
    assert noted["ServiceAccount"] == {"c": "d"}
    assert {*noted} == {"Service", "ServiceAccount", "Pod"}


def test_services_of_both_families() -> None:
    for each in of_kind(render({"ipFamilyPolicy": "PreferDualStack"}), "Service"):
        assert each["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    assert all("ipFamilyPolicy" not in each["spec"] for each in of_kind(render(), "Service"))


def test_where_pods_may_run_and_what_they_get() -> None:
    affinity: Object = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    spread = [{"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]
    env = [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com"}]
    objects = render({"affinity": affinity, "topologySpreadConstraints": spread, "extraEnv": env})
    for _, each in pods(objects):
        assert each["spec"]["affinity"] == affinity
        assert each["spec"]["containers"][0]["env"] == env
    assert pod(objects)["topologySpreadConstraints"] == spread


def test_the_api_server_is_let_in_by_address() -> None:
    objects = render({"networkPolicy": {"apiServerFrom": ["10.1.0.0/28", "fd00::/64"]}})
    first, metrics = one(objects, "NetworkPolicy")["spec"]["ingress"]
    blocks = [each["ipBlock"]["cidr"] for each in first["from"] if "ipBlock" in each]
    assert blocks == ["10.1.0.0/28", "fd00::/64"]
    labels = [each["podSelector"]["matchLabels"] for each in first["from"] if "podSelector" in each]
    for name in ("airlock-controller", "airlock-test"):
        own = dict(pods(objects))[name]["metadata"]["labels"]
        assert any(selector.items() <= own.items() for selector in labels)
    assert "from" not in metrics
    assert "from" not in one(render(), "NetworkPolicy")["spec"]["ingress"][0]
    with pytest.raises(HelmError, match="/networkPolicy/apiServerFrom/0"):
        render({"networkPolicy": {"apiServerFrom": ["10.1.0.1"]}})


def test_a_client_certificate_is_asked_for_by_the_authorities_of_a_config_map() -> None:
    names = ["kube-apiserver", "spiffe://example.com/api"]
    objects = render({"serve": {"clientCA": {"configMap": "clients", "key": "bundle.pem"}, "clientNames": names}})
    spec = pod(objects)
    (container,) = spec["containers"]
    assert [each for each in container["args"] if each.startswith("--client-")] == [
        "--client-ca=/client-ca/ca.crt",
        *(f"--client-name={name}" for name in names),
    ]
    assert {"name": "client-ca", "mountPath": "/client-ca", "readOnly": True} in container["volumeMounts"]
    items = [{"key": "bundle.pem", "path": "ca.crt"}]
    assert {"name": "client-ca", "configMap": {"name": "clients", "items": items}} in spec["volumes"]
    assert "--expect-refusal" in pod(objects, "airlock-test")["containers"][0]["args"]


def test_no_client_certificate_is_asked_for_by_default() -> None:
    objects = render()
    assert "client-ca" not in str(pod(objects))
    assert "--expect-refusal" not in pod(objects, "airlock-test")["containers"][0]["args"]


def test_names_of_clients_without_an_authority_are_refused() -> None:
    with pytest.raises(HelmError, match=r"serve\.clientNames needs serve\.clientCA\.configMap"):
        render({"serve": {"clientNames": ["kube-apiserver"]}})


@pytest.mark.parametrize("wrong", [{"configMap": "Clients"}, {"key": "a/b"}, {"secret": "clients"}])
def test_a_config_map_of_authorities_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(HelmError, match="/serve/clientCA"):
        render({"serve": {"clientCA": wrong}})


@pytest.mark.parametrize(("names", "warned"), [([], True), (["pipelines"], False)])
def test_the_notes_say_where_the_policy_looks_and_airlock_may_not(names: list[str], *, warned: bool) -> None:
    document = {"apiVersion": "airlock/v1", "kind": "Policy", "rules": {"env-reference": {"lookIn": ["pipelines"]}}}
    said = notes({"policy": {"document": document}, "envReference": {"configMaps": names}})
    assert ("looks in namespace pipelines, which envReference.configMaps does not name" in said) is warned


def texts(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield, by its path, each name, namespace and label in *value*: Kubernetes wants text there."""
    for key, inner in value.items() if isinstance(value, dict) else ((None, each) for each in value):
        if isinstance(inner, dict | list):
            yield from texts(inner, f"{path}.{key}")
        elif key in ("name", "namespace") or path.rpartition(".")[2] in ("labels", "matchLabels", "selector"):
            yield f"{path}.{key}", inner


@pytest.mark.parametrize(("release", "namespace"), [("123", "456"), ("1e3", "0o17"), ("null", "true"), ("on", "no")])
def test_names_that_yaml_takes_for_numbers_or_booleans_stay_text(release: str, namespace: str) -> None:
    values = {
        "fullnameOverride": "airlock",
        "requiredEnv": {"sources": [{"namespace": "18", "names": ["19"]}]},
        "envReference": {"configMaps": ["20"], "secrets": ["off"], "audit": True},
        "prometheusRule": {"enabled": True},
        "serviceMonitor": {"enabled": True},
    }
    apis = ("--api-versions", "monitoring.coreos.com/v1")
    objects = render(values, release=release, namespace=namespace, arguments=apis)
    assert "PrometheusRule" in {one["kind"] for one in objects}
    assert [where for each in objects for where in texts(each, each["kind"]) if not isinstance(where[1], str)] == []


@pytest.mark.parametrize("release", ["1-airlock", "my.airlock"])
def test_a_release_that_no_service_can_be_called_after_needs_another_name(release: str) -> None:
    with pytest.raises(HelmError, match=rf"would be called {release}, .* Set fullnameOverride"):
        render(release=release)
    assert one(render({"fullnameOverride": "airlock"}, release=release), "Service")["metadata"]["name"] == "airlock"


def test_a_name_that_is_no_text_in_yaml_is_refused() -> None:
    with pytest.raises(HelmError, match=r"would be called on, .* Set fullnameOverride"):
        render({"fullnameOverride": "on"})
