"""The command `check`: check a recipe, or a model from any script, with every rule."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
import unicodedata
from typing import TYPE_CHECKING, Annotated

from keras_recipes import catalog, configs, reading
from keras_recipes.commands import scripts
from keras_recipes.console import command_line, startup
from keras_recipes.errors import InputError

if TYPE_CHECKING:  # TensorFlow loads with it
    import keras
    import pandas as pd

    from keras_recipes.checks.api import Findings


@dataclasses.dataclass(frozen=True)
class Check:
    """Find classic mistakes in a model and its data before training, and show how to fix them."""

    model: Annotated[str, command_line.takes("MODEL", positional=True)]
    """A recipe; or FILE.py, to check its first call of fit (the file runs until that call); or
    FILE.py:FUNCTION, a function that returns a compiled model (default: build_model)."""
    data: Annotated[pathlib.Path | None, command_line.takes("FILE")] = None
    """Training rows: a .csv table, or an .npz file with the arrays x and y."""
    target: Annotated[tuple[str, ...], command_line.takes("COLUMN", "none")] = ()
    """Target column or columns of the table."""
    features: Annotated[tuple[str, ...], command_line.takes("COLUMN", "all others")] = ()
    """Feature columns, in the order of the model's inputs."""
    validation: Annotated[pathlib.Path | None, command_line.takes("FILE")] = None
    """Validation rows, in the same format."""
    test: Annotated[pathlib.Path | None, command_line.takes("FILE")] = None
    """Test rows, in the same format."""
    validation_split: configs.Fraction = 0.0
    """Fraction of the training rows to use as validation rows, as in fit."""
    epochs: configs.Count | None = None
    """Number of epochs."""
    batch_size: configs.Count | None = None
    """Batch size: number of rows per gradient update."""
    ignore: Annotated[tuple[str, ...], command_line.takes("RULE", "none")] = ()
    """Rules to ignore, by id or name, such as D3 or scaling/inputs-not-scaled."""
    strict: bool = False
    """Treat warnings as errors."""


_OF_FIT = ("epochs", "batch_size", "validation_split")


def check(arguments: Check) -> None:
    """Print all findings; end with exit code 2 where there are errors."""
    recipe = _find_recipe(arguments.model)
    if recipe is not None:
        _refuse_data(arguments, "a recipe is checked with its own data; leave it out")
    elif not arguments.data:
        _refuse_data(arguments, "expected --data as well")
    startup.load_tensorflow()  # only after what can be seen without it
    findings = _check_script(arguments) if recipe is None else _check_recipe(recipe, arguments)
    for finding in findings:
        print(f"{finding.level} {finding.name} ({finding.id}): received {finding.received}")
        print(f"  expected: {finding.expected}\n  fix: {finding.fix}")
    for note in findings.notes:
        print(f"note: {note}")
    print(findings.summary)
    if findings.errors:
        sys.exit(2)


def _find_recipe(named: str) -> str | None:
    """Return the recipe that is named, as `catalog.load` takes it; None for another file."""
    if named in catalog.recipe_names():
        return named
    path, function = scripts.split(named)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return catalog.refer(path) if not function and catalog.is_recipe(path) else None


def _check_recipe(name: str, arguments: Check) -> Findings:
    """Check a recipe with its own data and default settings; its test split stays closed."""
    from keras_recipes import callbacks, checks, recipe as contract, training
    from keras_recipes.features import parts

    recipe = catalog.load(name)
    config = recipe.Config()
    splits = contract.load_data(recipe, config)
    if splits.source.kind == "built-in":
        print(f"note: checked with {splits.source.name}, not with real data")
    config = config.for_rows(len(splits.train))
    model = training.prepare(recipe, config, splits)
    halves = parts.of(model)
    (x, y), *validation = [
        (halves.as_inputs(split.x) if halves.has_encoder else split.x, split.y)
        for split in (splits.train, splits.validation)
        if split is not None
    ]
    return checks.check(
        model,
        x,
        y,
        *validation,
        ignore=(*arguments.ignore, *contract.ignored_checks(recipe)),
        strict=arguments.strict,
        epochs=arguments.epochs or config.epochs,
        batch_size=arguments.batch_size or config.batch_size,
        callbacks=callbacks.make(contract.problem(recipe, config, splits), config),
        is_encoded=halves.has_encoder,
    )


def _check_script(arguments: Check) -> Findings:
    path, function = scripts.split(arguments.model)
    module, fit = scripts.run(path, as_main=not function and not arguments.data)
    from keras_recipes import checks

    settings = {name: getattr(arguments, name) for name in _OF_FIT if getattr(arguments, name)}
    given = fit or {}
    if not given or function or arguments.data:
        given = scripts.find(module, function, path, fit)
    if arguments.data:
        model = given["model"]
        x, y = _read(arguments.data, model, arguments)
        given = {"model": model, "x": x, "y": y}
        for name, file in (
            ("validation_data", arguments.validation),
            ("test_data", arguments.test),
        ):
            if file:
                given[name] = _read(file, model, arguments)
    elif "x" in given:
        print(f"note: {path.name} ran until its first call of fit, which did not start")
    return checks.check(
        **({"x": None} | given | settings),
        ignore=arguments.ignore,
        strict=arguments.strict,
        program=path.read_text(encoding="utf-8"),
    )


def _refuse_data(arguments: Check, because: str) -> None:
    """Refuse flags about a table.

    Raises:
        InputError: If there is one.
    """
    for name in ("data", "target", "features", "validation", "test"):
        if getattr(arguments, name):
            raise InputError(f"--{name}: {because}")


def _read(path: pathlib.Path, model: keras.Model, arguments: Check) -> tuple:
    """Read the rows of a file as (x, y), in the form that the model takes."""
    if path.suffix == ".npz":
        return _read_arrays(path)
    from keras_recipes.data import columns, csv_reader

    table, dialect = csv_reader.read(path)
    if table.columns[0] == "unnamed_1" and (table["unnamed_1"] == table.index).all():
        print(f"note: {path.name}: the first column holds row numbers and is dropped")
        table = table.drop(columns="unnamed_1")
    target, features = (  # as the reader returns names
        [unicodedata.normalize("NFC", name) for name in names]
        for names in (arguments.target, arguments.features)
    )
    if not target:
        raise InputError(f"--target: which column to predict? {columns.listed(table.columns)}")
    for flag, names in {"target": target, "features": features}.items():
        if len({*names}) < len(names):
            raise InputError(f"--{flag}: received {' '.join(names)}, expected each name once")
        if missing := [name for name in names if name not in table]:
            there = columns.listed(table.columns, missing[0])
            cut = f"cut at {dialect.delimiter!r}"
            raise InputError(f"{path}: no column {missing[0]!r}, {cut}; {there}")
    y = table[target]
    x = table[features] if features else table.drop(columns=y.columns)
    return _for_inputs(model, x), _for_outputs(model, y)


def _read_arrays(path: pathlib.Path) -> tuple:
    import numpy as np

    try:
        with reading.open_file(path) as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["x"], arrays["y"]
    except InputError:
        raise
    except Exception as error:  # NumPy has many; whatever it is, it is about the file
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: cannot be read ({reason}); give a .csv table, or an .npz file with x and y"
        ) from error


def _for_outputs(model: keras.Model, y: pd.DataFrame) -> object:
    """Return targets as the model takes them: an array, or one for each of several outputs."""
    names = list(getattr(model, "output_names", None) or [])
    if isinstance(model.loss, list | tuple) and len(model.loss) == len(names):
        names = [name for name, loss in zip(names, model.loss, strict=True) if loss is not None]
    if len(names) > 1 and len(names) == y.shape[1]:
        if isinstance(model.output, dict):
            names = sorted(model.output)
        # By name, and those of other names in the order of the outputs.
        others = iter([name for name in y.columns if name not in names])
        return {name: y[name if name in y.columns else next(others)].to_numpy() for name in names}
    return (y.iloc[:, 0] if y.shape[1] == 1 else y).to_numpy()


def _for_inputs(model: keras.Model, x: pd.DataFrame) -> object:
    """Return a table column by column to a model with an input for each."""
    from keras_recipes.checks.inspect import reading

    inputs = getattr(model, "inputs", None) or []
    names = [tensor.name for tensor in inputs]
    if len(names) > 1 and set(names) <= set(x.columns):
        parts = {name: x[[name]] for name in names}
        return {n: _as_text(part) if reading.is_text(part) else part for n, part in parts.items()}
    return _as_text(x) if reading.is_text(x) and _takes_text(model) else x


def _takes_text(model: keras.Model) -> bool:
    import keras

    inputs = getattr(model, "inputs", None) or []
    kinds = keras.layers.TextVectorization, keras.layers.StringLookup, keras.layers.Hashing
    by_layers = any(isinstance(layer, kinds) for layer in model.layers)
    return any(tensor.dtype == "string" for tensor in inputs) or (not inputs and by_layers)


def _as_text(x: pd.DataFrame) -> object:
    """Return text columns as Keras takes them: one as an array, several as a tensor."""
    import tensorflow as tf

    x = x.fillna("").astype(str)
    return (
        x.iloc[:, 0].to_numpy(dtype=object) if x.shape[1] == 1 else tf.constant(x.values.tolist())
    )
