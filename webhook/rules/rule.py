"""What a rule is: a name, its options in the policy, and a pure function from a workload to findings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from webhook.document import Model
from webhook.verdict import Finding, Mode


class RuleOptions(Model):
    """The options that every rule has."""

    mode: Mode | None = None  # the policy's own mode when absent


@dataclass(frozen=True, slots=True)
class Rule:
    """One named rule; `check` gets the workload, the rule's own options and what is known of the cluster."""

    name: str
    options: type[RuleOptions]
    check: Callable[..., Iterator[Finding]]
