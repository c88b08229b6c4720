"""Drawn clothes: a stand-in for Fashion-MNIST where the real pictures cannot be had.

Ten silhouettes in the order of Fashion-MNIST's classes. They vary in cut, shade, pattern and
position, and neighbours overlap as in the real set: a shirt whose buttons do not show may pass
for a pullover. Shoes face left here; the camera mirrors half of all pictures.
"""

import functools

import numpy as np

from keras_recipes.data import drawing, splits
from keras_recipes.data.drawing import ASIDE, COLUMNS, ROWS

NUM_TRAIN = 10_000
NUM_TEST = 2_000
_SEED = 20_170_825  # the day Fashion-MNIST was published


@functools.cache
def draw() -> tuple[splits.Split, splits.Split]:
    """Draw the stand-in: the same pictures at every call and on every machine.

    Returns:
        Train (10,000 rows) and test (2,000 rows), classes equally frequent and in turn:
        x uint8 (rows, 28, 28) in 0..255, white on black; y int32 (rows,) in 0..9; read-only.
    """
    garments = (_t_shirt, _trouser, _pullover, _dress, _coat)
    garments += (_sandal, _shirt, _sneaker, _bag, _ankle_boot)
    num_each = (NUM_TRAIN + NUM_TEST) // len(garments)
    pictures = []
    for label, garment in enumerate(garments):
        rng = drawing.Dice((_SEED, label), num_each)
        pictures.append(drawing.photograph(rng, garment(rng)))
    x = np.stack(pictures, axis=1).reshape(-1, drawing.SIZE, drawing.SIZE)
    y = np.tile(np.arange(len(garments), dtype=np.int32), num_each)
    x.flags.writeable = y.flags.writeable = False  # all callers are given the same
    return splits.Split(x[:NUM_TRAIN], y[:NUM_TRAIN]), splits.Split(x[NUM_TRAIN:], y[NUM_TRAIN:])


def _t_shirt(rng: drawing.Dice) -> np.ndarray:
    """Short sleeves, round or V neck, now and then a print on the chest."""
    chest = rng.between(5.5, 8)
    body = _torso(chest, chest + rng.between(-0.8, 1), rng.between(23, 26.5))
    canvas = _cloth(rng, np.maximum(body, _short_sleeves(rng, chest)))
    canvas = _cut_neck(rng, canvas, 3.5)
    width, top = rng.between(2, 5), rng.between(8, 11)
    chest_print = _middle_patch(width, top, top + rng.between(2, 7)) * rng.chance(0.45)
    return drawing.paint(canvas, chest_print, rng.between(0, 1))


def _trouser(rng: drawing.Dice) -> np.ndarray:
    """Two legs that part below the hips."""
    waist, hem, crotch = rng.between(3.5, 5.5), rng.between(24, 27), rng.between(8, 11)
    gap, leg = rng.between(0.8, 3.5), rng.between(2.2, 4.2)
    outer = drawing.outline(ROWS, [(1, waist), (7, waist + 1.2), (27, gap + leg)])
    inner = drawing.outline(ROWS, [(crotch, -1), (crotch + 2, gap * 0.5), (27, gap)])
    return _cloth(rng, drawing.span(ASIDE, inner, outer) * drawing.span(ROWS, 1, hem))


def _pullover(rng: drawing.Dice) -> np.ndarray:
    """Long sleeves, small neck, ribbed hem; some with a hood."""
    chest, hem = rng.between(6, 8), rng.between(22, 26)
    body = _torso(chest, chest + rng.between(-1, 0.5), hem)
    canvas = _cloth(rng, np.maximum(body, _long_sleeves(rng, chest, hem)))
    ribs = _middle_patch(14, hem - rng.between(1, 2.5), hem) * rng.chance(0.6)
    canvas *= 1 - 0.4 * ribs
    hood = _middle_patch(rng.between(3, 4), 1, rng.between(4, 6)) * rng.chance(0.25)
    canvas = drawing.paint(canvas, hood, rng.between(0.2, 0.9))
    return _cut_neck(rng, canvas, 2)


def _dress(rng: drawing.Dice) -> np.ndarray:
    """Narrow at the waist, wide or straight below, with straps or sleeves."""
    chest, waist_row = rng.between(3.5, 5.5), rng.between(9, 14)
    waist, flare = chest - rng.between(0, 1.5), rng.between(0, 5)
    points = [(2, 2.5), (4.5, chest), (waist_row, waist), (27, waist + flare)]
    body = _middle_patch(drawing.outline(ROWS, points), 2, rng.between(24, 27))
    short = _short_sleeves(rng, chest) * rng.chance(0.35)
    long = _long_sleeves(rng, chest, rng.between(18, 23)) * rng.chance(0.2)
    canvas = _cloth(rng, np.maximum(body, np.maximum(short, long)))
    belt = _middle_patch(14, waist_row - 0.7, waist_row + 0.7) * rng.chance(0.3)
    return _cut_neck(rng, canvas * (1 - 0.5 * belt), 5)


def _coat(rng: drawing.Dice) -> np.ndarray:
    """Long and wide, open lapels above a front that closes in the middle."""
    chest, hem = rng.between(6.5, 8.5), rng.between(24, 27)
    body = _torso(chest, chest + rng.between(-0.5, 1), hem)
    canvas = _cloth(rng, np.maximum(body, _long_sleeves(rng, chest, hem)))
    front = _middle_patch(rng.between(0.6, 1.2), rng.between(3, 9), 27) * rng.chance(0.9)
    canvas = drawing.paint(canvas, front, canvas * rng.between(0.1, 0.5))
    reach = rng.between(5, 11)
    edge = drawing.outline(ROWS, [(2, 4), (2 + reach, 0.5)])
    lapel = drawing.span(ASIDE, edge - 0.6, edge + 0.6) * drawing.span(ROWS, 2, 2 + reach)
    canvas = drawing.paint(canvas, lapel * rng.chance(0.6), rng.between(0.1, 0.5))
    pocket = drawing.span(ASIDE, 2.5, 5.5) * drawing.span(ROWS, 17, 18.2) * rng.chance(0.4)
    return canvas * (1 - 0.6 * pocket)


def _sandal(rng: drawing.Dice) -> np.ndarray:
    """A thin sole, flat or on a heel, and up to three straps; the toe points left."""
    floor, thick = rng.between(19, 23), rng.between(0.8, 2)
    heel = rng.chance(0.6) * rng.between(2, 9)
    sole = drawing.outline(COLUMNS, [(8, floor), (22, floor - heel)])
    canvas = _cloth(rng, drawing.span(ROWS, sole, sole + thick) * _columns(1.5, 26))
    shade = rng.between(0.35, 1)
    spike = drawing.span(ROWS, sole, floor + thick) * _columns(25 - rng.between(1, 3), 25.5)
    canvas = drawing.paint(canvas, spike, shade)
    for start, end, height, frequency in ((2, 11, 4, 0.9), (9, 19, 5, 0.5), (15, 26, 7, 0.8)):
        strap = _strap(rng, sole, start + rng.between(-1, 2), end + rng.between(-2, 1), height)
        canvas = drawing.paint(canvas, strap * rng.chance(frequency), shade)
    return canvas


def _shirt(rng: drawing.Dice) -> np.ndarray:
    """A collar and a row of buttons; long sleeves or short ones."""
    chest, hem = rng.between(5.5, 8), rng.between(23, 26.5)
    is_long = rng.chance(0.7)
    long, short = _long_sleeves(rng, chest, hem), _short_sleeves(rng, chest)
    body = _torso(chest, chest + rng.between(-0.8, 0.8), hem)
    canvas = _cloth(rng, np.maximum(body, is_long * long + (1 - is_long) * short))
    canvas = _cut_neck(rng, canvas, 3)
    buttons = drawing.span(ASIDE, -1, 0.9) * np.rint(drawing.wave(ROWS, 4, rng.between(0, 1)))
    buttons = buttons * drawing.span(ROWS, 6, hem) * rng.chance(0.85)
    canvas = drawing.paint(canvas, buttons, np.rint(1 - canvas) * 0.8 + 0.1)
    edge = drawing.outline(ROWS, [(1, 1.5), (5, 3.5)])
    collar = drawing.span(ASIDE, edge - 1.2, edge + 0.8) * drawing.span(ROWS, 1.2, 4.6)
    return drawing.paint(canvas, collar * rng.chance(0.9), rng.between(0.3, 1))


def _sneaker(rng: drawing.Dice) -> np.ndarray:
    """Low, on a pale sole, with laces; the toe points left."""
    floor, height = rng.between(20, 23), rng.between(7, 12)
    top, toe = floor - height, floor - rng.between(3.5, 5)
    tongue = rng.between(13, 17)
    points = [(1.5, toe + 2.5), (3, toe + 0.5), (5, toe), (9, toe - 0.5), (tongue, top)]
    points += [(20, top + 2), (23, top + 1.5), (25, top - 0.5)]
    upper = drawing.span(ROWS, drawing.outline(COLUMNS, points), floor) * _columns(1.5, 25.5)
    canvas = _cloth(rng, upper)
    slope = drawing.outline(COLUMNS, [(8, toe - 0.5), (tongue, top)])
    laces = drawing.span(ROWS, slope + 0.5, slope + 4) * _columns(8, tongue)
    laces = laces * np.rint(drawing.wave(COLUMNS, 2.6, 0)) * rng.chance(0.7)
    canvas = drawing.paint(canvas, laces, np.rint(1 - canvas))
    sole = drawing.span(ROWS, floor - rng.between(0.5, 2), floor + 1) * _columns(1, 26.5)
    return drawing.paint(canvas, sole, rng.between(0.5, 1))


def _bag(rng: drawing.Dice) -> np.ndarray:
    """A box with a handle, often with a flap and a clasp."""
    top, bottom = rng.between(8, 13), rng.between(21, 26)
    upper, lower = rng.between(7, 12.5), rng.between(9, 13)
    half = drawing.outline(ROWS, [(top, upper), (bottom, lower)])
    body = _middle_patch(half, top, bottom)
    peak, reach, strap = rng.between(1, 6), rng.between(3, 7), rng.between(0.8, 1.8)
    outer = drawing.outline(ROWS, [(peak - 1, 0), (peak + 2, reach), (top, reach + 1)])
    handle = drawing.span(ASIDE, outer - strap - 0.5, outer) * drawing.span(ROWS, peak, top)
    canvas = _cloth(rng, np.maximum(body, handle * rng.chance(0.85)))
    flap_end = top + (bottom - top) * rng.between(0.3, 0.7)
    flap = body * drawing.span(ROWS, top, flap_end) * rng.chance(0.5)
    canvas = drawing.paint(canvas, flap, canvas * rng.between(0.4, 1.3))
    clasp = _middle_patch(rng.between(1, 2), flap_end - 1.5, flap_end + 1) * rng.chance(0.5)
    return drawing.paint(canvas, clasp, rng.between(0, 1))


def _ankle_boot(rng: drawing.Dice) -> np.ndarray:
    """A shaft above the ankle, on a heel; the toe points left."""
    floor, shaft = rng.between(21, 24.5), rng.between(11, 15)
    top, toe = floor - rng.between(13, 19), floor - rng.between(3, 5)
    points = [(1.5, toe + 3), (3, toe + 0.5), (5, toe), (9, toe - 1)]
    points += [(shaft, toe - 5), (shaft + 1.5, top), (25, top - rng.between(-1, 1))]
    back = drawing.outline(ROWS, [(top, 24.5), (floor - 5, 23.5), (floor, 25.5)])
    upper = drawing.span(ROWS, drawing.outline(COLUMNS, points), floor) * _columns(1.5, back)
    canvas = _cloth(rng, upper)
    heel = drawing.span(ROWS, floor - 1, floor + rng.between(0.5, 3)) * _columns(19, 25.5)
    sole = drawing.span(ROWS, floor - 1, floor + 0.7) * _columns(1, 25.5)
    canvas = drawing.paint(canvas, np.maximum(heel, sole), rng.between(0.2, 1))
    laces = drawing.span(ROWS, top + 2, toe - 2) * _columns(shaft + 1, shaft + 4)
    laces = laces * np.rint(drawing.wave(ROWS, 3, 0)) * rng.chance(0.4)
    return drawing.paint(canvas, laces, np.rint(1 - canvas))


def _torso(chest: np.ndarray, hip: np.ndarray, hem: np.ndarray) -> np.ndarray:
    """Coverage of shoulders and body, from the neck to the hem."""
    half = drawing.outline(ROWS, [(2, 3), (5, chest), (14, chest), (26, hip)])
    return _middle_patch(half, 1.8, hem)


def _short_sleeves(rng: drawing.Dice, chest: np.ndarray) -> np.ndarray:
    """Coverage of sleeves that end above the elbow."""
    length = rng.between(9, 13)
    outer = drawing.outline(ROWS, [(2, 3), (5, chest), (12, chest + rng.between(3, 5))])
    inner = drawing.outline(ROWS, [(8, chest - 1), (13, chest + 1.5)])
    return drawing.span(ASIDE, inner, outer) * drawing.span(ROWS, 3, length)


def _long_sleeves(rng: drawing.Dice, chest: np.ndarray, hem: np.ndarray) -> np.ndarray:
    """Coverage of sleeves that hang beside the body."""
    spread, width = rng.between(3.2, 5.2), rng.between(2, 3.2)
    outer = drawing.outline(ROWS, [(2, 3), (5, chest), (10, chest + 2.2), (25, chest + spread)])
    inner = drawing.outline(ROWS, [(8, chest - 1), (11, chest + 0.6), (25, chest + spread - width)])
    return drawing.span(ASIDE, inner, outer) * drawing.span(ROWS, 3, hem - rng.between(-1, 3))


def _strap(
    rng: drawing.Dice, sole: np.ndarray, first: np.ndarray, last: np.ndarray, height: float
) -> np.ndarray:
    """Coverage of a strap that rises in an arch from a sole, between two columns."""
    along = np.clip((COLUMNS - first) / (last - first), 0, 1)
    arch = sole - 4 * along * (1 - along) * height * rng.between(0.5, 1)
    thick = rng.between(0.7, 1.8)
    return drawing.span(ROWS, arch - thick, arch + thick) * _columns(first, last)


def _cut_neck(rng: drawing.Dice, canvas: np.ndarray, deepest: float) -> np.ndarray:
    """Open the neck, round to pointed, at most so many rows deep."""
    width, depth = rng.between(2, 3.5), rng.between(0.5, deepest)
    halfway = depth * rng.between(0.4, 0.9)
    end = drawing.outline(ASIDE, [(0, depth), (width * 0.6, halfway), (width, 0)])
    return canvas * (1 - drawing.span(ROWS, -1, 1.8 + end) * drawing.span(ASIDE, -1, width))


def _cloth(rng: drawing.Dice, coverage: np.ndarray) -> np.ndarray:
    """Fill a silhouette with cloth."""
    return coverage * drawing.fabric(rng)


def _middle_patch(
    half_width: drawing.Number, top: drawing.Number, bottom: drawing.Number
) -> np.ndarray:
    """Coverage of the rows between two, as wide as asked for (half a width may follow rows)."""
    return drawing.span(ASIDE, -1, half_width) * drawing.span(ROWS, top, bottom)


def _columns(left: drawing.Number, right: drawing.Number) -> np.ndarray:
    """Coverage of whole columns."""
    return drawing.span(COLUMNS, left, right)
