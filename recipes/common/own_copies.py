"""A recipe's source for one table: what was found out about it becomes the defaults of Config.

Belongs to the command `copy`, as `copying` does: nothing in a copy imports it.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
import typing

from recipes.common import as_source, configs
from recipes.common.errors import InputError

FOLDER = "data"
WIDTH = 100
_CONFIG = re.compile(r'(^class Config\(configs\.TableConfig\):\n    """.*"""\n\n)', re.MULTILINE)
_TYPES = {
    name: as_source.of_type(hint)
    for name, hint in typing.get_type_hints(configs.TableOptions).items()
}


def settle(recipe: str, table: configs.TableOptions) -> dict[str, object]:
    """Read a table and give the settings that say what was made of it.

    Args:
        recipe: Name of a recipe.
        table: With csv.

    Returns:
        Values for fields of `configs.TableOptions`, as JSON has them; the file by its name alone.

    Raises:
        InputError: If the recipe takes no table.
        datasets.DataError: If the table cannot serve.
    """
    module = importlib.import_module(f"recipes.{recipe}")
    if not issubclass(module.Config, configs.TableConfig):
        raise InputError(f"--data: {recipe} has data of its own; tabular takes a table of yours")
    source = module.load_data(dataclasses.replace(module.Config(), **table.told())).source
    kinds = {"categorical": "category", "numeric": "number", "drop": "left out"}
    found = {
        field: [column.name for column in source.columns if column.kind == kind]
        for field, kind in kinds.items()
    }
    told = table.told() | {"csv": table.csv.name, "problem": source.problem.partition(":")[0]}
    return {**told, **found}


def write(source: str, settings: dict[str, object]) -> str:
    """Write settings into a recipe's source.

    Args:
        source: Of the recipe.
        settings: From `settle`.
    """
    lines = "".join(_field(name, settings[name]) for name in _TYPES if name in settings)
    source = _CONFIG.sub(lambda found: found[1] + lines, source, count=1)
    source = source.replace("import sys\n", "import pathlib\nimport sys\n", 1)
    source = source.replace(" --csv data.csv --target price", "").replace(
        " data.csv --target price", ""
    )
    # By a function: a name may hold what a pattern would take for its own.
    of_it = {
        "Problem": f"{settings['problem']}; its target is {settings['target']}.",
        "Data": f"{FOLDER}/{settings['csv']}.",
    }
    for word, text in of_it.items():
        source = re.sub(
            rf"(?m)^{word}: .*$", lambda _, w=word, t=text: f"{w}: {t}", source, count=1
        )
    return source


def _field(name: str, value: object) -> str:
    """Write a field of a dataclass with its default; columns one a line where they are many."""
    if name == "csv":
        text = f'pathlib.Path(__file__).parents[1] / "{FOLDER}" / {as_source.of_value(value)}'
    elif isinstance(value, list | tuple):
        text = f"({', '.join(map(as_source.of_value, value))}{',' * (len(value) == 1)})"
    else:
        text = as_source.of_value(value)
    start = f"    {name}: {_TYPES[name]} = "
    if len(start + text) <= WIDTH:
        return f"{start}{text}\n"
    if isinstance(value, list | tuple):
        lines = "".join(f"        {as_source.of_value(one)},\n" for one in value)
        return f"{start}(\n{lines}    )\n"
    return f"{start}(\n        {text}\n    )\n"
