"""The specification of airlock, as tests."""
