"""Builds the validators of documents, which pydantic otherwise builds when it reads the first document of a kind.

A program with several threads calls this first: in older versions of pydantic, two threads may build at the same time.
"""

from webhook.documents.policy import Policy
from webhook.documents.release import Release
from webhook.documents.required_env import RequiredEnv
from webhook.grammar.words import NAMES
from webhook.variables.origin import SHAPES


def build() -> None:
    """Build them; a second call does nothing."""
    for document in (Policy, RequiredEnv, Release):
        document.model_rebuild()
    for shape in SHAPES.values():
        shape.model_rebuild()
    NAMES.rebuild()
