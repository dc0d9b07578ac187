"""`airlock controller`: keeps certificates, caBundles and the accepted documents; never in the way of a request."""
