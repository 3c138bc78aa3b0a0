"""Records, pictures and their order: what a run learns from, and the built-in data set."""
