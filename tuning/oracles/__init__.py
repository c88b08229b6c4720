"""Which point is tried next: the search space, the tuners' oracles and their proposals."""
