"""The only client of OCI registries: used by the controller in the background, never while a request waits."""
