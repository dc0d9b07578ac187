"""`make prove`: experiments with faults, loads and hostile input, each with a figure that has to be reached."""
