"""Rules about whether x, y and the parts of the data go together."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import Head

RULES, rule = rule_list()


@rule("D21")
def columns_of_parts_differ(facts: Facts, say) -> Iterator[Finding]:
    """Validation or test tables with other columns than training, or with these in another order.

    Why: a model knows columns by their place alone; in another order it reads one for the other
        without an error. `pd.get_dummies` of each part by itself makes a column for each word that
        happens to be there.
    Fix: `x_validation = x_validation[x.columns]`; `pd.get_dummies` before the split.
    Thread: pandas-dev/pandas#8918, mrdbourke/zero-to-mastery-ml#61
    """
    for name, part in facts.parts[1:]:
        for (label, train), (_, other) in zip(facts.train.x_leaves, part.x_leaves, strict=False):
            known, given = _names(train), _names(other)
            if known is None or given is None or known == given:
                continue
            same = sorted(known) == sorted(given)
            lacking = [one for one in known if one not in given]
            unknown = [one for one in given if one not in known]
            yield say(
                "error",
                f"{name}{label} with the columns of training in another order"
                if same
                else f"{name}{label} " + _differences(lacking, unknown),
                f"the columns {_shown(known)}, in this order",
                f"x_other = x_other[{label}.columns]"
                if not lacking
                else f"x_other = x_other.reindex(columns={label}.columns, fill_value=0) after "
                "pd.get_dummies, or one pd.get_dummies before the split",
            )


@rule("D22")
def targets_of_parts_differ(facts: Facts, say) -> Iterator[Finding]:
    """Validation or test targets of another form than those of training.

    Why: one-hot labels beside class numbers stop `fit` at the end of the first epoch, or are
        broadcast against the outputs, so that the score means nothing.
    Fix: the same line that makes the targets, for all parts.
    Thread: joytsay/livenessDetection#4, keras-team/keras#5696
    """
    for head in facts.heads:
        for name, y in head.y.others.items():
            if y.size and head.y.rows and _is_of_other_form(head, y.shape):
                yield say(
                    "error",
                    f"{head.label}{name}targets of shape {y.shape}, and training targets of shape "
                    f"{head.y.shape}",
                    "targets of one form in all parts",
                    "y_other = y_other.argmax(axis=-1)"
                    if y.ndim > head.y.train.ndim
                    else "make the targets of all parts by the same line",
                )


@rule("D24")
def rows_out_of_step(facts: Facts, say) -> Iterator[Finding]:
    """Rows of x that were shuffled, with the rows of y in the old order.

    Why: Keras takes rows by their place and does not look at pandas' labels: each row is learned
        with the target of another one.
    Fix: `y = y.loc[x.index]`.
    Thread: IBM/AutoXAI4Omics#58, udacity/sdc-issue-reports#1326
    """
    for name, part in facts.parts:
        tables = [part.x, part.y]
        if not all(isinstance(table, pd.DataFrame | pd.Series) for table in tables):
            continue
        x, y = part.x.index, part.y.index
        # Of inputs that were made anew the labels say nothing.
        if len(x) != len(y) or isinstance(x, pd.RangeIndex) or x.equals(y) or not x.is_unique:
            continue
        if x.is_monotonic_increasing or not x.sort_values().equals(y.sort_values()):
            continue
        counted = isinstance(y, pd.RangeIndex)
        yield say(
            "warning" if counted else "error",
            f"{name}x with the rows {_shown(x)} and {name}y with the rows {_shown(y)}",
            "rows of x and y in one order; Keras does not look at their labels",
            "y = y.loc[x.index]" + (", unless y was made anew in the order of x" * counted),
        )


def _names(leaf: object) -> list[str] | None:
    """Return the columns of a table that has names; None for anything else."""
    if not isinstance(leaf, pd.DataFrame):
        return None
    named = all(isinstance(name, str) for name in leaf.columns)
    return list(leaf.columns) if named else None


def _differences(lacking: list[str], unknown: list[str]) -> str:
    said = [f"without {_shown(lacking)}"] if lacking else []
    said += [f"with {_shown(unknown)}, which training has not"] if unknown else []
    return ", ".join(said)


def _shown(names) -> str:
    return ", ".join(map(str, names[:6])) + (", …" if len(names) > 6 else "")


def _is_of_other_form(head: Head, shape: tuple) -> bool:
    """Return whether targets differ from training in more than rows and a last axis of 1."""
    mine, other = (_without_last_one(one) for one in (head.y.shape, shape))
    if len(mine) != len(other):
        return True
    return mine != other and None not in head.shape[:-1]  # sequences may be longer in one part


def _without_last_one(shape: tuple) -> tuple:
    return shape[1:-1] if shape[1:] and shape[-1] == 1 else shape[1:]
