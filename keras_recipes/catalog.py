"""The list of recipes, read from their files without running them or loading TensorFlow."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import importlib
import importlib.util
import os
import pathlib
import re
import types
import typing

from rich.table import Table

from keras_recipes import configs, reading
from keras_recipes.console import source_files, terminal
from keras_recipes.errors import InputError

if typing.TYPE_CHECKING:  # Keras loads with it
    from keras_recipes.recipe import Recipe

PACKAGE = "recipes"
DATA_END = re.compile(r", |;| \(| pixels")  # of what the list of recipes shows
KINDS = ("binary", "multiclass", "multilabel", "regression")
# What can be called: the program, the folder that it needs, and what it does.
PROGRAMS = (
    ("recipes", "recipes", "list the recipes"),
    ("recipes.NAME", "", "train one; --help lists settings"),
    ("recipes.tabular FILE --target COL", "recipes/tabular.py", "train on your own table"),
    ("recipes.images FOLDER", "recipes/images.py", "train on your own images"),
    ("recipes --help", "", "predict, export, check, copy, …"),
    ("recipes.lessons", "recipes/lessons", "list the lessons"),
    ("tuning RECIPE", "", "search hyperparameters"),
    ("benchmarks", "benchmarks", "list the benchmarks"),
)
PARTS = ("Config", "load_data", "build_model", "search_space")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A recipe as its docstring describes it."""

    name: str
    title: str
    problem: str
    data: str
    result: str
    published: str = ""


@functools.cache
def folder() -> pathlib.Path:
    """Return the folder of the package `recipes`, as Python finds it from here.

    Raises:
        InputError: If there is none.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"no folder {PACKAGE} in {pathlib.Path.cwd()}; run this in the folder of the project "
            f"that holds {PACKAGE}"
        )
    return pathlib.Path(spec.submodule_search_locations[0]).resolve()


def recipe_names() -> list[str]:
    """Return the name of every recipe: each public file in the folder `recipes`."""
    return sorted(path.stem for path in folder().glob("*.py") if not path.stem.startswith("_"))


def describe_unknown(name: str) -> str:
    """Describe a name that no recipe has: which was meant, and which there are."""
    near = difflib.get_close_matches(name, recipe_names(), n=1)
    meant = f"did you mean {near[0]}? There" if near else "there"
    return f"unknown recipe {reading.shown(name)}: {meant} is {', '.join(recipe_names())}"


def read(name: str) -> Entry:
    """Read a recipe's entry off its docstring."""
    path = folder() / f"{name}.py"
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:  # somebody is at work on it
        place = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        reason = getattr(error, "msg", None) or error
        return Entry(name, "", f"cannot be read: {reason}{place}", "", "")
    return parse(name, tree)


def parse(name: str, tree: ast.Module) -> Entry:
    """Read a recipe's entry off its source, parsed."""
    title, _, rest = (ast.get_docstring(tree) or "").partition("\n")
    lines = dict(line.partition(": ")[::2] for line in rest.splitlines() if ": " in line)
    words = ("Problem", "Data", "Result", "Published")
    return Entry(name, title, *(lines.get(word, "") for word in words))


def is_recipe(path: pathlib.Path) -> bool:
    """Return whether a Python file defines the parts of a recipe, without running it."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError):
        return False
    defined = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    return {*PARTS} <= defined


def refer(recipe: Recipe | types.ModuleType | str | os.PathLike[str]) -> str:
    """Describe which recipe is meant, in a way that another process can load it by.

    Args:
        recipe: A name, the path of a .py file, or a recipe module.

    Returns:
        The name of a recipe of the collection, or the absolute path of a file.

    Raises:
        InputError: If there is no such recipe.
    """
    text = str(getattr(recipe, "__file__", recipe))
    if text in recipe_names():
        return text
    path = pathlib.Path(text)
    if path.suffix == ".py" and path.is_file():
        path = path.resolve()
        return path.stem if path.parent == folder() else str(path)
    raise InputError(f"{describe_unknown(text)}; or give the path of a recipe's .py file")


@functools.cache
def load(reference: str) -> types.ModuleType:
    """Import a recipe.

    Args:
        reference: What `refer` gave.

    Returns:
        The module; the same one at each call.

    Raises:
        InputError: If the file cannot be imported or is no recipe; the message names the line.
    """
    if not reference.endswith(".py"):
        return _whole(importlib.import_module(f"{PACKAGE}.{reference}"), reference)
    path = pathlib.Path(reference)
    read_source(path)  # raises for a file that has gone
    return _whole(source_files.import_file(path), reference)


def resolve(recipe: Recipe | types.ModuleType | str | os.PathLike[str]) -> Recipe:
    """Return the recipe that is meant: a module itself, or what its name or its file's path names.

    Raises:
        InputError: If there is no such recipe.
    """
    if isinstance(recipe, types.ModuleType):
        return typing.cast("Recipe", _whole(recipe, recipe.__name__))
    return typing.cast("Recipe", load(refer(recipe)))


def _whole(module: types.ModuleType, name: str) -> types.ModuleType:
    """Return a module, or raise if it is no recipe."""
    missing = [part for part in PARTS if not hasattr(module, part)]
    if not (hasattr(module, "PROBLEM") or hasattr(module, "problem")):
        missing.insert(0, "PROBLEM")
    if missing:
        raise InputError(
            f"{name} is not a recipe: it lacks {', '.join(missing)}; "
            "`python -m recipes` lists recipes, which show the parts of one"
        )
    kind = module.Config
    if not (isinstance(kind, type) and issubclass(kind, configs.Config)):
        raise InputError(f"{name}: expected `class Config(configs.Config):` with its settings")
    if "__dataclass_fields__" not in vars(kind):
        raise InputError(f"{name}: put @dataclasses.dataclass(frozen=True) above its class Config")
    return module


def read_source(path: pathlib.Path) -> bytes:
    """Read the source of a recipe.

    Raises:
        InputError: If the file is there no longer.
    """
    try:
        return reading.read_bytes(path)
    except InputError as error:
        reason = getattr(error.__cause__, "strerror", None) or "it is no file"
        raise InputError(
            f"{path}: the recipe's file cannot be read ({reason}); put it back"
        ) from error


def print_catalog() -> None:
    """Print every recipe with its problem, data and test score, then the other programs."""
    table = Table("recipe", "problem", "data", "test score", box=None, padding=(0, 1, 0, 0))
    for name in recipe_names():
        entry = read(name)
        kind = entry.problem.partition(" ")[0].strip(",.")
        data = DATA_END.split(entry.data)[0]
        score = entry.result.partition(" ±")[0]
        table.add_row(name, kind if kind in KINDS else "any", data or entry.problem, score)
    terminal.print_table(table)
    print(f"\n{describe_programs('recipes')}")


def describe_programs(shown: str) -> str:
    """Return a line for each program that is here, but for the one that is shown already."""
    here = folder().parent
    lines = [
        f"python -m {program:<34} {what}"
        for program, path, what in PROGRAMS
        if program != shown and (not path or (here / path).exists())
    ]
    return "\n".join(lines)
