"""JSON that is nested too deeply, cut off or broken is read as far as anybody needs, in time linear in its size."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.pods import skim
from webhook.pods.live import decode_pod
from webhook.pods.workload import decode

texts = st.text(st.sampled_from('ab,:{}[]"\\\u2028é\x00 '), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
layouts = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}])


def deep(levels: int) -> str:
    return '{"f:a":' * levels + "{}" + "}" * levels


def without(value: Any) -> Any:
    """Return *value* without managedFields that hold a list or an object, the slow way."""
    if isinstance(value, dict):
        return {
            key: without(inner)
            for key, inner in value.items()
            if not (key == "managedFields" and isinstance(inner, list | dict))
        }
    return [without(inner) for inner in value] if isinstance(value, list) else value


def with_unread(value: Any) -> st.SearchStrategy[Any]:
    """Return *value*, with managedFields in some of its objects."""
    if isinstance(value, dict):
        inner = st.fixed_dictionaries({key: with_unread(item) for key, item in value.items()})
        return inner | st.tuples(inner, values).map(lambda pair: {**pair[0], "managedFields": pair[1]})
    return st.tuples(*map(with_unread, value)).map(list) if isinstance(value, list) else st.just(value)


@given(values.flatmap(with_unread), layouts)
def test_nothing_but_managed_fields_is_left_out(value: Any, layout: dict[str, Any]) -> None:
    assert json.loads(skim.without_unread(json.dumps(value, **layout).encode())) == without(value)


def count(value: Any) -> int:
    """Return the structural marks in the JSON of *value*: what opens, and commas."""
    if isinstance(value, dict):
        return 1 + max(0, len(value) - 1) + sum(map(count, value.values()))
    return 1 + max(0, len(value) - 1) + sum(map(count, value)) if isinstance(value, list) else 0


@given(values, layouts, st.integers(0, 20))
def test_what_is_heavy_has_more_values_and_strings_weigh_nothing(value: Any, layout: dict[str, Any], most: int) -> None:
    data = json.dumps(value, **layout).encode()
    assert skim.is_heavy(data, most) == skim.is_heavy(memoryview(data), most) == (count(value) > most)


@given(values, layouts, st.data())
def test_any_beginning_becomes_json_that_says_the_same_and_less(
    value: Any, layout: dict[str, Any], data: st.DataObject
) -> None:
    whole = json.dumps({"a": value}, **layout).encode()
    found = json.loads(skim.closed(whole[: data.draw(st.integers(1, len(whole)))]))
    assert is_part(found, {"a": value})
    assert json.loads(skim.closed(whole)) == {"a": value}


def is_part(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and is_part(part[key], whole[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and all(map(is_part, part, whole)) and len(part) <= len(whole)
    return bool(part == whole)


def test_a_beginning_is_cut_where_it_becomes_too_deep() -> None:
    found = skim.closed(b'{"a":1,"b":' + b"[" * 100_000)
    assert json.loads(found)["a"] == 1
    assert len(found) < 200


@given(st.lists(values, max_size=5), layouts)
def test_the_elements_of_a_list_come_out_one_by_one(items: list[Any], layout: dict[str, Any]) -> None:
    data = json.dumps({"kind": "List", "items": items, "other": []}, **layout).encode()
    assert [json.loads(bytes(item)) for item in skim.elements(data, b"items")] == items


def test_one_broken_element_costs_that_element() -> None:
    data = b'{"items": [{"a": 1}, {"b": "\x01", "c": [tru]}, {"d": "]}"}], "more": [{}]}'
    assert list(skim.elements(data, b"items")) == [b'{"a": 1}', b' {"b": "\x01", "c": [tru]}', b' {"d": "]}"}']


@pytest.mark.parametrize("levels", [10, 985, 9_995, 100_000])
def test_a_pod_whose_managed_fields_nest_however_deeply_is_read(levels: int) -> None:
    metadata = {"managedFields": [{"manager": "m", "fieldsV1": "@"}], "name": "x", "labels": {"a": "b"}}
    spec = {"containers": [{"name": "c", "image": "i"}]}
    pod = json.dumps({"kind": "Pod", "metadata": metadata, "spec": spec}).replace('"@"', deep(levels)).encode()
    workload = decode(pod, "", "Pod")
    assert workload is not None
    assert (workload.metadata.name, workload.metadata.labels) == ("x", {"a": "b"})
    assert [place.image for place in workload.images] == ["i"]
    assert decode_pod(pod).name == "x"


@given(st.lists(st.text(max_size=30), max_size=4), layouts, st.integers(0, 200))
def test_what_takes_more_memory_than_that_when_it_is_decoded_is_wide(
    found: list[str], layout: dict[str, Any], most: int
) -> None:
    data = json.dumps(found, **layout).encode(errors="surrogatepass")
    widths = [1 if text.isascii() else 2 if max(text) <= "\uffff" else 4 for text in found]
    takes = sum(len(text) * width for text, width in zip(found, widths, strict=True))
    if max(widths, default=1) > 1 and any(max(text, default="") > "\xff" for text in found) and takes > most:
        assert skim.is_wide(data, most)
        assert skim.is_wide(memoryview(data), most)


@pytest.mark.parametrize("data", [b"a" * 1000, rb"\u003c" * 1000, rb"\u003c" * 40 + "é".encode()])
def test_what_the_api_server_writes_as_six_bytes_is_not_wide(data: bytes) -> None:
    assert not skim.is_wide(data, 500)


@pytest.mark.parametrize("character", ["é", "\u2028", "\U0001f600"])
@pytest.mark.parametrize("before", range(4))
def test_a_character_across_two_pieces_is_mended_whole(character: str, before: int) -> None:
    text = b"a" * ((1 << 20) - before) + character.encode()
    assert skim.mended(text + b"\xff") == text + "\ufffd".encode()


class Named(msgspec.Struct):
    name: str = ""


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (rb'{"other":"\ud800","name":"a"}', "a"),
        (rb'{"name":"\udc00\ud83d"}', "\ufffd\ufffd"),
        (rb'{"name":"\ud83d\ude00"}', "😀"),
        (rb'{"name":"\\ud800"}', "\\ud800"),
        (rb'{"other":"\ud800","name":"\\\ud800"}', "\\\ufffd"),
        (b'{"name":"\xff"}', "\ufffd"),
    ],
)
def test_what_is_no_unicode_is_read_as_go_reads_it(data: bytes, name: str) -> None:
    assert skim.decode(msgspec.json.Decoder(Named), data).name == name


@pytest.mark.parametrize("data", [b"", b"{", b'{"name": 5}', b"[" * 100_000, b'{"name": "\x01"}', b"\xff"])
def test_what_is_no_json_or_of_another_type_raises(data: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        skim.decode(msgspec.json.Decoder(Named), data)


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 400_000,
        b'"' + b"\\" * 800_001,
        b'{"a' * 300_000,
        b'"",' * 300_000,
        b'"managedFields":' * 50_000,
        b'{"managedFields": [' + b"1," * 300_000,
        b'{"managedFields": [' + b'"a\\' * 300_000,
    ],
)
def test_hostile_text_costs_a_time_that_grows_with_its_length(data: bytes) -> None:
    # A scan that looked again from each character would take minutes here.
    skim.without_unread(data)
    skim.closed(data)
    skim.is_heavy(data, len(data))
