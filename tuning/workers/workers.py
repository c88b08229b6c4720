"""Trials in a process of their own, a fresh one every few trials.

What such a process holds is given back when it ends, and where the system kills it for want of
memory, only its trial is lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import signal
import typing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from keras_recipes.errors import RunError
from tuning.options import Limits
from tuning.trials import fingerprints, records, trials
from tuning.workers import processes

Result = tuple[records.Trial, bytes | None]


class Runner(typing.Protocol):
    """Where trials run, one or several at a time."""

    def count_places(self) -> int:
        """Return how many trials may run at a time."""

    def submit(self, job: trials.Job) -> None:
        """Have a trial run."""

    def wait(self) -> Result | None:
        """Return a trial that has ended; None where none has, but there may be more places."""


class Alone:
    """The runner of one trial at a time.

    Args:
        run: Runs a trial.
    """

    def __init__(self, run: Callable[[trials.Job], Result]):
        self.run = run
        self._jobs: list[trials.Job] = []

    def count_places(self) -> int:
        """Return 1: one trial runs at a time."""
        return 1

    def submit(self, job: trials.Job) -> None:
        """Take a trial."""
        self._jobs.append(job)

    def wait(self) -> Result:
        """Run it."""
        return self.run(self._jobs.pop())


@dataclasses.dataclass
class Worker:
    """Runs trials in other processes, one after the other.

    Attributes:
        code: What `fingerprints.hash_code` returned when the search began.
        limits: Of a process, `isolate` among them.
    """

    code: dict[str, str]
    limits: Limits
    _running: tuple[BaseProcess, Connection] | None = None
    _left: int = 0

    def run(self, job: trials.Job) -> Result:
        """Run a trial, as `trials.run`; the death of the process is part of the result.

        Raises:
            RunError: If the code is no longer what it was when the search began.
        """
        if self._running is None or self._left == 0:
            self.stop()
            self._running = self._start(job.spec.recipe)
        process, end = self._running
        is_first = self._left == self.limits.isolate
        self._left -= 1
        try:
            end.send(job)
            if end.poll(self.limits.timeout):
                trial, model = end.recv()
                if holds_too_much(trial, self.limits):
                    self._left = 0
                return trial, model
            self._left = 0  # the process is ended before the next trial, or at the end
            return timed_out(job, self.limits), None
        except (EOFError, OSError):
            process.join()
            code = process.exitcode or 0
            self._left = 0
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if code > 0 and is_first:
            how += '; a program has to call a search under `if __name__ == "__main__":`'
        likely = ", most likely for want of memory" if code == -9 else ""  # SIGKILL
        status = "out of memory" if likely else "error"
        error = f"its process was {how}{likely}"
        return records.Trial(job.number, job.values, status=status, error=error), None

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._running is not None:
            process, end = self._running
            end.close()
            process.kill()
            process.join()
            self._running = None

    def _start(self, recipe: str) -> tuple[BaseProcess, Connection]:
        now = fingerprints.hash_code(recipe)
        if changed := [name for name in now if now[name] != self.code.get(name)]:
            raise RunError(
                f"{', '.join(changed)}: changed while the search runs, so that further trials "
                "would not be comparable; undo the change and resume"
            )
        processes.load_ahead()  # again, where somebody has killed what was loaded
        context = multiprocessing.get_context(processes.method())
        end, other = context.Pipe()
        # BaseContext has it, but not in the stubs.
        process = context.Process(target=_serve, args=(other,), daemon=True)  # type: ignore[attr-defined]
        process.start()
        other.close()  # so that the process's death is noticed
        self._left = self.limits.isolate or 1
        return process, end


def _serve(end: Connection) -> None:
    """Run what is sent, until the other side has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the other side decides
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            end.send(trials.run(end.recv()))


def timed_out(job: trials.Job, limits: Limits) -> records.Trial:
    """Describe a trial that was ended since it took too long."""
    seconds = limits.timeout or 0.0
    error = f"took longer than --trial-timeout {seconds:g}s"
    return records.Trial(job.number, job.values, "timeout", error, seconds=seconds)


def holds_too_much(trial: records.Trial, limits: Limits) -> bool:
    """Return whether a process held more memory after a trial than it may."""
    return bool(limits.max_memory and trial.memory and trial.memory > limits.max_memory)


@contextlib.contextmanager
def alone(limits: Limits, code: dict[str, str]) -> Iterator[Alone]:
    """Yield the runner of one trial at a time: in this process, or in others.

    Args:
        limits: Of the other processes; without `isolate`, all trials run in this one.
        code: What `fingerprints.hash_code` returned when the search began.
    """
    if limits.isolate is None:
        with trials.light_collection():
            yield Alone(lambda job: trials.run(job))  # late, so that a test can replace it
        return
    worker = Worker(code, limits)
    with processes.loaded_ahead():
        try:
            yield Alone(worker.run)
        finally:
            worker.stop()
