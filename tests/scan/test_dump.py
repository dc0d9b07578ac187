"""A dump is read as it comes: Lists and objects, one after the other, and what cannot be read is named."""

import json
import mmap
from pathlib import Path
from typing import Any

import pytest

from tests.harness.livepods import running
from tests.harness.scanning import dumped, listed
from webhook.scan.dump import Dump
from webhook.scan.pages import ListError
from webhook.scan.supply import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, NODES, PODS, REGISTRATIONS, Collection

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "x"}}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}


def taken(data: bytes | str) -> Dump:
    dump = Dump()
    dump.take("dump.json", data.encode() if isinstance(data, str) else data)
    return dump


def names(dump: Dump, collection: Collection = PODS, namespace: str | None = None) -> list[str]:
    return [json.loads(bytes(raw))["metadata"]["name"] for raw in dump.items(collection, namespace)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(POD),
        listed(POD),
        json.dumps({"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": POD["metadata"]}]}),
        listed(NODE) + "\n" + listed(POD) + "\n",
        json.dumps(POD, indent=4) + "\r\n\r\n" + json.dumps(NODE, indent=4),
        "\ufeff" + json.dumps(POD),
    ],
    ids=["object", "list", "typed", "documents", "objects", "marked"],
)
def test_a_pod_is_found_however_it_was_printed(text: str) -> None:
    dump = taken(text)
    assert (names(dump), dump.remarks) == (["a"], [])


def test_what_power_shell_wrote_is_read_too() -> None:
    assert names(taken(listed(POD).encode("utf-16"))) == ["a"]


def test_the_kind_of_a_typed_list_is_that_of_its_items() -> None:
    body = {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [{"metadata": {"name": "d"}}]}
    assert names(taken(json.dumps(body)), DEPLOYMENTS) == ["d"]


def test_old_versions_of_a_kind_are_the_same_kind() -> None:
    cron = {"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": "c"}}
    assert names(dumped(cron), Collection("batch", "v1", "cronjobs", "CronJob")) == ["c"]


def test_objects_are_told_by_namespace_and_by_name() -> None:
    other = {**POD, "metadata": {"name": "b", "namespace": "y"}}
    dump = dumped(POD, other)
    assert (names(dump), names(dump, PODS, "y"), names(dump, PODS, "z")) == (["a", "b"], ["b"], [])
    assert dump.item(PODS, "x", "a") is not None
    with pytest.raises(ListError, match="it is not in the dump"):
        dump.item(PODS, "y", "a")


@pytest.mark.parametrize("collection", [PODS, NODES, NAMESPACES, REGISTRATIONS])
def test_a_dump_without_what_matters_says_so(collection: Collection) -> None:
    with pytest.raises(ListError, match="the dump has none"):
        names(dumped(), collection)


@pytest.mark.parametrize("collection", [CONFIG_MAPS, DEPLOYMENTS])
def test_a_dump_may_well_have_none_of_the_rest(collection: Collection) -> None:
    assert names(dumped(), collection) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("kind: Pod\n", "is not what kubectl get -o json prints"),
        ('{"items": [1]}', "has something in it that is no object"),
        ('{"items": {}}', "is not what kubectl get -o json prints"),
        ("[]", "is not what kubectl get -o json prints"),
        ('{"kind": "Pod"', "is not what kubectl get -o json prints"),
        ("[" * 5000, "is not what kubectl get -o json prints"),
    ],
)
def test_what_is_no_dump_is_named_with_the_reason(text: str, why: str) -> None:
    (remark,) = taken(text).remarks
    assert (remark.place.file, remark.usable) == ("dump.json", False)
    assert remark.text.startswith(why)


def test_a_bad_document_does_not_keep_the_others_from_being_read() -> None:
    dump = taken(listed(POD) + '\n{"items": 5}\n' + json.dumps(NODE, indent=4))
    assert (names(dump), names(dump, NODES), len(dump.remarks)) == (["a"], ["n"], 1)


def test_no_value_of_a_dump_is_in_what_is_said_of_it() -> None:
    (remark,) = taken('{"items": [], "kind": {"password": "s3cret"}}').remarks
    assert "s3cret" not in remark.text


def test_a_map_of_a_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    pods: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Pod", **running(name=f"p{n}")} for n in range(3)]
    path.write_text(listed(*pods))
    dump = Dump()
    with path.open("rb") as file:
        dump.take("dump.json", mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    assert names(dump) == ["p0", "p1", "p2"]


DEEP = '{"f:a":' * 9_995 + "{}" + "}" * 9_995


@pytest.mark.parametrize(
    "strange",
    ['"\\ud800"', DEEP],
    ids=["half a surrogate pair", "9,995 levels"],
)
def test_what_nobody_reads_makes_no_dump_unusable(strange: str) -> None:
    odd = json.dumps({**POD, "metadata": {"name": "a", "namespace": "x", "managedFields": [{"x": "@"}]}}).replace(
        '"@"', strange
    )
    dump = taken(f'{{"kind": "List", "items": [{odd}, {json.dumps({**POD, "metadata": {"name": "b"}})}]}}')
    assert names(dump) == ["a", "b"]
    assert dump.remarks == []


def test_one_item_that_is_no_json_costs_that_item_and_is_told() -> None:
    dump = taken(
        f'{{"kind": "List", "items": [{json.dumps(POD)}, {{"kind": "Pod", "spec": nul}}, {json.dumps(NODE)}]}}'
    )
    assert names(dump) == ["a"]
    assert names(dump, NODES) == ["n"]
    assert [remark.text for remark in dump.remarks] == ["has something in it that is no object of Kubernetes"]
