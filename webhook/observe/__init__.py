"""Who hears of a decision: metrics, log and Events. They know the decision and not each other."""
