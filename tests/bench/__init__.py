"""`make bench`: what a decision costs, as ratios measured in one run."""
