"""Short Korean reviews of films, synthetic data for the Korean reviews. Nothing here is real.

Rows: 1,000 reviews, or as many as are asked for.
Shape: `text`, `label` (1 is positive) and `movie`, the number of a film. Of three reviews in ten,
such as "not good but bad", only the order of the words tells the opinion.
Source: computed by this file.
Licence: that of this repository.
"""

from typing import TYPE_CHECKING

import numpy as np

from keras_recipes.data import columns

if TYPE_CHECKING:
    import pandas as pd

NUM_FILMS = 60
_BEFORE = ("어제 봤는데", "극장에서 보니", "친구와 봤는데", "다시 보니", "솔직히", "기대했는데")
_THINGS = ("연기가", "이야기가", "음악이", "영상이", "결말이", "대사가", "주인공이", "액션이")
# Stems of adjectives, which take endings: good ones and bad ones.
_GOOD = ("재미있", "좋", "훌륭하", "감동적이", "멋지", "신나")
_BAD = ("지루하", "나쁘", "형편없", "뻔하", "엉성하", "답답하")
_ENDINGS = ("네요", "더라", "지요", "던데")
_AFTER = ("", ".", "!", "~", " ㅎㅎ", " 참고하세요")
_BY_ORDER, _WRONG = 0.3, 0.02  # fractions of the reviews


def draw(num_rows: int = 1000, seed: int = 0) -> "pd.DataFrame":
    """Draw reviews.

    Args:
        num_rows: 1 or more.
        seed: 0 or more; the same seed draws the same reviews.

    Returns:
        Table with the columns text, label (int32) and movie.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=num_rows)
    texts = []
    for label in labels.tolist():
        before, thing, other, ending, after = (
            str(rng.choice(some)) for some in (_BEFORE, _THINGS, _THINGS, _ENDINGS, _AFTER)
        )
        if rng.random() < _BY_ORDER:
            said, denied = ((_BAD, _GOOD), (_GOOD, _BAD))[label]
            told = f"{thing} {rng.choice(denied)}지 않고 {rng.choice(said)}{ending}"
        else:
            first, second = rng.choice((_BAD, _GOOD)[label], 2, replace=False)
            told = f"{thing} {first}고 {other} {second}{ending}"
        texts.append(f"{before} {told}{after}")
    is_wrong = rng.random(num_rows) < _WRONG
    table = {
        "text": pd.array(texts, dtype=columns.text_dtype()),
        "label": np.where(is_wrong, 1 - labels, labels).astype("int32"),
        "movie": rng.integers(NUM_FILMS, size=num_rows).astype("str"),
    }
    return pd.DataFrame(table)
