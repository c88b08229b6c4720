"""What a run says at its end: one short table and the folder."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from recipes.common.problems import Problem, direction

NAMES = {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "binary_accuracy": "accuracy"}


def print_run(problem: Problem, metrics: dict) -> None:
    """Print a run's result beside its baselines.

    Args:
        problem: Gives unit and headline metric.
        metrics: What `runs.run` returned.
    """
    console = Console()
    data = metrics["data"]
    kind = "" if data["kind"] == "real" else " [bold](BUILT-IN STAND-IN, not the real data)[/bold]"
    table = Table(title=f"{metrics['recipe']}: test scores on {data['name']}{kind}")
    models = {"network": metrics["test"], **metrics["baselines"]}
    table.add_column("metric")
    for model in models:
        table.add_column(model.replace("_", " "), justify="right")
    for name in metrics["test"]:
        unit = f" ({problem.unit})" if name in ("rmse", "mae") else ""
        cells = (f"{scores[name]:.4f}" for scores in models.values())
        table.add_row(NAMES.get(name, name) + unit, *cells)
    console.print(table)
    if loser := better_baseline(problem, metrics):
        console.print(f"The network does not beat the {loser.replace('_', ' ')} here.")
    rows = data["rows"]
    names = {"train": "training"}
    counts = ", ".join(f"{count:,} {names.get(part, part)}" for part, count in rows.items())
    console.print(
        f"{counts} rows"
        f" · {metrics['parameters']:,} parameters · best epoch {metrics['best_epoch']} of "
        f"{metrics['epochs_run']} ({metrics['stopped_by']}) · {metrics['train_seconds']:.1f} s",
        highlight=False,
    )
    console.print(f"Everything is in {metrics['folder']}", highlight=False, soft_wrap=True)


def better_baseline(problem: Problem, metrics: dict) -> str | None:
    """Name the baseline that scores at least as well as the network by the headline metric."""
    headline = problem.headline
    sign = 1 if direction(headline) == "max" else -1
    own = sign * metrics["test"][headline]
    for name, scores in metrics["baselines"].items():
        if sign * scores[headline] >= own:
            return name
    return None
