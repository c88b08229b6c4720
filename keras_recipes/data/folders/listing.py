"""Which files have which label: class folders, or folders of parts."""

import collections
import os
import pathlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from keras_recipes import reading
from keras_recipes.errors import InputError

PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
_HIDDEN = {"thumbs.db", "desktop.ini", "icon\r", "__macosx", "$recycle.bin", "@eadir"}
_MAX_FILES = 1_000_000


class Entry(NamedTuple):
    """A file that may be learned from.

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


def ending(name: str) -> str:
    """Return the ending of a file's name in lower case, with its point; "" where it has none."""
    return pathlib.PurePath(name).suffix.lower()


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


def of_folder(folder: pathlib.Path, what: str, endings: Collection[str]) -> Listing:
    """List the files of class folders, or of folders train, validation and test of these.

    Args:
        folder: That holds them; folders around them, one in the other, are passed through.
        what: The files hold, such as "images".
        endings: Of files that may hold one, in lower case, such as ".png", or "".

    Raises:
        InputError: If there are no class folders.
    """
    notes = Notes()
    files = walk(folder, notes)
    loose = [file for file in files if len(file) == 1 and ending(file[0]) not in endings]
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


def _parts(files: list[tuple[str, ...]]) -> dict[str, str]:
    """Return which folders are parts: train holds class folders, and so may the others."""
    with_classes = {file[0] for file in files if len(file) > 2}
    part_of = {name: part for part, names in PARTS.items() for name in names}
    parts = {name: part_of[name.lower()] for name in with_classes if name.lower() in part_of}
    return parts if "train" in parts.values() else {}
