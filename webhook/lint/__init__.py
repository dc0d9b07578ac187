"""DAG files become findings of the fourth layer: their code is read as a tree, and never imported or run."""
