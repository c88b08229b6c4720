"""Tuners side by side: the same budget of epochs for each, random search with twice as much beside.

Published comparisons find that random search with twice the budget often does as well as a cleverer
tuner (Li et al. 2018, JMLR 18, section 4): a tuner that does not beat it is not worth its trouble.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table

from keras_recipes import catalog, recipe as contract, training
from keras_recipes.console import files, interrupts, terminal
from keras_recipes.errors import InputError
from keras_recipes.runs import plots, run as runs
from tuning import loop, plans
from tuning.options import Comparison, Options
from tuning.report import report
from tuning.trials import records, trials
from tuning.workers import workers

TWICE = "random, twice the budget"
# More trials than any budget of epochs allows: the budget ends the search.
NO_LIMIT = 10**9
STEPS = 201  # an odd number, so that the budget itself is among them
BARS_EVERY, BAR_GAP = 25, 3  # in steps


def compare(recipe, **options: object) -> pd.DataFrame:
    """Compare tuners on a recipe.

    Args:
        recipe: Name, path of a .py file, or module.
        **options: As on the command line: tuners, trials, seeds, epochs, objective, data, data_dir,
            out, quiet, and for tabular csv, target and what else is told about a table.

    Returns:
        One row for each trial: tuner, seed, trial, epochs (spent so far), score, best (so far).
    """
    for name in ("out", "data_dir", "csv"):
        if options.get(name) is not None:
            options[name] = pathlib.Path(options[name])
    return run(Comparison(recipe=catalog.refer(recipe), **options))


def run(options: Comparison) -> pd.DataFrame:
    """Run a comparison, print it and write it into a folder. Ctrl-C keeps the seeds that ended.

    Raises:
        InputError: If an option cannot work.
    """
    first = _plan(options, "random", 0)
    name = contract.name_of(first.recipe)
    folder = options.out or files.next_folder(pathlib.Path("searches"), f"{name}-comparison")
    budget = options.trials * first.max_epochs
    training.prepare(
        first.recipe, first.defaults, trials.load_data(first.settings.recipe, first.defaults)
    )
    with files.whole_folder(folder) as partial:
        table = _run_all(options, budget)
        curves = find_curves(table, first.settings.direction, budget)
        held_back = interrupts.held_back(f"writing {folder}; Ctrl-C again gives it up")
        with files.faults_named(folder), held_back:
            table.to_csv(partial / "comparison.csv", index=False)
            draw(partial / "comparison.png", first, curves, budget)
            files.write_json(partial / "comparison.json", _describe(options, budget, table))
    _print(first, table, budget, folder)
    return table


def _plan(options: Comparison, tuner: str, seed: int) -> plans.Plan:
    plan = plans.begin(
        Options(
            recipe=options.recipe,
            **options.told(),
            tuner=tuner,
            trials=options.trials,
            epochs=options.epochs,
            objective=options.objective,
            seed=seed,
            engine=options.engine,
            data=options.data,
            data_dir=options.data_dir,
            yes=True,
        )
    )
    # The budget is in epochs: it, not a number of trials, is what Hyperband's brackets fill.
    brackets = {"bracket_trials": NO_LIMIT} if tuner == "hyperband" else {}
    settings = dataclasses.replace(plan.settings, trials=NO_LIMIT, **brackets)
    return dataclasses.replace(plan, settings=settings)


def is_complete(table: pd.DataFrame, options: Comparison) -> bool:
    """Whether every seed was run: not after Ctrl-C."""
    return table["seed"].nunique() == options.seeds


def _run_all(options: Comparison, budget: int) -> pd.DataFrame:
    rows: list[dict] = []
    for seed in range(options.seeds):
        try:
            rows += _run_seed(options, seed, budget)
        except KeyboardInterrupt:
            if not rows:
                raise
            print(f"\nstopped by Ctrl-C: {seed} of {options.seeds} seeds are complete", flush=True)
            break
    return pd.DataFrame(rows)


def _run_seed(options: Comparison, seed: int, budget: int) -> list[dict]:
    # Random search runs once, with twice the budget; its first half is that of the one budget.
    tuners = dict.fromkeys([*options.tuner_names, "random"])
    rows, reference = [], []
    known: dict[str, records.Trial] = {}  # a point that two tuners propose is trained once
    for tuner in tuners:
        start = time.monotonic()
        own = _run_one(options, tuner, seed, budget * (1 + (tuner == "random")), known)
        if tuner == "random":
            reference = [{**row, "tuner": TWICE} for row in own]
            own = [row for row in own if row["epochs"] <= budget]
        if tuner in options.tuner_names:
            rows += own
        if not options.quiet:
            best = f"best {own[-1]['best']:.4g}" if own else "no trial within the budget"
            took = report.format_seconds(time.monotonic() - start)
            print(f"seed {seed} {tuner}: {len(own)} trials, {best} · {took}", flush=True)
    return rows + reference


def _run_one(options, tuner: str, seed: int, budget: int, known: dict) -> list[dict]:
    """Run one tuner until its budget of epochs is spent."""
    plan = _plan(options, tuner, seed)
    spent, rows = 0, []

    def run_one(number: int, values: dict) -> records.Trial:
        nonlocal spent
        trial = _run_known(plan, number, values, known, run_task)
        spent += max(1, sum(trial.epochs))  # a failed trial has cost something too
        if trial.is_ok and spent <= budget:
            before = rows[-1]["best"] if rows else trial.score
            better = records.is_better(trial.score, before, plan.settings.direction)
            found = (spent, trial.score, trial.score if better else before)
            row = dict(zip(("epochs", "score", "best"), found, strict=True))
            rows.append({"tuner": tuner, "seed": seed, "trial": number, **row})
        return trial

    def is_over() -> str | None:
        return "budget spent" if spent >= budget else None

    with workers.runner(None, {}) as run_task:
        reason = loop.run_in_turn(plan.make_oracle(), [], run_one, is_over)
    if reason == loop.INTERRUPTED:
        raise KeyboardInterrupt
    return rows


def _run_known(plan: plans.Plan, number: int, values: dict, known: dict, run) -> records.Trial:
    point = {k: v for k, v in values.items() if not k.startswith("tuner/") or k == "tuner/epochs"}
    point.setdefault("tuner/epochs", plan.max_epochs)
    key = json.dumps(point, sort_keys=True)
    if key not in known:
        known[key], _ = run(plan.make_task(number, values))
        if number == 0 and not known[key].is_ok:
            raise InputError(f"trial 0, the recipe's defaults, failed: {known[key].error}")
    return dataclasses.replace(known[key], number=number)  # the other tuner had another


def find_curves(table: pd.DataFrame, direction: str, budget: int) -> dict[str, np.ndarray]:
    """Return each tuner's best score so far, over the epochs spent.

    Args:
        table: With tuner, seed, epochs and best.
        direction: "min" or "max".
        budget: In epochs; the reference has twice as many.

    Returns:
        For each tuner an array (seeds, STEPS) over budget * 2 epochs, in equal steps; NaN before
        the first trial ends, and beyond its own budget.
    """
    grid = np.linspace(0, 2 * budget, STEPS)
    curves = {}
    for tuner, own in table.groupby("tuner", sort=False):
        lines = []
        for _, one in own.groupby("seed"):
            place = np.searchsorted(one["epochs"].to_numpy(), grid, side="right") - 1
            line = np.where(place >= 0, one["best"].to_numpy()[np.maximum(place, 0)], np.nan)
            lines.append(np.where((grid <= budget) | (tuner == TWICE), line, np.nan))
        curves[tuner] = np.array(lines)
    return curves


def draw(path: pathlib.Path, plan: plans.Plan, curves: dict, budget: int) -> None:
    """Draw the best score so far of each tuner: mean over seeds, and one standard deviation."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    colours = [plots.BLUE, plots.ORANGE, plots.GREEN, plots.VERMILION]
    grid = np.linspace(0, 2 * budget, STEPS)
    shown = []
    for number, (tuner, lines) in enumerate(curves.items()):
        style = ("0.4", "--") if tuner == TWICE else (colours[number], "-")
        _draw_tuner(axes, number, tuner, grid, lines, style)
        mean, std = lines.mean(axis=0), lines.std(axis=0)
        with_bars = np.array([mean - std, mean + std])
        # The first trials are far from the rest: the scale is that of what comes then.
        later = with_bars[:, grid > 0.15 * budget]
        shown += list(later[~np.isnan(later)])
    if shown:
        margin = 0.05 * (max(shown) - min(shown)) or 1e-3
        axes.set_ylim(min(shown) - margin, max(shown) + margin)
    axes.axvline(budget, color="0.8", linewidth=1)
    axes.set_xlabel("epochs spent")
    axes.set_ylabel(f"best val_{plan.settings.monitor} so far")
    axes.set_title(f"{contract.name_of(plan.recipe)}: mean and standard deviation over seeds")
    axes.legend()
    figure.savefig(path, dpi=110)


def _draw_tuner(axes, number: int, tuner: str, grid, lines, style: tuple[str, str]) -> None:
    started = ~np.isnan(lines).any(axis=0)
    mean, std = lines.mean(axis=0), lines.std(axis=0)
    colour, linestyle = style
    axes.step(grid[started], mean[started], linestyle, where="post", color=colour, label=tuner)
    # A bar here and there, beside those of the others: areas would hide each other.
    places = np.arange(BARS_EVERY // 2 + BAR_GAP * number, STEPS, BARS_EVERY)
    places = places[started[places]]
    bars = (grid[places], mean[places], std[places])
    axes.errorbar(*bars, fmt="none", ecolor=colour, elinewidth=1, capsize=3)


def _describe(options: Comparison, budget: int, table: pd.DataFrame) -> dict:
    return {
        "options": runs.plain(dataclasses.asdict(options)),
        "budget_epochs": budget,
        "best": {
            tuner: [float(one["best"].iloc[-1]) for _, one in own.groupby("seed")]
            for tuner, own in table.groupby("tuner", sort=False)
        },
        "machine": runs.describe_machine(),
    }


def _print(plan: plans.Plan, table: pd.DataFrame, budget: int, folder: pathlib.Path) -> None:
    shown = Table(title=f"best val_{plan.settings.monitor} within {budget:,} epochs")
    for column in ("tuner", "mean", "std over seeds", "trials"):
        shown.add_column(column, justify="left" if column == "tuner" else "right")
    ends = table.groupby(["tuner", "seed"], sort=False).agg(
        best=("best", "last"), n=("best", "size")
    )
    for tuner, own in ends.groupby("tuner", sort=False):
        std = own["best"].std(ddof=0)
        cells = (f"{own['best'].mean():.4f}", f"{std:.4f}", f"{own['n'].mean():.1f}")
        shown.add_row(tuner, *cells)
    terminal.print_table(shown)
    print(f"Everything is in {folder}: comparison.csv, comparison.png")
