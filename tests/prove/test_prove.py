"""The experiments: the tests that show them exist, and their input is the same each time."""

import ast
import json
from random import Random

import pytest

from tests.harness.places import ROOT
from tests.prove.covered import _key
from tests.prove.edits import malformed
from tests.prove.mutations import mutated
from tests.prove.parts import COVERED, PARTS
from tests.prove.reviews import bases, flaw


def test_every_experiment_has_a_key_of_its_own() -> None:
    keys = [part.key for part in PARTS]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("test", [one for tests in COVERED.values() for one in tests])
def test_a_test_that_shows_an_experiment_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert not name or name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_a_test_is_found_in_the_report_of_pytest_by_module_and_name() -> None:
    assert _key("tests/a/test_b.py::test_c") == "tests.a.test_b::test_c"
    assert _key("tests/a/test_b.py") == "tests.a.test_b::"


def test_mutated_reviews_are_the_same_each_time_and_mostly_differ_from_the_good_one() -> None:
    [good, *_] = bases()
    first, again = ([mutated(Random(seed), good) for seed in range(50)] for _ in range(2))  # noqa: S311 - the same each time
    assert first == again
    assert len(set(first)) > 45
    assert good == bases()[0]


@pytest.mark.parametrize(
    ("status", "answer", "wrong"),
    [
        (500, b"", "status 500"),
        (400, b"one line\n", ""),
        (200, b'{"response": {"uid": "u", "allowed": true}}', ""),
        (200, b'{"response": {"uid": "other", "allowed": true}}', "uid 'other' and not 'u'"),
        (200, b'{"response": {"uid": "u"}}', "no response"),
    ],
)
def test_a_flaw_of_an_answer_is_found(status: int, answer: bytes, wrong: str) -> None:
    found = flaw(status, json.dumps({"request": {"uid": "u"}}).encode(), answer)
    assert found.startswith(wrong) if wrong else not found


def test_there_are_forty_documents_that_are_none() -> None:
    assert len(malformed()) >= 40
