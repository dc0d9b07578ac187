"""Where things lie in the source tree."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
CORPUS = ROOT / "tests" / "corpus"
