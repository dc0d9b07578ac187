"""Whether a policy enforces anything, which decides what it means when the webhook fails open. Pure."""

from webhook.documents.policy import Policy
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode


def enforces(policy: Policy) -> bool:
    """Whether any rule enforces in any namespace."""
    return any(
        policy.mode_by(name, entry) is Mode.ENFORCE
        for name, rule in RULES.items()
        if not rule.live
        for entry in (None, *policy.namespaces)
    )
