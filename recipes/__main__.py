"""`python -m recipes`: list, check, predict, and make a recipe a project of your own.

Usage:
  python -m recipes                                list every recipe
  python -m recipes predict RUN_DIR INPUT [-o OUT] predict a .csv, .npy, .png or folder of .png
  python -m recipes export RUN_DIR FOLDER          write a run's model for TensorFlow Serving
  python -m recipes check FILE.py:FUNCTION --data x.csv --target y
                                                   name classic mistakes before training
  python -m recipes copy RECIPE FOLDER [--name NAME] [--minimal] [--data FILE --target COLUMN]
                                                   make a recipe a project of your own, or one file
  python -m recipes diff FOLDER                    what has changed there and here since the copy

copy and diff are commands of the collection; a copied project lacks them.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import pathlib
import sys
import types
from typing import Annotated

import tyro

from recipes.common import checking, command_line, configs, files, shelf
from recipes.common.errors import InputError


@dataclasses.dataclass(frozen=True)
class Predict:
    """Predict new inputs with a saved run: class names and probabilities, or values."""

    run_dir: Annotated[pathlib.Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_DIR")]
    """Folder that a recipe wrote."""
    input: Annotated[pathlib.Path, tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """A .csv table, a .npy array, a .png image or a folder of .png images."""
    out: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"], metavar="OUT")] = None
    """CSV file to write, a new one; printed where not given."""


def predict(arguments: Predict) -> None:
    """Predict and print, or write to a file."""
    if arguments.out is not None:
        files.check_new_file("-o", arguments.out)
    from recipes.common import predictions  # TensorFlow loads here

    table = predictions.predict(arguments.run_dir, arguments.input)
    if arguments.out is None:
        print(table.to_csv(index=False, float_format=_figure), end="")
        return
    files.write_text(arguments.out, table.to_csv(index=False, float_format=_figure))
    print(f"{len(table)} predictions in {arguments.out}")


def _figure(value: float) -> str:
    """Write six digits, and those beyond that stand before the point."""
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"


@dataclasses.dataclass(frozen=True)
class Export:
    """Write a saved run's model as a SavedModel, which plain TensorFlow loads and serves."""

    run_dir: Annotated[pathlib.Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_DIR")]
    """Folder that a recipe wrote."""
    folder: Annotated[pathlib.Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """New folder; TensorFlow Serving wants it named by a number, such as models/price/1."""


def export(arguments: Export) -> None:
    """Export and say what the signature takes and gives."""
    if arguments.folder.exists():
        raise InputError(f"{arguments.folder}: there already; give the name of a new folder")
    from recipes.common import exporting  # TensorFlow loads here

    described = exporting.export(arguments.run_dir, arguments.folder)
    for side, names in described.items():
        print(f"{side}: {', '.join(map(_with_column, names, names.values()))}")
    if any("ISO 8601" in str(form) for form in described["inputs"].values()):
        print("dates are taken as 2020-01-31 or 2020-01-31T12:00, other forms refused")
    print(f"SavedModel in {arguments.folder}, described in {exporting.DESCRIPTION}")


def _with_column(name: str, described: object) -> str:
    """Name an input of the signature, and the column that it is where that is called otherwise."""
    column = described.get("column", name) if isinstance(described, dict) else name
    return name if column == name else f"{name} (column {column!r})"


@dataclasses.dataclass(frozen=True)
class Copy(configs.TableOptions):
    """Make a recipe a project of your own, which stands without this repository."""

    _: dataclasses.KW_ONLY
    recipe: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE")]
    """Name of a recipe; `python -m recipes` lists them."""
    folder: Annotated[pathlib.Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """New or empty folder to write the project into; with --minimal, it may be a .py file."""
    name: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Name of the recipe there; by default that of the folder."""
    minimal: bool = False
    """Write a single file instead: data, rules, network and training in plain Keras."""
    csv: Annotated[pathlib.Path | None, tyro.conf.arg(name="data", metavar="FILE")] = None
    """Table of yours, for tabular: it is copied, and what is made of its columns stands in Config.
    The flags below say otherwise."""


def copy(arguments: Copy) -> None:
    """Copy a recipe and say what to do next."""
    module = _of_the_collection("minimal" if arguments.minimal else "copying")
    told = arguments.recipe, arguments.folder, arguments.name
    if arguments.told() and (arguments.minimal or arguments.csv is None):
        raise InputError(
            "--data FILE and what is told of its columns go together, and not with --minimal"
        )
    table = {} if arguments.minimal else {"table": arguments}
    print("\n".join(module.copy(*told, **table)))


def _of_the_collection(name: str) -> types.ModuleType:
    """Import a module that copied projects lack: imported by name, it is not taken along.

    Raises:
        InputError: If this is such a project.
    """
    if importlib.util.find_spec(f"recipes.common.{name}") is None:
        raise InputError("copy and diff are commands of the collection that this project came from")
    return importlib.import_module(f"recipes.common.{name}")


@dataclasses.dataclass(frozen=True)
class Diff:
    """Show what has changed since a project was copied, there and here."""

    folder: Annotated[pathlib.Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Folder that `python -m recipes copy` wrote."""


def diff(arguments: Diff) -> None:
    """Print the files that differ, each with its differences."""
    for line in _of_the_collection("differences").describe(arguments.folder):
        print(line)


COMMANDS = {
    "check": (checking.Check, checking.check),
    "predict": (Predict, predict),
    "export": (Export, export),
    "copy": (Copy, copy),
    "diff": (Diff, diff),
}


def main() -> None:
    """List the recipes, or run the command that is named first."""
    with command_line.errors_as_lines():
        arguments = sys.argv[1:]
        if not arguments:
            shelf.print_shelf()
        elif arguments[0] in ("-h", "--help"):
            print((__doc__ or f"commands: {', '.join(COMMANDS)}").strip())
        elif arguments[0] not in COMMANDS:
            raise InputError(_describe_unknown(arguments[0]))
        else:
            kind, run = COMMANDS[arguments[0]]
            prog = f"python -m recipes {arguments[0]}"
            run(*command_line.parse(prog, kind.__doc__, arguments[1:], arguments=kind))


def _describe_unknown(command: str) -> str:
    if command in shelf.recipe_names():
        return f"{command} is a recipe, not a command; python -m recipes.{command} runs it"
    programs = {name: f"recipes.{name}" for name in shelf.recipe_names()}
    programs |= {name: f"recipes {name}" for name in COMMANDS}
    near = difflib.get_close_matches(command, programs, n=1)
    meant = f"did you mean python -m {programs[near[0]]}? Expected" if near else "expected"
    return (
        f"unknown command {command!r}, {meant} one of {', '.join(COMMANDS)}; `python -m recipes` "
        "alone lists the recipes, and `python -m recipes.NAME` runs one"
    )


if __name__ == "__main__":
    main()
