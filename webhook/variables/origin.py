"""Where a variable's value comes from when it is not in the manifest."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, StrictBool, ValidationError, WithJsonSchema, model_validator

from webhook.grammar.complaint import nearest, show
from webhook.grammar.model import Flaw, Model, failure, flaws_of
from webhook.grammar.words import DataKey, FieldPath, NamespaceName, ObjectName, ResourcePath, VariableName, Words
from webhook.variables.divisor import CPU, OTHERS, canonical

_SECRETS = ("secret", "secretRef", "secretKeyRef")


class ConfigMapKey(Model):
    """A key of a ConfigMap in any namespace."""

    namespace: NamespaceName
    """The namespace of the ConfigMap."""

    name: ObjectName
    """The name of the ConfigMap."""

    key: DataKey
    """The key, whose text is the value."""


class Source(Model):
    """What airlock reads itself, because a Pod cannot refer to another namespace."""

    config_map: ConfigMapKey
    """A key of a ConfigMap in any namespace that airlock may read."""

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, given: Any) -> Any:  # noqa: ANN401 - whatever was written
        if isinstance(given, Mapping) and any(name in given for name in _SECRETS):
            raise ValueError(
                "a Secret cannot be copied: it would stand in plain sight in the pod; use valueFrom with a secretKeyRef"
                " to a Secret in the pod's own namespace"
            )
        return given


class _KeyRef(Model):
    name: ObjectName
    key: DataKey
    optional: StrictBool = False


class _FieldRef(Model):
    field_path: FieldPath
    api_version: Literal["v1"] = "v1"


class _ResourceFieldRef(Model):
    resource: ResourcePath
    container_name: Words = ""
    divisor: Any = None

    @classmethod
    def flaws(cls, given: Mapping[str, Any]) -> Iterator[Flaw]:
        """Yield a flaw for a divisor with which the API server would refuse every pod."""
        allowed = CPU if str(given.get("resource", "")).endswith(".cpu") else OTHERS
        if "divisor" in given and canonical(given["divisor"]) not in ("0", *allowed):
            text = f"{show(given['divisor'])} is no divisor that Kubernetes takes; write one of {', '.join(allowed)}"
            yield Flaw(("divisor",), text)


class _FileKeyRef(Model):
    volume_name: Words
    path: Words
    key: VariableName
    optional: StrictBool = False


# core/v1 EnvVarSource; fileKeyRef since 1.34. Later ones pass as they are.
SHAPES: dict[str, type[Model]] = {
    "configMapKeyRef": _KeyRef,
    "secretKeyRef": _KeyRef,
    "fieldRef": _FieldRef,
    "resourceFieldRef": _ResourceFieldRef,
    "fileKeyRef": _FileKeyRef,
}


def _value_from(given: dict[str, Any]) -> dict[str, Any]:
    if len(given) != 1:
        raise ValueError(f"has {len(given)} sources; give exactly one, such as secretKeyRef")
    ((kind, body),) = given.items()
    shape = SHAPES.get(kind)
    if shape is not None:
        try:
            shape.model_validate(body, by_alias=True, by_name=False)
        except ValidationError as error:
            raise failure(flaws_of(error, kind)) from None
    elif guess := nearest(kind, SHAPES):
        raise failure([Flaw((kind,), f"unknown source {show(kind)}{guess}")])
    elif not isinstance(body, dict):
        raise failure([Flaw((kind,), "is not a mapping of fields")])
    return given


ValueFrom = Annotated[
    dict[str, Any],
    AfterValidator(_value_from),
    WithJsonSchema({"type": "object", "minProperties": 1, "maxProperties": 1}),
]
"""An EnvVarSource of Kubernetes, with exactly one source; sources that are not known here pass as they are."""
