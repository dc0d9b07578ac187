"""The schemas that readers of our formats use, to validate our output."""

import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from jsonschema import Draft4Validator
from xmlschema import XMLSchema10

from tests.harness import registry

_SARIF = "lib/schemas/sarif-2.1.0-rtm.5.json"
_JUNIT = "testing/example_scripts/junit-10.xsd"  # Jenkins'
_URI = re.compile(r"[A-Za-z0-9._~%/:+-]+")


def assert_sarif(log: Any) -> None:
    """Fail when *log* is not SARIF 2.1.0."""
    schema = json.loads((registry.npm(registry.SARIF) / _SARIF).read_text(encoding="utf-8"))
    Draft4Validator.check_schema(schema)
    Draft4Validator(schema).validate(log)
    uris = list(_uris(log))
    assert uris
    assert all(_URI.fullmatch(uri) for uri in uris)  # the schema leaves that to validators that check formats


def _uris(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _uris(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "artifactLocation":
                yield one["uri"]
            yield from _uris(one)


def assert_junit(text: str) -> None:
    """Fail when *text* is not XML as Jenkins reads it, or counts what it does not hold."""
    XMLSchema10(registry.sdist(registry.PYTEST) / _JUNIT).validate(text)
    root = ET.fromstring(text)  # noqa: S314 - our own
    for count, tag in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
        for suite in root:
            assert len(suite.findall(tag)) == int(suite.attrib[count])
        assert len(root.findall(f"testsuite/{tag}")) == int(root.attrib[count])
