"""California housing: what a home cost in each district of California in 1990.

Rows: 20,640 districts (block groups of the census).
Shape: x table (rows, 8) of float64: MedInc (median income in 10,000 dollars), HouseAge (median age
of the houses in years, 52 at most), AveRooms, AveBedrms and AveOccup (rooms, bedrooms and persons
for each household), Population, Latitude and Longitude in degrees; y float32 (rows,), the median
value of a home in UNIT, cut off at 5.00001.
Source: StatLib, as california_housing.npz from Keras, whose columns are the counts of the census
(https://github.com/keras-team/keras/issues/21886); the eight columns are those that scikit-learn's
fetch_california_housing makes of them. Or housing.csv in --data-dir, the same census with the count
of bedrooms missing in 207 rows, which are left out.
Licence: none stated by the authors.
Reference: Pace and Barry (1997), Sparse spatial autoregressions, Statistics and Probability Letters
33(3), https://doi.org/10.1016/S0167-7152(96)00140-X
Synthetic data: 2,000 districts, computed.
"""

import dataclasses
import io
import os
from pathlib import Path

import numpy as np

from keras_recipes import reading
from keras_recipes.data import npz, sources, splits
from keras_recipes.errors import InputError

FEATURE_NAMES = (
    "MedInc",
    "HouseAge",
    "AveRooms",
    "AveBedrms",
    "Population",
    "AveOccup",
    "Latitude",
    "Longitude",
)
UNIT = "100,000 dollars"
CSV_NAME = "housing.csv"
# Of the census, in the order of the npz file; the last is the target, in dollars.
COUNTED = (
    "longitude",
    "latitude",
    "housing_median_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "median_income",
    "median_house_value",
)


@dataclasses.dataclass(frozen=True)
class _Census(sources.Published):
    """One table, split by the seed, instead of images with a test part of their own."""

    archive: npz.File

    def read(self, folder: Path, origin: str, seed: int) -> splits.Splits:
        """Read the published file, or else housing.csv; arguments and errors as in `Published`."""
        path, csv, name = folder / self.archive.name, folder / CSV_NAME, self.name
        if os.path.exists(path):
            content = reading.read_bytes(path, limit=self.archive.max_bytes)
            arrays = self.archive.parse(content, str(path))
            known = np.column_stack([arrays["x"], arrays["y"]])
        elif os.path.exists(csv):
            counts = _read_csv(csv)
            known = counts[~np.isnan(counts).any(axis=1)]
            rows = f"{len(known):,} of {len(counts):,} rows, none missing"
            name = f"{self.name} (derived from {CSV_NAME}: {rows})"
        else:
            raise FileNotFoundError(f"{folder} holds no {path.name}, nor {CSV_NAME}")
        return _derive(known, splits.Source(name, "real", origin, self.licence), seed)


# File and address as in keras/src/datasets/california_housing.py.
PUBLISHED = _Census(
    name="California housing",
    licence="none stated",
    files=(),
    archive=npz.File(
        "california_housing.npz",
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
        max_bytes=743_530,
    ),
    base_url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    cache_folder="datasets",
    system_folder=None,
    advice=(
        "save https://storage.googleapis.com/tensorflow/tf-keras-datasets/california_housing.npz, "
        f"or {CSV_NAME} with the columns {', '.join(COUNTED)}, and pass --data-dir FOLDER; or "
        "--data builtin for synthetic districts"
    ),
)
_SYNTHETIC = splits.Source(
    name="synthetic districts, built-in data for California housing",
    kind="built-in",
    origin="computed by datasets/california_housing.py",
    licence="that of this repository",
)


def load(
    data: str = "auto", data_dir: str | os.PathLike | None = None, seed: int = 0
) -> splits.Splits:
    """Load the districts, or synthetic ones.

    Args:
        data: "real" for the census or an error, "builtin" for the synthetic districts without
            looking, "auto" for the census if it can be found or downloaded, else the synthetic
            ones.
        data_dir: folder with california_housing.npz or housing.csv; None to search.
        seed: 0 or more; chooses the parts.

    Returns:
        Splits of x DataFrame (rows, 8) and y float32 (rows,) in UNIT: 60 % train, 20 %
        validation, 20 % test. `source.kind` tells which they are.

    Raises:
        InputError: the arguments make no sense, data_dir holds no such file, or
            "real" found none.
    """
    return sources.load(PUBLISHED, data, data_dir, seed, _make_synthetic)


def _derive(counts: np.ndarray, source: splits.Source, seed: int) -> splits.Splits:
    """Make scikit-learn's columns of those of the census, float (rows, 9) in their order."""
    import pandas as pd

    columns = dict(zip(COUNTED, counts.astype("float64").T, strict=True))
    households = columns["households"]
    table = {
        "MedInc": columns["median_income"],
        "HouseAge": columns["housing_median_age"],
        "AveRooms": columns["total_rooms"] / households,
        "AveBedrms": columns["total_bedrooms"] / households,
        "Population": columns["population"],
        "AveOccup": columns["population"] / households,
        "Latitude": columns["latitude"],
        "Longitude": columns["longitude"],
    }
    value = (columns["median_house_value"] / 1e5).astype("float32")
    return splits.split(pd.DataFrame(table), value, source, seed)


def _read_csv(path: Path) -> np.ndarray:
    """Read the columns of the census, float64 (rows, 9), NaN where a value is missing."""
    import pandas as pd

    content = io.BytesIO(reading.read_bytes(path))
    try:
        return pd.read_csv(content, usecols=list(COUNTED))[list(COUNTED)].to_numpy("float64")
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path} cannot be read as the census ({reason}); expected numbers in the columns "
            f"{', '.join(COUNTED)}"
        ) from error


def _make_synthetic(seed: int) -> splits.Splits:
    """Compute districts along a coast: dear where incomes are high and near to two towns."""
    rng = np.random.default_rng(0)
    num_rows = 2_000
    along, inland = rng.random(num_rows), rng.gamma(1.5, 0.6, num_rows)
    income = np.clip(rng.lognormal(1.25, 0.45, num_rows), 0.5, 15)
    near = np.exp(-8 * np.abs(along - 0.25) - inland) + np.exp(-8 * np.abs(along - 0.7) - inland)
    value = 0.1 + 0.38 * income * (0.7 + near) + rng.normal(0, 0.25, num_rows)
    households = rng.integers(50, 1500, num_rows)
    rooms = households * (3 + 0.5 * income + rng.normal(0, 0.4, num_rows))
    counts = (
        -117 - 7 * along + inland,
        33 + 8 * along,
        rng.integers(1, 53, num_rows),
        rooms,
        rooms * rng.uniform(0.18, 0.22, num_rows),
        households * rng.uniform(2, 4, num_rows),
        households,
        income,
        1e5 * np.clip(value, 0.15, 5.00001),
    )
    return _derive(np.column_stack(counts), _SYNTHETIC, seed)
