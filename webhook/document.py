"""Documents that people write (YAML): read whole or refused with every problem, its line and its path."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A part of a document: frozen, camelCase on paper, and no field that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)
