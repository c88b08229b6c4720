"""Files of published texts: found under one of their names, read and verified."""

import csv
import dataclasses
import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keras_recipes import reading
from keras_recipes.data import columns
from keras_recipes.data.synthetic import sentences
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
# What the unpackers of the standard library raise for damaged files.
UNPACKING_ERRORS = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)
MAX_UNPACKED = 500_000_000


def as_table(texts: Iterable[str]) -> "pd.DataFrame":
    """Return texts as a table with one column, in the dtype of texts."""
    import pandas as pd

    return pd.DataFrame({sentences.TEXT: list(texts)}, dtype=columns.text_dtype())


def first_of(folder: Path, names: Sequence[str]) -> Path:
    """Return the first file or folder of these names that a folder holds.

    Raises:
        FileNotFoundError: If it holds none.
    """
    found = (folder / name for name in names if os.path.exists(folder / name))
    if (path := next(found, None)) is None:
        raise FileNotFoundError(f"{folder} holds no {', no '.join(names)}")
    return path


def damaged(origin: str, reason: object, expected: str) -> InputError:
    """Return the error for a file that is not the published one.

    Args:
        origin: Path or URL of the file.
        reason: What is wrong with it; of several lines the first one is shown.
        expected: What the file must be.
    """
    first = reading.shown(str(reason).partition("\n")[0].rstrip(":"))
    return InputError(f"{origin} is damaged or the wrong file ({first}); expected {expected}")


@dataclasses.dataclass(frozen=True)
class TabFile:
    """A file of lines with tabs between the columns and without quotes: plain, or in gzip or zip.

    No checksum: it is verified by its columns, its number of rows and its labels.

    Args:
        names: Under which the file may lie in a folder; the last is that under which it is served.
        columns: That it must hold; more are allowed where it has a header.
        header: Whether the first line names the columns.
        num_rows: That it must hold.
        classes: Class of each label that may stand in the column "label".
        max_bytes: Size of the file; of more, nothing is read.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    header: bool
    num_rows: int
    classes: Mapping[str, int]
    max_bytes: int

    @property
    def name(self) -> str:
        """Published name."""
        return self.names[-1]

    @property
    def download_name(self) -> str:
        """Name under which the file is served and cached."""
        return self.names[-1]

    def read(self, folder: Path) -> "pd.DataFrame":
        """Read the file in a folder.

        Raises:
            FileNotFoundError: If there is none.
            InputError: If it is not the published one, or cannot be read.
        """
        path = first_of(folder, self.names)
        return self.parse(reading.read_bytes(path, limit=self.max_bytes), str(path))

    def parse(self, content: bytes, origin: str) -> "pd.DataFrame":
        """Verify and read the content of a file.

        Args:
            content: Bytes of the file.
            origin: Path or URL, for the error.

        Returns:
            Table of text, the column "label" as the number of the class.

        Raises:
            InputError: If this is not the published file.
        """
        import pandas as pd

        expected = f"{self.num_rows:,} rows with the columns {', '.join(self.columns)}"
        try:
            found = pd.read_csv(
                io.BytesIO(self._unpacked(content)),
                sep="\t",
                quoting=csv.QUOTE_NONE,
                header=0 if self.header else None,
                names=None if self.header else list(self.columns),
                index_col=False,
                dtype="str",
                keep_default_na=False,
                encoding="utf-8-sig",
            )
        except (*UNPACKING_ERRORS, InputError, ValueError) as error:
            raise damaged(origin, error, expected) from error
        if missing := [name for name in self.columns if name not in found.columns]:
            raise damaged(origin, f"it lacks the column {', '.join(missing)}", expected)
        if len(found) != self.num_rows:
            raise damaged(origin, f"it holds {len(found):,} rows", expected)
        if unknown := sorted({*found["label"]} - {*self.classes}):
            raise damaged(origin, f"it holds the label {unknown[0]!r}", expected)
        return found.assign(label=found["label"].map(self.classes).astype("int32"))

    def _unpacked(self, content: bytes) -> bytes:
        if content.startswith(_GZIP):
            return reading.unpacked(gzip.GzipFile(fileobj=io.BytesIO(content)), MAX_UNPACKED)
        if not content.startswith(_ZIP):
            return content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [one for one in archive.namelist() if one in self.names]
            if not inside:
                raise ValueError(f"the archive holds no {' and no '.join(self.names)}")
            with archive.open(inside[0]) as file:
                return reading.unpacked(file, MAX_UNPACKED)
