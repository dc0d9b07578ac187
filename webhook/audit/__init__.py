"""Judges what a cluster runs: surveys of its pods, and what another policy would say about them."""
