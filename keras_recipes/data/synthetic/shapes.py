"""Drawn images of shapes, synthetic data for where no folder is given. Nothing here is real.

Rows: 600 images, or as many as are asked for.
Shape: uint8 (rows, 32, 32, 3) in 0..255; a disc, a square or a triangle of any place, size, turn
and colour on a ground of any colour, with noise: classes differ in their form alone.
Source: computed by this file.
Licence: that of this repository.
"""

import numpy as np

NAMES = ("circle", "square", "triangle")
SIZE = 32
_CORNERS = {1: 4, 2: 3}
_REACH = np.array([0.798, 1.0, 1.241])  # from the middle to the rim, at equal areas


def draw(
    num_rows: int = 600, seed: int = 0, num_shapes: int = len(NAMES)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw images.

    Args:
        num_rows: 1 or more.
        seed: 0 or more; the same seed draws the same images.
        num_shapes: The first ones of NAMES, so many.

    Returns:
        x, uint8 (num_rows, 32, 32, 3); the places of the shapes in NAMES, int32 (num_rows,); and
        their sizes, the roots of their areas in pixels, float64 (num_rows,).
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(num_rows) % num_shapes).astype("int32")
    large = rng.uniform(6, 10, num_rows)
    radius = large * _REACH[y]
    centre = rng.uniform(radius, SIZE - 1 - radius, (2, num_rows))
    turn = rng.uniform(-0.2, 0.2, num_rows)
    ground, colour = rng.uniform(0, 110, (num_rows, 3)), rng.uniform(145, 255, (num_rows, 3))
    down, right = np.mgrid[:SIZE, :SIZE]
    x = np.empty((num_rows, SIZE, SIZE, 3), "uint8")
    for row, kind in enumerate(y.tolist()):
        across, along = right - centre[1, row], down - centre[0, row]
        distance = np.hypot(across, along)
        if kind in _CORNERS:  # by the distance to the nearest side
            wedge = 2 * np.pi / _CORNERS[kind]
            angle = (np.arctan2(along, across) + turn[row]) % wedge - wedge / 2
            distance = distance * np.cos(angle) / np.cos(wedge / 2)
        inside = np.clip(radius[row] - distance + 0.5, 0, 1)[..., np.newaxis]
        pixels = ground[row] + (colour[row] - ground[row]) * inside
        x[row] = np.clip(np.rint(pixels + rng.normal(0, 12, pixels.shape)), 0, 255)
    return x, y, np.sqrt(2) * large
