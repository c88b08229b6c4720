"""Compare searches with Keras Tuner: quality and speed of proposals, and trials per hour.

`proposals`: both Bayesian searches minimise known functions and a measured search space. `seconds`:
the time of a proposal after 100 trials of 6 hyperparameters, with one thread. `trials`: both run
the same random trials of breast_cancer, each in its own process, and their memory is measured.
Results that are not measured again stay in the record.

Run: python -m benchmarks.searches --record
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import itertools
import json
import math
import multiprocessing
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Annotated, Literal, get_args

import keras
import keras_tuner
import numpy as np

import tuning
from benchmarks import records
from keras_recipes import configs, training
from keras_recipes.console import command_line
from tuning.options import Options
from tuning.oracles import oracles, spaces
from tuning.spec import SearchSpec
from tuning.trials import trials

RECIPE = "breast_cancer"
OBJECTIVE = keras_tuner.Objective("val_loss", "min")
GOALS = {"proposal_seconds": 20, "trials_per_hour": 8, "memory_mb_per_trial": 1}
Part = Literal["trials", "seconds", "proposals"]
# The first trials load what all of them need: memory is watched from here on.
SETTLED = 15


@dataclasses.dataclass(frozen=True)
class Measure:
    """What to compare, and how often."""

    parts: Annotated[tuple[Part, ...], command_line.takes(positional=True)] = get_args(Part)
    """Comparisons to make."""
    seeds: configs.Count = 20
    """Searches of each function."""
    budgets: tuple[configs.Count, ...] = (30, 60)
    """Points that such a search may try."""
    trials: configs.Count = 60
    """Trials of breast_cancer."""
    epochs: configs.Count = 5
    """Epochs of a trial at most."""
    rounds: configs.Count = 3
    """Searches of breast_cancer by each, in alternation."""
    record: bool = False
    """Write recipes/results/searches.json."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def branin(point: dict) -> float:
    """Two dimensions, three minima (0.397887). Source: Dixon and Szegö 1978."""
    x, y = point["x"], point["y"]
    bend = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def _branin_space(hp) -> None:
    hp.Float("x", -5.0, 10.0)
    hp.Float("y", 0.0, 15.0)


_HARTMANN_SCALES = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN_CENTRES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(point: dict) -> float:
    """Six dimensions, six minima, the lowest of -3.32237. Source: Dixon and Szegö 1978."""
    x = np.array([point[f"x{number}"] for number in range(6)])
    distances = np.sum(_HARTMANN_SCALES * (x - _HARTMANN_CENTRES) ** 2, axis=1)
    return -float(np.array([1, 1.2, 3, 3.2]) @ np.exp(-distances))


def _hartmann_space(hp) -> None:
    for number in range(6):
        hp.Float(f"x{number}", 0.0, 1.0)


def mixed(point: dict) -> float:
    """Steps, classes and a learning rate, put together like the loss of a network.

    Each optimizer has its best rate, far above which it diverges; more capacity wants more dropout.
    """
    rates = {"sgd": -1.2, "momentum": -1.8, "rmsprop": -3.0, "adam": -2.7}
    costs = {"sgd": 0.15, "momentum": 0.06, "rmsprop": 0.03, "adam": 0.0}
    name, layers, normalised = point["optimizer"], point["layers"], point["normalise"]
    away = math.log10(point["learning_rate"]) - (
        rates[name] + 0.3 * normalised - 0.1 * (layers - 1)
    )
    capacity = math.log2(point["units"]) + 1.5 * layers
    return (
        (0.5 if away > 0 else 0.25) * away**2
        + 5 * max(0, away - 1.3)
        + costs[name]
        + 0.02 * (capacity - 9.5) ** 2
        + 0.6 * (point["dropout"] - 0.08 * (capacity - 7)) ** 2
        + 0.03 * layers * (not normalised)
    )


def _mixed_space(hp) -> None:
    hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-3)
    hp.Choice("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
    hp.Choice("units", [16, 32, 64, 128, 256], default=64)
    hp.Int("layers", 1, 4)
    hp.Float("dropout", 0.0, 0.5, step=0.1)
    hp.Boolean("normalise")


FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    "branin": (_branin_space, branin),
    "hartmann": (_hartmann_space, hartmann),
    "mixed": (_mixed_space, mixed),
}


def _measured() -> tuple[Callable, Callable]:
    """Train every point of breast_cancer's space once; searches then look the losses up."""
    spec = SearchSpec.begin(Options(recipe=RECIPE, epochs=30))
    with trials.light_collection():
        losses = {
            spaces.key(point): trials.run(trials.Job(spec, number, point))[0].score
            for number, point in enumerate(spaces.points(spec.space))
        }
    return spec.module.search_space, _Lookup(losses)


@dataclasses.dataclass(frozen=True)
class _Lookup:
    losses: dict[str, float]

    def __call__(self, point: dict) -> float:
        return self.losses[spaces.key(point)]


def _run_oracle(
    kind: str, function: tuple, seed: int, num_trials: int, num_initial: int | None = None
) -> tuple[list[float], list[float]]:
    """Minimise a function.

    Args:
        kind: "stock" or "ours".
        function: Search space and function.
        seed: Of the search.
        num_trials: Points to try.
        num_initial: Points before the first proposal; None leaves it to the oracle.

    Returns:
        The values of the function, and the seconds of each proposal.
    """
    declare, evaluate = function
    classes = {
        "stock": keras_tuner.oracles.BayesianOptimizationOracle,
        "ours": oracles.BayesianOracle,
    }
    told = {"max_trials": num_trials, "num_initial_points": num_initial}
    told["hyperparameters"] = spaces.explore(declare)
    oracle = classes[kind](objective=OBJECTIVE, seed=seed + 1, **told)  # Keras Tuner: 0 is no seed
    oracle.verbose = 0
    values, took = [], []
    with tempfile.TemporaryDirectory() as folder:
        oracle._set_project_dir(folder, "search")
        for _ in range(num_trials):
            start = time.perf_counter()
            trial = oracle.create_trial("only")
            took.append(time.perf_counter() - start)
            if trial.status != oracles.RUNNING:
                break
            values.append(evaluate(trial.hyperparameters.values))
            oracle.update_trial(trial.trial_id, {OBJECTIVE.name: values[-1]})
            trial.status = oracles.COMPLETED
            oracle.end_trial(trial)
    return values, took


def _best(task: tuple) -> float:
    kind, function, seed, budget = task
    return min(_run_oracle(kind, function, seed, budget)[0])


def measure_proposals(num_seeds: int, budgets: tuple[int, ...]) -> dict:
    """Compare the best values found."""
    functions = {**FUNCTIONS, RECIPE: _measured()}
    tasks = list(itertools.product(functions, budgets, ("stock", "ours"), range(num_seeds)))
    with _one_thread_each() as pool:
        jobs = [(kind, functions[name], seed, budget) for name, budget, kind, seed in tasks]
        found = dict(zip(tasks, _shown(pool.map(_best, jobs), len(jobs)), strict=True))
    best = {
        f"{name} {budget}": {
            kind: _summarise([found[name, budget, kind, seed] for seed in range(num_seeds)])
            for kind in ("stock", "ours")
        }
        for name in functions
        for budget in budgets
    }
    return {"seeds": num_seeds, "best": best}


def measure_seconds() -> dict:
    """Compare the seconds of a proposal."""
    with _one_thread_each(1) as pool:
        seconds = {kind: pool.submit(_time_proposals, kind).result() for kind in ("stock", "ours")}
    ratio = statistics.median(seconds["stock"]) / statistics.median(seconds["ours"])
    return {
        **{kind: _summarise(took) for kind, took in seconds.items()},
        "ratio": round(ratio, 1),
        "goal": GOALS["proposal_seconds"],
    }


def _one_thread_each(num_workers: int | None = None) -> concurrent.futures.Executor:
    """Return processes of one thread: what a proposal computes is small."""
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(num_workers, mp_context=context)


def _time_proposals(kind: str) -> list[float]:
    """Time 10 proposals after 100 random points of 6 hyperparameters; the first is not counted."""
    _, took = _run_oracle(kind, FUNCTIONS["hartmann"], 0, 111, num_initial=100)
    return took[101:]


def _shown(results, total: int):
    for number, result in enumerate(results, start=1):
        if number % 20 == 0 or number == total:
            print(f"proposals: {number} of {total} searches", flush=True)
        yield result


def _summarise(values: list[float]) -> dict:
    return {
        "median": round(statistics.median(values), 6),
        "mean": round(statistics.fmean(values), 6),
        "least": round(min(values), 6),
        "most": round(max(values), 6),
    }


class _ListedOracle(keras_tuner.oracles.RandomSearchOracle):
    """Keras Tuner's random search, made to try given points."""

    points: list[dict]

    def populate_space(self, trial_id):
        return {"status": oracles.RUNNING, "values": self.points[int(trial_id)]}


class _Watched(keras_tuner.Tuner):
    """Keras Tuner's tuner; it only counts epochs and notes what the process holds."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.epochs, self.memory = 0, []

    def on_epoch_end(self, trial, model, epoch, logs=None):
        super().on_epoch_end(trial, model, epoch, logs)
        self.epochs += 1

    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        self.memory.append(trials.resident_memory())


class _StockModel(keras_tuner.HyperModel):
    """The recipe as Keras Tuner's guides would have it."""

    def __init__(self, recipe, splits):
        super().__init__()
        self.recipe, self.data = recipe, splits

    def build(self, hp):
        model = self.recipe.build_model(self.recipe.search_space(hp), self.data)
        training.adapt(model, self.recipe.PROBLEM, self.data.train)
        return model

    def fit(self, hp, model, *arguments, **named):
        batch_size = self.recipe.search_space(hp).batch_size
        return model.fit(*arguments, batch_size=batch_size, **named)


def _run_ours(num_trials: int, epochs: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "search"
        told = {"tuner": "random", "trials": num_trials, "epochs": epochs}
        table = tuning.search(RECIPE, out=out, quiet=True, **told).trials
        files_of_trials = sorted((out / "trials").iterdir())
        points = [json.loads(file.read_text())["values"] for file in files_of_trials]
        seconds = files_of_trials[-1].stat().st_mtime - (out / "search.json").stat().st_mtime
    return {
        "points": points,
        "seconds": seconds,
        "memory": table["memory_mb"].tolist(),
        "best": float(table["score"].min()),
        "epochs": int(table["epochs_run"].sum()),
    }


def _run_stock(points: list[dict], epochs: int) -> dict:
    spec = SearchSpec.begin(Options(recipe=RECIPE, epochs=epochs))
    splits = spec.data
    train, validation = (
        (np.asarray(part.x, "float32"), spec.problem.labels(part.y))
        for part in (splits.train, splits.validation)
    )
    stopping = keras.callbacks.EarlyStopping(
        OBJECTIVE.name, patience=spec.defaults.patience, restore_best_weights=True
    )
    told = {"validation_data": validation, "epochs": epochs, "callbacks": [stopping]}
    with tempfile.TemporaryDirectory() as folder:
        oracle = _ListedOracle(objective=OBJECTIVE, max_trials=len(points), seed=1)
        oracle.points, oracle.verbose = points, 0
        model = _StockModel(spec.module, splits)
        tuner = _Watched(oracle=oracle, hypermodel=model, directory=folder)
        start = time.perf_counter()
        tuner.search(*train, verbose=0, **told)
        seconds = time.perf_counter() - start
        best = oracle.get_best_trials()[0].score
    return {"seconds": seconds, "memory": tuner.memory, "best": best, "epochs": tuner.epochs}


def measure_trials(num_trials: int, epochs: int, rounds: int) -> dict:
    """Compare trials per hour and the growth of memory, on the same random points."""
    context = multiprocessing.get_context("spawn")
    results = {"ours": [], "stock": []}
    for kind, run in [("ours", _run_ours), ("stock", _run_stock)] * rounds:
        told = num_trials if kind == "ours" else results["ours"][0]["points"]
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            results[kind].append(pool.submit(run, told, epochs).result())
        print(f"trials: {kind} took {results[kind][-1]['seconds']:.0f} s", flush=True)
    ratios = [
        stock["seconds"] / ours["seconds"]
        for stock, ours in zip(results["stock"], results["ours"], strict=True)
    ]
    return {
        "trials": num_trials,
        "epochs": epochs,
        **{kind: _describe(of_kind, num_trials) for kind, of_kind in results.items()},
        "ratio": round(statistics.median(ratios), 1),
        "ratios": [round(ratio, 1) for ratio in ratios],
        "goal": GOALS["trials_per_hour"],
        "memory_goal": GOALS["memory_mb_per_trial"],
    }


def _describe(results: list[dict], num_trials: int) -> dict:
    seconds = statistics.median(result["seconds"] for result in results)
    return {
        "seconds": round(seconds, 2),
        "trials_per_hour": round(3600 * num_trials / seconds),
        "epochs": results[0]["epochs"],
        "best_val_loss": round(results[0]["best"], 6),
        "memory_mb_per_trial": round(statistics.median(map(_growth, results)), 3),
        "memory_mb_at_end": results[0]["memory"][-1],
    }


def _growth(result: dict) -> float:
    """Megabytes a trial, by a line through what the process held once it had settled."""
    settled = result["memory"][min(SETTLED, len(result["memory"]) // 2) :]
    return float(np.polyfit(range(len(settled)), settled, 1)[0]) if len(settled) > 1 else 0.0


def table(results: dict) -> str:
    """Write the results as Markdown tables."""
    lines = []
    if found := results.get("proposals"):
        lines += ["| function, points | stock, mean (median) | ours |", "|---|---|---|"]
        for name, best in found["best"].items():
            cells = (f"{best[k]['mean']:.4f} ({best[k]['median']:.4f})" for k in ("stock", "ours"))
            lines.append(f"| {name} | {' | '.join(cells)} |")
    if found := results.get("seconds"):
        stock, ours = (found[kind]["median"] for kind in ("stock", "ours"))
        lines += ["", "| seconds of a proposal | stock | ours |", "|---|---|---|"]
        lines.append(f"| after 100 trials | {stock:.3f} | {ours:.4f} |")
        lines.append(f"| ratio | | **{found['ratio']}** (goal {found['goal']}) |")
    if found := results.get("trials"):
        lines += [
            "",
            f"| {RECIPE}, {found['trials']} trials of {found['epochs']} epochs | stock | ours |",
            "|---|---|---|",
        ]
        for name in found["ours"]:
            lines.append(f"| {name} | {found['stock'][name]} | {found['ours'][name]} |")
        lines.append(f"| ratio | | **{found['ratio']}** (goal {found['goal']}) |")
    return "\n".join(lines)


def main() -> None:
    """Compare what is named, print the tables, and write the record where asked."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.searches", __doc__, compare=Measure)
        measures = {
            "trials": lambda: measure_trials(wanted.trials, wanted.epochs, wanted.rounds),
            "seconds": measure_seconds,
            "proposals": lambda: measure_proposals(wanted.seeds, wanted.budgets),
        }
        results = {part: measures[part]() for part in get_args(Part) if part in wanted.parts}
        print(table(results))
        if wanted.record:
            records.write_parts(results)


if __name__ == "__main__":
    main()
