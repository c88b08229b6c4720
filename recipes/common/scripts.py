"""Models of anybody's script: what it makes until it begins to train, and what it would train."""

from __future__ import annotations

import contextlib
import inspect
import pathlib
import sys
import types
import unittest.mock
from collections.abc import Iterator
from typing import TYPE_CHECKING

from recipes.common import shelf, source_files
from recipes.common.errors import InputError

if TYPE_CHECKING:  # TensorFlow loads with it
    import keras


def split(named: str) -> tuple[pathlib.Path, str]:
    """Give the file and the function, "" where none is named.

    Raises:
        InputError: If this names no Python file.
    """
    file, _, function = named.rpartition(":")
    if function.endswith(".py"):
        file, function = named, ""
    path = pathlib.Path(file).expanduser()
    if path.suffix != ".py":
        raise InputError(
            f"{named}: expected FILE.py:FUNCTION, such as train.py:build_model, or a recipe: "
            + ", ".join(shelf.recipe_names())
        )
    return path, function


_WRAP = "put the lines that make and compile the model into def build_model(), returning it"


class _Fit(BaseException):
    """The file that is checked begins to train; `given` is what to check."""

    def __init__(self, given: dict):
        super().__init__()
        self.given = given


def run(path: pathlib.Path) -> tuple[types.ModuleType, dict | None]:
    """Run a file up to its first fit.

    Returns:
        What it made by then; and what that fit was given, as `checks.check` takes it, the model
        too, or None where it did not come to one.

    Raises:
        InputError: If the file cannot be read, or raises.
    """
    path = path.resolve()
    folder = path.parent if path.is_file() else "."
    try:
        # Its own relative paths are those of its folder.
        with contextlib.chdir(folder), _stopped_at_fit():
            return source_files.import_file(path), None
    except _Fit as fit:
        return sys.modules[f"file_{path.stem}"], fit.given
    except SystemExit as end:  # of its own command line, or where it was done
        raise InputError(
            f"{path}: it ended itself (exit code {end.code or 0}) before any fit; {_WRAP}"
        ) from end


@contextlib.contextmanager
def _stopped_at_fit() -> Iterator[None]:
    import keras

    signature = inspect.signature(keras.Model.fit)

    def stop(*arguments, **named):
        given = signature.bind(*arguments, **named).arguments
        known = ("x", "y", "epochs", "batch_size", "steps_per_epoch", "validation_split")
        known += ("validation_data", "callbacks", "class_weight", "sample_weight")
        given = {"model": given["self"]} | {name: given[name] for name in known if name in given}
        raise _Fit({name: value for name, value in given.items() if value is not None})

    with unittest.mock.patch.object(keras.Model, "fit", stop):
        yield


def find(
    module: types.ModuleType, function: str, path: pathlib.Path, fit: dict | None
) -> keras.Model:
    """Give the model that a function of a file returns, or that has its name.

    Args:
        module: The file, as it was run.
        function: The name; where it is "" build_model, or else the only model in the file.
        path: Of the file.
        fit: What `run` gave.

    Raises:
        InputError: If there is no such model.
    """
    import keras

    models = [value for value in vars(module).values() if isinstance(value, keras.Model)]
    found = getattr(module, function or "build_model", None)
    if found is None and not function and len(models) == 1:
        return models[0]
    function = function or "build_model"
    if found is None:
        raise InputError(f"{path}: no {function!r} in it; {_advise(module, fit)}")
    try:
        with contextlib.chdir(path.resolve().parent), _stopped_at_fit():
            model = found() if isinstance(found, types.FunctionType) else found
    except _Fit as begun:
        model = begun.given["model"]
    except Exception as error:  # whatever the user's function raises
        text = source_files.describe(error, path.resolve())
        raise InputError(f"{path}: {function}() raised {text}") from error
    if not isinstance(model, keras.Model):
        raise InputError(
            f"{path}: {function}() returned {type(model).__name__}, expected a compiled keras.Model"
        )
    return model


def _advise(module: types.ModuleType, fit: dict | None) -> str:
    """Say what can be named of a module, or how to make it so."""
    import keras

    kinds = (types.FunctionType, keras.Model)
    there = [name for name, value in vars(module).items() if isinstance(value, kinds)]
    if there:
        return f"there is {', '.join(there)}"
    return f"{_WRAP}, or leave --data out to check what its fit is given" if fit else _WRAP
