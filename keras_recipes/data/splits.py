"""Train, validation and test parts of a data set: seeded, stratified, folded, by groups."""

import dataclasses
import hashlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from keras_recipes.data import related
from keras_recipes.errors import InputError, describe

if TYPE_CHECKING:  # pandas takes 0.3 s to import; sets of images do without it
    import pandas as pd

T = TypeVar("T")
_FRACTION_ASIDE = 0.2  # of the train rows, where a part is missing


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Rows of a data set; the same position in x and y is the same row.

    Args:
        x: features, array (rows, ...) or table with one row per sample.
        y: targets, array (rows,) or (rows, columns).
        groups: array (rows,) with one value for the rows of one group, such as a patient's number:
            they stay in one part of every split. None where each row stands alone.

    Raises:
        InputError: y is no array, or x, y and groups differ in their number of rows.
    """

    x: "np.ndarray | pd.DataFrame"
    y: np.ndarray
    groups: np.ndarray | None = None
    _made: dict[Hashable, object] = dataclasses.field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        if not isinstance(self.y, np.ndarray):  # a Series would pick rows by label, not position
            raise InputError(
                f"y must be a NumPy array: received {type(self.y).__name__}; call .to_numpy()."
            )
        if len(self.x) != len(self.y):
            raise InputError(
                f"x and y must have the same number of rows: received {len(self.x)} rows of x and "
                f"{len(self.y)} of y; load both from the same file, without dropping rows of one."
            )
        if self.groups is not None:
            object.__setattr__(self, "groups", related.check_groups(self.groups, len(self.y)))

    def __len__(self) -> int:
        return len(self.y)

    def once(self, name: Hashable, make: "Callable[[], T]") -> "T":
        """Return what was made of these rows before, or make it and keep it with them.

        The trainings of a search have the same rows, and mostly encoders of the same settings.

        Args:
            name: What is made, with all that it depends on besides the rows.
            make: makes it.
        """
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]  # type: ignore[return-value]

    def digest(self) -> str:
        """Return a hash of inputs, targets and groups, of whatever dtype."""
        x = self.x
        if hasattr(x, "iloc"):
            import pandas as pd

            x = pd.util.hash_pandas_object(x, index=False).to_numpy()
        found = hashlib.sha256()
        groups = () if self.groups is None else (self.groups,)
        for values in map(np.asarray, (x, self.y, *groups)):
            found.update(f"{values.dtype} {values.shape}".encode())
            is_object = values.dtype == object
            found.update(
                repr(values.tolist()).encode() if is_object else np.ascontiguousarray(values).data
            )
        return found.hexdigest()[:16]

    def take(self, rows: np.ndarray) -> "Split":
        """Some of the rows, in the order asked for.

        Args:
            rows: int array of positions, 0..len(self) - 1.

        Returns:
            A part that holds copies; a table keeps its row labels.
        """
        x = self.x.iloc[rows] if hasattr(self.x, "iloc") else self.x[rows]
        return Split(x, self.y[rows], None if self.groups is None else self.groups[rows])


@dataclasses.dataclass(frozen=True)
class Source:
    """Where rows came from; what a run prints and records.

    Args:
        name: name of the data set, such as "Fashion-MNIST".
        kind: "real" for published data, "built-in" for other rows in their place.
        origin: how the rows were found, in words, such as "Keras cache".
        licence: licence of the data.
    """

    name: str
    kind: Literal["real", "built-in"]
    origin: str
    licence: str

    @property
    def note(self) -> str:
        """What to say where these are not the real data."""
        return (
            f"NOTE: these are not the real data, but {self.name}. The scores say nothing about the "
            "real data. Its files belong in Keras's cache, or in the folder of --data-dir (in "
            "Python: data_dir)."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """The parts of one data set: learn on train, choose by validation, report on test once.

    Args:
        train: rows to fit on, and the only ones that statistics are taken from.
        validation: rows for early stopping and tuning; None once merged into train.
        test: rows for the one final measurement.
        source: where the rows came from.
        in_time: whether the rows of the parts, one after the other, stand in the order of time.

    Raises:
        InputError: source is no Source.
    """

    train: Split
    validation: Split | None
    test: Split
    source: Source
    in_time: bool = False

    def __post_init__(self):
        if not isinstance(self.source, Source):
            raise InputError(
                f"source: received {describe(self.source)}, expected a splits.Source, such as "
                'splits.Source("my data", "real", "measured by me", "mine")'
            )

    def map_labels(self, function: Callable[[np.ndarray], np.ndarray]) -> "Splits":
        """Apply a function to the targets of every part, such as one-hot encoding.

        Args:
            function: takes y of a part, returns the new y with as many rows.

        Returns:
            Splits with the same x.
        """
        return self.map(lambda split: dataclasses.replace(split, y=function(split.y)))

    def map(self, function: Callable[[Split], Split]) -> "Splits":
        """Apply a function to every part that there is."""
        validation = None if self.validation is None else function(self.validation)
        train, test = function(self.train), function(self.test)
        return dataclasses.replace(self, train=train, validation=validation, test=test)

    def merge_validation(self) -> "Splits":
        """Put the validation rows into train, to refit once every choice is made.

        Returns:
            Splits whose validation is None.
        """
        return dataclasses.replace(self, train=_join(self.train, self.validation), validation=None)

    def folds(
        self, num_folds: int, seed: int, validation_fraction: float = 0.2
    ) -> Iterator["Splits"]:
        """Cross-validation over all rows: each row is in `test` exactly once.

        Args:
            num_folds: number of folds, 2..rows.
            seed: 0 or more; the test folds depend on (y, num_folds, seed) only.
            validation_fraction: share of the rows outside the test fold that become
                validation, between 0 and 1.

        Returns:
            One Splits per fold, stratified where y holds classes; rows of one group stay together.

        Raises:
            InputError: num_folds or validation_fraction is out of range, there are too few groups,
                or the rows follow one another in time.
        """
        _check_fraction("validation_fraction", validation_fraction)
        if self.in_time:
            raise InputError(
                "rows in the order of time cannot be tested each by folds: the first would be "
                "predicted from later ones; take one split, or no column of time."
            )
        every_row = _join(self.train, self.validation, self.test)
        parts = _held_out_folds(every_row, num_folds, seed)
        return (
            hold_out(rest, test, self.source, seed, round(validation_fraction * len(rest)))
            for rest, test in parts
        )

    def validation_folds(self, num_folds: int, seed: int) -> Iterator["Splits"]:
        """Cross-validation without the test rows, for a search over hyperparameters.

        Args:
            num_folds: number of folds, 2..rows of train and validation.
            seed: 0 or more; the folds depend on (y, num_folds, seed) only.

        Returns:
            One Splits per fold: each row of train and validation is in `validation` exactly
            once; `test` is handed on untouched. Of rows in the order of time each fold validates
            on the stretch that follows its training rows, and the first stretch is only learned
            from. Rows of one group stay together.

        Raises:
            InputError: num_folds is out of range, or there are fewer groups.
        """
        rows = _join(self.train, self.validation)
        find = _folds_in_time if self.in_time else _held_out_folds
        return (
            dataclasses.replace(self, train=rest, validation=held_out)
            for rest, held_out in find(rows, num_folds, seed)
        )


def split(
    x: "np.ndarray | pd.DataFrame",
    y: np.ndarray,
    source: Source,
    seed: int,
    validation_fraction: float = 0.2,
    test_fraction: float = 0.2,
    groups: "np.ndarray | pd.Series | None" = None,
) -> Splits:
    """Shuffle rows into train, validation and test; stratified where y holds classes.

    Args:
        x: features, array (rows, ...) or table.
        y: targets, (rows,) or (rows, columns). Integers and one-hot rows are classes.
        source: where the rows came from.
        seed: 0 or more; the same seed gives the same parts.
        validation_fraction: share of all rows, between 0 and 1.
        test_fraction: share of all rows, between 0 and 1.
        groups: (rows,), the same value for rows that belong together, such as the visits of one
            patient. They stay in one part, here and in all folds; the fractions and the classes are
            then met as nearly as whole groups allow.

    Returns:
        Splits that hold every row exactly once.

    Raises:
        InputError: a fraction is out of range, a part would be empty, or the groups do not fit.
    """
    _check_fraction("validation_fraction", validation_fraction)
    _check_fraction("test_fraction", test_fraction)
    generator = np.random.default_rng(seed)
    if groups is not None:
        fractions = 1 - validation_fraction - test_fraction, validation_fraction, test_fraction
        rows = Split(x, y, np.asarray(groups))
        train, validation, test = _by_groups(rows, np.asarray(groups), fractions, generator)
        return Splits(train, validation, test, source)
    rest, test = _set_aside(Split(x, y), round(test_fraction * len(y)), generator)
    train, validation = _set_aside(rest, round(validation_fraction * len(y)), generator)
    return Splits(train, validation, test, source)


def hold_out(train: Split, test: Split, source: Source, seed: int, validation_rows: int) -> Splits:
    """Take validation rows out of train, for a set that comes with its own test part.

    Args:
        train: rows to divide; stratified where y holds classes, by groups where it has them.
        test: rows that stay as they are, in their order.
        source: where the rows came from.
        seed: 0 or more; the same seed gives the same parts.
        validation_rows: number of rows to take, 1..len(train) - 1; about so many with groups.

    Returns:
        Splits with train and validation shuffled.

    Raises:
        InputError: validation_rows is out of range.
    """
    rest, validation = _set_aside(train, validation_rows, np.random.default_rng(seed))
    return Splits(rest, validation, test, source)


def as_given(rows: Split, parts: Sequence[str], source: Source, seed: int) -> Splits:
    """Divide rows whose parts are known; where validation or test is missing, 20 % of train are it.

    Args:
        rows: All of them.
        parts: Of each row: train, validation or test.
        source: Where the rows came from.
        seed: 0 or more; decides the order, and the rows that are taken out of train.
    """
    given, numbers = np.array(parts), np.arange(len(rows))
    train, validation, test = (
        rows.take(numbers[given == part]) for part in ("train", "validation", "test")
    )
    num_aside = round(_FRACTION_ASIDE * len(train))
    if not len(validation):
        return hold_out(train, test, source, seed, num_aside)
    if not len(test):
        rest = hold_out(train, validation, source, seed, num_aside)
        aside = rest.test if rest.validation is None else rest.validation
        return Splits(rest.train, validation, aside, source)
    return Splits(train, validation, test, source)


def _set_aside(split: Split, num_rows: int, generator: np.random.Generator) -> tuple[Split, Split]:
    """Shuffle the rows of a part and set num_rows of them aside."""
    if not 0 < num_rows < len(split):
        raise InputError(
            f"a part to set aside needs at least 1 row and must leave at least 1: received "
            f"{num_rows} of {len(split)} rows; change the fraction or bring more rows."
        )
    if split.groups is not None:
        fraction = num_rows / len(split)
        rest, aside = _by_groups(split, split.groups, (1 - fraction, fraction), generator)
        return rest, aside
    order = _spread(split.y, generator)
    # The middles of num_rows equal stretches: a class gets its share of them, give or take one.
    chosen = ((np.arange(num_rows) + 0.5) * len(split) / num_rows).astype(int)
    is_chosen = np.zeros(len(split), dtype=bool)
    is_chosen[order[chosen]] = True
    shuffled = generator.permutation(len(split))
    return split.take(shuffled[~is_chosen[shuffled]]), split.take(shuffled[is_chosen[shuffled]])


def _by_groups(
    split: Split,
    groups: np.ndarray,
    fractions: Sequence[float],
    generator: np.random.Generator,
) -> list[Split]:
    """Shuffle rows into parts of about these fractions, whole groups at a time."""
    part = related.assign(groups, _classes(split.y), fractions, generator)
    shuffled = generator.permutation(len(split))
    return [split.take(shuffled[part[shuffled] == n]) for n in range(len(fractions))]


def _held_out_folds(split: Split, num_folds: int, seed: int) -> Iterator[tuple[Split, Split]]:
    """Check at once, then give (the rest, the fold) for each fold."""
    _check_folds(num_folds, len(split))
    generator = np.random.default_rng(seed)
    if split.groups is not None:
        fractions = [1 / num_folds] * num_folds
        fold = related.assign(split.groups, _classes(split.y), fractions, generator)
    else:
        fold = np.empty(len(split), dtype=int)
        fold[_spread(split.y, generator)] = np.arange(len(split)) % num_folds  # dealt like cards
    shuffled = generator.permutation(len(split))
    fold = fold[shuffled]
    return (
        (split.take(shuffled[fold != number]), split.take(shuffled[fold == number]))
        for number in range(num_folds)
    )


def _folds_in_time(split: Split, num_folds: int, seed: int) -> Iterator[tuple[Split, Split]]:
    """Check at once, then give (what was before, the fold) for each fold; seed decides nothing."""
    _check_folds(num_folds, len(split) - 1)
    stretches = np.array_split(np.arange(len(split)), num_folds + 1)
    return ((split.take(np.arange(stretch[0])), split.take(stretch)) for stretch in stretches[1:])


def _check_folds(num_folds: int, most: int) -> None:
    if not 2 <= num_folds <= most:
        raise InputError(
            f"num_folds must be 2..{most}, by the number of rows: received {num_folds}; "
            f"5 and 10 are usual."
        )


def _spread(y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Random order of rows, class after class: evenly spaced picks from it are stratified."""
    shuffled = generator.permutation(len(y))
    classes = _classes(y)
    if classes is None:
        return shuffled
    return shuffled[np.argsort(classes[shuffled], kind="stable")]


def _classes(y: np.ndarray) -> np.ndarray | None:
    """Class of each row: integers as they are, one-hot rows by argmax; None for other targets."""
    if y.ndim == 1 and y.dtype.kind in "biu":
        return y
    if y.ndim == 2 and y.shape[1] > 1 and np.all((y == 0) | (y == 1)) and np.all(y.sum(1) == 1):
        return y.argmax(axis=1)
    return None


def _check_fraction(name: str, fraction: float) -> None:
    if not 0 < fraction < 1:
        raise InputError(
            f"{name} must lie between 0 and 1: received {fraction}; 0.2 is a usual share."
        )


def _join(*parts: Split | None) -> Split:
    """One part with the rows of all, in the order given; None counts as no rows."""
    present = [split for split in parts if split is not None]
    groups = [split.groups for split in present if split.groups is not None]
    if 0 < len(groups) < len(present):
        raise InputError(
            f"groups must be known for all parts or none: received them for {len(groups)} of "
            f"{len(present)} parts; give groups for the rows of every part."
        )
    if not hasattr(present[0].x, "iloc"):
        x = np.concatenate([split.x for split in present])
    else:
        import pandas as pd

        x = pd.concat([split.x for split in present])
    y = np.concatenate([split.y for split in present])
    return Split(x, y, np.concatenate(groups) if groups else None)
