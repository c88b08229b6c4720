"""Measure the time to reach an accuracy on Fashion-MNIST's test set, in new processes.

Each recipe has its own settings, chosen for the shortest time on validation rows (`--part
validation`). It is then trained with them on all 60,000 rows and tested once. The seconds include
everything from the start of the process: imports, loading, compilation, training and the test.

Run: python -m benchmarks.race --seeds 5 --record
"""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Literal

from benchmarks import fresh, records
from keras_recipes import configs
from keras_recipes.console import command_line
from keras_recipes.errors import InputError


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A recipe on its way to an accuracy.

    Attributes:
        recipe: Its name.
        accuracy: To be reached.
        settings: Fields of its Config; the others have their defaults.
        why: The reasons for the settings.
    """

    recipe: str
    accuracy: float
    settings: dict[str, object]
    why: str


CONTESTANTS = {
    "fmnist": Contestant(
        "fmnist",
        0.90,
        {
            "epochs": 12,
            "learning_rate": 0.004,
            "input_dropout": 0.0,
            "dropout": 0.2,
        },
        "the recipe's layers, since one of 256 or 512 units gave 0.907 on validation rows in 16 "
        "epochs and these 0.913 in 12, and the test part is a point harder (0.897 after 0.908); "
        "less dropout and a higher rate, since there is no time to overfit",
    ),
    "fmnist_cnn": Contestant(
        "fmnist_cnn",
        0.90,
        {
            "filters": (16, 32, 48),
            "epochs": 3,
            "learning_rate": 0.01,
            "shift": 0.0,
            "dropout": 0.0,
        },
        "half the recipe's filters: a third of its arithmetic; three epochs, since two gave 0.885 "
        "on validation rows and four 0.921; two stages instead of three were no faster; no shifts "
        "and no dropout, which pay in long trainings only",
    ),
}
Split = Literal["test", "validation"]


@dataclasses.dataclass(frozen=True)
class Measure:
    """Who runs, how often, and on which rows the accuracy is measured."""

    names: Annotated[tuple[str, ...], command_line.takes(positional=True)] = tuple(CONTESTANTS)
    """Contestants."""
    seeds: configs.Count = 5
    """Seeds 0, 1, … to run each with."""
    split: Split = "test"
    """Rows to measure on; with validation, these are not trained on."""
    record: bool = False
    """Write recipes/results/race.json."""

    def __post_init__(self) -> None:
        configs.check_fields(self)
        if unknown := set(self.names) - set(CONTESTANTS):
            raise InputError(
                f"unknown contestant {', '.join(sorted(unknown))}; there are "
                f"{', '.join(CONTESTANTS)}"
            )
        if self.record and self.split != "test":
            raise InputError("--record: only what the test part gave is recorded")


def train(name: str, seed: int, split: Split) -> None:
    """Train a contestant in this process and print its figures as a line of JSON.

    Args:
        name: Key of `CONTESTANTS`.
        seed: Of the weights and of the order of the rows.
        split: Rows to measure on.
    """
    import importlib

    from keras_recipes import training
    from keras_recipes.runs import run as runs, scoring

    contestant = CONTESTANTS[name]
    recipe = importlib.import_module(f"recipes.{contestant.recipe}")
    config = recipe.Config(seed=seed, **contestant.settings)
    splits = recipe.load_data(config)
    rows = getattr(splits, split)
    if split == "test":
        splits = splits.merge_validation()
    else:
        splits = dataclasses.replace(splits, validation=None)
    trained = training.fit_all(recipe, config, splits, config.epochs)
    scores = scoring.measure(recipe.PROBLEM, rows.y, training.predict(trained.model, rows.x))
    figures = {"accuracy": scores["accuracy"], "fit_seconds": trained.seconds}
    parameters = trained.model.count_params()
    print(json.dumps({**figures, "parameters": parameters, "data": runs.describe_data(splits)}))


def run(name: str, seed: int, split: Split) -> dict:
    """Run a contestant in a fresh process; give its figures with the seconds of the process."""
    return fresh.call("race", f"train({name!r}, {seed}, {split!r})")


def measure(name: str, num_seeds: int, split: Split) -> dict:
    """Run a contestant with each seed and gather the figures."""
    contestant, runs = CONTESTANTS[name], []
    for seed in range(num_seeds):
        runs.append(run(name, seed, split))
        found = f"{split} accuracy {runs[-1]['accuracy']:.4f}"
        print(f"{name}, seed {seed}: {runs[-1]['seconds']:.1f} s, {found}", flush=True)
    summary = {
        figure: records.mean_and_std([one[figure] for one in runs])
        for figure in ("accuracy", "seconds", "fit_seconds")
    }
    reached = sum(one["accuracy"] >= contestant.accuracy for one in runs)
    same = {key: runs[0][key] for key in ("parameters", "data")}
    return {**dataclasses.asdict(contestant), **summary, "seeds_that_reach_it": reached, **same}


def table(results: dict[str, dict]) -> str:
    """Write the figures as a Markdown table."""
    lines = [
        "| contestant | to reach | accuracy | seconds of the process | of those in fit |",
        "|---|---|---|---|---|",
    ]
    for name, found in results.items():
        accuracy, seconds = found["accuracy"], found["seconds"]
        lines.append(
            f"| {name} | {CONTESTANTS[name].accuracy} | {accuracy['mean']:.4f} ± "
            f"{accuracy['std']:.4f} | {seconds['mean']:.1f} ± {seconds['std']:.1f} "
            f"| {found['fit_seconds']['mean']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the race, print the table, and write the record where asked."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.race", __doc__, measure=Measure)
        results = {name: measure(name, wanted.seeds, wanted.split) for name in wanted.names}
        print(table(results))
        if wanted.record:
            for name, found in results.items():
                records.check_real(found["data"]["kind"], f"{name}: ")
            records.write_parts(results)


if __name__ == "__main__":
    main()
