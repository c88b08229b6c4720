"""Ctrl-C and SIGTERM: the same to a program, and held back where they would lose its work."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, so that whatever cleans up after Ctrl-C does so."""
    before = _handle(signal.default_int_handler, signal.SIGTERM)
    try:
        yield
    finally:
        _restore(before)


@contextlib.contextmanager
def held_back(line: str) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM print a line and do nothing else; the next one counts.

    Args:
        line: Says what is being finished.
    """

    def say(*_: object) -> None:
        _restore(before)
        os.write(2, f"\n{line}\n".encode())  # a handler may come in the middle of a `print`

    before = _handle(say, signal.SIGINT, signal.SIGTERM)
    try:
        yield
    finally:
        _restore(before)


def _handle(handler: Callable, *numbers: int) -> dict:
    """Set a handler for signals and give the ones before; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in numbers}


def _restore(handlers: dict) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
