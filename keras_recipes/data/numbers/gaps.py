"""What stands in a table without being data: numbers for a gap, totals, repeated headers, notes."""

import re
from typing import TYPE_CHECKING

from keras_recipes.data.numbers import notation, units

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import numpy as np
    import pandas as pd

_MIN_ROWS = 3  # that a code stands in
_MIN_OTHERS = 10  # distinct values beside a code
_MIN_OTHERS_OF_NINES = 5
_MAX_CODES = 3
_APART = 0.1  # of the range of the others
_MAX_TOTALS = 3
_TOTALS_SHARE = 0.02  # of the rows; where more say Total, it is a category
_SAMPLE_ROWS = 500
_MAX_HEADER_ROWS = 3
_ROW_OF_UNITS = "units or names"
_TOTAL = re.compile(
    r"(grand |sub[- ]?)?totals?|sums?|summe|zwischensumme|gesamt|gesamtsumme|insgesamt|somme"
    r"|suma|totale|합계|총계|총합계|소계|합|계|总计|合计|小计|合計|総計|小計|итого|всего",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[-–—=_*.#~+|\s]{2,}")


def codes(
    values: "np.ndarray", distinct: "np.ndarray", known: "Collection[float]" = ()
) -> tuple[list[float], list[float]]:
    """Return the numbers of a column that stand for a gap, and those that may.

    A code is the smallest or the largest number, stands in three rows or more, and is farther from
    all others than these are from each other: -200 beside 0.4 to 10, or a number of nines. It may
    be one where it is a zero, of nines or the only negative number, and apart from the others.

    Args:
        values: Of the rows, without NaN.
        distinct: The distinct ones.
        known: Codes of other columns: a negative one is clear here too where it stands apart.

    Returns:
        The clear codes, and the doubtful.
    """
    import numpy as np

    clear: list[float] = []
    doubtful: list[float] = []
    left = distinct
    if not len(values):
        return clear, doubtful
    while len(left) > _MIN_OTHERS_OF_NINES and len(clear) < _MAX_CODES:
        ends = [end for end in (left.min(), left.max()) if (values == end).sum() >= _MIN_ROWS]
        ends = [end for end in ends if _is_nines(end) or (end <= 0 and end % 1 == 0)]
        judged = {end: _judge(end, np.sort(left[left != end]), values, known) for end in ends}
        doubtful = [float(end) for end, found in judged.items() if found == "doubtful"]
        found = [end for end, is_code in judged.items() if is_code == "clear"]
        if not found:
            break
        clear += map(float, found)
        left = left[~np.isin(left, found)]
    return clear, doubtful


def _is_nines(number: float) -> bool:
    return bool(re.fullmatch(r"-?99+(\.0|\.9+)?", str(float(number))))


def _judge(
    code: float, others: "np.ndarray", values: "np.ndarray", known: "Collection[float]"
) -> str:
    """Return whether a number is a clear code, a doubtful one or none (an empty text)."""
    import numpy as np

    low, high = others[0], others[-1]
    gap = low - code if code < low else code - high
    is_nines = _is_nines(code)
    if is_nines and code > 0 and np.mean(others % 10 == 9) > 0.3:
        return ""  # prices: 49, 99, 999
    if code in known and code < 0 and gap > _APART * (high - low):
        return "clear"
    if gap > high - low and (code < 0 or is_nines):
        return "clear" if is_nines or len(others) >= _MIN_OTHERS else "doubtful"
    if len(others) < _MIN_OTHERS:
        return ""
    if code < 0 <= low and code in (-1, -9, -99):
        return "doubtful"
    first, third = np.percentile(values[values != code], [25, 75])
    return "doubtful" if gap > third - first > 0 else ""


def strays(frame: "pd.DataFrame") -> dict[int, str]:
    """Find the rows of a table that hold no data.

    Args:
        frame: As `csv_reader.read` returns it, with labels 0, 1, …

    Returns:
        By the labels of the rows what each is: the header again, units, a separator, a note or a
        total.
    """
    import pandas as pd

    text = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    if not text or len(frame) < 2 or frame.shape[1] < 2:
        return {}
    found = dict(_header_rows(frame, text))
    found |= {row: "a separator" for row in _separators(frame, text) if row not in found}
    if frame.shape[1] > 2:
        found |= {row: "a note" for row in _notes(frame) if row not in found}
    return found | {row: "a total" for row in _totals(frame, text) if row not in found}


def row_units(frame: "pd.DataFrame", found: "Mapping[int, str]") -> dict[str, str]:
    """Return what stands in a row of units, by the names of the columns; known units first.

    Args:
        frame: As in `strays`.
        found: What `strays` found in it.
    """
    named: dict[str, str] = {}
    for row in (row for row, what in found.items() if what.startswith(_ROW_OF_UNITS)):
        for name, cell in frame.loc[row].dropna().items():
            if str(name) not in named or units.of_cell(str(cell)):
                named[str(name)] = str(cell).strip()
    return named


def _header_rows(frame: "pd.DataFrame", text: list[str]) -> "Iterator[tuple[int, str]]":
    """Yield rows that repeat the names, and rows of units or more names below the header."""
    if len(text) == frame.shape[1] or frame.drop(columns=text).isna().any(axis=1).any():
        for row in frame.index[frame[text[0]] == text[0]]:
            filled = frame.loc[row].dropna()
            if len(filled) > 1 and all(str(cell).strip() == name for name, cell in filled.items()):
                yield row, "the header again"
    start = min(_MAX_HEADER_ROWS, len(frame) - 1)  # a table to predict may have one row
    below = frame[text].iloc[start : start + _SAMPLE_ROWS]
    numeric = [name for name in text if _holds_numbers(below[name].dropna())]
    others = [name for name in frame if name not in text]
    for row in range(min(_MAX_HEADER_ROWS, len(frame)) if len(numeric) > 1 else 0):
        cells = frame.loc[row, numeric].dropna()
        is_filled = frame.loc[row].notna().any()
        if frame.loc[row, others].notna().any() or _has_numbers(cells) or not is_filled:
            break
        yield row, f"{_ROW_OF_UNITS} ({', '.join(map(str, frame.loc[row].dropna()[:3]))})"


def _holds_numbers(cells: "pd.Series") -> bool:
    parts = notation.take_apart(cells.reset_index(drop=True), ".")
    return len(cells) > 0 and (parts["spelled"] != "").mean() >= notation.SURE


def _has_numbers(cells: "pd.Series") -> bool:
    parts = notation.take_apart(cells.astype("str").reset_index(drop=True), ".")
    return bool((parts["spelled"] != "").any())


def _separators(frame: "pd.DataFrame", text: list[str]) -> "Iterator[int]":
    """Yield rows of nothing but dashes and the like."""
    for row in frame.index[frame[text[0]].str.fullmatch(_SEPARATOR.pattern).fillna(False)]:
        if all(_SEPARATOR.fullmatch(str(cell)) for cell in frame.loc[row].dropna()):
            yield row


def _notes(frame: "pd.DataFrame") -> "Iterator[int]":
    """Yield rows of which one cell alone is filled, by text that no other row holds."""
    last = frame.iloc[:, -2:].isna().all(axis=1)
    for row in frame.index[last]:
        filled = frame.loc[row].dropna()
        if len(filled) == 1 and not _has_numbers(filled):
            column = frame[filled.index[0]]
            if (column == filled.iloc[0]).sum() == 1:
                yield row


def _totals(frame: "pd.DataFrame", text: list[str]) -> "Iterator[int]":
    """Yield rows of sums: the last one, or one whose numbers are the sums of those above."""
    import pandas as pd

    first = frame[text[0]]
    for name in text[1:]:
        first = first.fillna(frame[name])
    distinct = pd.Series(first.dropna().unique(), dtype="str")
    words = distinct[distinct.str.strip(" :").str.fullmatch(_TOTAL.pattern, case=False)]
    rows = frame.index[first.isin(words)] if len(words) else []
    if len(rows) > max(_MAX_TOTALS, _TOTALS_SHARE * len(frame)):
        return
    start = 0
    for row in rows:
        above = frame.iloc[start:row]
        if row == frame.index[-1] or _is_sum(frame.loc[row], above):
            yield row
        start = row + 1


def _is_sum(row: "pd.Series", above: "pd.DataFrame") -> bool:
    """Return whether a number of a row is the sum of those above it."""
    import pandas as pd

    for name, cell in row.items():
        numbers = pd.to_numeric(above[name], errors="coerce")
        total = pd.to_numeric(pd.Series([cell]), errors="coerce").iloc[0]
        if len(numbers) > 1 and abs(numbers.sum() - total) <= 1e-6 * abs(total) != 0:
            return True
    return False
