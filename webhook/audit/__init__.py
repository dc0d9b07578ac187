"""What a cluster runs, judged: surveys of the pods that are there, and what another policy would make of them."""
