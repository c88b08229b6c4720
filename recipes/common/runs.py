"""A run: load, check, train, open the test set once, write the run folder."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import types

import keras
import numpy as np
import pandas as pd

from recipes.common import baselines, callbacks, files, pictures, training
from recipes.common.command_line import Options
from recipes.common.configs import Config
from recipes.common.problems import Problem


def run(recipe: types.ModuleType, config: Config, options: Options) -> dict:
    """Train a recipe and write its run folder.

    Args:
        recipe: A recipe module.
        config: The recipe's Config.
        options: Where to write, what to show.

    Returns:
        What stands in metrics.json, with the folder's path under "folder".

    Raises:
        InputError: If config, data or folder cannot work.
        RunError: If training or writing fails.
    """
    name = name_of(recipe)
    folder = options.out or files.next_folder(pathlib.Path("runs"), name)
    with files.whole_folder(folder) as partial:
        splits = recipe.load_data(config)
        if splits.source.kind == "built-in":
            print(stand_in_warning(splits.source))
        trained = training.train(
            recipe,
            config,
            splits,
            callbacks=callbacks.make(
                recipe.PROBLEM,
                config,
                checkpoint=partial / "model.keras",
                tensorboard=partial / "tensorboard" if options.tensorboard else None,
            ),
            verbose=0 if options.quiet else "auto",
            engine=options.engine,
        )
        with files.faults_named(folder):
            metrics = write(partial, name, recipe.PROBLEM, config, splits, trained)
    return {**metrics, "folder": str(folder)}


def name_of(recipe: types.ModuleType) -> str:
    """Give a recipe's name: its file's."""
    return pathlib.Path(recipe.__file__).stem


def stand_in_warning(source) -> str:
    """Say that the data are not the real ones."""
    return (
        f"NOTE: these are not the real data but {source.name}, built in. The scores say nothing "
        "about the real data; README says how to get them."
    )


def describe_machine() -> dict[str, str | int]:
    """Tell what a result depends on besides the code: machine and versions."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "tensorflow": importlib.metadata.version("tensorflow"),
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def describe_data(splits) -> dict:
    """Tell where the data came from and how many rows each part has."""
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        **dataclasses.asdict(splits.source),
        "rows": {part: len(rows) for part, rows in parts.items() if rows is not None},
    }


def _cpu_name() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def write(
    folder: pathlib.Path,
    name: str,
    problem: Problem,
    config: Config,
    splits,
    trained: training.Trained,
    **more: object,
) -> dict:
    """Open the test set, and write everything that a run leaves behind.

    Args:
        folder: To write into.
        name: Of the recipe.
        problem: Of the recipe.
        config: That the model was trained by.
        splits: That it was trained on; without a validation part there are no scores on one.
        trained: What `training.fit` returned.
        **more: Further entries of metrics.json.

    Returns:
        What stands in metrics.json.
    """
    trained.model.save(folder / "model.keras")
    files.write_json(folder / "config.json", plain(dataclasses.asdict(config)))
    files.write_json(folder / "schema.json", _schema(problem, splits))
    history = pd.DataFrame(trained.history)
    history.insert(0, "epoch", range(1, len(history) + 1))
    history.to_csv(folder / "history.csv", index=False)
    outputs = training.predict(trained.model, splits.test.x)
    metrics = {
        "recipe": name,
        "problem": problem.rule.kind,
        "data": describe_data(splits),
        "seed": config.seed,
        "epochs_run": trained.epochs_run,
        "best_epoch": trained.best_epoch,
        "stopped_by": trained.stopped_by,
        "refitted": trained.refitted,
        "train_seconds": round(trained.seconds, 3),
        "parameters": trained.model.count_params(),
        "validation": _at_best(trained),
        "test": training.measure(problem, splits.test.y, outputs),
        "baselines": baselines.score(problem, splits),
        "machine": describe_machine(),
        **more,
    }
    pictures.draw_curves(folder / "curves.png", problem, trained.history, trained.best_epoch)
    _draw_predictions(folder, problem, splits.test, outputs)
    files.write_json(folder / "metrics.json", metrics)  # last: a folder with it is complete
    return metrics


def _at_best(trained: training.Trained) -> dict[str, float]:
    return {
        name.removeprefix("val_"): values[trained.best_epoch - 1]
        for name, values in trained.history.items()
        if name.startswith("val_")
    }


def _schema(problem: Problem, splits) -> dict:
    """Tell `predict` what the model takes and how to read what it gives."""
    x = splits.train.x
    table = isinstance(x, pd.DataFrame)
    return {
        "inputs": {"columns": list(x.columns)}
        if table
        else {"shape": list(x.shape[1:]), "maximum": float(x.max())},
        "outputs": dataclasses.asdict(problem),
    }


def _draw_predictions(folder: pathlib.Path, problem: Problem, test, outputs: np.ndarray) -> None:
    if problem.is_regression:
        path = folder / "predicted_against_true.png"
        pictures.draw_predicted_against_true(path, problem, problem.labels(test.y), outputs)
        return
    if problem.rule.kind == "multilabel":
        return
    y = problem.classes(test.y)
    pictures.draw_confusion(folder / "confusion.png", problem, y, problem.decide(outputs))
    if np.ndim(test.x) in (3, 4):
        pictures.draw_samples(folder / "samples.png", problem, test.x, y, outputs)


def plain(values: dict) -> dict:
    """Write a config for JSON: paths as text."""
    return {k: str(v) if isinstance(v, pathlib.Path) else v for k, v in values.items()}
