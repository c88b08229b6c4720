"""What every lesson shares: its command line, and how a table and a picture are shown."""

from __future__ import annotations

import dataclasses
import pathlib
import types

import pandas as pd
from matplotlib.figure import Figure

from recipes.common import command_line, configs, files


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a lesson found.

    Attributes:
        table: The numbers, a few rows.
        figure: The picture.
        sentences: Three sentences that say what the numbers mean; Korean terms in brackets.
    """

    table: pd.DataFrame
    figure: Figure
    sentences: tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings of a lesson."""

    seed: configs.Seed = 0
    """Decides everything random."""
    out: pathlib.Path | None = None
    """Folder to write to; by default the next free one in runs/."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


def main(lesson: types.ModuleType) -> None:
    """Run a lesson as a program: print its table and sentences, write its picture.

    Args:
        lesson: The lesson's module, with `study(seed) -> Shown`.
    """
    with command_line.errors_as_lines():
        name = pathlib.Path(lesson.__file__).stem
        (options,) = command_line.parse(
            f"python -m recipes.lessons.{name}", lesson.__doc__, lesson=Options
        )
        folder = options.out or files.next_folder(pathlib.Path("runs"), name)
        with files.whole_folder(folder) as partial:
            shown = lesson.study(options.seed)
            with files.faults_named(folder):
                write(shown, partial)
        print((lesson.__doc__ or name).strip(), "", describe(shown), "", *shown.sentences, sep="\n")
        print(f"\nPicture and table are in {folder}")


def write(shown: Shown, folder: pathlib.Path) -> None:
    """Write a lesson's picture and table.

    Args:
        shown: What the lesson found.
        folder: Where picture.png and table.csv go.
    """
    shown.figure.savefig(folder / "picture.png", dpi=110)
    shown.table.to_csv(folder / "table.csv", index=False)


def describe(shown: Shown) -> str:
    """Give a lesson's table as text."""
    return shown.table.to_string(index=False, float_format=lambda number: f"{number:.4g}")
