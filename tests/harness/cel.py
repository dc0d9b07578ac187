"""Evaluates admission policies with a CEL library as the API server would, and adds what the library lacks."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel

# The server's own types are plain maps here.
_OBJECTS = re.compile(r"(?:JSONPatch|Object(?:\.\w+)*)\{([^{}]*)\}")
_FIELD = re.compile(r"(?<![\"\w])(op|path|value|name): ")
_OPEN, _CLOSED = "\x01", "\x02"


def plain(expression: str) -> str:
    """Return *expression* with maps for the objects of a MutatingAdmissionPolicy, the innermost first."""
    while found := _OBJECTS.search(expression):
        inside = _FIELD.sub(r'"\1": ', found[1])
        expression = f"{expression[: found.start()]}{_OPEN}{inside}{_CLOSED}{expression[found.end() :]}"
    return expression.replace(_OPEN, "{").replace(_CLOSED, "}")


def _join(values: Any, separator: Any) -> celtypes.StringType:
    return celtypes.StringType(str(separator).join(map(str, values)))


_ENVIRONMENT = celpy.Environment()


@lru_cache(256)
def _program(expression: str) -> Any:
    """Return *expression* compiled, which takes the library longer than a hundred evaluations."""
    return _ENVIRONMENT.program(_ENVIRONMENT.compile(plain(expression)), functions={"join": _join})


class Evaluation:
    """The expressions of one policy, asked about one request."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._activation = {name: json_to_cel(value) for name, value in request.items()}
        self._variables: dict[Any, Any] = {}

    def value(self, expression: str) -> Any:
        """Return what *expression* comes to."""
        variables = celtypes.MapType(self._variables)
        return _program(expression).evaluate({**self._activation, "variables": variables})

    def define(self, name: str, expression: str) -> None:
        """Make the value of *expression* a variable."""
        self._variables[celtypes.StringType(name)] = self.value(expression)


def judge(policy: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    """Return the messages of the validations of *policy* that fail for *request*; none where it does not match."""
    spec, evaluation = policy["spec"], Evaluation(request)
    if not _matches(spec, evaluation):
        return []
    return [
        str(evaluation.value(each["messageExpression"]))
        for each in spec["validations"]
        if not evaluation.value(each["expression"])
    ]


def operations(policy: Mapping[str, Any], request: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the JSON Patch of each mutation of *policy* for *request*; none sees another's effect."""
    spec, evaluation = policy["spec"], Evaluation(request)
    if not _matches(spec, evaluation):
        return []
    return [_plain(evaluation.value(each["jsonPatch"]["expression"])) for each in spec["mutations"]]


def _matches(spec: Mapping[str, Any], evaluation: Evaluation) -> bool:
    """Return whether the policy matches, with its variables defined if it does."""
    if not all(bool(evaluation.value(each["expression"])) for each in spec.get("matchConditions", ())):
        return False
    for each in spec.get("variables", ()):
        evaluation.define(each["name"], each["expression"])
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value)
