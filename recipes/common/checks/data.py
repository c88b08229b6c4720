"""Rules about the data themselves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from recipes.common.checks.facts import Facts
from recipes.common.checks.findings import Finding, rule_list

RULES, rule = rule_list()


@rule("D1")
def not_finite(facts: Facts, say) -> Iterator[Finding]:
    """NaN or infinite values in inputs or targets."""
    for name, values in _parts(facts):
        if counts := list(_count_not_finite(values)):
            yield say(
                "error",
                f"{', '.join(counts)} in {name}",
                "finite numbers only, since one NaN makes the loss and then every weight NaN",
                f"fill them ({name}.fillna({name}.median())) or drop those rows",
            )


@rule("D2")
def not_numbers(facts: Facts, say) -> Iterator[Finding]:
    """Text or other objects where numbers are needed."""
    for name, values in _parts(facts):
        for column, example in _not_numeric(values):
            yield say(
                "error",
                f"{name}{column} with values such as {example!r}",
                "numbers",
                "names, y = np.unique(y, return_inverse=True)"
                if name.endswith("y")
                else "x = pd.get_dummies(x), or leave the column out",
            )


def _parts(facts: Facts) -> Iterator[tuple[str, np.ndarray | pd.DataFrame]]:
    yield "x", facts.x
    yield "y", facts.y
    if facts.validation_x is not None:
        yield "validation x", facts.validation_x
        yield "validation y", facts.validation_y


def _columns(values: np.ndarray | pd.DataFrame) -> Iterator[tuple[str, pd.Series | np.ndarray]]:
    if isinstance(values, pd.DataFrame):
        yield from ((f" column {name!r}", values[name]) for name in values.columns)
    else:
        yield "", np.asarray(values)


def _is_numeric(values: pd.Series | np.ndarray) -> bool:
    # By what pandas says, never by dtype == object: pandas 3 has a string dtype of its own.
    return pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)


def _count_not_finite(values: np.ndarray | pd.DataFrame) -> Iterator[str]:
    for column, numbers in _columns(values):
        if not _is_numeric(numbers):
            continue
        numbers = np.asarray(numbers, dtype=None if numbers.dtype.kind in "biuf" else "float64")
        if numbers.dtype.kind != "f":
            continue
        for kind, count in (
            ("NaN", np.isnan(numbers).sum()),
            ("infinite", np.isinf(numbers).sum()),
        ):
            if count:
                yield f"{count} {kind}" + (f" in{column}" if column else "")


def _not_numeric(values: np.ndarray | pd.DataFrame) -> Iterator[tuple[str, object]]:
    for column, cells in _columns(values):
        if not _is_numeric(cells):
            flat = np.asarray(cells, dtype=object).ravel()
            yield column, next((cell for cell in flat if isinstance(cell, str)), flat[0])
