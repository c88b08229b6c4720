"""The page of all rules, RULES.md, made from the rules themselves.

Run: python -m keras_recipes.checks.page
"""

from __future__ import annotations

import inspect
import pathlib
import types

from keras_recipes.checks import api
from keras_recipes.checks.findings import Rule

PATH = pathlib.Path(__file__).parent / "RULES.md"
HEAD = """# What the check looks for

`keras_recipes.check(model, x, y)` and `python -m recipes check` hold a compiled Keras model
and its data against these rules before training; a finding names what was received, what was
expected and the change to make. `ignore=["scaling/inputs-not-scaled"]`, or `ignore=["D3"]`, leaves
a rule out. An output whose loss is the user's own, and data that cannot be read twice, are
not judged; a note says so.

This page is made from the rules: `python -m keras_recipes.checks.page`.
"""


def write() -> str:
    """Return the page's text."""
    sections = [_section(module) for module in api.MODULES]
    return "\n".join([HEAD, *sections])


def _section(module: types.ModuleType) -> str:
    title = (
        (inspect.getdoc(module) or "").partition("\n")[0].removeprefix("Rules about ").rstrip(".")
    )
    lines = [
        f"## {title[0].upper()}{title[1:]}\n",
        "| name | id | mistake | why it hurts | fix | threads |",
        "|---|---|---|---|---|---|",
        *(
            _row(rule)
            for rule in sorted(module.RULES, key=lambda rule: (rule.id[0], int(rule.id[1:])))
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    places = [thread.replace("#", "/issues/") for thread in rule.threads]
    linked = zip(rule.threads, places, strict=True)
    threads = ", ".join(f"[{thread}](https://github.com/{place})" for thread, place in linked)
    cells = (f"`{rule.name}`", rule.id, rule.mistake, rule.why, rule.fix, threads)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    PATH.write_text(write(), encoding="utf-8")
