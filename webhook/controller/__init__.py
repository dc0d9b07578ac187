"""`airlock controller`: maintains certificates, caBundles and the accepted documents; no request waits for it."""
