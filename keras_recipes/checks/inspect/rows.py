"""Rows that stand in two parts of the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import scipy.sparse

from keras_recipes.checks.inspect.reading import Leaf, Part

# Larger data are compared by some of their words only; what then looks alike is compared whole.
BYTES_TO_READ = 200_000_000
ROWS_AT_ONCE = 2048


def twins(train: Part, other: Part) -> tuple[int, float]:
    """Count rows of one part that stand in the training part too.

    Args:
        train: Training rows.
        other: Rows of the same form.

    Returns:
        Rows of `other` with an equal row in `train`, and the share of training rows that have an
        equal one among the others: what repeats by nature.
    """
    first, second = _words(train), _words(other)
    if first is None or second is None or first.shape[1] != second.shape[1]:
        return 0, 0.0
    step = 1 + first.nbytes // BYTES_TO_READ
    keys, other_keys = _hash(first[:, ::step]), _hash(second[:, ::step])
    # The smaller part is sorted, and each training row looked up in it.
    order = np.argsort(other_keys)
    places = np.searchsorted(other_keys[order], keys)
    places = order[np.minimum(places, len(order) - 1)]
    alike = np.flatnonzero(other_keys[places] == keys)
    if not alike.size:
        return 0, 0.0
    alike = alike[(first[alike] == second[places[alike]]).all(axis=1)]
    if first.shape[1] > 1:  # a dark picture or a night without sun is nobody's copy
        alike = alike[(first[alike] != first[alike, :1]).any(axis=1)]
    found = np.isin(other_keys, keys[alike])
    ordered = np.sort(keys)
    same = np.concatenate([[False], ordered[1:] == ordered[:-1], [False]])
    return int(found.sum()), float((same[1:] | same[:-1]).mean())


def _words(part: Part) -> np.ndarray | None:
    """Return each row's inputs as unsigned 64-bit words, equal where the rows are equal."""
    flat = [_bytes(leaf) for _, leaf in part.x_leaves]
    if not flat or any(one is None for one in flat) or not part.rows:
        return None
    if len({len(one) for one in flat}) > 1:
        return None
    if len(flat) > 1 and sum(one.nbytes for one in flat) > BYTES_TO_READ:
        return None  # putting them together would take as much memory again
    joined = flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)
    rest = joined.shape[1] % 8
    if rest and joined.nbytes > BYTES_TO_READ:
        # The last few bytes of a wide row are left out, for a copy would take too much memory.
        row = np.dtype([("words", "u8", joined.shape[1] // 8), ("rest", "u1", rest)])
        return joined.view(row)["words"][:, 0]
    if rest:
        joined = np.pad(joined, ((0, 0), (0, 8 - rest)))
    return np.ascontiguousarray(joined).view("uint64")


def _bytes(leaf: Leaf) -> np.ndarray | None:
    if scipy.sparse.issparse(leaf) or not leaf.size:
        return None
    if isinstance(leaf, pd.DataFrame | pd.Series):
        table = leaf.to_frame() if isinstance(leaf, pd.Series) else leaf
        numeric = all(
            isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in table.dtypes
        )
        # pandas can make one number of a row whatever is in it.
        leaf = table.to_numpy() if numeric else pd.util.hash_pandas_object(table, index=False)
        leaf = np.asarray(leaf)
    if leaf.dtype.kind == "O":
        return None
    flat = np.ascontiguousarray(leaf.reshape(len(leaf), -1))
    return flat.view("uint8").reshape(len(leaf), -1)


def _hash(words: np.ndarray) -> np.ndarray:
    """Make one 64-bit number of each row, different for different rows but for a negligible chance.

    Each word is multiplied, folded and multiplied again by numbers of its own place, so that no
    two places can cancel each other out.
    """
    generator = np.random.default_rng(0)
    shape = (2, 1, words.shape[1])
    first, second = generator.integers(1, 2**63, size=shape, dtype="uint64") * 2 + 1
    return np.concatenate([_mix(piece, first, second) for piece in _pieces(words)])


def _pieces(words: np.ndarray) -> Iterator[np.ndarray]:
    """Cut rows into pieces that stay in the processor's cache."""
    for start in range(0, len(words), ROWS_AT_ONCE):
        yield words[start : start + ROWS_AT_ONCE]


def _mix(words: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    mixed = words * first
    mixed ^= mixed >> np.uint64(29)
    mixed *= second
    return mixed.sum(axis=1, dtype="uint64")
