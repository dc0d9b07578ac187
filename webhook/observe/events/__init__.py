"""Kubernetes Events: what they say, which ones airlock writes and when, and the observer that writes them."""
