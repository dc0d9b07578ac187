"""The commands, one module each; `webhook.__main__` puts them together."""
