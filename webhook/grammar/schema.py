"""JSON Schema of the documents, for editors and for other tools that check them."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from webhook.grammar.model import Document
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


def schema_of(document: type[Document], identity: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of *document*, named by the URI *identity*."""
    schema = document.model_json_schema(schema_generator=_Generator)
    return {
        "$schema": _Generator.schema_dialect,
        "$id": identity,
        **schema,
        "required": ["apiVersion", "kind", *schema.get("required", ())],
    }
