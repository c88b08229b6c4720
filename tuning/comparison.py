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
from rich.console import Console
from rich.table import Table

from recipes.common import files, pictures, runs, training
from recipes.common.errors import InputError
from tuning import engine, plans, records, report, trials
from tuning.options import Comparison, Options

TWICE = "random, twice the budget"
# More trials than any budget of epochs allows: the budget ends the search.
NO_LIMIT = 10**9
STEPS = 201  # an odd number, so that the budget itself is among them


def compare(recipe, **options: object) -> pd.DataFrame:
    """Compare tuners on a recipe.

    Args:
        recipe: Name, path of a .py file, or module.
        **options: As on the command line: tuners, trials, seeds, epochs, objective, data, data_dir,
            out, quiet.

    Returns:
        One row for each trial: tuner, seed, trial, epochs (spent so far), score, best (so far).
    """
    from tuning import recipe_files

    for name in ("out", "data_dir"):
        if options.get(name) is not None:
            options[name] = pathlib.Path(options[name])
    return run(Comparison(recipe_files.refer(recipe), **options))


def run(options: Comparison) -> pd.DataFrame:
    """Run a comparison, print it and write it into a folder.

    Raises:
        InputError: If an option cannot work.
    """
    first = _plan(options, "random", 0)
    name = runs.name_of(first.recipe)
    folder = options.out or files.next_folder(pathlib.Path("searches"), f"{name}-comparison")
    budget = options.trials * first.max_epochs
    training.prepare(
        first.recipe, first.defaults, trials.load_data(first.settings.recipe, first.defaults)
    )
    with files.whole_folder(folder) as partial:
        table = _run_all(options, budget)
        curves = find_curves(table, first.settings.direction, budget)
        with files.faults_named(folder):
            table.to_csv(partial / "comparison.csv", index=False)
            draw(partial / "comparison.png", first, curves, budget)
            files.write_json(partial / "comparison.json", _describe(options, budget, table))
    _print(first, table, budget, folder)
    return table


def _plan(options: Comparison, tuner: str, seed: int) -> plans.Plan:
    plan = plans.begin(
        Options(
            options.recipe,
            tuner=tuner,
            trials=options.trials,
            epochs=options.epochs,
            objective=options.objective,
            seed=seed,
            data=options.data,
            data_dir=options.data_dir,
            yes=True,
        )
    )
    # The budget is in epochs: it, not a number of trials, is what Hyperband's brackets fill.
    brackets = {"bracket_trials": NO_LIMIT} if tuner == "hyperband" else {}
    settings = dataclasses.replace(plan.settings, trials=NO_LIMIT, **brackets)
    return dataclasses.replace(plan, settings=settings)


def _run_all(options: Comparison, budget: int) -> pd.DataFrame:
    # Random search runs once, with twice the budget; its first half is that of the one budget.
    tuners = dict.fromkeys([*options.tuner_names, "random"])
    rows, reference = [], []
    for seed in range(options.seeds):
        known: dict[str, records.Trial] = {}  # a point that two tuners propose is trained once
        for tuner in tuners:
            start = time.monotonic()
            own = _run_one(options, tuner, seed, budget * (1 + (tuner == "random")), known)
            if tuner == "random":
                reference += [{**row, "tuner": TWICE} for row in own]
                own = [row for row in own if row["epochs"] <= budget]
            if tuner in options.tuner_names:
                rows += own
            if not options.quiet:
                best = f"best {own[-1]['best']:.4g}" if own else "no trial within the budget"
                took = report.format_seconds(time.monotonic() - start)
                print(f"seed {seed} {tuner}: {len(own)} trials, {best} · {took}", flush=True)
    return pd.DataFrame(rows + reference)


def _run_one(options, tuner: str, seed: int, budget: int, known: dict) -> list[dict]:
    """Run one tuner until its budget of epochs is spent."""
    plan = _plan(options, tuner, seed)
    spent, rows = 0, []

    def run_one(number: int, values: dict) -> records.Trial:
        nonlocal spent
        trial = _run_known(plan, number, values, known)
        spent += sum(trial.epochs)
        if trial.is_ok and spent <= budget:
            before = rows[-1]["best"] if rows else trial.score
            better = records.is_better(trial.score, before, plan.settings.direction)
            found = (spent, trial.score, trial.score if better else before)
            row = dict(zip(("epochs", "score", "best"), found, strict=True))
            rows.append({"tuner": tuner, "seed": seed, "trial": number, **row})
        return trial

    def is_over() -> str | None:
        return "budget spent" if spent >= budget else None

    if engine.run_trials(plan.make_oracle(), [], run_one, is_over) == engine.INTERRUPTED:
        raise KeyboardInterrupt
    return rows


def _run_known(plan: plans.Plan, number: int, values: dict, known: dict) -> records.Trial:
    point = {k: v for k, v in values.items() if not k.startswith("tuner/") or k == "tuner/epochs"}
    point.setdefault("tuner/epochs", plan.max_epochs)
    key = json.dumps(point, sort_keys=True)
    if key not in known:
        known[key], _ = trials.run(plan.make_task(number, values))
        if number == 0 and not known[key].is_ok:
            raise InputError(f"trial 0, the recipe's defaults, failed: {known[key].error}")
    return known[key]


def find_curves(table: pd.DataFrame, direction: str, budget: int) -> dict[str, np.ndarray]:
    """Give each tuner's best score so far, over the epochs spent.

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
    colours = (pictures.BLUE, pictures.ORANGE, pictures.GREEN, pictures.VERMILION)
    grid = np.linspace(0, 2 * budget, STEPS)
    styled = dict(zip((tuner for tuner in curves if tuner != TWICE), colours, strict=False))
    shown = []
    for tuner, lines in curves.items():
        started = ~np.isnan(lines).any(axis=0)
        mean, std = lines[:, started].mean(axis=0), lines[:, started].std(axis=0)
        colour = styled.get(tuner, "0.4")
        style = "--" if tuner == TWICE else "-"
        axes.step(grid[started], mean, style, where="post", color=colour, label=tuner)
        axes.fill_between(
            grid[started], mean - std, mean + std, step="post", color=colour, alpha=0.12
        )
        shown += list(mean[len(mean) // 20 :])  # the first trials are far from the rest
    margin = 0.15 * (max(shown) - min(shown)) or 1e-3
    axes.set_ylim(min(shown) - margin, max(shown) + margin)
    axes.axvline(budget, color="0.8", linewidth=1)
    axes.set_xlabel("epochs spent")
    axes.set_ylabel(f"best val_{plan.settings.monitor} so far")
    axes.set_title(f"{runs.name_of(plan.recipe)}: mean and standard deviation over seeds")
    axes.legend()
    figure.savefig(path, dpi=110)


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
    console = Console(highlight=False, soft_wrap=True)
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
    console.print(shown)
    console.print(f"Everything is in {folder}: comparison.csv, comparison.png", markup=False)
