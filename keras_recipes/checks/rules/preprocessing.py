"""Rules about layers that prepare the inputs: not adapted, or applied to what is ready."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect import columns, reading
from keras_recipes.checks.inspect.facts import Facts

RULES, rule = rule_list()

# Pixels are divided by about so much; inputs within 0 to 1 were divided already.
SMALL_SCALE = 0.01
# Of data that a Normalization layer was adapted to, the columns come out with deviations near 1.
SQUEEZED = 0.05


@rule("D13")
def layer_not_adapted(facts: Facts, say) -> Iterator[Finding]:
    """A Normalization, or a layer of words, that has not seen the data.

    Why: until `adapt` is called Normalization takes a mean of 0 and a variance of 1, which changes
        nothing, and no error tells; a layer of words knows none, and `fit` stops in its table.
    Fix: `normalise.adapt(x_train)` before training.
    Thread: ageron/handson-ml3#198
    """
    for layer in _without_words(facts):
        kind = type(layer).__name__
        yield say(
            "error",
            f"the {kind} layer {layer.name!r}, which knows no word yet",
            "words learned from the training rows",
            f"model.get_layer({layer.name!r}).adapt(x), before the model is made where its size "
            "counts",
        )
    if any(isinstance(one, keras.layers.Rescaling) for one in facts.operations):
        return  # scaled already: Keras's own EfficientNet without weights is such a model
    for layer in not_adapted(facts):
        yield say(
            "error",
            f"the Normalization layer {layer.name!r}, which changes nothing yet",
            "mean and variance learned from the training rows",
            f"model.get_layer({layer.name!r}).adapt({'y' if layer.invert else 'x'})",
        )


@rule("D25")
def scaled_twice(facts: Facts, say) -> Iterator[Finding]:
    """Inputs that were scaled before they come to a layer that scales them again.

    Why: pixels divided by 255 twice are all but 0 and tell nothing apart; so are columns that were
        scaled by hand for a Normalization that was adapted to the raw ones.
    Fix: scale once: in the model, and leave x as it was.
    Thread: keras-team/keras-io#1549
    """
    layer = _first_layer(facts)
    # Of one that was not adapted D14 tells, or the caller sees to it.
    if layer is None or layer in not_adapted(facts) or len(facts.train.x_leaves) != 1:
        return
    ((label, leaf),) = facts.train.x_leaves
    summary = columns.summarise(leaf)
    if summary is None or len(leaf) < reading.FEW:
        return
    if isinstance(layer, keras.layers.Rescaling):
        values = summary.values
        small = np.ndim(layer.scale) == 0 and 0 < layer.scale <= SMALL_SCALE
        floats = isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"  # bytes may well be dark
        if not small or not floats or np.abs(values).max() > 1:
            return
        received = f"{label} within {values.min():.3g} to {values.max():.3g}"
    elif (spread := _spread_after(layer, summary)) is not None and spread < SQUEEZED:
        received = f"{label} whose columns vary by {spread:.2g} after it, where 1 is meant,"
    else:
        return
    yield say(
        "error",
        f"{received} before the {type(layer).__name__} layer {layer.name!r}",
        "inputs that are scaled once",
        "leave x as it was, or take that layer out of the model",
    )


def not_adapted(facts: Facts) -> list[keras.layers.Normalization]:
    """Return the Normalization layers that were neither adapted nor given their moments."""
    return [
        layer
        for layer in facts.operations
        if isinstance(layer, keras.layers.Normalization)
        and layer.input_mean is None
        and layer.built
        and not np.any(layer.adapt_mean.numpy())
        and np.all(layer.adapt_variance.numpy() == 1)
    ]


def _without_words(facts: Facts) -> list[keras.layers.Layer]:
    """Return the layers of words that have learned none and know none by file."""
    kinds = keras.layers.StringLookup | keras.layers.IntegerLookup
    lookups = {id(one): one for one in facts.operations if isinstance(one, kinds)}
    for one in facts.operations:
        if isinstance(one, keras.layers.TextVectorization):  # which has one inside
            lookups[id(one._lookup_layer)] = one
    return [
        layer
        for layer in lookups.values()
        if layer.vocabulary_size() <= getattr(layer, "_lookup_layer", layer)._token_start_index()
    ]


def _first_layer(facts: Facts) -> keras.layers.Layer | None:
    """Return the layer that the only input goes into; None where that cannot be told."""
    if len(getattr(facts.model, "inputs", None) or []) != 1:
        return None
    for operation in facts.operations:
        if type(operation).__name__ not in ("InputLayer", "Flatten", "Reshape"):
            scales = isinstance(operation, keras.layers.Rescaling | keras.layers.Normalization)
            return operation if scales else None
    return None


def _spread_after(layer: keras.layers.Normalization, summary: columns.Summary) -> float | None:
    """Return the middle column's deviation after an adapted Normalization; None without one."""
    if not layer.built or layer.invert or layer.mean is None:
        return None
    deviations = np.ravel(np.sqrt(keras.ops.convert_to_numpy(layer.variance)))
    moved = summary.deviation > 0
    if len(deviations) != len(moved) or not moved.any():
        return None
    return float(np.median(summary.deviation[moved] / np.maximum(deviations[moved], 1e-12)))
