"""The story's documents and pods, and the demonstration that `make run` shows."""
