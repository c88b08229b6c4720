"""The check before training: classic mistakes named before they cost an hour.

`check` looks at a compiled model and its data and returns all findings at once, errors first.
RULES.md, made from the rules themselves, lists them. Each rule is one small function that yields
a mistake or nothing; a new one is a new function with `@rule` in the module of its kind:
`outputs`, `targets`, `inputs`, `shapes`, `scaling`, `classes`, `splits`, `sequences`, `texts`,
`images`, `settings`, `programs`, `compiled`, `tables` (a table of the user's) and `learning` (runs
the untrained model on one batch, and looks at a trained one).
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from keras_recipes.checks.findings import Finding, Findings, Rule
from keras_recipes.checks.inspect.facts import Facts, Settings
from keras_recipes.checks.rules import (
    classes,
    compiled,
    images,
    inputs,
    learning,
    outputs,
    programs,
    scaling,
    sequences,
    settings,
    shapes,
    splits,
    tables,
    targets,
    texts,
)
from keras_recipes.errors import InputError, expected_names, first_line

MODULES = (
    outputs, targets, inputs, shapes, scaling, classes, splits, sequences, texts, images,
    settings, programs, compiled, tables, learning,
)  # fmt: skip
# In the order in which findings are listed. The other rules follow where these find no error.
BEFORE = (
    *outputs.RULES, *targets.RULES, *inputs.NUMBERS, *shapes.RULES, *scaling.RULES,
    *classes.RULES, *inputs.LEAKS, *splits.RULES, *sequences.RULES, *texts.RULES,
    *images.RULES, *settings.RULES, *programs.RULES, *compiled.WHOLE,
)  # fmt: skip
RULES = tuple(rule for module in MODULES for rule in module.RULES)
# What these find explains most of what a probe of the untrained model would find.
EXPLAINING = {"H9", "H12", "D3", "D4", "D5"}

_log = logging.getLogger(__name__)
_Encode = Callable[[Any], Any]


def check(
    model: keras.Model,
    x: Any,
    y: Any = None,
    validation_data: Any = None,
    *,
    test_data: Any = None,
    ignore: Iterable[str] = (),
    strict: bool = False,
    **fit_settings: Any,
) -> Findings:
    """Look for mistakes in model, data and settings, without training and without changing them.

    Args:
        model: Compiled. One that is not built yet is built, as `fit` would.
        x: Inputs as `fit` takes them: an array (rows, ...), a pandas table, a dict or list of such,
            or a finite `tf.data.Dataset`, which is read once from its beginning: one that shuffles
            with a seed yields its second order to `fit`, as after any other look at it.
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
    takes_columns = hasattr(model, "parts_type") and isinstance(model.input, dict)
    if takes_columns and not isinstance(x, dict):
        raise InputError(
            "x: the model of a run with your own table takes columns that the run has encoded; the "
            "table was checked before training. keras_recipes.predict(run, x) takes it as it is"
        )
    known = [field.name for field in dataclasses.fields(Settings) if field.init]
    if unknown := [name for name in fit_settings if name not in known]:
        raise InputError(
            f"{unknown[0]}: fit has no such argument; {expected_names(unknown[0], known)}"
        )
    left_out = _ids(ignore)
    facts = Facts(model, x, y, validation_data, test_data, Settings(**fit_settings))
    found = _judge(facts, left_out)
    return Findings(_strictly(found) if strict else found, facts.notes)


def check_trained(
    history: dict[str, list[float]],
    best_epoch: int | None = None,
    *,
    y: np.ndarray | None = None,
    predicted: np.ndarray | None = None,
    are_classes: bool = False,
    ignore: Iterable[str] = (),
) -> Findings:
    """Look for signs that a model learned nothing, or memorised its rows.

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
    notes: list[str] = []
    return Findings(_apply(learning.TRAINED, trained, _ids(ignore), notes), notes)


def _ids(ignore: Iterable[str]) -> set[str]:
    """Return the ids of rules that are given by id or by name.

    Raises:
        InputError: If there is no such rule.
    """
    known = {key: rule.id for rule in RULES for key in (rule.id, rule.name)}
    ignore = [ignore] if isinstance(ignore, str) or not isinstance(ignore, Iterable) else [*ignore]
    if unknown := [one for one in ignore if one not in known]:
        raise InputError(
            f"ignore: received {unknown[0]!r}, expected ids or names of rules, such as 'D3' or "
            "'scaling/inputs-not-scaled'; RULES.md lists them"
        )
    return {known[key] for key in ignore}


def _judge(facts: Facts, ignore: set[str]) -> list[Finding]:
    found = _apply(BEFORE, facts, set(), facts.notes)
    # What is known and left out explains as much as what is reported.
    if not any(one.level == "error" for one in found):
        found += _apply(compiled.TRIED, facts, set(), facts.notes)
    if not any(one.level == "error" or one.id in EXPLAINING for one in found):
        found += _probe(facts, ignore)
    return [one for one in found if one.id not in ignore]


def _probe(facts: Facts, ignore: set[str]) -> list[Finding]:
    step = learning.first_step(facts)
    return _apply(learning.UNTRAINED, step, ignore, facts.notes) if step else []


def _apply(rules: Iterable[Rule], facts: Any, ignore: set[str], notes: list[str]) -> list[Finding]:
    found: list[Finding] = []
    for rule in rules:
        if rule.id in ignore:
            continue
        try:
            found += rule.find(facts)
        except Exception as error:
            # Data may be odd in ways that nobody thought of; a check must not stop the training.
            fault = f"{type(error).__name__}: {first_line(error)}"
            notes.append(f"{rule.name} ({rule.id}) could not be judged: {fault}")
    return found


def _strictly(found: list[Finding]) -> list[Finding]:
    return [dataclasses.replace(finding, level="error") for finding in found]


@dataclasses.dataclass(frozen=True)
class PreFlight:
    """The check of a recipe, as a run or a search hands it to the training.

    Attributes:
        ignore: Rules to leave out, by id or by name.
        strict: Whether warnings count as errors.
        with_test: Whether the test rows are looked at too, which a run opens in the end. A search
            never does.
        found: Warnings so far.
    """

    ignore: Sequence[str] = ()
    strict: bool = False
    with_test: bool = False
    found: list[Finding] = dataclasses.field(default_factory=list, init=False, compare=False)

    def look_at_data(
        self, model: keras.Model, splits: Any, as_inputs: _Encode | None = None, config: Any = None
    ) -> Findings:
        """Check a built model, its preprocessing not adapted yet, against its data.

        Args:
            model: Compiled.
            splits: With train, validation (which may be None) and test; labels as the model's
                loss takes them.
            as_inputs: Brings x into the form that the model is called with, where it is encoded
                before `fit`.
            config: With the epochs and the batch size of `fit`.

        Returns:
            The warnings, which are logged too.

        Raises:
            InputError: With a line for each error found; or if there is no such rule to leave out.
        """
        ignored, encode = _ids(self.ignore), as_inputs or (lambda x: x)
        validation, test = (
            None if split is None else (encode(split.x), split.y)
            for split in (splits.validation, splits.test if self.with_test else None)
        )
        of_fit = Settings(
            epochs=config.epochs if config else None,
            batch_size=config.batch_size if config else None,
            is_encoded=as_inputs is not None,
        )
        train = splits.train
        facts = Facts(model, encode(train.x), train.y, validation, test, of_fit)
        table = tables.Table.gather(splits, self.with_test)
        found = [] if table is None else _apply(tables.RULES, table, ignored, facts.notes)
        # The caller adapts its layers once the data are known to be right, and makes arrays of
        # tables. In a user's table D16 names more columns than D12 does.
        left_out = {*ignored, "D13", "D14"} | ({"D12"} if table is not None else set())
        # Whole groups may hold all rows of a class; D19 tells of it.
        left_out |= set() if train.groups is None else {"S1"}
        return self._report(_judge(facts, left_out) + found, facts.notes)

    def look_at_model(
        self, model: keras.Model, splits: Any, as_inputs: _Encode | None = None
    ) -> Findings:
        """Run the model, its preprocessing adapted, on one batch.

        Args:
            model: As it will be trained.
            splits: As in `look_at_data`.
            as_inputs: As in `look_at_data`.

        Returns:
            The warnings, which are logged too.

        Raises:
            InputError: As in `look_at_data`.
        """
        x = as_inputs(splits.train.x) if as_inputs else splits.train.x
        of_fit = Settings(is_encoded=as_inputs is not None)
        facts, ignored = Facts(model, x, splits.train.y, settings=of_fit), _ids(self.ignore)
        adapted = [rule for rule in scaling.RULES if rule.id == "D13"]
        found = _apply(adapted, facts, ignored, facts.notes) + _probe(facts, ignored)
        return self._report(found, facts.notes)

    def look_at_trained(self, *arguments: Any, **named: Any) -> Findings:
        """Look at a trained model's history and predictions, as `check_trained`."""
        findings = check_trained(*arguments, ignore=self.ignore, **named)
        self.found.extend(findings)
        return findings

    def _report(self, found: list[Finding], notes: list[str]) -> Findings:
        """Log the warnings and raise the errors."""
        findings = Findings(_strictly(found) if self.strict else found, notes)
        for finding in findings:
            if finding.level == "warning":
                _log.warning("%s", finding)
        if findings.errors:
            raise InputError("\n".join(map(str, findings.errors)))
        self.found.extend(findings)
        return findings
