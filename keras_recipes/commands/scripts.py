"""Models of anybody's script: what it makes until it begins to train, and what it would train."""

from __future__ import annotations

import ast
import contextlib
import inspect
import pathlib
import sys
import types
import unittest.mock
from collections.abc import Callable, Iterator
from typing import Any

from keras_recipes import catalog
from keras_recipes.console import source_files
from keras_recipes.errors import InputError


def split(named: str) -> tuple[pathlib.Path, str]:
    """Return the file and the function, "" where none is named.

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
            + ", ".join(catalog.recipe_names())
        )
    return path, function


_WRAP = "put the lines that make and compile the model into def build_model(), returning it"


class _Fit(BaseException):
    """The file that is checked begins to train; `given` is what to check."""

    def __init__(self, given: dict):
        super().__init__()
        self.given = given


def run(
    path: pathlib.Path, as_main: bool = False
) -> tuple[types.ModuleType, dict[str, Any] | None]:
    """Run a file up to its first fit.

    Args:
        path: Of the file.
        as_main: Whether to go on with what stands under `if __name__ == "__main__":`.

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
        with contextlib.chdir(folder), _stopped_at_fit() as begun:
            module = source_files.import_file(path)
            if as_main:
                _run_main_block(module, path)
            return module, begun[0] if begun else None  # where the file caught the stop
    except _Fit as fit:
        return sys.modules[f"file_{path.stem}"], fit.given
    except SystemExit as end:  # of its own command line, or where it was done
        raise InputError(
            f"{path}: it ended itself (exit code {end.code or 0}) before any fit; {_WRAP}"
        ) from end


def _run_main_block(module: types.ModuleType, path: pathlib.Path) -> None:
    """Run what a file does where it is started as a program without arguments."""
    blocks = [
        statement
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.If) and "'__main__'" in ast.unparse(node.test)
        for statement in node.body
    ]
    program = compile(ast.Module(blocks, type_ignores=[]), str(path), "exec")
    try:
        with unittest.mock.patch.object(sys, "argv", [str(path)]):
            exec(program, vars(module))
    except SystemExit as end:
        if isinstance(end.code, int) and end.code:  # what was wrong it has said itself
            raise InputError(
                f"{path}: run as a program without arguments it ended itself (exit code "
                f"{end.code}) before any fit; {_WRAP}"
            ) from end
        # `sys.exit(main())`: it may have ended well, and a function may still be found
    except Exception as error:  # whatever the user's program raises
        raise InputError(f"{path}: {source_files.describe(error, path)}") from error


@contextlib.contextmanager
def _stopped_at_fit() -> Iterator[list[dict]]:
    """Stop every fit before it begins; yield the list of what each was called with."""
    import keras

    begun: list[dict] = []
    signature = inspect.signature(keras.Model.fit)

    def stop(*arguments, **named):
        given = signature.bind(*arguments, **named).arguments
        known = ["x", "y", "epochs", "batch_size", "steps_per_epoch", "validation_split"]
        known += ["validation_data", "callbacks", "class_weight", "sample_weight"]
        given = {"model": given["self"]} | {name: given[name] for name in known if name in given}
        begun.append({name: value for name, value in given.items() if value is not None})
        raise _Fit(begun[0])

    def stop_at_batch(self, x, y=None, *_, **__):
        begun.append({"model": self, "x": x, "y": y})  # a loop of the user's own begins
        raise _Fit(begun[0])

    patch = unittest.mock.patch
    fits = patch.multiple(keras.Model, fit=stop, train_on_batch=stop_at_batch)
    # What notebooks ask of IPython when they are saved as programs: plots, installs, timings.
    with fits, patch("builtins.get_ipython", unittest.mock.MagicMock(), create=True):
        yield begun


def find(
    module: types.ModuleType, function: str, path: pathlib.Path, fit: dict | None
) -> dict[str, Any]:
    """Return the model that a function of a file returns, or that has its name.

    A function that begins to train gives what that fit is given, as in `run`.

    Args:
        module: The file, as it was run.
        function: The name; where it is "" build_model, or else the only model in the file.
        path: Of the file.
        fit: What `run` gave.

    Returns:
        The model by the name "model", and the data and settings of a fit by the names of `fit`.

    Raises:
        InputError: If there is no such model.
    """
    import keras

    models = [value for value in vars(module).values() if isinstance(value, keras.Model)]
    found = getattr(module, function or "build_model", None)
    if found is None and not function and len(models) == 1:
        return {"model": models[0]}
    function = function or "build_model"
    if found is None:
        raise InputError(f"{path}: no {function!r} in it; {_advise(module, fit)}")
    parameters = inspect.signature(found).parameters if inspect.isfunction(found) else {}
    some = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    given = [one for one in parameters.values() if one.kind not in some]
    if wanted := [one.name for one in given if one.default is one.empty]:
        raise InputError(
            f"{path}: {function}() wants {', '.join(wanted)}; give each a default, or name a "
            f"function that takes nothing, such as def check(): return {function}(...)"
        )
    is_model = isinstance(found, keras.Model) or not callable(found)
    try:
        model = found if is_model else _call(found, function, path)
    except _Fit as begun:
        return begun.given
    if not isinstance(model, keras.Model):
        raise InputError(
            f"{path}: {function}() returned {type(model).__name__}, expected a compiled keras.Model"
        )
    return {"model": model}


def _call(function: Callable[[], object], name: str, path: pathlib.Path) -> object:
    """Call a function of a file as if it were run without arguments, up to its first fit.

    Raises:
        InputError: If it fails, or ends the program.
    """
    argv = unittest.mock.patch.object(sys, "argv", [str(path)])  # not the check's own flags
    try:
        with contextlib.chdir(path.resolve().parent), _stopped_at_fit() as begun, argv:
            made = function()
        if begun:  # the function caught the stop
            raise _Fit(begun[0])
        return made
    except SystemExit as end:
        raise InputError(
            f"{path}: {name}() ended the program (exit code {end.code or 0}) before it gave a "
            "model; take sys.exit() out of it"
        ) from end
    except Exception as error:  # whatever the user's function raises
        text = source_files.describe(error, path.resolve())
        raise InputError(f"{path}: {name}() raised {text}") from error


def _advise(module: types.ModuleType, fit: dict | None) -> str:
    """Describe what can be named of a module, or how to make it so."""
    import keras

    kinds = (types.FunctionType, keras.Model)
    there = [name for name, value in vars(module).items() if isinstance(value, kinds)]
    if there:
        return f"there is {', '.join(there)}"
    return f"{_WRAP}, or leave --data out to check what its fit is given" if fit else _WRAP
