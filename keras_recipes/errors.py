"""Errors that are for the user to read: one line that says what came, what was due, what to do."""

import contextlib
import difflib
import functools
import inspect
import numbers
import re
import reprlib
from collections.abc import Callable, Iterator, Sequence
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


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


def with_article(noun: str) -> str:
    """Return a name with its article: a loss, an accuracy."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def describe(value: object) -> str:
    """Describe what was received: plain values as they are, of others the type."""
    if value is None or isinstance(value, str | numbers.Number):
        try:
            text = repr(value)
        except ValueError:  # a whole number of more digits than Python writes
            return "a number of very many digits"
        return text if len(text) <= 300 else f"{text[:200]}… ({len(text):,} characters)"
    if isinstance(value, list | tuple | dict | set):
        return " ".join(reprlib.repr(value).split())
    return f"a value of type {type(value).__name__}"


def some(names: Sequence[str]) -> str:
    """Return the first names, for messages."""
    return ", ".join(names[:8]) + ", …" * (len(names) > 8)


def expected_names(name: str, known: Sequence[str]) -> str:
    """Describe which names are known, the one that may have been meant first."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"{f'did you mean {near[0]}? E' if near else 'e'}xpected one of {', '.join(known)}"


def for_known_keywords(
    function: Callable[_Arguments, _Result],
) -> Callable[_Arguments, _Result]:
    """Return a function that names the keywords it has where it receives another one."""
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        for name in named:
            if name not in known:
                owner = f"{function.__name__} has no such argument"
                raise InputError(f"{name}: {owner}; {expected_names(name, known)}")
        return function(*arguments, **named)

    return checked


@contextlib.contextmanager
def for_python() -> Iterator[None]:
    """Name keywords in the place of flags in what the block raises: `max_time=` for `--max-time`.

    The library's messages are written for the command line. Whole commands stay as they are.
    """
    try:
        yield
    except (InputError, RunError) as error:
        pattern = r"python -m [^;`]*|--(no-)?([a-z][a-z-]*)(?: \(in Python: \w+\))?( (?=[A-Z\d]))?"
        error.args = (re.sub(pattern, _keyword, str(error)),)
        raise


def _keyword(found: re.Match[str]) -> str:
    turned_off, name, has_value = found.groups()
    if name is None:  # a command
        return found[0]
    return name.replace("-", "_") + ("=False" if turned_off else "=" if has_value else "")
