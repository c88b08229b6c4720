"""The one reader of delimited text files, whatever wrote them.

Found out and not asked for: packing (.gz), encoding, byte order mark, delimiter, decimal comma.
Values stay what pandas makes of them; `columns` decides what each column of a user's table means.
"""

import codecs
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
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from keras_recipes import reading
from keras_recipes.data import cells
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

_SAMPLE_BYTES = 1 << 18
_SAMPLE_ROWS = 200
_WHOLE_ROWS = 5  # in the sample at least, however wide the table
_DELIMITERS = ",;\t|"
_BROKEN = "\ufffd"
# What says "missing" in any column. pandas would add "None", which is a class in some tables.
_MISSING = (
    *("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "null", "NULL", "NaT"),
    *("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#NV", "#BEZUG!", "#WERT!"),
)
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip file, or a workbook of Excel or LibreOffice",
    b"\xd0\xcf\x11\xe0": "a workbook of an old Excel",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "a PNG image",
    b"\x93NUMPY": "a NumPy array",
    b"BZh": "a file packed by bzip2",
    b"\xfd7zXZ": "a file packed by xz",
    b"(\xb5/\xfd": "a file packed by zstd",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"%PDF": "a PDF",
    b"SQLite": "an SQLite database",
    b"{": "JSON",
    b"[{": "JSON",
    b"<": "a web page or XML",
}
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        encoding: Python's name.
        delimiter: One character.
        decimal: "." or ",".
    """

    encoding: str
    delimiter: str
    decimal: str


@contextlib.contextmanager
def as_file(table: "str | os.PathLike[str] | pd.DataFrame") -> Iterator[pathlib.Path]:
    """Yield the path that is given, or that of a temporary CSV file of a table, without index."""
    if isinstance(table, str | os.PathLike):
        yield pathlib.Path(table)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "DataFrame.csv"
        table.to_csv(path, index=False)
        yield path


def read(
    path: str | pathlib.Path,
    *,
    header: bool = True,
    decimal: str = ".",
    no_header: str = "put a line with the names above it",
) -> "tuple[pd.DataFrame, Dialect]":
    """Read a delimited text file, packed by gzip or not.

    Args:
        path: Of the file.
        header: Whether its first row names the columns; otherwise they become column_1, column_2, …
        decimal: Mark of decimals where the cells leave it open.
        no_header: What to do where the first row is a row of the table, for messages.

    Returns:
        The table, rows in the file's order with labels 0, 1, …, and how the file is written. Whole
        numbers in a column where some begin with zeros, such as 01067, stay text.

    Raises:
        InputError: The file is missing, empty, no text, or its rows do not make a table;
            the message names the line.
    """
    path = pathlib.Path(path)
    content, encoding = _text(path, _content(path))
    sample = _sample(content)
    dialect = _dialect(encoding, sample, decimal)
    rows = _rows(sample, dialect.delimiter)
    if not rows:
        raise InputError(f"{path}: delimiters and no cells; expected a table with a header.")
    names = _names(path, rows, header, no_header)
    parse = functools.partial(_parse, path, content, dialect, names, header=0 if header else None)
    frame = parse()
    if not len(frame):
        raise InputError(f"{path}: a header and no rows; expected at least one row below it.")
    _say_short_rows(path, content, dialect, frame)
    return _keep_zeros(frame, content, dialect, parse), dialect


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
            f"cut at {dialect.delimiter!r}; name every column."
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise InputError(_explain(path, error, dialect)) from None


def _content(path: pathlib.Path) -> bytes:
    """Read the bytes of a file, unpacked."""
    content = reading.read_bytes(path, pipes=True)
    try:
        if content[:2] == b"\x1f\x8b":
            content = reading.unpack(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); fetch it anew.") from None
    if not content.strip():
        raise InputError(f"{path}: the file is empty; expected a table with a header.")
    return content


def _text(path: pathlib.Path, content: bytes) -> tuple[bytes, str]:
    """Bring a text to plain UTF-8, and name the encoding that it had."""
    encoding = _encoding(path, content)
    try:
        text = content.decode(encoding)
        content = content if encoding == "utf-8" else text.encode()
    except UnicodeDecodeError as error:
        if encoding.startswith(("utf-16", "utf-32")):
            raise InputError(
                f"{path}: byte {error.start:,} is no {encoding}; save the file as UTF-8."
            ) from None
        text = content.decode(encoding, errors="replace")
        _logger.warning(
            "%s: %s characters are no %s, the first at byte %s; each is read as \ufffd",
            *(path, f"{text.count(_BROKEN):,}", encoding, f"{error.start:,}"),
        )
        content = text.encode()
    # Excel's own way of naming the delimiter; the line stays, so that lines are counted rightly.
    return re.sub(rb'^"?sep=.?"?(?=\r?\n)', b"", content), encoding


def _encoding(path: pathlib.Path, content: bytes) -> str:
    """Find out the encoding of a text, or say what else the file is."""
    start = content[:_SAMPLE_BYTES].lstrip()
    for mark, what in _OTHER_FORMATS.items():
        if start.startswith(mark):
            raise InputError(
                f"{path}: {what}; expected text with delimiters; save the table as CSV."
            )
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return encoding
    if b"\0" in content:
        raise InputError(f"{path}: not text (it holds null bytes); save the table as CSV.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        # Around the first byte that is not ASCII's: a long file may begin with plain numbers.
        around = max(0, error.start - _SAMPLE_BYTES // 4)
        return _guess_encoding(content[around : around + _SAMPLE_BYTES])
    return "utf-8"


def _guess_encoding(sample: bytes) -> str:
    """Guess the encoding of a text that is no sound UTF-8."""
    import charset_normalizer

    text = sample.decode("utf-8", errors="replace")
    if sum(not character.isascii() for character in text) > 20 * text.count(_BROKEN):
        return "utf-8"  # with a broken character here and there
    runs = re.findall(rb"[\x80-\xff]+", sample)
    pairs = re.findall(rb"(?<=[a-z])[\x80-\xff]{2}(?![\x80-\xff])", sample)  # äß in mäßig
    if sum(len(run) == 1 for run in runs) + len(pairs) > 0.7 * len(runs):
        # Letters with accents among plain ones, too few for statistics: signs where letters
        # should be, such as Micha³ for Michał, tell the east of Europe from the west.
        western = b"".join(runs).decode("cp1252", errors="replace")
        is_odd = [not sign.isalpha() and sign not in "€£°²µ§½–—„“”‘’\u00a0" for sign in western]
        return "cp1250" if sum(is_odd) > 0.1 * len(western) else "cp1252"
    best = charset_normalizer.from_bytes(sample).best()
    return best.encoding if best else "cp1252"


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


def _rows(sample: str, delimiter: str) -> list[list[str]]:
    """Cut the first rows of a sample into cells; empty rows are passed over."""
    text = io.StringIO(sample, newline="")
    rows = (row for _, row in _cut(text, delimiter) if any(map(str.strip, row)))
    return list(itertools.islice(rows, _SAMPLE_ROWS))


def _cut(text: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line that each row ends in and its cells; blank lines are no rows, as in pandas."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
        yield from (
            (reader.line_num, row) for row in reader if len(row) > 1 or "".join(row).strip()
        )
    finally:
        csv.field_size_limit(before)


def line_of(path: pathlib.Path, dialect: Dialect, row: int) -> int:
    """Return the line of a file, from 1, in which a row of its table ends; the header is row 0."""
    content, _ = _text(path, _content(path))
    rows = _cut(io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=""), dialect.delimiter)
    return next(itertools.islice(rows, row, None))[0]


def _dialect(encoding: str, sample: str, decimal: str) -> Dialect:
    """Find out the delimiter: it cuts most rows into one number of cells, above 1."""
    best, most = _DELIMITERS[0], (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in _rows(sample, delimiter)]
        width, count = collections.Counter(widths).most_common(1)[0] if widths else (1, 0)
        if width > 1 and (count / len(widths), width) > most:
            best, most = delimiter, (count / len(widths), width)
    return Dialect(encoding, best, _decimal(_rows(sample, best)[1:], decimal))


def _decimal(rows: list[list[str]], default: str) -> str:
    """Distinguish 1,5 from 1.5, and from 1,234,567."""
    found = [re.fullmatch(r"\s*[-+]?(\d+)([.,])(\d+)\s*", cell) for row in rows for cell in row]
    marks = collections.Counter(
        cell[2] for cell in found if cell and (len(cell[3]) != 3 or cell[1] == "0")
    )
    return default if marks[","] == marks["."] else max(marks, key=marks.__getitem__)


def _names(path: pathlib.Path, rows: list[list[str]], header: bool, no_header: str) -> list[str]:
    """Return the columns' names, checked."""
    first = [re.sub(r"\s*[\r\n\t]+\s*", " ", name.strip()) for name in rows[0]]
    second = rows[1] if len(rows) > 1 else first
    if len(second) == len(first) + 1 and not any(row[len(first) :] != [""] for row in rows[1:]):
        first.append("")  # each row ends in a delimiter
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
    path: pathlib.Path, content: bytes, dialect: Dialect, frame: "pd.DataFrame"
) -> None:
    """Warn of rows with fewer cells than the header; pandas fills them up without a word."""
    width = frame.shape[1]
    if width == 1 or not frame.iloc[:, -1].isna().any():
        return
    rows = _cut(io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=""), dialect.delimiter)
    short = [line for line, row in rows if len(row) < width]
    if len(short) > len(frame) / 2:
        raise InputError(
            f"{path}: {len(short):,} of {len(frame):,} rows have fewer cells than the header "
            f"({width}), the first in line {short[0]}, cut at {dialect.delimiter!r}; expected as "
            "many cells as names."
        )
    if short:
        _logger.warning(
            "%s: %s rows have fewer cells than the header (%s), the first in line %s; the rest "
            "counts as missing",
            *(path, f"{len(short):,}", width, short[0]),
        )


def _keep_zeros(
    frame: "pd.DataFrame", content: bytes, dialect: Dialect, parse: Callable
) -> "pd.DataFrame":
    """Read the columns with codes such as 01067, of which pandas makes 1067, again as text."""
    import pandas as pd

    whole = [
        name
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name]) and _is_whole(frame[name].dropna())
    ]
    if not whole or not _may_hold_codes(content, dialect.delimiter):
        return frame
    text = parse(usecols=whole, dtype="str")
    padded = [name for name in whole if text[name].str.fullmatch(r"\s*0\d\d+\s*").any()]
    for name in padded:
        frame[name] = text[name]
    return frame


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


def _explain(path: pathlib.Path, error: Exception, dialect: Dialect) -> str:
    """Explain in one line why the rows do not make a table."""
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if found:
        expected, line, saw = found.groups()
        return (
            f"{path}: line {line} has {saw} cells, expected {expected}, cut at "
            f"{dialect.delimiter!r}; put text that holds it in double quotes."
        )
    if found := re.search(r"EOF inside string.* row (\d+)", str(error)):
        line = int(found[1]) + 1
        return f"{path}: a double quote opened in line {line} is never closed; close or remove it."
    return f"{path}: not a table: {' '.join(str(error).split())}."
