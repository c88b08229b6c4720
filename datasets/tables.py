"""A table of the user's own: a delimited text file, read as it is, whatever wrote it.

Found out and not asked for: packing (.gz), encoding, byte order mark, delimiter, decimal comma.
Values stay what pandas makes of them; `datasets.columns` decides what each column means.
"""

import codecs
import collections
import csv
import dataclasses
import gzip
import io
import itertools
import pathlib
import re
from typing import TYPE_CHECKING

import datasets

if TYPE_CHECKING:
    import pandas as pd

_SAMPLE_BYTES = 1 << 18
_SAMPLE_ROWS = 200
_DELIMITERS = ",;\t|"
# Beside those that pandas knows ("", "NA", "NaN", "null", …).
_MISSING = ("?", "-", "--", ".", "missing", "Missing", "unknown", "none")
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip file, or a workbook of Excel or LibreOffice",
    b"\xd0\xcf\x11\xe0": "a workbook of an old Excel",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
    b"SQLite": "an SQLite database",
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


def read(path: str | pathlib.Path, *, header: bool = True) -> "tuple[pd.DataFrame, Dialect]":
    """Read a delimited text file, packed by gzip or not.

    Args:
        path: Of the file.
        header: Whether its first row names the columns; otherwise they become column_1, column_2, …

    Returns:
        The table, rows in the file's order with labels 0, 1, …, and how the file is written.

    Raises:
        datasets.DataError: The file is missing, empty, no text, or its rows do not make a table;
            the message names the line.
    """
    import pandas as pd

    path = pathlib.Path(path).expanduser()
    content = _content(path)
    encoding = _encoding(path, content)
    sample = content[:_SAMPLE_BYTES].decode(encoding, errors="ignore")
    if len(content) > _SAMPLE_BYTES:
        sample = sample.rpartition("\n")[0] or sample  # the last row may be cut
    dialect = _dialect(encoding, sample)
    names = _names(path, sample, dialect, header)
    try:
        frame = pd.read_csv(
            io.BytesIO(content),
            sep=dialect.delimiter,
            encoding=encoding,
            decimal=dialect.decimal,
            names=names,
            header=0 if header else None,
            index_col=False,
            na_values=list(_MISSING),
            skipinitialspace=True,
            low_memory=False,
            on_bad_lines="error",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise datasets.DataError(_explain(path, error, dialect)) from None
    except UnicodeDecodeError as error:
        raise datasets.DataError(
            f"{path}: byte {error.start:,} is no {encoding}; save the file as UTF-8."
        ) from None
    if not len(frame):
        raise datasets.DataError(
            f"{path}: a header and no rows; expected at least one row below it."
        )
    return frame, dialect


def _content(path: pathlib.Path) -> bytes:
    """Read the bytes of a file, unpacked."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except FileNotFoundError:
        raise datasets.DataError(f"{path}: no such file; check the path.") from None
    except IsADirectoryError:
        raise datasets.DataError(f"{path}: a folder; give the path of one file.") from None
    except (OSError, EOFError) as error:
        raise datasets.DataError(f"{path}: cannot be read ({error}).") from None
    if not content.strip():
        raise datasets.DataError(f"{path}: the file is empty; expected a table with a header.")
    return content


def _encoding(path: pathlib.Path, content: bytes) -> str:
    """Find out the encoding of a text, or say what else the file is."""
    for start, what in _OTHER_FORMATS.items():
        if content.startswith(start):
            raise datasets.DataError(f"{path}: {what}, not text; save the table as CSV.")
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return encoding
    if b"\0" in content[:_SAMPLE_BYTES]:
        raise datasets.DataError(f"{path}: not text (it holds null bytes); save the table as CSV.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        import charset_normalizer

        # Around the first byte that is not ASCII's: a long file may begin with plain numbers.
        start = max(0, error.start - _SAMPLE_BYTES // 4)
        best = charset_normalizer.from_bytes(content[start : start + _SAMPLE_BYTES]).best()
        return best.encoding if best else "cp1252"
    return "utf-8"


def _rows(sample: str, delimiter: str) -> list[list[str]]:
    """Cut the first rows of a sample into cells; empty rows are passed over."""
    before = csv.field_size_limit(_SAMPLE_BYTES)
    try:
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        return [row for row in itertools.islice(reader, _SAMPLE_ROWS) if row]
    finally:
        csv.field_size_limit(before)


def _dialect(encoding: str, sample: str) -> Dialect:
    """Find out the delimiter: it cuts most rows into one number of cells, above 1."""
    best, most = _DELIMITERS[0], (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in _rows(sample, delimiter)]
        width, count = collections.Counter(widths).most_common(1)[0] if widths else (1, 0)
        if width > 1 and (count / len(widths), width) > most:
            best, most = delimiter, (count / len(widths), width)
    comma = best != "," and _has_decimal_comma(_rows(sample, best)[1:])
    return Dialect(encoding, best, "," if comma else ".")


def _has_decimal_comma(rows: list[list[str]]) -> bool:
    cells = [cell.strip() for row in rows for cell in row]
    with_comma = sum(bool(re.fullmatch(r"[-+]?\d+,\d+", cell)) for cell in cells)
    with_point = sum(bool(re.fullmatch(r"[-+]?\d+\.\d+", cell)) for cell in cells)
    return with_comma > with_point


def _names(path: pathlib.Path, sample: str, dialect: Dialect, header: bool) -> list[str]:
    """Give the columns' names, checked."""
    rows = _rows(sample, dialect.delimiter)
    first = [name.strip() for name in rows[0]]
    second = rows[1] if len(rows) > 1 else first
    if not header:
        return [f"column_{number}" for number in range(1, len(first) + 1)]
    if len(second) == len(first) + 1:
        raise datasets.DataError(
            f"{path}: {len(first)} names above rows of {len(second)} cells; name every column."
        )
    if all(map(_is_number, first)):
        raise datasets.DataError(
            f"{path}: the first row holds numbers, not names ({', '.join(first[:3])}, …); say "
            "--no-header if it is a row of the table."
        )
    named = [name or f"unnamed_{number}" for number, name in enumerate(first, start=1)]
    twice = [name for name, count in collections.Counter(named).items() if count > 1]
    if twice:
        raise datasets.DataError(
            f"{path}: two columns are named {', '.join(map(repr, twice))}; rename one of them."
        )
    return named


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _explain(path: pathlib.Path, error: Exception, dialect: Dialect) -> str:
    """Say in one line why the rows do not make a table."""
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if found:
        expected, line, saw = found.groups()
        return (
            f"{path}: line {line} has {saw} cells, expected {expected}, cut at "
            f"{dialect.delimiter!r}; put text that holds it in double quotes."
        )
    if "EOF inside string" in str(error):
        row = int(re.search(r"row (\d+)", str(error))[1]) + 1
        return f"{path}: a double quote opened in line {row} is never closed; close or remove it."
    return f"{path}: not a table: {' '.join(str(error).split())}."
