"""The command `notebook`: write a recipe or a lesson as a notebook, step by step."""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import re
import types
from collections.abc import Iterator
from typing import Annotated

from keras_recipes import catalog
from keras_recipes.commands import copy, lessons
from keras_recipes.console import command_line, files
from keras_recipes.errors import InputError

INSTALL = """\
# Installs the library, once. In Colab, upload the file {wheel} first.
# TensorFlow, Keras and NumPy stay as they are if they are recent enough.
import importlib.util

if importlib.util.find_spec("keras_recipes") is None:
    %pip install --quiet ./{wheel}"""
# What a notebook does with the parts of a recipe: a sentence and a cell for each step.
TRAIN = """\
run = keras_recipes.train(sys.modules[__name__], config)
run"""
PREDICT = """\
few = data.test.take(np.arange(min(5, len(data.test))))
keras_recipes.predict(run, few.x)"""
HISTORY = """\
Loss and metrics of the last epochs.

The folder of the run has the model, and a page, `report.html`."""
PREDICT_OWN = "Predict new data: `keras_recipes.predict(run, PATH)`, with the path of a new file."
LEFT_OUT = ("__future__", "keras_recipes.commands", "datasets")  # modules of imports


@dataclasses.dataclass(frozen=True)
class Notebook:
    """Write a recipe or a lesson as a Jupyter notebook: one cell for each step."""

    recipe: Annotated[str, command_line.takes("NAME", positional=True)]
    """Recipe (`python -m recipes` lists them) or lesson (`python -m recipes.lessons`)."""
    out: Annotated[pathlib.Path | None, command_line.takes("NOTEBOOK", flags=("-o", "--out"))] = (
        None
    )
    """New .ipynb file; by default, NAME.ipynb. The library's wheel is written next to it."""


def notebook(arguments: Notebook) -> None:
    """Write the notebook and the wheel, and print what to do next."""
    out = arguments.out or pathlib.Path(f"{arguments.recipe}.ipynb")
    if out.suffix != ".ipynb":
        raise InputError(f"-o {out}: expected a name that ends in .ipynb")
    files.check_new_file("-o", out)
    lesson = lessons.find(arguments.recipe)
    if arguments.recipe not in catalog.recipe_names() and lesson is None:
        raise InputError(catalog.describe_unknown(arguments.recipe))
    try:
        import nbformat
    except ImportError as error:
        raise InputError("notebook: nbformat is not installed; run pip install nbformat") from error
    with files.faults_named(out, "-o"):
        wheel = copy.library_wheel(out.parent)
        install = INSTALL.format(wheel=wheel)
        if lesson is not None:
            lessons.write_code(out.with_name(lessons.CODE))
            pieces = lessons.cells_of(lesson, install)
        else:
            pieces = cells_of(arguments.recipe, out.name, install)
        nodes = nbformat.v4
        cells = [
            (nodes.new_markdown_cell if kind == "text" else nodes.new_code_cell)(content)
            for kind, content in pieces
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        made = nodes.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        for number, cell in enumerate(made.cells):  # random by default
            cell["id"] = f"cell-{number}"
        files.write_text(out, nbformat.writes(made))
    print(f"{len(cells)} cells in {out}, the library in {out.with_name(wheel)}")


def cells_of(recipe: str, file: str, install: str) -> Iterator[tuple[str, str]]:
    """Yield the cells of a notebook: "text" or "code", and the content.

    Args:
        recipe: Name of a recipe.
        file: Name of the notebook.
        install: Cell that installs the library.
    """
    path = catalog.folder() / f"{recipe}.py"
    source = path.read_text(encoding="utf-8")
    module, parts = catalog.load(recipe), _parts(source)
    yield "text", lessons.title(module.__doc__ or "")
    yield "code", install
    for data_set in sorted(copy.data_sets(path)):
        yield "text", f"The data set: this cell writes the file `{data_set.name}`."
        yield "code", f"%%writefile {data_set.name}\n{_local(data_set.read_text('utf-8')).strip()}"
    yield "text", "What the recipe uses."
    yield "code", "\n".join(_imports(source, file, copy.data_sets(path)))
    if "PROBLEM" in parts:
        yield "text", "The problem: it decides the output layer, the loss and the metrics."
        yield "code", parts["PROBLEM"]
    yield "text", "The settings. Change a value here, and run the cells below again."
    yield "code", parts["Config"]
    yield "code", _assignments(module)
    yield "text", "Load the data: training, validation and test rows."
    yield "code", f"{parts['load_data']}\n\n\n{_SHOW_DATA}"
    if "problem" in parts:
        yield "text", "The data decide the problem: the output layer, the loss and the metrics."
        yield "code", parts["problem"]
    yield "text", "Build and compile the model."
    yield "code", f"{parts['build_model']}\n\n\n{_SHOW_MODEL}"
    yield "text", "Values for a search by Keras Tuner: `python -m tuning` uses them."
    yield "code", parts["search_space"]
    yield "text", "Check the data and the model, train, and test once. Baselines use the same rows."
    yield "code", TRAIN
    yield "text", HISTORY
    yield "code", "run.history.tail()"
    if hasattr(module.Config, "SOURCES"):
        yield "text", PREDICT_OWN
    else:
        yield "text", "Predict some rows."
        yield "code", PREDICT


_SHOW_DATA = """\
data = load_data(config)
print(f"{data.source.name}: {len(data.train):,} training rows, {len(data.test):,} test rows")"""
_SHOW_MODEL = """\
model = build_model(config, data)
print(f"{len(model.layers)} layers, {model.count_params():,} parameters")"""


def _parts(source: str) -> dict[str, str]:
    """Return the source of each part of a recipe by its name; helpers go before build_model."""
    found, before = dict[str, str](), list[str]()
    for node, text in lessons.definitions(source):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        name = getattr(node, "name", "") or getattr(target, "id", "")
        if name in ("Config", "load_data", "problem", "build_model", "search_space", "PROBLEM"):
            found[name] = text
        else:
            before.append(text)
    found["build_model"] = "\n\n\n".join([*before, found["build_model"]])
    return found


def _imports(source: str, file: str, data_sets: set[pathlib.Path]) -> Iterator[str]:
    """Yield the imports of a recipe, and those of the notebook's own steps."""
    yield "from __future__ import annotations\n"
    own = {"import sys", "import numpy as np", "import keras_recipes"}
    for node in ast.parse(source).body:
        module = getattr(node, "module", "") or ""
        if isinstance(node, ast.Import | ast.ImportFrom) and not module.startswith(LEFT_OUT):
            own.add(ast.unparse(node))
    yield from sorted(own)
    yield from (f"import {one.stem}" for one in sorted(data_sets))
    yield f'\n__file__ = "{file}"  # names the runs'


def _local(source: str) -> str:
    """Return the source of a data set that imports others from the notebook's own folder."""
    return re.sub(r"^from datasets import (.+)$", r"import \1", source, flags=re.MULTILINE)


def _assignments(module: types.ModuleType) -> str:
    """Return the settings of a recipe as assignments, and the Config that is made of them."""
    kind = module.Config
    own = [name for name in vars(kind).get("__annotations__", {}) if not name.startswith("_")]
    sources = [
        name
        for name in (*getattr(kind, "SOURCES", ()), "target", "data", "data_dir")
        if hasattr(kind, name)
    ]
    names = [*dict.fromkeys([*sources, *own, "seed"])]
    defaults = kind()
    lines = [f"{name} = {getattr(defaults, name)!r}" for name in names]
    given = "".join(f"    {name}={name},\n" for name in names)
    return "\n".join([*lines, f"config = Config(\n{given})"])
