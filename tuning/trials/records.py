"""What a search remembers of a trial, in plain values, and the tables made of it.

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from typing import Any

import pandas as pd

RUNNING = "running"


@dataclasses.dataclass(frozen=True)
class Trial:
    """A trial that has ended.

    Attributes:
        number: Counted from 0, in the order of proposal.
        values: Of the hyperparameters, and Hyperband's own under "tuner/".
        status: "ok", "nan", "error", "out of memory", "too big", "timeout" or "killed"; "running"
            until it has ended.
        error: What went wrong, in one line; empty for "ok".
        traceback: Of the error.
        scores: The objective at the best epoch of each training: repeats, and folds in each.
        metrics: Mean of each metric at those epochs.
        best_epochs: Of each training, counted from 1.
        row_scores: What the first validation rows add to the score (`scoring.of_rows`), by which
            two trials are compared row by row; empty where there are several scores to compare by.
        epochs: Run by each training.
        seeds: Of each training.
        parameters: Of the model; None where it was not built.
        seconds: Of the trial.
        memory: Resident memory of the process after the trial, in MB; None where not known.
        history: Rows with repeat, fold, epoch and each metric.
        begun_after: Number of trials that had ended when it was proposed: with the next entry, all
            that the oracle had seen, so that a search of several workers can be replayed.
        ended_as: Its place in the order of ending, counted from 0.
    """

    number: int
    values: dict[str, Any]
    status: str = "ok"
    error: str = ""
    traceback: str = ""
    scores: list[float] = dataclasses.field(default_factory=list)
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    row_scores: list[float] = dataclasses.field(default_factory=list)
    best_epochs: list[int] = dataclasses.field(default_factory=list)
    epochs: list[int] = dataclasses.field(default_factory=list)
    seeds: list[int] = dataclasses.field(default_factory=list)
    parameters: int | None = None
    seconds: float = 0.0
    memory: float | None = None
    history: list[dict] = dataclasses.field(default_factory=list)
    begun_after: int = 0
    ended_as: int = 0

    @property
    def is_running(self) -> bool:
        """Whether the trial has begun and not ended."""
        return self.status == RUNNING

    @property
    def is_ok(self) -> bool:
        """Whether the trial has a score."""
        return self.status == "ok"

    @property
    def score(self) -> float:
        """The mean of the scores; NaN for a failed trial."""
        return statistics.fmean(self.scores) if self.is_ok else math.nan

    @property
    def std(self) -> float | None:
        """The standard deviation of the scores (of a sample); None where there is only one."""
        return statistics.stdev(self.scores) if self.is_ok and len(self.scores) > 1 else None

    @property
    def point(self) -> dict:
        """The hyperparameters' values alone."""
        return {k: v for k, v in self.values.items() if not k.startswith("tuner/")}


def rank(trials: list[Trial], direction: str) -> list[Trial]:
    """Sort the successful trials, best first; the earlier one of two that are equal."""
    sign = 1 if direction == "min" else -1
    return sorted((t for t in trials if t.is_ok), key=lambda trial: sign * trial.score)


def is_better(score: float, than: float, direction: str) -> bool:
    """Compare two scores."""
    return score < than if direction == "min" else score > than


def tabulate(trials: list[Trial]) -> pd.DataFrame:
    """Make the table of trials, one row each.

    Hyperparameters' and metrics' columns have the plain names; where a hyperparameter is called
    like another column, "hp:" is put before it.
    """
    table = pd.DataFrame([_row(trial) for trial in trials])
    # A failed trial has none of these; the others' stay whole numbers.
    return table.astype({name: "Int64" for name in ("seed", "parameters") if name in table})


def _row(trial: Trial) -> dict[str, Any]:
    start = {"trial": trial.number, "status": trial.status, "score": trial.score, "std": trial.std}
    end = {
        "scores": " ".join(f"{score:.6g}" for score in trial.scores),
        "best_epoch": statistics.median(trial.best_epochs) if trial.best_epochs else None,
        "epochs_run": sum(trial.epochs),
        "seconds": round(trial.seconds, 3),
        "seed": trial.seeds[0] if trial.seeds else None,
        "parameters": trial.parameters,
        "memory_mb": trial.memory,
        "error": trial.error,
    }
    taken = {*start, *trial.metrics, *end}
    values = {f"hp:{k}" if k in taken else k: value for k, value in trial.values.items()}
    return {**start, **values, **trial.metrics, **end}
