"""Compare the recipe tabular with its baselines on your table, on the same splits.

The baselines (majority or mean, a linear model, scikit-learn's gradient boosting, stopped early)
are fitted on training and validation rows. The network chooses its epoch by the validation rows and
is then refitted on both. Without --folds, each seed makes a new split with a fifth of the rows for
testing. With --rows, time and memory are measured on a synthetic table with many rows.

Run: python -m benchmarks.tables --csv housing.csv --target median_house_value --record
     python -m benchmarks.tables --rows 1000000 --record
"""

from __future__ import annotations

import dataclasses
import statistics

import benchmarks.recipes as of_recipes
from benchmarks import large_tables, records
from keras_recipes import configs, problems
from keras_recipes.console import command_line
from keras_recipes.errors import InputError
from keras_recipes.runs import scoring
from recipes import tabular


@dataclasses.dataclass(frozen=True)
class Measure:
    """What to compare on the table, and how often."""

    seeds: configs.Count = 5
    """Seeds 0, 1, … of splits and trainings."""
    folds: int = 0
    """Folds for each seed; 0 for one split a seed."""
    rows: int = 0
    """Rows of a synthetic table whose time and memory are measured, instead of a file's scores."""
    record: bool = False
    """Add it to recipes/results/tables.json, under the name of the file, or size."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def measure(table: configs.TableOptions, wanted: Measure) -> dict:
    """Train on each split.

    Args:
        table: The file, its target, and what is told of its columns.
        wanted: How often.

    Returns:
        Of the headline metric: each model's mean and std over the splits, and the network's
        differences to each baseline, split by split; seconds of a training.
    """
    results = []
    for seed in range(wanted.seeds):
        config = dataclasses.replace(tabular.Config(), **table.told(), seed=seed)
        splits = tabular.load_data(config)
        config = config.for_rows(len(splits.train))
        problem = tabular.problem(config, splits)
        parts = splits.folds(wanted.folds, seed=seed) if wanted.folds else [splits]
        for split in parts:
            found = of_recipes.train_and_test(tabular, config, split)
            scores = {"network": found["test"], **found["baselines"]}
            headline = problem.headline
            results.append({name: score[headline] for name, score in scores.items()})
            results[-1]["seconds"] = found["cost"]["train_seconds"]
            share = found["tested_share"]
            print(seed, results[-1], flush=True)
    return {"metric": headline, **_summarise(headline, results, share)}


def _summarise(metric: str, results: list[dict], tested_share: float) -> dict:
    gathered = {name: [result[name] for result in results] for name in results[0]}
    sign = problems.sign(metric)
    seconds, network = gathered.pop("seconds"), gathered["network"]
    better = {
        name: [sign * (one - other) for one, other in zip(network, scores, strict=True)]
        for name, scores in gathered.items()
        if name != "network"
    }
    return {
        "scores": {name: records.mean_and_std(scores) for name, scores in gathered.items()},
        "better_than": {
            name: records.mean_and_std(values)
            | {"verdict": scoring.judge(values, tested_share)["verdict"]}
            for name, values in better.items()
        },
        "seconds_of_a_training": records.median_and_range(seconds),
    }


def describe(result: dict) -> str:
    """Write the result as a Markdown table."""
    lines = [f"| model | {result['metric']} | network better by |", "|---|---|---|"]
    for name, scores in result["scores"].items():
        better = result["better_than"].get(name)
        gain = f"{_figure(better)} ({better['verdict']})" if better else ""
        lines.append(f"| {name} | {_figure(scores)} | {gain} |")
    seconds = statistics.fmean(result["seconds_of_a_training"]["each"])
    return "\n".join([*lines, f"{seconds:.0f} s a training"])


def _figure(scores: dict) -> str:
    return scoring.with_spread(scores["mean"], scores["std"])


def main() -> None:
    """Compare on one table, print the scores, and add them to the record where asked."""
    with command_line.errors_as_lines():
        table, wanted = command_line.parse(
            "python -m benchmarks.tables", __doc__, table=configs.TableOptions, measure=Measure
        )
        if wanted.rows:
            split, result = "size", large_tables.measure(wanted.rows)
            print(large_tables.describe(result))
        elif table.csv is None:
            raise InputError("--csv: which table? Give a .csv file, and its --target; or --rows")
        else:
            told = {"seeds": wanted.seeds, "folds": wanted.folds}
            split, result = table.csv.stem, {**told, **measure(table, wanted)}
            print(describe(result))
        if wanted.record:
            records.write_parts({split: result})


if __name__ == "__main__":
    main()
