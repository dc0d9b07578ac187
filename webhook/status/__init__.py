"""Whether airlock is judging: facts about an installation become lines and a verdict; pure."""
