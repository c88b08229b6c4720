"""Fingerprints of code, data and packages: a change of them makes trials incomparable."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import pathlib
import platform
from typing import Any

import keras_recipes
from keras_recipes import catalog
from keras_recipes.console import source_files
from keras_recipes.data.splits import Splits
from keras_recipes.errors import InputError

TUNING = pathlib.Path(__file__).resolve().parents[1]
LIBRARY = pathlib.Path(keras_recipes.__file__).resolve().parent
ROOMS = ("data", "features", "training")  # of the library, beside the files at its top
PACKAGES = ("tensorflow", "keras", "keras-tuner", "numpy", "scipy", "scikit-learn")


def hash_code(reference: str) -> dict[str, str]:
    """Hash all code that the result of a trial, or the choice of the next one, depends on.

    Args:
        reference: What `catalog.refer` returned.

    Returns:
        A hash for each file, by its name. Comments, docstrings and layout do not count.

    Raises:
        InputError: If the recipe's file is there no longer.
    """
    recipe = pathlib.Path(str(catalog.load(reference).__file__))
    datasets = catalog.folder().with_name("datasets")
    shared = [*LIBRARY.glob("*.py"), *TUNING.rglob("*.py"), *datasets.rglob("*.py")]
    shared += [path for room in ROOMS for path in (LIBRARY / room).rglob("*.py")]
    files = [recipe, *sorted(shared)]
    if recipe.parent != catalog.folder():
        files += _neighbours(recipe)
    hashes = {}
    for path in files:
        source = catalog.read_source(path)
        try:
            hashes[_name(path)] = _hash_source(source)
        except SyntaxError as error:
            raise InputError(f"{path}: {source_files.describe(error, path)}") from error
    return hashes


def _neighbours(path: pathlib.Path) -> list[pathlib.Path]:
    """Return the files in a recipe's own folder that it imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(catalog.read_source(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return [file for name in sorted(names) if (file := path.with_name(f"{name}.py")).is_file()]


def _name(path: pathlib.Path) -> str:
    for root in (LIBRARY.parent, TUNING.parent, catalog.folder().parent):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.name


@functools.cache  # parsing the shared files takes a third of a second
def _hash_source(source: bytes) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            body[:] = [
                line
                for line in body
                if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return hashlib.sha256(ast.dump(tree).encode("utf-8")).hexdigest()[:16]


def hash_data(data: Splits) -> dict[str, str]:
    """Hash the rows that trials are trained and scored on, and the file that they came from."""
    digest = getattr(data.source, "digest", None)
    rows = {"train": data.train.digest()}
    if data.validation is not None:
        rows["validation"] = data.validation.digest()
    return {**rows, "file": digest} if digest else rows


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute a trial."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def find_differences(
    before: Any, now: Any, name: str = "", introduction: str = "now it is"
) -> list[str]:
    """Name each entry that differs, with both values; the introduction goes before the second."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            line
            for key in dict.fromkeys([*before, *now])
            for line in find_differences(
                before.get(key, "nothing"),
                now.get(key, "nothing"),
                f"{name}.{key}".strip("."),
                introduction,
            )
        ]
    return [] if before == now else [f"{name}: the search has {before}, {introduction} {now}"]
