"""Trials in a process of their own, a fresh one every few trials.

What such a process holds is given back when it ends, and where the system kills it for want of
memory, only its trial is lost.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import typing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from keras_recipes.errors import RunError
from tuning.trials import fingerprints, records, trials
from tuning.workers import processes

Result = tuple[records.Trial, bytes | None]


class Runner(typing.Protocol):
    """Where trials run, one or several at a time."""

    def count_places(self) -> int:
        """Return how many trials may run at a time."""

    def submit(self, task: trials.Task) -> None:
        """Have a trial run."""

    def wait(self) -> Result | None:
        """Return a trial that has ended; None where none has, but there may be more places."""


class Alone:
    """A team of one.

    Args:
        run: Runs a trial.
    """

    def __init__(self, run: Callable[[trials.Task], Result]):
        self._run, self._task = run, None

    def count_places(self) -> int:
        """Return 1: one trial runs at a time."""
        return 1

    def submit(self, task: trials.Task) -> None:
        """Take a trial."""
        self._task = task

    def wait(self) -> Result:
        """Run it."""
        return self._run(self._task)


class Worker:
    """Runs trials in other processes, one after the other.

    Args:
        num_trials: Trials of one process.
        code: What `fingerprints.hash_code` gave when the search began.
        timeout: Seconds that a trial may take.
        max_memory: MB that a process may hold after a trial to be given another one.
    """

    def __init__(
        self,
        num_trials: int,
        code: dict[str, str],
        timeout: float | None = None,
        max_memory: float | None = None,
    ):
        self.num_trials, self.code, self.timeout = num_trials, code, timeout
        self.max_memory = max_memory
        self._process, self._end, self._left = None, None, 0

    def run(self, task: trials.Task) -> Result:
        """Run a trial, as `trials.run`; the death of the process is part of the result.

        Raises:
            RunError: If the code is no longer what it was when the search began.
        """
        if self._left == 0:
            self.stop()
            self._start(task.recipe)
        is_first = self._left == self.num_trials
        self._left -= 1
        try:
            self._end.send(task)
            if self._end.poll(self.timeout):
                trial, model = self._end.recv()
                if holds_too_much(trial, self.max_memory):
                    self._left = 0
                return trial, model
            self._left = 0  # the process is ended before the next trial, or at the end
            return timed_out(task, self.timeout), None
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            self._left = 0
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if code > 0 and is_first:
            how += '; a program has to call a search under `if __name__ == "__main__":`'
        likely = ", most likely for want of memory" if code == -9 else ""  # SIGKILL
        status = "out of memory" if likely else "error"
        error = f"its process was {how}{likely}"
        return records.Trial(task.number, task.values, status=status, error=error), None

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._end.close()
            self._process.kill()
            self._process.join()
            self._process = None

    def _start(self, recipe: str) -> None:
        now = fingerprints.hash_code(recipe)
        if changed := [name for name in now if now[name] != self.code.get(name)]:
            raise RunError(
                f"{', '.join(changed)}: changed while the search runs, so that further trials "
                "would not be comparable; undo the change and resume"
            )
        processes.load_ahead()  # again, where somebody has killed what was loaded
        context = multiprocessing.get_context(processes.method())
        self._end, other = context.Pipe()
        process = context.Process(target=_serve, args=(other,), daemon=True)
        process.start()
        self._process = process
        other.close()  # so that the process's death is noticed
        self._left = self.num_trials


def _serve(end: Connection) -> None:
    """Run what is sent, until the other side has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the other side decides
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            end.send(trials.run(end.recv()))


def timed_out(task: trials.Task, timeout: float) -> records.Trial:
    """Describe a trial that was ended since it took too long."""
    error = f"took longer than --trial-timeout {timeout:g}s"
    return records.Trial(task.number, task.values, "timeout", error, seconds=timeout)


def holds_too_much(trial: records.Trial, max_memory: float | None) -> bool:
    """Return whether a process held more memory after a trial than it may, both in MB."""
    return bool(max_memory and trial.memory and trial.memory > max_memory)


@contextlib.contextmanager
def runner(
    isolate: int | None,
    code: dict[str, str],
    timeout: float | None = None,
    max_memory: float | None = None,
) -> Iterator[Callable[[trials.Task], Result]]:
    """Yield what runs a trial: in this process, or in others.

    Args:
        isolate: Trials of one process; None runs all in this one.
        code: What `fingerprints.hash_code` gave when the search began.
        timeout: Seconds that a trial may take in another process.
        max_memory: MB that such a process may hold after a trial to be given another one.
    """
    if isolate is None:
        with trials.light_collection():
            yield lambda task: trials.run(task)  # looked up late, so that a test can replace it
        return
    worker = Worker(isolate, code, timeout, max_memory)
    with processes.loaded_ahead():
        try:
            yield worker.run
        finally:
            worker.stop()
