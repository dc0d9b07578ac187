"""Builds what validates documents, which pydantic else does when the first one of a kind is read.

Programs whose threads read documents do so first: only newer versions of pydantic let one thread build at a time.
"""

from webhook.documents.policy import Policy
from webhook.documents.release import Release
from webhook.documents.required_env import RequiredEnv
from webhook.grammar.words import NAMES
from webhook.variables.origin import SHAPES


def build() -> None:
    """Build it; does nothing the second time."""
    for document in (Policy, RequiredEnv, Release):
        document.model_rebuild()
    for shape in SHAPES.values():
        shape.model_rebuild()
    NAMES.rebuild()
