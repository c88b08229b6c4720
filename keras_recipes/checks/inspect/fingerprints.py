"""Images that show the same image: re-encoded, brighter, mirrored or turned, with a little noise.

The threshold is held against the images' own variety: digits, clothes and scans on a black ground
are alike by nature, so that one fixed distance finds copies everywhere in them. Measured on
Fashion-MNIST, MNIST, enlarged digits and photographs of hands: at most 3 in 1,000 images that
nobody copied lie this near to another one; Fashion-MNIST holds some true copies.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SIDE = 16  # of the grey images that are compared
# Pixels along a side that are read of large images.
READ_SIDE = 64
# One minus the correlation of two images, and the same as a fraction of how near the tenth is.
NEAR, NEARER = 0.004, 0.1
NEIGHBOURS = 10
EXACT = 1e-6
# The neighbours by whose distances the images' own variety is measured: nearer ones may be copies.
_FARTHER = range(5, NEIGHBOURS)


def near_copies(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of some images show what one of the others shows; exact copies are none.

    Args:
        images: Shape (rows, height, width) or (rows, height, width, channels).
        others: Of the same form.

    Returns:
        Truth values (rows,).
    """
    mine, known = _grey(images), _grey(others)
    if min(mine.shape[1:]) < SIDE or len(known) <= NEIGHBOURS:
        return np.zeros(len(images), dtype=bool)
    mine, known = _shrink(mine), _shrink(known)
    known = _normalised(known)
    similar = np.full((len(mine), len(known)), -1, dtype="float32")
    exact = np.zeros(len(mine), dtype=bool)
    for number, turned in enumerate(_orientations(mine)):
        found = _normalised(turned) @ known.T
        np.maximum(similar, found, out=similar)
        if not number:
            exact = 1 - found.max(axis=1) < EXACT
    apart = np.sort(1 - np.partition(similar, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:], axis=1)
    nearest, tenth = apart[:, 0], apart[:, -1]
    is_flat = mine.reshape(len(mine), -1).std(axis=1) < 0.02 * max(float(mine.std()), 1e-12)
    alike = (nearest < NEAR) & (nearest < NEARER * tenth) & ~exact & ~is_flat
    expected = _by_nature(apart[~exact & ~is_flat])
    by_chance = 2 * expected + 3 * (expected / len(mine)) ** 0.5
    return alike if alike.mean() > by_chance else np.zeros_like(alike)


def _by_nature(apart: np.ndarray) -> float:
    """Return in what fraction of images the nearest is so much nearer than the tenth by chance.

    Points that fill a space of m dimensions evenly have in a ball a part of r ** m within the r-th
    part of its radius. Images of few kinds of variety, such as strokes in two directions, have
    near neighbours without a copy; photographs have not.

    Args:
        apart: Squared distances to the nearest images, ascending, shape (rows, NEIGHBOURS).
    """
    if not len(apart):
        return 1.0
    # The mean of log(T_k / T_j) is the sum of 1 / i from j to k - 1, divided by m: E. Levina and
    # P. Bickel, Maximum likelihood estimation of intrinsic dimension, NIPS 2004.
    distances = np.maximum(apart, EXACT)
    logs = [np.median(np.log(distances[:, -1] / distances[:, j - 1])) / 2 for j in _FARTHER]
    sums = [sum(1 / i for i in range(j, NEIGHBOURS)) for j in _FARTHER]
    dimensions = sum(sums) / max(sum(logs), 1e-9)
    return float(1 - (1 - NEARER ** (dimensions / 2)) ** (NEIGHBOURS - 1))


def _grey(images: np.ndarray) -> np.ndarray:
    """Return images of one channel, of large ones every second pixel or fewer."""
    steps = [max(1, side // READ_SIDE) for side in images.shape[1:3]]
    starts = [(side - 1) % step // 2 for side, step in zip(images.shape[1:3], steps, strict=True)]
    read = images[:, starts[0] :: steps[0], starts[1] :: steps[1]].astype("float32")
    return read.mean(axis=-1) if read.ndim == 4 else read


def _shrink(images: np.ndarray) -> np.ndarray:
    """Return means of blocks of pixels, shape (rows, SIDE, SIDE)."""
    rows, columns = (_blocks(side) for side in images.shape[1:])
    return rows @ images @ columns.T


def _blocks(side: int) -> np.ndarray:
    """Return what each pixel along a side adds to each block: the same from both ends."""
    edges, pixels = np.linspace(0, side, SIDE + 1)[:, None], np.arange(side)
    shared = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return (shared.clip(0) * SIDE / side).astype("float32")


def _normalised(images: np.ndarray) -> np.ndarray:
    """Return each image as a vector of mean 0 and length 1."""
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _orientations(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the images as they are, and turned and mirrored in all ways."""
    for quarters in range(4):
        turned = np.rot90(images, quarters, axes=(1, 2))
        yield turned
        yield turned[:, :, ::-1]
