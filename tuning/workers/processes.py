"""How the processes of trials start: with TensorFlow loaded already, where that is safe.

TensorFlow may be copied by a fork as long as it has computed nothing. So a server of Python's
`multiprocessing` loads it, computes nothing, and is forked for each process: that takes a tenth of
a second instead of four, and the server loads while the search itself does.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.machinery
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.util
import os
import pathlib
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from keras_recipes.console import startup
from keras_recipes.errors import InputError

_LOADED_AHEAD = ["tuning.workers.processes", "tuning.trials.trials"]
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_SOCKETS = "TUNING_SOCKETS"
# Of no other name, and one for a program; what is used of it has no public name.
_server: Any = multiprocessing.forkserver._forkserver
_started: set[int] = set()  # servers that were not there before, by process number
_lock = threading.RLock()
_users: list[None] = []  # one for each block that wants it; the last one ends the server


def method() -> str:
    """Return the method of `multiprocessing` by which processes are to start."""
    # A driver of a GPU does not survive a fork, and macOS has no safe one.
    if sys.platform != "linux" or any(pathlib.Path("/dev").glob("nvidia*")):
        return "spawn"
    for name in ("keras_recipes", "tuning"):  # the server looks in the current folder first
        found = importlib.machinery.PathFinder.find_spec(name, [os.getcwd()])
        origin = found and found.origin  # a folder without __init__.py has none
        if origin and not pathlib.Path(origin).resolve().is_relative_to(_ROOT):
            return "spawn"
    return "forkserver"


def load_ahead() -> None:
    """Have TensorFlow loaded for the processes to come, while this one goes on.

    A program that has started such processes before keeps its own server, which loads nothing.

    Raises:
        InputError: If the folder for temporary files has too long a path for a socket.
    """
    if method() != "forkserver":
        return
    with _lock:
        before = _server._forkserver_pid
        _server.set_forkserver_preload(_LOADED_AHEAD)
        os.environ[_SOCKETS] = multiprocessing.util.get_temp_dir()
        try:
            with _deaf_to_ctrl_c():
                _server.ensure_running()
        except OSError as error:
            if "AF_UNIX" not in str(error):
                raise
            raise InputError(
                f"{os.environ[_SOCKETS]}: too long a path for a socket; set TMPDIR to a shorter "
                "one, such as /tmp"
            ) from error
        finally:
            del os.environ[_SOCKETS]
            if _server._forkserver_pid != before:
                _started.add(_server._forkserver_pid)


@contextlib.contextmanager
def loaded_ahead(is_wanted: bool = True) -> Iterator[None]:
    """Have TensorFlow loaded for the processes of the block, and let go however that ends."""
    if not is_wanted:
        yield
        return
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # it imports its program
        raise InputError('a program has to call a search under `if __name__ == "__main__":`')
    _users.append(None)
    modules = _server._preload_modules
    try:
        load_ahead()
        yield
    finally:
        _server.set_forkserver_preload(modules)  # Dask has its own as well
        with _lock:
            _users.pop()
            # The processes that came from the server have ended; it may be loading yet.
            if not _users and _server._forkserver_pid in _started:
                os.kill(_server._forkserver_pid, signal.SIGKILL)
                _server._stop()


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


def _clear_up(server: int, folder: str) -> None:
    """Remove the folder that a search was killed too hard to remove."""
    if os.getpid() == server:  # processes that came from it end in the same way
        shutil.rmtree(folder, ignore_errors=True)


if _SOCKETS in os.environ:  # this is the server, which ends after the search
    atexit.register(_clear_up, os.getpid(), os.environ.pop(_SOCKETS))
    startup.load_tensorflow()
