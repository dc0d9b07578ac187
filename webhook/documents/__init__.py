"""The documents that people write, and where airlock finds them."""
