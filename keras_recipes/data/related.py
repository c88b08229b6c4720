"""Rows that belong together: groups, such as the visits of one patient, and copies of a row."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_recipes import repeats
from keras_recipes.data import columns
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

# Fewer values, of which fewer differ in the target, may well be ordinary categories.
_MIN_VALUES, _MIN_OTHERS = 20, 5
_ROWS_OF_CLASS = 10
# The variance of the target inside the groups, as a fraction of all; of neighbours, if in order.
_SHARED, _SMOOTH = 0.05, 0.5


def check_groups(groups: "np.ndarray | pd.Series | Sequence", num_rows: int) -> np.ndarray:
    """Return groups as an array.

    Args:
        groups: One value for each row.
        num_rows: That there are.

    Raises:
        InputError: If there is not one value for each row.
    """
    import pandas as pd

    found = np.asarray(groups)
    if found.shape != (num_rows,):
        raise InputError(
            f"groups must be one value for each row: received shape {found.shape} for {num_rows} "
            "rows; give one column of the same table."
        )
    if num_missing := int(pd.isna(found).sum()):
        raise InputError(
            f"groups must have a value in every row: received {num_missing} missing values; give "
            "each of these rows a value of its own, such as its number, or drop them."
        )
    return found


def assign(
    groups: np.ndarray,
    classes: np.ndarray | None,
    fractions: Sequence[float],
    generator: np.random.Generator,
) -> np.ndarray:
    """Assign whole groups to parts of about the wanted fractions, of all rows and of each class.

    Large groups go first, each to the part that lacks its rows most; groups of similar size come in
    a random order.

    Args:
        groups: (rows,), one value for the rows of one group.
        classes: (rows,) to stratify by; None for none.
        fractions: Of the parts, above 0, with the sum 1.
        generator: Decides the order.

    Returns:
        (rows,) with the number of the part of each row; no part is empty.

    Raises:
        InputError: If there are fewer groups than parts.
    """
    import pandas as pd

    codes, values = pd.factorize(groups)
    if len(values) < len(fractions):
        raise InputError(
            f"received {len(values)} groups of rows, expected at least {len(fractions)}, one for "
            "each part; take fewer parts (folds), or split without groups."
        )
    if min(fractions) <= 0:
        raise InputError(f"fractions must be above 0 and sum to 1: received {tuple(fractions)}.")
    labels = np.zeros(len(codes), dtype=int) if classes is None else pd.factorize(classes)[0]
    num_classes = int(labels.max()) + 1
    cells, counts = np.unique(codes * num_classes + labels, return_counts=True)
    holds: list[list[tuple[int, int]]] = [[] for _ in values]
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        holds[cell // num_classes].append((cell % num_classes, count))
    sizes = np.bincount(codes)
    for group, size in enumerate(sizes.tolist()):
        holds[group].append((num_classes, size))  # all rows count as one more class
    totals = [*np.bincount(labels).tolist(), len(codes)]
    lacking = [[fraction * total for total in totals] for fraction in fractions]
    shuffled = generator.permutation(len(values))
    order = shuffled[np.argsort(-np.log2(sizes[shuffled]).astype(int), kind="stable")]
    part_of, empty = np.empty(len(values), dtype=int), set(range(len(fractions)))
    for place, group in enumerate(order.tolist()):
        must_fill = len(order) - place <= len(empty)
        part = min(
            empty if must_fill else range(len(fractions)),
            key=lambda part: sum(
                count * (count - 2 * lacking[part][label]) / (fractions[part] * totals[label])
                for label, count in holds[group]
            ),
        )
        for label, count in holds[group]:
            lacking[part][label] -= count
        part_of[group] = part
        empty.discard(part)
    return part_of[codes]


def copies(table: "pd.DataFrame") -> np.ndarray:
    """Return which rows are copies of earlier ones; none where they may be alike by chance.

    A copy in another part would be a test row that was learned from.

    Args:
        table: Numbers and text.

    Returns:
        Truth values (rows,).
    """
    import pandas as pd

    hashes = [
        pd.util.hash_pandas_object(table.iloc[:, place], index=False).to_numpy()
        for place in range(table.shape[1])
    ]
    return repeats.find_copies(np.column_stack(hashes))


def find_grouping(
    known: "pd.DataFrame",
    found: "Sequence[columns.Column]",
    y: np.ndarray,
    are_classes: bool,
    groups: np.ndarray | None = None,
) -> str:
    """Return the column whose values repeat and each go with one value of the target.

    Rows of one value, such as the visits of one patient, then share what is to be predicted, and a
    random split puts the answer for test rows among the training rows.

    Args:
        known: Rows with the columns.
        found: What the columns mean.
        y: Targets (rows,): class numbers, or values.
        are_classes: Whether these are class numbers.
        groups: Groups (rows,) that stay in one split; a column inside them is no other one.

    Returns:
        The name, of the column with the fewest values where there are several; "" for none.
    """
    import pandas as pd

    names: dict[str, int] = {}
    for column in found:
        is_name = column.kind == "category" or column.is_identifier
        few_or_single = not _MIN_VALUES <= column.num_values <= 0.75 * len(y)
        if few_or_single or not (is_name or column.kind == "number"):
            continue
        values = known[column.name]
        if column.kind == "number":
            values = columns.read(values, column)
            if (values.dropna() % 1 != 0).any():
                continue
        codes, distinct = pd.factorize(values, sort=column.kind == "number")
        repeated = np.bincount(codes[codes >= 0], minlength=len(distinct)) > 1
        kept = (codes >= 0) & repeated[codes]
        if repeated.sum() < _MIN_VALUES or kept.sum() < len(y) / 2:
            continue
        mine, in_order = np.unique(codes[kept], return_inverse=True)[1], column.kind == "number"
        if groups is not None and pd.Series(groups[kept]).groupby(mine).nunique().max() == 1:
            continue
        if _share_target(mine, y[kept], are_classes, in_order):
            names[column.name] = len(distinct)
    return min(names, key=names.__getitem__, default="")


def _share_target(groups: np.ndarray, y: np.ndarray, are_classes: bool, in_order: bool) -> bool:
    """Return whether nearly all of the target's variance is between groups, and not by their order.

    By the unbiased variance inside groups over the whole variance: about 1 for shuffled targets.
    """
    sizes = np.bincount(groups)
    if are_classes:
        counts = np.bincount(y.astype(int))
        rest = y != counts.argmax()
        if rest.sum() < _ROWS_OF_CLASS or len(np.unique(groups[rest])) < _MIN_OTHERS:
            return False
        _, cells = np.unique(groups * len(counts) + y.astype(int), return_inverse=True)
        squares = np.bincount(cells).astype(float) ** 2
        owner = np.zeros(len(squares), dtype=int)
        owner[cells] = groups
        inside = len(y) - (squares / sizes[owner]).sum()
        whole = len(y) - (counts.astype(float) ** 2).sum() / len(y)
        y = rest.astype(float)
    else:
        y = y.astype(float) - y.mean()
        inside = (y**2).sum() - (np.bincount(groups, y) ** 2 / sizes).sum()
        whole = (y**2).sum()
    if whole <= 0 or inside / (len(y) - len(sizes)) > _SHARED * whole / (len(y) - 1):
        return False
    means = np.bincount(groups, y) / sizes
    steps = (np.diff(means) ** 2).mean() / 2
    return not in_order or bool(steps > _SMOOTH * means.var())
