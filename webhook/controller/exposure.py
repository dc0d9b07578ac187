"""Whether a policy enforces anything, for what it means when the webhook fails open. Pure."""

from webhook.documents.policy import Policy
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode


def enforces(policy: Policy) -> bool:
    """Whether any rule enforces in any namespace."""
    return any(Mode.ENFORCE in _modes(policy, name) for name, rule in RULES.items() if not rule.live)


def _modes(policy: Policy, rule: str) -> set[Mode | None]:
    own = policy.options(rule).mode
    modes = {policy.mode if own is None else own}
    for entry in policy.namespaces:
        if rule in entry.rules:
            modes.add(entry.rules[rule])
        elif entry.mode is not None and own is not Mode.OFF:
            modes.add(entry.mode)
    return {*modes}
