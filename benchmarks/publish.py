"""Write the results on record into README's table and the recipes' docstrings.

Run: python -m benchmarks.publish
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from keras_recipes import catalog
from keras_recipes.console import files
from keras_recipes.errors import InputError
from keras_recipes.runs import scoring

MARKS = ("<!-- results -->", "<!-- /results -->")
OF_ANY_TABLE = "tabular"  # its record holds a result for each table, by benchmarks.tables


def record(name: str) -> dict | None:
    """Load a recipe's result record, or None where it has not been measured."""
    path = catalog.folder() / "results" / f"{name}.json"
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not a result record ({error}); measure again") from error


def describe_result(name: str) -> str:
    """Describe a recipe's measured result: metric, mean ± std, protocol, seconds, machine."""
    if name == OF_ANY_TABLE:
        return _describe_tables(record("tables") or {})
    found = record(name)
    if found is None:
        return "not measured"
    scores = found["test"][found["headline"]]
    seconds, cores = found["train_seconds"]["mean"], found["machine"]["cores"]
    return (
        f"{_metric(found)} {_figure(scores)} ({found['protocol']}), "
        f"{seconds:.{0 if seconds >= 10 else 1}f} s on {cores} cores"
    )


def _describe_tables(parts: dict) -> str:
    """Describe in a few words what the recipe for any table has reached on some."""
    shown = []
    for name, found in parts.items():
        if "scores" in found:  # others tell of time and memory
            score = found["scores"]["network"]
            digits = 0 if score["mean"] >= 1000 else 3
            mean, std = (f"{score[one]:.{digits}f}" for one in ("mean", "std"))
            seconds = found["seconds_of_a_training"]["median"]
            cores = found["machine"]["cores"]
            shown.append(f"{name} {found['metric']} {mean} ± {std}, {seconds:.0f} s")
    return f"{'; '.join(shown)}, on {cores} cores" if shown else "not measured"


def readme_table() -> str:
    """Write README's table of results from all records."""
    head = (
        "| recipe | test score | others on the same rows | published | measured | parameters "
        "| seconds |\n|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(readme_row(name) for name in catalog.recipe_names() if record(name))])


def publish() -> None:
    """Write the results on record into README's table and into the recipes' docstrings."""
    for name in catalog.recipe_names():
        path = catalog.folder() / f"{name}.py"
        source = path.read_text(encoding="utf-8")
        line = f"Result: {describe_result(name)}"
        files.write_text(path, re.sub(r"^Result: .*$", line, source, count=1, flags=re.MULTILINE))
    path = catalog.folder().parent / "README.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    table = readme_table()
    files.write_text(path, f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}")


def readme_row(name: str) -> str:
    """Write a recipe's row of README's table of results from its record."""
    found = record(name)
    if found is None:
        raise InputError(f"{name}: not measured; python -m benchmarks.recipes {name}")
    headline = found["headline"]
    cells = (
        f"[`{name}`](recipes/{name}.py)",
        f"{_metric(found)} **{_figure(found['test'][headline])}**",
        "<br>".join(_others(found)),
        catalog.read(name).published,
        found["protocol"],
        f"{found['parameters']:,}",
        f"{found['train_seconds']['mean']:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _others(found: dict) -> Iterator[str]:
    """Describe what other models reached, and where the network is tied with them, or worse."""
    for key, scores in {**found["baselines"], **found.get("peers", {})}.items():
        verdict = found.get("better_than", {}).get(key, {}).get("verdict", "better")
        said = "" if verdict == "better" else f" ({verdict})"
        yield f"{key.replace('_', ' ')} {_figure(scores[found['headline']])}{said}"


def _metric(found: dict) -> str:
    """Name the headline metric; the accuracy of several labels is one too."""
    return found["headline"].removeprefix("binary_")


def _figure(scores: dict) -> str:
    return scoring.with_spread(scores["mean"], scores["std"])


if __name__ == "__main__":
    publish()
