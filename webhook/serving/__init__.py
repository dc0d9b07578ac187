"""What `airlock serve` runs: the routes, the parts behind them, and the HTTP server below."""
