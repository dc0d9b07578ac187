"""One task that failed, and the four layers behind it: what is the cause, what is not, and what nobody can know."""
