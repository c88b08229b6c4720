"""Which files are images of which label: class folders, folders of parts, or a CSV of paths."""

import collections
import os
import pathlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from keras_recipes import reading
from keras_recipes.data import cells, columns, csv_reader
from keras_recipes.data.images import pixels
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
_HIDDEN = {"thumbs.db", "desktop.ini", "icon\r", "__macosx", "$recycle.bin", "@eadir"}
_MAX_FILES = 1_000_000
_SAMPLE = 50


class Entry(NamedTuple):
    """A file that may be an image.

    Attributes:
        path: To open it.
        name: For people: below the folder or as in the CSV, with / between folders.
        label: Class folder, or cell of the CSV; None where there is none.
        part: A key of PARTS; "" where the folders are no parts.
        group: Cell of the CSV's column of groups; None where there is none.
    """

    path: pathlib.Path
    name: str
    label: object = None
    part: str = ""
    group: object = None


class Notes:
    """What was seen and done, each kind with its count and its first examples."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[str]] = collections.defaultdict(list)

    def add(self, what: str, done: str, examples: Iterable[str]) -> None:
        """Note examples of a kind.

        Args:
            what: Kind, in the plural, such as "empty files".
            done: What was done about it, such as "left out".
            examples: Their names.
        """
        for example in examples:
            self._found[what, done].append(reading.shown(example))

    def say(self, what: str, done: str) -> None:
        """Note what is true of the whole, without examples."""
        self._found[what, done] = []

    def __iter__(self) -> Iterator[tuple[str, str, list[str]]]:
        return ((what, done, names) for (what, done), names in self._found.items())


class Columns(NamedTuple):
    """The columns of a CSV that say which file has which label.

    Attributes:
        path: Column of the files' paths.
        target: Column of the labels or values.
        decimal: Mark of decimals of the file.
        encoding: Of the file.
    """

    path: str
    target: str
    decimal: str
    encoding: str


class Listing(NamedTuple):
    """The files of a data set.

    Attributes:
        entries: In natural order of their names: 2 before 10.
        layout: How they are laid out, in words.
        notes: What was seen.
        columns: Of a CSV; None for folders.
    """

    entries: list[Entry]
    layout: str
    notes: Notes
    columns: Columns | None = None


def natural(name: str) -> tuple:
    """Return a key that sorts 2 before 10."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(part), part) if place % 2 else (0, part) for place, part in enumerate(parts))


def composed(name: str) -> str:
    """Return a name for people: accents and Hangul in one form (NFC), nothing unprintable."""
    text = unicodedata.normalize("NFC", name)
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def walk(folder: pathlib.Path, notes: Notes) -> list[tuple[str, ...]]:
    """Return the files below a folder, hidden ones and links in a circle left out.

    Args:
        folder: Where to look.
        notes: What is left out is added.

    Returns:
        For each file its folders below this one, and its name.

    Raises:
        InputError: If there are more than a million.
    """
    found: list[tuple[str, ...]] = []
    seen = set()

    def cannot(error: OSError) -> None:
        name = pathlib.Path(error.filename).relative_to(folder).as_posix()
        if name == ".":
            raise InputError(f"the folder cannot be read ({error.strerror}); check its rights.")
        notes.add("unreadable folders", "left out", [f"{name}: {error.strerror}"])

    for place, folders, files in os.walk(folder, onerror=cannot, followlinks=True):
        state = os.stat(place)
        inside = pathlib.Path(place).relative_to(folder).parts
        if (state.st_dev, state.st_ino) in seen:
            notes.add("links to folders seen before", "left out", ["/".join(inside)])
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        for names in (folders, files):
            hidden = [name for name in names if name[0] == "." or name.lower() in _HIDDEN]
            notes.add(
                "hidden files and folders", "left out", ("/".join((*inside, n)) for n in hidden)
            )
            names[:] = sorted({*names} - {*hidden}, key=natural)
        if not folders and not files:
            notes.add("empty folders", "left out", ["/".join(inside)])
        found += [(*inside, name) for name in files]
        if len(found) > _MAX_FILES:
            raise InputError(
                f"{reading.shown(folder)}: more than {_MAX_FILES:,} files; give the folder that "
                "holds the class folders."
            )
    return found


def of_folder(folder: pathlib.Path, what: str = "images") -> Listing:
    """List the files of class folders, or of folders train, validation and test of these.

    Args:
        folder: That holds them; folders around them, one in the other, are passed through.
        what: The files hold, for messages.

    Raises:
        InputError: If there are no class folders.
    """
    notes = Notes()
    files = walk(folder, notes)
    loose = [file for file in files if len(file) == 1 and not may_be_picture(file[0])]
    notes.add("files beside the class folders", "left out", (name for (name,) in loose))
    folder, files = _inside(folder, [file for file in files if file not in {*loose}])
    parts = _parts(files)
    if parts:
        others = sorted({file[0] for file in files} - {*parts})
        notes.add("files and folders beside train", "left out", others)
        files = [file for file in files if file[0] in parts]
    depth = 1 if parts else 0
    in_class = [file for file in files if len(file) > depth + 1]
    direct = ["/".join(file) for file in files if len(file) == depth + 1]
    if not in_class:
        raise InputError(
            f"{reading.shown(folder)}: {len(direct + loose):,} files and no class folders; "
            f"expected a folder for each class with its {what} inside, or a CSV file in its place."
        )
    notes.add("files beside the class folders", "left out", direct)
    nested = [file for file in in_class if len(file) > depth + 2]
    notes.add("files in folders inside class folders", "taken", map("/".join, nested))
    entries = [
        Entry(
            folder.joinpath(*file),
            composed("/".join(file)),
            file[depth],
            parts[file[0]] if parts else "",
        )
        for file in in_class
    ]
    named = sorted({*parts.values()}, key=[*PARTS].index)
    return Listing(entries, f"folders {', '.join(named)}" if parts else "class folders", notes)


def _inside(
    folder: pathlib.Path, files: list[tuple[str, ...]]
) -> tuple[pathlib.Path, list[tuple[str, ...]]]:
    """Pass through folders that hold nothing but one folder of folders."""
    while len({file[0] for file in files}) == 1 and all(len(file) > 2 for file in files):
        folder /= files[0][0]
        files = [file[1:] for file in files]
    return folder, files


def may_be_picture(name: str) -> bool:
    """Return whether a file's name has the ending of an image, or none."""
    suffix = pathlib.PurePath(name).suffix.lower()
    return not suffix or suffix in pixels.KNOWN


def _parts(files: list[tuple[str, ...]]) -> dict[str, str]:
    """Return which folders are parts: train holds class folders, and so may the others."""
    with_classes = {file[0] for file in files if len(file) > 2}
    part_of = {name: part for part, names in PARTS.items() for name in names}
    parts = {name: part_of[name.lower()] for name in with_classes if name.lower() in part_of}
    return parts if "train" in parts.values() else {}


def of_csv(file: pathlib.Path, target: str | None, group: str | None = None) -> Listing:
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
    notes = Notes()
    is_missing = frame[target].isna()
    notes.add("rows without a label", "left out", frame[column][is_missing].astype("str"))
    groups = frame[group] if group in others else [None] * len(frame)
    rows = zip(paths, frame[column], frame[target], groups, strict=True)
    entries = [
        Entry(path, composed(str(name)).replace("\\", "/"), label, group=group)
        for (path, name, label, group), missing in zip(rows, is_missing, strict=True)
        if not missing
    ]
    labels = Columns(column, target, dialect.decimal, dialect.encoding)
    return Listing(entries, f"paths in column {column!r}", notes, labels)


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


def new_of_csv(
    file: pathlib.Path, column: str, target: str
) -> "tuple[list[Entry], pd.Series | None]":
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
        Entry(path, composed(str(name)).replace("\\", "/"))
        for path, name in zip(paths, frame[column], strict=True)
    ]
    return entries, (frame[target] if target in frame.columns else None)
