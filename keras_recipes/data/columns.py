"""What each column of a table means, and the table in that meaning.

A column is numeric, boolean, categorical or of dates, or it is left out: identifiers, and columns
that say nothing. Free text is learned from where the user asks for it. The choice is made once,
kept with its reason, and can be overridden; `convert` then brings any table with these columns, the
one to learn from or new rows, to numeric, categorical and text columns.
"""

import dataclasses
import difflib
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from keras_recipes.data import cells
from keras_recipes.data.numbers import gaps, notation as notations, units
from keras_recipes.data.numbers.notation import LARGEST, SURE, Notation
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_logger = logging.getLogger(__name__)

Kind = Literal["number", "boolean", "category", "date", "text", "left out"]

FREE_TEXT = "free text"  # how the reason begins
DATE_PARTS = ("year", "month", "day", "day_of_week", "hour")
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
        parts: Of its dates, those that vary: out of `DATE_PARTS`.
        notation: How its cells are written.
    """

    name: str
    kind: Kind
    reason: str
    num_values: int
    num_missing: int
    parts: tuple[str, ...] = ()
    notation: Notation = notations.PLAIN

    @classmethod
    def from_json(cls, values: dict) -> "Column":
        """Put together again what `dataclasses.asdict` took apart, of earlier versions too."""
        before = {
            name: values[name] for name in ("day_first", "decimal", "signs") if name in values
        }
        others = {name: value for name, value in values.items() if name not in before}
        notation = notations.from_json(others.pop("notation", before))
        return cls(**{**others, "parts": tuple(others.get("parts", ())), "notation": notation})

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
    text: Iterable[str] = (),
    decimal: str = ".",
    missing: tuple[str, ...] = (),
    codes: Collection[float] = (),
    in_row: Mapping[str, str] = MappingProxyType({}),
) -> list[Column]:
    """Decide what each column means.

    Args:
        frame: Table without its target, as `tables.read` gives it.
        categorical: Columns that are categorical whatever they look like.
        numeric: Columns that are numeric; what is no number counts as missing.
        drop: Columns to leave out.
        text: Columns of free text.
        decimal: Mark of the file, for numbers that leave it open.
        missing: Cells that stand for no value, as in `missing_in`; in columns without any, they are
            found out.
        codes: Numbers that stand for a gap in the target.
        in_row: Units by the names of their columns, from a row of units.

    Returns:
        One entry for each column, in their order.

    Raises:
        InputError: A name is not in the table, or named for two meanings.
    """
    named: dict[Kind, Iterable[str]] = {"category": categorical, "number": numeric}
    asked = _asked(frame, {**named, "left out": drop, "text": text})
    likes = {
        name: Notation(
            decimal,
            unit=in_row.get(str(name), ""),
            missing=missing_in(str(name), missing, frame.columns),
        )
        for name in frame.columns
    }
    decided = {name: _decide(frame[name], asked.get(name), likes[name], codes) for name in likes}
    clear = {*codes, *(code for _, read in decided.values() if read for code in read.codes)}
    for name, (_, read) in decided.items():
        if read and (read.values.isin(clear - {*codes})).any():  # one column's are others' too
            decided[name] = _decide(frame[name], asked.get(name), likes[name], clear)
    for _, read in decided.values():
        if read:
            read.warn_of_codes()
    return [column for column, _ in decided.values()]


def listed(names: Iterable[object], wanted: str = "") -> str:
    """Name the columns that there are, for a message; the one that may have been meant first."""
    shown = [str(name)[:_LONG_TEXT] for name in names]
    close = [name for name in shown if name.casefold() == wanted.casefold()]
    close = close or difflib.get_close_matches(wanted, shown[:_SAMPLE_VALUES], n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    more = f", … ({len(shown):,} in all)" if len(shown) > 20 else ""
    return f"{meant}there is {', '.join(shown[:20])}{more}."


def missing_in(name: str, missing: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the cells that stand for no value in a column.

    Args:
        name: Of the column.
        missing: Cells for all columns, or NAME=CELL for one; NAME= for none in it.
        names: Of all columns.
    """
    found = []
    for text in missing:
        column, mark, cell = text.rpartition("=")
        if mark and column == name:
            found.append(cell)
        elif not mark or all(column != str(one) for one in names):
            found.append(text)
    return tuple(found)


def _asked(frame: "pd.DataFrame", named: dict[Kind, Iterable[str]]) -> dict[str, Kind]:
    asked: dict[str, Kind] = {}
    for kind, names in named.items():
        for name in _apart(names, frame.columns):
            if name not in frame.columns:
                raise InputError(f"no column {name!r}; {listed(frame.columns, name)}")
            if asked.setdefault(name, kind) != kind:
                raise InputError(
                    f"column {name!r} is named as {asked[name]} and as {kind}; name it once."
                )
    return asked


def _apart(names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield names one by one, those too that came as one text with commas: zip,grade."""
    for name in names:
        yield from [name] if name in known else (part.strip() for part in name.split(","))


def _decide(
    values: "pd.Series", asked: Kind | None, like: Notation, codes: Collection[float]
) -> "tuple[Column, Numbers | None]":
    """Choose the kind of a column, and how its cells are to be read; return its numbers too."""
    like = dataclasses.replace(like, signs=bool((values == "+").any()))
    tidied = tidy(values, like)
    kind: Kind = asked or "left out"
    reason = "as asked for"
    if kind == "left out":
        guessed = _guess(tidied, like)
        if asked in (None, guessed[0]):  # an identifier remains one
            kind, reason = guessed
    read = None
    if kind == "number":
        read = without_codes(read_numbers(tidied, like), codes)
        if read.problem and asked:
            raise InputError(f"column {values.name!r} holds {read.problem}; write one unit.")
        if read.problem:
            kind, reason = _guess_categories(tidied.dropna(), False)
            _logger.warning("column %r holds %s", values.name, read.problem)
            reason = read.problem if kind == "left out" else f"{reason}; {read.problem}"
            read = None
    if read:
        like, found = read.notation, read.values.dropna()
        what = f"{'times' if like.dimension == units.TIME else 'numbers'} in {like.unit}"
        reason = reason.replace("numbers", what if like.unit else "numbers", 1)
        reason = "; ".join((reason, *read.notes))
    else:
        if kind == "date":
            like = dataclasses.replace(like, day_first=_day_first(tidied))
        found = (tidied if kind == "left out" else _read(tidied, kind, like)).dropna()
    if asked in ("number", "category", "text") and not len(found):
        raise InputError(
            f"column {values.name!r} holds no {asked} in any row, as was asked for; --drop it."
        )
    if misfits := read.num_misfits if read else tidied.count() - len(found):
        reason += f"; {misfits:,} that do not fit count as missing"
    parts = DATE_PARTS if kind == "date" else ()
    column = Column(
        str(values.name),
        kind,
        reason,
        num_values=found.nunique(),
        num_missing=len(values) - len(found),
        parts=tuple(part for part in parts if getattr(found.dt, part).nunique() > 1),
        notation=like,
    )
    return column, read


@dataclasses.dataclass(frozen=True, eq=False)
class Numbers:
    """A column read as numbers.

    Attributes:
        values: float64, NaN for a cell that is missing or no number.
        notation: How they are written.
        fits: Share of the cells with a value that are numbers in one dimension.
        num_misfits: Cells with a value that are no numbers.
        notes: What was made of units, marks and codes for gaps.
        problem: Why they cannot serve, where nearly all cells are numbers; else "".
        codes: Rows of each number that stands for a gap.
        doubtful: Rows of each number that may stand for one.
    """

    values: "pd.Series"
    notation: Notation
    fits: float
    num_misfits: int
    notes: tuple[str, ...]
    problem: str
    codes: dict[float, int] = dataclasses.field(default_factory=dict)
    doubtful: dict[float, int] = dataclasses.field(default_factory=dict)

    def warn_of_codes(self) -> None:
        """Name the numbers that stand for a gap, or may, and the flag that decides."""
        for code, count in (self.codes | self.doubtful).items():
            name = self.values.name
            then = f"it counts as missing; --missing '{name}=' keeps it"
            if code in self.doubtful:
                then = f"if it stands for a gap, say --missing '{name}={code:g}'"
            low, high = self.values[~self.values.isin(list(self.doubtful))].agg(["min", "max"])
            _logger.warning(
                "column %r: %g in %s rows, all others are from %g to %g; %s",
                *(name, code, f"{count:,}", low, high, then),
            )


def read_numbers(tidied: "pd.Series", like: Notation) -> Numbers:
    """Read a column as numbers, whatever their notation, and find the codes for gaps among them.

    Args:
        tidied: Cells from `tidy`.
        like: What is known of their notation.
    """
    import numpy as np
    import pandas as pd

    name = str(tidied.name)
    if pd.api.types.is_numeric_dtype(tidied):
        values, fits = like.read(tidied), 1.0
        notation = dataclasses.replace(like, is_share=notations.is_of_shares(values))
        if given := units.of_cell(like.unit) or units.of_name(name):
            notation = dataclasses.replace(notation, dimension=given.dimension, unit=given.unit)
        notes: tuple[str, ...] = ()
        problem = ""
    else:
        codes, distinct = pd.factorize(tidied)
        text = pd.Series(distinct, dtype="str")
        is_word = text.str.lower().isin(_NO_VALUE).to_numpy()
        counts = np.bincount(codes[codes >= 0], minlength=len(text))
        learned = notations.learn(text, np.where(is_word, 0, counts), like, name)
        found = np.append(learned.values.to_numpy(), np.nan)[codes]
        values = pd.Series(found, index=tidied.index, name=tidied.name)
        notation, fits = learned.notation, learned.fits
        notes, problem = learned.notes, learned.problem
    num_misfits = int(tidied.count() - values.count())
    return Numbers(values, notation, fits, num_misfits, notes, problem)


def without_codes(numbers: Numbers, known: Collection[float] = ()) -> Numbers:
    """Return numbers without those that stand for a gap.

    Where the user has named such cells there are no others.

    Args:
        numbers: Of a column.
        known: What stands for a gap in other columns: here, a doubtful one is clear by it.
    """
    notation, raw = numbers.notation, numbers.values
    if notation.missing or numbers.problem:
        return numbers
    present = raw.to_numpy()[raw.notna().to_numpy()]
    clear, doubtful = gaps.codes(present, raw.dropna().unique(), known)
    clear += [code for code in doubtful if code in known]
    doubtful = [code for code in doubtful if code not in known]
    shown = tuple(f"{code:.15g}" for code in clear)
    return dataclasses.replace(
        numbers,
        values=raw.mask(raw.isin(clear)) if clear else raw,
        notation=dataclasses.replace(notation, missing=shown),
        notes=(*numbers.notes, *(f"{code} counts as missing" for code in shown)),
        codes={code: int((raw == code).sum()) for code in clear},
        doubtful={code: int((raw == code).sum()) for code in doubtful},
    )


def _day_first(values: "pd.Series") -> bool | None:
    """Return whether dates begin with the day, by up to 1,000 of the distinct cells.

    They are evenly spread. None where no date begins with day or month.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        return None
    distinct = pd.Series(values.dropna().unique(), dtype="str")
    return cells.is_day_first(distinct.iloc[:: max(-(-len(distinct) // _SAMPLE_VALUES), 1)])


def _guess(values: "pd.Series", like: Notation) -> tuple[Kind, str]:
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
    return _guess_text(present, like)


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


def _guess_text(present: "pd.Series", like: Notation) -> tuple[Kind, str]:
    """Try one meaning after the other on some of the distinct cells, by how many rows hold them."""
    counts = present[~present.str.lower().isin(_NO_VALUE)].value_counts()
    texts = counts.index.to_series().reset_index(drop=True)
    if len(texts) <= _FEW and cells.is_yes_or_no(texts):
        return "boolean", f"yes or no: {', '.join(map(cells.short, texts[:4]))}"
    is_coded = bool(texts.str.fullmatch(r"0\d{2,}").any())
    if len(texts) > 1 and not is_coded:
        step = -(-len(texts) // _SAMPLE_VALUES)
        sample = texts.iloc[::step].reset_index(drop=True)
        if fitting := _fitting(sample, counts.to_numpy()[::step], like):
            return fitting
    return _guess_categories(present, is_coded)


def _fitting(sample: "pd.Series", weights: "np.ndarray", like: Notation) -> tuple[Kind, str] | None:
    """Return the kind that nearly all cells fit: numbers or dates."""

    def fits(read: "pd.Series") -> bool:
        return weights[read.notna().to_numpy()].sum() >= SURE * weights.sum()

    example = f"such as {cells.short(sample.iloc[0])}"
    learned = notations.learn(sample, weights, like)
    is_number = learned.fits >= SURE or learned.problem
    if is_number and not fits(sample.where(sample.str.match(r"\+\d{2}"))):
        return "number", f"numbers {example}"
    day_first = cells.is_day_first(sample)
    if fits(cells.dates(sample, day_first is not False)):
        order = "" if day_first is None else f", {'day' if day_first else 'month'} first"
        if order and cells.order_of_days(sample) == (0, 0):
            order += " (no cell decides)"
        return "date", f"dates {example}{order}"
    return None


def _guess_categories(present: "pd.Series", is_coded: bool) -> tuple[Kind, str]:
    """Distinguish categories from identifiers and free text."""
    distinct = present.drop_duplicates()
    example = f"such as {cells.short(distinct.iloc[0])}"
    if len(distinct) > max(_FEW, len(present) / 2):
        sample = distinct.iloc[:_SAMPLE_VALUES]
        is_long = sample.str.len().mean() >= _LONG_TEXT or sample.str.count(r"\s").mean() >= 3
        count = f"{len(distinct):,} values in {len(present):,} rows"
        if is_long:
            return "left out", f"{FREE_TEXT}, which --text learns from, {example}: {count}"
        return "left out", f"an identifier or a name {example}: {count}"
    if len(distinct) > _MAX_CATEGORIES:
        return "category", f"categories {example}; the rarer of {len(distinct):,} are merged"
    what = "codes with leading zeros" if is_coded else "categories"
    return "category", f"{len(distinct):,} {what} {example}"


def tidy(values: "pd.Series", like: Notation) -> "pd.Series":
    """Return the cells of a column without space around them, and none that says nothing.

    Args:
        values: As `csv_reader.read` gives them.
        like: Says which cells stand for no value.
    """
    import pandas as pd

    if pd.api.types.is_bool_dtype(values):
        return values
    if pd.api.types.is_numeric_dtype(values):
        codes = [code for text in like.missing if (code := notations.as_number(text)) is not None]
        return values.mask(values.isin(codes)) if codes else values

    def strip(text: "pd.Series") -> "pd.Series":
        stripped = text.str.strip()
        return stripped.mask(stripped.isin((*_BLANK[: 1 if like.signs else None], *like.missing)))

    return cells.by_distinct(values.astype("str"), strip, float("nan")).astype("str")


def _read(values: "pd.Series", kind: Kind, notation: Notation) -> "pd.Series":
    """Read cells that are tidy as a kind."""
    import pandas as pd

    if kind == "number":
        return notation.read(values)
    text = cells.written(values) if pd.api.types.is_numeric_dtype(values) else values
    if kind == "boolean":
        return cells.booleans(text)
    return cells.dates(text, notation.day_first is not False) if kind == "date" else text


def read(values: "pd.Series", column: Column) -> "pd.Series":
    """Read the cells of a column in its meaning: as numbers, dates or categories."""
    return _read(tidy(values, column.notation), column.kind, column.notation)


def with_units(
    frame: "pd.DataFrame", in_row: Mapping[str, str], likes: Mapping[str, Notation]
) -> "pd.DataFrame":
    """Return new rows with the unit behind each number whose unit is another one than in training.

    Args:
        frame: Table of new rows.
        in_row: Units by the names of their columns, from a row of units in the file.
        likes: By the names of numeric columns, how they were written in training.
    """
    import pandas as pd

    changed = {}
    for name, unit in in_row.items():
        like, given = likes.get(name), units.of_cell(unit)
        if not like or name not in frame or not (like.unit or given):
            continue
        if not like.unit or not given:
            trained, unknown = like.unit or "no unit", "" if given else ", which is not known"
            _logger.warning(
                "column %r: the row of units has %s%s; the training had %s; the numbers are read "
                "without conversion",
                *(name, cells.short(unit), unknown, trained),
            )
        elif given.unit != like.unit:
            values = tidy(frame[name], like)
            is_number = pd.api.types.is_numeric_dtype(values)
            text = cells.written(values) if is_number else values
            is_bare = is_number | text.str.fullmatch(r"[-+−]?[\d.,\s]+").fillna(False)
            changed[name] = text.where(~is_bare, text + f" {unit}")
    return frame.assign(**changed) if changed else frame


def differences(frame: "pd.DataFrame", columns: Iterable[Column]) -> Iterator[tuple[str, str]]:
    """Yield the columns of new rows that are written in another way than in training, and how.

    Args:
        frame: Table that has the columns.
        columns: From `infer`.

    Yields:
        Name, and a sentence: cells that do not fit, other units, numbers without one.

    Raises:
        InputError: The dates of a column begin with the month where the day was first, or in turn.
    """
    for column in (
        column for column in columns if column.kind not in ("left out", "category", "text")
    ):
        tidied = tidy(frame[column.name], column.notation)
        if column.kind == "number":
            yield from ((column.name, one) for one in column.notation.differences(tidied))
            continue
        if column.kind == "date":
            _check_order(tidied, column)
        lost = tidied[tidied.notna() & _read(tidied, column.kind, column.notation).isna()]
        if len(lost):
            wanted = {"boolean": "yes or no"}.get(column.kind, column.kind)
            count = f"{len(lost):,} of {len(frame):,} rows hold no {wanted}"
            example = cells.short(lost.iloc[0])
            yield column.name, f"{count}, such as {example}; they count as missing"


def _check_order(values: "pd.Series", column: Column) -> None:
    """Refuse dates of new rows whose day and month are in another order than in training."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        return
    by_day, by_month = cells.order_of_days(text := values.dropna())
    learned = column.notation.day_first
    if learned is None:
        if cells.is_day_first(text) is not None:
            raise InputError(
                f"column {column.name!r} holds dates whose day or month may come first, and the "
                "training had none such; write them as 2020-01-31."
            )
    elif (by_day, by_month)[learned] and not (by_month, by_day)[learned]:
        names = ("day", "month")[:: 1 if learned else -1]
        raise InputError(
            f"column {column.name!r} has the {names[1]} first in its dates, and the training had "
            f"the {names[0]} first; write them so, or as 2020-01-31."
        )


def convert(frame: "pd.DataFrame", columns: Iterable[Column]) -> "pd.DataFrame":
    """Bring a table to numeric and categorical columns.

    Args:
        frame: Table that has the columns, in any order; others are ignored.
        columns: From `infer`; those left out are not needed.

    Returns:
        Table with the rows and row labels of `frame`: float64 for numeric columns, booleans (0 or
        1) and parts of dates (NAME_year and so on), text for categorical columns, `text_dtype()`
        for columns of free text. A value that is missing or does not fit its column is NaN, or ""
        in a category or a text.

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
            is_text = column.kind in ("category", "text")
            converted[column.name] = values.fillna("") if is_text else values
            if column.kind == "text":
                converted[column.name] = converted[column.name].astype(text_dtype())
    return pd.DataFrame(converted, index=frame.index)


def text_dtype() -> "pd.StringDtype":
    """Return the dtype by which a column of free text differs from a category."""
    import pandas as pd

    return pd.StringDtype("python")
