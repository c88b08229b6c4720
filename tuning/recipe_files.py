"""Finding a recipe: by its name in `recipes`, or by the path of a file from anywhere."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import pathlib
import sys
import traceback
import types

from recipes.common import shelf
from recipes.common.errors import InputError

FOLDER = shelf.FOLDER
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
    near = difflib.get_close_matches(text, shelf.recipe_names(), n=1)
    meant = f"did you mean {near[0]}? There " if near else "there "
    raise InputError(
        f"unknown recipe {text}: {meant}is {', '.join(shelf.recipe_names())}; or give the path of "
        "a recipe's .py file"
    )


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
    module = _import_file(pathlib.Path(reference))
    if missing := [part for part in PARTS if not hasattr(module, part)]:
        raise InputError(
            f"{reference} is not a recipe: it lacks {', '.join(missing)}; "
            "recipes/breast_cancer.py shows the parts of one"
        )
    return module


def read_source(reference: str) -> bytes:
    """Read the recipe's file.

    Raises:
        InputError: If it is there no longer.
    """
    path = pathlib.Path(reference) if reference.endswith(".py") else FOLDER / f"{reference}.py"
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: the recipe's file cannot be read ({error.strerror}); put it back"
        ) from error


def _import_file(path: pathlib.Path) -> types.ModuleType:
    read_source(str(path))
    name = f"recipe_from_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks its module up
    sys.path.insert(0, str(path.parent))  # so that it finds its neighbours, as a script does
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"{path}: {describe(error, path)}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def describe(error: Exception, path: pathlib.Path | str) -> str:
    """Describe an error in one line, with the line of the recipe that it came from."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    place = f" (line {lines[-1]} of {pathlib.Path(path).name})" if lines else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{place}"
