"""Measure the check: which classic mistakes it and Keras report, and how long it takes.

Each mistake in `benchmarks.mistakes` is trained with Keras as a user would do it, and
checked. A report of Keras is any error, or any warning of Python's or of TensorFlow's log: before
training (while the model is built and compiled), during it, or after it (saving, predicting). A
loss that is NaN is no report. The cost is the time of a check on the data of each recipe, in a new
process and again, compared with an epoch of its training.

Run: python -m benchmarks.checks --record
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator

import keras

from benchmarks import mistakes, publish, records
from keras_recipes import catalog, checks, configs, recipe as contract, training
from keras_recipes.console import command_line
from keras_recipes.errors import InputError, RunError
from keras_recipes.features import parts

# What the check may take: this fraction of an epoch, or this many seconds, whichever is more.
FRACTION_OF_EPOCH = 0.05
SECONDS = 0.3
# Warnings that come with right programs too: about arrays, and about any data set.
UNRELATED = ("__array__ implementation", "`shuffle=True` was passed, but will be ignored")


@dataclasses.dataclass(frozen=True)
class Measure:
    """What to measure."""

    rounds: configs.Count = 5
    """Fresh processes that time the check on each recipe."""
    record: bool = False
    """Write recipes/results/checks.json."""
    recipe: str = ""
    """Time the check on this recipe once, in this process, and print the seconds as JSON."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def report_of_stock(identifier: str) -> str:
    """Return at which stage stock Keras reports a mistake: before, during, after or never."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            example = mistakes.EXAMPLES[identifier]()
        except Exception:  # an error or a warning, whatever it says
            return "before"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        if _reports(lambda: example.model.fit(**example.fit, verbose=0)):
            return "during"
        if example.use and _reports(lambda: example.use(example.model)):
            return "after"
    return "never"


def _reports(action: Callable[[], object]) -> bool:
    """Return whether an action raises or warns."""
    with warnings.catch_warnings(record=True) as said, _log_lines() as lines:
        warnings.simplefilter("always")
        try:
            action()
        except Exception:  # an error of any kind is a report
            return True
    messages = [str(one.message) for one in said]
    return bool([one for one in messages if not any(part in one for part in UNRELATED)] or lines)


@contextlib.contextmanager
def _log_lines() -> Iterator[list[str]]:
    """Collect what TensorFlow's logger warns of."""
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield lines
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def report_of_ours(identifier: str) -> str:
    """Return whether the check names a mistake, which is always before training."""
    example = mistakes.EXAMPLES[identifier]()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        found = checks.check(example.model, **example.fit, **example.check)
    return "before" if identifier in [finding.id for finding in found] else "never"


def measure_reports() -> dict[str, dict[str, str]]:
    """Return the stage of the report of each mistake, for stock Keras and for the check."""
    measured = {}
    for identifier in mistakes.EXAMPLES:
        keras.utils.set_random_seed(0)
        stages = {"stock": report_of_stock(identifier), "ours": report_of_ours(identifier)}
        measured[identifier] = stages
        print(f"{identifier}: {stages}", flush=True)
    return measured


def time_once(name: str) -> dict[str, float]:
    """Time the check on a recipe's data: first in this process, and again; and an epoch.

    Returns:
        Seconds of both, and of an epoch of training, the first one not counted.
    """
    recipe = importlib.import_module(f"recipes.{name}")
    config = dataclasses.replace(recipe.Config(), epochs=3, patience=3)
    splits = recipe.load_data(config)
    problem = contract.problem(recipe, config, splits)
    seconds, check = {}, checks.PreFlight(contract.ignored_checks(recipe))
    for key in ("first", "again"):
        model = contract.build_model(recipe, config, splits)
        start = time.perf_counter()
        halves = parts.of(model)
        as_inputs = halves.as_inputs if halves.has_encoder else None
        check.look_at_data(model, splits, as_inputs)
        halfway = time.perf_counter()
        training.adapt(model, problem, splits.train)
        adapted = time.perf_counter()
        check.look_at_model(model, splits, as_inputs)
        seconds[key] = time.perf_counter() - adapted + halfway - start
    ends: list[float] = []
    mark = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    training.fit(model, problem, splits, config, callbacks=[keras.callbacks.History(), mark])
    return {**seconds, "epoch": ends[-1] - ends[-2], "real": splits.source.kind == "real"}


def measure_cost(name: str, num_rounds: int) -> dict:
    """Time the check on a recipe in fresh processes."""
    command = [sys.executable, "-m", "benchmarks.checks", "--recipe", name]
    rounds = []
    for _ in range(num_rounds):
        done = subprocess.run(command, capture_output=True, text=True, cwd=catalog.folder().parent)
        if done.returncode:
            raise RunError(f"{' '.join(command[1:])} failed: {done.stderr.strip()[-300:]}")
        rounds.append(json.loads(done.stdout.splitlines()[-1]))
    medians = {
        key: round(statistics.median(one[key] for one in rounds), 4)
        for key in ("first", "again", "epoch")
    }
    allowed = round(max(SECONDS, FRACTION_OF_EPOCH * medians["epoch"]), 4)
    print(f"{name}: {medians}, allowed {allowed}", flush=True)
    return {"seconds": medians, "allowed": allowed, "real": rounds[0]["real"]}


def main() -> None:
    """Measure, print the table, and write the record where asked."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.checks", __doc__, measure=Measure)
        if wanted.recipe:
            if wanted.recipe not in catalog.recipe_names():
                raise InputError(f"--recipe: unknown recipe {wanted.recipe}")
            print(json.dumps(time_once(wanted.recipe)))
            return
        figures = {
            "reports": measure_reports(),
            "cost": {name: measure_cost(name, wanted.rounds) for name in catalog.recipe_names()},
        }
        print(publish.markdown(publish.report_rows(figures["reports"].values())))
        if wanted.record:
            records.write(figures)
            publish.publish()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
