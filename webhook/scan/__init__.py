"""Reads a whole cluster, or a dump of one, over a connection that the caller opens."""
