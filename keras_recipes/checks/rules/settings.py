"""Rules about how the model will be trained, saved and used."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Iterator

import keras

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect import programs
from keras_recipes.checks.inspect.facts import Facts

RULES, rule = rule_list()

# Optimizers that adapt their steps take rates far below 1; plain descent too, on scaled inputs.
LARGE_RATE = 1.0
# Of a schedule these are looked at: it may warm up from 0.
STEPS_OF_SCHEDULE = (0, 1, 10, 100, 1000, 10_000)
# A saved model holds its weights and, for Adam, two numbers more of each.
BYTES_OF_PARAMETER = 12


@rule("H16")
def argmax_of_one_unit(facts: Facts, say) -> Iterator[Finding]:
    """`argmax` over the output of a single unit.

    Why: the largest of one value is always the first, so that every row is put into class 0.
    Fix: `(model.predict(x) >= 0.5).astype(int)`.
    Thread: keras-team/keras#15838, tensorflow/tensorflow#42025
    """
    if len(facts.heads) == 1 and facts.heads[0].shape == (1,):
        for line in programs.argmax_of_predictions(facts.settings.program):
            yield say(
                "error",
                f"in line {line}, argmax of an output with 1 unit, which is always 0",
                "a probability held against a threshold",
                "classes = (model.predict(x) >= 0.5).astype(int)",
            )


@rule("T4")
def data_run_out(facts: Facts, say) -> Iterator[Finding]:
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
        yield say(
            "error",
            "a data set without end and no steps_per_epoch",
            "an end of each epoch",
            "steps_per_epoch=num_rows // batch_size, or no dataset.repeat()",
        )
    elif steps and 0 <= batches < steps * (settings.epochs or 1):
        yield say(
            "error",
            f"{batches} batches for {steps} steps in each of {settings.epochs or 1} epochs",
            "enough batches for every step of every epoch",
            "dataset = dataset.repeat(), or no steps_per_epoch",
        )


@rule("T5")
def file_cannot_be_saved(facts: Facts, say) -> Iterator[Finding]:
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
            yield say(
                "warning" if path.suffix == ".h5" and loads else "error",
                f"the file {str(path)!r}",
                f"a file name that ends in {ending}",
                repr(str(path.with_suffix("")) + ending),
            )
        elif reason := _why_not_writable(facts.model, path):
            yield say(
                "error", f"the file {str(path)!r}: {reason}", "a place to write to", "a folder"
            )


@rule("T6")
def rate_or_batch_out_of_range(facts: Facts, say) -> Iterator[Finding]:
    """A learning rate above 1, or a batch larger than the data.

    Why: with too large a rate the loss grows until it is NaN; a batch of more rows than there are
        makes one update an epoch.
    Fix: `learning_rate=0.001` for Adam, 0.01 for SGD; `batch_size=32`.
    Thread: keras-team/keras#2134
    """
    rate = _largest_rate(facts.model)
    if rate is not None and (rate > LARGE_RATE or rate <= 0):
        yield say(
            "warning",
            f"a learning rate of {rate:g}",
            "0.0001 to 0.1",
            f"keras.optimizers.{type(_optimizer(facts.model)).__name__}(learning_rate=0.001)",
        )
    size, rows = facts.settings.batch_size, facts.train.rows
    if size and rows and facts.train.batches is None and size > rows:
        yield say(
            "warning",
            f"batch_size={size} for {rows} rows, which makes one update an epoch",
            "several batches in an epoch",
            f"batch_size={min(32, max(1, rows // 4))}",
        )


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


def _optimizer(model: keras.Model) -> keras.optimizers.Optimizer | None:
    """Return the optimizer that makes the steps, which one that scales the loss holds inside."""
    optimizer = getattr(model, "optimizer", None)
    return getattr(optimizer, "inner_optimizer", optimizer)


def _largest_rate(model: keras.Model) -> float | None:
    """Return the learning rate; of a schedule, which may begin at 0, the largest of some steps."""
    rate = getattr(_optimizer(model), "_learning_rate", None)
    schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
    try:
        rates = [rate(step) for step in STEPS_OF_SCHEDULE] if schedule else [rate]
        return max(float(keras.ops.convert_to_numpy(one)) for one in rates)
    except (TypeError, ValueError):
        return None
