"""Data sets: one module each, with `load() -> splits.Splits`; none imports TensorFlow."""


class DataError(ValueError):
    """Data that cannot be used as asked: one line with received, expected and what to do."""

    exit_code = 2  # how a command line tells errors for the user from bugs
