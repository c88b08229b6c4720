"""Entries of every benchmark record: the command, the machine, the date."""

from __future__ import annotations

import json
import pathlib
import statistics
import sys
import time

from keras_recipes import catalog
from keras_recipes.console import files
from keras_recipes.errors import InputError


def write(figures: dict, source_kind: str = "real") -> None:
    """Write the record of the benchmark that runs: recipes/results, named like its module.

    Args:
        figures: What was measured.
        source_kind: As in `datasets.splits.Source`; nothing is recorded of built-in data.

    Raises:
        InputError: If the data are built-in.
    """
    check_real(source_kind)
    files.write_json(_file(), {"command": _command(), **figures, **origin()})


def write_parts(parts: dict[str, dict]) -> None:
    """Write parts of a record, each with its command, machine and date; the others stay."""
    file = _file()
    earlier = json.loads(file.read_text()) if file.exists() else {}
    told = {"command": _command(), **origin()}
    measured = {name: {**told, **figures} for name, figures in parts.items()}
    files.write_json(file, {**earlier, **measured})


def _file() -> pathlib.Path:
    return catalog.folder() / "results" / f"{pathlib.Path(sys.argv[0]).stem}.json"


def _command() -> str:
    """Return the command that runs, without the folders of a file that it reads."""
    name = pathlib.Path(sys.argv[0]).stem
    words = (pathlib.Path(word).name if "/" in word else word for word in sys.argv[1:])
    return " ".join([f"python -m benchmarks.{name}", *words])


def check_real(source_kind: str, subject: str = "") -> None:
    """Refuse to record what was measured on built-in data; `subject` begins the message."""
    if source_kind != "real":
        raise InputError(f"{subject}the real data were not found; no record is written")


def origin() -> dict:
    """Return the machine and the date."""
    from keras_recipes.runs import run as runs  # TensorFlow loads here

    return {"machine": runs.describe_machine(), "date": time.strftime("%Y-%m-%d")}


def mean_and_std(values: list[float]) -> dict:
    """Return mean, standard deviation, and each value."""
    return {
        "mean": round(statistics.fmean(values), 6),
        "std": round(statistics.stdev(values), 6) if len(values) > 1 else 0.0,
        "each": [round(value, 6) for value in values],
    }


def median_and_range(values: list[float]) -> dict:
    """Return median, least, most, and each value."""
    return {
        "median": round(statistics.median(values), 6),
        "least": round(min(values), 6),
        "most": round(max(values), 6),
        "each": [round(value, 6) for value in values],
    }
