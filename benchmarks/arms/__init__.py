"""Studies that put a paper's claim to the test: arms trained alike, over seeds."""
