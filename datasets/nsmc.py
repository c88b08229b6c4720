"""NSMC: 200,000 Korean reviews of films by users of Naver, half of them positive.

Rows: 150,000 train (15,000 of them become validation), 50,000 test; the few empty ones are left
out. Short reviews such as "최고" are written by many people; these copies are left in.
Shape: x table (rows, 1) with the column text; y int32 (rows,), 1 is positive (9 or 10 stars), 0 is
negative (1 to 4).
Source: https://github.com/e9t/nsmc, which publishes no checksum: the files are verified by their
columns, their labels and their number of rows.
Licence: CC0 1.0
Reference: Park (2016), Naver sentiment movie corpus v1.0, https://github.com/e9t/nsmc
Synthetic data: 1,000 short Korean sentences.
"""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_recipes.data import sources, splits
from keras_recipes.data.synthetic import film_reviews
from keras_recipes.data.texts import published as published_texts
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

CLASS_NAMES = ("negative", "positive")
FILM = "movie"
# Of all rows, as in the published split.
_VALIDATION, _TEST = 0.075, 0.25


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Nsmc(sources.Published):
    """Reviews with a test part of their own, and perhaps the number of the film."""

    train: published_texts.TabFile
    test: published_texts.TabFile

    @property
    def downloads(self) -> tuple[published_texts.TabFile, published_texts.TabFile]:
        """Both files."""
        return self.train, self.test

    def read(self, folder: Path, origin: str, seed: int) -> splits.Splits:
        """Read both files; arguments and errors as in `Published`. x keeps the column movie."""
        train, test = (_as_split(file.read(folder)) for file in self.downloads)
        source = splits.Source(self.name, "real", origin, self.licence)
        return splits.hold_out(train, test, source, seed, self.validation_rows)


def _as_split(table: "pd.DataFrame") -> splits.Split:
    table = table[table["document"].str.strip() != ""].reset_index(drop=True)
    x = published_texts.as_table(table["document"])
    if FILM in table:
        x[FILM] = table[FILM]
    return splits.Split(x, table["label"].to_numpy())


def _file(part: str, num_rows: int) -> published_texts.TabFile:
    served = f"ratings_{part}.txt"
    names = (f"nsmc_{served}.gz", f"nsmc_{served}", f"{served}.gz", served)
    return published_texts.TabFile(
        names,
        columns=("id", "document", "label"),
        header=True,
        num_rows=num_rows,
        classes={"0": 0, "1": 1},
        max_bytes=50_000_000,
    )


PUBLISHED = _Nsmc(
    name="NSMC",
    licence="CC0 1.0",
    files=(),
    archive=None,
    train=_file("train", 150_000),
    test=_file("test", 50_000),
    base_url="https://raw.githubusercontent.com/e9t/nsmc/master/",
    cache_folder="datasets/nsmc",
    system_folder=None,
    advice=(
        "save ratings_train.txt and ratings_test.txt from https://github.com/e9t/nsmc and pass "
        "--data-dir FOLDER; or --data builtin for synthetic sentences"
    ),
    validation_rows=15_000,
)


def load(
    data: str = "auto",
    data_dir: str | os.PathLike | None = None,
    seed: int = 0,
    *,
    by_film: bool = False,
) -> splits.Splits:
    """Load the reviews, or synthetic ones in their place.

    Args:
        data: "real" for the reviews or an error, "builtin" for synthetic ones without looking,
            "auto" for the reviews if they can be found or downloaded, else synthetic ones.
        data_dir: Folder with ratings_train.txt and ratings_test.txt, plain or in gzip; None to
            search.
        seed: 0 or more; chooses the validation rows and the order of train.
        by_film: Whether all reviews of a film are in the same split, instead of the published test
            rows. The files need a column movie for this, which the published ones lack.

    Returns:
        Splits of x table with the column text and y int32 (rows,): 135,000 train, 15,000
        validation and the 50,000 published test rows, or about as many. `source.kind` tells which
        data they are.

    Raises:
        InputError: The arguments make no sense, data_dir holds no whole set, "real" found none, or
            there are no films to split by.
    """
    found = sources.load(PUBLISHED, data, data_dir, seed, _draw)
    if not by_film:
        return found.map(lambda split: dataclasses.replace(split, x=split.x[["text"]]))
    if FILM not in found.train.x or FILM not in found.test.x:
        raise InputError(
            f"--by-film: the files of {found.source.name} ({found.source.origin}) lack the column "
            f"{FILM}, the number of the film; leave --by-film out, or add the column to both files."
        )
    import pandas as pd

    parts = found.merge_validation()
    x = pd.concat([parts.train.x, parts.test.x], ignore_index=True)
    y = np.concatenate([parts.train.y, parts.test.y])
    return splits.split(x[["text"]], y, found.source, seed, _VALIDATION, _TEST, groups=x[FILM])


def _draw(seed: int) -> splits.Splits:
    """Split drawn reviews by the seed."""
    table = film_reviews.draw()
    name = "synthetic Korean reviews, built-in data for NSMC"
    source = splits.Source(name, "built-in", "computed", "that of this repository")
    return splits.split(table[["text", FILM]], table["label"].to_numpy(), source, seed)
