"""The list of rules: a new one is a line in `RULES`."""

from webhook.rules import env_reference, expected_image, image_drift, image_skew, mutable_tag, pin_digest, required_env
from webhook.rules.rule import Rule

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        mutable_tag.RULE,
        required_env.RULE,
        image_drift.RULE,
        image_skew.RULE,
        expected_image.RULE,
        pin_digest.RULE,
        env_reference.RULE,
    )
}
