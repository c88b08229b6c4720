"""The list of recipes, read from their files without running them or loading TensorFlow."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import json
import pathlib
import re
from collections.abc import Iterator

from rich.table import Table

from recipes.common import files, terminal
from recipes.common.errors import InputError

MARKS = ("<!-- results -->", "<!-- /results -->")
FOLDER = pathlib.Path(__file__).resolve().parent.parent
OF_ANY_TABLE = "tabular"  # its record holds a result for each table, by benchmarks.tables


@dataclasses.dataclass(frozen=True)
class Entry:
    """A recipe as its docstring describes it."""

    name: str
    title: str
    problem: str
    data: str
    result: str
    published: str = ""


def recipe_names() -> list[str]:
    """Name every recipe: each public file in the folder `recipes`."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def describe_unknown(name: str) -> str:
    """Say that there is no such recipe, and which was meant."""
    near = difflib.get_close_matches(name, recipe_names(), n=1)
    meant = f"did you mean {near[0]}? There" if near else "there"
    return f"unknown recipe {name}: {meant} is {', '.join(recipe_names())}"


def read(name: str) -> Entry:
    """Read a recipe's entry off its docstring."""
    path = FOLDER / f"{name}.py"
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:  # somebody is at work on it
        place = f" (line {error.lineno})" if getattr(error, "lineno", None) else ""
        reason = getattr(error, "msg", None) or error
        return Entry(name, "", f"cannot be read: {reason}{place}", "", "")
    return parse(name, tree)


def parse(name: str, tree: ast.Module) -> Entry:
    """Read a recipe's entry off its source, parsed."""
    title, _, rest = (ast.get_docstring(tree) or "").partition("\n")
    lines = dict(line.partition(": ")[::2] for line in rest.splitlines() if ": " in line)
    words = ("Problem", "Data", "Result", "Published")
    return Entry(name, title, *(lines.get(word, "") for word in words))


def record(name: str) -> dict | None:
    """Load a recipe's result record, or None where it has not been measured."""
    path = FOLDER / "results" / f"{name}.json"
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not a result record ({error}); measure again") from error


def describe_result(name: str) -> str:
    """Say a recipe's measured result in a few words: metric, mean ± std, how, seconds, machine."""
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
    """Say in a few words what the recipe for any table has reached on some."""
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
    return "\n".join([head, *(readme_row(name) for name in recipe_names() if record(name))])


def publish() -> None:
    """Write the results on record into README's table and into the recipes' docstrings."""
    for name in recipe_names():
        path = FOLDER / f"{name}.py"
        source = path.read_text(encoding="utf-8")
        line = f"Result: {describe_result(name)}"
        files.write_text(path, re.sub(r"^Result: .*$", line, source, count=1, flags=re.MULTILINE))
    path = FOLDER.parent / "README.md"
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
        read(name).published,
        found["protocol"],
        f"{found['parameters']:,}",
        f"{found['train_seconds']['mean']:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _others(found: dict) -> Iterator[str]:
    """Say what other models reached, and where the network is level with them, or worse."""
    for key, scores in {**found["baselines"], **found.get("peers", {})}.items():
        verdict = found.get("better_than", {}).get(key, {}).get("verdict", "better")
        said = "" if verdict == "better" else f" ({verdict})"
        yield f"{key.replace('_', ' ')} {_figure(scores[found['headline']])}{said}"


def _metric(found: dict) -> str:
    """Name the headline metric; the accuracy of several labels is one too."""
    return found["headline"].removeprefix("binary_")


def _figure(scores: dict) -> str:
    return f"{scores['mean']:.4f} ± {scores['std']:.4f}"


def print_shelf() -> None:
    """Print every recipe with its problem, data and result."""
    table = Table(title="Recipes: python -m recipes.NAME runs one, --help shows its settings")
    for column in ("name", "problem", "data", "result"):
        table.add_column(column, overflow="fold")
    for name in recipe_names():
        entry = read(name)
        table.add_row(name, entry.problem, entry.data, entry.result)
    terminal.print_table(table)
