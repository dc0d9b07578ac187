"""The documents that people write, and where they lie."""
