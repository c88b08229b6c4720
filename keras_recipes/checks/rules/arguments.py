"""Rules about what `fit` is given beside the data: weights, callbacks and shares."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect import reading
from keras_recipes.checks.inspect.facts import Facts

RULES, rule = rule_list()

_DATA_SET = "x as a data set with "


@rule("D23")
def sample_weights_do_not_fit(facts: Facts, say) -> Iterator[Finding]:
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
        yield say("error", "class_weight and sample_weight", "one of the two", fix)
    for label, given in reading.leaves(weights, "sample_weight"):
        if fault := _fault_of_weights(np.asarray(given), facts.rows_given):
            yield say("error", f"{label} {fault[0]}", expected, fault[1].format(label))


@rule("T8")
def callback_is_none(facts: Facts, say) -> Iterator[Finding]:
    """A callback that is a class, or anything else that Keras cannot call.

    Why: `fit` stops with "set_model() missing 1 required positional argument", which names neither
        the callback nor what is wrong with it.
    Fix: `callbacks=[keras.callbacks.EarlyStopping()]`, with the brackets.
    Thread: keras-team/keras#23263, aporia-ai/mlnotify#40
    """
    for one in facts.settings.odd_callbacks:
        is_class = isinstance(one, type)
        yield say(
            "error",
            f"the class {one.__name__} as a callback" if is_class else f"{one!r:.80} as a callback",
            "callbacks that are made",
            f"{one.__name__}(...)" if is_class else "callbacks=[keras.callbacks....(...)]",
        )


@rule("T9")
def not_beside_a_data_set(facts: Facts, say) -> Iterator[Finding]:
    """Targets, weights or a validation share beside a data set, which holds them itself.

    Why: `fit` refuses them: a data set gives (x, y) or (x, y, weights) and cannot be cut in two.
    Fix: `validation_data=dataset.take(n)` with `dataset.skip(n)` to learn from.
    Thread: keras-team/keras#18525, tensorflow/tensorflow#38613
    """
    if facts.train.batches is None:
        return
    if facts.train.y_beside:
        fix = "dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(32), without y in fit"
        yield say("error", f"{_DATA_SET}y beside it", "targets in the data set", fix)
    if facts.settings.sample_weight is not None:
        fix = "tf.data.Dataset.from_tensor_slices((x, y, sample_weight)).batch(32)"
        yield say("error", f"{_DATA_SET}sample_weight", "weights in the data set", fix)
    if facts.settings.validation_split and facts.validation.x is None:
        yield say(
            "error",
            f"{_DATA_SET}validation_split={facts.settings.validation_split:g}",
            "validation data of their own",
            "validation_data=dataset.take(n), and dataset.skip(n) to learn from",
        )


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
