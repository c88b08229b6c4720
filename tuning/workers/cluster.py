"""Trials in several processes, on this machine or on others, by Dask's `distributed`.

Dask starts the processes and watches them, gives a trial to one that is free, and runs it again
where its process has died; where that happens twice, it takes the trial for the cause. The oracle
and the folder of the search stay with the driver.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
import logging
import pathlib
import queue
import shutil
import time
import uuid
from collections.abc import Callable, Iterator

import dask
import dask.system
import distributed
from distributed.client import ClosedClientError
from distributed.comm import CommClosedError

from keras_recipes.console import interrupts
from keras_recipes.errors import InputError, RunError, first_line
from tuning import plans
from tuning.options import Options, seconds
from tuning.trials import records, trials
from tuning.trials.storage import Store
from tuning.workers import on_worker, processes, workers

SECONDS_BETWEEN_LOOKS = 0.5
CONNECT_SECONDS = 10
ANSWER_SECONDS = 10
# For so long a search waits for the first worker, or for another one when all are gone.
PATIENCE_SECONDS = 60
FETCH_SECONDS = 30
MAX_SENDS = 5
GONE = "Dask's scheduler has gone"
CONFIG = {
    "distributed.scheduler.allowed-failures": 1,
    # A worker holds a model and its data, nothing that could be written to disk.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    # It would look at the stack of each worker a hundred times a second.
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}

_log = logging.getLogger(__name__)


class Cluster:
    """A team of Dask's workers.

    Args:
        client: Connected to Dask's scheduler.
        order: What a worker has to be like.
        timeout: Seconds that a trial may take; None sets no limit.
        isolate: Trials of one process; None sets no limit.
        max_memory: MB that a process may hold after a trial to be given another one.
        run: What a worker runs.
    """

    def __init__(
        self,
        client: distributed.Client,
        order: on_worker.Order,
        *,
        timeout: float | None = None,
        isolate: int | None = None,
        max_memory: float | None = None,
        run: Callable[[on_worker.Order, dict], object] = on_worker.run,
    ):
        self._client, self._order, self._run = client, order, run
        self._timeout, self._isolate, self._max_memory = timeout, isolate, max_memory
        self._ended: queue.SimpleQueue = queue.SimpleQueue()
        self._futures: dict[int, distributed.Future] = {}
        self._tasks: dict[int, trials.Task] = {}
        self._sends: dict[int, int] = {}
        self._begun: dict[int, tuple[float, str]] = {}
        self._begins: collections.Counter[int] = collections.Counter()
        self._trials_of: dict[str, int] = {}
        self._refusals: list[str] = []
        self._serial = itertools.count()
        self._workers: set[str] = set()
        self._last_seen = time.monotonic()
        self._look_again = 0.0
        client.subscribe_topic(order.name, self._note_begin)
        self._look()

    def count_places(self) -> int:
        """Return how many trials may run at a time: one for each worker."""
        return max(1, len(self._workers))

    def submit(self, task: trials.Task) -> None:
        """Have a trial run.

        Raises:
            RunError: If the scheduler has gone.
        """
        self._tasks[task.number], self._sends[task.number] = task, 0
        with _scheduler_there():
            self._send(task.number)

    def wait(self) -> workers.Result | None:
        """Return a trial that has ended; None where none has, but there may be more places.

        Raises:
            RunError: If the scheduler or the last worker has gone.
        """
        with _scheduler_there():
            self._look()
            try:
                number, future = self._ended.get(timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                return self._find_late()
            # A trial that was given up, or sent again, is no longer waited for.
            return self._take(number, future) if self._futures.get(number) is future else None

    def close(self) -> None:
        """Return up what runs."""
        if self._client.status != "running" or self._find_workers() is None:
            return
        with contextlib.suppress(OSError, RuntimeError, ClosedClientError):
            self._client.cancel(list(self._futures.values()), force=True)
            if busy := [address for _, address in self._begun.values()]:
                self._restart(busy)

    def _send(self, number: int) -> None:
        self._sends[number] += 1
        self._begun.pop(number, None)
        # A key that Dask knows would give the former result.
        key = f"{self._order.name}-{number:04d}-{next(self._serial)}"
        task = dataclasses.asdict(self._tasks[number])
        future = self._client.submit(self._run, self._order, task, key=key)
        self._futures[number] = future
        future.add_done_callback(functools.partial(self._note_end, number))

    def _note_end(self, number: int, future: distributed.Future) -> None:
        self._ended.put((number, future))

    def _note_begin(self, event: tuple[float, dict]) -> None:
        _, said = event
        if said["number"] in self._futures:
            self._begins[said["number"]] += 1
            self._begun[said["number"]] = time.monotonic(), said["address"]

    def _look(self) -> None:
        """See from time to time whether scheduler and workers are there."""
        now = time.monotonic()
        if now < self._look_again:
            return
        found = self._find_workers()
        self._look_again = time.monotonic() + SECONDS_BETWEEN_LOOKS
        self._workers = found or set()
        # Where its worker has died, a trial begins again.
        self._begun = {n: one for n, one in self._begun.items() if one[1] in self._workers}
        if self._workers:
            self._last_seen = now
        elif self._client.status == "closed":
            raise RunError(GONE)
        elif self._refusals:
            raise RunError(f"no worker is left; refused: {' | '.join(self._refusals)}")
        elif now - self._last_seen > PATIENCE_SECONDS:
            what = "Dask's scheduler has not answered" if found is None else "no worker was there"
            advice = "; a worker that ends at once says why where it was started"
            raise RunError(f"{what} for {PATIENCE_SECONDS} seconds{advice * (found is not None)}")

    def _find_workers(self) -> set[str] | None:
        """Return the addresses of the workers; None where the scheduler does not answer."""
        try:
            return set(self._client.nthreads(callback_timeout=ANSWER_SECONDS))
        except (OSError, RuntimeError, AttributeError):  # the connection breaks, or has been closed
            return None

    def _take(self, number: int, future: distributed.Future) -> workers.Result | None:
        """Return what a future holds; None where the trial has to be run again."""
        if future.status == "error":
            return self._explain(number, future.exception())
        if future.status == "finished":
            with contextlib.suppress(distributed.CancelledError, TimeoutError, OSError):
                return self._accept(number, future.result(timeout=FETCH_SECONDS))
        # The result was lost with its worker, or all of them with the scheduler.
        if self._sends[number] == MAX_SENDS:
            return self._killed(number, f"its result was lost {MAX_SENDS} times")
        self._send(number)
        return None

    def _accept(
        self, number: int, said: on_worker.Done | on_worker.Refusal
    ) -> workers.Result | None:
        if isinstance(said, on_worker.Refusal):
            self._refuse(said)
            self._sends[number] -= 1
            self._send(number)
            return None
        self._forget(number)
        held = self._trials_of[said.address] = self._trials_of.get(said.address, 0) + 1
        if held == self._isolate or workers.holds_too_much(said.trial, self._max_memory):
            self._restart([said.address])
        return said.trial, said.model

    def _refuse(self, said: on_worker.Refusal) -> None:
        """Send a worker away that would give other results."""
        line = f"{said.address}: {said.reason}"
        if line not in self._refusals:
            self._refusals.append(line)
            _log.warning("a worker is refused and sent away: %s", line)
        self._send_away([said.address])

    def _explain(self, number: int, error: BaseException) -> workers.Result | None:
        if isinstance(error, distributed.KilledWorker):
            # Dask blames all trials that the worker had been given, those that waited as well.
            if self._begins[number] < 2 and self._sends[number] < MAX_SENDS:
                return self._send(number)
            times = error.allowed_failures + 1
            return self._killed(
                number, f"its worker died {times} times, most likely for want of memory"
            )
        raise RunError(
            f"a worker could not begin trial {number} ({_first_sentence(error)}); start the "
            "scheduler and the workers by `python -m dask` in a folder of this project, with its "
            "requirements installed"
        ) from error

    def _killed(self, number: int, error: str) -> workers.Result:
        task = self._forget(number)
        return records.Trial(number, task.values, "killed", error), None

    def _find_late(self) -> workers.Result | None:
        now = time.monotonic()
        for number, (since, address) in list(self._begun.items()):
            is_late = self._timeout and now - since > self._timeout
            if is_late and self._futures[number].status == "pending":
                return self._give_up(number, address)
        return None

    def _give_up(self, number: int, address: str) -> workers.Result:
        """End a trial that takes too long, and its worker's process with it."""
        self._futures[number].cancel(force=True)
        task = self._forget(number)
        self._restart([address])
        return workers.timed_out(task, self._timeout), None

    def _forget(self, number: int) -> trials.Task:
        del self._futures[number]
        self._begun.pop(number, None)
        return self._tasks.pop(number)

    def _restart(self, addresses: list[str]) -> None:
        """Have processes killed and started anew; one that nobody can start is sent away."""
        there = self._find_workers() or set()
        addresses = list(set(addresses) & there)  # others are never heard of
        if not addresses:
            return
        # Dask's own restart first waits half a minute for a process that does not answer.
        said = self._client.run(on_worker.kill, workers=addresses, nanny=True, on_error="return")
        killed = [address for address in addresses if said.get(address) is True]
        if alone := [address for address in addresses if address not in killed]:
            self._send_away(alone)
        self._wait_until_gone(killed)

    def _send_away(self, addresses: list[str]) -> None:
        self._client.run(on_worker.leave, workers=addresses, on_error="return")
        self._wait_until_gone(addresses)

    def _wait_until_gone(self, addresses: list[str]) -> None:
        """Wait until the scheduler knows: it would give the next trial to a process that ends."""
        end = time.monotonic() + CONNECT_SECONDS
        while set(addresses) & (self._find_workers() or set()) and time.monotonic() < end:
            time.sleep(0.02)
        self._look_again = 0.0


@contextlib.contextmanager
def _scheduler_there() -> Iterator[None]:
    """Raise in one line that the scheduler has gone, wherever that shows first."""
    try:
        yield
    except (ClosedClientError, CommClosedError) as error:
        raise RunError(GONE) from error


def _first_sentence(error: BaseException) -> str:
    return first_line(error).partition(". ")[0]


@contextlib.contextmanager
def on_this_machine(num_workers: int, folder: pathlib.Path) -> Iterator[distributed.Client]:
    """Start workers on this machine, which listen on loopback alone, and end them.

    Args:
        num_workers: To start.
        folder: For Dask's own files; removed at the end.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        # The scheduler has files too, without being told where.
        stack.enter_context(dask.config.set(CONFIG | {"temporary-directory": str(folder)}))
        stack.enter_context(processes.loaded_ahead())
        started_by = {"distributed.worker.multiprocessing-method": processes.method()}
        stack.enter_context(dask.config.set(started_by))
        cluster = stack.enter_context(_start(num_workers, folder))
        client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
        client.register_plugin(on_worker.DeafToCtrlC())
        yield client


def _start(num_workers: int, folder: pathlib.Path) -> distributed.LocalCluster:
    # Dask has an HTTP server in any case: here on a free port of loopback, with nothing to show.
    no_dashboard = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    try:
        return distributed.LocalCluster(
            n_workers=num_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            local_directory=str(folder),
            silence_logs=logging.CRITICAL,
            scheduler_kwargs=no_dashboard,
        )
    except RuntimeError as error:
        raise InputError(
            f"--workers: the processes did not start ({error}); they import the program that "
            'starts them: it has to call a search under `if __name__ == "__main__":`'
        ) from error


@contextlib.contextmanager
def on_others(address: str, security: distributed.Security | None) -> Iterator[distributed.Client]:
    """Connect to a scheduler that runs.

    Args:
        address: HOST:PORT.
        security: Certificates, for an encrypted connection.

    Raises:
        InputError: If nobody answers there.
    """
    protocol = "tls" if security else "tcp"
    try:
        client = distributed.Client(
            f"{protocol}://{address}",
            security=security,
            timeout=CONNECT_SECONDS,
            set_as_default=False,
        )
    except (OSError, TimeoutError) as error:
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers there by {protocol} "
            f"({_first_sentence(error)}); start one by `python -m dask scheduler`"
            f"{' with certificates of the same authority' * bool(security)}, or see "
            "tuning/deploy/README.md"
        ) from error
    with client:
        yield client


@contextlib.contextmanager
def gather(plan: plans.Plan, store: Store, options: Options) -> Iterator[Cluster]:
    """Yield the team that a search was told to run on.

    Raises:
        InputError: If there is no scheduler where there should be one.
    """
    name = f"search-{uuid.uuid4().hex[:12]}"
    fingerprint = {k: v for k, v in store.description.items() if k not in ("settings", "format")}
    threads = None if options.scheduler else max(1, dask.system.CPU_COUNT // options.workers)
    settings = dataclasses.asdict(plan.settings)
    order = on_worker.Order(name, settings, fingerprint, threads)
    if options.scheduler:
        place = on_others(options.scheduler, _security(options))
    else:
        place = on_this_machine(options.workers, store.workers_folder)
    timeout = options.trial_timeout and seconds(options.trial_timeout)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(place)
        limits = {"isolate": options.isolate, "max_memory": options.max_memory}
        runner = Cluster(client, order, timeout=timeout, **limits)
        stack.callback(runner.close)
        try:
            yield runner
        finally:
            with interrupts.held_back("ending what runs; Ctrl-C again leaves it to itself"):
                stack.close()


def _security(options: Options) -> distributed.Security | None:
    if options.tls_ca is None:
        return None
    return distributed.Security(
        tls_ca_file=str(options.tls_ca),
        tls_client_cert=str(options.tls_cert),
        tls_client_key=str(options.tls_key),
        require_encryption=True,
    )
