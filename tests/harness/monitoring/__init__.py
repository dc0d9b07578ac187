"""The chart's dashboard and alerts, read as Prometheus reads them, and a real Prometheus to ask."""
