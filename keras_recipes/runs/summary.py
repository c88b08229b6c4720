"""What a run says at its end: one short table and the folder."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator

import numpy as np
from rich import markup
from rich.table import Table

from keras_recipes.console import terminal
from keras_recipes.data import own_table
from keras_recipes.problems import Problem, direction

MAX_COLUMNS = 60
LONG_UNIT = 16  # characters; a longer one has no room in a column
UNEQUAL = 10  # one class so many times as frequent as another
NAMES = {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "f1": "F1"}
NAMES |= {"binary_accuracy": "accuracy"}


def print_columns(source: own_table.Source) -> None:
    """Print what was made of the columns of a user's table, and how to have it otherwise.

    Args:
        source: Of the table.
    """
    kinds = collections.Counter(column.kind for column in source.columns)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    table = Table(title=f"{markup.escape(source.name)}: {counted}")
    for name in ("column", "taken as", "because", "values", "missing"):
        is_number = name in ("values", "missing")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    # Every column that is left out is named; of the others, of as many as can be read.
    shown = sorted(source.columns, key=lambda column: column.kind != "left out")[:MAX_COLUMNS]
    for column in (column for column in source.columns if column in shown):
        texts = (markup.escape(text) for text in (column.name, column.kind, column.reason))
        table.add_row(*texts, f"{column.num_values:,}", f"{column.num_missing:,}")
    terminal.print_table(table)
    if len(shown) < len(source.columns):
        print(f"… and {len(source.columns) - len(shown):,} more, all in schema.json")
    print("other choices: --categorical A B --numeric C --drop D --problem KIND")
    print(f"to predict: {source.target}, {source.problem}")
    if source.num_without_target:
        print(f"{source.num_without_target:,} rows without a value of {source.target} are left out")


def describe_classes(problem: Problem, y: np.ndarray, class_weights: bool) -> str:
    """Describe how many training rows each class has, and the remedy for very unequal ones."""
    counts = np.bincount(problem.classes(y), minlength=len(problem.class_names))
    probabilities = (
        f"{name} {count:,} ({count / len(y):.1%})"
        for name, count in zip(problem.class_names, counts, strict=True)
    )
    rare = counts.max() > UNEQUAL * max(counts.min(), 1) and not class_weights
    advice = "; --class-weights makes the rare ones count as much" if rare else ""
    return f"training rows of each class: {', '.join(probabilities)}{advice}"


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
        table.add_column(model.replace("_", " "), justify="right")
    for name in metrics["test"]:
        in_unit = f" ({unit})" * (name in ("rmse", "mae") and not is_long)
        figures = (_figure(scores[name]) for scores in models.values())
        table.add_row(NAMES.get(name, name) + in_unit, *figures)
    terminal.print_table(table)
    if winner := better_baseline(problem, metrics):
        print(f"The network does not beat the {winner.replace('_', ' ')} here.")
    for line in _describe_table(problem, metrics):
        print(line)
    print(_describe_training(metrics))
    print(f"Everything is in {metrics['folder']}")


def _describe_training(metrics: dict) -> str:
    """Describe in one line what was trained on what, and for how long."""
    counts, names = metrics["data"]["rows"], {"train": "training"}
    rows = ", ".join(f"{count:,} {names.get(split, split)}" for split, count in counts.items())
    anew = metrics["refitted"] and "validation" in counts  # else there was no other training
    return (
        f"{rows} rows · {metrics['parameters']:,} parameters · best epoch {metrics['best_epoch']} "
        f"of {metrics['epochs_run']} ({metrics['stopped_by']})"
        f"{', trained anew on training and validation rows' * anew}"
        f" · {metrics['train_seconds']:.1f} s of training"
    )


def _describe_table(problem: Problem, metrics: dict) -> Iterator[str]:
    """Describe which columns of a table count, and whether another threshold would be better."""
    most = [name for name, lost in metrics.get("importance", {}).items() if lost["mean"] > 0][:5]
    if most:
        yield f"Columns that count most: {', '.join(most)} (importance.png)"
    threshold = metrics.get("threshold", {})
    better = threshold.get("best_f1_on_validation", problem.threshold)
    if "importance" in metrics and abs(better - problem.threshold) >= 0.1:
        yes = problem.class_names[1]
        yield (
            f"{yes} is predicted from a probability of {problem.threshold:g} on; --threshold "
            f"{better:g} gave the best F1 on the validation rows (probabilities.png)"
        )


def better_baseline(problem: Problem, metrics: dict) -> str | None:
    """Name the best baseline that scores at least as well as the network by the headline metric."""
    headline = problem.headline
    sign = 1 if direction(headline) == "max" else -1

    def rank(scores: dict) -> float:
        score = scores[headline]
        return -math.inf if score is None or math.isnan(score) else sign * score

    best = max(metrics["baselines"], key=lambda name: rank(metrics["baselines"][name]))
    return best if rank(metrics["baselines"][best]) >= rank(metrics["test"]) else None


def _figure(score: float | None) -> str:
    if score is None:
        return "-"
    if abs(score) >= 1e7:
        return f"{score:.4g}"
    return f"{score:.4f}" if abs(score) < 1000 else f"{score:,.1f}"
