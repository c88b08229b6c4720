"""What a run says at its end: one short table and the folder."""

from __future__ import annotations

import math

from rich import markup
from rich.table import Table

from recipes.common import terminal
from recipes.common.problems import Problem, direction

NAMES = {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "binary_accuracy": "accuracy"}


def print_run(problem: Problem, metrics: dict) -> None:
    """Print a run's result beside its baselines.

    Args:
        problem: Gives unit and headline metric.
        metrics: What `runs.run` returned.
    """
    data = metrics["data"]
    kind = "" if data["kind"] == "real" else " [bold](BUILT-IN STAND-IN, not the real data)[/bold]"
    table = Table(title=f"{metrics['recipe']}: test scores on {data['name']}{kind}")
    models = {"network": metrics["test"], **metrics["baselines"]}
    table.add_column("metric", overflow="fold")
    for model in models:
        table.add_column(model.replace("_", " "), justify="right")
    for name in metrics["test"]:
        unit = f" ({markup.escape(problem.unit)})" if name in ("rmse", "mae") else ""
        figures = (_figure(scores[name]) for scores in models.values())
        table.add_row(NAMES.get(name, name) + unit, *figures)
    terminal.print_table(table)
    if winner := better_baseline(problem, metrics):
        print(f"The network does not beat the {winner.replace('_', ' ')} here.")
    print(_describe_training(metrics))
    print(f"Everything is in {metrics['folder']}")


def _describe_training(metrics: dict) -> str:
    """Say in one line what was trained on what, and for how long."""
    counts, parts = metrics["data"]["rows"], {"train": "training"}
    rows = ", ".join(f"{count:,} {parts.get(part, part)}" for part, count in counts.items())
    anew = metrics["refitted"] and "validation" in counts  # else there was no other training
    return (
        f"{rows} rows · {metrics['parameters']:,} parameters · best epoch {metrics['best_epoch']} "
        f"of {metrics['epochs_run']} ({metrics['stopped_by']})"
        f"{', trained anew on training and validation rows' * anew}"
        f" · {metrics['train_seconds']:.1f} s of training"
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
    return "-" if score is None else f"{score:.4f}"
