"""What each column of a table means, and the table in that meaning.

A column is numeric, boolean, categorical or of dates, or it is left out: identifiers, free text,
and columns that say nothing. The choice is made once, kept with its reason, and can be overridden;
`convert` then brings any table with these columns, the one to learn from or new rows, to numeric
and categorical columns.
"""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from keras_recipes.data import cells
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Kind = Literal["number", "boolean", "category", "date", "left out"]

LARGEST = 1e15  # float32 has room for a sum of a million squares of it
DATE_PARTS = ("year", "month", "day", "day_of_week", "hour")
_SURE = 0.95  # share of the cells that must fit a meaning; the others count as missing
_SAMPLE_VALUES = 1000
_MAX_CATEGORIES = 1000
_FEW = 20  # values, or rows, from which little can be told
_LONG_TEXT = 40  # characters in the mean, or more
# They say "no number", "no date"; as a word of its own such a cell may well mean something.
_NO_VALUE = {"none", "missing", "unknown", "n.a.", "n.a", "not available", "not applicable"}
_NO_VALUE |= {"k.a.", "unbekannt", "keine angabe", "inconnu", "없음", "모름", "미상", "inf", "-inf"}
_BLANK = ("", "-", "--", "—", "–", ".")
_IDENTIFIER = re.compile(
    r"(^|[_\W])(id|uuid|guid|key|nr|no|number|nummer|rowid)$|[a-z](Id|ID|Nr|No)$|nummer$|번호$"
    r"|^(index|unnamed_1)$",
)
_CODE = re.compile(r"(^|[_\W])(zip|zipcode|zip_?code|plz|postal|postcode|code)$|[a-z]Code$", re.I)
_YEAR = re.compile(r"year|jahr|année|año|연도|년", re.I)


@dataclasses.dataclass(frozen=True)
class Column:
    """A column and its meaning.

    Attributes:
        name: In the file.
        kind: What it is taken for.
        reason: Why, in a few words.
        num_values: Distinct ones, without the missing.
        num_missing: Rows without a value, values that do not fit the kind included.
        day_first: Whether a date such as 01/02/2020 is in February.
        decimal: What parts the decimals of its numbers, where they come as text.
        parts: Of its dates, those that vary: out of `DATE_PARTS`.
        signs: Whether a dash alone is a minus, beside a plus; otherwise it is a missing value.
    """

    name: str
    kind: Kind
    reason: str
    num_values: int
    num_missing: int
    day_first: bool = False
    decimal: str = "."
    parts: tuple[str, ...] = ()
    signs: bool = False

    @property
    def is_identifier(self) -> bool:
        """Whether it was left out since it names the rows."""
        return self.kind == "left out" and self.reason.startswith("an identifier")


def infer(
    frame: "pd.DataFrame",
    *,
    categorical: Iterable[str] = (),
    numeric: Iterable[str] = (),
    drop: Iterable[str] = (),
    decimal: str = ".",
) -> list[Column]:
    """Decide what each column means.

    Args:
        frame: Table without its target, as `tables.read` gives it.
        categorical: Columns that are categorical whatever they look like.
        numeric: Columns that are numeric; what is no number counts as missing.
        drop: Columns to leave out.
        decimal: Mark of the file, for numbers that leave it open.

    Returns:
        One entry for each column, in their order.

    Raises:
        InputError: A name is not in the table, or named for two meanings.
    """
    asked = _asked(frame, {"category": categorical, "number": numeric, "left out": drop})
    return [_decide(frame[name], asked.get(name), decimal) for name in frame.columns]


def listed(names: Iterable[object], wanted: str = "") -> str:
    """Name the columns that there are, for a message; the one that may have been meant first."""
    shown = [str(name)[:_LONG_TEXT] for name in names]
    close = [name for name in shown if name.casefold() == wanted.casefold()]
    close = close or difflib.get_close_matches(wanted, shown[:_SAMPLE_VALUES], n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    more = f", … ({len(shown):,} in all)" if len(shown) > 20 else ""
    return f"{meant}there is {', '.join(shown[:20])}{more}."


def _asked(frame: "pd.DataFrame", named: dict[Kind, Iterable[str]]) -> dict[str, Kind]:
    asked: dict[str, Kind] = {}
    for kind, names in named.items():
        for name in _apart(names, frame.columns):
            if name not in frame.columns:
                raise InputError(f"no column {name!r} to learn from; {listed(frame.columns, name)}")
            if asked.setdefault(name, kind) != kind:
                raise InputError(
                    f"column {name!r} is named as {asked[name]} and as {kind}; name it once."
                )
    return asked


def _apart(names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield names one by one, those too that came as one text with commas: zip,grade."""
    for name in names:
        yield from [name] if name in known else (part.strip() for part in name.split(","))


def _decide(values: "pd.Series", asked: Kind | None, decimal: str) -> Column:
    """Choose the kind of a column, and tell how its cells are to be read."""
    signs = bool((values == "+").any())
    tidied = _tidy(values, signs)
    kind: Kind = asked or "left out"
    reason = "as asked for"
    if kind == "left out":
        guessed = _guess(tidied, decimal)
        if asked in (None, guessed[0]):  # an identifier remains one
            kind, reason = guessed
    day_first, mark = _forms(tidied, kind, decimal)
    found = (tidied if kind == "left out" else _read(tidied, kind, day_first, mark)).dropna()
    if asked in ("number", "category") and not len(found):
        raise InputError(
            f"column {values.name!r} holds no {asked} in any row, as was asked for; --drop it."
        )
    if misfits := tidied.count() - len(found):
        reason += f"; {misfits:,} that do not fit count as missing"
    parts = DATE_PARTS if kind == "date" else ()
    return Column(
        str(values.name),
        kind,
        reason,
        num_values=found.nunique(),
        num_missing=len(values) - len(found),
        day_first=day_first,
        decimal=mark,
        parts=tuple(part for part in parts if getattr(found.dt, part).nunique() > 1),
        signs=signs,
    )


def _forms(values: "pd.Series", kind: Kind, decimal: str) -> tuple[bool, str]:
    """Return whether dates begin with the day, and what parts the decimals of numbers.

    By up to 1,000 of the distinct cells, evenly spread.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        return False, decimal  # new cells of it may come as text
    distinct = pd.Series(values.dropna().unique(), dtype="str")
    text = distinct.iloc[:: max(-(-len(distinct) // _SAMPLE_VALUES), 1)]
    return (
        kind == "date" and cells.is_day_first(text),
        cells.decimal_mark(text, decimal) if kind == "number" else ".",
    )


def _guess(values: "pd.Series", decimal: str) -> tuple[Kind, str]:
    """Return the kind of a column and the reason."""
    import pandas as pd

    present = values.dropna()
    num_missing = len(values) - len(present)
    if not len(present):
        return "left out", "no value in any row"
    distinct = present.unique()
    if len(distinct) == 1:
        if min(num_missing, len(present)) >= _FEW:
            return "category", f"{cells.short(distinct[0])} or nothing"
        return "left out", f"the same value in every row that has one: {cells.short(distinct[0])}"
    if pd.api.types.is_bool_dtype(present):
        return "boolean", "yes or no"
    if pd.api.types.is_numeric_dtype(values):
        return _guess_numbers(present, distinct, len(values))
    return _guess_text(present, decimal)


def _guess_numbers(present: "pd.Series", distinct: "np.ndarray", num_rows: int) -> tuple[Kind, str]:
    """Distinguish measurements from numbers that are names, and from dates written as 20200131."""
    name, distinct = str(present.name), distinct[abs(distinct) <= LARGEST]
    if not len(distinct):
        return "left out", f"no number up to {LARGEST:.0e} in size; another unit would help"
    if not (distinct % 1 == 0).all():
        return "number", "numbers"
    low, high = distinct.min(), distinct.max()
    if low >= 19000101 and high <= 21001231 and _are_days(distinct):
        return "date", f"dates such as {int(distinct[0])}"
    counts_rows = len(distinct) == num_rows > _FEW and high - low == num_rows - 1
    if counts_rows and not (_YEAR.search(name) and 1000 <= low <= high <= 3000):
        return "left out", "an identifier: it counts the rows"
    repeated = len(distinct) <= min(_MAX_CATEGORIES, len(present) / 2)
    if _IDENTIFIER.search(name) and num_rows > _FEW:
        if repeated:
            return "category", f"{len(distinct):,} numbers that are names, by the column's name"
        return "left out", "an identifier: whole numbers, by the column's name"
    if _CODE.search(name) and repeated:
        return "category", f"{len(distinct):,} codes, by the column's name"
    return "number", "numbers"


def _are_days(distinct: "np.ndarray") -> bool:
    import pandas as pd

    days = pd.Series(distinct[:_SAMPLE_VALUES]).astype("int64").astype("str")
    return bool(cells.dates(days).notna().all())


def _guess_text(present: "pd.Series", decimal: str) -> tuple[Kind, str]:
    """Try one meaning after the other on some of the distinct cells, by how many rows hold them."""
    counts = present[~present.str.lower().isin(_NO_VALUE)].value_counts()
    texts = counts.index.to_series().reset_index(drop=True)
    lower = set(texts.str.lower().iloc[:_FEW]) if len(texts) <= _FEW else set()
    if lower & cells.YES and lower & cells.NO and lower <= cells.YES | cells.NO:
        return "boolean", f"yes or no: {', '.join(map(cells.short, texts[:4]))}"
    is_coded = bool(texts.str.fullmatch(r"0\d{2,}").any())
    if len(texts) > 1 and not is_coded:
        step = -(-len(texts) // _SAMPLE_VALUES)
        if fitting := _fitting(texts.iloc[::step], counts.to_numpy()[::step], decimal):
            return fitting
    return _guess_categories(present, is_coded)


def _fitting(sample: "pd.Series", weights: "np.ndarray", decimal: str) -> tuple[Kind, str] | None:
    """Return the kind that nearly all cells fit: numbers, times or dates."""

    def fits(read: "pd.Series") -> bool:
        return weights[read.notna().to_numpy()].sum() >= _SURE * weights.sum()

    numbers = cells.numbers(sample, cells.decimal_mark(sample, decimal))
    if fits(numbers) and not fits(sample.where(sample.str.match(r"\+\d{2}"))):
        unit = cells.units(sample[numbers.notna()]).value_counts()
        if unit.iloc[0] >= _SURE * unit.sum():
            named = f" with the unit {unit.index[0]!r}" if unit.index[0] else ""
            return "number", f"numbers{named} such as {cells.short(sample.iloc[0])}"
    if fits(cells.hours(sample)):
        return "number", f"times such as {cells.short(sample.iloc[0])}, in hours"
    day_first = cells.is_day_first(sample)
    if fits(cells.dates(sample, day_first)):
        open_to_doubt = sample.str.match(r"\d{1,2}\D\d{1,2}\D").any()
        order = f", {'day' if day_first else 'month'} first" if open_to_doubt else ""
        return "date", f"dates such as {cells.short(sample.iloc[0])}{order}"
    return None


def _guess_categories(present: "pd.Series", is_coded: bool) -> tuple[Kind, str]:
    """Distinguish categories from identifiers and free text."""
    distinct = present.drop_duplicates()
    example = f"such as {cells.short(distinct.iloc[0])}"
    if len(distinct) > max(_FEW, len(present) / 2):
        sample = distinct.iloc[:_SAMPLE_VALUES]
        is_long = sample.str.len().mean() >= _LONG_TEXT or sample.str.count(r"\s").mean() >= 3
        what = "free text" if is_long else "an identifier or a name"
        count = f"{len(distinct):,} values in {len(present):,} rows"
        return "left out", f"{what} {example}: {count}"
    if len(distinct) > _MAX_CATEGORIES:
        return "category", f"words {example}; the rarer of {len(distinct):,} are pooled"
    what = "codes with leading zeros" if is_coded else "words"
    return "category", f"{len(distinct):,} {what} {example}"


def _tidy(values: "pd.Series", signs: bool) -> "pd.Series":
    """Return the cells of a text column without space around them, and none that says nothing."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        return values

    def strip(text: "pd.Series") -> "pd.Series":
        stripped = text.str.strip()
        return stripped.mask(stripped.isin(("",) if signs else _BLANK))

    return cells.by_distinct(values.astype("str"), strip, float("nan")).astype("str")


def to_kind(values: "pd.Series", kind: Kind, decimal: str = ".") -> "pd.Series":
    """Bring a column to a kind: float64, text or dates; what does not fit is missing."""
    return _read(_tidy(values, bool((values == "+").any())), kind, False, decimal)


def _read(values: "pd.Series", kind: Kind, day_first: bool, decimal: str) -> "pd.Series":
    """Read cells that are tidy as a kind."""
    import pandas as pd

    is_numeric = pd.api.types.is_numeric_dtype(values)
    if kind == "number":
        numbers = values if is_numeric else cells.numbers(values, decimal)
        if not is_numeric and numbers.isna().any():
            numbers = numbers.fillna(cells.hours(values))
        numbers = numbers.astype("float64")
        return numbers.where(numbers.abs() <= LARGEST)
    text = cells.written(values) if is_numeric else values
    if kind == "boolean":
        return cells.booleans(text)
    return cells.dates(text, day_first) if kind == "date" else text


def read(values: "pd.Series", column: Column) -> "pd.Series":
    """Read the cells of a column in its meaning: as numbers, dates or categories."""
    return _read(_tidy(values, column.signs), column.kind, column.day_first, column.decimal)


def misfits(
    frame: "pd.DataFrame", columns: Iterable[Column]
) -> "Iterator[tuple[Column, pd.Series]]":
    """Yield each column that has cells which do not fit its meaning, with these cells.

    Args:
        frame: Table that has the columns.
        columns: From `infer`.
    """
    for column in columns:
        if column.kind in ("number", "boolean", "date"):
            tidied = _tidy(frame[column.name], column.signs)
            found = _read(tidied, column.kind, column.day_first, column.decimal)
            lost = tidied[tidied.notna() & found.isna()]
            if len(lost):
                yield column, lost


def convert(frame: "pd.DataFrame", columns: Iterable[Column]) -> "pd.DataFrame":
    """Bring a table to numeric and categorical columns.

    Args:
        frame: Table that has the columns, in any order; others are ignored.
        columns: From `infer`; those left out are not needed.

    Returns:
        Table with the rows and row labels of `frame`: float64 for numeric columns, booleans (0 or
        1) and parts of dates (NAME_year and so on), text for categorical columns. A value that is
        missing or does not fit its column is NaN, or "" in a category.

    Raises:
        InputError: Columns are missing; the message names them all.
    """
    import pandas as pd

    used = [column for column in columns if column.kind != "left out"]
    if absent := [column.name for column in used if column.name not in frame.columns]:
        raise InputError(f"missing columns: {', '.join(absent)}; {listed(frame.columns)}")
    taken, converted = {column.name for column in used}, {}
    for column in used:
        values = read(frame[column.name], column)
        if column.kind == "date":
            for part in column.parts:
                name = f"{column.name}_{part}"
                converted[name + "_" * (name in taken)] = getattr(values.dt, part).astype("float64")
        else:
            converted[column.name] = values.fillna("") if column.kind == "category" else values
    return pd.DataFrame(converted, index=frame.index)
