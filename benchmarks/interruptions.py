"""Kill searches with SIGKILL at random times, resume them, and compare with uninterrupted ones.

Each search runs in its own process, which is killed and restarted the given number of times. If a
search ends before that, another one starts. In the end, a search must have the same trials.csv as
an uninterrupted search, except for times and memory.

Run: python -m benchmarks.interruptions --recipes breast_cancer diabetes fmnist --kills 20 --record
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import get_args

import numpy as np
import pandas as pd

from benchmarks import records
from keras_recipes import catalog, configs
from keras_recipes.console import command_line
from keras_recipes.errors import RunError
from tuning.options import TunerName

TIMINGS = ["seconds", "memory_mb"]


@dataclasses.dataclass(frozen=True)
class Measure:
    """What to kill, and how often."""

    recipes: tuple[str, ...] = ("breast_cancer", "diabetes")
    """Recipes to search."""
    tuners: tuple[TunerName, ...] = get_args(TunerName)
    """Tuners to search with."""
    kills: configs.Count = 20
    """Kills for each recipe and tuner."""
    trials: configs.Count = 12
    """Trials of a search."""
    epochs: configs.Count = 9
    """Epochs of a training at most."""
    seed: configs.Seed = 0
    """Of the searches and of the moments."""
    record: bool = False
    """Write recipes/results/interruptions.json."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def measure(recipe: str, tuner: str, *, kills: int, seed: int, **told: int) -> dict:
    """Kill searches of a recipe.

    Args:
        recipe: Name of a recipe, or the path of its file.
        tuner: Of the searches.
        kills: How often, in all.
        seed: Of the searches and of the moments.
        **told: Further flags of the searches: trials, epochs.

    Returns:
        Counts of kills and searches, whether all tables were the same, and what differed.
    """
    flags = [f"--{name}={value}" for name, value in {"seed": seed, **told}.items()]
    begin = [recipe, f"--tuner={tuner}", *flags, "--quiet"]
    generator = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / "whole"
        start = time.monotonic()
        _finish([*begin, f"--out={whole}"])
        # A process needs half of its time, or less, to load what it needs; the rest is spread so
        # that the kills meet all of the search.
        longest = (time.monotonic() - start) * (0.5 + 1 / kills)
        done, differences, number = 0, [], 0
        while done < kills:
            killed = pathlib.Path(folder) / f"killed-{number}"
            done += _kill(begin, killed, kills - done, lambda: generator.uniform(0.5, longest))
            number += 1
            differences += find_differences(whole / "trials.csv", killed / "trials.csv")
    return {"kills": done, "searches": number, "same": not differences, "differences": differences}


def _kill(begin: list[str], folder: pathlib.Path, kills: int, draw_delay) -> int:
    """Kill one search again and again, then let it end; give the number of kills."""
    done = 0
    while done < kills:
        process = _start(_arguments(begin, folder))
        try:
            process.communicate(timeout=draw_delay())
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            done += 1
    _finish(_arguments(begin, folder))
    return done


def _arguments(begin: list[str], folder: pathlib.Path) -> list[str]:
    """Resume where there is a search; begin where the process was killed before there was one."""
    if (folder / "search.json").is_file():
        return [f"--resume={folder}", "--quiet"]
    shutil.rmtree(folder.with_name(folder.name + ".partial"), ignore_errors=True)
    return [*begin, f"--out={folder}"]


def _start(arguments: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tuning", *arguments],
        env={**os.environ, "PYTHONPATH": str(catalog.folder().parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(arguments: list[str]) -> None:
    process = _start(arguments)
    _, errors = process.communicate()
    if process.returncode:
        raise RunError(f"python -m tuning {' '.join(arguments)} failed: {errors.strip()}")


def find_differences(whole: pathlib.Path, killed: pathlib.Path) -> list[str]:
    """Name the columns of two tables of trials that differ, timings aside."""
    one, other = (pd.read_csv(path).drop(columns=TIMINGS) for path in (whole, killed))
    if len(one) != len(other) or list(one) != list(other):
        return [f"{len(one)} trials with {list(one)}, then {len(other)} with {list(other)}"]
    return [name for name in one if not one[name].equals(other[name])]


def table(results: dict[str, dict]) -> str:
    """Write the results as a Markdown table."""
    lines = ["| recipe | tuner | kills | searches | same trials.csv |", "|---|---|---|---|---|"]
    for name, result in results.items():
        recipe, tuner = name.split()
        same = "yes" if result["same"] else f"NO: {'; '.join(result['differences'])}"
        lines.append(f"| {recipe} | {tuner} | {result['kills']} | {result['searches']} | {same} |")
    return "\n".join(lines)


def main() -> None:
    """Kill what is named, print the table, and write the record where asked."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.interruptions", __doc__, kill=Measure)
        results = {}
        for recipe in wanted.recipes:
            for tuner in wanted.tuners:
                told = {"trials": wanted.trials, "epochs": wanted.epochs}
                result = measure(recipe, tuner, kills=wanted.kills, seed=wanted.seed, **told)
                results[f"{recipe} {tuner}"] = result
                print(f"{recipe} {tuner}: {result}", flush=True)
        print(table(results))
        if wanted.record:
            settings = {"trials": wanted.trials, "epochs": wanted.epochs, "seed": wanted.seed}
            records.write_parts({name: {**settings, **found} for name, found in results.items()})


if __name__ == "__main__":
    main()
