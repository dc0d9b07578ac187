"""A request becomes a decision, and the sentences that tell it."""
