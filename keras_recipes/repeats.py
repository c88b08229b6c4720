"""Rows that come again: copies that somebody made, apart from rows that are alike by nature."""

import numpy as np

# Fewer equal rows are the repetitions that any data may hold; more times what chance explains.
MIN_COPIES, TIMES = 3, 3
# Rows that come so many times do so by nature, unless all come equally often or most come once.
MANY_TIMES = 3
# In so many columns no two rows are alike by nature.
MAX_COLUMNS = 64
FEW = 20
ROWS_OF_SAMPLE = 1000
MAX_CELLS = 3_000_000
COPIED_FRACTION = 0.005
ROWS_AT_ONCE = 2048  # which stay in the processor's cache


def find_copies(cells: np.ndarray) -> np.ndarray:
    """Return which rows are copies of earlier ones; none where they may be alike by nature.

    Args:
        cells: A number for each cell, equal for equal cells, uint64 (rows, columns).

    Returns:
        Truth values (rows,).
    """
    factors = _factors(cells.shape[1])
    mixed = _mix(cells, factors)
    whole = mixed.sum(axis=1, dtype="uint64")
    _, first, counts = np.unique(whole, return_index=True, return_counts=True)
    again = np.ones(len(cells), dtype=bool)
    again[first] = False
    many_times = len(cells) > MANY_TIMES * len(first) and counts.min() < counts.max()
    by_nature = many_times and (counts == 1).mean() < 0.5
    if again.sum() <= MIN_COPIES or len(first) < FEW or by_nature:
        return np.zeros_like(again)
    by_one_column = _alike_in_one_column(mixed[first])
    are_copies = (
        mixed.shape[1] > MAX_COLUMNS
        or again.sum() > TIMES * by_one_column + MIN_COPIES
        or _are_copied(mixed[first], counts)
    )
    return again if are_copies else np.zeros_like(again)


def hash_rows(words: np.ndarray) -> np.ndarray:
    """Make one 64-bit number of each row, different for different rows but for a negligible chance.

    Args:
        words: uint64 (rows, columns).

    Returns:
        uint64 (rows,).
    """
    factors = _factors(words.shape[1])
    hashes = np.empty(len(words), dtype="uint64")
    for start in range(0, len(words), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        hashes[rows] = _mix(words[rows], factors).sum(axis=1, dtype="uint64")
    return hashes


def _factors(num_columns: int) -> np.ndarray:
    """Draw two odd numbers for each column."""
    rng = np.random.default_rng(0)
    return rng.integers(1, 2**63, size=(2, 1, num_columns), dtype="uint64") * 2 + 1


def _mix(cells: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the cells as random numbers of their column: sums of a row's are equal for equal rows.

    Each is multiplied, folded and multiplied again by numbers of its own column, so that no two
    columns can cancel each other out.
    """
    mixed = cells * factors[0]
    mixed ^= mixed >> np.uint64(29)
    mixed *= factors[1]
    return mixed


def _alike_in_one_column(different: np.ndarray) -> float:
    """Count the pairs of different rows that agree in the column whose values come again least.

    No more rows than these can be alike by nature. Only a column counts in which most rows differ.
    """
    pairs = []
    for column in different.T:
        counts = np.unique(column, return_counts=True)[1]
        if len(counts) > len(different) / 2:
            pairs.append(_pairs(counts))
    return min(pairs, default=np.inf)


def _pairs(counts: np.ndarray) -> float:
    return float((counts * (counts - 1.0) / 2).sum())


def _are_copied(different: np.ndarray, counts: np.ndarray) -> bool:
    """Return whether rows come again without regard to whether others are like them.

    Where rows of few values are alike by nature, there are more that differ in one thing alone: so
    many times more as the values of that thing disagree in two rows than they agree. And rows that
    have others like them come again most.

    Args:
        different: Rows, each once.
        counts: How often each came.
    """
    if different.size > MAX_CELLS:
        return False
    alone = np.ones(len(different), dtype=bool)
    near, odds = 0.0, 0.0
    whole = different.sum(axis=1, dtype="uint64")
    for place, follow in enumerate(_followers(different)):
        rest = whole - different[:, follow].sum(axis=1, dtype="uint64")
        _, kind, same = np.unique(rest, return_inverse=True, return_counts=True)
        alone &= same[kind] == 1
        agree = (np.unique(different[:, place], return_counts=True)[1] / len(different)) ** 2
        near, odds = near + _pairs(same), odds + 1 / agree.sum() - 1
    copied, others = counts[alone], counts[~alone]
    by_nature = (others > 1).mean() / TIMES if len(others) >= FEW else 0.0
    return bool(
        (copied - 1).sum() > max(MIN_COPIES, COPIED_FRACTION * len(different))
        and (copied > 1).mean() > by_nature
        and (counts - 1).sum() > TIMES * near / max(odds, 1e-9) + MIN_COPIES
    )


def _followers(different: np.ndarray) -> list[np.ndarray]:
    """Return for each column which ones follow from it, itself included, by a sample of the rows.

    A town and its region change together: rows that differ in both differ in one thing.
    """
    sample = different[:: max(1, len(different) // ROWS_OF_SAMPLE)]
    distinct = np.array([len(np.unique(column)) for column in sample.T])
    follows = np.eye(len(distinct), dtype=bool)
    for place in np.flatnonzero(distinct <= len(sample) / 2):
        for other in np.flatnonzero(distinct <= distinct[place]):
            both = sample[:, place] + np.uint64(3) * sample[:, other]
            follows[place, other] |= len(np.unique(both)) == distinct[place]
    return list(follows)
