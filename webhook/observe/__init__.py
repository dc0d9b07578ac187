"""Observers of decisions: metrics, log and Events. They know the decision but not each other."""
