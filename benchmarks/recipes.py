"""Measure recipes over several seeds; write their result records and README's table.

A set with a published test part is trained once for each seed and tested on that part. A small
table is cross-validated: 5 folds for each seed, every row tested once, and the score of a seed is
the mean over its folds. The baselines learn and are tested on the same rows. Every choice is made
on validation rows; test rows only give the score.

Run: python -m benchmarks.recipes fmnist digits --seeds 5
"""

from __future__ import annotations

import dataclasses
import importlib
import statistics
import types
from typing import Annotated

import tyro

from benchmarks import records
from recipes.common import baselines, command_line, configs, files, runs, shelf, training
from recipes.common.errors import InputError

NUM_FOLDS = 5
# Below this many rows one test part is too small to tell anything: its standard error is above a
# point of accuracy.
FEW_ROWS = 5000


@dataclasses.dataclass(frozen=True)
class Measure:
    """Which recipes to measure, and how often."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Recipes to measure; none named: all of them."""
    seeds: configs.Count = 5
    """Seeds 0, 1, … to measure each with."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def measure(name: str, num_seeds: int) -> dict:
    """Train a recipe with its defaults for each seed and gather the record.

    Args:
        name: Of the recipe.
        num_seeds: Seeds 0 to num_seeds - 1.

    Returns:
        The content of recipes/results/NAME.json.
    """
    recipe = importlib.import_module(f"recipes.{name}")
    results = []
    for seed in range(num_seeds):
        config = dataclasses.replace(recipe.Config(), seed=seed)
        splits = recipe.load_data(config)
        rows = sum(len(part) for part in (splits.train, splits.validation, splits.test))
        folded = rows < FEW_ROWS
        parts = list(splits.folds(NUM_FOLDS, seed=seed)) if folded else [splits]
        results.append([train_and_test(recipe, config, part) for part in parts])
        print(f"{name} seed {seed}: {_mean(results[-1], 'test')}", flush=True)
    return {
        "recipe": name,
        "headline": recipe.PROBLEM.headline,
        "protocol": f"{NUM_FOLDS}-fold, {num_seeds} seeds" if folded else f"{num_seeds} seeds",
        "command": f"python -m benchmarks.recipes {name} --seeds {num_seeds}",
        "test": _summarise(results, "test"),
        "baselines": {
            key: _summarise(results, "baselines", key) for key in results[0][0]["baselines"]
        },
        "train_seconds": _summarise(results, "cost")["train_seconds"],
        "epochs_run": _summarise(results, "cost")["epochs_run"],
        "parameters": results[0][0]["parameters"],
        "config": runs.plain(dataclasses.asdict(recipe.Config())),
        "data": runs.describe_data(splits),
        **records.origin(),
    }


def train_and_test(recipe: types.ModuleType, config, splits) -> dict:
    """Train once; give the test scores, those of the baselines, and what it cost."""
    trained = training.train(recipe, config, splits)
    outputs = training.predict(trained.model, splits.test.x)
    return {
        "test": training.measure(recipe.PROBLEM, splits.test.y, outputs),
        "baselines": baselines.score(recipe.PROBLEM, splits),
        "cost": {"train_seconds": trained.seconds, "epochs_run": trained.epochs_run},
        "parameters": trained.model.count_params(),
    }


def _mean(folds: list[dict], *path: str) -> dict[str, float]:
    """Average each score over the folds of one seed."""
    scores = []
    for fold in folds:
        for key in path:
            fold = fold[key]
        scores.append(fold)
    return {name: statistics.fmean(score[name] for score in scores) for name in scores[0]}


def _summarise(results: list[list[dict]], *path: str) -> dict[str, dict]:
    """Give mean, standard deviation over the seeds, and the score of each seed."""
    by_seed = [_mean(folds, *path) for folds in results]
    return {name: records.mean_and_std([seed[name] for seed in by_seed]) for name in by_seed[0]}


def main() -> None:
    """Measure what is named; write records, README's table and the recipes' result lines."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.recipes", __doc__, measure=Measure)
        if unknown := set(wanted.names) - set(shelf.recipe_names()):
            raise InputError(
                f"unknown recipe {', '.join(sorted(unknown))}; there are "
                + ", ".join(shelf.recipe_names())
            )
        for name in wanted.names or shelf.recipe_names():
            record = measure(name, wanted.seeds)
            records.check_real(record["data"]["kind"], f"{name}: ")
            files.write_json(shelf.FOLDER / "results" / f"{name}.json", record)
        shelf.publish()


if __name__ == "__main__":
    main()
