"""New inputs for a trained model, from a CSV table, a .npy array or .png images."""

from __future__ import annotations

import dataclasses
import io
import logging
import pathlib
import re
import warnings

import numpy as np
import pandas as pd

from keras_recipes import reading
from keras_recipes.data import cells, csv_reader
from keras_recipes.errors import InputError, some

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Arrays that a model was trained on.

    Attributes:
        shape: Of one input.
        columns: Names of a table's columns, in the model's order; empty for arrays.
        minimum: Smallest number in the training part; None for a table, whose columns differ.
        maximum: Largest number in the training part; None for a table.
        whole: Whether its numbers were integers, as the pixels of a file are.
    """

    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False

    def check(self) -> None:
        """Raise ValueError where the fields do not go together."""
        if not self.shape or any(size < 1 for size in self.shape):
            raise ValueError(f"inputs cannot have the shape {[*self.shape]}")
        if self.columns and self.shape != (len(self.columns),):
            raise ValueError(f"{len(self.columns)} columns do not make the shape {self.shape}")
        if not self.columns and not self.limits[0] <= self.limits[1]:
            raise ValueError(f"inputs cannot lie between {self.minimum} and {self.maximum}")

    @property
    def takes(self) -> str:
        """What `read` takes, for messages."""
        if self.columns:
            return f"a table with the columns {some(self.columns)}"
        return "images" if len(self.shape) > 1 else f"arrays of shape (rows, {self.shape[0]})"

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and the largest number in the training part of arrays."""
        if self.minimum is None or self.maximum is None:
            raise ValueError("inputs without a smallest and a largest number")
        return self.minimum, self.maximum


def read(path: pathlib.Path, inputs: Inputs) -> tuple[pd.DataFrame, np.ndarray | pd.DataFrame]:
    """Read a file, or a folder of images.

    Args:
        path: A .csv whose first line names the columns that the model was trained on, in any order
            and with spaces or underscores, others being passed over; a .npy array of one or several
            inputs; a .png image; or a folder of them.
        inputs: What the model takes.

    Returns:
        What names each input, in a column `input`: its number, counted from 1, or its file; and the
        inputs, shape (rows, ...).

    Raises:
        InputError: If the file does not fit; the message says where.
    """
    kind = path.suffix.lower()
    is_image = len(inputs.shape) > 1
    if not path.exists():
        with reading.open_file(path):  # raises, and says why
            pass
    if is_image and (path.is_dir() or kind == ".png"):
        names, x = _read_images(path, inputs)
        return pd.DataFrame({"input": names}), x
    if path.is_file() and kind == ".npy":
        x = read_array(path, inputs)
    elif path.is_file() and kind == ".csv" and inputs.columns:
        x = _read_table(path, inputs.columns)
    else:
        takes = "a table" if inputs.columns else "images" if is_image else "arrays"
        forms = {"a table": ".csv or .npy file", "images": ".png, a folder of .png files or a .npy"}
        raise InputError(f"{path}: this model takes {takes}; give a {forms.get(takes, '.npy')}")
    return pd.DataFrame({"input": range(1, len(x) + 1)}), x


def _read_table(path: pathlib.Path, columns: tuple[str, ...]) -> np.ndarray:
    """Read the columns, float32 of shape (rows, columns)."""
    wanted = f"{some(columns)} (all are in the run's schema.json)"
    frame, dialect = csv_reader.read(path, no_header=f"put a line with the names {wanted} above it")
    header = _as_trained(list(frame.columns), columns)
    if missing := [name for name in columns if name not in header]:
        raise InputError(
            f"{path}: {len(missing)} of {len(columns)} columns are missing: {some(missing)}; "
            f"the first line names {some(header)}, cut at {dialect.delimiter!r}"
        )
    if twice := [name for name in columns if header.count(name) > 1]:
        raise InputError(f"{path}: the column {twice[0]!r} is there twice; keep one")
    table = frame.set_axis(header, axis="columns")[list(columns)]
    with np.errstate(over="ignore"):
        x = table.apply(pd.to_numeric, errors="coerce").to_numpy("float32")
    for row, place in np.argwhere(~np.isfinite(x))[:1]:
        cell = table.iat[row, place]
        raise InputError(
            f"{path}: column {columns[place]!r} holds "
            f"{'no value' if pd.isna(cell) else cells.short(cell)} in row {row + 1} "
            f"(line {csv_reader.line_of(path, dialect, row + 1)}), expected a number"
        )
    return x


def _as_trained(header: list[str], columns: tuple[str, ...]) -> list[str]:
    """Return a column that is written in another way, `Mean radius`, the model's name for it."""
    wanted = {_words(name): name for name in columns if name not in header}
    return [name if name in columns else wanted.get(_words(name), name) for name in header]


def _words(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).casefold()


def read_array(
    path: pathlib.Path, inputs: Inputs, shape: tuple[int | None, ...] | None = None
) -> np.ndarray:
    """Read one input or several.

    Args:
        path: Of a .npy file.
        inputs: What the model was trained on.
        shape: Of one input, None for any size; by default that of the training.

    Returns:
        (rows, ...).

    Raises:
        InputError: If it is no such array, or on another scale.
    """
    shape = inputs.shape if shape is None else shape
    try:
        with reading.open_file(path) as file:
            x = np.load(file, allow_pickle=False)
    except InputError:
        raise
    except Exception as error:  # NumPy has many; whatever it is, it is about the file
        reason = "it holds Python objects" if "Object arrays" in str(error) else error
        if "pickled" in str(error):  # NumPy takes all that is no array for a pickle
            reason = "no such array is in it; numpy.save writes one"
        raise InputError(f"{path}: cannot be read as a .npy array ({reason})") from error
    if not isinstance(x, np.ndarray):
        raise InputError(f"{path}: an archive (.npz); save one array of it by numpy.save")
    if _fits(x.shape, shape):
        x = x[np.newaxis]
    _check_array(path, x, shape)
    if not inputs.columns:
        _compare_range(path, x, inputs)
    return x


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    sizes = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(want in (None, size) for size, want in sizes)


def _check_array(path: pathlib.Path, x: np.ndarray, shape: tuple[int | None, ...]) -> None:
    if not _fits(x.shape[1:], shape) or x.dtype.kind not in "biuf":
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise InputError(
            f"{path}: received an array of shape {x.shape} and type {x.dtype}, "
            f"expected numbers of shape (rows, {wanted}) or ({wanted})"
        )
    if not len(x):
        raise InputError(f"{path}: an array of 0 rows; give one row for each input")
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(x.astype("float32"))  # what the model will see
    if bad.any():
        raise InputError(
            f"{path}: {int(bad.sum())} missing, infinite or too large numbers, the first in row "
            f"{np.argwhere(bad)[0][0] + 1}; fill them first"
        )


def _compare_range(path: pathlib.Path, x: np.ndarray, inputs: Inputs) -> None:
    """Refuse images on another scale than those of the training, which the model scales itself."""
    low, high = float(x.min()), float(x.max())
    least, most = inputs.limits
    seen = (
        f"{path.name}: values from {low:g} to {high:g}, where the model was trained on "
        f"{least:g} to {most:g}"
    )
    divided = 0 < high <= 1 < most
    if inputs.whole and (divided or low < least or high > 2 * most):
        raise InputError(f"{seen}, and scales them itself; give them as they were before scaling")
    if low < least or high > most:
        _log.warning("%s; are they on the same scale?", seen)


def _read_images(path: pathlib.Path, inputs: Inputs) -> tuple[list[str], np.ndarray]:
    paths = [path]
    if path.is_dir():
        paths = sorted(file for file in path.iterdir() if file.suffix.lower() == ".png")
    if not paths:
        raise InputError(f"{path}: no .png file in this folder")
    return [file.name for file in paths], np.stack([_read_image(file, inputs) for file in paths])


def _read_image(path: pathlib.Path, inputs: Inputs) -> np.ndarray:
    """Read an image as numbers in the range of the training images."""
    import PIL.Image

    height, width, *channels = inputs.shape
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", PIL.Image.DecompressionBombWarning
            )  # sizes are compared
            image = PIL.Image.open(io.BytesIO(reading.read_bytes(path)))
        with image:
            if image.size != (width, height):
                size = f"{image.size[0]}x{image.size[1]} pixels, expected {width}x{height}"
                raise InputError(f"{path}: the image is {size}; resize it first")
            if image.mode.startswith("I"):  # 16 bits, which `convert` would cut off at 255
                fractions = np.asarray(image, dtype="float32") / 65535
            else:
                mode = "RGB" if channels == [3] else "L"
                fractions = np.asarray(image.convert(mode), dtype="float32") / 255
    except InputError:
        raise
    except Exception as error:  # Pillow has many; whatever it is, it is about the file
        reason = "it is none" if isinstance(error, PIL.UnidentifiedImageError) else error
        raise InputError(f"{path}: cannot be read as a PNG image ({reason})") from error
    low, high = inputs.limits
    return (low + fractions * (high - low)).reshape(inputs.shape)
