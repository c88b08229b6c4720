"""Images that belong together: copies, near copies, blocks of neighbours, groups by name."""

import collections
import re
from collections.abc import Iterator, Sequence

import numpy as np

from keras_recipes.errors import InputError

BLOCKS = "blocks"
NUM_BLOCKS = 20
_MIN_BLOCKS = 5  # of one class: 3 to train, 1 to validate, 1 to test
_ROWS_AT_ONCE = 512
_SIDES = 8, 16  # of the grids whose brightness is compared
_MAX_DIFFERENCE = 0.1  # rms, of brightness with std 1
_PAIRS_AT_ONCE = 10_000
_MAX_PROPOSED = 100  # pairs for each image
_MIN_NEIGHBOURS = 50
_NEARER = 0.65  # how often a neighbour is nearer than another image of its class; 0.5 by chance
_COARSE = 8


def copies(digests: Sequence[bytes]) -> np.ndarray:
    """Return pairs of equal images, (pairs, 2): of each set of copies the first with each other.

    Args:
        digests: `pixels.Image.digest` of each image.
    """
    first: dict[bytes, int] = {}
    pairs = [(first.setdefault(digest, row), row) for row, digest in enumerate(digests)]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], int).reshape(-1, 2)


def near_copies(x: np.ndarray) -> np.ndarray | None:
    """Return pairs of images that look the same: saved again, scaled, slightly lighter.

    A perceptual hash proposes pairs: the brightness of 8 x 8 cells, with mean 0 and std 1. That of
    16 x 16 cells decides: it differs by less than 0.1 (rms). Images of one colour are no copies
    of each other.

    Args:
        x: uint8 (rows, size, size, channels), no two of them equal.

    Returns:
        Places (pairs, 2), each pair once, the smaller place first; None where so many are proposed
        that images look alike by nature.
    """
    fine = _standardised(x, _SIDES[1])
    rows = np.flatnonzero(fine.any(axis=1))
    fine, coarse = fine[rows], _standardised(x, _SIDES[0])[rows]
    # Of vectors with mean 0 and std 1, the product says how much they differ.
    least = coarse.shape[1] * (1 - _MAX_DIFFERENCE**2 / 2)
    found, left = [np.empty((0, 2), int)], _MAX_PROPOSED * len(rows)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        products = coarse[start : start + _ROWS_AT_ONCE] @ coarse[start:].T
        pairs = np.argwhere(products > least)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]] + start
        left -= len(pairs)
        if left < 0:
            return None
        for low in range(0, len(pairs), _PAIRS_AT_ONCE):
            some = pairs[low : low + _PAIRS_AT_ONCE]
            squares = (fine[some[:, 0]] - fine[some[:, 1]]) ** 2
            found.append(some[squares.mean(axis=1) < _MAX_DIFFERENCE**2])
    return rows[np.concatenate(found)]


def _some_rows(x: np.ndarray) -> Iterator[np.ndarray]:
    return (x[start : start + _ROWS_AT_ONCE] for start in range(0, len(x), _ROWS_AT_ONCE))


def _standardised(x: np.ndarray, side: int) -> np.ndarray:
    """Return the brightness of side x side cells with mean 0 and std 1, float32 (rows, cells).

    Images of one colour are all 0.
    """
    side = min(side, x.shape[1])
    whole = np.concatenate(
        [_coarse(some.mean(axis=-1, dtype="float32"), side) for some in _some_rows(x)]
    ).reshape(len(x), -1)
    whole -= whole.mean(axis=1, keepdims=True)
    std = whole.std(axis=1, keepdims=True)
    return np.where(std < 1, 0, whole / np.maximum(std, 1))


def _coarse(x: np.ndarray, side: int) -> np.ndarray:
    """Return means over a grid of side x side, float32 (rows, side, side)."""
    edges = np.linspace(0, x.shape[1], side + 1).round().astype(int)[:-1]
    counts = np.diff([*edges, x.shape[1]])
    rows = np.add.reduceat(x, edges, axis=1) / counts[:, np.newaxis]
    return (np.add.reduceat(rows, edges, axis=2) / counts).astype("float32")


def in_series(names: Sequence[str], labels: Sequence[object]) -> list[np.ndarray]:
    """Return the files that were numbered one after the other, each series in its order.

    The last number in a file's name counts, and the text before it names the series. Where several
    classes have a file of one number, each class is a series of its own.

    Args:
        names: Of the files, with / between folders.
        labels: Of each; files of one label are of one class.

    Returns:
        Places of the files of each series; files without a number are in none.
    """
    series: dict[tuple[object, ...], list[tuple[int, int]]] = collections.defaultdict(list)
    for row, name in enumerate(names):
        if found := re.fullmatch(r"(.*?)(\d{1,18})\D*", name.rpartition("/")[2], re.DOTALL):
            series[(found[1],)].append((int(found[2]), row))
    for key, files in list(series.items()):
        if len({number for number, _ in files}) < len(files):
            del series[key]
            for number, row in files:
                series[(*key, labels[row])].append((number, row))
    return [np.array([row for _, row in sorted(files)]) for files in series.values()]


def blocks(names: Sequence[str], labels: Sequence[object]) -> np.ndarray:
    """Cut series of files into runs of neighbours of about equal length.

    There are about 20 runs in all, and at least 5 of each class; short series stay whole.

    Args:
        names: As in `in_series`.
        labels: As in `in_series`.

    Returns:
        The number of each file's run (rows,); a file without a number is alone.

    Raises:
        InputError: If most files are in no series.
    """
    series = [one for one in in_series(names, labels) if len(one) > 1]
    num_numbered = sum(map(len, series))
    if num_numbered <= len(names) / 2:
        raise InputError(
            f"--group {BLOCKS}: {num_numbered:,} of {len(names):,} files are numbered one after "
            f"the other; expected names such as IMG_0001.JPG; give a regular expression instead."
        )
    holds = [{labels[row] for row in rows.tolist()} for rows in series]
    num_series = collections.Counter(label for some in holds for label in some)
    number, num_runs = np.arange(len(names)) + len(names), 0
    for rows, some in zip(series, holds, strict=True):
        of_class = -(-_MIN_BLOCKS // min(num_series[label] for label in some))
        for run in np.array_split(rows, max(of_class, NUM_BLOCKS // len(series))):
            number[run] = num_runs
            num_runs += 1
    return np.unique(number, return_inverse=True)[1]


def by_pattern(names: Sequence[str], pattern: str) -> tuple[np.ndarray, list[str]]:
    """Group files by what a regular expression finds in their names.

    Args:
        names: Of the files, with / between folders.
        pattern: Its first group, or else all that it matches, names the group of files.

    Returns:
        The number of each file's group (rows,), a file without a match being alone; and the names
        of those files.

    Raises:
        InputError: If it is no regular expression, matches no file, or puts all into one group.
    """
    try:
        finder = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"--group {pattern!r} is no regular expression ({error}); expected one such as "
            r"'patient(\d+)', or the word blocks."
        ) from error
    keys: list[str | None] = []
    for name in names:
        found = finder.search(name)
        keys.append(found and found[min(1, finder.groups)])
    if all(key is None for key in keys):
        raise InputError(
            f"--group {pattern!r} matches none of {len(names):,} names, such as {names[0]!r}; "
            "change the pattern."
        )
    known = {key: number for number, key in enumerate(dict.fromkeys(keys)) if key is not None}
    if len(known) == 1 and None not in keys:
        raise InputError(
            f"--group {pattern!r} finds {next(iter(known))!r} in every name, expected several "
            "groups of files; change the pattern."
        )
    alone = [name for name, key in zip(names, keys, strict=True) if key is None]
    numbers = [len(names) + row if key is None else known[key] for row, key in enumerate(keys)]
    return np.unique(numbers, return_inverse=True)[1], alone


def merge(num_rows: int, groups: np.ndarray | None, pairs: np.ndarray) -> np.ndarray:
    """Merge the groups that pairs of rows connect.

    Args:
        num_rows: Rows.
        groups: The group of each row; None where each stands alone.
        pairs: Rows that belong together (pairs, 2).

    Returns:
        The number of each row's group.
    """
    from scipy import sparse

    if groups is not None:
        _, first, code = np.unique(groups, return_index=True, return_inverse=True)
        pairs = np.concatenate([pairs, np.stack([first[code], np.arange(num_rows)], axis=1)])
    edges = sparse.coo_array((np.ones(len(pairs)), pairs.T), shape=(num_rows, num_rows))
    found: np.ndarray = sparse.csgraph.connected_components(edges, directed=False)[1]
    return found


def neighbours_look_alike(x: np.ndarray, series: Sequence[np.ndarray], y: np.ndarray) -> bool:
    """Return whether neighbouring files are nearer than others of the same classes.

    Coarse colours are compared: of each two neighbours, and of the first of them with a random
    image that has the second one's class.

    Args:
        x: uint8 (rows, size, size, channels).
        series: Of `in_series`.
        y: Classes or values (rows,).
    """
    one = np.concatenate([rows[:-1] for rows in series] or [np.empty(0, int)])
    other = np.concatenate([rows[1:] for rows in series] or [np.empty(0, int)])
    if len(one) < _MIN_NEIGHBOURS:
        return False
    rng = np.random.default_rng(0)
    order = np.argsort(y, kind="stable")
    place = np.empty(len(y), int)
    place[order] = np.arange(len(y))
    _, first, code, counts = np.unique(
        y[order], return_index=True, return_inverse=True, return_counts=True
    )
    label = code[place[other]]
    if y.dtype.kind == "f":  # values: any other image
        first, counts, label = np.array([0]), np.array([len(y)]), np.zeros(len(other), int)
    random = order[first[label] + rng.integers(counts[label])]
    coarse = np.concatenate([_colours(some) for some in _some_rows(x)])

    def distance(some: np.ndarray) -> np.ndarray:
        return ((coarse[one] - coarse[some]) ** 2).mean(axis=1)

    kept = (random != one) & (random != other)
    nearer = distance(other)[kept] < distance(random)[kept]
    return bool(len(nearer) >= _MIN_NEIGHBOURS and nearer.mean() > _NEARER)


def _colours(x: np.ndarray) -> np.ndarray:
    channels = [_coarse(x[..., place].astype("float32"), _COARSE) for place in range(x.shape[-1])]
    return np.concatenate(channels, axis=1).reshape(len(x), -1)
