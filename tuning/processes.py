"""How the processes of trials start: with TensorFlow loaded already, where that is safe.

TensorFlow may be copied by a fork as long as it has computed nothing. So a server of Python's
`multiprocessing` loads it, computes nothing, and is forked for each process: that takes a tenth of
a second instead of four, and the server loads while the search itself does.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Iterator

import recipes

_LOADED_AHEAD = ["recipes", "tuning.trials"]


def method() -> str:
    """Give the method of `multiprocessing` by which processes are to start."""
    # A driver of a GPU does not survive a fork, and macOS has no safe one.
    if sys.platform != "linux" or any(pathlib.Path("/dev").glob("nvidia*")):
        return "spawn"
    # The server imports from the current folder first.
    here, own = pathlib.Path("recipes"), pathlib.Path(recipes.__file__).parent
    return "spawn" if here.exists() and not here.samefile(own) else "forkserver"


def load_ahead() -> None:
    """Have TensorFlow loaded for the processes to come, while this one goes on."""
    if method() == "forkserver":
        multiprocessing.get_context("forkserver").set_forkserver_preload(_LOADED_AHEAD)
        with _deaf_to_ctrl_c():
            multiprocessing.forkserver.ensure_running()


def let_go() -> None:
    """End what `load_ahead` began; the processes that came from it have ended."""
    server = multiprocessing.forkserver._forkserver  # of no other name, and one for a program
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)  # it may be loading yet
        server._stop()


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Have processes that start meanwhile pass over Ctrl-C, which reaches all of a terminal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
