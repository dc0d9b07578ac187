"""gunicorn as a library: TLS, deadlines, probes and the drain at the end; it knows nothing of admission."""
