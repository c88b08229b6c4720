"""Finding a recipe: by its name in `recipes`, or by the path of a file from anywhere."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import pathlib
import types

from recipes.common import shelf, source_files
from recipes.common.errors import InputError

FOLDER = shelf.FOLDER
ROOT = FOLDER.parent
# Folders of code that the result of a trial, or the choice of the next one, depends on.
SHARED = ("datasets", "recipes/common", "tuning")
PARTS = ("PROBLEM", "Config", "load_data", "build_model", "search_space")


def refer(recipe: str | pathlib.Path | types.ModuleType) -> str:
    """Say which recipe is meant, in a way that another process can load it by.

    Args:
        recipe: A name, the path of a .py file, or a recipe module.

    Returns:
        The name of a recipe of the collection, or the absolute path of a file.

    Raises:
        InputError: If there is no such recipe.
    """
    text = recipe.__file__ if isinstance(recipe, types.ModuleType) else str(recipe)
    if text in shelf.recipe_names():
        return text
    path = pathlib.Path(text)
    if path.suffix == ".py" and path.is_file():
        path = path.resolve()
        return path.stem if path.parent == FOLDER else str(path)
    raise InputError(f"{shelf.describe_unknown(text)}; or give the path of a recipe's .py file")


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
        return importlib.import_module(f"recipes.{reference}")
    path = pathlib.Path(reference)
    _read_source(path)  # which has the words for a file that has gone
    module = source_files.import_file(path)
    if missing := [part for part in PARTS if not hasattr(module, part)]:
        raise InputError(
            f"{reference} is not a recipe: it lacks {', '.join(missing)}; "
            f"the recipes in {FOLDER} show the parts of one"
        )
    return module


def hash_code(reference: str) -> dict[str, str]:
    """Hash all code that a search of a recipe runs: its file, what stands beside it, the shared.

    Args:
        reference: What `refer` gave.

    Returns:
        A hash for each file, by its name. Comments, docstrings and layout do not count.

    Raises:
        InputError: If the recipe's file is there no longer.
    """
    recipe = pathlib.Path(load(reference).__file__)
    files = [recipe, *(p for folder in SHARED for p in sorted((ROOT / folder).rglob("*.py")))]
    if recipe.parent != FOLDER:
        files += _neighbours(recipe)
    return {_name(path): _hash_file(path) for path in files}


def _neighbours(path: pathlib.Path) -> list[pathlib.Path]:
    """Give the files in a recipe's own folder that it imports."""
    names = set()
    for node in ast.walk(ast.parse(_read_source(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return [file for name in sorted(names) if (file := path.with_name(f"{name}.py")).is_file()]


def _name(path: pathlib.Path) -> str:
    inside = path.is_relative_to(ROOT)
    return path.relative_to(ROOT).as_posix() if inside else path.name


def _hash_file(path: pathlib.Path) -> str:
    source = _read_source(path)
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


def _read_source(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: the recipe's file cannot be read ({error.strerror}); put it back"
        ) from error
