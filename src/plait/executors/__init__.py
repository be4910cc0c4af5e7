"""Where work runs: one file an executor, found by its name. None of them knows what a graph is."""
