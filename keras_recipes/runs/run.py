"""A run: load, check, train, open the test set once, write the run folder."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import importlib.metadata
import logging
import os
import pathlib
import platform
import re
import shlex
import sys
import time
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from rich.table import Table

from keras_recipes import callbacks, reading, recipe as contract, tracking, training
from keras_recipes.configs import Config, OwnDataConfig, RunOptions
from keras_recipes.console import files, interrupts, terminal
from keras_recipes.data.splits import Split, Splits
from keras_recipes.errors import RunError
from keras_recipes.features import kinds
from keras_recipes.features.kind import Kind
from keras_recipes.problems import Problem
from keras_recipes.recipe import Recipe
from keras_recipes.runs import (
    baselines,
    importance,
    page,
    plots,
    saved,
    scoring,
    summary,
    thresholds,
)
from keras_recipes.runs.result import Run
from keras_recipes.training import devices
from keras_recipes.training.fitting import Check
from keras_recipes.version import __version__

A_TABLE = "a DataFrame"  # what config.json has in the place of one
NUM_MISTAKES = 100  # that are written
NUM_LINES = 10  # of a training's progress, where no bar can be drawn

_log = logging.getLogger(__name__)


def run(recipe: Recipe, config: Config, options: RunOptions, check: Check | None = None) -> Run:
    """Train a recipe and write its run folder.

    Args:
        recipe: A recipe module.
        config: The recipe's Config.
        options: Where to write, what to show.
        check: Looks for mistakes before training, and at what was trained.

    Returns:
        The run, with what stands in metrics.json.

    Raises:
        InputError: If config, data or folder cannot work.
        RunError: If training or writing fails.
    """
    name = contract.name_of(recipe)
    folder = options.out or files.next_folder(pathlib.Path("runs"), name)
    with contextlib.ExitStack() as from_then_on, files.whole_folder(folder) as partial:
        marks = [time.perf_counter()]
        splits = contract.load_data(recipe, config)
        marks.append(time.perf_counter())
        config = config.for_rows(len(splits.train))
        problem = contract.problem(recipe, config, splits)
        if splits.source.kind == "built-in":
            print(splits.source.note, flush=True)
        inputs = kinds.of(splits)
        if not options.quiet:
            describe_own_data(inputs, problem, splits, config)
            rows, epochs = f"{len(splits.train):,} rows", summary.count(config.epochs, "epoch")
            print(f"training on {rows}, {epochs} at most", flush=True)
        if options.strategy != "none":  # which divides the batches of Keras's own fit
            options = dataclasses.replace(options, engine="keras")
        settings = plain(dataclasses.asdict(config))
        trackers = from_then_on.enter_context(tracking.tracked(options, folder.name, settings))
        trained = _train(recipe, config, splits, options, partial, check, trackers)
        marks.append(time.perf_counter())
        _warn_of_what_came_out(problem, splits, trained, check)
        kept = f"keeping epoch {trained.best_epoch}, writing {folder}; Ctrl-C again cancels"
        if trained.stopped_by == "interrupted":  # the first Ctrl-C has been; the next one counts
            again = "skips the baselines" if options.baselines else "cancels"
            interrupts.say(
                f"keeping epoch {trained.best_epoch}, writing {folder}; Ctrl-C again {again}"
            )
        else:
            from_then_on.enter_context(interrupts.held_back(kept))
        if not options.quiet:
            most = baselines.seconds_for(trained.seconds, options.max_baseline_seconds)
            fitting = f"fitting the baselines (about {most:.0f} s at most; Ctrl-C skips them), "
            terminal.print_if_read(f"{fitting * options.baselines}writing {folder}")
        with files.faults_named(folder):
            metrics = write(
                *(partial, name, problem, config, splits, trained, options.engine),
                with_baselines=options.baselines,
                max_baseline_seconds=options.max_baseline_seconds,
                strategy=options.strategy,
                check=None if check is None else [str(one) for one in check.found],
            )
        for tracker in trackers:
            tracker.finish(metrics["test"], str(folder))
    data, checked_and_trained, written = np.diff([*marks, time.perf_counter()])
    return Run(
        folder=folder,
        model=trained.model,
        problem=problem,
        inputs=inputs,
        config=config,
        metrics={**metrics, "folder": str(folder)},
        history=history(trained),
        seconds={
            "data": data,
            "check and model": checked_and_trained - trained.seconds,
            "training": trained.seconds,
            "baselines and report": written,
        },
    )


def describe_own_data(inputs: Kind, problem: Problem, splits: Splits, config: Config) -> None:
    """Print what was made of a user's own data; nothing for other data."""
    for part in inputs.describe():
        terminal.print_table(part) if isinstance(part, Table) else print(part, flush=True)
    if not isinstance(config, OwnDataConfig):
        return
    if problem.class_names:
        print(summary.describe_classes(problem, splits.train.y, config.class_weights), flush=True)
    most = config.max_epochs_for(len(splits.train))
    if most < config.patience or most == config.epochs:
        once = "" if most >= config.patience else ", not again with the validation rows"
        print(
            f"{summary.count(config.epochs, 'epoch')} over {len(splits.train):,} rows{once}: about "
            f"{config.max_steps:,} steps at most (--max-steps; in a search, --epochs)",
            flush=True,
        )


def _train(
    recipe: Recipe,
    config: Config,
    splits: Splits,
    options: RunOptions,
    partial: pathlib.Path,
    check: Check | None,
    trackers: Sequence[tracking.Tracker],
) -> training.Trained:
    """Train with the shared callbacks; draw a progress bar only where somebody can see it."""
    called = callbacks.make(
        contract.problem(recipe, config, splits),
        config,
        checkpoint=partial / "model.keras",
        tensorboard=partial / "tensorboard" if options.tensorboard else None,
    )
    bar = sys.stdout.isatty() and not options.quiet
    if not bar and not options.quiet:
        called.append(callbacks.EpochLines(NUM_LINES, rewritten=terminal.is_notebook()))
    called += trackers
    settings = {"engine": options.engine, "verbose": int(bar)}
    try:
        with devices.scope(options.strategy, config.batch_size, len(splits.train)):
            return training.train(
                recipe,
                config,
                splits,
                check=check,
                before_refit=None if options.quiet else _say_refit,
                callbacks=called,
                **settings,
            )
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        shape = re.search(r"shape ?[\[(][\d, ]+[\])]", str(error))
        raise RunError(
            f"not enough memory{f' for an array of {shape[0]}' if shape else ''}; make the layers "
            "or --batch-size smaller"
        ) from error


def _say_refit(epochs: int) -> None:
    rows = "training and validation rows together"
    print(f"refit: training again on {rows}, {summary.count(epochs, 'epoch')}", flush=True)


def _warn_of_what_came_out(
    problem: Problem, splits: Splits, trained: training.Trained, check: Check | None
) -> None:
    """Log signs that nothing was learned, or that the rows were memorised."""
    split, outputs = splits.validation, trained.validation_outputs
    if check is None or split is None or outputs is None:
        return
    by_class = problem.rule.kind in ("binary", "multiclass")
    for finding in check.look_at_trained(
        trained.history,
        trained.best_epoch,
        y=problem.classes(split.y) if by_class else problem.labels(split.y),
        predicted=problem.decide(outputs),
        are_classes=by_class,
    ):
        _log.warning("%s", finding)


def describe_machine() -> dict[str, str | int]:
    """Return what a result depends on besides the code: machine and versions."""
    cpu = platform.processor() or "unknown"
    with contextlib.suppress(OSError, StopIteration):
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        _, _, cpu = next(line for line in lines if line.startswith("model name")).partition(":")
    return {
        "cpu": cpu.strip(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "tensorflow": importlib.metadata.version("tensorflow"),
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def describe_data(splits: Splits) -> dict:
    """Return where the data came from, and how many rows and groups each split has."""
    rows = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    present = {name: split for name, split in rows.items() if split is not None}
    groups = {n: len(np.unique(s.groups)) for n, s in present.items() if s.groups is not None}
    return {
        **dataclasses.asdict(splits.source),
        "rows": {name: len(split) for name, split in present.items()},
        **({"groups": groups} if groups else {}),
    }


def write(
    folder: pathlib.Path,
    name: str,
    problem: Problem,
    config: Config,
    splits: Splits,
    trained: training.Trained,
    engine: str = "fused",
    with_baselines: bool = True,
    max_baseline_seconds: float | None = None,
    others: dict[str, np.ndarray] | None = None,
    check: list[str] | None = None,
    **more: object,
) -> dict:
    """Open the test set, and write everything that a run leaves behind.

    Args:
        folder: To write into.
        name: Of the recipe.
        problem: Of the recipe.
        config: That the model was trained by.
        splits: That it was trained on; without a validation split there are no scores on one.
        trained: What `training.fit` returned.
        engine: That it was trained by.
        with_baselines: Whether the baselines are fitted.
        max_baseline_seconds: That they may take; None for a fifth of the training's.
        others: Outputs for the test rows of models to stand beside the baselines, by their names.
        check: What the check before training found; None where there was none.
        **more: Further entries of metrics.json.

    Returns:
        What stands in metrics.json.
    """
    trained.model.save(folder / saved.MODEL)
    files.write_json(folder / saved.CONFIG, plain(dataclasses.asdict(config)))
    inputs = kinds.of(splits)
    schema = {"inputs": kinds.to_json(inputs), "outputs": dataclasses.asdict(problem)}
    files.write_json(folder / saved.SCHEMA, schema)  # by which `predict` reads inputs and outputs
    history(trained).to_csv(folder / saved.HISTORY)
    outputs = training.predict(trained.model, splits.test.x)
    saved.write_outputs(folder, splits.test.y, outputs)
    beside = dict(others or {})
    if with_baselines:
        seconds = baselines.seconds_for(trained.seconds, max_baseline_seconds)
        beside |= _fit_baselines(problem, splits, seconds)
    y, held_out = splits.test.y, splits.validation
    validation = trained.validation_outputs
    terms = inputs.terms(problem, trained.model, splits.test.x)
    metrics = {
        "recipe": name,
        "problem": problem.rule.kind,
        "data": describe_data(splits),
        "seed": config.seed,
        "engine": engine,
        "epochs_run": trained.epochs_run,
        "best_epoch": trained.best_epoch,
        "stopped_by": trained.stopped_by,
        "refitted": trained.refitted,
        "train_seconds": round(trained.seconds, 3),
        "parameters": trained.model.count_params(),
        "validation": {}
        if held_out is None or validation is None
        else scoring.measure(problem, held_out.y, validation),
        "test": scoring.measure(problem, y, outputs),
        "test_rows": splits.test.digest(),
        "baselines": {name: scoring.measure(problem, y, one) for name, one in beside.items()},
        "against": {name: scoring.compare(problem, y, outputs, beside[name]) for name in beside},
        **_judge_probabilities(problem, splits, trained, outputs),
        "check": check,
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        # Bytes of a name that are no UTF-8 are no text for JSON.
        "command": shlex.join(sys.orig_argv).encode(errors="replace").decode(),
        "version": __version__,
        "machine": describe_machine(),
        # By which a reader finds a file that was exchanged or edited.
        "sha256": {name: reading.sha256(folder / name) for name in saved.FILES},
        **more,
        **_judge_columns(folder, inputs, problem, splits, trained),
        **({"terms": {name: dict(found) for name, found in terms.items()}} if terms else {}),
    }
    if terms:
        plots.draw_terms(folder / "terms.png", terms)
    _write_mistakes(folder / "mistakes.csv", inputs, problem, splits.test, outputs)
    plots.draw_curves(folder / "curves.png", problem, trained)
    _draw_predictions(folder, problem, splits.test, outputs)
    _draw_heat_maps(folder, inputs, problem, splits.test, trained.model, outputs)
    page.write(folder, problem, config, metrics, inputs)
    # Last: a folder with it is complete.
    files.write_json(folder / "metrics.json", metrics, with_checksum=True)
    return metrics


def _fit_baselines(problem: Problem, splits: Splits, seconds: float) -> dict[str, np.ndarray]:
    """Return each baseline's outputs for the test rows; of those that are done at Ctrl-C."""
    fitted: dict[str, np.ndarray] = {}
    with interrupts.ended_early("skipping the other baselines; writing the results"):
        for name, outputs in baselines.predict(problem, splits, seconds):
            fitted[name] = outputs
    return fitted


def _judge_columns(
    folder: pathlib.Path, inputs: Kind, problem: Problem, splits: Splits, trained: training.Trained
) -> dict:
    """Compute and plot which columns of a user's table count; nothing for other data."""
    test = splits.test
    if not (columns := inputs.columns_of(test.x)):
        return {}
    found = importance.measure(problem, trained.model, test.x, test.y, columns)
    plots.draw_importance(folder / "importance.png", problem, found)
    return {"importance": found}


def _judge_probabilities(
    problem: Problem, splits: Splits, trained: training.Trained, outputs: np.ndarray
) -> dict:
    """Describe how far a binary problem's probabilities hold, and which threshold suits them."""
    if problem.rule.kind != "binary":
        return {}
    y, probabilities = problem.classes(splits.test.y), outputs[:, 0]
    threshold = {
        "used": problem.threshold,
        "test": thresholds.scores(y, probabilities, problem.threshold),
    }
    if splits.validation is not None and trained.validation_outputs is not None:
        known = problem.classes(splits.validation.y), trained.validation_outputs[:, 0]
        threshold["best_f1_on_validation"] = thresholds.best(*known)
    return {"calibration": thresholds.calibration(y, probabilities), "threshold": threshold}


def history(trained: training.Trained) -> pd.DataFrame:
    """Return loss and metrics as a table, one row for each epoch, counted from 1."""
    epochs = pd.RangeIndex(1, trained.epochs_run + 1, name="epoch")
    return pd.DataFrame(trained.history, index=epochs)


def _draw_predictions(
    folder: pathlib.Path, problem: Problem, test: Split, outputs: np.ndarray
) -> None:
    if problem.is_regression:
        path = folder / "predicted_against_true.png"
        y = np.asarray(test.y, "float64").reshape(len(test), -1)
        plots.draw_predicted_against_true(path, problem, y, outputs)
        if np.ndim(test.x) == 3 and outputs[0].size == test.x[0].size:  # an image from an image
            plots.draw_images(folder / "samples.png", test.x, test.y, outputs)
        return
    if problem.rule.kind == "multilabel":
        plots.draw_labels(folder / "labels.png", problem, problem.labels(test.y), outputs)
        return
    y = problem.classes(test.y)
    plots.draw_confusion(folder / "confusion.png", problem, y, problem.decide(outputs))
    if problem.rule.kind == "binary":
        plots.draw_probabilities(folder / "probabilities.png", problem, y, outputs[:, 0])
    if np.ndim(test.x) in (3, 4):
        plots.draw_samples(folder / "samples.png", problem, test.x, y, outputs)


def _draw_heat_maps(
    folder: pathlib.Path,
    inputs: Kind,
    problem: Problem,
    test: Split,
    model: keras.Model,
    outputs: np.ndarray,
) -> None:
    """Draw where the network looks, in the first test images and in its surest mistakes."""
    if problem.rule.kind not in ("binary", "multiclass"):
        return
    few = plots.samples(problem, problem.classes(test.y), outputs)
    rows = test.take(np.concatenate([*few.values()]))
    maps = inputs.heat_maps(model, rows.x)
    if maps is not None:
        plots.draw_heat_maps(folder / "gradcam.png", problem, few, rows, maps, outputs)


def _write_mistakes(
    path: pathlib.Path, inputs: Kind, problem: Problem, test: Split, outputs: np.ndarray
) -> None:
    """Write the test rows that the network is wrong about, the surest first, where one can read."""
    if (shown := inputs.shown(test.x)) is None:
        return
    if problem.is_regression:
        y, predicted = np.ravel(test.y), np.ravel(outputs)
        order = np.argsort(-abs(predicted - y))[:NUM_MISTAKES]
        columns = {"true": y[order], "predicted": predicted[order]}
    else:
        y, predicted = problem.classes(test.y), problem.decide(outputs)
        sure = problem.probabilities(outputs)[np.arange(len(y)), predicted]
        wrong = np.flatnonzero(predicted != y)
        order = wrong[np.argsort(-sure[wrong])][:NUM_MISTAKES]
        names = np.array(problem.class_names, dtype=object)
        columns = {"true": names[y[order]], "predicted": names[predicted[order]]}
        columns["probability"] = sure[order].round(4)
    table = pd.DataFrame({**columns, "text": [shown[row] for row in order]})
    files.write_text(path, table.to_csv(index=False))


def plain(values: dict) -> dict:
    """Write a config for JSON: paths as text."""
    frames = {k: f"{A_TABLE}, {v.shape}" for k, v in values.items() if isinstance(v, pd.DataFrame)}
    paths = {k: str(v) for k, v in values.items() if isinstance(v, pathlib.Path)}
    return {**values, **paths, **frames}
