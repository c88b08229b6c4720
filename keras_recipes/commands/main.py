"""`python -m recipes`: list, run, check, export and copy recipes, and predict with a run.

Usage:
  python -m recipes                                list the recipes
  python -m recipes.NAME                           train a recipe; --help lists its settings
  python -m recipes run FILE.py                    train the recipe in this file
  python -m recipes runs [FOLDER]                  list your runs with their scores
  python -m recipes compare RUN_DIR RUN_DIR        compare two runs: settings, scores, curves
  python -m recipes predict RUN_DIR INPUT [-o OUT] predict from a table, array, images or texts
  python -m recipes export RUN_DIR FOLDER          export the model of a run for TensorFlow Serving
  python -m recipes check FILE.py:FUNCTION --data x.csv --target y
                                                   find classic mistakes before training
  python -m recipes copy RECIPE FOLDER [--name NAME] [--minimal] [--data FILE --target COLUMN]
                                                   copy a recipe as your own project, or as one file
  python -m recipes copy --update PROJECT          update the library of a copied project
  python -m recipes notebook RECIPE [-o FILE]      write a recipe as a Jupyter notebook
  python -m recipes example [FOLDER]               write example data: a table, images or texts
"""

from __future__ import annotations

import difflib
import sys
import typing
from collections.abc import Callable

from keras_recipes import catalog
from keras_recipes.commands import (
    check,
    compare,
    copy,
    example,
    export,
    notebook,
    predict,
    run,
    runs,
)
from keras_recipes.console import command_line
from keras_recipes.errors import InputError

COMMANDS: dict[str, tuple[type[typing.Any], Callable[[typing.Any], None]]] = {
    "runs": (runs.Runs, runs.list_runs),
    "compare": (compare.Compare, compare.compare),
    "check": (check.Check, check.check),
    "predict": (predict.Predict, predict.predict),
    "export": (export.Export, export.export),
    "copy": (copy.Copy, copy.copy),
    "notebook": (notebook.Notebook, notebook.notebook),
    "example": (example.Example, example.example),
}
RUN = "run"


def main() -> None:
    """List the recipes, or run the command that is named first."""
    with command_line.errors_as_lines():
        arguments = sys.argv[1:]
        if not arguments:
            catalog.print_catalog()
        elif arguments[0] in ("-h", "--help"):
            print((__doc__ or f"commands: {', '.join((RUN, *COMMANDS))}").strip())
            print(f"\nOther programs:\n{catalog.describe_programs('recipes --help')}")
        elif arguments[0] == "--version":
            print(command_line.describe_versions())
        elif arguments[0] == RUN:
            run.run_named(arguments[1:])
        elif arguments[0] not in COMMANDS:
            raise InputError(_describe_unknown(arguments[0]))
        else:
            kind, command = COMMANDS[arguments[0]]
            prog = f"python -m recipes {arguments[0]}"
            command(*command_line.parse(prog, kind.__doc__, arguments[1:], arguments=kind))


def _describe_unknown(command: str) -> str:
    if command in catalog.recipe_names():
        return f"{command} is a recipe, not a command; python -m recipes.{command} runs it"
    names = (RUN, *COMMANDS)
    programs = {name: f"recipes.{name}" for name in catalog.recipe_names()}
    programs |= {name: f"recipes {name}" for name in names}
    near = difflib.get_close_matches(command, programs, n=1)
    meant = f"did you mean python -m {programs[near[0]]}? Expected" if near else "expected"
    return (
        f"unknown command {command!r}, {meant} one of {', '.join(names)}; `python -m recipes` "
        "lists the recipes, and `python -m recipes.NAME` runs one"
    )
