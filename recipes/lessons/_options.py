"""Command line of a lesson."""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import typing

from keras_recipes import configs
from keras_recipes.console import command_line

Language = typing.Literal["en", "ko"]


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings of a lesson."""

    seed: configs.Seed = 0
    """Random seed."""
    out: pathlib.Path | None = None
    """Output folder; by default, a new folder in runs/."""
    lang: Language = "en"
    """Language of the three sentences: en (English) or ko (Korean)."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def docstring(name: str) -> str:
    """Return a lesson's docstring, read from its file without running it."""
    path = pathlib.Path(__file__).with_name(f"{name}.py")
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or name


def parse(name: str) -> Options:
    """Return the options of a lesson that the program was called with.

    Args:
        name: Of the lesson.

    Raises:
        InputError: If a flag or a value is wrong.
        SystemExit: After `--help` and `--version`.
    """
    prog = f"python -m recipes.lessons.{name}"
    (options,) = command_line.parse(prog, docstring(name), lesson=Options)
    return options
