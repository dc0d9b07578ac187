"""Which rules are in force where: the policy's modes, and each rule's check by its options, worked out once."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from webhook.documents.policy import Policy
from webhook.judge.trust import REMEMBERED
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode
from webhook.rules.rule import Check, Rule


class InForce(msgspec.Struct, frozen=True):
    """One rule that is not off in a namespace."""

    rule: Rule
    mode: Mode  # under the ceiling that was asked for
    whole: Mode  # without one
    check: Check


class Rulebook:
    """The rules of one policy, by namespace."""

    def __init__(self, policy: Policy) -> None:
        checks = {name: rule.checking(policy.options(name)) for name, rule in RULES.items()}

        @lru_cache(REMEMBERED)
        def modes(namespace: str) -> Mapping[str, Mode]:
            return {name: policy.mode_of(name, namespace) for name in RULES}

        @lru_cache(REMEMBERED)
        def in_force(namespace: str, ceiling: Mode, *, live: bool) -> tuple[InForce, ...]:
            return tuple(
                InForce(rule, mode.capped(ceiling), mode, checks[name])
                for name, rule in RULES.items()
                if (mode := modes(namespace)[name]) is not Mode.OFF and (live or not rule.live)
            )

        self._modes, self._in_force = modes, in_force

    def mode(self, rule: str, namespace: str) -> Mode:
        """Return the mode of *rule* in *namespace*."""
        return self._modes(namespace)[rule]

    def in_force(self, namespace: str, ceiling: Mode = Mode.ENFORCE, *, live: bool = False) -> tuple[InForce, ...]:
        """Return the rules in force in *namespace* under *ceiling* at admission; with *live*, those of an audit."""
        return self._in_force(namespace, ceiling, live=live)

    def strictest(self, namespace: str) -> Mode:
        """Return the strictest mode that a rule of admission has in *namespace*."""
        return max((one.mode for one in self.in_force(namespace)), key=lambda mode: mode.rank, default=Mode.OFF)
