"""Print the summary of a run: a short table, and the folder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich import markup
from rich.table import Table

from keras_recipes.console import terminal
from keras_recipes.problems import Problem
from keras_recipes.runs import importance, scoring

LONG_UNIT = 16  # characters; a longer one has no room in a column
UNEQUAL = 10  # one class so many times as frequent as another


def count(number: int, name: str) -> str:
    """Return a number with its name, in the plural where it is not one: 1 epoch, 2 epochs."""
    return f"{number:,} {name}{'s' * (number != 1)}"


def describe_classes(problem: Problem, y: np.ndarray, class_weights: bool) -> str:
    """Describe how many training rows each class has, and the remedy for very unequal ones."""
    counts = np.bincount(problem.classes(y), minlength=len(problem.class_names))
    probabilities = (
        f"{name} {count:,} ({count / len(y):.1%})"
        for name, count in zip(problem.class_names, counts, strict=True)
    )
    rare = counts.max() > UNEQUAL * max(counts.min(), 1) and not class_weights
    advice = "; --class-weights gives all classes equal weight" if rare else ""
    return f"training rows per class: {', '.join(probabilities)}{advice}"


def print_run(problem: Problem, metrics: dict) -> None:
    """Print a run's result beside its baselines.

    Args:
        problem: Gives unit and headline metric.
        metrics: What `runs.run` returned.
    """
    data = metrics["data"]
    kind = "" if data["kind"] == "real" else " [bold](BUILT-IN DATA, not the real data)[/bold]"
    title = f"{metrics['recipe']}: test scores on {markup.escape(data['name'])}{kind}"
    unit = markup.escape(problem.unit)
    if is_long := len(unit) > LONG_UNIT:
        title += f"; RMSE and MAE in {unit}"
    table = Table(title=title)
    models = {"network": metrics["test"], **metrics["baselines"]}
    table.add_column("metric", overflow="fold")
    for model in models:
        table.add_column(scoring.name_of(model), justify="right")
    for name in metrics["test"]:
        in_unit = f" ({unit})" * (name in ("rmse", "mae") and not is_long)
        figures = (scoring.figure(scores[name]) for scores in models.values())
        table.add_row(scoring.NAMES.get(name, name) + in_unit, *figures)
    terminal.print_table(table)
    for line in lines(problem, metrics):
        print(line)
    print(f"Everything is in {metrics['folder']}; report.html shows it")


def lines(problem: Problem, metrics: dict) -> Iterator[str]:
    """Yield what stands below a run's scores: against the baselines, columns, the training."""
    if line := describe_against(metrics["against"], metrics["data"]["rows"]["test"]):
        yield line
    yield from _describe_table(problem, metrics)
    yield _describe_training(metrics)


def describe_scores(scores: dict[str, float], num_rows: int) -> str:
    """Describe in one line the scores of predictions of rows whose target is known.

    Args:
        scores: How many "rows" have a known target, and each score by its name.
        num_rows: Of the file.
    """
    figures = (
        f"{scoring.NAMES.get(name, name)} {scoring.figure(score)}"
        for name, score in scores.items()
        if name != "rows"
    )
    of_all = f" of {num_rows:,}" * (scores["rows"] < num_rows)
    return (
        f"scores on the {scores['rows']:,}{of_all} rows with a known target: {', '.join(figures)}"
    )


def _describe_training(metrics: dict) -> str:
    """Describe in one line what was trained on what, and for how long."""
    counts, names = metrics["data"]["rows"], {"train": "training"}
    rows = ", ".join(f"{count:,} {names.get(split, split)}" for split, count in counts.items())
    anew = metrics["refitted"] and "validation" in counts  # else there was no other training
    return (
        f"{rows} rows{_describe_groups(metrics['data'])} · {metrics['parameters']:,} parameters · "
        f"best epoch {metrics['best_epoch']} "
        f"of {metrics['epochs_run']} ({metrics['stopped_by']})"
        f"{', refitted on training and validation rows' * anew}"
        f" · {metrics['train_seconds']:.1f} s of training"
    )


def _describe_groups(data: dict) -> str:
    """Describe how many groups of rows the splits have; nothing where rows stand alone."""
    if "groups" not in data:
        return ""
    named = f" by {data['group']}" if data.get("group") else ""
    return f", of {', '.join(f'{count:,}' for count in data['groups'].values())} groups{named}"


def _describe_table(problem: Problem, metrics: dict) -> Iterator[str]:
    """Describe which columns of a table count, and whether another threshold would be better."""
    found = metrics.get("importance", {})
    clear = [name for name, lost in found.items() if importance.is_clear(lost)]
    if clear:
        yield f"Most important columns: {', '.join(clear[:5])} (importance.png)"
    elif found:
        yield "No column is important beyond the noise of the test rows (importance.png)"
    threshold = metrics.get("threshold", {})
    better = threshold.get("best_f1_on_validation", problem.threshold)
    if "importance" in metrics and abs(better - problem.threshold) >= 0.1:
        yes = problem.class_names[1]
        yield (
            f"The decision threshold for {yes} is {problem.threshold:g}; --threshold {better:g} "
            "has the best F1 score on the validation rows (probabilities.png)"
        )


def describe_against(against: dict[str, dict], num_rows: int) -> str:
    """Describe which models the network is not better than, beyond the noise of the test rows.

    Args:
        against: For each model the network was compared with, what `scoring.compare` returned.
        num_rows: Of the test split.

    Returns:
        One line; empty where the network is better than all of them.
    """

    def named(verdict: str) -> str:
        found = [name for name, one in against.items() if one["verdict"] == verdict]
        return " and the ".join(map(scoring.name_of, found))

    worse, tied = named(scoring.WORSE), named(scoring.TIED)
    parts = [f"worse than the {worse}"] * bool(worse)
    parts += [f"tied with the {tied} (within the noise of {num_rows:,} test rows)"] * bool(tied)
    return f"The network is {'; it is '.join(parts)}." if parts else ""
