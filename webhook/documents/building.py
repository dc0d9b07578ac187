"""Builds what validates documents, which pydantic else does when the first one of a kind is read.

Programs whose threads read documents do so first: only newer versions of pydantic let one thread build at a time.
"""

from webhook.documents.policy import Policy
from webhook.documents.release import Release
from webhook.documents.required_env import RequiredEnv
from webhook.grammar.model import Model
from webhook.grammar.words import NAMES
from webhook.variables.origin import SHAPES


def build() -> None:
    """Build it; does nothing the second time."""
    models: tuple[type[Model], ...] = (Policy, RequiredEnv, Release, *SHAPES.values())
    for model in models:
        model.model_rebuild()
    NAMES.rebuild()
