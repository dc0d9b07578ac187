"""Bodies that no API server sends: each gets one line that says why, never a 500, never a redirect."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.reviews import UID, owned, review, scheduler, task
from tests.harness.server import Server, serving
from webhook.admission.envelope import MOST_TEXT
from webhook.admission.review import ReviewError, decode
from webhook.judge.request import Request
from webhook.serving.http.poller import ROOM

PATHS = ("/validate", "/mutate")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "policy.yaml").write_text("{apiVersion: airlock/v1, kind: Policy, mode: enforce}")
    with serving(folder, "--policy", str(folder / "policy.yaml")) as server:
        yield server


def envelope(**request: Any) -> dict[str, Any]:
    facts = {"uid": UID, "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE"}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": facts | request}


def raw(obj: str) -> bytes:
    """Return a review whose object is the bytes of *obj*."""
    return json.dumps(envelope(object="@", namespace="airflow")).replace('"@"', obj).encode(errors="surrogatepass")


BAD = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"x"',
    "a number": b"5",
    "broken JSON": b'{"apiVersion": ',
    "two values": b"{} {}",
    "bad UTF-8": b'{"apiVersion": "\xff"}',
    "UTF-16": json.dumps(envelope()).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(envelope()).encode(),
    "100,000 open brackets": b"[" * 100_000,
    "another kind": json.dumps(envelope() | {"kind": "Pod", "apiVersion": "v1"}).encode(),
    "another group": json.dumps(envelope() | {"apiVersion": "authorization.k8s.io/v1"}).encode(),
    "version v1beta1": json.dumps(envelope() | {"apiVersion": "admission.k8s.io/v1beta1"}).encode(),
    "no request": json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}).encode(),
    "a request that is a list": json.dumps(envelope() | {"request": []}).encode(),
    "no uid": json.dumps(envelope(uid="")).encode(),
    "a uid that is a number": json.dumps(envelope(uid=5)).encode(),
    "no kind": json.dumps(envelope(kind=None)).encode(),
    "groups that are a string": json.dumps(envelope(userInfo={"groups": "system:nodes"})).encode(),
}

# Bodies that are reviews of objects that cannot be read.
UNREADABLE = {
    "NaN": raw('{"spec": NaN}'),
    "a number of 5,000 digits for a name": raw('{"metadata": {"name": %s}' % ("9" * 5000)),
    "a torn end": raw('{"metadata": {"name": "x", "labels": {"tier": "airflow"')[:-30],
    "100,000 open brackets in the object": raw("[" * 100_000),
    "100,000 objects deep": raw('{"a":' * 100_000 + "1" + "}" * 100_000),
    "labels 100,000 deep": raw('{"metadata": {"labels": ' + '{"a":' * 100_000 + "1" + "}" * 100_002),
    "300,000 labels": raw(json.dumps({"metadata": {"labels": dict.fromkeys(map(str, range(300_000)), "")}})),
    "an object of another namespace": json.dumps(
        envelope(namespace="airflow", object={"metadata": {"namespace": "kube-system"}})
    ).encode(),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_a_body_that_is_no_admission_review_gets_a_400_with_one_line_that_says_why(
    server: Server, body: bytes, path: str
) -> None:
    status, headers, answer = server.ask(path, body)
    assert status == 400
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.decode().count("\n") == 1
    assert 10 < len(answer) < 500


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 400),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 400),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 400),
        ({"Content_Type": ""}, 400),
        ({"Content_Encoding": "gzip"}, 400),
        ({"Content_Type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_only_plain_json_is_read(server: Server, headers: dict[str, str], status: int) -> None:
    body = gzip.compress(review(scheduler())) if "Content_Encoding" in headers else review(scheduler())
    assert server.ask("/validate", body, **headers)[0] == status


def padded(size: int) -> bytes:
    labels = {"tier": "airflow", "component": "scheduler"}
    body = envelope(object={"metadata": {"labels": labels, "annotations": {"x": ""}}})
    room = size - len(json.dumps(body))
    body["request"]["object"]["metadata"]["annotations"]["x"] = "a" * room
    return json.dumps(body).encode()


def test_a_body_of_the_largest_size_is_read_and_one_that_is_larger_is_a_violation_of_its_own(server: Server) -> None:
    assert server.review("/validate", padded(ROOM))["allowed"]
    answer = server.review("/validate", padded(ROOM + 1))
    assert answer["allowed"] is False
    assert (
        f"unreadable: the object: has {ROOM + 1:,} bytes, and at most {ROOM:,} are read" in answer["status"]["message"]
    )
    assert server.review("/mutate", padded(ROOM + 1)) == {"uid": UID, "allowed": True}


def test_a_large_body_that_is_no_utf8_is_not_mended_and_one_that_is_utf8_is_read(server: Server) -> None:
    body = padded(5 * 1024 * 1024)
    assert server.review("/validate", body.replace(b"aaaa", "éé".encode(), 1))["allowed"]
    answer = server.review("/validate", body.replace(b"aaaa", b"aaa\xff", 1))
    assert "is not UTF-8, and no more than 4 MiB of that are mended" in answer["status"]["message"]


@pytest.mark.parametrize("character", ["\U0001f600", rb"\u2028".decode(), rb"\ud83d\ude00".decode()])
def test_text_that_would_take_four_times_its_bytes_is_not_read_and_latin_text_of_that_size_is(
    server: Server, character: str
) -> None:
    body = padded(MOST_TEXT // 4 + 4096)
    assert server.review("/validate", body)["allowed"]
    wide = body.replace(b"aaaaaaaaaaaa", character.encode(), 1)
    answer = server.review("/validate", wide)
    assert answer["allowed"] is False
    assert "has text that takes more than 48 MiB of memory, and no more is read" in answer["status"]["message"]
    assert server.review("/mutate", wide) == {"uid": UID, "allowed": True}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_object_that_cannot_be_read_is_a_violation_of_its_own_and_mutate_allows_it(
    server: Server, body: bytes
) -> None:
    answer = server.review("/validate", body)
    assert answer["allowed"] is False
    assert answer["status"]["message"].splitlines()[1].startswith("- unreadable: the object: ")
    assert server.review("/mutate", body) == {"uid": UID, "allowed": True}


def test_half_a_surrogate_pair_and_bytes_that_are_no_utf8_are_read_as_go_reads_them(server: Server) -> None:
    pod = json.dumps(scheduler("apache/airflow:latest"))
    for noise in (b"\\ud800", b"\\udc00 \\ud83d", b"\xff\xfe"):
        body = raw(pod.replace('"namespace"', '"annotations": {"x": "@"}, "namespace"')).replace(
            b'"@"', b'"' + noise + b'"'
        )
        assert "mutable-tag: " in server.review("/validate", body)["status"]["message"]


@pytest.mark.parametrize("path", ["/validate/", "//validate", "/validate?timeout=10s", "/mutate/?timeout=x&timeout=-1"])
def test_no_path_is_ever_redirected(server: Server, path: str) -> None:
    status, headers, _ = server.ask(path, review(scheduler()))
    assert status in (200, 404)
    assert "location" not in headers


@pytest.mark.parametrize(("path", "status"), [("/", 404), ("/metrics", 404), ("/validate", 405), ("/static/x", 404)])
def test_other_paths_and_methods_get_one_line(server: Server, path: str, status: int) -> None:
    found, _, answer = server.ask(path, None)
    assert found == status
    assert answer.count(b"\n") == 1


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
def test_what_is_neither_made_nor_changed_is_allowed_without_a_patch_and_counted(
    server: Server, operation: str
) -> None:
    series = (
        f'airlock_admission_reviews_total{{dry_run="false",operation="{operation}",path="/validate",verdict="ignored"}}'
    )
    before = server.metric(series)
    for path in PATHS:
        body = review(None, operation=operation, old=scheduler("apache/airflow:latest"), kind="Pod")
        assert server.review(path, body) == {"uid": UID, "allowed": True}
    assert server.metric(series) == before + 1


@pytest.mark.parametrize(
    ("kind", "subresource", "obj"),
    [
        ("PodExecOptions", "exec", {"kind": "PodExecOptions", "container": "scheduler", "command": ["sh"]}),
        ("Binding", "binding", {"kind": "Binding", "target": {"name": "node"}}),
        ("Pod", "status", scheduler("apache/airflow:latest")),
        ("Pod", "resize", scheduler("apache/airflow:latest")),
        ("EphemeralContainers", "ephemeralcontainers", {"ephemeralContainers": [{"name": "d", "image": "busybox"}]}),
        ("Workflow", "", {"spec": {"containers": [{"image": "busybox:latest"}]}}),
        ("Namespace", "", {"metadata": {"name": "airflow"}}),
    ],
)
def test_unknown_kinds_and_other_subresources_are_allowed_without_a_patch(
    server: Server, kind: str, subresource: str, obj: dict[str, Any]
) -> None:
    for path in PATHS:
        body = review(obj, kind=kind, subresource=subresource, operation="UPDATE" if subresource else "CREATE")
        assert server.review(path, body) == {"uid": UID, "allowed": True}


@pytest.mark.parametrize(
    ("obj", "where"),
    [
        ("null", "the object"),
        ("5", "the object"),
        ('"pod"', "the object"),
        ('{"metadata": [], "spec": {}}', "metadata"),
        ('{"metadata": {"labels": "x"}}', "metadata.labels"),
        ('{"metadata": {"labels": {"tier": "airflow", "component": "worker"}}, "spec": []}', "spec"),
        ('{"metadata": {"labels": {"tier": "airflow"}}, "spec": {"containers": {}}}', "spec.containers"),
        ('{"metadata": {"labels": {"tier": "airflow"}}, "spec": {"volumes": [{"name": 1}]}}', "spec.volumes[0].name"),
    ],
)  # fmt: skip
def test_an_object_that_cannot_be_read_is_denied_with_its_path(server: Server, obj: str, where: str) -> None:
    answer = server.review("/validate", raw(obj))
    assert answer["allowed"] is False
    assert answer["status"]["code"] == 422
    assert f"mutable-tag: {where}: cannot be read: " in answer["status"]["message"]
    assert server.review("/mutate", raw(obj)) == {"uid": UID, "allowed": True}


def test_a_denial_carries_no_details_which_kubectl_would_print_instead(server: Server) -> None:
    answer = server.review("/validate", review(scheduler("apache/airflow:latest")))
    assert set(answer) == {"uid", "allowed", "status"}
    assert set(answer["status"]) == {"code", "reason", "message"}
    assert (answer["status"]["code"], answer["status"]["reason"]) == (422, "Invalid")


def test_a_name_that_is_generated_later_is_written_with_a_star(server: Server) -> None:
    pod = scheduler("apache/airflow:latest")
    pod["metadata"] |= {"name": "", "generateName": "airflow-scheduler-7d4b9c-"}
    message = server.review("/validate", review(pod))["status"]["message"]
    assert message.startswith("scheduler Pod 'airflow/airflow-scheduler-7d4b9c-*': mutable-tag: ")


def test_a_hostile_name_breaks_neither_the_answer_nor_the_log(server: Server) -> None:
    pod = task()
    pod["metadata"]["annotations"]["dag_id"] = "x\n\x00\x1b[31m" + "é" * 5000
    message = server.review("/validate", review(pod, uid="hostile"))["status"]["message"]
    assert "\x1b" not in message
    first, finding = message.splitlines()
    assert len(first) <= 200
    assert finding.startswith("- mutable-tag: ")
    assert [record for record in server.settled().records() if record.get("uid") == "hostile"]


def test_refused_bodies_are_counted(server: Server) -> None:
    series = 'airlock_admission_reviews_total{dry_run="false",operation="other",path="/validate",verdict="refused"}'
    before = server.metric(series)
    server.ask("/validate", b"null")
    server.ask("/validate", b"{}", Content_Type="text/plain")
    assert server.metric(series) == before + 2


SECRET = "t0psecret-execution-token"  # noqa: S105 - a value that must not be told


def test_nothing_of_a_pods_values_is_ever_logged(server: Server) -> None:
    pod = owned(task(), "ReplicaSet")
    pod["spec"]["containers"][0] |= {"env": [{"name": "A", "value": SECRET}], "args": ["--json-string", SECRET]}
    pod["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = SECRET
    broken = {**pod, "spec": {"containers": [{"image": 5, "env": [{"name": "A", "value": [SECRET]}]}]}}
    for obj in (pod, broken):
        for path in PATHS:
            assert SECRET not in json.dumps(server.review(path, review(obj)))
    server.ask("/validate", review(pod)[:-20])
    server.ask("/validate", review({**pod, "metadata": {"namespace": SECRET}}))
    assert SECRET not in server.settled().log.read_text()
    assert SECRET not in server.probe("/metrics")[1]


def test_the_server_never_answered_500(server: Server) -> None:
    # The last test of this module on purpose: everything above went to the same process.
    assert server.process.poll() is None
    for path in PATHS:
        name = f'airlock_admission_reviews_total{{dry_run="false",operation="other",path="{path}",verdict="failed"}}'
        assert server.metric(name) == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def mutations(value: Any) -> st.SearchStrategy[Any]:
    """Return *value* with any part of it replaced by any JSON."""
    if isinstance(value, dict) and value:
        return st.sampled_from(sorted(value)).flatmap(
            lambda key: st.one_of(json_values, mutations(value[key])).map(lambda part: {**value, key: part})
        )
    if isinstance(value, list) and value:
        return st.one_of(json_values, mutations(value[0])).map(lambda part: [part, *value[1:]])
    return json_values


def read(body: bytes) -> Request | str:
    """Return the request in *body*, or why it is refused; anything else that is raised fails the test."""
    try:
        return decode(body)
    except ReviewError as error:
        return str(error)


@settings(max_examples=500)
@given(mutations(json.loads(review(scheduler(), old=scheduler(), operation="UPDATE"))))
def test_a_mutated_review_is_decoded_or_refused_and_never_breaks(body: Any) -> None:
    found = read(json.dumps(body).encode())
    assert "\n" not in found if isinstance(found, str) else found.uid == body["request"]["uid"]


@settings(max_examples=500)
@given(st.binary(max_size=60), st.integers(0, 2000))
def test_bytes_put_anywhere_into_a_review_never_break_the_reading(noise: bytes, at: int) -> None:
    body = review(scheduler())
    at %= len(body)
    found = read(body[:at] + noise + body[at + len(noise) :])
    assert not isinstance(found, str) or "\n" not in found
