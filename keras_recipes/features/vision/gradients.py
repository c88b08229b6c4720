"""Histograms of oriented gradients: images as numbers for a support vector machine.

A baseline of networks for images. Source: Dalal and Triggs 2005, "Histograms of oriented
gradients for human detection", with their best settings: 9 unsigned directions, cells of 8x8
pixels, overlapping blocks of 2x2 cells, each of length 1 after it is cut off at 0.2 (L2-Hys).
"""

from __future__ import annotations

import numpy as np

from keras_recipes.data.splits import Split
from keras_recipes.features import images
from keras_recipes.features.baselines import Rows

SIDE = 64  # images are brought to this size
CELL, NUM_DIRECTIONS, CUT_OFF = 8, 9, 0.2
ROWS_AT_ONCE = 256


def rows(train: Split, x_test: np.ndarray) -> Rows:
    """Return the histograms of training and test images."""
    return Rows(histograms(train.x), [histograms(x_test)])


def histograms(x: np.ndarray) -> np.ndarray:
    """Return histograms of oriented gradients, float32 (rows, 1764).

    Args:
        x: Images, numbers of 0..255, shape (rows, height, width, channels).
    """
    starts = range(0, len(x), ROWS_AT_ONCE)
    return np.concatenate([_histograms(x[start : start + ROWS_AT_ONCE]) for start in starts])


def _histograms(x: np.ndarray) -> np.ndarray:
    pixels = np.sqrt(images.run(images.encoder(SIDE, x.shape[-1]), x) / 255)
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    right = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    # Of each pixel the channel that changes most counts.
    most = np.argmax(down**2 + right**2, axis=-1, keepdims=True)
    down, right = (np.take_along_axis(one, most, axis=-1)[..., 0] for one in (down, right))
    length = np.hypot(down, right)
    place = (np.arctan2(down, right) % np.pi) * (NUM_DIRECTIONS / np.pi) - 0.5
    below = np.floor(place).astype("int32")
    cells = SIDE // CELL
    of_cells = np.zeros((len(x), cells, cells, NUM_DIRECTIONS), "float32")
    for direction in range(NUM_DIRECTIONS):  # a pixel counts for the two nearest directions
        for which, part in ((below, 1 - (place - below)), (below + 1, place - below)):
            votes = np.where(which % NUM_DIRECTIONS == direction, length * part, 0.0)
            votes = votes.reshape(len(x), cells, CELL, cells, CELL)
            of_cells[..., direction] += votes.sum(axis=(2, 4))
    corners = [of_cells[:, i : cells - 1 + i, j : cells - 1 + j] for i in (0, 1) for j in (0, 1)]
    blocks = np.concatenate(corners, axis=-1)
    blocks = np.minimum(blocks / _length(blocks), CUT_OFF)
    return (blocks / _length(blocks)).reshape(len(x), -1)


def _length(blocks: np.ndarray) -> np.ndarray:
    """Return the Euclidean length of each block, above 0: rounding makes no edges."""
    return np.sqrt(np.square(blocks).sum(axis=-1, keepdims=True) + 1e-6)
