"""The core rules as admission policies of the API server itself, which hold while airlock is away."""
