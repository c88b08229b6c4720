"""Tables of the user's own as a kind of input: described, read anew, exported column by column."""

from __future__ import annotations

import collections
import dataclasses
import keyword
import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from keras_recipes.data import cells, columns, own_table
from keras_recipes.data.numbers import notation as notations
from keras_recipes.data.splits import Splits
from keras_recipes.errors import InputError, some
from keras_recipes.features import baselines, kind, parts, tables
from keras_recipes.problems import Problem

if TYPE_CHECKING:
    from rich.table import Table

MAX_SHOWN = 60  # columns
SHOWN = {"number": "numeric", "category": "categorical", "left out": "dropped"}
SHOWN |= {"text": "text"}
FORMS = {
    "number": "a number, NaN where missing",
    "boolean": "text such as yes or no, empty where missing",
    "category": "text, empty where missing",
    "text": "text, empty where missing",
    "date": "text such as 2020-01-31 or 2020-01-31T12:00 (ISO 8601), empty where missing",
}
_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-3]).*)?"
_NO_DATE = "1970-01-01T00"
# Of the first day of each month, for the day of the week (Sakamoto 1992).
_MONTHS = (0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4)

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class OwnTables(kind.Kind):
    """A table that `own_table.read` has read.

    Attributes:
        table: What was made of the file's columns.
        ranges: Smallest and largest number in the training rows, by the columns of x; none in runs
            of earlier versions.
    """

    NAME: ClassVar[str] = "table"

    table: own_table.Source
    ranges: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, splits: Splits) -> Self | None:
        """Return what the table is; None for other splits."""
        source = splits.source
        if not isinstance(source, own_table.Source):
            return None
        return cls(source, kind.ranges_of(splits.train.x))

    def check(self) -> None:
        """Raise ValueError where a column cannot be read as the schema says."""
        own_table.example(self.table)

    def attach(self, model: keras.Model) -> None:
        """Set how the model takes its inputs: encoded first."""
        parts.attach(model, tables.TableParts)

    @property
    def unit(self) -> str:
        """Unit of the target, as the file names it; empty where it names none."""
        return self.table.target_notation.unit or ""

    @property
    def takes(self) -> str:
        """What `predict` takes, for messages."""
        names = [one.name for one in self.table.columns if one.kind != "left out"]
        return f"a table with the columns {some(names)}"

    def describe(self) -> Iterator[Table | str]:
        """Return what was made of each column, and how to have it otherwise."""
        from rich import markup
        from rich.table import Table

        source = self.table
        kinds = collections.Counter(column.kind for column in source.columns)
        counted = ", ".join(f"{count} {SHOWN.get(kind, kind)}" for kind, count in kinds.items())
        table = Table(title=f"{markup.escape(source.name)}: {counted}")
        for name in ("column", "type", "reason", "values", "missing"):
            is_number = name in ("values", "missing")
            table.add_column(name, justify="right" if is_number else "left", overflow="fold")
        # Every column that is left out is named; of the others, of as many as can be read.
        shown = sorted(source.columns, key=lambda column: column.kind != "left out")[:MAX_SHOWN]
        for column in (column for column in source.columns if column in shown):
            shown_kind = SHOWN.get(column.kind, column.kind)
            texts = (markup.escape(text) for text in (column.name, shown_kind, column.reason))
            table.add_row(*texts, f"{column.num_values:,}", f"{column.num_missing:,}")
        yield table
        if len(shown) < len(source.columns):
            yield f"… and {len(source.columns) - len(shown):,} more, all in schema.json"
        flags = "--categorical A B --numeric C --drop D --problem KIND --missing VALUE"
        yield f"to change this: {flags}"
        yield f"target: {source.target}, {source.problem}"
        if source.num_without_target:
            yield (
                f"{source.num_without_target:,} rows without a value of {source.target} are dropped"
            )
        if source.group is not None:
            yield (
                f"{source.num_groups:,} groups of rows by {source.group}; each group is in one "
                "split"
            )

    def refuse(self, given: pd.DataFrame | np.ndarray) -> None:
        """Raise InputError for an array: the model has learned columns by name."""
        if isinstance(given, np.ndarray):
            names = [*own_table.example(self.table)]
            raise InputError(
                f"received an array of shape {given.shape}, expected a table: this run learned "
                f"from columns by name, {', '.join(names[:8])}; give a pandas.DataFrame"
            )

    def read(self, path: Path) -> kind.NewInputs:
        """Read a table as that of the training was read; say what of it is passed over."""
        rows = own_table.read_rows(path, self.table)
        if unknown := [name for name in rows.passed_over if name not in self.table.names]:
            told = "%s: columns that were not there in training are passed over: %s"
            _log.warning(told, path.name, some(unknown))
        return kind.NewInputs(rows.names, rows.x, rows.y)

    def example(self) -> pd.DataFrame:
        """Return one row without any value."""
        return own_table.example(self.table)

    def differences(self, model: keras.Model, x: pd.DataFrame) -> Iterator[str]:
        """Return the columns with categories that were not in the training rows."""
        for name, unknown in tables.TableParts(model).unknown_categories(x).items():
            yield (
                f"column {name!r}: {len(unknown)} of {len(x)} rows have categories that were not "
                f"in the training data, such as {unknown.iloc[0]!r}; they are treated as unknown"
            )

    def signatures(self) -> Mapping[str, kind.Signature]:
        """Return each column by itself: categories as text, numbers as numbers."""
        used = [column for column in self.table.columns if column.kind != "left out"]
        names = _signature_names([column.name for column in used])
        specs = {
            name: tf.TensorSpec(
                (None,), tf.float32 if column.kind == "number" else tf.string, name=name
            )
            for name, column in zip(names, used, strict=True)
        }
        told = {
            one.name: self._told(one.name, one.notation.unit)
            for one in used
            if one.kind == "number"
        }
        described = {
            name: {"column": column.name, "takes": FORMS[column.kind], **told.get(column.name, {})}
            for name, column in zip(names, used, strict=True)
        }

        def read(given: dict) -> dict:
            return _join([(column, given[name]) for name, column in zip(names, used, strict=True)])

        return {"serve": kind.Signature(read, specs, described)}

    def _told(self, name: str, unit: str | None) -> dict[str, Any]:
        """Return unit and range of a numeric column of x, where they are known."""
        ends = self.ranges.get(name)
        return {**({"unit": unit} if unit else {}), **({"range": [*ends]} if ends else {})}

    def describe_inputs(self, model: keras.Model) -> dict[str, dict[str, Any]]:
        """Return the columns of each."""
        row, of_text = own_table.example(self.table), tables.TEXT
        names = {tables.CATEGORICAL: tables.categories(row), of_text: tables.texts_of(row)}
        others = {*names[tables.CATEGORICAL], *names[of_text]}
        units = {one.name: one.notation.unit for one in self.table.columns if one.kind == "number"}
        numbers = [
            {"column": name, **self._told(name, units.get(name))}
            for name in row
            if name not in others
        ]
        found = {tables.NUMERIC: {"columns": numbers, "missing": "NaN", "yes and no": [1, 0]}}
        found |= {name: {"columns": columns, "missing": ""} for name, columns in names.items()}
        return {one.name: found[one.name] for one in model.inputs}

    def numeric(self, model: keras.Model) -> kind.Numeric:
        """Return the network behind the vocabularies: numbers, and indices of categories."""
        halves, row = tables.TableParts(model), own_table.example(self.table)
        if tables.texts_of(row):
            raise InputError("a table with columns of free text is exported as savedmodel or keras")
        names = tables.categories(row)
        of_numbers = [name for name in row if name not in names]
        ends = np.array([self.ranges.get(name, (0.0, 1.0)) for name in of_numbers])
        counts = np.array([len(one) for one in halves.vocabularies])
        told = self.describe_inputs(model)
        inputs = {}
        if of_numbers:
            shape, described = (len(of_numbers),), told[tables.NUMERIC]
            taken = kind.NumericInput(shape, "float32", ends[:, 0], ends[:, 1], described)
            inputs[tables.NUMERIC] = taken
        if names:
            shape, described = (len(names),), {"columns": names, "unknown": 0, "missing": ""}
            inputs[tables.CATEGORICAL] = kind.NumericInput(shape, "int32", 0, counts, described)

        def encode(x: pd.DataFrame) -> dict[str, np.ndarray]:
            found = {tables.NUMERIC: x[of_numbers].to_numpy("float32")}
            if names:
                known = zip(names, halves.vocabularies, strict=True)
                indices = [pd.Index(terms).get_indexer(x[name]) + 1 for name, terms in known]
                found[tables.CATEGORICAL] = np.stack(indices, axis=1).astype("int32")
            return {name: found[name] for name in inputs}

        encoding = {
            name: dict(zip(known, range(1, len(known) + 1), strict=True))
            for name, known in zip(names, halves.vocabularies, strict=True)
        }
        return kind.Numeric(inputs, halves.behind_vocabularies, encode, encoding)

    def baselines(self, problem: Problem, train: Any) -> Sequence[baselines.Baseline]:
        """Return a linear model on quantiles and gradient boosting."""
        return baselines.of_table(problem, train, by_quantiles=True, boosted=True)

    def columns_of(self, x: pd.DataFrame) -> Mapping[str, list[str]]:
        """Return each column that is used with its columns of x: a date is in several."""
        used = [one for one in self.table.columns if one.kind != "left out"]
        names = {
            one.name: [one.name, *(f"{one.name}_{part}" for part in one.parts)] for one in used
        }
        return {name: list(x.columns.intersection(made)) for name, made in names.items()}


def _signature_names(names: list[str]) -> list[str]:
    """Return each column a name in ASCII that TensorFlow takes: its own where it is one.

    No two may differ by capitals alone: TensorFlow makes them lower case.
    """
    own = {column.lower(): column for column in reversed(names) if _is_name(column)}
    found: list[str] = []
    taken = set(own)
    for number, column in enumerate(names, start=1):
        plain = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_")
        placed = f"column_{number}_{plain}".strip("_")
        others = (plain, placed, f"{placed}_", f"{placed}__")
        free = (name for name in others if _is_name(name) and name.lower() not in taken)
        found.append(column if own.get(column.lower()) == column else next(free))
        taken.add(found[-1].lower())
    return found


def _is_name(text: str) -> bool:
    is_free = text != "self" and not keyword.iskeyword(text)  # TensorFlow has a `self` of its own
    return is_free and text.isascii() and text.isidentifier() and not text.startswith("_")


def _join(given: list[tuple[columns.Column, tf.Tensor]]) -> dict[str, tf.Tensor]:
    """Put columns together as the encoder takes them, each read as the file's column was."""
    numbers, categories, of_text = [], [], []
    for column, values in given:
        if column.kind == "text":
            of_text.append(tf.strings.unicode_transcode(values, "UTF-8", "UTF-8"))
        elif column.kind == "category":
            categories.append(tf.strings.strip(values))
        elif column.kind == "date":
            parts = _parts_of_dates(tf.strings.strip(values))
            numbers += [parts[part] for part in column.parts]
        elif column.kind == "boolean":
            numbers.append(_yes_or_no(tf.strings.lower(tf.strings.strip(values), "utf-8")))
        else:
            written = map(notations.as_number, column.notation.missing)
            gaps = [code for code in written if code is not None]
            is_gap = tf.reduce_any(values[:, None] == tf.constant(gaps, tf.float32), axis=1)
            is_known = (abs(values) <= notations.LARGEST) & ~is_gap
            numbers.append(tf.where(is_known, values, math.nan))
    joined = {tables.NUMERIC: numbers, tables.CATEGORICAL: categories, tables.TEXT: of_text}
    return {name: tf.stack(columns, axis=1) for name, columns in joined.items() if columns}


def _yes_or_no(text: tf.Tensor) -> tf.Tensor:
    """Read yes as 1 and no as 0, all else as missing."""
    is_yes, is_no = (
        tf.reduce_any(text[:, None] == sorted(known), axis=1) for known in (cells.YES, cells.NO)
    )
    return tf.where(is_yes, 1.0, tf.where(is_no, 0.0, math.nan))


def _parts_of_dates(text: tf.Tensor) -> dict[str, tf.Tensor]:
    """Take dates apart; Monday is day 0 of the week."""
    is_date = tf.strings.regex_full_match(text, _DATE)
    is_odd = ~is_date & (text != "")
    message = "dates that are not as in 2020-01-31 or 2020-01-31T12:00 (ISO 8601):"
    tf.debugging.Assert(~tf.reduce_any(is_odd), [message, tf.boolean_mask(text, is_odd)])
    text = tf.where(is_date, text, _NO_DATE)
    text = tf.where(tf.strings.length(text) > 10, text, text + "T00")

    def piece(start: int, length: int) -> tf.Tensor:
        return tf.strings.to_number(tf.strings.substr(text, start, length), tf.int32)

    year, month, day = piece(0, 4), piece(5, 2), piece(8, 2)
    moved = year - tf.cast(month < 3, tf.int32)
    days = moved + moved // 4 - moved // 100 + moved // 400 + day
    days += tf.gather(_MONTHS, tf.clip_by_value(month - 1, 0, 11))
    parts = {"year": year, "month": month, "day": day, "day_of_week": (days + 6) % 7}
    parts["hour"] = piece(11, 2)
    return {
        name: tf.where(is_date, tf.cast(part, tf.float32), math.nan) for name, part in parts.items()
    }
