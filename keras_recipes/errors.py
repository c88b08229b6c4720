"""Errors that are for the user to read: one line that says what came, what was due, what to do."""


class InputError(ValueError):
    """The user gave something that cannot work. The command line prints it and exits with 2."""

    exit_code = 2


class RunError(RuntimeError):
    """Something failed that the input is not to blame for. The command line exits with 1."""

    exit_code = 1


class NotFiniteError(RunError):
    """The loss became NaN or infinite before any epoch was good."""


def first_line(error: BaseException) -> str:
    """Describe what an error says, in one line without a terminal's colours."""
    text = str(error).replace("\x1b[1m", "").replace("\x1b[0m", "").strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Keras wraps errors of a layer's call; what went wrong stands in the line below.
    wrapped = len(lines) > 1 and lines[0].startswith("Exception encountered")
    return lines[wrapped] if lines else type(error).__name__
