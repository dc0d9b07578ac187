"""Reads the clusters that `airlock audit` is given: one, or several for one report."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from webhook.audit.clusters import together, unread
from webhook.audit.survey import Survey
from webhook.commands.audit_input import Choice, Papers, ground_of, surveys
from webhook.scan.server import Progress


def read(choices: Sequence[Choice], papers: Papers, progress: Progress, warn: Callable[[str], None]) -> list[Survey]:
    """Return the survey of all *choices* by the policy in *papers*, and one by the policy to compare with.

    *warn* hears at once what may make them differ from what the caller expects, behind the name of the cluster if
    there are several. Of several, one that cannot be read is in the survey as such. Raises OSError when none can be.
    """
    if len(choices) == 1:
        return _one(choices[0], papers, progress, warn)
    found: dict[str, list[Survey]] = {}
    failed: dict[str, str] = {}
    for choice in choices:
        name = choice.context or ""
        try:
            found[name] = _one(choice, papers, progress, lambda text, name=name: warn(f"{name}: {text}"))  # type: ignore[misc]  # bound per round
        except OSError as error:
            failed[name] = str(error)
            source = f"context {name}, which could not be read"
            found[name] = [unread(source, str(error), datetime.now(UTC))] * (2 if papers.compare else 1)
    if len(failed) == len(choices):
        raise OSError("; ".join(f"{name}: {why}" for name, why in failed.items()))
    return [together(dict(zip(found, one, strict=True))) for one in zip(*found.values(), strict=True)]


def _one(choice: Choice, papers: Papers, progress: Progress, warn: Callable[[str], None]) -> list[Survey]:
    with ground_of(choice, progress) as ground:
        return surveys(ground, papers, warn)
