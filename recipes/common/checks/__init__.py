"""The check before training: classic mistakes named before they cost an hour.

`check` looks at a compiled model and its data and gives all findings at once, errors first. Rules
stand in the modules `head` (output, loss, labels) and `data`; each is one small function that
yields a `Finding` or nothing. A new rule is a new function with `@rule` in one of these modules.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import keras

from recipes.common.checks import data, head
from recipes.common.checks.facts import Facts
from recipes.common.checks.findings import Finding
from recipes.common.errors import InputError

RULES = (*data.RULES, *head.RULES)

__all__ = ["RULES", "Finding", "check", "check_splits"]


def check(
    model: keras.Model,
    x,
    y,
    validation_data: tuple | None = None,
    *,
    ignore: Sequence[str] = (),
) -> list[Finding]:
    """Look for mistakes in output layer, loss, labels and data, without training.

    Args:
        model: Compiled and built. Several outputs or a loss of the user's own are not judged.
        x: Inputs as an array (rows, ...) or a pandas table.
        y: Targets as an array (rows,) or (rows, columns), or a pandas column or table.
        validation_data: (x, y) of the validation part, in the same forms.
        ignore: Ids of rules to leave out, such as ["H12"].

    Returns:
        Everything found, errors first.
    """
    facts = Facts.gather(model, x, y, validation_data)
    findings = [
        found for rule in RULES if rule.id not in ignore for found in rule.find(facts) if found
    ]
    return sorted(findings, key=lambda finding: finding.level)


def check_splits(model: keras.Model, splits, *, ignore: Sequence[str] = ()) -> None:
    """Check a model against the training and validation parts; log warnings, raise errors.

    Args:
        model: Compiled and built.
        splits: With the parts train and validation, which may be None; labels as the model's loss
            takes them.
        ignore: Ids of rules to leave out.

    Raises:
        InputError: With a line for each error found.
    """
    part = splits.validation
    validation = None if part is None else (part.x, part.y)
    findings = check(model, splits.train.x, splits.train.y, validation, ignore=ignore)
    for finding in findings:
        if finding.level == "warning":
            logging.getLogger(__name__).warning("%s", finding)
    if errors := [str(finding) for finding in findings if finding.level == "error"]:
        raise InputError("\n".join(errors))
