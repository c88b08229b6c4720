"""Print a search: a line for each trial, and the summary at its end."""

from __future__ import annotations

import contextlib
import math
import statistics
import typing
from collections.abc import Callable, Iterator
from typing import Any

import rich.markup
from rich.table import Table

from keras_recipes.configs import Range
from keras_recipes.console import terminal
from keras_recipes.runs import scoring, summary
from tuning.options import Options
from tuning.oracles import oracles, spaces
from tuning.spec import SearchSpec
from tuning.trials import records
from tuning.trials.storage import Store, resume_command

NUM_LEADERS = 5
# The time left is judged by the last trials: the first one compiles more than those that follow.
NUM_RECENT = 10
MAX_NUMBERS = 8  # of trials that run; of more, only their count is shown


class Progress:
    """Prints the progress of a search.

    Args:
        spec: Of the search.
        store: With the trials that have ended.
        options: Say how much is shown.
    """

    def __init__(self, spec: SearchSpec, store: Store, options: Options):
        self.spec, self.store, self.options = spec, store, options
        self.console = terminal.Console(highlight=False, soft_wrap=True)
        self.expected = _count_expected(spec)
        self.count_places: Callable[[], int] = lambda: 1
        self.running: dict[int, records.Trial] = {}

    def announce(self) -> None:
        """Print what is searched, and the folder."""
        spec = self.spec
        self.say(
            f"{spec.name}: {spec.tuner} search of {spaces.describe_size(spec.space)} for the "
            f"{'lowest' if spec.direction == 'min' else 'highest'} {spec.objective}, "
            f"seed {spec.seed}, in {self.store.folder}"
        )
        if line := _describe_tuner(spec):
            self.say(line)
        if done := len(self.store.trials):
            self.say(f"resuming: {done} of {self.expected or '?'} trials have ended")

    def begin(self, trial: records.Trial) -> None:
        """Take note of a trial that begins."""
        self.running[trial.number] = trial
        if self.options.verbose:
            self.say(self._describe_running())

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Show what runs while one waits for it, where there is a terminal."""
        if self.options.quiet or self.options.verbose or not self.console.is_terminal:
            yield
            return
        parts = [self._describe_running(), self._describe_best(), self._estimate_left()]
        with self.console.status(rich.markup.escape(" · ".join(filter(None, parts)))):
            yield

    def show(self, trial: records.Trial) -> None:
        """Print the line of a trial that has ended."""
        del self.running[trial.number]
        score = trial.status.upper()
        if trial.is_ok:
            score = f"{self.spec.objective} {_score(trial)}"
        parts = [
            f"[{len(self.store.trials)}/{self.expected or '?'}] {score}",
            self._describe_best(),
            format_seconds(trial.seconds),
            self._estimate_left(),
            trial.error or describe_values(trial.values),
        ]
        self.say(" · ".join(filter(None, parts)))

    def end(self, reason: str) -> None:
        """Describe why the search ended, and how to go on where one can."""
        spec, trials = self.spec, self.store.trials
        failed = sum(not trial.is_ok for trial in trials)
        line = f"ended: {reason}; {summary.count(len(trials), 'trial')}, {failed} failed"
        if spec.tuner == "grid":
            on_grid = {spaces.key(point) for point in spaces.points(spec.space)}
            run = sum(spaces.key(trial.values) in on_grid for trial in trials)
            size = spaces.count(spec.space)
            line = f"ended: {reason}; grid: {run} of {size} points run, {failed} failed"
        self.console.print(line, markup=False)
        if reason.startswith(("interrupted", "--max-")):
            command = resume_command(self.store.folder, self.options.places)
            self.console.print(f"continue by: {command}", markup=False)

    def summarise(self, ranked: list[records.Trial]) -> None:
        """Print leaderboard, gain over the defaults and warnings."""
        terminal.print_table(_leaderboard(self.spec, ranked))
        best = ranked[0]
        self.console.print(describe_gain(self.spec, best, self.store.trials[0]), markup=False)
        for line in find_edges(self.spec, best):
            self.console.print(f"WARNING: {line}", markup=False)

    def show_refit(self, metrics: dict[str, Any], best: records.Trial) -> None:
        """Print the test scores of the refitted model."""
        beside = " The recipe's defaults were refitted and tested in the same way."
        print(
            f"The {self.spec.objective} of {scoring.figure(best.score)} is optimistic, because it "
            f"is the best of many trials. Trial {best.number} was refitted on training and "
            f"validation rows for {summary.count(metrics['epochs_run'], 'epoch')}, and tested once."
            f"{beside * ('defaults' in metrics['baselines'])}"
        )
        summary.print_run(self.spec.problem, metrics)
        folder = self.store.folder
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        print(f"All trials are in {folder} ({size:.1f} MB): report.html, trials.csv, history.csv")

    def _describe_running(self) -> str:
        of = f"of {self.expected or '?'}"
        if len(self.running) == 1:
            (trial,) = self.running.values()
            return f"trial {trial.number + 1} {of}: {describe_values(trial.values)}"
        numbers = sorted(number + 1 for number in self.running)
        if len(numbers) > MAX_NUMBERS:
            return f"{len(numbers)} trials {of} running"
        return f"trials {', '.join(map(str, numbers))} {of}"

    def _describe_best(self) -> str:
        ranked = records.rank(self.store.trials, self.spec.direction)
        if not ranked:
            return ""
        return f"best {scoring.figure(ranked[0].score)} (trial {ranked[0].number})"

    def say(self, line: str) -> None:
        """Print a line, unless the result alone is to be printed."""
        if not self.options.quiet:
            self.console.print(line, markup=False)

    def _estimate_left(self) -> str:
        if not self.expected or not self.store.trials:
            return ""
        left = self.expected - len(self.store.trials)
        each = statistics.fmean(trial.seconds for trial in self.store.trials[-NUM_RECENT:])
        # One has just ended, or is about to begin: as many at a time as there are places.
        each /= max(1, self.count_places())
        return f"{format_seconds(left * each)} left" if left > 0 else ""


def _count_expected(spec: SearchSpec) -> int | None:
    """Return how many trials there will be at most."""
    if spec.tuner == "hyperband":
        return spec.trials
    is_finite = spec.tuner == "grid" or spaces.is_finite(spec.space)
    size = spaces.count(spec.space) if is_finite else spaces.MAX_COUNT + 1
    if size > spaces.MAX_COUNT:
        return spec.trials
    return min(size, spec.trials or size)


def _describe_tuner(spec: SearchSpec) -> str:
    """Describe what a user should know of the tuner before it begins."""
    if spec.tuner == "grid":
        size = spaces.count(spec.space)
        if spec.trials and spec.trials < size:
            return (
                f"the grid has {size} points, but only the first {spec.trials} are run: the first "
                "hyperparameters will hardly vary; random search covers more of the space"
            )
        return f"the grid has {size} points"
    oracle = spec.make_oracle()
    if isinstance(oracle, oracles.BayesianOracle):
        return f"the first {oracle.num_initial_points} trials are the defaults and random points"
    if isinstance(oracle, oracles.HyperbandOracle):
        brackets = " | ".join(
            " → ".join(f"{size} x {epochs}" for size, epochs in rungs) for rungs in oracle.brackets
        )
        return f"brackets, trials x epochs: {brackets}; the best of each step get more epochs"
    return ""


def describe_values(values: dict[str, Any]) -> str:
    """Write a point in one line."""
    return " ".join(
        f"{name}={_short(value)}"
        for name, value in values.items()
        if name not in ("tuner/sweep", "tuner/bracket", "tuner/round", "tuner/trial_id")
    ).replace("tuner/epochs", "epochs")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def format_seconds(seconds: float) -> str:
    """Write a duration with as much precision as one reads."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _leaderboard(spec: SearchSpec, ranked: list[records.Trial]) -> Table:
    names = list(dict.fromkeys(name for trial in ranked for name in trial.point))
    table = Table(title=f"best trials by {spec.objective}")
    spread = any(trial.std is not None for trial in ranked)
    for column in ("trial", spec.objective, *(["std"] if spread else []), *names):
        table.add_column(column, justify="right", overflow="fold")
    for trial in ranked[:NUM_LEADERS]:
        cells = [str(trial.number), scoring.figure(trial.score)]
        if spread:
            cells.append("" if trial.std is None else scoring.figure(trial.std))
        cells += [_short(trial.point.get(name, "")) for name in names]
        table.add_row(*cells)
    return table


def _score(trial: records.Trial) -> str:
    """Write a trial's score, with its standard deviation where there are several."""
    if trial.std is None:
        return scoring.figure(trial.score)
    return scoring.with_spread(trial.score, trial.std)


def _judge(spec: SearchSpec, best: records.Trial, first: records.Trial) -> dict[str, Any]:
    """Judge the best trial against the defaults by `scoring.judge`.

    The pairs are the scores of the same folds and repeats, or else those of the same validation
    rows. That the best of many trials was chosen by them is not taken into account: the test rows
    decide.
    """
    sign = -1 if spec.direction == "min" else 1
    several = len(best.scores) > 1
    ours, theirs = (t.scores if several else t.row_scores for t in (best, first))
    pairs = zip(ours, theirs, strict=False)
    share = 1 / (spec.folds - 1) if spec.folds else 0.0
    return scoring.judge([sign * (one - other) for one, other in pairs] or [math.nan], share)


def describe_gain(spec: SearchSpec, best: records.Trial, first: records.Trial) -> str:
    """Describe by how much the best trial beats the defaults, or that they are tied."""
    name, scores = spec.objective, [scoring.figure(trial.score) for trial in (best, first)]
    if not first.is_ok:
        return f"the recipe's defaults failed ({first.status}): {first.error}"
    if best.number == first.number:
        return f"no trial beat the recipe's defaults ({name} {scores[1]})"
    found = _judge(spec, best, first)
    gain = f"{scoring.figure(abs(best.score - first.score))}"
    if not math.isnan(found["standard_error"]):
        gain += f" ± {found['standard_error']:.2g}"
    is_tied = found["verdict"] == scoring.TIED
    line = (
        f"trial {best.number} {'is tied with' if is_tied else 'beats'} the recipe's defaults on "
        f"the validation rows: better by {gain} ({name} {' against '.join(scores)})"
    )
    if best.values.get("tuner/epochs") != first.values.get("tuner/epochs"):
        line += f"; the defaults ran only {summary.count(first.values['tuner/epochs'], 'epoch')}"
    return line


def find_edges(spec: SearchSpec, best: records.Trial) -> list[str]:
    """Warn if the best value of a range is its smallest or largest: the range may be too small.

    There is no warning at a limit of the recipe's Config, such as a dropout of 0.
    """
    lines = []
    for hyperparameter in spec.space.space:
        value = best.values.get(hyperparameter.name)
        values = spaces.grid_values(hyperparameter)
        if isinstance(value, (bool, str)) or value is None or len(values) < 3:
            continue
        if value in (min(values), max(values)) and not _is_limit(spec, hyperparameter.name, value):
            is_largest = value == max(values)
            side, further = ("largest", "larger") if is_largest else ("smallest", "smaller")
            lines.append(
                f"the best {hyperparameter.name}, {value:g}, is the {side} of the search space "
                f"({min(values):g} to {max(values):g}): a {further} value may be better"
            )
    return lines


def _is_limit(spec: SearchSpec, name: str, value: float) -> bool:
    """Return whether the Config allows nothing beyond a value."""
    hints = typing.get_type_hints(spec.module.Config, include_extras=True)
    limits = [x for x in typing.get_args(hints.get(name)) if isinstance(x, Range)]
    return any(value in (limit.low, limit.high) for limit in limits)
