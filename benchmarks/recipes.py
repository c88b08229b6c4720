"""Measure recipes over several seeds, and write their records and the table of README.

A data set with a published test set is trained once for each seed and tested on that set. For a
small data set, 5-fold cross-validation runs for each seed; the score of a seed is the mean of its
folds. The baselines, and for small tables other common classifiers, are fitted and tested on the
same rows, and are compared with the network fold by fold. All choices use validation rows; the test
rows are only for the score. With a single seed, the standard deviation is over its folds.

Run: python -m benchmarks.recipes fmnist digits --seeds 5
"""

from __future__ import annotations

import dataclasses
import importlib
import pathlib
import statistics
import types
from typing import Annotated

import numpy as np

from benchmarks import classics, publish, records
from keras_recipes import catalog, checks, configs, problems, recipe as contract, training
from keras_recipes.console import command_line, files
from keras_recipes.errors import InputError, RunError
from keras_recipes.runs import baselines, run as runs, scoring

NUM_FOLDS = 5
# Below this many rows, or rows of a class, one test part is too small to tell anything: the
# standard error is above a point of accuracy, or two points of the recall of a rare class.
MIN_ROWS, MIN_OF_CLASS = 5000, 1000


@dataclasses.dataclass(frozen=True)
class Measure:
    """Which recipes to measure, and how often."""

    names: Annotated[tuple[str, ...], command_line.takes(positional=True)] = ()
    """Recipes to measure; none named: all of them."""
    seeds: configs.Count = 5
    """Seeds 0, 1, … to measure each with."""
    data_dir: pathlib.Path | None = None
    """Folder that holds the data files, of a recipe whose data are downloaded."""
    setting: str = ""
    """Setting of the recipes to turn on, such as by_blocks; it has its own record."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def measure(
    name: str, num_seeds: int, data_dir: pathlib.Path | None = None, setting: str = ""
) -> dict:
    """Train a recipe with its defaults for each seed and gather the record.

    Args:
        name: Of the recipe.
        num_seeds: Seeds 0 to num_seeds - 1.
        data_dir: Folder that holds the data files, where the recipe has such a setting.
        setting: Field of the recipe's Config to turn on; "" for the defaults.

    Returns:
        The content of recipes/results/NAME.json, or NAME.SETTING.json.

    Raises:
        InputError: If the recipe has no such setting that is off.
    """
    recipe = importlib.import_module(f"recipes.{name}")
    switches = [one.name for one in dataclasses.fields(recipe.Config) if one.default is False]
    if setting and setting not in switches:
        raise InputError(
            f"{name} has no setting {setting!r} to turn on; there are {', '.join(switches)}"
        )
    changed: dict = {setting: True} if setting else {}
    told = f" --setting {setting}" if setting else ""
    if data_dir is not None and hasattr(recipe.Config, "data_dir"):
        changed["data_dir"] = data_dir
        told += f" --data-dir {data_dir.name}"
    results = []
    for seed in range(num_seeds):
        config = dataclasses.replace(recipe.Config(), seed=seed, **changed)
        splits, scores = _measure_once(recipe, config)
        results.append(scores)
        print(f"{name} seed {seed}: {_mean(scores, 'test')}", flush=True)
    protocol = f"{num_seeds} seed{'s' * (num_seeds > 1)}"
    return {
        "recipe": name,
        "setting": setting,
        "headline": recipe.PROBLEM.headline,
        "protocol": f"{NUM_FOLDS}-fold, {protocol}" if len(scores) > 1 else protocol,
        "command": f"python -m benchmarks.recipes {name} --seeds {num_seeds}{told}",
        **_scores(recipe.PROBLEM.headline, results),
        **{key: _summarise(results, "cost")[key] for key in ("train_seconds", "epochs_run")},
        "parameters": results[0][0]["parameters"],
        "config": runs.plain(dataclasses.asdict(recipe.Config())),
        "data": runs.describe_data(splits),
        **records.origin(),
    }


def _measure_once(recipe: types.ModuleType, config) -> tuple:
    """Train by one seed: a large set once, a small one on each fold; give the data and results."""
    splits = recipe.load_data(config)
    every = [split.y for split in (splits.train, splits.validation, splits.test)]
    is_large = sum(map(len, every)) >= MIN_ROWS
    if is_large and recipe.PROBLEM.rule.kind in ("binary", "multiclass"):
        classes = np.concatenate([recipe.PROBLEM.classes(y) for y in every])
        is_large = np.bincount(classes).min() >= MIN_OF_CLASS
    if is_large:
        return splits, [train_and_test(recipe, config, splits)]
    folds = list(splits.folds(NUM_FOLDS, seed=config.seed))
    return splits, [
        {**train_and_test(recipe, config, fold), "peers": classics.score(recipe.PROBLEM, fold)}
        for fold in folds
    ]


def train_and_test(recipe: types.ModuleType, config, splits) -> dict:
    """Train once; give the test scores, those of the baselines, and what it cost."""
    check = checks.PreFlight(contract.ignored_checks(recipe), with_test=True)
    trained = training.train(recipe, config, splits, check=check)
    if trained.stopped_by == "interrupted" or config.refit > trained.refitted:
        raise RunError("a training was interrupted; no record is written")
    problem = contract.problem(recipe, config, splits)
    outputs = training.predict(trained.model, splits.test.x)
    return {
        "test": scoring.measure(problem, splits.test.y, outputs),
        "baselines": baselines.score(problem, splits),
        "cost": {"train_seconds": trained.seconds, "epochs_run": trained.epochs_run},
        "parameters": trained.model.count_params(),
        "tested_share": len(splits.test) / len(splits.merge_validation().train),
    }


def _scores(headline: str, results: list[list[dict]]) -> dict:
    """Summarise the scores of the network and of the others, and compare them fold by fold."""
    summary = {"test": _summarise(results, "test"), "baselines": {}, "peers": {}}
    folds = [fold for seed in results for fold in seed]
    better = {}
    for kind in ("baselines", "peers"):
        for name in folds[0].get(kind, {}):
            summary[kind][name] = _summarise(results, kind, name)
            sign = problems.sign(headline)
            pairs = [(fold["test"][headline], fold[kind][name][headline]) for fold in folds]
            if len(pairs) > 1:
                differences = [sign * (ours - other) for ours, other in pairs]
                found = scoring.judge(differences, folds[0]["tested_share"])
                better[name] = {**found, "splits": len(differences)}
    return {**summary, "better_than": better}


def _mean(folds: list[dict], *path: str) -> dict[str, float]:
    """Average each score over the folds of one seed."""
    scores = []
    for fold in folds:
        for key in path:
            fold = fold[key]
        scores.append(fold)
    return {name: statistics.fmean(score[name] for score in scores) for name in scores[0]}


def _summarise(results: list[list[dict]], *path: str) -> dict[str, dict]:
    """Return mean, std and score of each seed; of a single seed, those of its folds."""
    each = [_mean(folds, *path) for folds in results]
    if len(results) == 1:
        each = [_mean([fold], *path) for fold in results[0]]
    return {name: records.mean_and_std([scores[name] for scores in each]) for name in each[0]}


def main() -> None:
    """Measure what is named; write records, README's table and the recipes' result lines."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.recipes", __doc__, measure=Measure)
        if unknown := set(wanted.names) - set(catalog.recipe_names()):
            raise InputError(
                f"unknown recipe {', '.join(sorted(unknown))}; there are "
                + ", ".join(catalog.recipe_names())
            )
        for name in wanted.names or catalog.recipe_names():
            record = measure(name, wanted.seeds, wanted.data_dir, wanted.setting)
            records.check_real(record["data"]["kind"], f"{name}: ")
            file = f"{name}.{wanted.setting}.json" if wanted.setting else f"{name}.json"
            files.write_json(catalog.folder() / "results" / file, record)
        publish.publish()


if __name__ == "__main__":
    main()
