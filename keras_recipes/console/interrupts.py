"""Ctrl-C, SIGTERM and SIGHUP: the same to a program, and held back where they lose its work."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt: whatever cleans up after Ctrl-C does so.

    Either raises KeyboardInterrupt at the end of the block even where it came out of an import as
    another error: Python wraps it into a RuntimeError there, and Keras finds a package missing.
    """
    observed: list[int] = []

    def interrupt(number: int, _: object) -> None:
        observed.append(number)
        raise KeyboardInterrupt

    # Where Ctrl-C is passed over, as in a shell's background, it stays so.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    before = _handle(interrupt, signal.SIGTERM, *[signal.SIGINT] * heard, *_hang_up())
    try:
        yield
    except Exception as error:
        if observed and _is_disguised(error):
            raise KeyboardInterrupt from error
        raise
    finally:
        _restore(before)


def _is_disguised(error: BaseException | None) -> bool:
    """Return whether an error came of a KeyboardInterrupt, and not of a reader that has gone."""
    if isinstance(error, (ImportError, OSError)):
        return isinstance(error, ImportError)
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


@contextlib.contextmanager
def held_back(line: str) -> Iterator[None]:
    """Make the first Ctrl-C or SIGTERM print a line and do nothing else; the next one counts.

    Args:
        line: Says what is being finished.
    """

    def finish(*_: object) -> None:
        _restore(before)
        say(line)

    before = _handle(finish, signal.SIGINT, signal.SIGTERM, *_hang_up())
    try:
        yield
    finally:
        _restore(before)


@contextlib.contextmanager
def ended_early(line: str) -> Iterator[None]:
    """Make Ctrl-C or SIGTERM end the block, and nothing else: what follows the block goes on.

    Args:
        line: Printed where the block was ended.
    """
    observed: list[int] = []

    def end(number: int, _: object) -> None:
        observed.append(number)
        raise KeyboardInterrupt

    heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    before = _handle(end, signal.SIGTERM, *[signal.SIGINT] * heard, *_hang_up())
    try:
        yield
    except BaseException as error:
        is_ended = isinstance(error, KeyboardInterrupt)
        if not (is_ended or (observed and _is_disguised(error))):
            raise
        say(line)
    finally:
        _restore(before)


def say(line: str) -> None:
    """Write a line to stderr, where a handler may: in the middle of a `print`.

    Behind `2>&1 | tee log` nobody reads it, since the same Ctrl-C has ended `tee`.
    """
    with contextlib.suppress(OSError):
        os.write(2, f"\n{line}\n".encode())


def _hang_up() -> list[int]:
    """Return SIGHUP where the system has it and it is not passed over, as behind `nohup`."""
    number = getattr(signal, "SIGHUP", None)
    return [] if number is None or signal.getsignal(number) is signal.SIG_IGN else [number]


def _handle(handler: Callable, *numbers: int) -> dict:
    """Set a handler for signals and give the ones before; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in numbers}


def _restore(handlers: dict) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
