"""Each claim of the threat model names a test that exists."""

import re

import pytest

from tests.harness.places import ROOT

PAGE = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_shows_a_claim_is_there(path: str, name: str) -> None:
    found = ROOT / path
    assert found.exists()
    if name:
        assert f"def {name}(" in found.read_text(encoding="utf-8")


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 15
