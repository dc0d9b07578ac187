"""How YAML that people write is read, or refused with line and path; it does not know what the documents say."""
