"""Flats to rent, synthetic data for where no table is given. Nothing here is real.

Rows: 1,000 flats, or as many as are asked for.
Shape: table as a user might bring it: numeric and categorical columns, yes and no, dates, and
values that are missing; `rent` in euros a month (a number), `size` (three classes) and `furnished`
(yes or no) are the targets.
Source: computed by this file.
Licence: that of this repository.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

TARGETS = {"regression": "rent", "multiclass": "size", "binary": "furnished"}
DISTRICTS = ("harbour", "old town", "north", "west", "hill", "market", "mill")
_PRICES = np.array([17.0, 19.0, 12.0, 13.0, 15.0, 14.0, 10.0])  # euros a square metre
_FRACTIONS = np.array([0.22, 0.2, 0.2, 0.15, 0.12, 0.1, 0.01])


def draw(num_rows: int = 1000, seed: int = 0) -> "pd.DataFrame":
    """Draw flats.

    Args:
        num_rows: 1 or more.
        seed: 0 or more; the same seed draws the same flats.

    Returns:
        Table of num_rows rows as a file would give it.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    district = rng.choice(len(DISTRICTS), num_rows, p=_FRACTIONS)
    area = rng.uniform(20, 140, num_rows).round(1)
    rooms = np.clip(np.rint(area / 27 + rng.normal(0, 0.6, num_rows)), 1, 6).astype(int)
    balcony = rng.random(num_rows) < 0.4
    furnished = rng.random(num_rows) < np.where(area < 55, 0.75, 0.1)
    listed = np.datetime64("2020-01-01") + rng.integers(0, 5 * 365, num_rows)
    rent = area * _PRICES[district] * (1 + 0.05 * balcony) + 150 * furnished + 300
    table = pd.DataFrame(
        {
            "area": np.where(rng.random(num_rows) < 0.1, np.nan, area),
            "rooms": rooms,
            "floor": rng.integers(0, 9, num_rows),
            "district": np.array(DISTRICTS, dtype=object)[district],
            "balcony": np.where(balcony, "yes", "no"),
            "listed": listed.astype(str).astype(object),
            "size": np.array(["small", "middle", "large"], dtype=object)[
                (area > 55).astype(int) + (area > 95)
            ],
            "furnished": np.where(furnished, "yes", "no"),
            "rent": (rent * rng.normal(1, 0.04, num_rows)).round(),
        }
    )
    table.loc[rng.random(num_rows) < 0.05, "district"] = None
    return table
