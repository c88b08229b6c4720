"""Images that stay on one side of a split: what is found, and what is said about it."""

import logging
from collections.abc import Sequence

import numpy as np

from keras_recipes.data.folders import listing
from keras_recipes.data.images import alike

_logger = logging.getLogger(__name__)

_MAX_GROUP = 0.2  # of all images; more that are near copies of each other look alike by nature


def copies(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    entries: Sequence[listing.Entry],
    digests: Sequence[bytes],
    notes: listing.Notes,
) -> np.ndarray:
    """Return pairs of images that are copies or near copies, and note them.

    Args:
        name: Of the data set, for warnings.
        x: uint8 (rows, size, size, channels).
        y: Classes or values (rows,).
        entries: The files.
        digests: Of their pixels.
        notes: What is found is added.

    Returns:
        Places (pairs, 2).
    """
    exact = alike.copies(digests)
    firsts = np.setdiff1d(np.arange(len(y)), exact[:, 1])
    near = alike.near_copies(x[firsts] if len(exact) else x)
    if near is None or _largest_group(len(firsts), near) > _MAX_GROUP * len(firsts):
        notes.say("near copies", "too many; they look alike by nature, and are split at random")
        near = np.empty((0, 2), int)
    near = firsts[near]
    for what, pairs in (("copies", exact), ("near copies", near)):
        texts = [f"{entries[other].name} = {entries[one].name}" for one, other in pairs]
        notes.add(what, "kept in one split", texts)
        is_other = y[pairs[:, 0]] != y[pairs[:, 1]]
        contradicting = [text for text, differs in zip(texts, is_other, strict=True) if differs]
        notes.add(f"{what} under two labels", "kept; correct one of the labels", contradicting)
        if contradicting:
            _logger.warning(
                "%s: one image under two labels: %s; correct one of them%s",
                *(name, contradicting[0]),
                f" ({len(contradicting):,} such {what})" if len(contradicting) > 1 else "",
            )
    return np.concatenate([exact, near])


def _largest_group(num_rows: int, pairs: np.ndarray) -> int:
    return int(np.bincount(alike.merge(num_rows, None, pairs)).max()) if len(pairs) else 0


def on_one_side(
    entries: Sequence[listing.Entry], pairs: np.ndarray, notes: listing.Notes
) -> np.ndarray:
    """Return which images stay where folders are parts.

    Those of train with a copy in validation or test are left out, and those of validation with a
    copy in test.

    Args:
        entries: The files.
        pairs: Of copies (pairs, 2).
        notes: What is left out is added.

    Returns:
        Truth values (rows,); all are true where the folders are no parts.
    """
    sides = [*listing.PARTS]
    side = np.array([sides.index(entry.part or "train") for entry in entries])
    group = alike.merge(len(entries), None, pairs)
    last = np.zeros(len(entries), int)
    np.maximum.at(last, group, side)
    for row in np.flatnonzero(side < last[group]).tolist():
        what = f"images of {sides[side[row]]} with a copy in {sides[last[group[row]]]}"
        notes.add(what, "left out", [entries[row].name])
    found: np.ndarray = side == last[group]
    return found


def groups(
    name: str,
    entries: Sequence[listing.Entry],
    group: str | None,
    pairs: np.ndarray,
    notes: listing.Notes,
) -> np.ndarray | None:
    """Return the group of each image, or None where each stands alone.

    Args:
        name: Of the data set, for warnings.
        entries: The files.
        group: A regular expression, "blocks", a column, or None, as in `own_images.read`.
        pairs: Of copies (pairs, 2), which join their groups.
        notes: What is found is added.

    Raises:
        InputError: If the files cannot be grouped so.
    """
    wanted = None if group is None else _wanted(name, entries, group, notes)
    if wanted is None and not len(pairs):
        return None
    return alike.merge(len(entries), wanted, pairs)


def _wanted(
    name: str, entries: Sequence[listing.Entry], group: str, notes: listing.Notes
) -> np.ndarray:
    names = [entry.name for entry in entries]
    if group == alike.BLOCKS:
        return alike.blocks(names, [entry.label for entry in entries])
    if any(entry.group is not None for entry in entries):
        import pandas as pd

        codes = pd.factorize(np.array([entry.group for entry in entries], object))[0]
        found = np.where(codes < 0, len(codes) + np.arange(len(codes)), codes)
        alone = [one for one, code in zip(names, codes, strict=True) if code < 0]
    else:
        found, alone = alike.by_pattern(names, group)
    notes.add(f"images without a group by {group}", "each stands alone", alone)
    if len(np.unique(found)) == len(names):
        _logger.warning(
            "%s: no two images have the same group, so that --group changes nothing", name
        )
    return found


def warn_of_neighbours(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    entries: Sequence[listing.Entry],
    notes: listing.Notes,
) -> None:
    """Warn where files that were numbered one after the other look alike.

    Args:
        name: Of the data set.
        x: uint8 (rows, size, size, channels).
        y: Classes or values (rows,).
        entries: The files.
        notes: The warning is added.
    """
    series = alike.in_series([entry.name for entry in entries], y.tolist())
    if not alike.neighbours_look_alike(x, series, y):
        return
    _logger.warning(
        "%s: neighbouring files look alike, as images of one person or place do, and a random "
        "split puts them on both sides; --group blocks keeps runs of files together",
        name,
    )
    advice = "split at random: scores may be too good; try --group blocks"
    notes.say("neighbouring files look alike", advice)
