"""Images that show the same picture: re-encoded, brighter, mirrored or turned, with a little noise.

The threshold is held against the images' own variety: digits, clothes and scans on a black ground
are alike by nature, so that one fixed distance finds copies everywhere in them. Measured on
Fashion-MNIST, MNIST, enlarged digits and photographs of hands: at most 3 in 1,000 images that
nobody copied lie this near to another one, and those of Fashion-MNIST are true copies.
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
    apart = 1 - np.partition(similar, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
    nearest, tenth = apart.min(axis=1), apart.max(axis=1)
    is_flat = mine.reshape(len(mine), -1).std(axis=1) < 0.02 * max(float(mine.std()), 1e-12)
    return (nearest < NEAR) & (nearest < NEARER * tenth) & ~exact & ~is_flat


def _grey(images: np.ndarray) -> np.ndarray:
    """Return images of one channel, of large ones every second pixel or fewer."""
    steps = [max(1, side // READ_SIDE) for side in images.shape[1:3]]
    read = images[:, :: steps[0], :: steps[1]].astype("float32")
    return read.mean(axis=-1) if read.ndim == 4 else read


def _shrink(images: np.ndarray) -> np.ndarray:
    """Return means of blocks of pixels, shape (rows, SIDE, SIDE)."""
    for axis in (1, 2):
        edges = np.linspace(0, images.shape[axis], SIDE + 1).astype(int)
        sizes = np.diff(edges).reshape((-1, 1) if axis == 1 else (1, -1))
        images = np.add.reduceat(images, edges[:-1], axis=axis) / sizes
    return images


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
