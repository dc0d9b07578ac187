"""The serving process: gunicorn, TLS, deadlines, probes and the drain at the end."""
