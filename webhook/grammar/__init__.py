"""Reads YAML that people write, or refuses it with line and path; it does not know what the documents mean."""
