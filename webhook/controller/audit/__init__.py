"""The background audit: what runs in the cluster, watched in little memory, judged again and again, and told."""
