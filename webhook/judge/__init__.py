"""Turns a request into a decision, and into the sentences that explain it."""
