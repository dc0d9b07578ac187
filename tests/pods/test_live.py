"""Pods and nodes as the API server lists them: what is read of them, and what is not."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.livepods import ago, digest, live, node, running, status
from webhook.pods.live import RunningImage, decode_pod, slim
from webhook.pods.nodes import decode_node, known
from webhook.pods.workload import UnreadableError


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        (f"docker.io/apache/airflow@{digest('a')}", digest("a")),
        (f"docker-pullable://localhost:5000/airflow@{digest('a')}", digest("a")),
        (f"repo@sha512:{'b' * 128}", f"sha512:{'b' * 128}"),
        (digest("a"), None),  # of the configuration
        (f"docker://{digest('a')}", None),
        ("", None),
        ("docker.io/apache/airflow:2.10.5", None),
        (f"repo@sha256:{'a' * 63}", None),
        (f"repo@sha256:{'A' * 64}", None),
        (f"repo@{digest('a')}\n", None),
    ],
)
def test_only_the_digest_that_an_image_was_pulled_by_is_one_to_compare(image_id: str, expected: str | None) -> None:
    assert RunningImage(image_id, None).digest == expected


def test_a_pod_is_read_with_its_node_its_start_and_what_each_container_runs() -> None:
    pod = live(running(node="node-b", started=ago(hours=2)))
    assert (pod.namespace, pod.name) == ("airflow", "airflow-scheduler-6d4cf-b")
    assert (pod.node, pod.phase) == ("node-b", "Running")
    assert pod.created == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    (image,) = pod.images.values()
    assert image == RunningImage(f"docker.io/apache/airflow@{digest('1')}", pod.created)
    assert not pod.ended
    assert not pod.deleting


def test_a_container_that_ended_has_an_end_and_one_that_crashes_has_not() -> None:
    body = running()
    ended = {"terminated": {"startedAt": ago(hours=2), "finishedAt": ago(hours=1)}}
    body["status"]["initContainerStatuses"] = [{"name": "init", "imageID": "x", "state": ended}]
    waiting = status("scheduler", "y", ago(hours=1))
    waiting |= {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended}
    body["status"]["containerStatuses"] = [waiting]
    images = live(body).images
    assert images["initContainers", "init"].until == datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    assert images["containers", "scheduler"].since == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert images["containers", "scheduler"].until is None


def test_a_pod_with_fields_of_wrong_types_is_read_as_far_as_it_can_be() -> None:
    body = running()
    body["spec"]["containers"][0]["image"] = 7
    body["status"]["containerStatuses"] = "none"
    pod = live(body)
    assert (pod.namespace, pod.name) == ("airflow", "airflow-scheduler-6d4cf-a")
    assert [problem.path for problem in pod.workload.unreadable] == ["spec.containers[0].image"]
    assert pod.images == {}


def test_what_is_no_json_is_no_pod() -> None:
    with pytest.raises(UnreadableError):
        decode_pod(b"{")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from(["metadata", "spec", "status"]), value=json_values)
def test_any_json_in_the_place_of_a_part_is_survived(field: str, value: object) -> None:
    assert decode_pod(json.dumps(running() | {field: value}).encode()).workload.kind == "Pod"


def test_nodes_are_grouped_by_runtime_and_platform() -> None:
    others = [node("c", architecture="arm64"), node("d", runtime="cri-o://1.30.1"), node("e", "")]
    nodes = known([node("a"), node("b"), *others])
    assert nodes.group("a") == nodes.group("b") == "containerd linux/amd64"
    assert len({nodes.group(name) for name in "acd"}) == 3
    assert nodes.group("e") == nodes.group("unheard-of") == ""


def test_digests_that_any_node_lists_for_one_image_are_one_over_all_nodes() -> None:
    one = [f"repo@{digest('a')}", f"repo@{digest('b')}", "repo:tag"]
    two = [f"repo@{digest('c')}", f"mirror/repo@{digest('b')}"]
    nodes = known([node("x", same=(one,)), node("y", same=(two, [f"other@{digest('d')}", "other:1"]))])
    assert len({nodes.canonical(digest(letter)) for letter in "abc"}) == 1
    assert nodes.canonical(digest("d")) == digest("d")


@given(st.lists(st.lists(st.sampled_from("abcdef0"), min_size=2, max_size=3, unique=True), max_size=6), st.randoms())
def test_which_digests_are_one_does_not_depend_on_the_order_of_nodes(lists: list[list[str]], chance: object) -> None:
    names = [[f"repo@{digest(letter)}" for letter in letters] for letters in lists]
    shuffled = list(names)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    one = known(node(f"n{nth}", same=(each,)) for nth, each in enumerate(names))
    other = known(node(f"n{nth}", same=(each,)) for nth, each in enumerate(shuffled))
    for first in "abcdef0":
        for second in "abcdef0":
            same = one.canonical(digest(first)) == one.canonical(digest(second))
            assert same == (other.canonical(digest(first)) == other.canonical(digest(second)))
    for letters in lists:
        assert len({one.canonical(digest(letter)) for letter in letters}) == 1


def test_a_node_of_the_wrong_shape_is_none() -> None:
    assert decode_node(b'{"metadata": []}') is None


def test_a_slim_pod_is_judged_as_the_whole_one_and_holds_no_variable_but_those_that_are_asked_for() -> None:
    pod = running()
    env = [{"name": "PASSWORD", "value": "s3cret"}, {"name": "DEPLOY_ENV", "value": "prod"}]
    pod["spec"]["containers"][0]["env"] = env
    pod["spec"]["initContainers"] = [{"name": "init", "image": "x/y:1.0.0", "env": env}]
    pod["spec"]["volumes"] = [{"name": "v"}, {"name": "data", "image": {"reference": "x/z:1.0.0"}}]
    pod["metadata"]["annotations"] = {"dag_id": "sales", "last-applied": "s3cret" * 200}
    whole, thin = live(pod), slim(live(pod), frozenset({"DEPLOY_ENV"}))
    assert list(thin.workload.images) == list(whole.workload.images)
    assert (thin.labels, thin.images, thin.uid) == (whole.labels, whole.images, whole.uid)
    assert thin.workload.metadata.controller == whole.workload.metadata.controller
    assert thin.workload.metadata.annotations == {"dag_id": "sales"}
    (container,) = thin.workload.spec.containers or []
    assert [one.name for one in container.env or []] == ["DEPLOY_ENV"]
    assert "s3cret" not in repr(thin)
