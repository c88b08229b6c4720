"""Trials in several processes, on this machine or on others, by Dask's `distributed`.

Dask starts the processes and watches them, gives a trial to one that is free, and runs it again
where its process has died; where that happens twice, it takes the trial for the cause. The oracle
and the folder of the search stay with the driver.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import math
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
from tuning.options import Limits, Options
from tuning.spec import SearchSpec
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


@dataclasses.dataclass
class Sent:
    """A trial that was sent to Dask.

    Attributes:
        job: What is run.
        future: What Dask returned for it when it was sent last.
        num_sends: How often it was sent, a worker's refusal aside.
        num_begins: How often a worker began it.
        begun: When, by the monotonic clock, and at which address it runs; None while it waits.
    """

    job: trials.Job
    future: distributed.Future | None = None
    num_sends: int = 0
    num_begins: int = 0
    begun: tuple[float, str] | None = None


class Cluster:
    """The runner of trials on Dask's workers.

    Args:
        client: Connected to Dask's scheduler.
        order: What a worker has to be like.
        limits: Of a worker's process.
        run: What a worker runs.
    """

    def __init__(
        self,
        client: distributed.Client,
        order: on_worker.Order,
        limits: Limits,
        run: Callable[..., on_worker.Answer] = on_worker.run,
    ):
        self._client, self._order, self._limits, self._run = client, order, limits, run
        self._ended: queue.SimpleQueue[tuple[int, distributed.Future]] = queue.SimpleQueue()
        self._sent: dict[int, Sent] = {}
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

    def submit(self, job: trials.Job) -> None:
        """Have a trial run.

        Raises:
            RunError: If the scheduler has gone.
        """
        with _scheduler_there():
            self._send(Sent(job))

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
            sent = self._sent.get(number)
            return self._take(sent, future) if sent and sent.future is future else None

    def close(self) -> None:
        """End what runs."""
        if self._client.status != "running" or self._find_workers() is None:
            return
        with contextlib.suppress(OSError, RuntimeError, ClosedClientError):
            futures = [sent.future for sent in self._sent.values() if sent.future]
            self._client.cancel(futures, force=True)
            if busy := [sent.begun[1] for sent in self._sent.values() if sent.begun]:
                self._restart(busy)

    def _send(self, sent: Sent) -> None:
        job = sent.job
        self._sent[job.number] = sent
        sent.num_sends, sent.begun = sent.num_sends + 1, None
        # A key that Dask knows would give the former result.
        key = f"{self._order.name}-{job.number:04d}-{next(self._serial)}"
        told = (self._order, job.number, job.values, job.score_to_beat)
        sent.future = self._client.submit(self._run, *told, key=key)
        sent.future.add_done_callback(lambda future: self._ended.put((job.number, future)))

    def _note_begin(self, event: tuple[float, dict]) -> None:
        _, said = event
        if sent := self._sent.get(said["number"]):
            sent.num_begins += 1
            sent.begun = time.monotonic(), said["address"]

    def _look(self) -> None:
        """Check from time to time whether scheduler and workers are there."""
        now = time.monotonic()
        if now < self._look_again:
            return
        found = self._find_workers()
        self._look_again = time.monotonic() + SECONDS_BETWEEN_LOOKS
        self._workers = found or set()
        # Where its worker has died, a trial begins again.
        for sent in list(self._sent.values()):
            if sent.begun and sent.begun[1] not in self._workers:
                sent.begun = None
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

    def _take(self, sent: Sent, future: distributed.Future) -> workers.Result | None:
        """Return what a future holds; None where the trial has to be run again."""
        if future.status == "error":
            return self._explain(sent, future.exception())
        if future.status == "finished":
            with contextlib.suppress(distributed.CancelledError, TimeoutError, OSError):
                return self._accept(sent, future.result(timeout=FETCH_SECONDS))
        # The result was lost with its worker, or all of them with the scheduler.
        if sent.num_sends == MAX_SENDS:
            return self._killed(sent, f"its result was lost {MAX_SENDS} times")
        self._send(sent)
        return None

    def _accept(self, sent: Sent, said: on_worker.Answer) -> workers.Result | None:
        if said.trial is None:  # the worker would return other results
            line = f"{said.address}: {said.reason}"
            if line not in self._refusals:
                self._refusals.append(line)
                _log.warning("a worker is refused and sent away: %s", line)
            self._send_away([said.address])
            sent.num_sends -= 1
            self._send(sent)
            return None
        del self._sent[sent.job.number]
        held = self._trials_of[said.address] = self._trials_of.get(said.address, 0) + 1
        if held == self._limits.isolate or workers.holds_too_much(said.trial, self._limits):
            self._restart([said.address])
        return said.trial, said.model

    def _explain(self, sent: Sent, error: BaseException) -> workers.Result | None:
        if isinstance(error, distributed.KilledWorker):
            # Dask blames all trials that the worker had been given, those that waited as well.
            if sent.num_begins < 2 and sent.num_sends < MAX_SENDS:
                self._send(sent)
                return None
            times = error.allowed_failures + 1
            return self._killed(
                sent, f"its worker died {times} times, most likely for want of memory"
            )
        raise RunError(
            f"a worker could not begin trial {sent.job.number} ({_first_sentence(error)}); start "
            "the scheduler and the workers by `python -m dask` in a folder of this project, with "
            "its requirements installed"
        ) from error

    def _killed(self, sent: Sent, error: str) -> workers.Result:
        del self._sent[sent.job.number]
        return records.Trial(sent.job.number, sent.job.values, "killed", error), None

    def _find_late(self) -> workers.Result | None:
        """End a trial that takes too long, and its worker's process with it."""
        now, limit = time.monotonic(), self._limits.timeout or math.inf
        for number, sent in list(self._sent.items()):
            since, address = sent.begun or (now, "")
            if now - since > limit and sent.future and sent.future.status == "pending":
                sent.future.cancel(force=True)
                del self._sent[number]
                self._restart([address])
                return workers.timed_out(sent.job, self._limits), None
        return None

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
            "docs/workers.md"
        ) from error
    with client:
        yield client


@contextlib.contextmanager
def connect(spec: SearchSpec, store: Store, options: Options) -> Iterator[Cluster]:
    """Yield the runner of a search on the workers that its options name.

    Raises:
        InputError: If there is no scheduler where there should be one.
    """
    name = f"search-{uuid.uuid4().hex[:12]}"
    threads = max(1, dask.system.CPU_COUNT // options.workers) if options.workers else None
    fingerprint = store.description["fingerprint"]
    order = on_worker.Order(name, dataclasses.asdict(spec), fingerprint, threads)
    security = None
    if options.tls_ca is not None:
        security = distributed.Security(
            tls_ca_file=str(options.tls_ca),
            tls_client_cert=str(options.tls_cert),
            tls_client_key=str(options.tls_key),
            require_encryption=True,
        )
    if options.workers:
        place = on_this_machine(options.workers, store.workers_folder)
    else:
        place = on_others(str(options.scheduler), security)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(place)
        runner = Cluster(client, order, options.limits)
        stack.callback(runner.close)
        try:
            yield runner
        finally:
            with interrupts.held_back("ending what runs; Ctrl-C again leaves it to itself"):
                stack.close()
