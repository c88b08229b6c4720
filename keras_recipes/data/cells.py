"""What people write into cells: numbers, times and dates in many forms, yes and no.

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

_MONEY = r"(?:[A-Z]{0,2}[$€£¥₩₹₽₺฿]|EUR|USD|GBP|CHF|JPY|KRW|INR|CNY|Rs\.?|kr\.?)"
_SPACES = " \u00a0\u202f'’"
_NUMBER = (
    rf"^\s*(?P<minus>[-−(])?\s*(?:{_MONEY})?\s*(?P<sign>[-−+])?"
    r"(?P<whole>GROUPED|\d+)?(?:MARK(?P<fraction>\d*))?(?P<exponent>[eE][-+]?\d+)?"
    r"\s*(?P<unit>[^\d\s.,:;/()+−-][^\d]{0,14}?[23]?)?\s*\)?\s*$"
)
# By the decimal mark. Groups are of three digits; India writes groups of two before the last.
_NUMBERS = {
    ".": _NUMBER.replace("MARK", r"\.").replace(
        "GROUPED", rf"\d{{1,3}}(?:[,{_SPACES}]\d{{2,3}})*[,{_SPACES}]\d{{3}}"
    ),
    ",": _NUMBER.replace("MARK", ",").replace("GROUPED", rf"\d{{1,3}}(?:[.{_SPACES}]\d{{3}})+"),
}
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


def short(value: object) -> str:
    """Quote a cell for a message, its beginning only where it is long."""
    text = str(value)
    return repr(text if len(text) <= 20 else text[:17] + "…")


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


def decimal_mark(text: "pd.Series", default: str = ".") -> str:
    """Distinguish 1.234,5 from 1,234.5 by the cells that leave no choice.

    Args:
        text: Some cells of a column.
        default: The answer where all are like 1,234 or 1.234.
    """
    votes = {".": 0, ",": 0}
    for cell in text:
        marks = re.findall(r"[.,]", cell)
        if not marks:
            continue
        last, other = marks[-1], {".": ",", ",": "."}[marks[-1]]
        group = re.search(r"(?<!\d)(\d*)[.,]\d{3}(?!\d)", cell)
        if len(set(marks)) == 2:
            votes[last] += 1
        elif len(marks) > 1:
            votes[other] += 1
        elif not group or not 1 <= len(group[1]) <= 3 or group[1] == "0":
            votes[last] += 1
    return default if votes["."] == votes[","] else max(votes, key=votes.__getitem__)


def numbers(text: "pd.Series", decimal: str = ".") -> "pd.Series":
    """Read numbers, with signs, groups of digits, currencies and units; float64."""
    import pandas as pd

    def read(cells: "pd.Series") -> "pd.Series":
        parts = cells.str.extract(_NUMBERS[decimal])
        whole = parts["whole"].fillna("").str.replace(rf"[.,{_SPACES}]", "", regex=True)
        rest = "." + parts["fraction"].fillna("") + parts["exponent"].fillna("")
        is_negative = parts["minus"].notna() | parts["sign"].isin(["-", "−"])
        found = pd.to_numeric(whole + rest, errors="coerce").astype("float64")
        return found.where(~is_negative, -found)

    return by_distinct(text, read, float("nan"))


def units(text: "pd.Series") -> "pd.Series":
    """Return what follows the number in each cell; "" for nothing, a percent sign or a currency."""
    found = text.str.extract(_NUMBERS["."])["unit"]
    found = found.fillna(text.str.extract(_NUMBERS[","])["unit"]).fillna("").str.strip()
    return found.where(~found.str.fullmatch(rf"%|{_MONEY}"), "")


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


def is_day_first(text: "pd.Series") -> bool:
    """Distinguish 31/01/2020 from 01/31/2020.

    By the numbers beyond 12; without any, the one that never changes is the day (of monthly
    figures), and else the day comes first.
    """
    pair = text.str.extract(_DATES[1])[["first", "second_number"]].astype("float64").dropna()
    beyond = (pair > 12).sum()
    if beyond.iloc[0] == beyond.iloc[1]:
        changes = pair.nunique()
        return not changes.iloc[1] == 1 < changes.iloc[0]
    return bool(beyond.iloc[0] > beyond.iloc[1])


def dates(text: "pd.Series", day_first: bool = True) -> "pd.Series":
    """Read dates, with or without a time of day; a time zone is passed over.

    Args:
        text: Such as 2020-01-31T12:00:00Z, 31.01.2020, 1/31/20, Jan 31, 2020, 2020년 1월 31일.
        day_first: Whether 01/02/2020 is in February.
    """
    import pandas as pd

    def read(cells: "pd.Series") -> "pd.Series":
        cells = cells.str.strip().str.replace(_ZONE, r"\1", regex=True)
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
