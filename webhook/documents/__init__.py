"""The documents that people write: YAML read whole or refused with every problem, its line and its path."""
