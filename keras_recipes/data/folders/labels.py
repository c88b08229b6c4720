"""What files show: class folders, or a column of a CSV, as classes or numbers."""

import collections
import logging
from collections.abc import Sequence
from typing import Literal

import numpy as np

from keras_recipes.data import cells, targets
from keras_recipes.data.folders import listing
from keras_recipes.errors import InputError, some

FOLDER = "class folder"
_MAX_CLASSES = 1000

_log = logging.getLogger(__name__)


def read(
    entries: Sequence[listing.Entry],
    columns: listing.Columns | None,
    problem: Literal["auto"] | targets.Kind,
    notes: listing.Notes,
    what: str,
) -> targets.Target:
    """Decide what kind of problem the labels make.

    Args:
        entries: The files.
        columns: Of their CSV; None for class folders.
        problem: Kind of problem, or "auto" to decide by the labels.
        notes: What is left out or taken as one is added.
        what: The files hold, for messages.

    Returns:
        The target; its y, float64 (files,), is NaN for files that cannot serve.

    Raises:
        InputError: If the labels cannot be learned, or not as the problem asks for.
    """
    if columns is not None:
        import pandas as pd

        values = pd.Series([entry.label for entry in entries], name=columns.target)
        return targets.read(values, problem, columns.decimal)
    if problem == "regression":
        return _numbers(entries)
    return _classes(entries, problem, notes, what)


def _numbers(entries: Sequence[listing.Entry]) -> targets.Target:
    try:
        y = np.array([float(entry.label) for entry in entries])  # type: ignore[arg-type]
    except ValueError as error:
        name = str(error).partition(": ")[2]
        raise InputError(
            f"--problem regression: received a class folder {name}, expected numbers as names of "
            "all folders; rename it, or leave --problem out."
        ) from None
    if len(np.unique(y)) < 2 or not np.isfinite(y).all():
        raise InputError(
            "--problem regression: expected folders of two numbers or more; bring others."
        )
    return targets.Target(y, "regression", (), "folders are numbers")


def tidy(name: object) -> str:
    """Return the name of a class as it is shown: composed, with single spaces, none around."""
    return " ".join(listing.composed(str(name)).split())


def _classes(
    entries: Sequence[listing.Entry],
    problem: Literal["auto"] | targets.Kind,
    notes: listing.Notes,
    what: str,
) -> targets.Target:
    names = [tidy(entry.label) for entry in entries]
    learned = collections.Counter(
        name for name, entry in zip(names, entries, strict=True) if entry.part in ("", "train")
    )
    shown: dict[str, str] = {}
    for name, _ in learned.most_common():
        shown.setdefault(name.casefold(), name)
    merged = (f"{name!r} as {shown[name.casefold()]!r}" for name in learned)
    again = [text for text, name in zip(merged, learned, strict=True) if name not in shown.values()]
    forms = collections.Counter(
        dict(zip((entry.label for entry in entries), names, strict=True)).values()
    )
    again += [
        f"{name!r} in {count} forms of Unicode or of spaces"
        for name, count in forms.items()
        if count > 1
    ]
    notes.add("class folders in several spellings", "taken as one class", again)
    class_names = tuple(targets.in_order(shown.values()))
    number = {name.casefold(): place for place, name in enumerate(class_names)}
    y = np.array([number.get(name.casefold(), np.nan) for name in names])
    unknown = [entry.name for entry, value in zip(entries, y, strict=True) if np.isnan(value)]
    notes.add(f"{what} of classes without training {what}", "left out", unknown)
    _check_parts(entries, y, class_names, what)
    kind = _check(class_names, np.bincount(y[np.isfinite(y)].astype(int)), problem, what)
    reason = f"{len(class_names)} class folders" if problem == "auto" else "as asked for"
    return targets.Target(y, kind, class_names, reason)


def _check_parts(
    entries: Sequence[listing.Entry], y: np.ndarray, class_names: tuple[str, ...], what: str
) -> None:
    """Refuse a validation or test folder of other classes; warn where classes are missing in it."""
    for part in ("validation", "test"):
        inside = [(entry, y[row]) for row, entry in enumerate(entries) if entry.part == part]
        others = sorted({tidy(entry.label) for entry, value in inside if np.isnan(value)})
        if inside and all(np.isnan(value) for _, value in inside):
            raise InputError(
                f"the {part} {what} have the classes {some(others)}, the training {what} "
                f"{some(class_names)}; give both the same names."
            )
        if others:
            told = f"{part} {what} of {some(others)} are left out"
            _log.warning("%s: no training %s have this class; rename its folder", told, what)
        there = {int(value) for _, value in inside if np.isfinite(value)}
        missing = [name for number, name in enumerate(class_names) if number not in there]
        if inside and missing:
            _log.warning("there are no %s %s of %s", part, what, some(missing))


def _check(
    class_names: tuple[str, ...],
    counts: np.ndarray,
    problem: Literal["auto"] | targets.Kind,
    what: str,
) -> targets.Kind:
    """Return the kind of problem of so many classes; refuse what cannot be learned."""
    if not class_names:
        raise InputError(f"none of the {what} in the train folder can be read; bring others.")
    if len(class_names) < 2:
        raise InputError(
            f"all {counts[0]:,} {what} are of one class, {cells.short(class_names[0])}; expected "
            f"folders of two classes or more; add a folder with {what} of another class."
        )
    if len(class_names) > _MAX_CLASSES:
        raise InputError(
            f"{len(class_names):,} class folders, expected at most {_MAX_CLASSES:,}; is each "
            "folder a class?"
        )
    if problem == "binary" and len(class_names) != 2:
        raise InputError(
            f"--problem binary: received {len(class_names)} class folders, expected 2; choose "
            "multiclass, or leave it out."
        )
    if (counts >= targets.MIN_OF_CLASS).sum() < 2:
        rare = class_names[int(counts.argmin())]
        raise InputError(
            f"the class {cells.short(rare)} has {counts.min()} {what}, expected at least "
            f"{targets.MIN_OF_CLASS} of two classes, one to train, one to validate and one to "
            "test; bring more of them."
        )
    if problem == "auto":
        return "binary" if len(class_names) == 2 else "multiclass"
    return problem


def of_folders(name: str, class_names: Sequence[str]) -> float:
    """Return the class that one of a new file's folders is named after, or NaN.

    Args:
        name: Of the file, with / between folders.
        class_names: In label order.
    """
    number = {known.casefold(): place for place, known in enumerate(class_names)}
    found = (number.get(tidy(folder).casefold()) for folder in name.split("/")[:-1])
    return float(next((one for one in found if one is not None), np.nan))
