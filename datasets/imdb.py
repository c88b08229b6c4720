"""IMDB: 50,000 reviews of films, half of them positive.

Rows: 25,000 train (5,000 of them become validation), 25,000 test. Training texts that stand in test
too (123), and copies of training texts, are left out.
Shape: x table (rows, 1) with the column text; `<br />` is a blank; y int32 (rows,), 1 is positive.
Source: https://ai.stanford.edu/~amaas/data/sentiment/, verified by its published MD5. An unpacked
folder, or another archive of it, is verified by the number of its texts alone: it may lack a few.
Licence: none stated; the authors ask to cite the reference.
Reference: Maas, Daly, Pham, Huang, Ng and Potts (2011), Learning word vectors for sentiment
analysis, https://aclanthology.org/P11-1015
Synthetic data: 1,000 sentences about restaurants.
"""

import collections
import dataclasses
import functools
import hashlib
import io
import lzma
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_recipes import reading
from keras_recipes.data import sources, splits
from keras_recipes.data.synthetic import sentences
from keras_recipes.data.texts import published as published_texts

if TYPE_CHECKING:
    import pandas as pd

CLASS_NAMES = ("negative", "positive")
_CLASSES = {"neg": 0, "pos": 1}
_FOLDERS = tuple((part, name) for part in ("train", "test") for name in _CLASSES)
_REVIEW = re.compile(r"(?:^|/)(train|test)/(neg|pos)/(\d+)_\d+\.txt$")
_MAX_LENGTH = 100_000  # bytes of a review

Reviews = dict[tuple[str, str], dict[int, str]]


@dataclasses.dataclass(frozen=True)
class _Archive:
    """The archive of the reviews, and what may stand in its place.

    Args:
        name: Published name.
        md5: Published checksum.
        max_bytes: Size of the archive; of more, nothing is read.
        num_texts: Of each class, in train and in test.
        max_missing: Texts that another archive or folder may lack, of each class.
    """

    name: str
    md5: str
    max_bytes: int
    num_texts: int = 12_500
    max_missing: int = 20

    @property
    def download_name(self) -> str:
        """Name under which the file is served and cached."""
        return self.name

    def parse(self, content: bytes, origin: str) -> dict[str, Any]:
        """Verify and read the content of an archive.

        Args:
            content: Bytes of the file.
            origin: Path or URL, for the error.

        Returns:
            "train" and "test": tables with the columns text and y, by the numbers of the files.

        Raises:
            InputError: If these are not the published reviews.
        """
        if origin.endswith(self.name) and hashlib.md5(content).hexdigest() != self.md5:
            kind = "an HTML page" if content.lstrip()[:1] == b"<" else "another file"
            told = f"{kind} of {len(content):,} bytes, without the MD5 {self.md5[:12]}…"
            raise published_texts.damaged(origin, told, self.name)
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                return self._as_tables(_members(archive), origin)
        except (tarfile.TarError, lzma.LZMAError, *published_texts.UNPACKING_ERRORS) as error:
            raise published_texts.damaged(origin, error, self.name) from error

    def read_folder(self, folder: Path) -> dict[str, Any]:
        """Read the unpacked archive; returns and raises as `parse` does."""
        files = (
            (f"{part}/{name}/{path.name}", reading.read_bytes(path, limit=_MAX_LENGTH))
            for part, name in _FOLDERS
            for path in (folder / part / name).glob("*.txt")
        )
        return self._as_tables(files, str(folder))

    def _as_tables(self, files: Iterator[tuple[str, bytes]], origin: str) -> "dict[str, Any]":
        """Return the reviews among files, sorted by class and number."""
        found: Reviews = collections.defaultdict(dict)
        for path, content in files:
            if named := _REVIEW.search(path):
                try:
                    text = content.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise published_texts.damaged(origin, f"{path}: {error}", "UTF-8") from error
                found[named[1], named[2]][int(named[3])] = text.replace("<br />", " ")
        counts = {"/".join(one): len(found[one]) for one in _FOLDERS}
        least = self.num_texts - self.max_missing
        if not all(least <= count <= self.num_texts for count in counts.values()):
            told = ", ".join(f"{count:,} in {name}" for name, count in counts.items())
            wanted = f"{self.num_texts:,} reviews in each of {', '.join(counts)}"
            raise published_texts.damaged(origin, told, wanted)
        return {part: _as_table(found, part) for part in ("train", "test")}


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of the reviews in an archive; nothing is written to the disk."""
    for member in archive:
        if member.isreg() and member.size <= _MAX_LENGTH and _REVIEW.search(member.name):
            file = archive.extractfile(member)
            if file is not None:
                yield member.name, file.read()


def _as_table(found: Reviews, part: str) -> "pd.DataFrame":
    rows = [
        (text, y) for name, y in _CLASSES.items() for _, text in sorted(found[part, name].items())
    ]
    table = published_texts.as_table(text for text, _ in rows)
    return table.assign(y=np.array([y for _, y in rows], "int32"))


@dataclasses.dataclass(frozen=True)
class _Imdb(sources.Published):
    """Reviews with a test part of their own."""

    archive: _Archive

    def read(self, folder: Path, origin: str, seed: int) -> splits.Splits:
        """Read an archive or a folder; arguments and errors as in `Published`."""
        if all((folder / part / name).is_dir() for part, name in _FOLDERS):
            path = folder
        else:
            names = self.archive.name, "aclImdb.tar.xz", "aclImdb"
            path = published_texts.first_of(folder, names)
        if path.is_dir():
            tables = self.archive.read_folder(path)
        else:
            content = reading.read_bytes(path, limit=self.archive.max_bytes)
            tables = self.archive.parse(content, str(path))
        train, test = tables["train"], tables["test"]
        total, wanted = len(train) + len(test), 4 * self.archive.num_texts
        name = self.name + f" ({total:,} of {wanted:,} reviews)" * (total < wanted)
        train = train[~train["text"].isin(test["text"]) & ~train["text"].duplicated()]
        source = splits.Source(name, "real", origin, self.licence)
        rows, test_rows = (
            splits.Split(one[["text"]], one["y"].to_numpy()) for one in (train, test)
        )
        return splits.hold_out(rows, test_rows, source, seed, self.validation_rows)


PUBLISHED = _Imdb(
    name="IMDB reviews",
    licence="none stated; cite Maas et al. (2011)",
    files=(),
    archive=_Archive(
        "aclImdb_v1.tar.gz", "7c2ac02c03563afcf9b574c7e56c153a", max_bytes=100_000_000
    ),
    base_url="https://ai.stanford.edu/~amaas/data/sentiment/",
    cache_folder="datasets",
    system_folder=None,
    advice=(
        "save https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz, packed or unpacked, "
        "and pass --data-dir FOLDER; or --data builtin for synthetic sentences"
    ),
)


def load(
    data: str = "auto", data_dir: str | os.PathLike | None = None, seed: int = 0
) -> splits.Splits:
    """Load the reviews, or synthetic sentences in their place.

    Args:
        data: "real" for the reviews or an error, "builtin" for synthetic sentences without looking,
            "auto" for the reviews if they can be found or downloaded, else the sentences.
        data_dir: Folder with aclImdb_v1.tar.gz, or that is or holds the unpacked folder aclImdb;
            None to search.
        seed: 0 or more; chooses the validation rows and the order of train.

    Returns:
        Splits of x table with the column text and y int32 (rows,): about 19,800 train, 5,000
        validation and the 25,000 published test rows. `source.kind` tells which data they are.

    Raises:
        InputError: The arguments make no sense, data_dir holds no whole set, or "real" found none.
    """
    name = "synthetic opinions, built-in data for the IMDB reviews"
    return sources.load(PUBLISHED, data, data_dir, seed, functools.partial(sentences.load, name))
