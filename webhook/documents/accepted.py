"""Where ConfigMaps hold documents: each under its key, and the last accepted ones together in one of our own."""

from collections.abc import Mapping

import msgspec

POLICY_KEY, MANIFEST_KEY, RELEASE_KEY = "policy.yaml", "required-env.yaml", "release.yaml"
KEYS = {"policy": POLICY_KEY, "required-env": MANIFEST_KEY, "release": RELEASE_KEY}  # by the document's name


class Accepted(msgspec.Struct, frozen=True):
    """A document that was found good: its name, its text and the text's revision."""

    document: str
    text: str
    revision: str


def write_accepted(documents: list[Accepted]) -> dict[str, str]:
    """Return the data that hold *documents*.

    >>> write_accepted([Accepted("policy", "mode: warn", "45bd7d719826")])
    {'policy.yaml': 'mode: warn', 'policy.revision': '45bd7d719826'}
    """
    data: dict[str, str] = {}
    for accepted in documents:
        data |= {KEYS[accepted.document]: accepted.text, f"{accepted.document}.revision": accepted.revision}
    return data


def read_accepted(data: Mapping[str, str], document: str) -> str | None:
    """Return the text of *document* in *data*; None when it has never been accepted."""
    return data.get(KEYS[document])
