"""Looking at a whole cluster, or at a dump of one; it knows a connection, and not who keeps it."""
