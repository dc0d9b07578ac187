"""Kubernetes Events: what they say, which are written and when, and the observer that writes them."""
