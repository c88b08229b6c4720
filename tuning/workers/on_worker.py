"""What a worker of a search does: it is checked once, then it runs trials.

Data and compiled programs stay in its process from one trial to the next.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import random
import signal
import threading
from typing import Any

import distributed
import psutil

from tuning.trials import records


@dataclasses.dataclass(frozen=True)
class Order:
    """What a worker has to be like for a search.

    Attributes:
        name: Of the search, as on no other one; its events have this topic.
        spec: The `SearchSpec`, as a dictionary: it can be read before TensorFlow is loaded.
        fingerprint: What `SearchSpec.fingerprint` returned.
        threads: That TensorFlow may use in a process; None leaves it as it is.
    """

    name: str
    spec: dict[str, Any]
    fingerprint: dict[str, Any]
    threads: int | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a worker returns for a trial that it was sent.

    Attributes:
        address: Of the worker.
        reason: What differs, in one line, where the search cannot use the worker.
        trial: That has ended; None where the worker cannot be used.
        model: As the content of a .keras file where it is to be kept.
    """

    address: str
    reason: str = ""
    trial: records.Trial | None = None
    model: bytes | None = None


class DeafToCtrlC(distributed.WorkerPlugin):
    """Lets the driver alone decide what Ctrl-C does, which reaches all processes of a terminal."""

    def setup(self, worker: distributed.Worker) -> None:
        """Pass over Ctrl-C."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def kill(dask_worker: distributed.Nanny) -> bool:
    """Kill the process that a nanny looks after, which then starts another one."""
    psutil.Process(dask_worker.pid).kill()
    return True


def leave(dask_worker: distributed.Worker) -> None:
    """Have a worker end, and its nanny with it."""
    # A little later: the answer to this call has to get out.
    dask_worker.loop.call_later(0.2, dask_worker.close, nanny=True)


_reasons: dict[str, str] = {}
_code: dict[str, str] = {}


def run(order: Order, number: int, values: dict[str, Any], score_to_beat: float) -> Answer:
    """Run a trial, unless the worker is not what it has to be.

    Args:
        order: Of the search.
        number: Of the trial; this and the rest as in `trials.Job`.
        values: Of the hyperparameters.
        score_to_beat: The model is part of the result if its trial scores better.
    """
    worker = distributed.get_worker()
    if order.name not in _reasons:
        _reasons[order.name] = _find_reason(order, worker)
    if _reasons[order.name]:
        return Answer(worker.address, _reasons[order.name])
    worker.log_event(order.name, {"number": number, "address": worker.address})
    from tuning.spec import SearchSpec
    from tuning.trials import trials

    job = trials.Job(SearchSpec(**order.spec), number, values, score_to_beat=score_to_beat)
    return Answer(worker.address, "", *trials.run(job))


def _find_reason(order: Order, worker: distributed.Worker) -> str:
    """Describe what differs between this worker and the driver; nothing where they are alike."""
    if worker.state.nthreads != 1:
        return f"it has {worker.state.nthreads} threads; start it with --nthreads 1"
    _separate_threads()
    _share_machine(order.threads, worker.name)
    from tuning.spec import SearchSpec
    from tuning.trials import fingerprints

    try:
        spec = SearchSpec(**order.spec)
        spec.check()
        found = spec.fingerprint()
    except Exception as error:
        return " ".join(str(error).split())
    gc.freeze()  # as `trials.light_collection` does
    code = {name: hashed for name, hashed in found["code"].items() if name in _code}
    if changed := [name for name, hashed in code.items() if hashed != _code[name]]:
        return f"{', '.join(changed)}: changed after the worker started; restart it"
    _code.update(found["code"])
    introduction = "the worker has"
    return "; ".join(fingerprints.find_differences(order.fingerprint, found, "", introduction))


def _share_machine(threads: int | None, name: str | int) -> None:
    """Leave cores and GPUs to the other workers; TensorFlow must not have begun."""
    if threads is None:
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if gpus := tf.config.list_physical_devices("GPU"):
        own = gpus[int(name) % len(gpus)]
        tf.config.set_visible_devices(own, "GPU")
        tf.config.experimental.set_memory_growth(own, True)


def _separate_threads() -> None:
    """Draw the random numbers of each thread from a generator of its own.

    Dask's event loop draws some too, in another thread. From the same generator it would take
    numbers that decide a trial's first weights and its order of rows.
    """
    own = threading.local()

    def draw(name: str, *arguments: object, **named: object) -> object:
        if not hasattr(own, "generator"):
            own.generator = random.Random()
        return getattr(own.generator, name)(*arguments, **named)

    for name in random.__all__:
        if isinstance(getattr(getattr(random, name), "__self__", None), random.Random):
            setattr(random, name, functools.partial(draw, name))
