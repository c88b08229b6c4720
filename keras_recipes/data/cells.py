"""What people write into cells beside numbers: times and dates in many forms, yes and no.

Each reader takes a column of text and gives a value for each row, missing where a cell does not
fit. None looks beyond the cell, so that new rows are read like those that were learned from.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

YES = {"true", "t", "yes", "y", "on", "ja", "j", "wahr", "oui", "vrai", "si", "sí", "sim", "да"}
YES |= {"예", "네", "はい", "是"}
NO = {"false", "f", "no", "n", "off", "nein", "falsch", "non", "faux", "não", "nao", "нет"}
NO |= {"아니오", "아니요", "いいえ", "否"}

_CLOCK = r"(?P<hour>\d{1,3}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.\d+)?)?"
_HALF = r"\s*(?:(?P<half>[AaPp])\.?[Mm]\.?)?"
_TIME = rf"[.,]?(?:[T ,]+{_CLOCK}{_HALF})?\s*$"
_ZONE = r"(:\d{2}(?:\.\d+)?)\s*(?:Z|UTC|GMT|[-+]\d{2}(?::?\d{2})?)$"
_YEAR, _DAY = r"(?P<year>\d{4}|\d{2})", r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_WORD = r"(?P<word>[^\W\d_]{3,9})\.?"
_DATES = (
    rf"^\s*(?P<year>\d{{4}})\s*[-/.年년 ]\s*(?P<month>\d{{1,2}})"
    rf"(?:\s*[-/.月월 ]+(?P<day>\d{{1,2}}))?[일日월月]?{_TIME}",
    rf"^\s*(?P<first>\d{{1,2}})\s*[-/. ]\s*(?P<second_number>\d{{1,2}})\s*[-/. ]\s*{_YEAR}{_TIME}",
    rf"^\s*(?:[^\W\d_]+\.?,\s*)?{_DAY}\.?[-/ ]*{_WORD}[-/, ]*{_YEAR}{_TIME}",
    rf"^\s*(?:[^\W\d_]+\.?,\s*)?{_WORD}[-/ ]*{_DAY},?[-/ ]+{_YEAR}{_TIME}",
    rf"^\s*{_WORD}[-/ ]*(?P<year>\d{{4}})\s*$",
    r"^\s*(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)\s*$",
)
# First letters of the months in English, German, French, Spanish, Italian and Portuguese.
_MONTH_NAMES = (
    "jan jän ene gen", "feb fév fev", "mar mär mrz", "apr avr abr", "may mai mag", "juin jun giu",
    "juil jul lug", "aug aoû ago", "sep set", "oct okt ott out", "nov", "dec dez déc dic",
)  # fmt: skip
_MONTHS = {
    name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()
}


def short(value: object, most: int = 20) -> str:
    """Quote a cell for a message, its beginning only where it is longer than `most` characters."""
    text = str(value)
    return repr(text if len(text) <= most else text[: most - 3] + "…")


def by_distinct(text: "pd.Series", reader: Callable, missing: object) -> "pd.Series":
    """Apply a reader to each distinct text once: columns of many rows say few things.

    Args:
        text: A column.
        reader: Takes the distinct cells and gives as many values.
        missing: The value of a missing cell.
    """
    import pandas as pd

    codes, distinct = pd.factorize(text)
    read = reader(pd.Series(distinct, dtype="str"))
    found = read.reindex(range(len(distinct) + 1), fill_value=missing).to_numpy()[codes]
    return pd.Series(found, index=text.index, name=text.name)


def written(values: "pd.Series") -> "pd.Series":
    """Write numbers and truth values as text; 3.0 as 3, since a gap makes a column of 3 float."""
    import pandas as pd

    codes, distinct = pd.factorize(values)
    texts = [
        str(int(value)) if isinstance(value, float) and value % 1 == 0 else str(value)
        for value in distinct.tolist()
    ]
    found = pd.Series([*texts, None], dtype="str").to_numpy()[codes]
    return pd.Series(found, index=values.index, name=values.name, dtype="str")


def is_yes_or_no(text: "pd.Series") -> bool:
    """Return whether distinct cells are all yes or no, in several spellings, both among them."""
    lower = set(text.str.lower())
    words = lower - {"0", "1"}
    return bool(words & YES and words & NO and words <= YES | NO)


def booleans(text: "pd.Series") -> "pd.Series":
    """Read yes as 1 and no as 0, in several languages or as 1 and 0; float64."""
    values = {**dict.fromkeys([*YES, "1", "1.0"], 1.0), **dict.fromkeys([*NO, "0", "0.0"], 0.0)}

    def read(cells: "pd.Series") -> "pd.Series":
        return cells.str.lower().map(values).astype("float64")

    return by_distinct(text, read, float("nan"))


def hours(text: "pd.Series") -> "pd.Series":
    """Read times of day and durations such as 14:30, 2:30 PM or 1:05:59 as hours; float64."""

    def read(cells: "pd.Series") -> "pd.Series":
        return _to_hours(cells.str.extract(rf"^\s*{_CLOCK}{_HALF}\s*$"))

    return by_distinct(text, read, float("nan"))


def _to_hours(parts: "pd.DataFrame") -> "pd.Series":
    hour, minute, second = (parts[name].astype("float64") for name in ("hour", "minute", "second"))
    half = parts["half"].str.lower()
    hour = hour.where(half.isna(), hour % 12 + 12 * (half == "p"))
    return hour + minute / 60 + second.fillna(0) / 3600


def _day_and_month(text: "pd.Series") -> "pd.DataFrame":
    """Return the two numbers that dates such as 31/01/2020 begin with, whichever is the day."""
    return text.str.extract(_DATES[1])[["first", "second_number"]].astype("float64").dropna()


def is_day_first(text: "pd.Series") -> bool | None:
    """Distinguish 31/01/2020 from 01/31/2020.

    By the numbers beyond 12; without any, the one that never changes is the day (of monthly
    figures), and else the day comes first. None where no cell is such a date.
    """
    pair = _day_and_month(text)
    if not len(pair):
        return None
    beyond = (pair > 12).sum()
    if beyond.iloc[0] == beyond.iloc[1]:
        changes = pair.nunique()
        return not changes.iloc[1] == 1 < changes.iloc[0]
    return bool(beyond.iloc[0] > beyond.iloc[1])


def order_of_days(text: "pd.Series") -> tuple[int, int]:
    """Return how many dates can only begin with the day, and how many only with the month."""
    beyond = _day_and_month(text) > 12
    both = beyond.all(axis=1)
    return int((beyond["first"] & ~both).sum()), int((beyond["second_number"] & ~both).sum())


def dates(text: "pd.Series", day_first: bool = True) -> "pd.Series":
    """Read dates, with or without a time of day; a time zone is passed over.

    Args:
        text: Such as 2020-01-31T12:00:00Z, 31.01.2020, 1/31/20, Jan 31, 2020, 2020년 1월 31일.
        day_first: Whether 01/02/2020 is in February.
    """
    import pandas as pd

    def read(cells: "pd.Series") -> "pd.Series":
        cells = cells.str.strip()
        if re.search(_ZONE, "\n".join(cells.to_numpy()), re.MULTILINE):  # once: a million are slow
            cells = cells.str.replace(_ZONE, r"\1", regex=True)
        found = pd.to_datetime(cells, errors="coerce", format="ISO8601").astype("datetime64[us]")
        for form in _DATES:
            rest = cells[found.isna()]
            if len(rest):
                found = found.fillna(_to_dates(rest.str.extract(form), day_first))
        return found

    return by_distinct(text, read, pd.NaT)


def _to_dates(parts: "pd.DataFrame", day_first: bool) -> "pd.Series":
    """Put the parts of dates together; those that no calendar has are missing."""
    import pandas as pd

    if "first" in parts:
        names = ["day", "month"] if day_first else ["month", "day"]
        parts = parts.rename(columns=dict(zip(["first", "second_number"], names, strict=True)))
    if "word" in parts:
        letters = parts["word"].str.lower()
        month = letters.str[:4].map(_MONTHS).fillna(letters.str[:3].map(_MONTHS))
        parts = parts.assign(month=month)
    year = parts["year"].astype("float64")
    year += (year < 69) * 2000 + ((year >= 69) & (year < 100)) * 1900
    month = parts["month"].astype("float64")
    day = parts["day"].astype("float64").fillna(1) if "day" in parts else 1
    days = pd.DataFrame({"year": year, "month": month, "day": day})
    found = pd.to_datetime(days, errors="coerce").astype("datetime64[us]")
    if "hour" not in parts:
        return found
    time = pd.to_timedelta((_to_hours(parts).fillna(0) * 3600).round(), unit="s")
    return found + time
