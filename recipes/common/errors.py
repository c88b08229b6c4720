"""Errors that are for the user to read: one line that says what came, what was due, what to do."""


class InputError(ValueError):
    """The user gave something that cannot work. The command line prints it and exits with 2."""

    exit_code = 2


class RunError(RuntimeError):
    """Something failed that the input is not to blame for. The command line exits with 1."""

    exit_code = 1


class NotFiniteError(RunError):
    """The loss became NaN or infinite before any epoch was good."""
