"""Which files are images of which label, by a CSV of paths."""

import os
import pathlib
from typing import TYPE_CHECKING

from keras_recipes import reading
from keras_recipes.data import cells, columns, csv_reader
from keras_recipes.data.folders import listing
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_SAMPLE = 50


def read(file: pathlib.Path, target: str | None, group: str | None = None) -> listing.Listing:
    """List the images that a delimited text file names, with their labels.

    Args:
        file: With a column of paths, relative to its own folder or absolute.
        target: Column of the labels or values; may be None where there is one other column.
        group: Column of what files belong together, if it is the name of one.

    Returns:
        The files, with `columns`.

    Raises:
        InputError: If it cannot be read, or no column holds paths or the target.
    """
    frame, dialect = csv_reader.read(file)
    column, paths = path_column(file, frame, target)
    others = [str(name) for name in frame.columns if name != column]
    if target is None and len(others) != 1:
        raise InputError(
            f"{file.name}: which column to predict? Say --target COLUMN; "
            f"{columns.listed(others, column)}"
        )
    target = others[0] if target is None else target
    if target not in others:
        raise InputError(
            f"{file.name}: no column {target!r} to predict; {columns.listed(others, target)}"
        )
    notes = listing.Notes()
    is_missing = frame[target].isna()
    notes.add("rows without a label", "left out", frame[column][is_missing].astype("str"))
    groups = frame[group] if group in others else [None] * len(frame)
    rows = zip(paths, frame[column], frame[target], groups, strict=True)
    entries = [
        listing.Entry(path, listing.composed(str(name)).replace("\\", "/"), label, group=group)
        for (path, name, label, group), missing in zip(rows, is_missing, strict=True)
        if not missing
    ]
    labels = listing.Columns(column, target, dialect.decimal, dialect.encoding)
    return listing.Listing(entries, f"paths in column {column!r}", notes, labels)


def path_column(
    file: pathlib.Path, frame: "pd.DataFrame", target: str | None = None
) -> tuple[str, list[pathlib.Path]]:
    """Return the column that holds paths of files, and the paths.

    Args:
        file: The table's, whose folder the paths start from.
        frame: Its rows.
        target: Column that is none of paths.

    Raises:
        InputError: If there is none.
    """
    import pandas as pd

    example = ""
    found: dict[str, float] = {}
    for name in frame.columns:
        if name == target or pd.api.types.is_numeric_dtype(frame[name]):
            continue
        text = frame[name].dropna().astype("str")
        some = text.iloc[:: max(1, len(text) // _SAMPLE)]
        is_file = [os.path.exists(_path(file, cell)) for cell in some]
        found[str(name)] = sum(is_file) / max(1, len(is_file))
        if not example:
            example = next((one for one in some if pathlib.PurePath(one).suffix), "")
    column = max(found, key=found.__getitem__, default="")
    if not found.get(column):
        tried = f"no file {reading.shown(_path(file, example))}" if example else "no such column"
        raise InputError(
            f"{file.name}: expected a column with paths of images, relative to the folder of "
            f"this file; received {tried}; columns: {', '.join(map(cells.short, frame.columns))}."
        )
    return column, [_path(file, str(cell)) for cell in frame[column]]


def _path(file: pathlib.Path, cell: str) -> pathlib.Path:
    """Return the file of a cell, which a program of Windows may have written."""
    if "\\" in cell and not os.path.exists(file.parent / cell):
        cell = cell.replace("\\", "/")
    return file.parent / cell.strip()


def read_new(
    file: pathlib.Path, column: str, target: str
) -> "tuple[list[listing.Entry], pd.Series | None]":
    """List the images that a delimited text file names, with or without labels.

    Args:
        file: With a column of paths.
        column: Of the paths in training; another one that holds paths will do.
        target: Column of the labels in training.

    Returns:
        The files; and the column of the labels, None where it is not there.

    Raises:
        InputError: If it cannot be read, or no column holds paths.
    """
    frame, _ = csv_reader.read(file)
    known = (
        frame[[column]] if column in frame.columns else frame.drop(columns=target, errors="ignore")
    )
    column, paths = path_column(file, known)
    entries = [
        listing.Entry(path, listing.composed(str(name)).replace("\\", "/"))
        for path, name in zip(paths, frame[column], strict=True)
    ]
    return entries, (frame[target] if target in frame.columns else None)
