"""Data sets: one file each, with `load(...) -> Splits`; none imports TensorFlow."""
