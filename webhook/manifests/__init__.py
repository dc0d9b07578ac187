"""Reads manifests from files with their lines, opens what charts hide in them, and judges them as admission would."""
