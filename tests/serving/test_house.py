"""The rule of the house: no object that the API server accepts gets anything but a 200, and within the timeout.

Objects of every extreme go through a real server under `failurePolicy: Fail`, so that whatever is no 200 is an error
there. Some are not valid after all; the API server's own refusal comes after `/mutate` was asked.
"""

import json
import random
import ssl
import uuid
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.gate import LABEL, Gate, registration, standing
from tests.harness.waiting import until
from webhook.cluster import connect
from webhook.pods import skim
from webhook.pods.live import decode_pod
from webhook.scan.pages import Listing
from webhook.sources.lookup import Lookup

pytestmark = pytest.mark.cluster

AIRFLOW = {"tier": "airflow", "component": "scheduler", "release": "airflow"}
MARK = '"@@"'  # stands for raw JSON that no Python value gives


def deep(levels: int) -> str:
    return '[{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":%s}]' % (
        '{"f:a":' * levels + "{}" + "}" * levels
    )


def pod(**container: Any) -> dict[str, Any]:
    own = {"name": "scheduler", "image": "apache/airflow:latest", "imagePullPolicy": "IfNotPresent", **container}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": dict(AIRFLOW)}, "spec": {"containers": [own]}}


def with_env(*values: str) -> dict[str, Any]:
    return pod(env=[{"name": f"A{n}", "value": value} for n, value in enumerate(values)])


def with_metadata(**fields: Any) -> dict[str, Any]:
    made = pod()
    made["metadata"] |= fields
    return made


def with_spec(**fields: Any) -> dict[str, Any]:
    made = pod()
    made["spec"] |= fields
    return made


def raw(made: dict[str, Any], json_: str) -> bytes:
    """Return *made* with *json_* where the mark stands."""
    return json.dumps(made).replace(MARK, json_).encode(errors="surrogatepass")


def crowd(field: str, count: int) -> dict[str, Any]:
    if field == "volumes":
        return with_spec(volumes=[{"name": f"v{n}", "emptyDir": {}} for n in range(count)])
    return with_spec(**{field: [{"name": f"c{n}", "image": "a/b:main"} for n in range(count)]})


# Each a pod, as the client sends it.
EXTREMES: dict[str, Callable[[], bytes]] = {
    **{
        f"{levels} levels of managedFields": lambda levels=levels: raw(with_metadata(managedFields="@@"), deep(levels))  # type: ignore[misc]
        for levels in (1, 985, 1_500, 5_000, 9_990)
    },
    "13 variables of 100 kB of <": lambda: raw(with_env(*["<" * 100_000] * 13), ""),
    "one variable of 1.4 MB of &": lambda: raw(with_env("&" * 1_400_000), ""),
    "2.9 MB of <, more than etcd takes": lambda: raw(with_env(*["<" * 100_000] * 29), ""),
    "an annotation of 250 kB of >": lambda: raw(with_metadata(annotations={"a": ">" * 250_000}), ""),
    "300 kB of emoji": lambda: json.dumps(with_env("\U0001f600" * 75_000), ensure_ascii=False).encode(),
    "control characters and quotes": lambda: raw(with_env('\x01\x1f\x7f"\\\u2028\u2029</script>'), ""),
    "NUL in a value": lambda: raw(with_env("a\x00b"), ""),
    "half a surrogate pair": lambda: raw(with_env("@@"), r'"\ud800 \udc00\ud83d"'),
    "bytes that are no UTF-8": lambda: raw(with_env("@@"), '"x"').replace(b'"x"', b'"\xff\xfe\xc0"'),
    "5,000 containers": lambda: raw(crowd("containers", 5_000), ""),
    "12,000 containers": lambda: raw(crowd("containers", 12_000), ""),
    "4,500 init containers": lambda: raw(crowd("initContainers", 4_500), ""),
    "5,000 volumes": lambda: raw(crowd("volumes", 5_000), ""),
    "20,000 variables": lambda: raw(with_env(*["x"] * 20_000), ""),
    "5,000 labels": lambda: raw(with_metadata(labels=AIRFLOW | {f"a{n}": "b" for n in range(5_000)}), ""),
    "400 findings": lambda: raw(crowd("containers", 400), ""),
    "a label that is none": lambda: raw(with_metadata(labels=AIRFLOW | {"é/ /x": "a\nb" * 100}), ""),
    "labels of another type": lambda: raw(with_metadata(labels="@@"), '{"tier": 5}'),
    "null everywhere": lambda: raw(
        pod(env=None, ports=None, command=None) | {"metadata": {"labels": AIRFLOW, "annotations": None}}, ""
    ),
    "no labels": lambda: raw(with_metadata(labels=None), ""),
    "no containers": lambda: raw(with_spec(containers=[]), ""),
    "an image of 1 MB": lambda: raw(pod(image="a" * 1_000_000), ""),
    "an image that is none": lambda: raw(pod(image="\x00 é://@@:::"), ""),
    "an empty image": lambda: raw(pod(image=""), ""),
    "the largest integers": lambda: raw(with_spec(terminationGracePeriodSeconds="@@"), "9223372036854775807"),
    "an integer that is too large": lambda: raw(with_spec(terminationGracePeriodSeconds="@@"), "9" * 5_000),
    "a number with an exponent": lambda: raw(with_spec(terminationGracePeriodSeconds="@@"), "3e1"),
    "huge quantities": lambda: raw(pod(resources={"limits": {"cpu": "9" * 300, "memory": "1e300"}}), ""),
    "a key twice": lambda: raw(with_metadata(annotations="@@"), '{"a": "b", "a": "c"}'),
    "fields that nobody knows": lambda: raw(with_spec(what={"deep": [[[[[[{}]]]]]]}), ""),
    "100,000 levels of what nobody knows": lambda: raw(with_spec(what="@@"), "[" * 100_000 + "]" * 100_000),
    "another namespace than it is sent to": lambda: raw(with_metadata(namespace="kube-system"), ""),
    "a name of 5,000 characters": lambda: raw(with_metadata(name="a" * 5_000, generateName=None), ""),
    "300 owners": lambda: raw(
        with_metadata(
            ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": f"p{n}", "uid": f"u{n}"} for n in range(300)]
        ),
        "",
    ),
    "annotations of a task in odd letters": lambda: raw(
        with_metadata(
            labels=AIRFLOW | {"kubernetes_executor": "True", "dag_id": "a", "task_id": "b"},
            annotations={"dag_id": "\u202e\x00\n" * 300, "task_id": "\U0001f600" * 300},
        ),
        "",
    ),
    "a time in the year 9999": lambda: raw(with_metadata(creationTimestamp="9999-12-31T23:59:59Z"), ""),
    "a reference to a field": lambda: raw(
        pod(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['é<>&']"}}}]), ""
    ),
}


class Api:
    """The API server, asked with bytes as they are."""

    def __init__(self, plane: ControlPlane) -> None:
        configuration = plane.configuration()
        self._host = urlsplit(plane.url).netloc
        self._context = ssl.create_default_context(cafile=str(configuration.ssl_ca_cert))
        self._context.load_cert_chain(str(configuration.cert_file), str(configuration.key_file))

    def ask(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> dict[str, Any]:
        """Return the object that is answered, and fail when a webhook did not answer as it should."""
        connection = HTTPSConnection(self._host, context=self._context, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": content_type})
            answer: dict[str, Any] = skim.value(connection.getresponse().read())  # json.loads nests less deeply
        finally:
            connection.close()
        text = str(answer.get("message", "")) if answer.get("kind") == "Status" else ""
        assert "failed calling webhook" not in text, text[:500]
        assert "failed to call webhook" not in text, text[:500]
        assert answer.get("reason") not in ("InternalError", "Timeout"), text[:500]
        return answer


def merge(api: Api, path: str, patch: dict[str, Any]) -> dict[str, Any]:
    return api.ask("PATCH", path, json.dumps(patch).encode(), "application/merge-patch+json")


@pytest.fixture(scope="module")
def gate(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with standing(control_plane, tmp_path_factory.mktemp("gate")) as gate:
        guard = registration(gate.server)[1]
        guard["metadata"]["name"] = "airlock-test-guard"
        [hook] = guard["webhooks"]
        hook["name"] = "guard.airlock.example.com"
        hook["clientConfig"]["url"] = hook["clientConfig"]["url"].replace("/validate", "/guard")
        rule = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "resources": ["configmaps"],
            "operations": ["CREATE", "UPDATE"],
        }
        hook["rules"] = [rule]
        gate.apply(guard)
        try:
            yield gate
        finally:
            gate.plane.kubectl("delete", "validatingwebhookconfiguration", "airlock-test-guard")


@pytest.fixture(scope="module")
def api(gate: Gate) -> Api:
    return Api(gate.plane)


@pytest.fixture(scope="module")
def strict(gate: Gate) -> str:
    return gate.plane.namespace(labels={LABEL: ""})


@pytest.fixture(scope="module")
def lax(gate: Gate) -> str:
    return gate.plane.namespace(f"house-{uuid.uuid4().hex[:8]}-lax", labels={LABEL: ""})


def is_crowded(made: dict[str, Any]) -> bool:
    """Return whether the pod *made* has so many parts that an API server of 1.20 takes long to compare two of it."""
    spec = made["spec"]
    parts = [spec["containers"], spec.get("initContainers", ()), spec.get("volumes", ())]
    return max(map(len, (*parts, *(one.get("env", ()) for one in spec["containers"])))) > 100


def named(body: bytes) -> bytes:
    return body.replace(b'"metadata": {', b'"metadata": {"generateName": "x-", ', 1)


def live(api: Api, namespace: str, body: bytes) -> None:
    """Make a pod, and change it in every way that a webhook is asked about."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = api.ask("POST", path, named(body))
    if made.get("kind") != "Pod":
        return
    path = f"{path}/{made['metadata']['name']}"
    # The first change carries the fields' managers; of a crowded pod, none that follows does: to compare who manages
    # some hundred containers takes an API server of 1.20 minutes (structured-merge-diff).
    unmanaged: dict[str, Any] = {"managedFields": [{}]} if is_crowded(made) else {}
    held = merge(api, path, {"metadata": {"finalizers": ["example.com/wait"], **unmanaged}})
    assert "denied the request" not in str(held.get("message")), str(held)[:500]
    merge(api, path, {"metadata": {"labels": {"airflow-worker": "1"}}})
    merge(api, path, {"metadata": {"labels": {"tier": None, "component": None}}})
    merge(api, path, {"metadata": {"labels": {"tier": "airflow", "component": "worker"}}})
    image = [{"op": "replace", "path": "/spec/containers/0/image", "value": "apache/airflow:main"}]
    api.ask("PATCH", path, json.dumps(image).encode(), "application/json-patch+json")
    api.ask("DELETE", path, b'{"gracePeriodSeconds": 0}')
    freed = merge(api, path, {"metadata": {"finalizers": None}})
    # Nothing keeps a pod from going.
    assert freed.get("kind") == "Pod" or freed.get("reason") == "NotFound", str(freed)[:500]


@pytest.mark.parametrize("name", EXTREMES)
def test_every_pod_that_the_api_server_takes_is_answered(api: Api, strict: str, lax: str, name: str) -> None:
    body = EXTREMES[name]()
    api.ask("POST", f"/api/v1/namespaces/{strict}/pods?dryRun=All", named(body))
    live(api, lax, body)


@pytest.mark.parametrize("seed", range(12))
def test_extremes_together_are_answered_too(api: Api, strict: str, lax: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable
    letters = ["<", "&", "\u2028", "\x01", '"', "\\", "é", "\U0001f600", "a"]
    made = pod(
        env=[
            {"name": f"A{n}", "value": chance.choice(letters) * chance.randrange(1, 60_000)}
            for n in range(chance.randrange(1, 9))
        ],
        image=chance.choice(["a/b:main", "", "A:B", "x" * 5_000, "a@sha256:" + "0" * 64, "a/b:1.2.3"]),
    )
    made["spec"]["initContainers"] = [
        {"name": f"i{n}", "image": f"a/b:{chance.choice(letters)}"} for n in range(chance.choice([0, 1, 350, 2_000]))
    ]
    made["metadata"]["managedFields"] = "@@"
    made["metadata"]["annotations"] = {f"a{n}": chance.choice(letters) * 1_000 for n in range(chance.randrange(30))}
    live(api, chance.choice([strict, lax]), raw(made, deep(chance.choice([3, 900, 4_000, 9_000]))))


@pytest.mark.parametrize("levels", [985, 9_900])
def test_templates_and_config_maps_are_answered_however_deep(api: Api, strict: str, levels: int) -> None:
    template = {"metadata": {"labels": AIRFLOW}, "spec": pod()["spec"]}
    spec = {"selector": {"matchLabels": AIRFLOW}, "template": template, "replicas": 0}
    metadata = {"name": f"deep-{levels}", "managedFields": "@@"}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    path = f"/apis/apps/v1/namespaces/{strict}/deployments"
    assert api.ask("POST", path, raw(deployment, deep(levels)))["kind"] == "Deployment"
    assert merge(api, f"{path}/deep-{levels}", {"metadata": {"labels": {"a": "b"}}})["kind"] == "Deployment"
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "<" * 100_000}}
    path = f"/api/v1/namespaces/{strict}/configmaps"
    assert api.ask("POST", path, raw(held, deep(levels)))["kind"] == "ConfigMap"
    assert merge(api, f"{path}/deep-{levels}", {"data": {"a": "&" * 1_000_000}})["kind"] == "ConfigMap"


def test_nothing_was_refused_or_broke_on_the_way(gate: Gate) -> None:
    # The last test of this module on purpose: everything above went to the same process.
    for path in ("/validate", "/mutate", "/guard"):
        for verdict in ("refused", "failed"):
            labels = f'dry_run="false",operation="other",path="{path}",verdict="{verdict}"'
            assert gate.server.metric(f"airlock_admission_reviews_total{{{labels}}}") == 0
    for reason in ("deadline", "handshakes", "connections", "memory", "head", "length", "syntax"):
        assert gate.server.metric(f'airlock_dropped_total{{reason="{reason}"}}') == 0
    assert Path(f"/proc/{gate.server.process.pid}").exists()


def test_what_nests_deeply_is_listed_and_watched_like_the_rest(api: Api, gate: Gate) -> None:
    namespace = gate.plane.namespace()
    deep_pod = raw(with_metadata(name="deep", managedFields="@@"), deep(9_900))
    assert api.ask("POST", f"/api/v1/namespaces/{namespace}/pods", deep_pod)["kind"] == "Pod"
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "deep", "managedFields": "@@"},
        "data": {"a": "b"},
    }
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert api.ask("POST", path, raw(held, deep(9_900)))["kind"] == "ConfigMap"
    with connect(kubeconfig=str(gate.plane.kubeconfig)) as cluster:
        pods = Listing(cluster, f"/api/v1/namespaces/{namespace}/pods")
        assert [decode_pod(item).name for item in pods] == ["deep"]
        lookup = Lookup(lambda: cluster, lambda: None)
        lookup.want(frozenset({(namespace, "deep")}))
        try:
            until(lambda: lookup.known == {(namespace, "deep"): {"a": "b"}}, "its data")
            merge(api, f"{path}/deep", {"data": {"a": "c"}})
            until(lambda: lookup.known == {(namespace, "deep"): {"a": "c"}}, "its new data")
        finally:
            lookup.stop()
