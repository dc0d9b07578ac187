"""What `airlock serve` runs: the routes, what they are put together from, and the HTTP server below."""
