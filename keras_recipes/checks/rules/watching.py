"""Rules about callbacks that watch a score: whether it is there, and which way it gets better."""

from __future__ import annotations

import string
from collections.abc import Iterator

import keras

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import metric_class, metric_name

RULES, rule = rule_list()


@rule("T1")
def monitor_unknown(facts: Facts, say) -> Iterator[Finding]:
    """A callback that watches a score which is not logged.

    Why: Keras warns after each epoch and goes on: early stopping never stops, the checkpoint is
        never written.
    Fix: a name of a compiled metric; with `val_` only where there is validation data.
    Thread: keras-team/keras#13689, keras-team/keras#2159
    """
    names = _logged(facts)
    yield from _unknown_in_file_names(facts, names, say)
    for callback in facts.settings.callbacks:
        monitor = getattr(callback, "monitor", None)
        if not monitor or not _monitors(callback):
            continue
        if names is None and monitor.startswith("val_") and not _may_be_validated(facts):
            given = f"{type(callback).__name__}(monitor={monitor!r})"
            fix = "give validation_data or validation_split as well"
            yield say("error", f"{given} without validation data", "scores of those rows", fix)
        if names is None or monitor in names:
            continue
        yield say(
            "error",
            f"{type(callback).__name__}(monitor={monitor!r})",
            f"one of {', '.join(sorted(names))}",
            "give validation_data or validation_split as well"
            if monitor.startswith("val_") and monitor.removeprefix("val_") in names
            else f"monitor={_nearest(monitor, names)!r}",
        )


@rule("T2")
def monitor_wrong_way(facts: Facts, say) -> Iterator[Finding]:
    """A callback that takes the worst score for the best.

    Why: with `mode="min"` on an accuracy, training stops after `patience` epochs and the worst
        weights are kept.
    Fix: `mode="max"` for accuracy, AUC, F1 and R², `mode="min"` for losses and errors.
    Thread: tensorflow/tensorflow#49227, keras-team/autokeras#867
    """
    directions = _directions(facts)
    for callback in facts.settings.callbacks:
        monitor = getattr(callback, "monitor", None) or ""
        right = directions.get(monitor.removeprefix("val_"))
        mode = _mode(callback)
        if right and mode in ("min", "max") and mode != right:
            yield say(
                "error",
                f"{type(callback).__name__}(monitor={monitor!r}, mode={mode!r})",
                "the direction in which this score gets better",
                f"mode={right!r}",
            )


@rule("T3")
def patience_too_long(facts: Facts, say) -> Iterator[Finding]:
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
            yield say(
                "warning",
                f"EarlyStopping(patience={callback.patience}) with {epochs} epochs",
                "a patience of fewer epochs than there are",
                f"patience={max(1, epochs // 10)}, restore_best_weights=True",
            )


def _unknown_in_file_names(facts: Facts, names: set[str] | None, say) -> Iterator[Finding]:
    for callback in facts.settings.callbacks:
        if names is None or not isinstance(callback, keras.callbacks.ModelCheckpoint):
            continue
        wanted = {name for _, name, _, _ in string.Formatter().parse(callback.filepath) if name}
        for name in sorted(wanted - names - {"epoch", "batch"}):
            yield say(
                "error",
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


def _monitors(callback: keras.callbacks.Callback) -> bool:
    """Return whether the callback needs its monitor: a checkpoint of every epoch does not."""
    checkpoint = isinstance(callback, keras.callbacks.ModelCheckpoint)
    return not checkpoint or callback.save_best_only


def _logged(facts: Facts) -> set[str] | None:
    """Return the names of all scores of an epoch; None where somebody may add others."""
    own = [one for one in facts.settings.callbacks if not type(one).__module__.startswith("keras.")]
    own_metrics = type(facts.model).compute_metrics is not keras.Model.compute_metrics
    if own and any(
        type(one).on_epoch_end is not keras.callbacks.Callback.on_epoch_end for one in own
    ):
        return None
    if facts.trains_itself or own_metrics or not facts.heads:
        return None
    names = {"loss"}
    for head in facts.heads:
        prefix = "" if head.alone else f"{head.name}_"
        names |= {prefix + metric_name(metric) for metric in head.metrics}
        names |= set() if head.alone else {f"{head.name}_loss"}
    validated = facts.validation.x is not None or facts.settings.validation_split
    names |= {f"val_{name}" for name in names} if validated else set()
    return names | {"learning_rate"}


def _nearest(monitor: str, names: set[str]) -> str:
    """Return the name that a user who wrote this will have meant."""
    same_part = sorted(
        name for name in names if name.startswith("val_") == monitor.startswith("val_")
    )
    starts = [name for name in same_part if name.startswith(monitor) or monitor.startswith(name)]
    return (starts or [name for name in same_part if name.endswith("loss")] or sorted(names))[0]


def _directions(facts: Facts) -> dict[str, str]:
    """Return for each score whether lower or higher is better, where it is known."""
    known = {"loss": "min"}
    for head in facts.heads:
        prefix = "" if head.alone else f"{head.name}_"
        for metric in head.metrics:
            direction = _direction(metric)
            if direction:
                known[prefix + metric_name(metric)] = direction
    return known


def _direction(metric: object) -> str | None:
    if isinstance(metric, str):
        if metric.lower() in ("accuracy", "acc"):
            return "max"
        try:
            metric = metric_class(metric)(name=metric)
        except TypeError:  # no such metric, or one that wants more than a name
            return None
    return {"up": "max", "down": "min"}.get(getattr(metric, "_direction", None))


def _mode(callback: keras.callbacks.Callback) -> str | None:
    """Return the direction that a callback was told, in Keras 3.15 or before."""
    return getattr(callback, "mode", None)
