"""Compare tuners with the same budget of epochs, and random search with twice the budget.

Published comparisons find that random search with twice the budget often does as well as a cleverer
tuner (Li et al. 2018, JMLR 18, section 4): a tuner that does not beat it is not worth using.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
import types
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table

from keras_recipes import catalog, configs, errors, training
from keras_recipes.console import files, interrupts, terminal
from keras_recipes.errors import InputError
from keras_recipes.runs import plots, run as runs, scoring, summary
from tuning import loop
from tuning.options import Comparison, kept_table
from tuning.report import report
from tuning.spec import SearchSpec
from tuning.trials import records, trials
from tuning.workers import workers

TWICE = "random, twice the budget"
# More trials than any budget of epochs allows: the budget ends the search.
NO_LIMIT = 10**9
NUM_STEPS = 201  # an odd number, so that the budget itself is among them
BARS_EVERY, BAR_GAP = 25, 3  # in steps


def compare(recipe: str | pathlib.Path | types.ModuleType, **options: Any) -> pd.DataFrame:
    """Compare tuners on a recipe.

    Args:
        recipe: Name, path of a .py file, or module.
        **options: As on the command line: tuners, trials, seeds, epochs, objective, data, data_dir,
            out, quiet, and for tabular csv, target and what else is told about a table.

    Returns:
        One row for each trial: tuner, seed, trial, epochs (spent so far), score, best (so far).

    Raises:
        InputError: If an option cannot work.
    """
    with errors.for_python():
        known = [field.name for field in dataclasses.fields(Comparison) if field.name != "recipe"]
        configs.check_names(options, known, "tuning.compare")
        csv = kept_table(options.get("csv"), options.get("out"))
        return run(Comparison(recipe=catalog.refer(recipe), **{**options, "csv": csv}))


def run(options: Comparison) -> pd.DataFrame:
    """Run a comparison, print it and write it into a folder. Ctrl-C keeps the seeds that ended.

    Raises:
        InputError: If an option cannot work.
    """
    first = _make_spec(options, "random", 0)
    folder = options.out or files.next_folder(pathlib.Path("searches"), f"{first.name}-comparison")
    budget = options.trials * first.defaults.epochs
    training.prepare(first.module, first.defaults, first.data)
    with files.whole_folder(folder) as partial:
        table = _run_all(options, budget)
        ends = table.groupby(["tuner", "seed"], sort=False)["best"].agg(["last", "size"])
        record = {
            "options": runs.plain(dataclasses.asdict(options)),
            "budget_epochs": budget,
            "best": ends.groupby("tuner", sort=False)["last"].agg(list).to_dict(),
            "machine": runs.describe_machine(),
        }
        held_back = interrupts.held_back(f"writing {folder}; Ctrl-C again gives it up")
        with files.faults_named(folder), held_back:
            table.to_csv(partial / "comparison.csv", index=False)
            draw(partial / "comparison.png", first, find_curves(table, budget), budget)
            files.write_json(partial / "comparison.json", record)
    _print(first, ends, budget, folder)
    return table


def _make_spec(options: Comparison, tuner: str, seed: int) -> SearchSpec:
    # The budget is in epochs: it, not a number of trials, is what Hyperband's brackets fill.
    return SearchSpec(
        recipe=catalog.refer(options.recipe),
        tuner=tuner,
        trials=NO_LIMIT,
        planned_trials=NO_LIMIT if tuner == "hyperband" else options.trials,
        fixed=options.fixed(seed),
        engine=options.engine or "fused",
    ).for_objective(options.objective)


def is_complete(table: pd.DataFrame, options: Comparison) -> bool:
    """Return whether every seed was run: not after Ctrl-C."""
    return table["seed"].nunique() == options.seeds


def _run_all(options: Comparison, budget: int) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        try:
            rows += _run_seed(options, seed, budget)
        except KeyboardInterrupt:
            if not rows:
                raise
            print(f"\nstopped by Ctrl-C: {seed} of {options.seeds} seeds are complete", flush=True)
            break
    return pd.DataFrame(rows)


def _run_seed(options: Comparison, seed: int, budget: int) -> list[dict[str, Any]]:
    # Random search runs once, with twice the budget; its first half is that of the one budget.
    tuners = dict.fromkeys([*options.tuner_names, "random"])
    rows, reference = [], []
    known: dict[str, records.Trial] = {}  # a point that two tuners propose is trained once
    for tuner in tuners:
        start = time.monotonic()
        spec = _make_spec(options, tuner, seed)
        own = _run_one(spec, budget * (1 + (tuner == "random")), known)
        if tuner == "random":
            reference = [{**row, "tuner": TWICE} for row in own]
            own = [row for row in own if row["epochs"] <= budget]
        if tuner in options.tuner_names:
            rows += own
        if not options.quiet:
            best = "no trial within the budget"
            if own:
                best = f"best {scoring.figure(own[-1]['best'])}"
            took = report.format_seconds(time.monotonic() - start)
            print(f"seed {seed} {tuner}: {len(own)} trials, {best} · {took}", flush=True)
    return rows + reference


def _run_one(
    spec: SearchSpec, budget: int, known: dict[str, records.Trial]
) -> list[dict[str, Any]]:
    """Run one tuner until its budget of epochs is spent.

    Args:
        spec: Of its search.
        budget: In epochs.
        known: Trials by their points, with the epochs of each; new ones are added.
    """
    spent = 0
    rows: list[dict[str, Any]] = []

    def run_one(job: trials.Job) -> workers.Result:
        nonlocal spent
        point = {n: v for n, v in job.values.items() if not n.startswith("tuner/")}
        point["tuner/epochs"] = job.values.get("tuner/epochs", spec.defaults.epochs)
        key = json.dumps(point, sort_keys=True)
        if key not in known:
            known[key], _ = trials.run(job)
            if job.number == 0 and not known[key].is_ok:
                raise InputError(f"trial 0, the recipe's defaults, failed: {known[key].error}")
        trial = dataclasses.replace(known[key], number=job.number)  # another tuner had another
        spent += max(1, sum(trial.epochs))  # a failed trial has cost something too
        if trial.is_ok and spent <= budget:
            best = trial.score
            if rows and not records.is_better(best, rows[-1]["best"], spec.direction):
                best = rows[-1]["best"]
            place = {"tuner": spec.tuner, "seed": spec.seed, "trial": job.number, "epochs": spent}
            rows.append({**place, "score": trial.score, "best": best})
        return trial, None

    runner = workers.Alone(run_one)
    with trials.light_collection():
        reason = loop.run_trials(
            spec.make_oracle(),
            [],
            lambda trial: runner.submit(trials.Job(spec, trial.number, trial.values)),
            runner.wait,
            lambda trial, model: None,
            is_over=lambda: "budget spent" if spent >= budget else None,
        )
    if reason == loop.INTERRUPTED:
        raise KeyboardInterrupt
    return rows


def find_curves(table: pd.DataFrame, budget: int) -> dict[str, np.ndarray]:
    """Return each tuner's best score so far, over the epochs spent.

    Args:
        table: With tuner, seed, epochs and best.
        budget: In epochs; the reference has twice as many.

    Returns:
        For each tuner an array (seeds, NUM_STEPS) over budget * 2 epochs in equal steps; NaN before
        the first trial ends, and beyond its own budget.
    """
    grid = np.linspace(0, 2 * budget, NUM_STEPS)
    curves = {}
    for tuner, own in table.groupby("tuner", sort=False):
        seeds = [one.set_index("epochs")["best"] for _, one in own.groupby("seed")]
        lines = np.array([best.reindex(grid, method="ffill") for best in seeds])
        curves[str(tuner)] = np.where((grid <= budget) | (tuner == TWICE), lines, np.nan)
    return curves


def draw(path: pathlib.Path, spec: SearchSpec, curves: dict[str, np.ndarray], budget: int) -> None:
    """Draw the best score so far of each tuner: mean over seeds, and one standard deviation."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    colours = [plots.BLUE, plots.ORANGE, plots.GREEN, plots.VERMILION]
    grid = np.linspace(0, 2 * budget, NUM_STEPS)
    shown: list[float] = []
    for number, (tuner, lines) in enumerate(curves.items()):
        colour, linestyle = ("0.4", "--") if tuner == TWICE else (colours[number], "-")
        mean, std = lines.mean(axis=0), lines.std(axis=0)
        began = ~np.isnan(mean)
        axes.step(grid[began], mean[began], linestyle, where="post", color=colour, label=tuner)
        # A bar here and there, beside those of the others: areas would hide each other.
        places = np.arange(BARS_EVERY // 2 + BAR_GAP * number, NUM_STEPS, BARS_EVERY)
        places = places[began[places]]
        bars = (grid[places], mean[places], std[places])
        axes.errorbar(*bars, fmt="none", ecolor=colour, elinewidth=1, capsize=3)
        # The first trials are far from the rest: the scale is that of what comes then.
        later = np.array([mean - std, mean + std])[:, grid > 0.15 * budget]
        shown += list(later[~np.isnan(later)])
    if shown:
        margin = 0.05 * (max(shown) - min(shown)) or 1e-3
        axes.set_ylim(min(shown) - margin, max(shown) + margin)
    axes.axvline(budget, color="0.8", linewidth=1)
    axes.set_xlabel("epochs spent")
    axes.set_ylabel(f"best {spec.objective} so far")
    axes.set_title(f"{spec.name}: mean and standard deviation over seeds")
    axes.legend()
    plots.save(figure, path, 110)


def _print(spec: SearchSpec, ends: pd.DataFrame, budget: int, folder: pathlib.Path) -> None:
    shown = Table(title=f"best {spec.objective} within {summary.count(budget, 'epoch')}")
    for column in ("tuner", "mean", "std over seeds", "trials", f"compared with {TWICE}"):
        shown.add_column(column, justify="left" if column == "tuner" else "right")
    sign = -1 if spec.direction == "min" else 1
    reference = ends.loc[TWICE, "last"] if TWICE in ends.index else None
    for tuner, own in ends.groupby("tuner", sort=False):
        scores, verdict = own["last"], ""
        if tuner != TWICE and reference is not None:  # seed by seed
            pairs = sign * (scores.droplevel("tuner") - reference).dropna()
            verdict = scoring.judge(pairs.to_numpy())["verdict"] if len(pairs) else ""
        cells = (scoring.figure(one) for one in (scores.mean(), scores.std(ddof=0)))
        shown.add_row(tuner, *cells, f"{own['size'].mean():.1f}", verdict)
    terminal.print_table(shown)
    print(f"Everything is in {folder}: comparison.csv, comparison.png")
