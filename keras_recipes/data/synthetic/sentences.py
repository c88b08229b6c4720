"""Short opinions on restaurants, synthetic data for where no texts are given. Nothing here is real.

Rows: 1,000 sentences, or as many as are asked for.
Shape: `text`, and `opinion`: positive or negative. Of three sentences in ten, such as "the soup was
good, not bad", only the order of the words tells the opinion.
Source: computed by this file.
Licence: that of this repository.
"""

from typing import TYPE_CHECKING

import numpy as np

from keras_recipes.data import columns, splits

if TYPE_CHECKING:
    import pandas as pd

TEXT, TARGET = "text", "opinion"
_OPINIONS = ("negative", "positive")
_THINGS = ("soup", "coffee", "service", "pizza", "menu", "waiter", "terrace", "salad", "bread")
_GOOD = ("good", "fresh", "warm", "friendly", "quick", "wonderful", "tasty", "clean")
_BAD = ("bad", "stale", "cold", "rude", "slow", "awful", "bland", "dirty")
_TIMES = ("yesterday", "last week", "this time", "at noon", "on Sunday", "with my family")
_ENDS = ("we come back", "I tell my friends", "I write this down", "that says it all", "so it is")
_BY_ORDER, _WRONG = 0.3, 0.02  # fractions of the sentences


def draw(num_rows: int = 1000, seed: int = 0) -> "pd.DataFrame":
    """Draw sentences.

    Args:
        num_rows: 1 or more.
        seed: 0 or more; the same seed draws the same sentences.

    Returns:
        Table with the columns text and opinion.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    texts, opinions = [], []
    for _ in range(num_rows):
        opinion = int(rng.integers(2))
        words = (_BAD, _GOOD)[opinion]
        thing, other, time, end = (
            str(rng.choice(names)) for names in (_THINGS, _THINGS, _TIMES, _ENDS)
        )
        if rng.random() < _BY_ORDER:
            place = int(rng.integers(len(words)))
            said, denied = (_BAD[place], _GOOD[place])[:: 1 if opinion == 0 else -1]
            told = f"the {thing} was {said}, not {denied}"
        else:
            first, second = rng.choice(words, 2, replace=False)
            told = f"the {thing} was {first} and the {other} was {second}"
        sentence = (f"{time} {told}, {end}", f"{told} {time}; {end}")[int(rng.integers(2))]
        texts.append(f"{sentence[0].upper()}{sentence[1:]}.")
        opinions.append(_OPINIONS[opinion if rng.random() >= _WRONG else 1 - opinion])
    return pd.DataFrame({TEXT: texts, TARGET: opinions})


def load(name: str, seed: int, *, positive_fraction: float = 0.5) -> splits.Splits:
    """Split drawn sentences by the seed, in the place of a published set.

    Args:
        name: Of these data.
        seed: 0 or more.
        positive_fraction: About this fraction of the sentences is positive, of 0.5 or less.

    Returns:
        Splits of x table with the column text and y int32 (rows,), 1 is positive.
    """
    table = draw()
    y = (table[TARGET] == _OPINIONS[1]).to_numpy("int32")
    odds = positive_fraction / (1 - positive_fraction)
    kept = (y == 0) | (np.random.default_rng(0).random(len(y)) < odds)
    x = table.loc[kept, [TEXT]].astype(columns.text_dtype()).reset_index(drop=True)
    source = splits.Source(name, "built-in", "computed", "that of this repository")
    return splits.split(x, y[kept], source, seed)
