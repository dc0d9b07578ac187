"""What only helps tests: a real control plane, a real node, helm, browser, Prometheus, and builders of objects."""
