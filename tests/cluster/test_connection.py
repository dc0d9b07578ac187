"""The API server is asked as who we are, with time limits, and every answer is a value."""

import gzip
import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from kubernetes.client import Configuration

from tests.harness.control_plane import ControlPlane
from webhook.cluster import Answer, Cluster, ClusterError, UnidentifiedError, UnreachableError, connect, standing
from webhook.cluster.answers import LARGEST


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    with connect(kubeconfig=str(control_plane.kubeconfig)) as made:
        yield made


def pod_files(control_plane: ControlPlane, namespace: str, folder: Path) -> dict[str, str]:
    """Write into *folder* what the kubelet gives a pod of *namespace*, and return its environment."""
    document = yaml.safe_load(control_plane.token_kubeconfig(namespace, "default").read_text())
    (folder / "token").write_text(document["users"][0]["user"]["token"] + "\n")
    (folder / "ca.crt").write_text(control_plane.ca_pem)
    host, _, port = control_plane.url.removeprefix("https://").rpartition(":")
    return {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}


def test_a_pod_asks_as_its_service_account(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    environ = pod_files(control_plane, namespace, tmp_path)
    with connect(environ=environ, credentials=tmp_path) as cluster:
        answer = cluster.call("GET", f"/api/v1/namespaces/{namespace}/secrets")
    assert answer.status == 403
    assert f'User "system:serviceaccount:{namespace}:default"' in answer.why


def test_a_request_without_the_token_that_it_should_have_is_not_sent(control_plane: ControlPlane) -> None:
    bare = Configuration(host=control_plane.url, ssl_ca_cert=str(control_plane.site.folder / "ca.crt"))
    with Cluster(bare, in_cluster=True) as cluster, pytest.raises(UnidentifiedError, match="token"):
        cluster.call("GET", "/api/v1/namespaces")


def test_an_answer_to_nobody_says_that_the_credentials_are_missing(control_plane: ControlPlane) -> None:
    bare = Configuration(host=control_plane.url, ssl_ca_cert=str(control_plane.site.folder / "ca.crt"))
    with Cluster(bare) as cluster:
        answer = cluster.call("GET", "/api/v1/namespaces")
    assert answer.status in (401, 403)
    assert answer.why.endswith("(no credentials came with the request, or none that the API server knows)")


def test_the_environment_names_the_kubeconfig_and_a_pod_needs_none(control_plane: ControlPlane, tmp_path: Path) -> None:
    environ = {"KUBECONFIG": str(control_plane.kubeconfig), "KUBERNETES_SERVICE_HOST": "192.0.2.1"}
    with connect(environ=environ, credentials=tmp_path) as cluster:
        assert cluster.call("GET", "/api/v1/namespaces/default").ok


def test_a_context_is_chosen_by_name(control_plane: ControlPlane) -> None:
    with connect(kubeconfig=str(control_plane.kubeconfig), context="airlock") as cluster:
        assert cluster.call("GET", "/api/v1/namespaces/default").ok
    with pytest.raises(ClusterError, match="nowhere"):
        connect(kubeconfig=str(control_plane.kubeconfig), context="nowhere")


def test_what_leads_to_no_cluster_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(ClusterError, match=missing):
        connect(kubeconfig=missing)
    for text, why in (
        (b"[]", "it is no kubeconfig"),
        (b"text", "it is no kubeconfig"),
        (b"{", "it is not YAML"),
        (b"\xff", "it is not UTF-8"),
        (b"a: b", "contexts"),
        (b"", "is empty"),
    ):
        (tmp_path / "bad").write_bytes(text)
        with pytest.raises(ClusterError, match=f"leads to no cluster: .*{why}") as refused:
            connect(environ={"KUBECONFIG": str(tmp_path / "bad")})
        assert "\n" not in str(refused.value)
    with pytest.raises(ClusterError, match="ServiceAccount"):
        connect(environ={"KUBERNETES_SERVICE_HOST": "192.0.2.1"}, credentials=tmp_path)


@pytest.mark.parametrize("server", ["127.0.0.1:6443", "not a url", "", "https:"])
def test_a_server_that_is_no_url_is_said_to_be_none(control_plane: ControlPlane, tmp_path: Path, server: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(control_plane.kubeconfig.read_text().replace(control_plane.url, f"'{server}'"))
    with pytest.raises(ClusterError, match=f"server: '{server}' is not https://HOST:PORT"):
        connect(kubeconfig=str(path))


def test_where_someone_stands_is_what_kubectl_says(control_plane: ControlPlane, tmp_path: Path) -> None:
    body = yaml.safe_load(control_plane.kubeconfig.read_text())
    body["contexts"].append({"name": "mine", "context": {**body["contexts"][0]["context"], "namespace": "data"}})
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(body))
    environ = {"KUBECONFIG": str(path)}
    current, mine = standing(environ=environ), standing(environ=environ, context="mine")
    assert (current.context, current.namespace) == ("airlock", "default")
    assert (mine.context, mine.namespace) == ("mine", "data")
    with pytest.raises(ClusterError, match="'nowhere' is neither 'airlock' nor 'mine'"):
        standing(environ=environ, context="nowhere")


def test_only_who_names_no_context_needs_a_current_one(control_plane: ControlPlane, tmp_path: Path) -> None:
    body = yaml.safe_load(control_plane.kubeconfig.read_text())
    path = str(tmp_path / "kubeconfig")
    for current, why in (
        (None, f"{path} has no current context; name one by --context, of 'airlock'"),
        ("", f"{path} has no current context; name one by --context, of 'airlock'"),
        ("gone", f"current-context: 'gone' is not 'airlock' (the contexts of {path})"),
    ):
        body["current-context"] = current
        if current is None:
            del body["current-context"]
        Path(path).write_text(yaml.safe_dump(body))
        assert standing(kubeconfig=path, context="airlock").context == "airlock"
        with connect(kubeconfig=path, context="airlock") as cluster:
            assert cluster.call("GET", "/api").ok
        for ask in (standing, connect):
            with pytest.raises(ClusterError) as refused:
                ask(kubeconfig=path)
            assert str(refused.value) == why


def test_a_pod_stands_in_its_own_namespace(tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("airlock\n")
    found = standing(environ={"KUBERNETES_SERVICE_HOST": "192.0.2.1"}, credentials=tmp_path)
    assert (found.context, found.namespace) == ("", "airlock")


def test_objects_are_created_patched_and_missed(cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = cluster.call("POST", path, body={"metadata": {"name": "a"}, "data": {"x": "Ä"}})
    assert (made.status, made.body["data"]) == (201, {"x": "Ä"})
    again = cluster.call("POST", path, body={"metadata": {"name": "a"}})
    assert (again.ok, again.status) == (False, 409)
    missing = cluster.call("GET", f"{path}/b")
    assert (missing.status, missing.why) == (404, 'configmaps "b" not found')
    listed = cluster.call("GET", path, query={"fieldSelector": "metadata.name=a"})
    assert [item["metadata"]["name"] for item in listed.body["items"]] == ["a"]


def test_a_refused_connection_is_an_error_that_says_so(control_plane: ControlPlane, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody else listens there meanwhile
        url = f"https://127.0.0.1:{bound.getsockname()[1]}"
        path = tmp_path / "kubeconfig"
        path.write_text(control_plane.kubeconfig.read_text().replace(control_plane.url, url))
        with connect(kubeconfig=str(path)) as cluster, pytest.raises(UnreachableError, match="refused"):
            cluster.call("GET", "/api")


def test_a_certificate_of_a_stranger_is_an_error_that_says_so(control_plane: ControlPlane) -> None:
    stranger = Configuration(host=control_plane.url)
    with (
        Cluster(stranger) as cluster,
        pytest.raises(UnreachableError, match=r"\Ahttps://127.0.0.1:\d+: \[SSL.*certificate verify failed.*\Z"),
    ):
        cluster.call("GET", "/api")


def test_a_watch_tells_its_lines_and_ends(cluster: Cluster, namespace: str) -> None:
    query = {"watch": "1", "timeoutSeconds": "1"}
    lines = cluster.watch(f"/api/v1/namespaces/{namespace}/serviceaccounts", query=query, seconds=5)
    assert lines.refusal is None
    objects = [(line.type, json.loads(bytes(line.object))["metadata"]) for line in lines]
    # Later servers may begin with a bookmark, which has no name.
    assert ("ADDED", "default") in [(type_, metadata.get("name")) for type_, metadata in objects]
    lines.close()


def test_a_watch_that_is_refused_says_why(cluster: Cluster) -> None:
    lines = cluster.watch("/api/v1/nothing", query={"watch": "1"}, seconds=5)
    assert lines.refusal is not None
    assert lines.refusal.status == 404
    lines.close()


def test_a_watch_that_is_over_can_be_interrupted(cluster: Cluster, namespace: str) -> None:
    query = {"watch": "1", "timeoutSeconds": "1"}
    lines = cluster.watch(f"/api/v1/namespaces/{namespace}/serviceaccounts", query=query, seconds=5)
    list(lines)
    lines.interrupt()
    lines.close()
    lines.interrupt()
    assert cluster.call("GET", f"/api/v1/namespaces/{namespace}").ok


@pytest.mark.parametrize(
    ("body", "why"), [({"message": "no"}, "no"), ({}, ""), ("<html>", "<html>"), (None, "None"), ([], "[]")]
)
def test_an_answer_of_any_shape_has_a_reason(body: object, why: str) -> None:
    assert Answer(500, body).why == why


def test_an_event_goes_into_the_namespace_that_it_names(cluster: Cluster, namespace: str) -> None:
    event = {
        "metadata": {"namespace": namespace, "name": "a.1"},
        "eventTime": "2026-03-01T12:00:00.000000Z",
        "type": "Warning",
        "reason": "Denied",
        "action": "Admission",
        "reportingController": "airlock",
        "reportingInstance": "airlock-0",
        "regarding": {"kind": "Pod", "namespace": namespace, "name": "a"},
        "note": "no",
    }
    assert cluster.create_event(event).status == 201
    series = {"series": {"count": 2, "lastObservedTime": "2026-03-01T12:00:01.000000Z"}}
    assert cluster.patch_event(namespace, "a.1", series).body["series"]["count"] == 2
    assert cluster.patch_event(namespace, "b", series).status == 404


@cache
def packed(size: int) -> bytes:
    """Return a body of *size* bytes, compressed."""
    return gzip.compress(b"<" * size)


class Pages(BaseHTTPRequestHandler):
    """A server whose lists are compressed, and of a size that the path says; `torn` ones lack their end."""

    def do_GET(self) -> None:
        kind, size = self.path.strip("/").split("/")
        body = b"<" * int(size) if kind == "plain" else packed(int(size))[: -1 if kind == "torn" else None]
        self.send_response(200)
        if kind != "plain":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # who has read enough does not read the rest
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as http.server calls it
        """Say nothing."""


@pytest.fixture(scope="module")
def pages() -> Iterator[Cluster]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with Cluster(Configuration(host=f"http://127.0.0.1:{server.server_address[1]}")) as cluster:
                yield cluster
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_a_page_is_read_up_to_the_bound_and_one_that_is_larger_counts_as_too_large(pages: Cluster, kind: str) -> None:
    page = pages.read(f"/{kind}/{LARGEST}")
    assert (page.status, len(page.data)) == (200, LARGEST)
    beyond = pages.read(f"/{kind}/{LARGEST + 1}")
    assert (beyond.status, beyond.why) == (413, f"the answer has more than {LARGEST} bytes")


def test_a_page_takes_no_memory_beyond_its_bound_however_well_it_is_compressed(pages: Cluster) -> None:
    packed(8 * LARGEST)  # by the server, in this process
    tracemalloc.start()
    try:
        assert pages.read(f"/gzip/{8 * LARGEST}").status == 413
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * LARGEST  # its pieces, and the whole


def test_a_compressed_page_that_breaks_off_is_no_answer(pages: Cluster) -> None:
    with pytest.raises(UnreachableError, match="the answer ended before its end"):
        pages.read("/torn/100")


class Busy(BaseHTTPRequestHandler):
    """A server that is overloaded, behind a proxy that says so in its own words."""

    def do_GET(self) -> None:
        self.send_response(429)
        self.send_header("Retry-After", "7" if self.path == "/seconds" else "Fri, 31 Dec 2027 23:59:59 GMT")
        self.end_headers()
        self.wfile.write(b"<html>busy\xff</html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as http.server calls it
        """Say nothing."""


def test_a_server_that_asks_for_patience_is_understood_and_not_waited_for_here() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with Cluster(Configuration(host=f"http://127.0.0.1:{server.server_address[1]}")) as cluster:
                busy, later = cluster.call("GET", "/seconds"), cluster.call("GET", "/date")
        finally:
            server.shutdown()
            thread.join()
    assert (busy.status, busy.retry_after, busy.why) == (429, 7.0, "<html>busy\ufffd</html>")
    assert (later.status, later.retry_after) == (429, None)
