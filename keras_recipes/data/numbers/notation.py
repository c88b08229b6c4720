"""How the numbers of a column are written: learned from all of its cells, applied to new ones.

Here alone a cell becomes a value and a unit, for columns to learn from, for the target, for columns
that the user calls numeric, and for new rows.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from keras_recipes.data import cells
from keras_recipes.data.numbers import units

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LARGEST = 1e15  # float32 has room for a sum of a million squares of it
SURE = 0.95  # share of the cells that must fit a meaning; the others count as missing

_MOST_DIGITS = 300  # of a number that float64 holds
_LONGEST = 40  # characters of a cell that may be a number
_FEW = 20  # distinct cells, which may as well be categories
_UP_TO_999 = re.compile(r"\d{1,3}")
_MANY_GROUPED = 40  # numbers of three digits behind a mark, by chance in one of 67 columns
_SPACES = " \u00a0\u202f'’"
_MARK = r"(?:[<>≤≥~≈±]=?|(?:ca|circa|approx|about|etwa|약)\.?)"
_NUMBER = (
    rf"^\s*(?P<mark>{_MARK})?\s*(?P<minus>[-−–(])?\s*(?P<before>{units.MONEY})?\s*"
    r"(?P<sign>[-−–+])?\s*(?P<whole>GROUPED|\d+)?(?:MARK(?P<fraction>\d+|[-−–—]{1,2})?)?"
    r"(?P<exponent>[eE][-+]?\d+)?(?:\s*(?:/|out of|of|von|sur)\s*(?P<of>100|1000|\d{1,2})\b)?"
    r"\s*(?P<unit>(?:/\s?(?=[^\W\d]))?[^\d\s.,:;/()+*†‡<>−–-][^\d]{0,17}?[23]?)?"
    r"\s*(?P<behind>[-−–+*†‡]|/-|\[\w{1,2}\]|\([a-z]\))?\s*\)?\s*$"
)
# By the decimal mark. Groups are of three digits; India writes groups of two before the last.
_NUMBERS = {
    mark: re.compile(_NUMBER.replace("MARK", re.escape(mark)).replace("GROUPED", grouped))
    for mark, grouped in {
        ".": rf"\d{{1,3}}(?:[,{_SPACES}]\d{{2,3}})*[,{_SPACES}]\d{{3}}",
        ",": rf"\d{{1,3}}(?:[.{_SPACES}]\d{{3}})+",
    }.items()
}
_UNIT = r"(?:[^\W\d_]{1,12}\.?(?:\s?[원円元€$])?|['\"′″’”]{1,2})"
# Several numbers that make one: 2h 50m, 5'11", 3억 5,000만원.
_COMPOUND = (
    rf"^\s*(?P<sign>[-−–])?\s*(?P<before>{units.MONEY})?\s*(?P<number>NUMBER)\s*(?P<unit>{_UNIT})"
    rf"[\s,]*(?P<number2>NUMBER)\s*(?P<unit2>{_UNIT})?"
    rf"(?:[\s,]*(?P<number3>NUMBER)\s*(?P<unit3>{_UNIT})?)?\s*$"
)
_COMPOUNDS = {
    ".": re.compile(_COMPOUND.replace("NUMBER", r"\d[\d,]*(?:\.\d+)?")),
    ",": re.compile(_COMPOUND.replace("NUMBER", r"\d[\d.]*(?:,\d+)?")),
}
_BETWEEN = "\x1f"  # the texts around a cell's numbers
_BARE = _BETWEEN
_CLOCK = _BETWEEN + ":"
_DOTTED_CLOCK = r"(?:[01]?\d|2[0-4])\.[0-5]\d\.[0-5]\d"
_MINUS = ("-", "−", "–")
_RANGE = re.compile(r"(?<=[^\s<>-])\s*(?:[-–—~]|\bto\b|\bbis\b|\bà\b)\s*(?=[^\s-])")
_MIDDLE = "middle"  # in the place of what stands behind a number
_UNGROUPED = str.maketrans("", "", ".," + _SPACES)
_NO_NUMBER = (float("nan"), 0.0, 0.0, "", False, "")


@dataclasses.dataclass(frozen=True)
class Notation:
    """How the cells of a column are written.

    Attributes:
        decimal: What parts the decimals of numbers.
        dimension: Of the unit, such as mass; "" for numbers without one.
        unit: That the values are in, whatever unit a cell has; "" for none.
        bare: Factor from a number without a unit to `unit`; None where no cell was without.
        is_share: Whether all numbers without a unit lie from 0 to 1, so that 12 % is 0.12.
        marked: Whether some have a mark, such as <0.2, which counts as the number in it.
        day_first: Whether a date such as 01/02/2020 is in February; None where none is such.
        signs: Whether a dash alone is a minus, beside a plus; otherwise it is a missing value.
        missing: Cells that stand for no value, numbers as text.
    """

    decimal: str = "."
    dimension: str = ""
    unit: str = ""
    bare: float | None = 1.0
    is_share: bool = False
    marked: bool = False
    day_first: bool | None = None
    signs: bool = False
    missing: tuple[str, ...] = ()

    def read(self, values: "pd.Series") -> "pd.Series":
        """Read cells that are numbers or tidy text; float64, NaN for what is no number here."""
        import pandas as pd

        def read_text(text: "pd.Series") -> "pd.Series":
            return self.compute(take_apart(text, self.decimal))

        if not pd.api.types.is_numeric_dtype(values):
            return cells.by_distinct(values, read_text, float("nan"))
        found = values.astype("float64") * (self.bare or 1.0)
        return found.where(found.abs() <= LARGEST)

    def compute(self, parts: "pd.DataFrame") -> "pd.Series":
        """Compute the values, in `unit`, of cells that `take_apart` took apart."""
        numbers = parts["number"]
        if codes := [number for code in self.missing if (number := as_number(code)) is not None]:
            numbers = numbers.mask(numbers.isin(codes))
        found = numbers * (self.bare or 1.0)
        main = units.base(self.dimension, self.unit)
        for spelled in parts["spelled"].unique():
            if spelled in ("", _BARE):
                continue
            rows, meant = parts["spelled"] == spelled, self.meant(spelled)
            value = numbers[rows] * (meant[0].factor / main.factor if meant else float("nan"))
            for name, one in zip(("number2", "number3"), meant[1:], strict=False):
                value += parts.loc[rows, name] * (one.factor / main.factor)
            found[rows] = value + ((meant[0].offset - main.offset) / main.factor if meant else 0.0)
        return found.where(found.abs() <= LARGEST)

    def meant(self, spelled: str) -> tuple[units.Meaning, ...]:
        """Return what is meant by the texts around numbers; nothing where no factor is known."""
        if self.dimension:
            return _in_dimension(spelled, self.dimension)
        before, *after = spelled.split(_BETWEEN)
        first = units.meanings(before, after[0])[0]
        if first.dimension == units.SHARE and self.is_share:
            return (first,)
        is_counted = first.dimension == units.NUMBER or units.is_currency(first.dimension)
        return _in_dimension(spelled, first.dimension) if is_counted else ()

    def differences(self, values: "pd.Series") -> Iterator[str]:
        """Yield what is written in another way than in training, a sentence each.

        Args:
            values: Tidy cells of new rows.
        """
        import pandas as pd

        def said(count: int, what: str, example: object, then: str) -> str:
            named = f"{count:,} of {len(values):,} rows {what}, such as {cells.short(example)}"
            return f"{named}; {then}"

        def bare(count: int, example: object) -> str:
            then = f"they are read in {self.unit or 'ones'}"
            return said(count, "have no unit, as no row had in training", example, then)

        if pd.api.types.is_numeric_dtype(values):
            if self.bare is None and values.notna().any():
                yield bare(int(values.count()), values.dropna().iloc[0])
            return
        counts = values.value_counts()
        text = pd.Series(counts.index, dtype="str")
        parts = take_apart(text, self.decimal)
        counts = counts.reset_index(drop=True)[~text.isin(self.missing)]
        for spelled, rows in parts.loc[counts.index].groupby("spelled").groups.items():
            count, example = int(counts[rows].sum()), text[rows[0]]
            meant = self.meant(str(spelled)) if spelled not in ("", _BARE) else ()
            if spelled == "":
                yield said(count, "hold no number", example, "they count as missing")
            elif spelled == _BARE:
                if self.bare is None:
                    yield bare(count, example)
            elif not meant:
                wanted = self.unit or "numbers without a unit"
                then = f"the training had {wanted}, and no factor is known: they count as missing"
                yield said(count, "have a unit", example, then)
            elif not self.dimension:
                yield said(
                    count,
                    "have a unit, as no row had in training",
                    example,
                    "they are read as numbers in ones",
                )
            elif not units.is_counted(self.dimension) and meant[0].unit != self.unit:
                yield said(count, f"are in {meant[0].unit}", example, f"brought to {self.unit}")
        marked = parts.loc[counts.index, "is_marked"]
        if marked.any() and not self.marked:
            yield said(
                int(counts[marked].sum()),
                "have a mark or are ranges",
                text[marked[marked].index[0]],
                "the number in it counts, of a range the middle",
            )


PLAIN = Notation()


def from_json(values: dict) -> Notation:
    """Put together again what `dataclasses.asdict` took apart."""
    return Notation(**{**values, "missing": tuple(values.get("missing", ()))})


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """What was learned of a column's numbers.

    Attributes:
        notation: How to read them.
        values: Of the distinct cells, in the notation.
        fits: Share of the rows, of those with a value, that are numbers in one dimension.
        notes: What was made of units and marks, for the column's reason.
        problem: Why they cannot serve, where nearly all cells are numbers; else "".
    """

    notation: Notation
    values: "pd.Series"
    fits: float
    notes: tuple[str, ...] = ()
    problem: str = ""


def learn(text: "pd.Series", counts: "np.ndarray", like: Notation, name: str = "") -> Learned:
    """Learn how the numbers of a column are written.

    Args:
        text: Its distinct cells, tidy.
        counts: Rows of each.
        like: What is known already: the decimal mark where the cells leave it open, and the unit
            that a row of units names.
        name: Of the column, which may name the unit of numbers without one: weight (kg).
    """
    import pandas as pd

    decimal = decimal_mark(text.iloc[:: max(-(-len(text) // 1000), 1)], like.decimal)
    parts = take_apart(text, decimal)
    rows = pd.Series(counts, index=text.index)
    is_number = parts["spelled"] != ""
    spelled, total = parts.loc[is_number, "spelled"], max(int(rows.sum()), 1)
    by_spelling = rows[is_number].groupby(spelled).sum().sort_values(ascending=False, kind="stable")
    num_bare = int(by_spelling.pop(_BARE)) if _BARE in by_spelling else 0
    found = {str(key): int(count) for key, count in by_spelling.items() if _is_one(str(key))}
    dimension = _dimension(found)
    given = (units.of_cell(like.unit) or units.of_name(name)) if num_bare else None
    if given and dimension in ("", given.dimension):
        dimension, unit = given.dimension, given.unit
    else:
        unit = _main_unit(found, dimension)
    if _is_of_other(parts, dimension, num_bare, found, given):
        dimension = unit = ""
    notation = dataclasses.replace(
        like,
        decimal=decimal,
        marked=bool(parts["is_marked"].any()),
        **_bare(parts, dimension, unit, num_bare, found),
    )
    values = notation.compute(parts)
    fitting = {key: count for key, count in found.items() if notation.meant(key)}
    if _are_dates(text) or _are_names(parts, values, notation, fitting, num_bare):
        return Learned(notation, values, 0.0)
    fits, problem = (sum(fitting.values()) + num_bare) / total, ""
    notes: tuple[str, ...] = ()
    if fits < SURE <= (sum(found.values()) + num_bare) / total:
        problem = _mixed(found, num_bare)
    else:
        notes = tuple(_notes(parts, text, rows, values, notation, found, num_bare))
    return Learned(notation, values, fits, notes, problem)


def _in_dimension(spelled: str, dimension: str) -> tuple[units.Meaning, ...]:
    """Return what the texts around numbers mean in a dimension; nothing where one has no meaning.

    Of several numbers in a cell each has a smaller unit than the one before.
    """
    before, *after = spelled.split(_BETWEEN)
    chosen: list[units.Meaning] = []
    for unit in after:
        unit = unit or (units.NEXT_LOWER.get(chosen[-1].unit, "") if chosen else "")
        fitting = [
            one
            for one in units.meanings(before, unit)
            if one.dimension == dimension
            or (one.dimension == units.NUMBER and units.is_counted(dimension))
        ]
        if not fitting or (chosen and fitting[0].factor >= chosen[-1].factor):
            return ()
        chosen.append(fitting[0])
    if len(chosen) > 1 and not any(map(units.is_known, {one.dimension for one in chosen})):
        return ()
    return tuple(chosen)


def _is_one(spelled: str) -> bool:
    """Return whether the numbers of a cell make one number: 2h 50m, and not 2020년 1월 31일."""
    before, *after = spelled.split(_BETWEEN)
    dimensions = {one.dimension for unit in after for one in units.meanings(before, unit)}
    return len(after) == 1 or any(_in_dimension(spelled, one) for one in dimensions)


def _dimension(found: dict[str, int]) -> str:
    """Return the dimension that most cells with a unit may have; the likelier where it is open."""
    rows: dict[str, int] = {}
    for spelled in found:
        before, *after = spelled.split(_BETWEEN)
        for one in (meaning for unit in after for meaning in units.meanings(before, unit)):
            rows.setdefault(one.dimension, 0)
    rows.pop("", None)
    for dimension in rows:
        rows[dimension] = sum(n for key, n in found.items() if _in_dimension(key, dimension))
    return max(rows, key=rows.__getitem__, default="")


def _main_unit(found: dict[str, int], dimension: str) -> str:
    """Return the unit that most cells of a dimension are in."""
    if dimension == units.NUMBER or units.is_counted(dimension):
        return "" if dimension == units.NUMBER else dimension
    rows: dict[str, int] = {}
    for spelled, count in found.items():
        if meant := _in_dimension(spelled, dimension):
            rows[meant[0].unit] = rows.get(meant[0].unit, 0) + count
    return max(rows, key=rows.__getitem__, default="")


def _is_of_other(
    parts: "pd.DataFrame",
    dimension: str,
    num_bare: int,
    found: dict[str, int],
    given: units.Meaning | None,
) -> bool:
    """Return whether most numbers have no unit, and those with one are of another size.

    155 lb among numbers around 70: the unit of the others is not known.
    """
    is_open = not units.is_counted(dimension) and dimension not in (units.SHARE, units.RATE)
    if given or not dimension or not is_open or num_bare <= sum(found.values()):
        return False
    is_bare = parts["spelled"] == _BARE
    low, high = parts.loc[is_bare, "number"].quantile([0.01, 0.99])
    with_unit = parts.loc[~is_bare, "number"].dropna()
    return len(found) > 1 or not low <= with_unit.median() <= high


def _bare(
    parts: "pd.DataFrame", dimension: str, unit: str, num_bare: int, found: dict[str, int]
) -> dict:
    """Return unit, dimension, and what numbers without a unit are: 12 % is 0.12 beside shares."""
    numbers = parts.loc[parts["spelled"] == _BARE, "number"]
    is_share = bool(num_bare) and is_of_shares(numbers)
    if dimension != units.SHARE:
        bare = 1.0 if num_bare or not dimension else None
        return {"dimension": dimension, "unit": unit, "bare": bare, "is_share": is_share}
    others = parts.loc[parts["spelled"] != _BARE, "number"].dropna()
    is_share = is_share and bool((others.abs() > 1).mean() > 0.5)
    unit = "share" if is_share and num_bare > sum(found.values()) else unit
    factor = 1.0 / units.base(dimension, unit).factor if is_share else 1.0
    bare = factor if num_bare else None
    return {"dimension": dimension, "unit": unit, "bare": bare, "is_share": is_share}


def is_of_shares(numbers: "pd.Series") -> bool:
    """Return whether numbers are shares, from 0 to 1 and not whole, so that 12 % would be 0.12."""
    return bool(numbers.min() >= 0 and numbers.max() <= 1 and (numbers % 1 > 0).any())


def _are_dates(text: "pd.Series") -> bool:
    """Return whether cells such as 18.10.05 are all dates: of times, some have 00 in the middle."""
    dotted = text[text.str.fullmatch(_DOTTED_CLOCK)]
    return len(dotted) > 0 and any(
        bool(cells.dates(dotted, day_first).notna().all()) for day_first in (True, False)
    )


def _are_names(
    parts: "pd.DataFrame",
    values: "pd.Series",
    notation: Notation,
    fitting: dict[str, int],
    num_bare: int,
) -> bool:
    """Return whether what looks like numbers with marks are names: 2+ and 2-, <=50K and >50K."""
    behind = parts["behind"]
    if (behind == _MIDDLE).mean() > 0.5:  # 555-1234 is no range, and 20-29 is a group
        return True
    if len(parts) > _FEW and notation.dimension != units.RATE:
        return False
    if behind.isin(_MINUS).any() and (behind == "+").any():
        return True
    marked = parts["is_marked"]
    known = values.notna()
    again = values[known].duplicated(keep=False) & marked[known]
    if again.sum() > marked.sum() / 2:
        return True
    main = max(fitting.values(), default=0)
    return notation.dimension == units.RATE and main < (sum(fitting.values()) + num_bare) / 2


def _mixed(found: dict[str, int], num_bare: int) -> str:
    """Name the units between which no factor is known; nothing where they are mere words."""
    rows: dict[str, int] = {"no unit": num_bare} if num_bare else {}
    known = num_bare
    for spelled, count in found.items():
        before, *after = spelled.split(_BETWEEN)
        first = units.meanings(before, after[0])[0]
        name = first.unit if first.dimension != units.NUMBER else "no unit"
        rows[name] = rows.get(name, 0) + count
        known += count * units.is_known(first.dimension)
    if known < SURE * sum(rows.values()):
        return ""
    named = ", ".join(f"{name} in {count:,} rows" for name, count in list(rows.items())[:4])
    return f"units without a known factor between them: {named}"


def _notes(
    parts: "pd.DataFrame",
    text: "pd.Series",
    rows: "pd.Series",
    values: "pd.Series",
    notation: Notation,
    found: dict[str, int],
    num_bare: int,
) -> Iterator[str]:
    """Yield what was made of units and marks, in a few words each."""
    unit, dimension = notation.unit, notation.dimension
    meant = {key: notation.meant(key) for key in found}
    if units.is_counted(dimension):
        if large := [key for key, those in meant.items() if those and those[0].factor != 1]:
            row = text.index[parts["spelled"] == large[0]][0]
            yield f"{cells.short(text[row])} is {values[row]:.15g}"
    else:
        others = [key for key, those in meant.items() if those and those[0].unit != unit]
        for name in dict.fromkeys(meant[key][0].unit for key in others):
            count = sum(found[key] for key in others if meant[key][0].unit == name)
            yield f"{count:,} in {name} brought to {unit}"
        if found and num_bare and dimension:
            what = "shares" if notation.is_share else unit
            yield f"{num_bare:,} without a unit taken for {what}"
    if foreign := [key for key, those in meant.items() if not those]:
        example = text[parts["spelled"] == foreign[0]].iloc[0]
        count = sum(found[key] for key in foreign)
        yield f"{count:,} in a unit without a known factor, such as {cells.short(example)}"
    if notation.decimal == ",":
        grouped = text[text.str.fullmatch(r"\D*\d{1,3}(\.\d{3})+\D*")]
        if len(grouped):
            yield f"{cells.short(grouped.iloc[0])} is {values[grouped.index[0]]:.15g}"
    if (middle := parts["behind"] == _MIDDLE).any():
        example = cells.short(text[middle].iloc[0])
        yield f"{int(rows[middle].sum()):,} ranges such as {example} count as their middle"
    if (marked := parts["is_marked"] & ~middle).any():
        example = cells.short(text[marked].iloc[0])
        yield f"{int(rows[marked].sum()):,} with a mark such as {example} count as the number in it"
    if (behind := parts["behind"].isin(_MINUS)).any():
        yield f"a sign behind is a minus: {cells.short(text[behind].iloc[0])}"


def take_apart(text: "pd.Series", decimal: str) -> "pd.DataFrame":
    """Take cells apart into numbers and what stands around them.

    Args:
        text: Tidy cells, distinct ones where speed counts.
        decimal: Mark of decimals.

    Returns:
        Table with the labels of `text`: `number`, `number2` and `number3`, float64 with their
        sign; `spelled`, the texts around them, "" for a cell that is no number; `is_marked`; and
        `behind`, the sign or mark behind the number.
    """
    import pandas as pd

    plain = text if decimal == "." else text.mask(text.str.contains(".", regex=False))
    plain = plain if decimal == "." else plain.str.replace(",", ".", regex=False)
    try:
        number = pd.to_numeric(plain, errors="coerce").astype("float64")
    except OverflowError:  # of an integer that float64 does not hold
        text, plain = text.astype("str"), plain.astype("str")
        fits = plain.mask(plain.str.len() > _MOST_DIGITS)
        number = pd.to_numeric(fits, errors="coerce").astype("float64")
    parts = pd.DataFrame({"number": number, "number2": 0.0, "number3": 0.0}, index=text.index)
    parts["spelled"] = pd.Series(_BARE, index=text.index, dtype=object)
    parts["is_marked"], parts["behind"] = False, ""
    rest = text[number.isna()]
    if not len(rest):
        return parts
    found = [_parse(cell, decimal) for cell in rest]
    for name, values in zip(parts.columns, zip(*found, strict=True), strict=True):
        kind = parts[name].dtype
        parts.loc[rest.index, name] = pd.Series(values, index=rest.index, dtype=kind)
    dotted = rest.str.fullmatch(_DOTTED_CLOCK)
    clock = rest.mask(dotted, rest.str.replace(".", ":", regex=False))
    clock = cells.hours(clock[dotted | rest.str.contains(":", regex=False)])
    clock = clock[clock.notna() & (parts.loc[clock.index, "spelled"] == "")]
    parts.loc[clock.index, "number"], parts.loc[clock.index, "spelled"] = clock, _CLOCK
    return parts


def _parse(cell: str, decimal: str) -> tuple[float, float, float, str, bool, str]:
    """Take one cell apart, as `take_apart` does; a loop, which is faster here than pandas."""
    found = (
        _NUMBERS[decimal].match(cell) if isinstance(cell, str) and len(cell) <= _LONGEST else None
    )
    if not found:
        return _parse_several(cell, decimal)
    mark, minus, before, sign, whole, fraction, exponent, limit, unit, behind = found.groups()
    decimals = fraction if fraction and fraction[0].isdecimal() else ""
    try:
        number = float(f"{(whole or '').translate(_UNGROUPED)}.{decimals}{exponent or ''}")
    except ValueError:
        return _NO_NUMBER
    if limit and not 1 < int(limit) >= number:
        return _NO_NUMBER
    after = f"/{limit}" if limit else (unit or "")
    is_negative = bool(minus) or sign in _MINUS or behind in _MINUS
    is_marked = bool(mark) or bool(behind and behind not in (*_MINUS, "/-"))
    spelled = f"{before or ''}{_BETWEEN}{after}"
    return (-number if is_negative else number), 0.0, 0.0, spelled, is_marked, behind or ""


def _parse_several(cell: str, decimal: str) -> tuple[float, float, float, str, bool, str]:
    """Take a cell of several numbers apart, such as 2h 50m."""
    is_short = isinstance(cell, str) and len(cell) <= _LONGEST
    if is_short and _RANGE.search(cell):
        return _parse_range(cell, decimal)
    found = _COMPOUNDS[decimal].match(cell) if is_short else None
    if not found:
        return _NO_NUMBER
    sign, before, first, unit, second, unit2, third, unit3 = found.groups()
    group = {".": ",", ",": "."}[decimal]
    one, two, three = (
        (-1.0 if sign else 1.0) * float((number or "0").replace(group, "").replace(",", "."))
        for number in (first, second, third)
    )
    texts = [unit, unit2 or "", *([unit3 or ""] if third else [])]
    return one, two, three, _BETWEEN.join([before or "", *texts]), False, ""


def _parse_range(cell: str, decimal: str) -> tuple[float, float, float, str, bool, str]:
    """Take the middle of a range, such as 10-20 or 10 to 20 kg, with what stands around it."""
    ends = [_parse(text, decimal) for text in _RANGE.split(cell, maxsplit=1)]
    if any(not one[3] or one[4] or one[5] for one in ends):
        return _NO_NUMBER
    (low, *_, first, _, _), (high, *_, last, _, _) = ends
    if not 0 <= low < high or first not in (last, last.partition(_BETWEEN)[0] + _BARE, _BARE):
        return _NO_NUMBER
    return (low + high) / 2, 0.0, 0.0, last, True, _MIDDLE


def decimal_mark(text: "pd.Series", default: str = ".") -> str:
    """Distinguish 1.234,5 from 1,234.5 by the cells that leave no choice.

    Args:
        text: Some cells of a column.
        default: The answer where all are like 1,234 or 1.234.
    """
    votes = {".": 0, ",": 0}
    for cell in text:
        cell = cell[:_LONGEST]
        marks = re.findall(r"(?<![^\W\d_])[.,](?=[\d–-])", cell)
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
    if votes["."] != votes[","]:
        return max(votes, key=votes.__getitem__)
    if votes["."] == 0 and parts_thousands(text, default):
        return {".": ",", ",": "."}[default]
    return default


def parts_thousands(text: Iterable[str], mark: str) -> bool:
    """Return whether a mark parts thousands in a column of numbers: 1.489 beside 733.

    All numbers with the mark have three digits behind it and one to three before, and others have
    no mark and fewer than four digits. Decimals would be padded in all cells, or in none: a last
    zero, as in 2.090, or many such numbers leave no doubt.

    Args:
        text: Cells of the column.
        mark: "." or ",".
    """
    form = re.compile(rf"[1-9]\d{{0,2}}({re.escape(mark)}\d{{3}})+")
    num_whole = num_grouped = 0
    is_padded = False
    for cell in text:  # the first one that contradicts decides: columns have millions
        found = re.search(r"\d(?:[\d.,]*\d)?", cell[:_LONGEST])
        number = found[0] if found else ""
        if not (form if mark in number else _UP_TO_999).fullmatch(number):
            return False
        num_grouped += mark in number
        num_whole += mark not in number
        is_padded |= mark in number and number.endswith("0")
    return min(num_whole, num_grouped) > 0 and (is_padded or num_grouped >= _MANY_GROUPED)


def as_number(code: str) -> float | None:
    """Return the number that a text is, as in -200 or -200,0; None for other text."""
    try:
        return float(code.replace(",", "."))
    except ValueError:
        return None
