"""SMS spam: 5,171 different text messages, one in eight of them spam.

Rows: 5,574 messages; copies are left out. Messages of equal letters stay in the same split.
Shape: x table (rows, 1) with the column text; y int32 (rows,), 1 is spam.
Source: https://archive.ics.uci.edu/dataset/228/sms+spam+collection, which publishes no checksum:
the file is verified by its columns, its labels and its number of rows.
Licence: CC BY 4.0
Reference: Almeida, Hidalgo and Yamakami (2011), Contributions to the study of SMS spam filtering,
https://doi.org/10.1145/2034691.2034742
Synthetic data: 580 sentences about restaurants, one in eight of them positive.
"""

import dataclasses
import functools
import os
from pathlib import Path

from keras_recipes.data import sources, splits
from keras_recipes.data.synthetic import sentences
from keras_recipes.data.texts import own_texts, published as published_texts

CLASS_NAMES = ("ham", "spam")
RARE = 0.125  # fraction of the synthetic sentences


@dataclasses.dataclass(frozen=True, kw_only=True)
class _SmsSpam(sources.Published):
    """Messages without a test part of their own."""

    messages: published_texts.TabFile

    @property
    def downloads(self) -> tuple[published_texts.TabFile]:
        """The archive."""
        return (self.messages,)

    def read(self, folder: Path, origin: str, seed: int) -> splits.Splits:
        """Read the archive or the file in it; arguments and errors as in `Published`."""
        table = self.messages.read(folder).drop_duplicates("text")
        source = splits.Source(self.name, "real", origin, self.licence)
        groups = table["text"].map(own_texts.letters).factorize()[0]
        x, y = published_texts.as_table(table["text"]), table["label"].to_numpy()
        return splits.split(x, y, source, seed, groups=groups)


PUBLISHED = _SmsSpam(
    name="SMS spam",
    licence="CC BY 4.0",
    files=(),
    archive=None,
    messages=published_texts.TabFile(
        names=("SMSSpamCollection", "sms.tsv", "sms+spam+collection.zip"),
        columns=("label", "text"),
        header=False,
        num_rows=5_574,
        classes={"ham": 0, "spam": 1},
        max_bytes=5_000_000,
    ),
    base_url="https://archive.ics.uci.edu/static/public/228/",
    cache_folder="datasets/sms-spam",
    system_folder=None,
    advice=(
        "save https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip and pass "
        "--data-dir FOLDER; or --data builtin for synthetic sentences"
    ),
)


def load(
    data: str = "auto", data_dir: str | os.PathLike | None = None, seed: int = 0
) -> splits.Splits:
    """Load the messages, or synthetic sentences in their place.

    Args:
        data: "real" for the messages or an error, "builtin" for synthetic sentences without
            looking, "auto" for the messages if they can be found or downloaded, else the sentences.
        data_dir: Folder with sms+spam+collection.zip, or SMSSpamCollection from it; None to search.
        seed: 0 or more; chooses the rows of each split.

    Returns:
        Splits of x table with the column text and y int32 (rows,): 60 % train, 20 % validation and
        20 % test. `source.kind` tells which data they are.

    Raises:
        InputError: The arguments make no sense, data_dir holds no whole set, or "real" found none.
    """
    name = "synthetic opinions, built-in data for SMS spam"
    built_in = functools.partial(sentences.load, name, positive_fraction=RARE)
    return sources.load(PUBLISHED, data, data_dir, seed, built_in)
