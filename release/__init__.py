"""Builds what is published, from a commit and nothing else; docs/release.md describes it."""
