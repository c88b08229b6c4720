"""The check before training: classic mistakes named before they cost an hour.

`check` looks at a compiled model and its data and gives all findings at once, errors first.
RULES.md, made from the rules themselves, lists them. Each rule is one small function that yields
a `Finding` or nothing; a new one is a new function with `@rule` in the module of its kind:
`outputs`, `targets`, `inputs`, `shapes`, `scaling`, `classes`, `splits`, `settings`, `compiled`,
`tables` (a table of the user's) and `learning` (runs the untrained model on one batch, and looks at
a trained one).
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np

from keras_recipes.checks.findings import Finding, Findings, Rule
from keras_recipes.checks.inspect.facts import Facts, Settings
from keras_recipes.checks.rules import (
    classes,
    compiled,
    inputs,
    learning,
    outputs,
    scaling,
    settings,
    shapes,
    splits,
    tables,
    targets,
)
from keras_recipes.errors import InputError

MODULES = (outputs, targets, inputs, shapes, scaling, classes, splits, settings, compiled)
MODULES += (tables, learning)
# In the order in which findings are listed. The other rules follow where these find no error.
BEFORE = (*outputs.RULES, *targets.RULES, *inputs.NUMBERS, *shapes.RULES, *scaling.RULES)
BEFORE += (*classes.RULES, *inputs.LEAKS, *splits.RULES, *settings.RULES, *compiled.WHOLE)
RULES = tuple(rule for module in MODULES for rule in module.RULES)
# What these find explains most of what a probe of the untrained model would find.
EXPLAINING = {"H9", "H12", "D3", "D4", "D5"}

__all__ = [
    "RULES",
    "Finding",
    "Findings",
    "check",
    "check_splits",
    "check_trained",
    "check_untrained",
]

_log = logging.getLogger(__name__)


def check(
    model: keras.Model,
    x,
    y=None,
    validation_data=None,
    *,
    test_data=None,
    ignore: Iterable[str] = (),
    strict: bool = False,
    **fit_settings,
) -> Findings:
    """Look for mistakes in model, data and settings, without training and without changing them.

    Args:
        model: Compiled. One that is not built yet is built, as `fit` would.
        x: Inputs as `fit` takes them: an array (rows, ...), a pandas table, a dict or list of such,
            or a finite `tf.data.Dataset`, which is read once from its beginning: one that shuffles
            with a seed gives `fit` its second order, as after any other look at it.
        y: Targets as an array (rows,) or (rows, columns), a pandas column or table, or a dict or
            list for several outputs.
        validation_data: (x, y), or a data set.
        test_data: (x, y) of the last measurement, to see that it is apart from the others.
        ignore: Rules to leave out, by id or by name, such as ["D3"] or
            ["scaling/inputs-not-scaled"].
        strict: Whether warnings count as errors.
        **fit_settings: What `fit` will be given: epochs, batch_size, steps_per_epoch,
            validation_split, callbacks, class_weight, sample_weight; and save_path and program, as
            in `facts.Settings`.

    Returns:
        A list of everything found, errors first, with `notes` on what was not looked at.

    Raises:
        InputError: If there is no Keras model, or no such rule to leave out.
    """
    if not isinstance(model, keras.Model):
        raise InputError(f"received {type(model).__name__}, expected a compiled keras.Model")
    left_out = _ids(ignore)
    facts = Facts.gather(model, x, y, validation_data, test_data, Settings(**fit_settings))
    return _judge(facts, left_out, strict)


def check_splits(
    model: keras.Model,
    splits,
    *,
    as_inputs: Callable[[object], object] | None = None,
    with_test: bool = False,
    ignore: Iterable[str] = (),
    strict: bool = False,
    **fit_settings,
) -> Findings:
    """Check a model against the parts of its data; log warnings, raise errors.

    The preprocessing layers need not be adapted yet.

    Args:
        model: Compiled.
        splits: With the parts train and validation, which may be None; labels as the model's loss
            takes them.
        as_inputs: Brings x into the form that the model is called with, where it is encoded before
            `fit`.
        with_test: Whether the test part is looked at too, where a run is to open it in the end. A
            search never does.
        ignore: Rules to leave out, by id or by name.
        strict: Whether warnings count as errors.
        **fit_settings: As in `check`.

    Returns:
        The warnings, which are logged too.

    Raises:
        InputError: With a line for each error found; or if there is no such rule to leave out.
    """
    ignored = _ids(ignore)
    parts = (splits.train, splits.validation, splits.test if with_test else None)
    train, validation, test = (
        None if split is None else (_inputs(split, as_inputs), split.y) for split in parts
    )
    settings = Settings(is_encoded=as_inputs is not None, **fit_settings)
    facts = Facts.gather(model, *train, validation, test, settings)
    table = tables.Table.gather(splits, with_test)
    found = [] if table is None else _apply(tables.RULES, table, ignored, facts.notes)
    # The caller adapts its layers once the data are known to be right, and makes arrays of tables.
    # In a user's table D16 tells of more columns than D12 does.
    left_out = {*ignored, "D13", "D14"} | ({"D12"} if table is not None else set())
    findings = [*_judge(facts, left_out, strict), *_finish(found, facts, strict)]
    return _report(Findings(findings, facts.notes))


def check_untrained(
    model: keras.Model,
    splits,
    *,
    as_inputs: Callable[[object], object] | None = None,
    ignore: Iterable[str] = (),
    strict: bool = False,
) -> Findings:
    """Run a built model, its preprocessing adapted, on one batch, where `check_splits` could not.

    Args:
        model: As it will be trained.
        splits: As in `check_splits`.
        as_inputs: As in `check_splits`.
        ignore: Rules to leave out, by id or by name.
        strict: Whether warnings count as errors.

    Returns:
        The warnings, which are logged too.

    Raises:
        InputError: With a line for each error found; or if there is no such rule to leave out.
    """
    ignored = _ids(ignore)
    x, settings = _inputs(splits.train, as_inputs), Settings(is_encoded=as_inputs is not None)
    facts = Facts.gather(model, x, splits.train.y, settings=settings)
    found = _apply(
        [rule for rule in scaling.RULES if rule.id == "D13"], facts, ignored, facts.notes
    )
    return _report(_finish(found + _probe(facts, ignored), facts, strict))


def _inputs(split, as_inputs: Callable[[object], object] | None) -> object:
    return split.x if as_inputs is None else as_inputs(split.x)


def check_trained(
    history: dict[str, list[float]],
    best_epoch: int | None = None,
    *,
    y: np.ndarray | None = None,
    predicted: np.ndarray | None = None,
    are_classes: bool = False,
    ignore: Iterable[str] = (),
) -> Findings:
    """Look for signs that a model learned nothing, or learned its rows by heart.

    Args:
        history: One list for each score, one value for each epoch, as in `History.history`.
        best_epoch: The epoch that was kept, counted from 1; the last where None.
        y: Targets of rows that were not learned from: class numbers (rows,) or numbers.
        predicted: What was predicted for them, in the same form.
        are_classes: Whether these are class numbers.
        ignore: Rules to leave out, by id or by name.

    Returns:
        What was found; all of it warnings.

    Raises:
        InputError: If there is no such rule to leave out.
    """
    epochs = len(history.get("loss", ()))
    trained = learning.Trained(history, (best_epoch or epochs) - 1, y, predicted, are_classes)
    return Findings(_apply(learning.TRAINED, trained, _ids(ignore), notes := []), notes)


def _ids(ignore: Iterable[str]) -> set[str]:
    """Return the ids of rules that are given by id or by name.

    Raises:
        InputError: If there is no such rule.
    """
    known = {key: rule.id for rule in RULES for key in (rule.id, rule.name)}
    if unknown := {*ignore} - {*known}:
        raise InputError(
            f"ignore: received {min(unknown)!r}, expected ids or names of rules, such as 'D3' or "
            "'scaling/inputs-not-scaled'; RULES.md lists them"
        )
    return {known[key] for key in ignore}


def _judge(facts: Facts, ignore: set[str], strict: bool) -> Findings:
    found = _apply(BEFORE, facts, set(), facts.notes)
    # What is known and left out explains as much as what is said.
    if not any(one.level == "error" for one in found):
        found += _apply(compiled.TRIED, facts, set(), facts.notes)
    if not any(one.level == "error" or one.id in EXPLAINING for one in found):
        found += _probe(facts, ignore)
    return _finish([one for one in found if one.id not in ignore], facts, strict)


def _probe(facts: Facts, ignore: set[str]) -> list[Finding]:
    step = learning.first_step(facts)
    return _apply(learning.UNTRAINED, step, ignore, facts.notes) if step else []


def _apply(
    rules: Sequence[Rule], facts: object, ignore: set[str], notes: list[str]
) -> list[Finding]:
    found = []
    for rule in rules:
        if rule.id in ignore:
            continue
        try:
            found += rule.find(facts)
        except Exception as error:
            # Data may be odd in ways that nobody thought of; a check must not stop the training.
            fault = f"{type(error).__name__}: {error}"
            notes.append(f"{rule.name} ({rule.id}) could not be judged: {fault}")
    return found


def _finish(found: list[Finding], facts: Facts, strict: bool) -> Findings:
    if strict:
        found = [dataclasses.replace(finding, level="error") for finding in found]
    return Findings(found, facts.notes)


def _report(findings: Findings) -> Findings:
    """Log the warnings and raise the errors."""
    for finding in findings:
        if finding.level == "warning":
            _log.warning("%s", finding)
    if findings.errors:
        raise InputError("\n".join(map(str, findings.errors)))
    return findings


@dataclasses.dataclass(frozen=True)
class PreFlight:
    """The check of a recipe, as a run or a search hands it to the training.

    Attributes:
        ignore: Rules to leave out, by id or by name.
        strict: Whether warnings count as errors.
        with_test: Whether the test rows are looked at too, which a run opens in the end.
    """

    ignore: tuple[str, ...] = ()
    strict: bool = False
    with_test: bool = False

    def look_at_data(self, model: keras.Model, splits, as_inputs: Callable | None, config) -> None:
        """Check a model that was built against the parts of its data; raise errors."""
        check_splits(
            model,
            splits,
            as_inputs=as_inputs,
            with_test=self.with_test,
            ignore=self.ignore,
            strict=self.strict,
            epochs=config.epochs,
            batch_size=config.batch_size,
        )

    def look_at_model(self, model: keras.Model, splits, as_inputs: Callable | None) -> None:
        """Check the model with its preprocessing adapted; raise errors."""
        check_untrained(model, splits, as_inputs=as_inputs, ignore=self.ignore, strict=self.strict)

    def look_at_trained(self, *arguments, **named) -> Findings:
        """Look at a trained model's history and predictions, as `check_trained`."""
        return check_trained(*arguments, ignore=self.ignore, **named)
