"""JSON Schema of the documents, for editors and for other tools that check them."""

import ast
import inspect
from functools import cache
from itertools import chain, pairwise
from textwrap import dedent
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema, NullableSchema, WithDefaultSchema

from webhook.grammar.model import Document, Model
from webhook.grammar.pattern import Pattern


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - the default of any field
        if isinstance(dft, tuple):
            return [self.encode_default(item) for item in dft]
        return str(dft) if isinstance(dft, Pattern) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - a title repeats the name
        return False

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # absent is not null: documents hold no null

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        return {key: value for key, value in described.items() if key != "default" or value is not None}

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        described = super().model_schema(schema)
        for name, text in _docs(schema["cls"]).items():
            described["properties"][name]["description"] = text
        return described


def _docs(model: type[Any]) -> dict[str, str]:
    """Return the docstrings of the fields of *model*, its bases' included, by the fields' names on paper.

    pydantic collects them as well (`use_attribute_docstrings`), but reads every model's source at each start for that.
    """
    bases = (base for base in reversed(model.__mro__) if issubclass(base, Model))
    found = {name: text for base in bases for name, text in _written(base)}
    fields = {name: field for name, field in model.model_fields.items() if name in found and not field.description}
    return {field.alias or name: found[name] for name, field in fields.items()}


@cache  # to find a class in its file, inspect parses all of that
def _written(model: type[Model]) -> tuple[tuple[str, str], ...]:
    """Return each field of *model* that has a string below it, and that string."""
    try:
        tree = ast.parse(dedent(inspect.getsource(model)))
    except OSError:  # made by create_model, which takes descriptions as arguments
        return ()
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return tuple(
        (field.target.id, inspect.cleandoc(ast.literal_eval(below.value)))
        for field, below in chain.from_iterable(map(pairwise, bodies))
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr)
    )


def schema_of(document: type[Document], identity: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of *document*, named by the URI *identity*."""
    schema = document.model_json_schema(schema_generator=_Generator)
    return {
        "$schema": _Generator.schema_dialect,
        "$id": identity,
        **schema,
        "required": ["apiVersion", "kind", *schema.get("required", ())],
    }
