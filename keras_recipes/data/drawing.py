"""A small brush for many 28x28 pictures at once: outlines, spans, textures, a crooked camera.

Every shape is drawn for a whole batch: a number that differs between pictures is an array
(pictures, 1, 1), rows run along axis 1, columns along axis 2. Positions are in pixels, 0 is the
middle of the first pixel. Coverage and shades lie in 0..1. Only operations that IEEE 754 defines
to the last bit are used (no sine, no exponential, no matrix product): the same seed draws the
same bytes on every machine.
"""

import itertools
from collections.abc import Sequence

import numpy as np

SIZE = 28
MIDDLE = (SIZE - 1) / 2
ROWS = np.arange(SIZE, dtype=np.float32)[:, None]  # (28, 1)
COLUMNS = ROWS.T  # (1, 28)
ASIDE = np.abs(COLUMNS - np.float32(MIDDLE))  # distance from the middle: draws both halves

Number = float | np.ndarray


class Dice:
    """Random numbers for a batch of pictures.

    Args:
        seed: 0 or more, or several of them.
        num_pictures: size of the batch.
    """

    def __init__(self, seed: int | Sequence[int], num_pictures: int):
        self._generator = np.random.Generator(np.random.PCG64(seed))
        self._num_pictures = num_pictures

    def between(
        self, low: Number, high: Number, num_rows: int = 1, num_columns: int = 1
    ) -> np.ndarray:
        """Uniform numbers.

        Args:
            low: smallest.
            high: largest.
            num_rows: 1, or a number for each row of a picture.
            num_columns: 1, or a number for each column of a picture.

        Returns:
            float32 array (pictures, num_rows, num_columns).
        """
        shape = (self._num_pictures, num_rows, num_columns)
        fractions = self._generator.random(shape, dtype=np.float32)
        return (low + (high - low) * fractions).astype(np.float32)

    def chance(self, probability: float) -> np.ndarray:
        """Whether something happens, picture by picture.

        Args:
            probability: 0..1.

        Returns:
            1.0 where it does, else 0.0; float32 (pictures, 1, 1).
        """
        return (self.between(0, 1) < probability).astype(np.float32)


def outline(along: np.ndarray, points: Sequence[tuple[Number, Number]]) -> np.ndarray:
    """A line through points, level before the first and after the last.

    Args:
        along: ROWS, COLUMNS or ASIDE.
        points: (position along, value), by rising position.

    Returns:
        Value at each position, broadcast over pictures.
    """
    value = np.asarray(points[0][1], np.float32)
    for (start, first), (end, last) in itertools.pairwise(points):
        value = value + (last - first) * np.clip((along - start) / (end - start), 0, 1)
    return value


def span(along: np.ndarray, low: Number, high: Number) -> np.ndarray:
    """How much of each pixel lies between two edges: 1 inside, 0 outside, a part at the edge.

    Args:
        along: ROWS, COLUMNS or ASIDE, the direction in which the edges are apart.
        low: position of the lower edge.
        high: position of the upper edge.

    Returns:
        Coverage in 0..1, broadcast over pictures.
    """
    return np.clip(np.minimum(along + 0.5, high) - np.maximum(along - 0.5, low), 0, 1)


def paint(canvas: np.ndarray, coverage: np.ndarray, shade: Number) -> np.ndarray:
    """Lay a shade over a canvas.

    Args:
        canvas: shades so far.
        coverage: 0..1, how much of each pixel is painted.
        shade: what to paint.

    Returns:
        The new canvas.
    """
    return canvas + coverage * (shade - canvas)


def wave(along: np.ndarray, period: Number, phase: Number) -> np.ndarray:
    """A zigzag, for stripes.

    Args:
        along: ROWS, COLUMNS or ASIDE.
        period: pixels from peak to peak.
        phase: shift in periods.

    Returns:
        Values in 0..1.
    """
    turns = along / period + phase
    return np.abs(2 * (turns - np.floor(turns)) - 1)


def fabric(rng: Dice) -> np.ndarray:
    """Shades of cloth: plain, striped, checked, printed or fading, light or dark.

    Args:
        rng: random numbers of the batch.

    Returns:
        float32 (pictures, 28, 28) in about 0.1..1.
    """
    across = rng.chance(0.25) * rng.between(0.2, 0.7)
    down = rng.chance(0.2) * rng.between(0.2, 0.7)
    printed = rng.chance(0.2) * rng.between(0.2, 0.7)
    fading = rng.chance(0.3) * rng.between(-0.4, 0.4)
    stripes = across * np.rint(wave(ROWS, rng.between(3, 9), rng.between(0, 1)))
    bands = down * np.rint(wave(COLUMNS, rng.between(3, 8), rng.between(0, 1)))
    blots = np.rint(rng.between(0, 1, SIZE // 2, SIZE // 2)).repeat(2, axis=1).repeat(2, axis=2)
    rows = 1 - stripes + fading * (ROWS - MIDDLE) / MIDDLE
    pattern = (rows - 0.5 * printed * blots) * (1 - bands)
    folds = 1 - rng.between(0, 0.25) * wave(COLUMNS, rng.between(5, 14), rng.between(0, 1))
    return np.maximum(rng.between(0.25, 1) * pattern * folds, 0.08)


def photograph(rng: Dice, canvas: np.ndarray) -> np.ndarray:
    """Take the picture with a shaky hand: shifted, turned, sheared, scaled, mirrored, grainy.

    Args:
        rng: random numbers of the batch.
        canvas: shades (pictures, 28, 28) in 0..1.

    Returns:
        uint8 (pictures, 28, 28) in 0..255.
    """
    turn, shear = rng.between(-0.12, 0.12), rng.between(-0.06, 0.06)
    down, right = ROWS - MIDDLE, COLUMNS - MIDDLE
    rows = down * rng.between(0.92, 1.25) + right * (turn + shear) + rng.between(-2.5, 2.5)
    mirror = 1 - 2 * rng.chance(0.5)
    columns = mirror * right * rng.between(0.92, 1.25) - down * turn + rng.between(-2.5, 2.5)
    seen = _sample(canvas, rows + MIDDLE, columns + MIDDLE)
    grain = 1 + rng.between(-0.08, 0.08, SIZE, SIZE)
    return np.rint(np.clip(seen * grain, 0, 1) * 255).astype(np.uint8)


def _sample(canvas: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Read a canvas between its pixels, linearly; black beyond its edge."""
    padded = np.pad(canvas, ((0, 0), (1, 2), (1, 2))).reshape(-1)
    rows, columns = np.clip(rows + 1, 0, SIZE + 1), np.clip(columns + 1, 0, SIZE + 1)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    below, beside = rows - top, columns - left
    width = SIZE + 3
    first = (np.arange(len(canvas), dtype=np.int32)[:, None, None] * width + top) * width + left
    upper = padded[first] * (1 - beside) + padded[first + 1] * beside
    lower = padded[first + width] * (1 - beside) + padded[first + width + 1] * beside
    return upper * (1 - below) + lower * below
