"""The commands, a module each; `webhook.__main__` puts them together."""
