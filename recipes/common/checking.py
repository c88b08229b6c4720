"""The command `check`: hold a model, from anybody's script or a recipe, against every rule."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
import types
from typing import TYPE_CHECKING, Annotated

import tyro

from recipes.common import configs, shelf
from recipes.common.errors import InputError

if TYPE_CHECKING:  # TensorFlow loads with it
    import keras

    from recipes.common.checks import Findings


@dataclasses.dataclass(frozen=True)
class Check:
    """Name every classic mistake of a model and its data before training, each with its fix."""

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """FILE.py:FUNCTION that returns a compiled model, build_model where none is named (the file is
    run); or a recipe's name."""
    data: Annotated[pathlib.Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Training rows: a .csv table, or an .npz file with the arrays x and y."""
    target: Annotated[tuple[str, ...], tyro.conf.arg(metavar="COLUMN")] = ()
    """Column or columns of the table to predict."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="COLUMN")] = ()
    """Columns to learn from, in the order that the model takes; all others where none are given."""
    validation: Annotated[pathlib.Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Validation rows, in the same form."""
    test: Annotated[pathlib.Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Test rows, in the same form."""
    validation_split: configs.Fraction = 0.0
    """Share of the training rows that fit will set aside."""
    epochs: configs.Count | None = None
    """Epochs that it will be trained for."""
    batch_size: configs.Count | None = None
    """Rows of one update."""
    ignore: Annotated[tuple[str, ...], tyro.conf.arg(metavar="RULE")] = ()
    """Rules to leave out, such as D3."""
    strict: bool = False
    """Count warnings as errors."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def check(arguments: Check) -> None:
    """Print all findings; end with exit code 2 where there are errors."""
    if arguments.model in shelf.recipe_names():
        findings = _check_recipe(arguments)
    else:
        findings = _check_script(arguments)
    for finding in findings:
        print(f"{finding.level} {finding.id}: received {finding.received}")
        print(f"  expected: {finding.expected}\n  fix: {finding.fix}")
    for note in findings.notes:
        print(f"note: {note}")
    errors, rest = len(findings.errors), len(findings) - len(findings.errors)
    print(f"{errors} error{'s' * (errors != 1)}, {rest} warning{'s' * (rest != 1)}")
    if errors:
        sys.exit(2)


def _check_recipe(arguments: Check) -> Findings:
    """Check a recipe with its own data and default settings; its test part stays closed."""
    import importlib

    from recipes.common import anatomy, callbacks, checks, training

    recipe = importlib.import_module(f"recipes.{arguments.model}")
    config = recipe.Config()
    splits = anatomy.load_data(recipe, config)
    model = training.prepare(recipe, config, splits, check=False)
    return checks.check(
        model,
        splits.train.x,
        splits.train.y,
        (splits.validation.x, splits.validation.y),
        ignore=(*arguments.ignore, *anatomy.ignored_checks(recipe)),
        strict=arguments.strict,
        epochs=arguments.epochs or config.epochs,
        batch_size=arguments.batch_size or config.batch_size,
        callbacks=callbacks.make(recipe.PROBLEM, config),
    )


def _check_script(arguments: Check) -> Findings:
    model, program = _build(arguments.model)
    from recipes.common import checks

    parts = [
        None if path is None else _read(path, arguments)
        for path in (arguments.data, arguments.validation, arguments.test)
    ]
    train, validation, test = (part and (_for_inputs(model, part[0]), part[1]) for part in parts)
    x, y = train or (None, None)
    return checks.check(
        model,
        x,
        y,
        validation,
        test_data=test,
        ignore=arguments.ignore,
        strict=arguments.strict,
        validation_split=arguments.validation_split,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        program=program,
    )


def _build(named: str) -> tuple[keras.Model, str]:
    """Import a file and call its function; give the model and the file's text."""
    from recipes.common import source_files

    file, _, function = named.rpartition(":")
    if function.endswith(".py"):
        file, function = named, "build_model"
    path = pathlib.Path(file).expanduser()
    if path.suffix != ".py" or not function:
        raise InputError(
            f"{named}: expected FILE.py:FUNCTION, such as train.py:build_model, or a recipe: "
            + ", ".join(shelf.recipe_names())
        )
    model = _find(source_files.import_file(path), function, path)
    import keras

    if not isinstance(model, keras.Model):
        raise InputError(
            f"{path}: {function}() returned {type(model).__name__}, expected a compiled keras.Model"
        )
    return model, path.read_text(encoding="utf-8")


def _find(module: types.ModuleType, function: str, path: pathlib.Path) -> object:
    """Give what a function of the module returns, or what has that name in it."""
    from recipes.common import source_files

    found = getattr(module, function, None)
    if found is None:
        there = [n for n, v in vars(module).items() if isinstance(v, types.FunctionType)]
        raise InputError(f"{path}: no {function!r} in it; there is {', '.join(there) or 'nothing'}")
    try:
        return found() if isinstance(found, types.FunctionType) else found
    except Exception as error:  # whatever the user's function raises
        text = source_files.describe(error, path.resolve())
        raise InputError(f"{path}: {function}() raised {text}") from error


def _read(path: pathlib.Path, arguments: Check) -> tuple:
    """Read the rows of a file as (x, y)."""
    import numpy as np
    import pandas as pd

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return arrays["x"], arrays["y"]
        table = pd.read_csv(path)
    except Exception as error:  # NumPy and pandas have many; whatever it is, it is about the file
        raise InputError(
            f"{path}: cannot be read ({error}); give a .csv table, or an .npz file with x and y"
        ) from error
    if not arguments.target:
        raise InputError(f"--target: which of {', '.join(map(str, table.columns))} to predict")
    wanted = [*arguments.target, *arguments.features]
    if missing := [name for name in wanted if name not in table.columns]:
        raise InputError(
            f"{path}: no column {missing[0]!r}; there is {', '.join(map(str, table.columns))}"
        )
    y = table[list(arguments.target)]
    x = table[list(arguments.features)] if arguments.features else table.drop(columns=y.columns)
    return x, (y.iloc[:, 0] if y.shape[1] == 1 else y).to_numpy()


def _for_inputs(model: keras.Model, x) -> object:
    """Give a table column by column to a model with an input for each."""
    names = [tensor.name for tensor in getattr(model, "inputs", None) or []]
    if len(names) > 1 and hasattr(x, "columns") and set(names) <= set(x.columns):
        return {name: x[[name]].to_numpy() for name in names}
    return x
