"""Images of the user's own, as rows to learn from: which files, with which labels.

Rows, shape, source and licence are the user's; `read` says what it made of them.
"""

import dataclasses
import hashlib
import itertools
import logging
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from keras_recipes import reading
from keras_recipes.data import findings, splits, targets
from keras_recipes.data.folders import labels, listing
from keras_recipes.data.images import (
    csv_of_paths,
    findings as of_images,
    pixels,
    storage,
    together,
)
from keras_recipes.data.numbers import notation
from keras_recipes.data.numbers.notation import Notation
from keras_recipes.data.synthetic import shapes
from keras_recipes.errors import InputError, describe

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

Colour = Literal["auto", "grey", "rgb"]

_NAMES = "names of files"
MIN_SIZE, MAX_SIZE = 8, 512
_AUTO_SIZES = 32, 64
_MIN_PICTURES = 20
_ENDINGS = {*pixels.KNOWN, ""}
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar")


@dataclasses.dataclass(frozen=True)
class Source(splits.Source):
    """Where images came from, and what was made of the files.

    Attributes:
        target: What is predicted: "class folder", or a column of the CSV.
        problem: Kind of problem, and why.
        class_names: In label order; empty for regression.
        size: Side of the squares that the images were brought to.
        channels: 1 for grey, 3 for RGB.
        depth_shift: By how many bits 16-bit numbers are shifted right.
        layout: How the files are laid out, in words.
        digest: Hash of names, labels and pixels.
        num_pictures: In all parts together.
        seen: What was seen, and what was done about it.
        group: What files that belong together are found by; None for copies alone.
        num_groups: Groups of files; 0 where each stands alone.
        path_column: Of a CSV, the column of the files' paths.
        target_notation: Of a CSV, how the target's cells are written.
    """

    target: str
    problem: str
    class_names: tuple[str, ...]
    size: int
    channels: int
    depth_shift: int
    layout: str
    digest: str
    num_pictures: int
    seen: tuple[findings.Finding, ...] = ()
    group: str | None = None
    num_groups: int = 0
    path_column: str = ""
    target_notation: Notation = notation.PLAIN

    @property
    def note(self) -> str:
        """What to say where no folder was given."""
        return (
            f"NOTE: these are {self.name}. For your own images, use --folder (in Python: folder)."
        )

    @property
    def problem_kind(self) -> str:
        """The kind of problem: binary, multiclass or regression."""
        return self.problem.partition(":")[0]


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """What there is to learn.

    Attributes:
        x: uint8 (rows, size, size, channels); mapped to a temporary file where it is large.
        y: int32 classes, or float64 values, shape (rows,).
        kind: Of the problem.
        source: Of the rows.
        names: Of the files, as people know them.
        parts: The part of each row, as the folders say; None to split at random.
        groups: The group of each row, which stays in one split; None where there are none.
    """

    x: np.ndarray
    y: np.ndarray
    kind: targets.Kind
    source: Source
    names: tuple[str, ...]
    parts: tuple[str, ...] | None = None
    groups: np.ndarray | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the classes in label order; empty for regression."""
        return self.source.class_names

    def split(self, seed: int) -> splits.Splits:
        """Divide into train, validation and test rows.

        Folders of parts stay as they are; without one for validation, 20 % of the train folder
        become it, without one for test likewise. Otherwise it is 60, 20 and 20 % of all rows, by
        the seed, stratified by class. Rows of one group stay together.
        """
        return self._rows(seed).map(self._part)

    def _part(self, rows: splits.Split) -> splits.Split:
        """Return the images of a part whose x holds the numbers of its rows."""
        made = dataclasses.replace(rows, x=storage.take(self.x, rows.x, self.source.channels))
        made.once(_NAMES, lambda: tuple(self.names[row] for row in rows.x))
        return made

    def _rows(self, seed: int) -> splits.Splits:
        """Divide the rows' numbers."""
        numbers = np.arange(len(self.y))
        if self.parts is None:
            return splits.split(numbers, self.y, self.source, seed, groups=self.groups)
        return splits.as_given(
            splits.Split(numbers, self.y, self.groups), self.parts, self.source, seed
        )


def source_of(data: splits.Splits) -> Source:
    """Return the source of splits that `Images.split` made.

    Raises:
        InputError: If the splits are of other rows.
    """
    if not isinstance(data.source, Source):
        raise InputError(f"{data.source.name}: received no images from `own_images.read`")
    return data.source


def names_of(split: splits.Split) -> tuple[str, ...] | None:
    """Return the files' names of a part that `Images.split` made; None for other rows."""
    return split.once(_NAMES, lambda: None)


def read(
    path: str | pathlib.Path | None,
    target: str | None = None,
    *,
    size: int | None = None,
    colour: Colour = "auto",
    group: str | None = None,
    test_folder: str | pathlib.Path | None = None,
    problem: Literal["auto"] | targets.Kind = "auto",
) -> Images:
    """Read images and decide what they are.

    Args:
        path: Of a folder with a folder for each class; of one with folders train, and validation
            or test or both, each with a folder for each class; or of a delimited text file with
            paths and labels. None computes synthetic data.
        target: Of a text file, the column to predict: classes or numbers.
        size: Side of the squares that images are brought to; None for the median of their shorter
            sides, in steps of 8, from 32 to 64.
        colour: "grey", "rgb", or "auto" for grey where every pixel of all images is.
        group: What files that belong together, such as those of one person, have in common; they
            stay in one split. A regular expression, searched in each path below the folder, whose
            first group is compared; "blocks" for files that are numbered one after the other, cut
            into about 20 runs; or a column of the text file.
        test_folder: With the test images, laid out as `path` is.
        problem: Kind of problem, or "auto" to decide by the labels.

    Returns:
        The images.

    Raises:
        InputError: The path, a setting or the labels cannot serve.
    """
    _check(size, colour, problem)
    for flag, value in (("test-folder", test_folder), ("group", group), ("target", target)):
        if not (value is None or isinstance(value, str | os.PathLike)):
            raise InputError(f"--{flag}: received {describe(value)}, expected text; change it.")
    if path is None:
        for flag, value in (("target", target), ("test-folder", test_folder), ("group", group)):
            if value is not None:
                raise InputError(
                    f"--{flag} {reading.shown(value)}: no images are given; give their folder too."
                )
        return _synthetic(size, colour, problem)
    file = _resolved(path)
    try:
        given = _list(file, target, group, test_folder)
        return _make(file.name, given, size, colour, group, problem)
    except InputError as error:
        if str(error).startswith((f"{file.name}:", f"{file}:")):
            raise
        raise InputError(f"{file.name}: {error}") from None


def _check(size: int | None, colour: str, problem: str) -> None:
    if size is not None and not (
        isinstance(size, int) and not isinstance(size, bool) and MIN_SIZE <= size <= MAX_SIZE
    ):
        raise InputError(
            f"--size {describe(size)}: expected a whole number from {MIN_SIZE} to {MAX_SIZE}, the "
            "side of the squares in pixels; change it, or leave it out."
        )
    for flag, value, choices in (
        ("colour", colour, get_args(Colour)),
        ("problem", problem, ("auto", *get_args(targets.Kind))),
    ):
        if value not in choices:
            raise InputError(
                f"--{flag} {describe(value)}: expected one of {', '.join(choices)}; change it."
            )


def _resolved(path: str | pathlib.Path) -> pathlib.Path:
    """Return the absolute path of what is there."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            f"received {describe(path)}, expected the path of a folder of images, or of a CSV."
        )
    file = reading.resolved(reading.expanded(path))
    if not file.is_dir():
        with reading.open_file(path):  # raises where there is none
            pass
    return file


def _synthetic(size: int | None, colour: Colour, problem: Literal["auto"] | targets.Kind) -> Images:
    kind: targets.Kind = "multiclass" if problem == "auto" else problem
    shown = shapes.NAMES[:2] if kind == "binary" else shapes.NAMES
    x, form, large = shapes.draw(num_shapes=len(shown))
    y, class_names = (large, ()) if kind == "regression" else (form, shown)
    if colour == "grey":
        x = np.stack([pixels.grey(one) for one in x])
    x = pixels.resize(x, shapes.SIZE if size is None else size)
    source = Source(
        *("drawn shapes", "built-in", "computed", "that of this repository"),
        target="size" if kind == "regression" else "shape",
        problem=f"{kind}: the sizes of shapes" if kind == "regression" else f"{kind}: shapes",
        class_names=class_names,
        size=x.shape[1],
        channels=x.shape[-1],
        depth_shift=8,
        layout="computed",
        digest="",
        num_pictures=len(y),
        seen=(
            *findings.of_classes(y, class_names, "images"),
            findings.of_split("computed", None, None),
        ),
    )
    names = tuple(f"{shown[one]} {number}" for number, one in enumerate(form.tolist(), 1))
    return Images(x, y, kind, source, names)


def _list(
    file: pathlib.Path,
    target: str | None,
    group: str | None,
    test_folder: str | pathlib.Path | None,
) -> listing.Listing:
    """List the files of a data set, and of its test folder."""
    given = _list_one(file, target, group)
    if test_folder is None:
        return given
    test = _resolved(test_folder)
    outside = [entry for entry in given.entries if test not in entry.path.parents]
    given = given._replace(entries=outside)
    if (given.columns is None) != test.is_dir():
        raise InputError(
            f"--test-folder {reading.shown(test_folder)}: expected it to be laid out as "
            f"{file.name} is, {given.layout}; give another."
        )
    if "test" in {entry.part for entry in given.entries}:
        raise InputError(
            f"--test-folder {reading.shown(test_folder)}: there is a test folder in {file.name} "
            "already; leave one of the two away."
        )
    more = _list_one(test, target, group)
    if {entry.part for entry in more.entries} != {""}:
        raise InputError(
            f"--test-folder {reading.shown(test_folder)}: received {more.layout}, expected a "
            "folder for each class; give the folder above these."
        )
    entries = [
        *(entry._replace(part=entry.part or "train") for entry in given.entries),
        *(entry._replace(part="test", name=f"{test.name}/{entry.name}") for entry in more.entries),
    ]
    for what, done, examples in more.notes:
        given.notes.add(what, done, (f"{test.name}/{example}" for example in examples))
    return given._replace(entries=entries, layout=f"{given.layout}, --test-folder")


def _list_one(file: pathlib.Path, target: str | None, group: str | None) -> listing.Listing:
    if not file.is_dir():
        if file.suffix.lower() in _ARCHIVES or ".tar." in file.name:
            raise InputError("an archive, expected a folder; unpack it and give its folder.")
        if file.suffix.lower() in pixels.KNOWN:
            raise InputError("one image, expected a folder of class folders, or a CSV of paths.")
        return csv_of_paths.read(file, target, group)
    if target is not None:
        raise InputError(
            f"--target {target}: the folders are the classes, and there is no column; leave it "
            "out, or give a CSV of paths and labels."
        )
    return listing.of_folder(file, "images", _ENDINGS)


class _Picture(NamedTuple):
    """A file with an image in it, and what was found in it."""

    entry: listing.Entry
    header: pixels.Header
    facts: pixels.Facts


def _make(
    name: str,
    given: listing.Listing,
    size: int | None,
    colour: Colour,
    group: str | None,
    problem: Literal["auto"] | targets.Kind,
) -> Images:
    """Decode the images and decide what they are."""
    notes = given.notes
    found = pixels.look([entry.path for entry in given.entries])
    _check_left_out(name, given.entries, found, notes)
    both = zip(given.entries, found, strict=True)
    files = [(entry, one) for entry, one in both if isinstance(one, pixels.Header)]
    goal = labels.read([entry for entry, _ in files], given.columns, problem, notes, "images")
    files, y = list(itertools.compress(files, np.isfinite(goal.y))), goal.y[np.isfinite(goal.y)]
    size = _auto_size([header for _, header in files]) if size is None else size
    shift = pixels.depth_shift([entry.path for entry, header in files if header.is_deep])
    x, pictures = _decoded(name, files, size, colour == "grey", shift, notes)
    entries = [picture.entry for picture in pictures]
    if len(pictures) < len(files):  # a class may be gone
        goal = labels.read(entries, given.columns, problem, listing.Notes(), "images")
        y = goal.y
    digests = [picture.facts.digest for picture in pictures]
    copies = together.copies(name, x, y, entries, digests, notes)
    stays = np.isfinite(y) & together.on_one_side(entries, copies, notes)
    copies = (np.cumsum(stays) - 1)[copies[stays[copies].all(axis=1)]]
    x, y = storage.keep(x, np.flatnonzero(stays).tolist()), y[stays]
    pictures = list(itertools.compress(pictures, stays))
    if colour != "rgb" and all(picture.facts.is_grey for picture in pictures):
        x = x[..., :1]
    goal = dataclasses.replace(goal, y=y)
    return _images(name, given, x, goal, pictures, copies, group, shift)


def _images(
    name: str,
    given: listing.Listing,
    x: np.ndarray,
    goal: targets.Target,
    pictures: list[_Picture],
    copies: np.ndarray,
    group: str | None,
    shift: int,
) -> Images:
    """Group the images, and describe what was seen."""
    entries = [one.entry for one in pictures]
    headers, facts = [one.header for one in pictures], [one.facts for one in pictures]
    names = tuple(entry.name for entry in entries)
    of_files = tuple(entry.part for entry in entries)
    parts = of_files if {*of_files} - {"", "train"} else None
    groups = together.groups(name, entries, group, copies, given.notes)
    if group is None and parts is None:
        together.warn_of_neighbours(name, x, goal.y, entries, given.notes)
    y = goal.y.astype("float64" if goal.kind == "regression" else "int32")
    seen = [
        *findings.of_classes(y, goal.class_names, "images"),
        *of_images.of_pictures(names, headers, facts, x.shape, shift),
        *findings.of_notes(given.notes),
        findings.of_split(given.layout, parts, groups),
    ]
    source = Source(
        *(name, "real", "files of the user", "the user's"),
        target=given.columns.target if given.columns else labels.FOLDER,
        problem=f"{goal.kind}: {goal.reason}",
        class_names=goal.class_names,
        size=x.shape[1],
        channels=x.shape[-1],
        depth_shift=shift,
        layout=given.layout,
        digest=_digest(names, y, facts),
        num_pictures=len(y),
        seen=tuple(seen),
        group=group,
        num_groups=0 if groups is None else int(groups.max()) + 1,
        path_column=given.columns.path if given.columns else "",
        target_notation=goal.notation,
    )
    return Images(x, y, goal.kind, source, names, parts, groups)


def _decoded(
    name: str,
    files: Sequence[tuple[listing.Entry, pixels.Header]],
    size: int,
    is_grey: bool,
    shift: int,
    notes: listing.Notes,
) -> tuple[np.ndarray, list[_Picture]]:
    """Decode the images; files that turn out to hold none are left out."""
    entries = [entry for entry, _ in files]
    paths = [entry.path for entry in entries]
    x, found = pixels.load(paths, size, is_grey=is_grey, depth_shift=shift)
    _check_left_out(name, entries, found, notes)
    both = zip(files, found, strict=True)
    return x, [
        _Picture(entry, one, facts)
        for (entry, one), facts in both
        if isinstance(facts, pixels.Facts)
    ]


def _check_left_out(
    name: str,
    entries: Sequence[listing.Entry],
    found: Sequence[object],
    notes: listing.Notes,
) -> None:
    """Note the files that cannot serve, and warn of those that should have served.

    Raises:
        InputError: If too few can.
    """
    both = list(zip(entries, found, strict=True))
    bad = [(entry, one) for entry, one in both if isinstance(one, pixels.LeftOutError)]
    for entry, one in bad:
        notes.add(one.what, "left out", [f"{entry.name}: {one.reason}"])
    lost = [f"{entry.name}: {one.reason}" for entry, one in bad if one.what != pixels.NO_PICTURES]
    if (num_good := len(both) - len(bad)) < _MIN_PICTURES:
        more = f" ({len(lost):,} left out, such as {lost[0]})" if lost else ""
        raise InputError(
            f"{num_good} image{'s' * (num_good != 1)}{more}, expected at least {_MIN_PICTURES}; "
            "bring more."
        )
    _warn_of(name, lost)


def _warn_of(name: str, lost: list[str]) -> None:
    """Warn of files that should have served."""
    if lost:
        several = f"{len(lost):,} files cannot be read as images and are left out, such as "
        one = "a file cannot be read as an image and is left out: "
        _logger.warning("%s: %s%s", name, several if len(lost) > 1 else one, lost[0])


def _auto_size(headers: Sequence[pixels.Header]) -> int:
    """Return the median of the shorter sides, in steps of 8, from 32 to 64."""
    middle = float(np.median([min(one.width, one.height) for one in headers]))
    least, most = _AUTO_SIZES
    return int(np.clip(-(-middle // 8) * 8, least, most))


def _digest(names: Sequence[str], y: np.ndarray, facts: Sequence[pixels.Facts]) -> str:
    found = hashlib.sha256(y.tobytes())
    for name, one in zip(names, facts, strict=True):
        found.update(name.encode("utf-8", "backslashreplace") + b"\0" + one.digest)
    return found.hexdigest()


def table(source: Source) -> tuple[str, list[tuple[str, str, str, str]]]:
    """Return what is to be printed before training.

    Returns:
        A title, and rows of four texts: what was seen, in how many images, what was done about
        it, and examples.
    """
    title = f"{source.name}: {source.num_pictures:,} images, {source.problem}"
    return title, findings.rows(source.seen)


def check(source: Source) -> None:
    """Raise ValueError where a source cannot be one."""
    if not MIN_SIZE <= source.size <= MAX_SIZE or source.channels not in (1, 3):
        raise ValueError(f"images cannot have the size {source.size} x {source.channels}")
    if source.depth_shift not in (4, 8):
        raise ValueError(f"numbers of 16 bits cannot be shifted by {source.depth_shift}")


def example(source: Source) -> np.ndarray:
    """Return one row of what a model of images takes: black, uint8 (1, size, size, channels)."""
    return np.zeros((1, source.size, source.size, source.channels), "uint8")


def read_new(
    path: str | pathlib.Path, source: Source
) -> "tuple[pd.DataFrame, np.ndarray, np.ndarray | None]":
    """Read new images for a model that has learned from others.

    Args:
        path: Of an image, of a folder of images with or without class folders, or of a CSV of
            paths.
        source: That of the training.

    Returns:
        A table whose column `input` names each image; the images, uint8 (rows, size, size,
        channels); and their labels where some are known, float64 (rows,), NaN for the others.
        Files that cannot serve are named in a warning.

    Raises:
        InputError: If there is no image.
    """
    import pandas as pd

    file = _resolved(path)
    entries, y = _new_entries(file, source)
    is_grey = source.channels == 1
    paths = [entry.path for entry in entries]
    x, facts = pixels.load(paths, source.size, is_grey=is_grey, depth_shift=source.depth_shift)
    bad = [
        (one.what, f"{entry.name}: {one.reason}")
        for entry, one in zip(entries, facts, strict=True)
        if isinstance(one, pixels.LeftOutError)
    ]
    if not len(x):
        reason = bad[0][1].removeprefix(f"{file.name}: ")
        raise InputError(f"{file.name}: no image that can be read; {reason}.")
    _warn_of(file.name, [text for what, text in bad if what != pixels.NO_PICTURES])
    is_good = [isinstance(one, pixels.Facts) for one in facts]
    names = pd.DataFrame({"input": [e.name for e in itertools.compress(entries, is_good)]})
    return names, x, (y[is_good] if np.isfinite(y[is_good]).any() else None)


def _new_entries(file: pathlib.Path, source: Source) -> tuple[list[listing.Entry], np.ndarray]:
    """Return the files to read and their labels, NaN where they are not known."""
    if file.is_dir():
        names = listing.walk(file, listing.Notes())
        entries = [
            listing.Entry(file.joinpath(*one), listing.composed("/".join(one)))
            for one in names
            if listing.ending(one[-1]) in _ENDINGS
        ]
        if not entries:
            raise InputError(f"{file.name}: no image in this folder; give another.")
        y = [labels.of_folders(entry.name, source.class_names) for entry in entries]
        return entries, np.array(y)
    if file.suffix.lower() in pixels.KNOWN or isinstance(pixels.look([file])[0], pixels.Header):
        return [listing.Entry(file, file.name)], np.array([np.nan])
    try:
        entries, values = csv_of_paths.read_new(file, source.path_column, source.target)
    except InputError as error:
        raise InputError(
            f"{error} The run was trained on images: expected an image, a folder of images, or a "
            "CSV file with a column of paths."
        ) from error
    if values is None:
        return entries, np.full(len(entries), np.nan)
    return entries, targets.read_again(values, source.class_names, source.target_notation)
