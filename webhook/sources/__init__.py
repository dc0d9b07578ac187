"""Reads documents and values from files and ConfigMaps, follows their changes, and keeps the last good version."""
