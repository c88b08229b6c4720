"""What each column of a table means, and the table in that meaning.

A column is a number, a boolean, a category or a date, or it is left out: identifiers, free text,
and columns that say nothing. The choice is made once, told with its reason, and can be overridden;
`convert` then brings any table with these columns, the one to learn from or new rows, to numbers
and words.
"""

import dataclasses
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import datasets

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "boolean", "category", "date", "left out"]

LARGEST = 1e30  # beyond it float32 has no room for squares and sums
_SURE = 0.95  # share of the values that must fit a meaning; the others count as missing
_SAMPLE_VALUES = 1000
_MOST_CATEGORIES = 1000
_LONG_TEXT = 40  # characters in the mean, or more
_YES = {"true", "t", "yes", "y"}
_NO = {"false", "f", "no", "n"}
_IDENTIFIER = re.compile(r"(^|_)(id|uuid|guid|index|key|nr|no|number|번호)$|Id$|ID$|^unnamed_1$")
_DATE = re.compile(r"^\s*\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}([T ].*)?$|^\s*\d{4}-\d{2}$")
DATE_PARTS = ("year", "month", "day", "day_of_week", "hour")


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
    """

    name: str
    kind: Kind
    reason: str
    num_values: int
    num_missing: int
    day_first: bool = False


def infer(
    frame: "pd.DataFrame",
    *,
    categorical: Iterable[str] = (),
    numeric: Iterable[str] = (),
    drop: Iterable[str] = (),
) -> list[Column]:
    """Decide what each column means.

    Args:
        frame: Table without its target, as `tables.read` gives it.
        categorical: Columns that are categories whatever they look like.
        numeric: Columns that are numbers; what is no number counts as missing.
        drop: Columns to leave out.

    Returns:
        One entry for each column, in their order.

    Raises:
        datasets.DataError: A name is not in the table, or named for two meanings.
    """
    asked = _asked(frame, category=categorical, number=numeric, **{"left out": drop})
    return [_decide(frame[name], asked.get(name)) for name in frame.columns]


def _asked(frame: "pd.DataFrame", **named: Iterable[str]) -> dict[str, Kind]:
    asked: dict[str, Kind] = {}
    for kind, names in named.items():
        for name in names:
            if name not in frame.columns:
                raise datasets.DataError(
                    f"no column {name!r}; there is {', '.join(map(str, frame.columns))}."
                )
            if asked.setdefault(name, kind) != kind:
                raise datasets.DataError(
                    f"column {name!r} is named as {asked[name]} and as {kind}."
                )
    return asked


def _decide(values: "pd.Series", asked: Kind | None) -> Column:
    kind, reason = (asked, "as asked for") if asked else _guess(values)
    day_first = kind == "date" and _is_day_first(values.dropna().astype(str))
    present = values if kind == "left out" else to_kind(values, kind, day_first)
    missing = int(present.isna().sum())
    return Column(str(values.name), kind, reason, int(present.nunique()), missing, day_first)


def _guess(values: "pd.Series") -> tuple[Kind, str]:
    """Give the kind of a column and the reason."""
    import pandas as pd

    present = values.dropna()
    distinct = present.drop_duplicates()
    if not len(present):
        return "left out", "no value in any row"
    if len(distinct) == 1:
        return "left out", f"the same value in every row that has one: {_short(distinct.iloc[0])}"
    if pd.api.types.is_bool_dtype(present) or _share(distinct, _is_yes_or_no) == 1:
        return "boolean", "yes or no"
    if pd.api.types.is_numeric_dtype(values):
        if _counts_rows(present, len(values)):
            return "left out", "an identifier: another whole number in every row"
        return "number", "numbers"
    return _guess_text(present.astype(str), distinct.astype(str), len(values))


def _guess_text(present: "pd.Series", distinct: "pd.Series", num_rows: int) -> tuple[Kind, str]:
    sample = distinct.iloc[:_SAMPLE_VALUES]
    if _to_numbers(present).notna().mean() >= _SURE:
        return "number", "numbers written as text"
    if _share(sample, _DATE.match) >= _SURE and _dates_in(sample) >= _SURE:
        return "date", f"dates such as {_short(sample.iloc[0])}"
    if sample.str.len().mean() >= _LONG_TEXT:
        return "left out", f"free text such as {_short(sample.iloc[0])}"
    if len(distinct) > max(20, 0.5 * len(present)):
        return (
            "left out",
            f"an identifier or free text: {len(distinct):,} values in {num_rows:,} rows",
        )
    if len(distinct) > _MOST_CATEGORIES:
        return "category", f"words; the rarer of {len(distinct):,} are pooled"
    return "category", f"{len(distinct)} words such as {_short(sample.iloc[0])}"


def _counts_rows(present: "pd.Series", num_rows: int) -> bool:
    """Tell whether whole numbers name the rows: all distinct and dense, or called an identifier."""
    if present.dtype.kind not in "iu" or len(present) < num_rows or present.nunique() < num_rows:
        return False
    dense = int(present.max()) - int(present.min()) == num_rows - 1
    return num_rows > 20 and (dense or bool(_IDENTIFIER.search(str(present.name))))


def _share(values: "pd.Series", test) -> float:
    return sum(bool(test(str(value))) for value in values) / len(values)


def _is_yes_or_no(text: str) -> bool:
    return text.strip().lower() in _YES | _NO


def _short(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 20 else text[:17] + "…")


def _to_numbers(text: "pd.Series") -> "pd.Series":
    """Read numbers with thousands separators, currency signs and percent signs."""
    import pandas as pd

    bare = text.astype(str).str.replace(r"[\s$€£¥₩%]", "", regex=True)
    grouped = bare.str.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
    bare = bare.where(~grouped, bare.str.replace(",", ""))
    return pd.to_numeric(bare, errors="coerce").where(text.notna())


def _to_dates(text: "pd.Series", day_first: bool) -> "pd.Series":
    import pandas as pd

    dates = pd.to_datetime(text, errors="coerce", format="ISO8601")
    if dates.notna().sum() >= _SURE * text.notna().sum():
        return dates
    return pd.to_datetime(text, errors="coerce", format="mixed", dayfirst=day_first)


def _dates_in(sample: "pd.Series") -> float:
    return _to_dates(sample, _is_day_first(sample)).notna().mean()


def _is_day_first(text: "pd.Series") -> bool:
    """Tell 31/01/2020 from 01/31/2020 by the days beyond 12; without any, the day comes first."""
    numbers = text.str.extract(r"^\s*(\d{1,2})[-/. ](\d{1,2})[-/. ]").astype("Float64")
    beyond = (numbers > 12).sum()
    return bool(beyond[0] >= beyond[1])


def to_kind(values: "pd.Series", kind: Kind, day_first: bool = False) -> "pd.Series":
    """Bring a column to a kind: float64, words or dates; what does not fit is missing."""
    import pandas as pd

    if kind == "number":
        numeric = pd.api.types.is_numeric_dtype(values)
        numbers = values.astype("float64") if numeric else _to_numbers(values).astype("float64")
        return numbers.where(numbers.abs() <= LARGEST)
    if kind == "boolean":
        words = values.astype(str).str.strip().str.lower()
        numbers = words.map({**dict.fromkeys(_YES, 1.0), **dict.fromkeys(_NO, 0.0)})
        return pd.to_numeric(numbers, errors="coerce")
    if kind == "date":
        return _to_dates(values.astype(str).where(values.notna()), day_first)
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")  # 3.0 is written 3: a missing value made the column float
    return values.astype(str).str.strip().where(values.notna())


def convert(frame: "pd.DataFrame", columns: Iterable[Column]) -> "pd.DataFrame":
    """Bring a table to numbers and words.

    Args:
        frame: Table that has the columns, in any order; others are ignored.
        columns: From `infer`; those left out are not needed.

    Returns:
        Table with the rows and row labels of `frame`: float64 columns for numbers, booleans (0 or
        1) and parts of dates (NAME_year and so on), text columns for categories. A value that is
        missing or does not fit its column is NaN, or "" in a category.

    Raises:
        datasets.DataError: Columns are missing; the message names them all.
    """
    import pandas as pd

    used = [column for column in columns if column.kind != "left out"]
    if absent := [column.name for column in used if column.name not in frame.columns]:
        raise datasets.DataError(
            f"missing columns: {', '.join(absent)}; there is {', '.join(map(str, frame.columns))}."
        )
    converted = {}
    for column in used:
        values = to_kind(frame[column.name], column.kind, column.day_first)
        if column.kind == "date":
            for part in DATE_PARTS:
                converted[f"{column.name}_{part}"] = getattr(values.dt, part).astype("float64")
        else:
            converted[column.name] = values.fillna("") if column.kind == "category" else values
    return pd.DataFrame(converted, index=frame.index)
