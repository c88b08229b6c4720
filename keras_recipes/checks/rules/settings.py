"""Rules about settings: weights, callbacks, batches, the file to save to, and predictions."""

from __future__ import annotations

import ast
import os
import pathlib
import shutil
import string
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import reading
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import metric_class, metric_name

RULES, rule = rule_list("settings")

_DATA_SET = "x as a data set with "
_FIX_OF_VALIDATION = "give validation_data or validation_split as well"

# Optimizers that adapt their steps take rates far below 1; plain descent too, on scaled inputs.
LARGE_RATE = 1.0
# Of a schedule these are looked at: it may warm up from 0.
STEPS_OF_SCHEDULE = (0, 1, 10, 100, 1000, 10_000)
# A saved model holds its weights and, for Adam, two more numbers for each.
BYTES_OF_PARAMETER = 12

_PREDICTING = {"predict", "predict_on_batch"}


@rule("D23", "invalid-sample-weights")
def sample_weights_do_not_fit(facts: Facts) -> Iterator[Mistake]:
    """Weights of rows that are not one good number for each row.

    Why: a NaN makes the loss NaN; a negative weight teaches the opposite; zeros alone teach
        nothing; with class weights as well `fit` stops.
    Fix: `sample_weight=np.ones(len(x))`, changed where a row is to count more.
    Thread: keras-team/keras#497, keras-team/keras#10921
    """
    weights = facts.settings.sample_weight
    if weights is None or facts.train.batches is not None:
        return
    expected = "one finite number for each row, at least 0, and not all of them 0"
    if facts.settings.class_weight is not None:
        fix = "sample_weight = sample_weight * np.vectorize(class_weight.get)(y), without the other"
        yield error("class_weight and sample_weight", "one of the two", fix)
    for label, given in reading.leaves(weights, "sample_weight"):
        if fault := _fault_of_weights(np.asarray(given), facts.rows_given):
            yield error(f"{label} {fault[0]}", expected, fault[1].format(label))


@rule("T8", "invalid-callback")
def callback_is_none(facts: Facts) -> Iterator[Mistake]:
    """A callback that is a class, or anything else that Keras cannot call.

    Why: `fit` stops with "set_model() missing 1 required positional argument", which names neither
        the callback nor what is wrong with it.
    Fix: `callbacks=[keras.callbacks.EarlyStopping()]`, with the brackets.
    Thread: keras-team/keras#23263, aporia-ai/mlnotify#40
    """
    for one in facts.settings.odd_callbacks:
        shown, fix = f"{one!r:.80}", "callbacks=[keras.callbacks....(...)]"
        if isinstance(one, type):
            shown, fix = f"the class {one.__name__}", f"{one.__name__}(...)"
        yield error(f"{shown} as a callback", "callbacks that are made", fix)


@rule("T9", "argument-beside-dataset")
def not_beside_a_data_set(facts: Facts) -> Iterator[Mistake]:
    """Targets, weights or a validation split beside a data set, which holds them itself.

    Why: `fit` refuses them: a data set yields (x, y) or (x, y, weights) and cannot be cut in two.
    Fix: `validation_data=dataset.take(n)` with `dataset.skip(n)` to learn from.
    Thread: keras-team/keras#18525, tensorflow/tensorflow#38613
    """
    if facts.train.batches is None:
        return
    if facts.train.y_beside:
        fix = "dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(32), without y in fit"
        yield error(f"{_DATA_SET}y beside it", "targets in the data set", fix)
    if facts.settings.sample_weight is not None:
        fix = "tf.data.Dataset.from_tensor_slices((x, y, sample_weight)).batch(32)"
        yield error(f"{_DATA_SET}sample_weight", "weights in the data set", fix)
    if facts.settings.validation_split and facts.validation.x is None:
        yield error(
            f"{_DATA_SET}validation_split={facts.settings.validation_split:g}",
            "validation data of their own",
            "validation_data=dataset.take(n), and dataset.skip(n) to learn from",
        )


@rule("T1", "monitor-not-logged")
def monitor_unknown(facts: Facts) -> Iterator[Mistake]:
    """A callback that watches a score which is not logged.

    Why: Keras warns after each epoch and goes on: early stopping never stops, the checkpoint is
        never written.
    Fix: a name of a compiled metric; with `val_` only where there is validation data.
    Thread: keras-team/keras#13689, keras-team/keras#2159
    """
    names = _logged(facts)
    yield from _unknown_in_file_names(facts, names)
    for callback in facts.settings.callbacks:
        monitor = getattr(callback, "monitor", None)
        # A checkpoint of every epoch needs no monitor.
        if not monitor or not getattr(callback, "save_best_only", True):
            continue
        given, fix = f"{type(callback).__name__}(monitor={monitor!r})", _FIX_OF_VALIDATION
        if names is None and monitor.startswith("val_") and not _may_be_validated(facts):
            yield error(f"{given} without validation data", "scores of those rows", fix)
        if names is None or monitor in names:
            continue
        if not monitor.startswith("val_") or monitor.removeprefix("val_") not in names:
            fix = f"monitor={_nearest(monitor, names)!r}"
        yield error(given, f"one of {', '.join(sorted(names))}", fix)


@rule("T2", "monitor-in-wrong-mode")
def monitor_wrong_way(facts: Facts) -> Iterator[Mistake]:
    """A callback that takes the worst score for the best.

    Why: with `mode="min"` on an accuracy, training stops after `patience` epochs and the worst
        weights are kept.
    Fix: `mode="max"` for accuracy, AUC, F1 and R², `mode="min"` for losses and errors.
    Thread: tensorflow/tensorflow#49227, keras-team/autokeras#867
    """
    directions = {name: _direction(metric) for name, metric in _metrics(facts)} | {"loss": "min"}
    for callback in facts.settings.callbacks:
        monitor = getattr(callback, "monitor", None) or ""
        right = directions.get(monitor.removeprefix("val_"))
        mode = getattr(callback, "mode", None)
        if right and mode in ("min", "max") and mode != right:
            yield error(
                f"{type(callback).__name__}(monitor={monitor!r}, mode={mode!r})",
                "the direction in which this score gets better",
                f"mode={right!r}",
            )


@rule("T3", "patience-too-long")
def patience_too_long(facts: Facts) -> Iterator[Mistake]:
    """Early stopping that cannot stop within the epochs.

    Why: with a patience of as many epochs as there are, training never stops early.
    Fix: `patience` of about a tenth of the epochs.
    Thread: keras-team/keras#12511
    """
    epochs = facts.settings.epochs
    for callback in facts.settings.callbacks:
        if not isinstance(callback, keras.callbacks.EarlyStopping) or not epochs:
            continue
        # With the best weights restored it is of use all the same.
        if callback.patience >= epochs and not callback.restore_best_weights:
            yield warning(
                f"EarlyStopping(patience={callback.patience}) with {epochs} epochs",
                "a patience of fewer epochs than there are",
                f"patience={max(1, epochs // 10)}, restore_best_weights=True",
            )


@rule("T10", "schedule-and-rate-callback")
def schedule_and_callback(facts: Facts) -> Iterator[Mistake]:
    """A callback that sets the learning rate of an optimizer with a schedule of its own.

    Why: the schedule cannot be set; training stops in the middle with a TypeError, at the first
        plateau, or when LearningRateScheduler begins.
    Fix: `keras.optimizers.Adam(learning_rate=0.001)` with the callback, or the schedule alone.
    Thread: tensorflow/tensorflow#36612, tensorflow/tensorflow#51399
    """
    schedules = keras.optimizers.schedules.LearningRateSchedule
    rate = getattr(_optimizer(facts), "_learning_rate", None)
    if not isinstance(rate, schedules):
        return
    kinds = keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler
    for callback in facts.settings.callbacks:
        in_vain = getattr(callback, "patience", 0) >= (facts.settings.epochs or np.inf)
        if isinstance(callback, kinds) and not in_vain:
            yield error(
                f"{type(callback).__name__} beside {type(rate).__name__} in the optimizer",
                "one of the two to set the learning rate",
                f"keras.optimizers.{type(_optimizer(facts)).__name__}(learning_rate=0.001), or no "
                f"{type(callback).__name__}",
            )


@rule("H16", "argmax-of-one-unit")
def argmax_of_one_unit(facts: Facts) -> Iterator[Mistake]:
    """`argmax` over the output of a single unit.

    Why: the largest of one value is always the first, so that every row is put into class 0.
    Fix: `(model.predict(x) >= 0.5).astype(int)`.
    Thread: keras-team/keras#15838, tensorflow/tensorflow#42025
    """
    if len(facts.heads) == 1 and facts.heads[0].shape == (1,):
        for line in _argmax_of_predictions(facts.settings.program):
            yield error(
                f"in line {line}, argmax of an output with 1 unit, which is always 0",
                "a probability compared with a threshold",
                "classes = (model.predict(x) >= 0.5).astype(int)",
            )


@rule("T4", "dataset-runs-out")
def data_run_out(facts: Facts) -> Iterator[Mistake]:
    """A data set with fewer batches than training asks for, or without end.

    Why: training ends in the middle with a warning, and a data set without end and without
        `steps_per_epoch` never ends its first epoch.
    Fix: no `steps_per_epoch` for a finite data set; `dataset.repeat()` together with it.
    Thread: tensorflow/tensorflow#25254, keras-team/keras-io#285
    """
    settings, batches = facts.settings, facts.train.batches
    if batches is None:
        return
    steps = settings.steps_per_epoch
    if batches == -1 and not steps:
        yield error(
            "a data set without end and no steps_per_epoch",
            "an end of each epoch",
            "steps_per_epoch=num_rows // batch_size, or no dataset.repeat()",
        )
    elif steps and 0 <= batches < steps * (settings.epochs or 1):
        yield error(
            f"{batches} batches for {steps} steps in each of {settings.epochs or 1} epochs",
            "enough batches for every step of every epoch",
            "dataset = dataset.repeat(), or no steps_per_epoch",
        )


@rule("T5", "file-cannot-be-saved")
def file_cannot_be_saved(facts: Facts) -> Iterator[Mistake]:
    """A file that the trained model cannot be saved to, or not be loaded from.

    Why: `save` refuses it after all the hours of training; an .h5 file with losses given by name
        is written and does not load.
    Fix: `model.save("model.keras")`.
    Thread: keras-team/keras#19330, tensorflow/tensorflow#70263
    """
    # An .h5 file names "mse" as it was given, and loading looks for a class of that name.
    loads = not any(head.loss.by_short_name for head in facts.heads)
    for path, weights_only in _files(facts):
        ending = ".weights.h5" if weights_only else ".keras"
        if not str(path).endswith(ending):
            yield Mistake(
                "warning" if path.suffix == ".h5" and loads else "error",
                f"the file {str(path)!r}",
                f"a file name that ends in {ending}",
                repr(str(path.with_suffix("")) + ending),
            )
        elif reason := _why_not_writable(facts.model, path):
            yield error(f"the file {str(path)!r}: {reason}", "a place to write to", "a folder")


@rule("T6", "learning-rate-or-batch-size-out-of-range")
def rate_or_batch_out_of_range(facts: Facts) -> Iterator[Mistake]:
    """A learning rate above 1, or a batch larger than the data.

    Why: with too large a rate the loss grows until it is NaN; a batch of more rows than there are
        makes one training step an epoch.
    Fix: `learning_rate=0.001` for Adam, 0.01 for SGD; `batch_size=32`.
    Thread: keras-team/keras#2134
    """
    optimizer = _optimizer(facts)
    rate = _largest_rate(optimizer)
    if rate is not None and (rate > LARGE_RATE or rate <= 0):
        yield warning(
            f"a learning rate of {rate:g}",
            "0.0001 to 0.1",
            f"keras.optimizers.{type(optimizer).__name__}(learning_rate=0.001)",
        )
    size, rows = facts.settings.batch_size, facts.train.rows
    if size and rows and facts.train.batches is None and size > rows:
        yield warning(
            f"batch_size={size} for {rows} rows, which makes one training step an epoch",
            "several batches in an epoch",
            f"batch_size={min(32, max(1, rows // 4))}",
        )


def _optimizer(facts: Facts) -> Any:
    """Return the optimizer; of one that scales the loss, the one inside."""
    optimizer = getattr(facts.model, "optimizer", None)
    return getattr(optimizer, "inner_optimizer", optimizer)


def _fault_of_weights(weights: np.ndarray, rows: int) -> tuple[str, str] | None:
    """Describe what is wrong with weights, and the change; None where nothing is."""
    if not weights.ndim or len(weights) != rows:
        count = len(weights) if weights.ndim else 1
        return f"of {count} numbers for {rows} rows", "{} = np.ones(len(x))"
    if weights.dtype.kind not in "biuf":
        return f"of type {weights.dtype}", "{0} = {0}.astype('float32')"
    if not np.isfinite(weights).all():
        return "with NaN or infinite values", "{0} = np.nan_to_num({0}, nan=1.0, posinf=1.0)"
    if (weights < 0).any():
        return f"down to {weights.min():.4g}", "{0} = np.maximum({0}, 0)"
    return None if weights.any() else ("of zeros alone", "{} = np.ones(len(x))")


def _unknown_in_file_names(facts: Facts, names: set[str] | None) -> Iterator[Mistake]:
    for callback in facts.settings.callbacks:
        if names is None or not isinstance(callback, keras.callbacks.ModelCheckpoint):
            continue
        wanted = {name for _, name, _, _ in string.Formatter().parse(callback.filepath) if name}
        for name in sorted(wanted - names - {"epoch", "batch"}):
            yield error(
                f"the file name {callback.filepath!r}, whose {name!r} is not logged",
                f"epoch, or one of {', '.join(sorted(names))}",
                f"{{{_nearest(name, names)}}} in its place",
            )


def _may_be_validated(facts: Facts) -> bool:
    """Return whether there are validation data, or code of the user's own that may log scores."""
    settings = facts.settings
    own = any(not type(one).__module__.startswith("keras.") for one in settings.callbacks)
    fits_itself = type(facts.model).fit is not keras.Model.fit
    return own or fits_itself or facts.validation.x is not None or bool(settings.validation_split)


def _logged(facts: Facts) -> set[str] | None:
    """Return the names of all scores of an epoch; None where somebody may add others."""
    own = [one for one in facts.settings.callbacks if not type(one).__module__.startswith("keras.")]
    own_metrics = type(facts.model).compute_metrics is not keras.Model.compute_metrics
    unchanged = keras.callbacks.Callback.on_epoch_end
    if any(type(one).on_epoch_end is not unchanged for one in own):
        return None
    if facts.trains_itself or own_metrics or not facts.heads:
        return None
    names = {"loss", *(name for name, _ in _metrics(facts))}
    names |= {f"{head.name}_loss" for head in facts.heads if not head.alone}
    validated = facts.validation.x is not None or facts.settings.validation_split
    names |= {f"val_{name}" for name in names} if validated else set()
    return names | {"learning_rate"}


def _nearest(monitor: str, names: set[str]) -> str:
    """Return the name that a user who wrote this will have meant."""
    same = sorted(name for name in names if name.startswith("val_") == monitor.startswith("val_"))
    starts = [name for name in same if name.startswith(monitor) or monitor.startswith(name)]
    return (starts or [name for name in same if name.endswith("loss")] or sorted(names))[0]


def _metrics(facts: Facts) -> Iterator[tuple[str, Any]]:
    """Yield the name under which each metric is logged, and the metric."""
    for head in facts.heads:
        prefix = "" if head.alone else f"{head.name}_"
        yield from ((prefix + metric_name(metric), metric) for metric in head.metrics)


def _direction(metric: Any) -> str | None:
    if isinstance(metric, str):
        if metric.lower() in ("accuracy", "acc"):
            return "max"
        kind = metric_class(metric)
        try:
            metric = kind(name=metric) if kind is not None else None
        except TypeError:  # it wants more than a name
            return None
    return {"up": "max", "down": "min"}.get(getattr(metric, "_direction", ""))


def _files(facts: Facts) -> Iterator[tuple[pathlib.Path, bool]]:
    if facts.settings.save_path is not None:
        path = pathlib.Path(facts.settings.save_path)
        yield path, str(path).endswith(".weights.h5")
    for callback in facts.settings.callbacks:
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            yield pathlib.Path(callback.filepath), callback.save_weights_only


def _why_not_writable(model: keras.Model, path: pathlib.Path) -> str | None:
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return f"{folder} cannot be written to"
    if path.is_dir():
        return "there is a folder of that name"
    needed = BYTES_OF_PARAMETER * sum(int(v.value.shape.num_elements()) for v in model.variables)
    free = shutil.disk_usage(folder).free
    return f"{free} bytes are free, {needed} are needed" if free < needed else None


def _largest_rate(optimizer: keras.optimizers.Optimizer | None) -> float | None:
    """Return the learning rate; of a schedule, which may begin at 0, the largest of some steps."""
    rate: Any = getattr(optimizer, "_learning_rate", None)
    schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
    try:
        rates = [rate(step) for step in STEPS_OF_SCHEDULE] if schedule else [rate]
        return max(float(keras.ops.convert_to_numpy(one)) for one in rates)
    except (TypeError, ValueError):
        return None


def _argmax_of_predictions(source: str | None) -> list[int]:
    """Return the lines, counted from 1, in which a program takes the argmax of predictions."""
    try:
        tree = ast.parse(source or "")
    except SyntaxError:
        return []
    predictions = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _calls(node.value, _PREDICTING)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def holds_predictions(node: ast.AST) -> bool:
        names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        return bool(names & predictions) or _calls(node, _PREDICTING)

    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) == "argmax" and holds_predictions(node)
    ]


def _calls(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(inner, ast.Call) and _called(inner) in names for inner in ast.walk(node))


def _called(call: ast.Call) -> str:
    """Return the last part of what is called: argmax for np.argmax(...)."""
    function = call.func
    return str(getattr(function, "attr", None) or getattr(function, "id", ""))
