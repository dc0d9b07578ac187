"""The schemas of airlock's documents in the chart's values.schema.json; run as a program, it updates them there."""

import json
from typing import Any

from click.testing import CliRunner

from tests.harness import places
from webhook.__main__ import main

SCHEMA = places.ROOT / "charts/airlock/values.schema.json"
KINDS = ("Policy", "RequiredEnv")


def documents() -> dict[str, Any]:
    """Return the schema of each kind of document, as `airlock policy schema` prints it."""
    return {kind: json.loads(CliRunner().invoke(main, ["policy", "schema", kind]).stdout) for kind in KINDS}


def read() -> dict[str, Any]:
    """Return the schema of the chart's values."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return schema


if __name__ == "__main__":
    whole = read()
    whole["$defs"] |= documents()
    SCHEMA.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
