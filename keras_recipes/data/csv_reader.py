"""The one reader of delimited text files, whatever wrote them.

Found out and not asked for: packing, encoding, delimiter, decimal comma, where the header stands.
Lines that are no rows, above the header, below the table, and comments, are passed over and named.
Values stay what pandas makes of them; `columns` decides what each column of a user's table means.
"""

import collections
import contextlib
import csv
import dataclasses
import functools
import io
import itertools
import logging
import os
import pathlib
import re
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from keras_recipes.data import cells, text_files
from keras_recipes.data.numbers import notation
from keras_recipes.errors import InputError, describe

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_logger = logging.getLogger(__name__)

_SAMPLE_BYTES = 1 << 18
_SAMPLE_ROWS = 200
_WHOLE_ROWS = 5  # in the sample at least, however wide the table
_MAX_LINES_ABOVE = 50
_DELIMITERS = ",;\t|"
# Taken only where they cut every row alike, and no other does: they stand in text and times too.
_EXCHANGED = "\x01"  # for delimiters of more than a byte, at which pandas cuts slowly
_RARE_DELIMITERS = (
    *(_EXCHANGED, "::", "||", "\uff0c", "\uff1b", "\u3001", "\u00a7", "\u00a6"),
    *(":", "^", "~", " "),
)
# What says "missing" in any column. pandas would add "None", which is a class in some tables.
_MISSING = (
    *("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "null", "NULL", "NaT"),
    *("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#NV", "#BEZUG!", "#WERT!"),
)


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        encoding: Python's name.
        delimiter: One character; a blank stands for any number of them.
        decimal: "." or ",".
    """

    encoding: str
    delimiter: str
    decimal: str


class _Row(NamedTuple):
    """A row of a file: its first and last line, from 1, and its cells."""

    start: int
    end: int
    cells: list[str]


class _Lines(NamedTuple):
    """A file whose lines that are no rows are emptied: numbers of lines stay what they were.

    Attributes:
        content: UTF-8.
        dialect: How it is written.
        rows: The first ones, from the header on.
        width: Cells of most rows.
        notes: What the user should know.
    """

    content: bytes
    dialect: Dialect
    rows: list[_Row]
    width: int
    notes: list[str]


@contextlib.contextmanager
def as_file(table: "str | os.PathLike[str] | pd.DataFrame | np.ndarray") -> Iterator[pathlib.Path]:
    """Yield the path that is given, or that of a temporary file of a table (.csv) or array (.npy).

    Raises:
        InputError: If it is none of these. An error about the temporary file names no folder.
    """
    if isinstance(table, str | os.PathLike):
        yield pathlib.Path(table)
        return
    import numpy as np
    import pandas as pd

    if not isinstance(table, pd.DataFrame | np.ndarray):
        raise InputError(
            f"received {describe(table)}, expected a pandas.DataFrame, a NumPy array or a path"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        path = folder / ("DataFrame.csv" if isinstance(table, pd.DataFrame) else "array.npy")
        if isinstance(table, pd.DataFrame):
            # Half a character (a lone surrogate) is no text, and becomes a question mark.
            path.write_text(as_text(table), encoding="utf-8", errors="replace", newline="")
        else:
            np.save(path, table)
        try:
            yield path
        except InputError as error:
            error.args = (str(error).replace(f"{folder}{os.sep}", ""),)
            raise


def as_text(table: "pd.DataFrame") -> str:
    """Write a table as CSV; of its index what has a name, as columns before the others.

    Raises:
        InputError: If the names of the columns have several levels.
    """
    if table.columns.nlevels > 1:
        raise InputError(
            f"received a DataFrame whose columns have {table.columns.nlevels} levels of names, "
            f"such as {describe(table.columns[0])}, expected one name for each; join them: "
            "table.columns = ['_'.join(map(str, names)) for names in table.columns]"
        )
    named = [name for name in table.index.names if name is not None and name not in table.columns]
    table = table.reset_index(level=named) if named else table
    # Of one column, a cell of blanks alone would be a blank line, which is no row.
    quoting = csv.QUOTE_ALL if len(table.columns) == 1 else csv.QUOTE_MINIMAL
    return table.to_csv(index=False, quoting=quoting)


def read(
    path: str | pathlib.Path,
    *,
    header: bool = True,
    decimal: str = ".",
    encoding: str | None = None,
    expected_encoding: str | None = None,
    no_header: str = "put a line with the names above it",
    as_text: Collection[str] = (),
) -> "tuple[pd.DataFrame, Dialect]":
    """Read a delimited text file, packed or not.

    Args:
        path: Of the file.
        header: Whether its first row names the columns; otherwise they become column_1, column_2, …
        decimal: Mark of decimals where the cells leave it open.
        encoding: Of the file; None to find out.
        expected_encoding: That is tried first where the file is no UTF-8.
        no_header: What to do where the first row is a row of the table, for messages.
        as_text: Columns whose numbers stay text.

    Returns:
        The table, rows in the file's order with labels 0, 1, …, and how the file is written. Whole
        numbers in a column where some begin with zeros, such as 01067, stay text, and so do
        thousands such as 1.489 in a file with decimals such as 0.5. Names and cells
        are in Unicode's composed form (NFC).

    Raises:
        InputError: The file is missing, empty, no text, or its rows do not make a table;
            the message names the line.
    """
    path = pathlib.Path(path)
    lines = _lines(path, header, decimal, encoding, expected_encoding)
    content, dialect = lines.content, lines.dialect
    names = _names(path, lines, header, no_header)
    parse = functools.partial(_parse, path, content, dialect, names, header=0 if header else None)
    frame = parse()
    if not len(frame):
        raise InputError(f"{path}: a header and no rows; expected at least one row below it.")
    if lines.notes:
        _logger.warning("%s: %s", path.name, "; ".join(lines.notes))
    _say_short_rows(path, content, dialect, frame, header)
    return _keep_text(frame, content, dialect, parse, as_text), dialect


def dialect_of(path: str | pathlib.Path, *, decimal: str = ".") -> Dialect:
    """Return how a file is written, without reading its rows.

    Args:
        path: Of the file.
        decimal: Mark of decimals where the cells leave it open.

    Raises:
        InputError: The file is missing, empty or no text.
    """
    return _lines(pathlib.Path(path).expanduser(), True, decimal).dialect


def line_of(path: pathlib.Path, dialect: Dialect, row: int) -> int:
    """Return the line of a file, from 1, in which a row of its table ends; the header is row 0."""
    lines = _lines(path, True, dialect.decimal, dialect.encoding)
    return next(itertools.islice(_all_rows(lines.content, dialect), row, None)).end


def _parse(
    path: pathlib.Path, content: bytes, dialect: Dialect, names: list[str], **settings: Any
) -> "pd.DataFrame":
    """Read the cells by pandas; raise one line that explains why it cannot."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of cells without a name
            return pd.read_csv(
                io.BytesIO(content),
                sep=dialect.delimiter,
                names=names,
                decimal=dialect.decimal,
                index_col=False,
                keep_default_na=False,
                na_values=list(_MISSING),
                skipinitialspace=True,
                low_memory=False,
                on_bad_lines="error",
                **settings,
            )
    except pd.errors.ParserWarning:
        raise InputError(
            f"{path}: rows with more cells than the header has names ({len(names)}), "
            f"cut at {_shown(dialect.delimiter)}; name every column."
        ) from None
    except OverflowError:  # pandas 3.0; later ones read such a number as text
        raise InputError(
            f"{path}: a whole number of more than 308 digits, which pandas {pd.__version__} cannot "
            "read; shorten it, or install pandas 3.1."
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise InputError(_explain(path, content, error, dialect)) from None


def _lines(
    path: pathlib.Path,
    header: bool,
    decimal: str,
    encoding: str | None = None,
    expected_encoding: str | None = None,
) -> _Lines:
    """Find out how a file is written, and empty its lines that are no rows."""
    content, encoding, found = text_files.read(path, encoding, expected_encoding)
    notes = list(found)
    start = content[:_SAMPLE_BYTES].rstrip()
    if start.count(b"\r") > start.count(b"\r\n"):  # line ends of old Macs
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # Excel's own way of naming the delimiter; the line stays, so that lines are counted rightly.
    named = re.match(rb'"?sep=([\x01-\x7f])"?(?=\r?\n)', content)
    if content.startswith((b"sep=", b'"sep=')):
        content = re.sub(rb'^"?sep=.?"?(?=\r?\n)', b"", content)
    content = _with_quotes_as_text(content)
    content, delimiter = _cut_at(path, content, named[1].decode() if named else "", notes)
    width = _width(_rows(_sample(content), delimiter))
    content = _without_comments(content, delimiter, width, notes)
    content = _without_footers(content, delimiter, width, notes)
    rows = _rows(_sample(content), delimiter)
    first = _first_row(rows, width, header)
    if first:
        last = rows[first].start - 1
        content = _without_lines(content, 1, last)
        line = rows[0].start
        which = f"line {line}" if line == last else f"lines {line} to {last}"
        notes.append(f"{which} above the table passed over ({cells.short(rows[0].cells[0])}, …)")
    rows = rows[first:]
    below = [row.cells for row in rows[1:]]
    return _Lines(
        content, Dialect(encoding, delimiter, _decimal(below, decimal)), rows, width, notes
    )


def _without_lines(content: bytes, first: int, last: int, start: int = 0) -> bytes:
    """Empty lines, from one to another, counted from 1 at a place where a line begins."""
    for _ in range(first - 1):
        start = content.index(b"\n", start) + 1
    end = start
    for _ in range(last - first + 1):
        end = (content.find(b"\n", end) + 1) or len(content)
    return content[:start] + b"\n" * content.count(b"\n", start, end) + content[end:]


def _with_quotes_as_text(content: bytes) -> bytes:
    """Double the quotes of a file of tabs in which they are no more than signs.

    That is so where each line by itself is a row, and yet a quote opens that is closed in another
    line, or within a cell.
    """
    if b"\t" not in content or not re.search(rb'(?:^|[\t\n])"', content):
        return content
    lines = content.split(b"\n")
    num_rows = sum(1 for line in lines if line.strip())
    if len(tabs := {line.count(b"\t") for line in lines if line.strip()}) > 1 or 0 in tabs:
        return content
    if not re.search(rb'(?:^|[\t\n])"(?:[^"\n]|"")*"[^\t\r\n"]', content):
        rows = _cut(io.StringIO(content.decode(errors="replace"), newline=""), "\t")
        if sum(1 for row in rows if any(row.cells)) == num_rows:
            return content

    def written(cell: bytes) -> bytes:
        return b'"%b"' % cell.replace(b'"', b'""') if b'"' in cell else cell

    return b"\n".join(
        b"\t".join(map(written, line.removesuffix(b"\r").split(b"\t"))) for line in lines
    )


def _without_comments(content: bytes, delimiter: str, width: int, notes: list[str]) -> bytes:
    """Empty lines that begin with # and are no rows; a header such as #id,name stays."""
    found: list[bytes] = []
    quotes = [0, 0]  # before a place, and that place

    def empty(match: re.Match) -> bytes:
        quotes[:] = quotes[0] + content.count(b'"', quotes[1], match.start()), match.start()
        line = match[0].decode()
        if quotes[0] % 2 or len(next(_cut(io.StringIO(line), delimiter)).cells) == width:
            return match[0]
        found.append(match[0])
        return b""

    if not content.startswith(b"#") and not (b"#" in content and b"\n#" in content):
        return content
    content = re.sub(rb"^#[^\r\n]*", empty, content, flags=re.MULTILINE)
    if found:
        what = "1 comment line" if len(found) == 1 else f"{len(found):,} comment lines"
        notes.append(f"{what} passed over ({cells.short(found[0].decode())}, …)")
    return content


def _without_footers(content: bytes, delimiter: str, width: int, notes: list[str]) -> bytes:
    """Empty what stands below the table: after a blank line, or in rows of one cell."""
    start = content.find(b"\n", max(0, len(content) - _SAMPLE_BYTES)) + 1
    if len(content) <= _SAMPLE_BYTES:
        start = 0
    rows = list(_cut(io.StringIO(content[start:].decode(), newline=""), delimiter))
    last = max((i for i, row in enumerate(rows) if len(row.cells) == width), default=None)
    if (
        last is None
        or last + 1 == len(rows)
        or width == 1
        or re.search(rb"\r(?!\n)", content[start:])
    ):
        return content
    below = rows[last + 1 :]
    has_gap = below[0].start > rows[last].end + 1
    are_notes = width > 2 and all(len([*filter(None, row.cells)]) == 1 for row in below)
    if (
        last < 1
        or not (has_gap or are_notes)
        or any("\n" in cell for row in below for cell in row.cells)
    ):
        return content
    before = content.count(b"\n", 0, start)
    first, end = below[0].start, below[-1].end
    lines = f"line {before + first:,}"
    lines = lines if first == end else f"lines {before + first:,} to {before + end:,}"
    notes.append(f"{lines} below the table passed over ({cells.short(below[0].cells[0])}, …)")
    return _without_lines(content, first, end, start)


def _sample(content: bytes) -> str:
    """Return the first rows of a text in UTF-8."""
    end = -1
    for _ in range(_WHOLE_ROWS):
        end = content.find(b"\n", end + 1)
        if end < 0:
            end = len(content)
            break
    size = max(_SAMPLE_BYTES, end)
    sample = content[:size].decode("utf-8", errors="ignore")
    if len(content) > size:
        sample = sample.rpartition("\n")[0] or sample  # the last row may be cut
    return sample


def _rows(sample: str, delimiter: str) -> list[_Row]:
    """Cut the first rows of a sample into cells; empty rows are passed over."""
    text = io.StringIO(sample, newline="")
    rows = (row for row in _cut(text, delimiter) if any(map(str.strip, row.cells)))
    return list(itertools.islice(rows, _SAMPLE_ROWS))


def _all_rows(content: bytes, dialect: Dialect) -> Iterator[_Row]:
    return _cut(io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=""), dialect.delimiter)


def _cut(text: TextIO, delimiter: str) -> Iterator[_Row]:
    """Yield the rows of a text; blank lines are no rows, as in pandas."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        reader, end = csv.reader(text, delimiter=delimiter, skipinitialspace=True), 0
        for row in reader:
            start, end = end + 1, reader.line_num
            if len(row) > 1 or "".join(row).strip():
                yield _Row(start, end, row)
    finally:
        csv.field_size_limit(before)


def _width(rows: Sequence[_Row]) -> int:
    """Return the number of cells that most rows have; of two, the one above the other."""
    widths = [len(row.cells) for row in rows if not row.cells[0].startswith("#")]
    return collections.Counter(widths or [1]).most_common(1)[0][0]


def _cut_at(path: pathlib.Path, content: bytes, named: str, notes: list[str]) -> tuple[bytes, str]:
    """Find out the delimiter; bring a text that is cut by more than a character to one."""
    sample = _sample(content)
    best, most = named or _DELIMITERS[0], (0.0, 0)
    for delimiter in named or _DELIMITERS:
        rows = _rows(sample, delimiter)
        width = _width(rows)
        count = sum(len(row.cells) == width for row in rows)
        if width > 1 and (count / len(rows), width) > most:
            best, most = delimiter, (count / len(rows), width)
    first = next(iter(_rows(sample, best)), _Row(1, 1, [""]))
    is_sure = most[1] > 1 and len(first.cells) > 1
    for delimiter in _RARE_DELIMITERS:
        if is_sure and (best, delimiter) not in (("\t", " "), ("|", "||")):
            continue
        text = content
        if delimiter == " ":
            text = _of_single_blanks(content)
        elif len(delimiter.encode()) > 1 and delimiter in sample and '"' not in sample:
            text = content.replace(delimiter.encode(), _EXCHANGED.encode())
        one = delimiter if len(delimiter.encode()) == 1 else _EXCHANGED
        if _cuts_all(_sample(text), one) > (most[1] if is_sure and best == "\t" else 0):
            notes.append(f"cut at {_shown(delimiter)}")
            return text, one
    if most[1] <= 1 and _has_fixed_columns(sample):
        raise InputError(
            f"{path}: columns of fixed width, filled up with blanks; expected a delimiter; write "
            "it anew, such as by pandas: read_fwf(FILE).to_csv('table.csv', index=False)."
        )
    return content, best


def _cuts_all(sample: str, delimiter: str) -> int:
    """Return into how many cells a delimiter cuts all rows alike; 0 where it does not.

    The header may lack the column of row numbers.
    """
    rows = _rows(sample, delimiter)
    widths = {len(row.cells) for row in rows[1:]}
    if len(widths) != 1 or (width := widths.pop()) < 2:
        return 0
    is_short = len(rows[0].cells) == width - 1 and _are_numbered(rows[1:])
    return width if is_short or len(rows[0].cells) == width else 0


def _of_single_blanks(content: bytes) -> bytes:
    """Return a text without tabs, blanks at the ends of lines, and a # before the names."""
    content = re.sub(rb" +(?=\r?\n|\Z)", b"", content.replace(b"\t", b" "))
    return re.sub(rb"\A# +", b"", content)


def _has_fixed_columns(sample: str) -> bool:
    """Return whether most lines hold blanks in a row, and all of them have some place blank."""
    lines = [line for line in sample.splitlines() if line.strip()][:_SAMPLE_ROWS]
    if len(lines) < 3 or sum("  " in line.strip() for line in lines) < 0.8 * len(lines):
        return False
    size = max(map(len, lines))
    filled = [
        any(place != " " for place in places)
        for places in zip(*(line.ljust(size) for line in lines), strict=True)
    ]
    return "10" in "".join(str(int(one)) for one in filled).strip("0")


def _shown(delimiter: str) -> str:
    return "blanks" if delimiter == " " else repr(delimiter)


def _first_row(rows: list[_Row], width: int, header: bool) -> int:
    """Return the place of the header, or of the first row where there is none."""
    whole = [row.cells for row in rows if len(row.cells) == width]
    used = max((place for row in whole for place, cell in enumerate(row, 1) if cell), default=0)
    if not rows or _names_all(rows[0].cells, used):
        return 0
    for place in range(1, min(len(rows), _MAX_LINES_ABOVE)):
        above = [row.cells for row in rows[:place]]
        if header and _may_be_header(rows, place, used, above):
            return place
        is_title = [len(row) == 1 or row[0].startswith("#") for row in above]
        if not header and width > 1 and all(is_title) and len(rows[place].cells) == width:
            return place
    return 0


def _names_all(row: list[str], used: int) -> bool:
    """Return whether a row has a cell for each column, and is no comment."""
    return all(row[:used]) and len(row) >= used and not (any(row[used:]) or row[0][:1] == "#")


def _may_be_header(rows: list[_Row], place: int, used: int, above: list[list[str]]) -> bool:
    """Return whether a row names the columns, and those above it are no rows of the table."""
    row, before = rows[place], rows[place - 1]
    names = [name.strip() for name in row.cells[:used]]
    numbers = [name for name in names if _is_number(name)]
    if used < 2 or not _names_all(row.cells, used) or not all(names) or len({*names}) < used:
        return False
    if numbers and (len(numbers) == used or not _may_be_names(numbers, names)):
        return False
    if all(not any(cells[1:]) or cells[0].startswith("#") for cells in above):
        return True
    is_apart = row.start > before.end + 1 or len(before.cells) < used
    return is_apart and _has_numbers_below(names, rows[place + 1 :], len(row.cells))


def _has_numbers_below(names: list[str], below: list[_Row], width: int) -> bool:
    """Return whether some column holds numbers below what is none, or below a year."""
    columns = zip(*(row.cells for row in below if len(row.cells) == width), strict=True)
    for name, column in zip(names, columns, strict=False):
        numbers = sum(map(_is_number, column))
        if (not _is_number(name) or name.isdecimal()) and numbers > sum(map(bool, column)) / 2:
            return True
    return False


def _are_numbered(rows: Sequence[_Row]) -> bool:
    """Return whether rows begin with 1, 2, 3, …, or from 0 on."""
    first = [row.cells[0] for row in rows]
    counts = ([str(start + i) for i in range(len(first))] for start in (0, 1))
    return len(first) > 2 and first in counts


def _decimal(rows: list[list[str]], default: str) -> str:
    """Distinguish 1,5 from 1.5, and from 1,234,567."""
    found = [re.fullmatch(r"\s*[-+]?(\d+)([.,])(\d+)\s*", cell) for row in rows for cell in row]
    marks = collections.Counter(
        cell[2] for cell in found if cell and (len(cell[3]) != 3 or cell[1] == "0")
    )
    columns = itertools.zip_longest(*rows, fillvalue="")
    if not marks["."] and any(notation.parts_thousands(filter(None, one), ".") for one in columns):
        return ","
    return default if marks[","] == marks["."] else max(marks, key=marks.__getitem__)


def _names(path: pathlib.Path, lines: _Lines, header: bool, no_header: str) -> list[str]:
    """Return the columns' names, checked."""
    rows, width = [row.cells for row in lines.rows], lines.width
    if not rows:
        raise InputError(
            f"{path}: delimiters or comments and no cells; expected a table with a header."
        )
    first = [re.sub(r"\s*[\r\n\t]+\s*", " ", name.strip()) for name in rows[0]]
    whole = [row for row in rows[1:] if len(row) == width]
    if not any(any(row[len(first) :]) for row in whole):
        first += [""] * (width - len(first))  # each row ends in a delimiter
    elif len(first) == width - 1 and header and _are_numbered(lines.rows[1:]):
        first = ["", *first]  # as R writes a table
    while whole and len(first) > width and not first[-1]:
        first.pop()  # the header alone ends in a delimiter
    second = rows[1] if len(rows) > 1 else first
    _check_header(path, first, second, header, no_header)
    if not header:
        return [f"column_{number}" for number in range(1, len(first) + 1)]
    named = [name or f"unnamed_{number}" for number, name in enumerate(first, start=1)]
    twice = [name for name, count in collections.Counter(named).items() if count > 1]
    if twice:
        raise InputError(
            f"{path}: two columns are named {_some(twice)}; rename one of them, "
            f"or {no_header} if the first row is a row of the table."
        )
    return named


def _check_header(
    path: pathlib.Path, first: list[str], second: list[str], header: bool, no_header: str
) -> None:
    """Refuse a header that is a row, a row that is a header, and one of another width."""
    if len(second) > len(first):
        raise InputError(
            f"{path}: {len(first)} names above rows of {len(second)} cells ({_some(first)}"
            "); expected a name for each column, in the first line."
        )
    numbers = [cell for cell in first if _is_number(cell)]
    if header and numbers and not _may_be_names(numbers, first):
        raise InputError(
            f"{path}: the first row holds numbers, not names ({_some(numbers)}); {no_header} "
            "if it is a row of the table, or rename these columns."
        )
    below = [cell for cell, name in zip(second, first, strict=False) if _is_number(cell)]
    if not header and below and not numbers and all(first):
        raise InputError(
            f"{path}: the first row seems to name the columns ({_some(first)}); leave "
            "out --no-header, or take that row away."
        )


def _some(names: list[str]) -> str:
    return ", ".join(map(cells.short, names[:3])) + (", …" if len(names) > 3 else "")


def _may_be_names(numbers: list[str], first: list[str]) -> bool:
    """Distinguish years, and the 0, 1, 2 of a table that was saved without names, from a row."""
    if not all(cell.isdecimal() and len(cell) <= 9 for cell in numbers):
        return False
    whole = [int(cell) for cell in numbers]
    counts = whole == list(range(len(whole))) and (len(whole) > 2 or not first[0])
    return counts or all(1900 <= number <= 2100 for number in whole)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _say_short_rows(
    path: pathlib.Path, content: bytes, dialect: Dialect, frame: "pd.DataFrame", header: bool
) -> None:
    """Warn of rows with fewer cells than the header; pandas fills them up without a word."""
    width = frame.shape[1]
    if width == 1 or not frame.iloc[:, -1].isna().any():
        return
    rows = itertools.islice(_all_rows(content, dialect), int(header), None)
    short = [row.end for row in rows if len(row.cells) < width]
    if len(short) > len(frame) / 2:
        raise InputError(
            f"{path}: {len(short):,} of {len(frame):,} rows have fewer cells than the header "
            f"({width}), the first in line {short[0]}, cut at {_shown(dialect.delimiter)}; "
            "expected as many cells as names."
        )
    if short:
        _logger.warning(
            "%s: %s rows have fewer cells than the header (%s), the first in line %s; the rest "
            "counts as missing",
            *(path, f"{len(short):,}", width, short[0]),
        )


def _keep_text(
    frame: "pd.DataFrame",
    content: bytes,
    dialect: Dialect,
    parse: Callable,
    wanted: Collection[str],
) -> "pd.DataFrame":
    """Read columns again as text whose cells are other numbers than pandas makes of them.

    These are codes such as 01067, and thousands with the mark that parts decimals in other columns:
    1.489 beside 733.

    Args:
        frame: What pandas has read.
        content: Of the file.
        dialect: Of the file.
        parse: As `_parse`, for the same file.
        wanted: Columns to be read as text in any case.
    """
    import pandas as pd

    numeric = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    whole = [name for name in numeric if _is_whole(frame[name].dropna())]
    whole = whole if _may_hold_codes(content, dialect.delimiter) else []
    grouped = [name for name in numeric if _may_part_thousands(frame[name].dropna())]
    asked = [name for name in numeric if name in wanted]
    if not (again := {*whole, *grouped, *asked}):
        return frame
    text = parse(usecols=[name for name in numeric if name in again], dtype="str")
    kept = [name for name in whole if text[name].str.fullmatch(r"\s*0\d\d+\s*").any()]
    mark = dialect.decimal
    kept += [name for name in grouped if notation.parts_thousands(text[name].dropna(), mark)]
    for name in {*kept, *asked}:
        frame[name] = text[name]
    return frame


def _may_part_thousands(numbers: "pd.Series") -> bool:
    """Return whether numbers may be thousands of which a mark made thousandths."""
    import numpy as np

    if numbers.dtype.kind != "f" or not len(numbers) or numbers.abs().max() >= 1000:
        return False
    thousandths = numbers * 1000
    return bool(np.isclose(thousandths, thousandths.round(), rtol=0, atol=1e-6).all())


def _is_whole(numbers: "pd.Series") -> bool:
    """Return whether all numbers are whole; by the first ones already where they are not."""
    return all((part % 1 == 0).all() for part in (numbers.iloc[:_SAMPLE_ROWS], numbers))


def _may_hold_codes(content: bytes, delimiter: str) -> bool:
    """Return whether a cell somewhere begins with a zero before other digits."""
    mark = re.escape(delimiter.encode())
    # One search for each beginning of a cell: all in one would take seven times as long.
    return any(
        re.search(rb'%b *0\d\d+ *["\r\n%b]' % (first, mark), content)
        for first in (b"\n", b'"', mark)
    ) or bool(re.match(rb' *0\d\d+ *["\r\n%b]' % mark, content))


def _explain(path: pathlib.Path, content: bytes, error: Exception, dialect: Dialect) -> str:
    """Explain in one line why the rows do not make a table."""
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if found:
        expected, line, saw = found.groups()
        return (
            f"{path}: line {line} has {saw} cells, expected {expected}, cut at "
            f"{_shown(dialect.delimiter)}; put text that holds it in double quotes."
        )
    if "EOF inside string" in str(error):  # which has swallowed what follows
        *_, last = _all_rows(content, dialect)
        return (
            f"{path}: a double quote opened in line {last.start} is never closed; close or "
            "remove it."
        )
    return f"{path}: not a table: {' '.join(str(error).split())}."
