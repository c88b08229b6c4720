"""Numbers as people write them: their notation, their units, and the values that stand for none."""
