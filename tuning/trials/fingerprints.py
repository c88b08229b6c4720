"""Fingerprints of the code that a search runs: a change of it makes trials incomparable."""

from __future__ import annotations

import ast
import functools
import hashlib
import pathlib

import keras_recipes
from keras_recipes import catalog
from keras_recipes.console import source_files
from keras_recipes.errors import InputError

TUNING = pathlib.Path(__file__).resolve().parents[1]
LIBRARY = pathlib.Path(keras_recipes.__file__).resolve().parent
ROOMS = ("data", "features", "training")  # of the library, beside the files at its top


def hash_code(reference: str) -> dict[str, str]:
    """Hash all code that the result of a trial, or the choice of the next one, depends on.

    Args:
        reference: What `catalog.refer` returned.

    Returns:
        A hash for each file, by its name. Comments, docstrings and layout do not count.

    Raises:
        InputError: If the recipe's file is there no longer.
    """
    recipe = pathlib.Path(catalog.load(reference).__file__)
    datasets = catalog.folder().with_name("datasets")
    shared = [*LIBRARY.glob("*.py"), *TUNING.rglob("*.py"), *datasets.rglob("*.py")]
    shared += [path for room in ROOMS for path in (LIBRARY / room).rglob("*.py")]
    files = [recipe, *sorted(shared)]
    if recipe.parent != catalog.folder():
        files += _neighbours(recipe)
    return {_name(path): _hash_file(path) for path in files}


def _neighbours(path: pathlib.Path) -> list[pathlib.Path]:
    """Return the files in a recipe's own folder that it imports."""
    names = set()
    for node in ast.walk(ast.parse(catalog.read_source(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return [file for name in sorted(names) if (file := path.with_name(f"{name}.py")).is_file()]


def _name(path: pathlib.Path) -> str:
    for root in (LIBRARY.parent, TUNING.parent, catalog.folder().parent):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.name


def _hash_file(path: pathlib.Path) -> str:
    source = catalog.read_source(path)
    try:
        return _hash_source(source)
    except SyntaxError as error:
        raise InputError(f"{path}: {source_files.describe(error, path)}") from error


@functools.cache  # parsing the shared files takes a third of a second
def _hash_source(source: bytes) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not _is_text(line)]
    return hashlib.sha256(ast.dump(tree).encode("utf-8")).hexdigest()[:16]


def _is_text(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
