"""What one sees of a search: a line for each trial, and the summary at its end."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import statistics
import typing
from collections.abc import Callable, Iterator

import rich.markup
from rich.table import Table

from keras_recipes import recipe as contract
from keras_recipes.configs import Range
from keras_recipes.console import terminal
from keras_recipes.runs import summary
from tuning import plans
from tuning.options import Options
from tuning.oracles import spaces
from tuning.trials import records
from tuning.trials.storage import Store, resume_command

NUM_LEADERS = 5
# The time left is judged by the last trials: the first one compiles more than those that follow.
NUM_RECENT = 10
MAX_NUMBERS = 8  # of trials that run; of more, only their count is shown


class Progress:
    """Tells how a search goes on.

    Args:
        plan: Of the search.
        store: With the trials that have ended.
        options: Say how much is shown.
    """

    def __init__(self, plan: plans.Plan, store: Store, options: Options):
        self.plan, self.store, self.options = plan, store, options
        self.console = terminal.Console(highlight=False, soft_wrap=True)
        self.expected = _count_expected(plan)
        self.count_places: Callable[[], int] = lambda: 1
        self.running: dict[int, records.Trial] = {}

    def announce(self) -> None:
        """Describe what is going to be searched, and where it will stand."""
        settings = self.plan.settings
        size = spaces.describe_size(self.plan.space)
        done = len(self.store.trials)
        self._say(
            f"{contract.name_of(self.plan.recipe)}: {settings.tuner} search of {size} for the "
            f"{'lowest' if settings.direction == 'min' else 'highest'} val_{settings.monitor}, "
            f"seed {settings.seed}, in {self.store.folder}"
        )
        for line in _describe_tuner(self.plan):
            self._say(line)
        if done:
            self._say(f"resuming: {done} of {self.expected or '?'} trials have ended")

    def begin(self, trial: records.Trial) -> None:
        """Take note of a trial that begins."""
        self.running[trial.number] = trial
        if self.options.verbose:
            self._say(self._describe_running())

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
        settings = self.plan.settings
        del self.running[trial.number]
        score = f"val_{settings.monitor} {trial.score:.4g}" if trial.is_ok else trial.status.upper()
        if trial.std is not None:
            score += f" ± {trial.std:.2g}"
        parts = [
            f"[{len(self.store.trials)}/{self.expected or '?'}] {score}",
            self._describe_best(),
            format_seconds(trial.seconds),
            self._estimate_left(),
            trial.error or describe_values(trial.values),
        ]
        self._say(" · ".join(filter(None, parts)))

    def end(self, reason: str) -> None:
        """Describe why the search ended, and how to go on where one can."""
        settings, trials = self.plan.settings, self.store.trials
        failed = sum(not trial.is_ok for trial in trials)
        line = f"ended: {reason}; {len(trials)} trials, {failed} failed"
        if settings.tuner == "grid":
            size = spaces.count(self.plan.space)
            on_grid = {spaces.key(point) for point in spaces.points(self.plan.space)}
            run = sum(spaces.key(trial.values) in on_grid for trial in trials)
            line = f"ended: {reason}; grid: {run} of {size} points run, {failed} failed"
        self.console.print(line, markup=False)
        if reason.startswith(("interrupted", "--max-")):
            command = resume_command(self.store.folder, self.options.places)
            self.console.print(f"continue by: {command}", markup=False)

    def summarise(self, ranked: list[records.Trial]) -> None:
        """Print leaderboard, gain over the defaults and warnings."""
        terminal.print_table(_leaderboard(self.plan, ranked))
        best = ranked[0]
        self.console.print(_describe_gain(self.plan, best, self.store.trials[0]), markup=False)
        for line in find_edges(self.plan, best):
            self.console.print(f"WARNING: {line}", markup=False)

    def announce_refit(self, best: records.Trial) -> None:
        """Print that the best point is being trained anew."""
        self._say(f"training trial {best.number} anew, on training and validation rows")

    def show_refit(self, metrics: dict, best: records.Trial) -> None:
        """Print the test scores of the model that was trained anew."""
        print(
            f"The val_{self.plan.settings.monitor} of {best.score:.4g} is optimistic, being the "
            f"best of many; the test scores of trial {best.number}, trained anew on training and "
            f"validation rows for {metrics['epochs_run']} epochs, are not:"
        )
        summary.print_run(self.plan.problem, metrics)
        folder, size = self.store.folder, _count_bytes(self.store.folder) / 1e6
        print(f"All trials are in {folder} ({size:.1f} MB): trials.csv, history.csv, search.png")

    def _describe_running(self) -> str:
        of = f"of {self.expected or '?'}"
        if len(self.running) == 1:
            (trial,) = self.running.values()
            return f"trial {trial.number + 1} {of}: {describe_values(trial.values)}"
        numbers = sorted(number + 1 for number in self.running)
        if len(numbers) > MAX_NUMBERS:
            return f"{len(numbers)} trials {of} at work"
        return f"trials {', '.join(map(str, numbers))} {of}"

    def _describe_best(self) -> str:
        ranked = records.rank(self.store.trials, self.plan.settings.direction)
        return f"best {ranked[0].score:.4g} (trial {ranked[0].number})" if ranked else ""

    def _say(self, line: str) -> None:
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


def _count_bytes(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _count_expected(plan: plans.Plan) -> int | None:
    """Return how many trials there will be at most."""
    settings = plan.settings
    if settings.tuner == "hyperband":
        return settings.trials
    is_finite = settings.tuner == "grid" or spaces.is_finite(plan.space)
    size = spaces.count(plan.space) if is_finite else spaces.MANY + 1
    if size > spaces.MANY:
        return settings.trials
    return min(size, settings.trials or size)


def _describe_tuner(plan: plans.Plan) -> list[str]:
    """Describe what a user should know of the tuner before it begins."""
    settings = plan.settings
    if settings.tuner == "grid":
        size = spaces.count(plan.space)
        if settings.trials and settings.trials < size:
            return [
                f"the grid has {size} points, of which the first {settings.trials} are run: the "
                "first hyperparameters will hardly vary; a random search covers more with as many"
            ]
        return [f"the grid has {size} points"]
    if settings.tuner == "bayesian":
        return [
            f"the first {settings.num_initial_points} trials are the defaults and random points"
        ]
    if settings.tuner == "hyperband":
        brackets = " | ".join(
            " → ".join(f"{size} x {epochs}" for size, epochs in rungs)
            for rungs in plan.make_oracle().brackets
        )
        return [
            f"brackets, trials x epochs: {brackets}; the best of a step start again for the next"
        ]
    return []


def describe_values(values: dict) -> str:
    """Write a point in one line."""
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in values.items()
        if name not in ("tuner/sweep", "tuner/bracket", "tuner/round", "tuner/trial_id")
    ).replace("tuner/epochs", "epochs")


def format_seconds(seconds: float) -> str:
    """Write a duration with as much precision as one reads."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _leaderboard(plan: plans.Plan, ranked: list[records.Trial]) -> Table:
    settings = plan.settings
    names = list(dict.fromkeys(name for trial in ranked for name in trial.point))
    table = Table(title=f"best trials by val_{settings.monitor}")
    spread = any(trial.std is not None for trial in ranked)
    for column in ("trial", f"val_{settings.monitor}", *(["std"] if spread else []), *names):
        table.add_column(column, justify="right", overflow="fold")
    for trial in ranked[:NUM_LEADERS]:
        cells = [str(trial.number), f"{trial.score:.4f}"]
        if spread:
            cells.append("" if trial.std is None else f"{trial.std:.4f}")
        cells += [_cell(trial.point.get(name, "")) for name in names]
        table.add_row(*cells)
    return table


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _describe_gain(plan: plans.Plan, best: records.Trial, first: records.Trial) -> str:
    """Print by how much the best trial beats the defaults."""
    name = f"val_{plan.settings.monitor}"
    if not first.is_ok:
        return f"the recipe's defaults failed ({first.status}): {first.error}"
    if best.number == first.number:
        return f"no trial beat the recipe's defaults ({name} {first.score:.4g})"
    gain = abs(best.score - first.score)
    line = (
        f"trial {best.number} beats the recipe's defaults by {gain:.4g} "
        f"({name} {best.score:.4g} against {first.score:.4g})"
    )
    if best.values.get("tuner/epochs") != first.values.get("tuner/epochs"):
        epochs = first.values["tuner/epochs"]
        line += f", which ran {epochs} epoch{'s' * (epochs != 1)} only"
    spreads = [trial.std for trial in (best, first) if trial.std is not None]
    if spreads and gain < max(spreads):
        line += "; that is less than the spread of either's scores"
    return line


def find_edges(plan: plans.Plan, best: records.Trial) -> list[str]:
    """Warn where the best value of a range is its first or last, so that a better may lie beyond.

    An end that the recipe's Config cannot go beyond, such as a dropout of 0, is none.
    """
    lines = []
    for hyperparameter in plan.space.space:
        value = best.values.get(hyperparameter.name)
        values = spaces.grid_values(hyperparameter)
        if isinstance(value, (bool, str)) or value is None or len(values) < 3:
            continue
        if value in (min(values), max(values)) and not _is_limit(plan, hyperparameter.name, value):
            side = "largest" if value == max(values) else "smallest"
            lines.append(
                f"the best {hyperparameter.name}, {value:g}, is the {side} of the space "
                f"({min(values):g} to {max(values):g}): a better one may lie beyond"
            )
    return lines


def _is_limit(plan: plans.Plan, name: str, value: float) -> bool:
    """Whether the Config allows nothing beyond a value."""
    hints = typing.get_type_hints(plan.recipe.Config, include_extras=True)
    if name not in {field.name for field in dataclasses.fields(plan.recipe.Config)}:
        return False
    limits = [x for x in typing.get_args(hints[name]) if isinstance(x, Range)]
    return any(value in (limit.low, limit.high) for limit in limits)
