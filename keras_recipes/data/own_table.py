"""A table of the user's own, as rows to learn from: what to predict, from which columns.

Rows, shape, source and licence are the user's; `read` says what it made of them.
"""

import dataclasses
import logging
import pathlib
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from keras_recipes import reading
from keras_recipes.data import cells, columns, csv_reader, related, splits, targets
from keras_recipes.data.numbers import gaps, notation, units
from keras_recipes.data.numbers.notation import Notation
from keras_recipes.data.synthetic import rents
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

_MIN_ROWS = 20


class Wishes(NamedTuple):
    """What the user says of columns, as in `read`."""

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    time: str | None = None
    group: str | None = None
    missing: tuple[str, ...] = ()
    text: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Source(splits.Source):
    """Where rows came from, and what was made of the file's columns.

    Attributes:
        target: Column that is predicted.
        problem: Kind of problem, and why.
        header: Whether the first row of the file names its columns.
        names: Of all columns, in the file's order.
        columns: All but the target, each with its meaning.
        num_without_target: Rows that were left out.
        num_copies: Rows that were left out since they are copies of others.
        class_names: In label order; empty for regression.
        digest: Hash of the file's content.
        encoding: Of the file.
        group: Column whose rows of one value stay in one split; None where there is none.
        num_groups: Groups of rows by this column.
        likely_group: Column by which rows may belong together: its values repeat, and rows of one
            value nearly all have the same target; "" for none.
        target_notation: How the target's cells are written, and in which unit its numbers are.
    """

    target: str
    problem: str
    header: bool
    names: tuple[str, ...]
    columns: tuple[columns.Column, ...]
    num_without_target: int
    num_copies: int
    class_names: tuple[str, ...]
    digest: str
    encoding: str = "utf-8"
    group: str | None = None
    num_groups: int = 0
    likely_group: str = ""
    target_notation: Notation = notation.PLAIN

    @property
    def note(self) -> str:
        """What to say where no table was given."""
        return f"NOTE: these are {self.name}. For your own table, use --csv FILE (in Python: csv)."

    @property
    def problem_kind(self) -> str:
        """The kind of problem: binary, multiclass or regression."""
        return self.problem.partition(":")[0]

    @property
    def num_categories(self) -> list[int]:
        """The number of categories of each categorical column; missing values count as one."""
        categories = [column for column in self.columns if column.kind == "category"]
        return [column.num_values + bool(column.num_missing) for column in categories]


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """What there is to learn.

    Attributes:
        x: Rows as `columns.convert` gives them.
        y: int32 classes, or float64 values, shape (rows,).
        kind: Of the problem.
        source: Of the rows.
        order: Places of the rows from the first to the last in time; None to split at random.
        groups: The group of each row, which stays in one split; None where there are none.
    """

    x: "pd.DataFrame"
    y: np.ndarray
    kind: targets.Kind
    source: Source
    order: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the classes in label order; empty for regression."""
        return self.source.class_names

    def split(self, seed: int) -> splits.Splits:
        """Divide into 60 % train, 20 % validation and 20 % test rows, by seed or by time.

        Rows of one group stay together.
        """
        if self.order is None:
            return splits.split(self.x, self.y, self.source, seed, groups=self.groups)
        rows, count = splits.Split(self.x, self.y), len(self.y)
        parts = np.split(self.order, [round(0.6 * count), round(0.8 * count)])
        train, validation, test = map(rows.take, parts)
        return splits.Splits(train, validation, test, self.source, in_time=True)


def source_of(data: splits.Splits) -> Source:
    """Return the source of splits that `Table.split` made.

    Raises:
        InputError: If the splits are of other rows.
    """
    if not isinstance(data.source, Source):
        raise InputError(f"{data.source.name}: received no table from `own_table.read`")
    return data.source


def read(
    path: "str | pathlib.Path | pd.DataFrame | None",
    target: str | None,
    *,
    problem: Literal["auto"] | targets.Kind = "auto",
    header: bool = True,
    categorical: Iterable[str] = (),
    numeric: Iterable[str] = (),
    drop: Iterable[str] = (),
    time: str | None = None,
    encoding: str | None = None,
    group: str | None = None,
    missing: Iterable[str] = (),
    text: Iterable[str] = (),
) -> Table:
    """Read a file and decide what its columns mean.

    Args:
        path: Of a delimited text file, or a DataFrame, which is read as the file that `to_csv`
            makes of it; None computes synthetic data, which decide their columns themselves.
        target: Column to predict.
        problem: Kind of problem, or "auto" to decide by the target.
        header: Whether the first row names the columns.
        categorical: Columns to take as categorical.
        numeric: Columns to take as numeric.
        drop: Columns to leave out.
        time: Column of dates or numbers; the last rows by it are the test rows, those before them
            the validation rows.
        encoding: Of the file, such as cp949; None to find out.
        group: Column that names what several rows belong to, such as a patient; rows of one value
            stay in one split, and the column is not learned from. A row without a value stands
            alone.
        missing: Cells that stand for no value, such as -200 in any column, or bmi=0 in one; in
            columns without any, clear ones are found out and named.
        text: Columns of free text to learn from.

    Returns:
        The table.

    Raises:
        InputError: The file, the target or a column cannot serve.
    """
    if path is None and target is not None:
        raise InputError(f"--target {target}: no table is given; give its file too, --csv FILE.")
    if path is None:
        return _synthetic("regression" if problem == "auto" else problem)
    categorical, numeric, drop, text = (
        tuple(map(composed, names)) for names in (categorical, numeric, drop, text)
    )
    time, group = (name and composed(name) for name in (time, group))
    codes = tuple(composed(str(cell)) for cell in missing)
    wishes = Wishes(categorical, numeric, drop, time, group, codes, text)
    file = read_file(path, target, header=header, encoding=encoding)
    made = file.frame, file.target, problem, header, wishes, file.origin, file.digest
    table = _make(*made, file.dialect.decimal)
    source = dataclasses.replace(table.source, encoding=file.dialect.encoding)
    return dataclasses.replace(table, source=source)


class File(NamedTuple):
    """A user's table as its file holds it.

    Attributes:
        frame: As `csv_reader.read` gives it.
        target: Column to predict, as the reader writes its name.
        dialect: Of the file.
        origin: Where the rows came from.
        digest: Hash of the file's content.
    """

    frame: "pd.DataFrame"
    target: str
    dialect: csv_reader.Dialect
    origin: splits.Source
    digest: str


def read_file(
    path: "str | pathlib.Path | pd.DataFrame",
    target: str | None,
    *,
    header: bool,
    encoding: str | None,
) -> File:
    """Read a user's table, whatever its columns mean; arguments as in `read`.

    Raises:
        InputError: No target is named, or the file cannot be read.
    """
    with csv_reader.as_file(path) as given:
        file = reading.resolved(given)
        frame, dialect = csv_reader.read(
            file, header=header, encoding=encoding, no_header="say --no-header"
        )
        if target is None:
            raise InputError(
                f"{file.name}: which column to predict? Say --target COLUMN; "
                f"{columns.listed(frame.columns)}"
            )
        digest = reading.sha256(file)
    origin = splits.Source(file.name, "real", "a file of the user", "the user's")
    return File(frame, composed(target), dialect, origin, digest)


def composed(name: str) -> str:
    """Return a name as the reader returns names, whichever way its accents or Hangul were typed."""
    return unicodedata.normalize("NFC", name)


def _synthetic(kind: targets.Kind) -> Table:
    origin = splits.Source(
        "synthetic flats to rent", "built-in", "computed", "that of this repository"
    )
    target = rents.TARGETS[kind]
    others = [name for name in rents.TARGETS.values() if name != target]
    return _make(rents.draw().drop(columns=others), target, kind, True, Wishes(), origin, "")


def _make(
    frame: "pd.DataFrame",
    target: str,
    problem: Literal["auto"] | targets.Kind,
    header: bool,
    wishes: Wishes,
    origin: splits.Source,
    digest: str,
    decimal: str = ".",
) -> Table:
    """Decide what a table's columns mean; messages begin with the file's name."""
    try:
        if len(frame) < _MIN_ROWS:
            rows = f"{len(frame)} row{'s' * (len(frame) != 1)}"
            raise InputError(f"{rows}, expected at least {_MIN_ROWS}; bring more rows.")
        _check_target(frame, target, wishes)
        frame, in_row = _without_strays(origin.name, frame, decimal)
        in_row = {name: unit for name, unit in in_row.items() if units.of_cell(unit)}
        of_target = columns.missing_in(target, wishes.missing, frame.columns)
        goal = targets.read(frame[target], problem, decimal, of_target, in_row.get(target, ""))
        known, y = _with_target(frame, goal.y, target)
        num_known = len(known)
        known, y = _without_copies(origin.name, known, known, y, "every column")
        found = columns.infer(
            known.drop(columns=target),
            categorical=wishes.categorical,
            numeric=wishes.numeric,
            drop=wishes.drop if wishes.group is None else (*wishes.drop, wishes.group),
            text=wishes.text,
            decimal=decimal,
            missing=wishes.missing,
            codes=goal.codes,
            in_row=in_row,
        )
        found = [_named_as_group(one) if one.name == wishes.group else one for one in found]
        x = _inputs(known, found, target)
        used = x.assign(**{"": y})
        x, y = _without_copies(origin.name, x, used, y, "every column that is used")
        known = known.loc[x.index]
        order = _in_time(known, wishes, decimal)
        groups, likely = _groups(origin.name, known, wishes.group), ""
        if order is None:
            likely = related.find_grouping(known, found, y, goal.kind != "regression", groups)
    except InputError as error:
        raise InputError(f"{origin.name}: {error}") from None
    source = Source(
        **dataclasses.asdict(origin),
        target=target,
        problem=f"{goal.kind}: {goal.reason}",
        header=header,
        names=tuple(map(str, frame.columns)),
        columns=tuple(found),
        num_without_target=len(frame) - num_known,
        num_copies=num_known - len(y),
        class_names=goal.class_names,
        digest=digest,
        group=wishes.group,
        num_groups=0 if groups is None else len(np.unique(groups)),
        likely_group=likely,
        target_notation=goal.notation,
    )
    return Table(
        x,
        y.astype("float64" if goal.kind == "regression" else "int32"),
        goal.kind,
        source,
        order,
        groups,
    )


def _with_target(
    frame: "pd.DataFrame", y: np.ndarray, target: str
) -> "tuple[pd.DataFrame, np.ndarray]":
    """Leave out the rows of which the target is not known."""
    known = np.isfinite(y)
    if known.sum() < _MIN_ROWS:
        raise InputError(
            f"{known.sum()} rows with a value of {target!r}, expected at least {_MIN_ROWS}; "
            "bring more rows."
        )
    return frame[known].reset_index(drop=True), y[known]


def _without_strays(
    name: str, frame: "pd.DataFrame", decimal: str
) -> "tuple[pd.DataFrame, dict[str, str]]":
    """Leave out the rows that hold no data; columns that are numeric without them become so.

    Returns:
        The other rows, and what a row of units holds, by column.
    """
    import pandas as pd

    found = gaps.strays(frame)
    if not found:
        return frame, {}
    for what in dict.fromkeys(found.values()):
        rows = [row for row, one in found.items() if one == what]
        several = len(rows) > 1
        count = (
            f"{len(rows):,} rows hold no data and are" if several else "a row holds no data and is"
        )
        place = f"{'the first is ' * several}row {rows[0] + 1}"
        example = cells.short(frame.loc[rows[0]].dropna().iloc[0])
        _logger.warning("%s: %s left out: %s (%s, %s)", name, count, what, place, example)
    kept = frame.drop(index=list(found)).reset_index(drop=True)
    for column in kept.columns[[pd.api.types.is_string_dtype(kept[name]) for name in kept]]:
        text = kept[column]
        numbers = pd.to_numeric(text.str.replace(decimal, ".", regex=False), errors="coerce")
        is_number = (numbers.notna() == text.notna()).all()
        is_other = text.str.match(r"\s*0\d").any() or notation.parts_thousands(
            text.dropna(), decimal
        )
        if is_number and not is_other:
            kept[column] = numbers
    return kept, gaps.row_units(frame, found)


def _check_target(frame: "pd.DataFrame", target: str, wishes: Wishes) -> None:
    """Refuse a target that is not there, or named for something else too."""
    if frame.shape[1] == 1:
        raise InputError(
            f"one column only, named {cells.short(frame.columns[0])}; expected the target and "
            "columns to predict it from, with a comma, semicolon, tab or bar between them."
        )
    if target not in frame.columns:
        raise InputError(
            f"no column {target!r} to predict; {columns.listed(frame.columns, target)}"
        )
    named = *wishes.categorical, *wishes.numeric, *wishes.drop, *wishes.text
    if target in (*named, wishes.time, wishes.group):
        raise InputError(
            f"column {target!r} is the target, and named as a column to learn from or to leave "
            "out; name it once."
        )
    if wishes.group is not None:
        _check_group(frame, wishes)


def _check_group(frame: "pd.DataFrame", wishes: Wishes) -> None:
    """Refuse a column of groups that is not there, or named for something that excludes it."""
    group = wishes.group
    if group not in frame.columns:
        raise InputError(
            f"no column {group!r} to keep rows together by; "
            f"{columns.listed(frame.columns, str(group))}"
        )
    if wishes.time is not None:
        raise InputError(
            f"--group {group} and --time {wishes.time}: received both, expected one of the two, "
            "since rows of one group may lie on both sides of any moment; leave one away."
        )
    if group in (*wishes.categorical, *wishes.numeric):
        raise InputError(
            f"column {group!r} is named by --group, which leaves it out, and as a column to learn "
            "from; name it once."
        )


def _inputs(known: "pd.DataFrame", found: list[columns.Column], target: str) -> "pd.DataFrame":
    x = columns.convert(known, found)
    if not x.shape[1]:
        reasons = "; ".join(f"{column.name}: {column.reason}" for column in found[:5])
        raise InputError(
            f"no column to predict {target!r} from ({reasons}); expected a column of numbers, "
            "categories or dates."
        )
    return x


def _in_time(known: "pd.DataFrame", wishes: Wishes, decimal: str) -> np.ndarray | None:
    """Order rows by a column of dates or numbers, where one is named; those without come first."""
    time = wishes.time
    if time is None:
        return None
    if time not in known.columns:
        raise InputError(
            f"no column {time!r} to order the rows by; {columns.listed(known.columns, time)}"
        )
    (column,) = columns.infer(known[[time]], decimal=decimal, missing=wishes.missing)
    if column.kind not in ("date", "number"):
        raise InputError(
            f"column {time!r} holds {column.reason}; expected dates or numbers to order the rows by"
            "; choose another column for --time."
        )
    moments = columns.read(known[time], column).reset_index(drop=True)
    return moments.sort_values(kind="stable", na_position="first").index.to_numpy()


def _named_as_group(column: columns.Column) -> columns.Column:
    return dataclasses.replace(
        column, reason="an identifier, by --group: rows of one value stay in one split"
    )


def _groups(name: str, known: "pd.DataFrame", group: str | None) -> np.ndarray | None:
    """Number the groups of rows by a column, where one is named; a row without a value is alone."""
    if group is None:
        return None
    column = columns.Column(group, "category", "", 0, 0)
    values = columns.read(known[group], column)
    codes, distinct = values.factorize()
    missing = codes < 0
    if len(distinct) == 1 and not missing.any():
        raise InputError(
            f"column {group!r} has one value in all rows, expected several groups of rows; choose "
            "another column for --group."
        )
    if missing.any():
        _logger.warning(
            "%s: %s rows without a value of %r; each counts as a group of its own",
            *(name, f"{missing.sum():,}", group),
        )
    if len(distinct) == (~missing).sum():
        _logger.warning(
            "%s: no value of %r comes twice, so that --group changes nothing", name, group
        )
    codes[missing] = len(distinct) + np.arange(missing.sum())
    return codes


def _without_copies(
    name: str, rows: "pd.DataFrame", compared: "pd.DataFrame", y: np.ndarray, where: str
) -> "tuple[pd.DataFrame, np.ndarray]":
    """Leave out rows that are copies of others, where they cannot be alike by chance."""
    again = related.copies(compared)
    if not again.any():
        return rows, y
    _logger.warning(
        "%s: %s rows are copies of others in %s; each is taken once",
        name,
        f"{again.sum():,}",
        where,
    )
    return rows[~again], y[~again]


def example(source: Source) -> "pd.DataFrame":
    """Return one row of what a model of a table takes, with nothing in it.

    Args:
        source: Of the table.

    Raises:
        ValueError: If a column cannot be read so.
    """
    import pandas as pd

    for column in source.columns:
        if column.notation.decimal not in (".", ",") or not {*column.parts} <= {
            *columns.DATE_PARTS
        }:
            raise ValueError(f"column {column.name!r} cannot be read as the schema says")
    empty = pd.DataFrame({column.name: [None] for column in source.columns}, dtype="str")
    return columns.convert(empty, source.columns)


class NewRows(NamedTuple):
    """Rows to predict.

    Attributes:
        x: As the model takes them, in the file's order.
        identifiers: Columns by which the user knows the rows, which the model does not.
        passed_over: Names of the other columns that the model does not take.
        y: The target, where the file holds it: class numbers or values, NaN for unknown ones.
    """

    x: "pd.DataFrame"
    identifiers: "pd.DataFrame"
    passed_over: list[str]
    y: np.ndarray | None

    @property
    def names(self) -> "pd.DataFrame":
        """The number of each row, from 1, in `input`, and the identifiers."""
        import pandas as pd

        numbers = pd.DataFrame({"input": range(1, len(self.x) + 1)})
        return numbers.join(self.identifiers.rename(columns={"input": "input_of_file"}))


def read_rows(path: pathlib.Path, source: Source) -> NewRows:
    """Read new rows for a model that has learned from a table.

    Args:
        path: Of a delimited text file with the columns that are used, in any order.
        source: Of that table.

    Returns:
        The rows. Cells that do not fit the meaning of their column are named in a warning.

    Raises:
        InputError: The file cannot be read, or columns are missing.
    """
    import pandas as pd

    used = source.columns
    marks = {one.name: one.notation.decimal for one in used if one.kind == "number"}
    if not source.class_names:
        marks[source.target] = source.target_notation.decimal
    decimal = "," if "," in marks.values() else "."
    # Where both are marks of decimals, the point parts thousands in the columns with a comma.
    grouped = [name for name, mark in marks.items() if mark == "," and "." in marks.values()]
    frame, _ = csv_reader.read(
        path,
        header=source.header,
        decimal=decimal,
        expected_encoding=source.encoding,
        as_text=grouped,
    )
    frame, in_row = _without_strays(pathlib.Path(path).name, frame, decimal)
    names = source.names
    if not source.header:
        if frame.shape[1] == len(names) - 1:  # without the target
            names = tuple(name for name in names if name != source.target)
        if frame.shape[1] != len(names):
            raise InputError(
                f"{path}: {frame.shape[1]} columns, expected {len(source.names)}, or one less "
                "without the target."
            )
        frame.columns = names
    of_target = source.target_notation
    likes = {column.name: column.notation for column in used if column.kind == "number"}
    if not source.class_names:
        likes[source.target] = of_target
    frame = columns.with_units(frame, in_row, likes)
    try:
        x = columns.convert(frame, used)
        notes = list(columns.differences(frame, used))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for name, sentence in notes:
        _logger.warning("column %r: %s", name, sentence)
    named = {column.name for column in used if column.is_identifier}
    known = {column.name for column in used if column.kind != "left out"} | named
    others = [str(name) for name in frame.columns if name not in known]
    identifiers = {name: cells.written(frame[name]) for name in frame.columns if name in named}
    y = None
    if source.target in frame.columns:
        y = targets.read_again(frame[source.target], source.class_names, of_target)
    return NewRows(x, pd.DataFrame(identifiers, index=frame.index), others, y)
