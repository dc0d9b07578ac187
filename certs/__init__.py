"""Certificates for airlock's TLS port; imports nothing of `webhook`."""
