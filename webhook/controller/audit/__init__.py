"""The background audit: watches what runs in the cluster in little memory, judges it regularly, and reports."""
