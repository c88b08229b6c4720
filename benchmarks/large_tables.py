"""A table with many rows: the time of the command, compared with training alone.

Used by `python -m benchmarks.tables --rows 1000000`. The command reads a synthetic table of 30
columns, trains one epoch, predicts, and fits the baselines. It is compared with one
epoch of the same network on the encoded matrix, without anything else.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

from keras_recipes import training
from keras_recipes.errors import RunError
from keras_recipes.features import parts
from keras_recipes.training import fused
from recipes import tabular

GOALS = {"ratio": 3, "memory_gb": 8, "preprocessing_ms_a_step": 0.5}
WORDS = (3, 5, 8, 20, 50, 100, 300, 1000)  # in each category


def draw(num_rows: int) -> pd.DataFrame:
    """Draw a table: 20 numbers, some missing, 8 categories, a boolean, a date; y to predict."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(num_rows, 20))
    words = [rng.integers(0, count, num_rows) for count in WORDS]
    y = 2 * numbers[:, 0] + np.sin(3 * numbers[:, 1]) + numbers[:, 2] * numbers[:, 3]
    y += sum(0.3 * (one % 3) for one in words) + 0.5 * rng.normal(size=num_rows)
    numbers[rng.random(numbers.shape) < 0.02] = np.nan
    days = pd.Timestamp("2018-01-01") + pd.to_timedelta(rng.integers(0, 2000, num_rows), unit="D")
    columns = {f"number_{place}": numbers[:, place].round(4) for place in range(20)}
    for place, one in enumerate(words):
        columns[f"word_{place}"] = np.char.add("word ", one.astype("str"))
    columns["is_new"] = np.where(rng.random(num_rows) < 0.3, "yes", "no")
    return pd.DataFrame({**columns, "day": days.strftime("%Y-%m-%d"), "y": y.round(4)})


def measure(num_rows: int) -> dict:
    """Time command and bare training on a synthetic table, each in a process of its own.

    Returns:
        Seconds of both, their ratio, what the command held in memory at most, and what encoding
        takes: in all, and for each step of a training by the defaults.
    """
    with tempfile.TemporaryDirectory() as folder:
        csv = pathlib.Path(folder) / "large.csv"
        draw(num_rows).to_csv(csv, index=False)
        whole = _run_command(csv, pathlib.Path(folder) / "run")
        print(f"command: {whole}", flush=True)
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            bare = pool.submit(_train_bare, csv).result()
    return {
        "rows": num_rows,
        "columns": 30,
        **whole,
        **bare,
        "ratio": round(whole["seconds"] / bare["bare_seconds"], 2),
        "goals": GOALS,
    }


def _run_command(csv: pathlib.Path, out: pathlib.Path) -> dict:
    """Run the recipe's command for one epoch."""
    told = [str(csv), "--target", "y", "--epochs", "1", "--out", str(out)]
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "recipes.tabular", *told])
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise RunError(f"recipes.tabular ended with exit code {os.waitstatus_to_exitcode(status)}")
    trained = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return {
        "seconds": round(seconds, 1),
        "train_seconds": trained["train_seconds"],
        "memory_gb": round(used.ru_maxrss / 2**20, 2),
    }


def _train_bare(csv: pathlib.Path) -> dict:
    """Train one epoch on rows that are encoded already; time the encoding by itself."""
    config = dataclasses.replace(tabular.Config(), csv=csv, target="y", epochs=1)
    splits = tabular.load_data(config)
    problem = tabular.problem(config, splits)
    model = tabular.build_model(config, splits)
    start = time.perf_counter()
    training.adapt(model, problem, splits.train)
    halves = parts.of(model)
    train, validation = (
        (halves.encode(split), halves.targets(problem, split.y))
        for split in (splits.train, splits.validation)
    )
    encoded = time.perf_counter()
    network = halves.trained(problem)
    settings = {"batch_size": config.batch_size, "validation_data": validation, "verbose": 0}
    fused.fit(network, *train, **settings)
    end = time.perf_counter()
    steps = -(-len(splits.train) // config.batch_size)
    steps *= (
        dataclasses.replace(config, epochs=tabular.Config.epochs).for_rows(len(splits.train)).epochs
    )
    return {
        "bare_seconds": round(end - encoded, 1),
        "preprocessing_seconds": round(encoded - start, 2),
        "steps_of_a_training": steps,
        "preprocessing_ms_a_step": round(1000 * (encoded - start) / steps, 3),
    }


def describe(result: dict) -> str:
    """Write the result as a Markdown table."""
    shown = {
        f"command, {result['rows']:,} rows": f"{result['seconds']} s",
        "bare matrix, one epoch": f"{result['bare_seconds']} s",
        "ratio": f"{result['ratio']} (goal {GOALS['ratio']})",
        "memory": f"{result['memory_gb']} GB (goal {GOALS['memory_gb']})",
        "preprocessing a step": f"{result['preprocessing_ms_a_step']} ms (goal "
        f"{GOALS['preprocessing_ms_a_step']})",
    }
    rows = (f"| {name} | {figure} |" for name, figure in shown.items())
    return "\n".join(["| work | measured |", "|---|---|", *rows])
