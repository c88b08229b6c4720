"""What text, dates and other objects stand for, and the line that makes numbers of them."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np
import pandas as pd

from keras_recipes import errors
from keras_recipes.checks.inspect import columns, reading

ROWS = 1000
NEARLY_ALL = 0.9
# A column with more kinds of text than this, and in half of its rows another, identifies rows.
MAX_KINDS = 20

_DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?|\d{1,2}[ -][A-Za-z]{3,9}[ ,-]+\d{2,4}"
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4}"
)
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?")
_DAY_FIRST = re.compile(r"(1[3-9]|2\d|3[01])[-/.]")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+(,\d+)?")
_UNIT = re.compile(r"[ ,%$€£'_]|(?<=[\d ])[a-zA-Z]{1,5}$")

_PARTS = (
    "{c} = when.dt.year + when.dt.day_of_year / 365.25, or the part that counts, such as "
    "when.dt.month, when.dt.weekday or when.dt.hour"
)
_PARSED = "when = pd.to_datetime({c}, format='mixed'); "
_CONVERTED = "{c} = pd.to_numeric({c}%s, errors='coerce')"
# The line for each kind of column, {c} standing for the column.
_LINES = {
    "dates": "when = {c}; " + _PARTS,
    "dates as objects": _PARSED + _PARTS,
    "dates as text": _PARSED + _PARTS,
    "dates as text, day first": _PARSED.replace("'mixed'", "'mixed', dayfirst=True") + _PARTS,
    "times as text": _PARSED + "{c} = when.dt.hour + when.dt.minute / 60",
    "durations": "{c} = {c}.dt.total_seconds()",
    "numbers as text": _CONVERTED % "",
    "numbers with a decimal comma": _CONVERTED % ".str.replace(',', '.')",
    "numbers with signs": _CONVERTED % ".str.replace(r'[^0-9.-]', '', regex=True)",
}
_OF_ARRAYS = {
    "dates": "{c} = {c}.astype('datetime64[D]').astype('float32'), which counts days",
    "durations": "{c} = {c} / np.timedelta64(1, 's')",
    "complex numbers": "{c} = np.concatenate([{c}.real, {c}.imag], axis=-1)",
    "numbers": "{c} = {c}.astype('float32')",
    "numbers as text": "{c} = {c}.astype('float32')",
}


def as_columns(leaf: reading.Leaf) -> list[tuple[object, pd.Series | np.ndarray]]:
    """Return the columns that are no numbers, by name; None names an array as a whole."""
    if isinstance(leaf, pd.DataFrame):
        named = [(name, leaf.iloc[:, place]) for place, name in enumerate(leaf.columns)]
    elif reading.is_text(leaf) and leaf.ndim == 2 and leaf.shape[1] > 1:
        table = pd.DataFrame(leaf).infer_objects()
        named = [(name, table[name]) for name in table]
        if all(columns.is_numeric(cells) for _, cells in named):
            named = [(None, leaf)]
    else:
        named = [(None, cells) for _, cells in columns.each(leaf)]
    return [(name, cells) for name, cells in named if not columns.is_numeric(cells)]


def kind(cells: pd.Series | np.ndarray) -> tuple[str, Any]:
    """Return what the cells of a column stand for: a kind that `fix` knows, and one of them."""
    flat = np.asarray(cells, dtype=object).ravel()
    flat = flat[reading.spread(len(flat), ROWS)]
    known = [cell for cell in flat if np.ndim(cell) or not pd.isna(cell)]
    if not known:
        return "nothing", None
    first = known[0]
    if isinstance(first, np.ndarray | list | tuple | dict):
        return "lists", first
    if isinstance(first, complex | np.complexfloating):
        return "complex numbers", first
    if isinstance(first, datetime.date | np.datetime64 | pd.Period):
        accessible = not isinstance(cells, pd.Series) or cells.dtype != object
        return "dates" if accessible else "dates as objects", first
    if isinstance(first, datetime.timedelta | np.timedelta64):
        return "durations", first
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return "categories", first
    if not isinstance(first, str):
        return "numbers", first
    found = _kind_of_text(known)
    return found, next(filter(_is_no_number, known), first) if found == "numbers as text" else first


def fix(axis: str, leaf: reading.Leaf, kind: str, names: list) -> str:
    """Write the change that makes numbers of the columns of one kind."""
    by_name = names != [None]
    if axis == "y" and kind in ("categories", "many kinds"):
        return "classes, y = np.unique(y, return_inverse=True)"
    if kind == "lists":
        made = f"{axis} = np.stack(list({axis}))"
        return f"{made}, or keras.utils.pad_sequences for rows of different length"
    if not by_name and not isinstance(leaf, pd.Series) and kind in _OF_ARRAYS:
        return _OF_ARRAYS[kind].format(c=axis)
    made = f"pd.DataFrame({axis}).infer_objects()" if by_name else f"pd.Series(np.ravel({axis}))"
    first = "" if isinstance(leaf, pd.DataFrame | pd.Series) else f"{axis} = {made}; "
    if kind in ("nothing", "many kinds"):
        drop = f"{first}{axis} = {axis}.drop(columns={names})" if by_name else f"leave {axis} out"
        because = ", since nearly every row has a text of its own"
        sentences = "sentences go through keras.layers.TextVectorization()"
        return drop + (f"{because}; {sentences}" if kind == "many kinds" else "")
    if kind == "categories":
        which = f", columns={names}" if by_name else ""
        return f"{first}{axis} = pd.get_dummies({axis}{which}, dtype='float32') before the split"
    line = _LINES.get(kind, "{c} = {c}.astype('float32')")
    if not by_name or len(names) == 1:
        return first + line.format(c=f"{axis}[{names[0]!r}]" if by_name else axis)
    return f"{first}for name in {names}: " + line.format(c=f"{axis}[name]")


def show(kind: str, example: Any) -> str:
    """Describe what was found in a column."""
    if kind == "nothing":
        return "nothing but missing values"
    if kind == "lists":
        return f"{errors.with_article(type(example).__name__)} in each cell"
    if kind == "dates" and not isinstance(example, str):
        return "dates"
    if kind == "numbers as text" and _is_no_number(example):
        return f"numbers as text, beside what is no number, such as {example!r}"
    what = "values" if kind in ("categories", "many kinds") else kind.partition(",")[0]
    return f"{what} such as {example!r}"


def _is_no_number(cell: Any) -> bool:
    return bool(pd.isna(pd.to_numeric(str(cell).strip(), errors="coerce")))


def _kind_of_text(known: list) -> str:
    text = pd.Series(known, dtype=object).astype(str).str.strip()
    if _mostly(pd.to_numeric(text, errors="coerce").notna()):
        return "numbers as text"
    if _mostly(text.map(lambda cell: bool(_TIME.fullmatch(cell)))):
        return "times as text"
    dates = text.map(lambda cell: bool(_DATE.fullmatch(cell)))
    if _mostly(dates):
        day_first = text.map(lambda cell: bool(_DAY_FIRST.match(cell))).any()
        return "dates as text, day first" if day_first else "dates as text"
    if _mostly(text.map(lambda cell: bool(_DECIMAL_COMMA.fullmatch(cell)))):
        thousands = text.str.fullmatch(r"[-+]?\d{1,3}(,\d{3})*").all()
        return "numbers with signs" if thousands else "numbers with a decimal comma"
    plain = text.str.replace(_UNIT, "", regex=True)
    if _mostly(pd.to_numeric(plain, errors="coerce").notna() & text.str.match(r"[-+$€£]?\d")):
        return "numbers with signs"
    kinds = text.nunique()
    return "many kinds" if kinds > max(MAX_KINDS, len(text) / 2) else "categories"


def _mostly(found: pd.Series) -> bool:
    return bool(found.mean() > NEARLY_ALL)
