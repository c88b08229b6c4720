"""Measure searches on several workers: speed, recovery from kills, and limits.

`speed`: the same search with one worker and with two, from start to end, in turn. `kills`: searches
on two workers, with random kills of workers and of the search, compared with an uninterrupted
search. No trial is killed twice, because such a trial counts as the cause. `scale`: simulated
trials on many workers (threads of one process), to measure trials per second, the memory of the
search and the time of proposals.

Run: python -m benchmarks.workers --record
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Literal, get_args

import dask
import distributed
import numpy as np
import psutil

from benchmarks import interruptions, records
from keras_recipes import catalog, configs
from keras_recipes.console import command_line
from keras_recipes.errors import RunError
from tuning import loop
from tuning.options import Limits, Options, TunerName
from tuning.oracles import seeds, spaces
from tuning.spec import SearchSpec
from tuning.trials import records as trial_records, storage, trials
from tuning.workers import cluster, on_worker

GOALS = {"breast_cancer": 0.65, "fmnist": 0.75}
TRIALS = {"breast_cancer": 60, "fmnist": 12}
LEFT_SECONDS = 15  # in which all processes of a search that was killed have to be gone
Split = Literal["speed", "kills", "scale"]


@dataclasses.dataclass(frozen=True)
class Measure:
    """What to measure, and how much of it."""

    parts: Annotated[tuple[Split, ...], command_line.takes(positional=True)] = get_args(Split)
    """Measurements to make."""
    recipes: tuple[str, ...] = ("breast_cancer", "fmnist")
    """Recipes for speed."""
    rounds: configs.Count = 3
    """Searches by one worker and by two, in alternation."""
    trials: configs.Count | None = None
    """Trials of a search; by default 60 of breast_cancer, 12 of fmnist."""
    epochs: configs.Count | None = None
    """Epochs of a training at most; by default the recipe's."""
    worker_kills: configs.Count = 20
    """Kills of workers."""
    driver_kills: configs.Count = 5
    """Kills of drivers."""
    workers: configs.Count = 200
    """Workers that are pretended."""
    seconds: configs.Positive = 1.0
    """Length of a pretended trial."""
    record: bool = False
    """Write recipes/results/workers.json."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def _start(arguments: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tuning", *arguments],
        env={**os.environ, "PYTHONPATH": str(catalog.folder().parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate()
    if process.returncode:
        raise RunError(f"{' '.join(process.args)} failed: {errors.strip()}")


def _flags(wanted: Measure, recipe: str) -> list[str]:
    num_trials = wanted.trials or TRIALS.get(recipe, 60)
    epochs = [] if wanted.epochs is None else [f"--epochs={wanted.epochs}"]
    return [recipe, "--tuner=random", f"--trials={num_trials}", *epochs, "--quiet"]


def measure_speed(wanted: Measure, recipe: str) -> dict:
    """Time the same search by one worker and by two."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(wanted.rounds):
            for workers, own in seconds.items():
                out = f"--out={folder}/{workers}-{number}"
                start = time.monotonic()
                _finish(_start([*_flags(wanted, recipe), f"--workers={workers}", out]))
                own.append(time.monotonic() - start)
                print(f"{recipe}: {workers} worker(s) took {own[-1]:.1f} s", flush=True)
        tables = [pathlib.Path(folder) / f"{workers}-0" / "trials.csv" for workers in seconds]
        differences = interruptions.find_differences(*tables)
    ratios = [two / one for one, two in zip(seconds[1], seconds[2], strict=True)]
    return {
        "flags": _flags(wanted, recipe),
        "seconds": {
            str(workers): records.median_and_range(own) for workers, own in seconds.items()
        },
        "ratio": records.median_and_range(ratios),
        "goal": GOALS.get(recipe),
        "differing_columns": differences,
    }


def measure_kills(wanted: Measure) -> dict:
    """Kill workers and drivers of searches, until both were killed often enough."""
    begin, generator = _flags(wanted, "breast_cancer"), np.random.default_rng(0)
    left = {"worker": wanted.worker_kills, "driver": wanted.driver_kills}
    searches, differences, stragglers = 0, [], 0
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / "whole"
        _finish(_start([*begin, f"--out={whole}"]))
        while any(left.values()):
            killed = pathlib.Path(folder) / f"killed-{searches}"
            stragglers += _disturb(begin, killed, left, generator)
            searches += 1
            differences += interruptions.find_differences(
                *(f / "trials.csv" for f in (whole, killed))
            )
            if (killed / "workers").exists():
                differences.append(f"{killed}/workers is left")
            print(f"kills left: {left}; differences: {differences}", flush=True)
    done = {"worker_kills": wanted.worker_kills, "driver_kills": wanted.driver_kills}
    found = {"searches": searches, "processes_left": stragglers, "differences": differences}
    return {"flags": begin, **done, **found, "same": not differences}


def _disturb(begin: list[str], folder: pathlib.Path, left: dict, generator) -> int:
    """Kill processes of one search until it has ended; give the number of those that stayed."""
    stragglers, process = 0, _start([*begin, "--workers=2", f"--out={folder}"])
    hit: set[int] = set()
    while process.poll() is None:
        time.sleep(generator.uniform(0.1, 1.0))
        at_work, workers = _at_work(folder), _workers_of(process)
        if not at_work or hit & at_work or len(workers) < 2 or not any(left.values()):
            continue
        hit = at_work
        kinds = [kind for kind, count in left.items() for _ in range(count)]
        kind = generator.choice(kinds)
        left[kind] -= 1
        if kind == "worker":
            workers[generator.integers(2)].kill()
        else:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            stragglers += len(psutil.wait_procs(workers, LEFT_SECONDS)[1])
            process = _start([f"--resume={folder}", "--workers=2", "--quiet"])
    _finish(process)
    return stragglers


def _at_work(folder: pathlib.Path) -> set[int]:
    """Return the numbers of the trials that have begun and not ended."""
    try:
        return {trial.number for trial in storage.read_trials(folder) if trial.is_running}
    except (OSError, ValueError):  # a file is being replaced
        return set()


def _workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Return what has started from the server that has TensorFlow loaded (`tuning.processes`)."""
    try:
        servers = psutil.Process(process.pid).children()
        return [worker for server in servers for worker in server.children()]
    except psutil.NoSuchProcess:
        return []


def pretend(
    order: on_worker.Order, number: int, values: dict, score_to_beat: float
) -> on_worker.Answer:
    """Stand in for a trial: wait, and give a score that the point decides."""
    worker = distributed.get_worker()
    worker.log_event(order.name, {"number": number, "address": worker.address})
    time.sleep(order.spec["seconds"])
    score = seeds.derive(spaces.key(values)) / 2**32
    trial = trial_records.Trial(number, values, scores=[score])
    return on_worker.Answer(worker.address, trial=trial)


@contextlib.contextmanager
def _pretended_runner(num_workers: int, seconds: float) -> Iterator[cluster.Cluster]:
    """Yield a runner whose workers are threads of this process."""
    no_dashboard = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(cluster.CONFIG))
        local = distributed.LocalCluster(
            n_workers=num_workers,
            threads_per_worker=1,
            processes=False,
            silence_logs=logging.CRITICAL,
            scheduler_kwargs=no_dashboard,
        )
        stack.enter_context(local)
        client = stack.enter_context(distributed.Client(local, set_as_default=False))
        order = on_worker.Order("search-scale", {"seconds": seconds}, {})
        yield cluster.Cluster(client, order, Limits(), run=pretend)


def _timed(call: Callable, seconds: list[float]) -> Callable:
    """Return a function that does the same, and takes note of how long it took."""

    def timed(*arguments: object) -> object:
        start = time.perf_counter()
        answer = call(*arguments)
        seconds.append(time.perf_counter() - start)
        return answer

    return timed


def measure_scale(num_workers: int, seconds: float, tuner: TunerName, num_trials: int) -> dict:
    """Return pretended trials to many workers."""
    options = Options(recipe="fmnist", tuner=tuner, trials=num_trials, data="builtin")
    spec = SearchSpec.begin(options)
    spec.space.Float("rate", 0.0, 1.0)  # or the space has fewer points than there are trials
    process, oracle = psutil.Process(), spec.make_oracle()
    proposing: list[float] = []
    oracle.populate_space = _timed(oracle.populate_space, proposing)
    with _pretended_runner(num_workers, seconds) as runner:
        before, start = process.memory_info().rss, time.monotonic()

        def begin(trial: trial_records.Trial) -> None:
            runner.submit(trials.Job(spec, trial.number, trial.values))

        ended: list[trial_records.Trial] = []
        ways = (begin, runner.wait, lambda trial, model: ended.append(trial))
        loop.run_trials(oracle, [], *ways, count_places=runner.count_places)
        took = time.monotonic() - start
    return {
        "trials": len(ended),  # fewer than asked for where the space has no more points
        "workers": num_workers,
        "seconds_of_a_trial": seconds,
        "trials_a_second": round(len(ended) / took, 1),
        "at_best": round(num_workers / seconds, 1),
        "driver_mb_added": round((process.memory_info().rss - before) / 2**20, 1),
        "proposal_seconds": round(statistics.median(proposing), 5),
        "proposal_seconds_of_last_ten": round(statistics.fmean(proposing[-10:]), 4),
    }


def table(results: dict) -> str:
    """Write the results as Markdown tables."""
    lines = []
    for name, found in results.items():
        if name.startswith("speed"):
            one, two = (found["seconds"][workers]["median"] for workers in "12")
            ratio, goal = found["ratio"]["median"], found["goal"]
            lines.append(f"| {name} | {one:.1f} s | {two:.1f} s | {ratio:.2f} (goal {goal}) |")
        elif name == "kills":
            told = f"{found['worker_kills']} workers, {found['driver_kills']} drivers killed"
            lines.append(
                f"| {told} | same table: {found['same']} | {found['processes_left']} left |"
            )
        else:
            rate = f"{found['trials_a_second']} of {found['at_best']} trials a second"
            last = found["proposal_seconds_of_last_ten"]
            lines.append(
                f"| {name} | {rate} | {found['driver_mb_added']} MB | {last} s a proposal |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure what is named, print the tables, and write the record where asked."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.workers", __doc__, measure=Measure)
        results = {}
        if "speed" in wanted.parts:
            for recipe in wanted.recipes:
                results[f"speed {recipe}"] = measure_speed(wanted, recipe)
        if "kills" in wanted.parts:
            results["kills"] = measure_kills(wanted)
        if "scale" in wanted.parts:
            for tuner, times in (("random", 10), ("bayesian", 3)):
                found = measure_scale(wanted.workers, wanted.seconds, tuner, times * wanted.workers)
                results[f"scale {tuner}"] = found
        print(table(results))
        if wanted.record:
            records.write_parts(results)


if __name__ == "__main__":
    main()
