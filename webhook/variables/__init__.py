"""A required variable: declared, looked up, injected."""
