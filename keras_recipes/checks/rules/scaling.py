"""Rules about the size of the numbers, and about layers that scale or encode them."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pandas as pd
from keras import layers
from keras.src.activations.activations import ReLU
from keras.src.layers.pooling import base_global_pooling, base_pooling
from keras.src.ops import numpy as arrays

from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import backbones, columns, graph, reading, remedies, targets
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.losses import NUMERIC, RELATIVE

RULES, rule = rule_list("scaling")

# A column whose mean or std is above this slows learning down: weights begin near 0.1.
LARGE_INPUT = 10.0
LARGE_TARGET = 100.0
# Raw pixels reach far above this; images with negative values were centred on purpose.
BRIGHT_PIXEL = 50.0
# Columns of one data set differ less than this between its splits.
OTHER_SCALE = 5.0
MIN_ROWS = 10
# In wide arrays some columns are empty by nature: pixels at the edge, rare categories.
WIDE = 64

_RESHAPING = (layers.InputLayer, layers.Flatten, layers.Reshape, arrays.Reshape)
_BEFORE_WEIGHTS = (
    *_RESHAPING, layers.Permute, layers.Dropout, layers.Masking, layers.Identity,
    layers.RandomFlip, layers.RandomRotation, layers.RandomZoom, layers.RandomTranslation,
    layers.ZeroPadding1D, layers.ZeroPadding2D, layers.Cropping1D, layers.Cropping2D,
)  # fmt: skip
_WEIGHTS = (
    layers.Dense, layers.EinsumDense, layers.RNN, layers.Bidirectional, layers.TimeDistributed,
    layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.SeparableConv1D, layers.SeparableConv2D,
    layers.DepthwiseConv1D, layers.DepthwiseConv2D,
    layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose,
)  # fmt: skip
# What neither scales its inputs nor holds weights that could.
_PLAIN = (
    *_BEFORE_WEIGHTS, layers.Concatenate, layers.Add, arrays.Concatenate, arrays.Add,
    layers.Activation, layers.ReLU, layers.Softmax, ReLU,
    base_pooling.BasePooling, base_global_pooling.BaseGlobalPooling,
)  # fmt: skip

# Between a first layer and its normalisation; and what saturates inside, whatever follows it.
_PASSING = (
    layers.Activation, layers.ReLU, layers.LeakyReLU, layers.Dropout, ReLU,
    base_pooling.BasePooling, *_RESHAPING,
)  # fmt: skip
_NORMALISING = layers.BatchNormalization | layers.LayerNormalization | layers.GroupNormalization
_SATURATING = (keras.activations.sigmoid, keras.activations.tanh, keras.activations.softmax)
_RECURRENT = layers.RNN | layers.Bidirectional

_SHUFFLE = "shuffle the rows before the split; where they follow time, learn the differences"

# Pixels are divided by about so much; inputs within 0 to 1 were divided already.
SMALL_SCALE = 0.01
# Of data that a Normalization layer was adapted to, the standard deviations come out near 1.
SQUEEZED = 0.05
ROWS_TO_RUN = 64


@rule("D3", "inputs-not-scaled")
def inputs_not_scaled(facts: Facts) -> Iterator[Mistake]:
    """Inputs that are not scaled, in a model that does not scale them.

    Why: large inputs make large outputs and gradients; learning is slow, stops at a bad place, or
        ends in NaN.
    Fix: `keras.layers.Normalization()`, adapted to the training rows, as the first layer;
        `keras.layers.Rescaling(1 / 255)` for pixels.
    Thread: ageron/handson-ml2#132, keras-team/keras#12701
    """
    if not _starts_with_weights(facts):
        return
    backbone = backbones.find(facts.model)
    if backbone is not None and backbone.is_learned:
        return  # whose weights know a scale of their own, of which another rule tells
    for label, leaf in facts.train.x_leaves:
        summary = columns.summarise(_without_masked(facts, leaf))
        if summary is None:
            continue
        mean, std = np.abs(summary.mean), summary.std
        large = np.flatnonzero((mean > LARGE_INPUT) | (std > LARGE_INPUT))
        if summary.are_images and not _are_raw_pixels(summary):
            continue
        if large.size:
            worst = large[np.argmax((mean + std)[large])]
            yield warning(
                f"{label} with {len(large)} of {len(mean)} columns not scaled, such as "
                f"{summary.names[worst]} with mean {summary.mean[worst]:.4g} and standard "
                f"deviation {std[worst]:.4g}",
                "values around 0 to 1, and no layer of the model makes them so",
                "keras.layers.Rescaling(1 / 255) as the first layer"
                if summary.are_images or _are_flat_pixels(summary)
                else "normalise = keras.layers.Normalization(); normalise.adapt(np.array(x)) as "
                "the first layer",
            )


@rule("D4", "parts-scaled-differently")
def splits_scaled_differently(facts: Facts) -> Iterator[Mistake]:
    """Training rows and validation or test rows on different scales.

    Why: the model meets numbers that it has never seen the like of; its scores mean nothing.
    Fix: the scaler of the training rows for all splits, `x_test = scaler.transform(x_test)`; or
        the scaling in the model.
    Thread: ageron/handson-ml2#132
    """
    for name, split in facts.splits[1:]:
        for (label, train), (_, other) in zip(facts.train.x_leaves, split.x_leaves, strict=False):
            ratio = _ratio_of_scales(train, other)
            if ratio is not None and not 1 / OTHER_SCALE < ratio < OTHER_SCALE:
                times = f"{ratio:.3g} times" if ratio > 1 else f"1/{1 / ratio:.3g} of"
                # Rows that `fit` itself sets aside were scaled with the others.
                in_order = bool(facts.settings.validation_split)
                yield Mistake(
                    "warning" if in_order else "error",
                    f"{name}{label} whose values are {times} those of training",
                    "one scale for all splits, taken from the training rows",
                    f"{_SHUFFLE}, x = np.diff(x, axis=0)"
                    if in_order
                    else "x_other = scaler.transform(x_other) with the scaler of the training rows",
                )
    yield from _targets_scaled_differently(facts)


@rule("D5", "targets-not-scaled")
def targets_not_scaled(facts: Facts) -> Iterator[Mistake]:
    """A regression target of large numbers.

    Why: a network begins near 0, and thousands of steps pass before it reaches a target that is far
        from it; with a large learning rate the loss becomes NaN.
    Fix: `keras.layers.Normalization(invert=True)`, adapted to the training targets, as the last
        layer.
    Thread: keras-team/keras#9482, keras-team/keras#2576
    """
    for head in facts.heads:
        judged = head.uses(NUMERIC - RELATIVE) and not head.rescaled and head.y.is_number
        finite = targets.finite_sample(head.y.train) if judged else np.empty(0)
        if not finite.size or head.activation == "exponential":
            continue
        mean, std = finite.mean(dtype="float64"), finite.std(dtype="float64")
        if abs(mean) > LARGE_TARGET or std > LARGE_TARGET:
            yield warning(
                f"{head.label}targets with mean {mean:.4g} and standard deviation {std:.4g}",
                "targets around 0 to 1, near where a network begins",
                "y = y / 255"
                if remedies.are_bytes(head)
                else "to_unit = keras.layers.Normalization(invert=True); "
                "to_unit.adapt(np.reshape(y, (len(y), -1))) as the last layer",
            )


@rule("D6", "constant-column")
def constant_column(facts: Facts) -> Iterator[Mistake]:
    """A column with the same value in every row.

    Why: nothing can be learned from it, and scaling it by hand divides by 0.
    Fix: `x = x.loc[:, x.nunique() > 1]`, or `x = x[:, x.std(axis=0) > 0]` for an array.
    Thread: keras-team/keras#20011
    """
    if any(isinstance(one, layers.Embedding) for one in facts.operations):
        return  # category numbers: their places are no columns, and padding fills some
    for label, leaf in facts.train.x_leaves:
        names = _constant_columns(leaf)
        if names:
            yield warning(
                f"{label} with the same value in every row: {', '.join(names[:6])}"
                + (f", … ({len(names)} columns)" if len(names) > 6 else ""),
                "columns that vary",
                "x = x.loc[:, x.nunique() > 1]"
                if isinstance(leaf, pd.DataFrame)
                else "x = x[:, x.std(axis=0) > 0]",
            )


@rule("D15", "embedding-index-out-of-range")
def categories_beyond_the_embedding(facts: Facts) -> Iterator[Mistake]:
    """Category numbers that an Embedding layer has no row for.

    Why: a number of `input_dim` or more stops training in the middle on a CPU and is read as zeros
        on a GPU, and so is one below 0; of scaled numbers only the whole part counts, which is 0.
    Fix: `keras.layers.Embedding(input_dim=x.max() + 1, ...)`, and no scaling of category numbers.
    Thread: keras-team/keras#11819, tensorflow/tensorflow#38619
    """
    for label, leaf, size in category_numbers(facts):
        low, high = leaf.min(), leaf.max()
        sample = reading.take(leaf, reading.spread(len(leaf)))
        if (sample % 1 != 0).any():
            fix = "leave the category numbers as they were, without scaling"
            yield error(f"{label} with fractions for an Embedding", "whole numbers", fix)
        elif low < 0 or high >= size:
            yield error(
                f"{label} with values {low:g} to {high:g} for an Embedding of {size}",
                f"whole numbers from 0 to {size - 1}",
                f"keras.layers.Embedding(input_dim={int(high) + 1}, ...)"
                if low >= 0
                else "x = x - x.min() for all splits, with the minimum of the training rows",
            )


@rule("D13", "layer-not-adapted")
def layer_not_adapted(facts: Facts) -> Iterator[Mistake]:
    """A Normalization, or a layer with a vocabulary, that has not seen the data.

    Why: until `adapt` is called Normalization takes a mean of 0 and a variance of 1, which changes
        nothing, without an error; a vocabulary is empty, and `fit` stops in its table.
    Fix: `normalise.adapt(x_train)` before training.
    Thread: ageron/handson-ml3#198
    """
    for layer in _without_vocabulary(facts):
        kind = type(layer).__name__
        yield error(
            f"the {kind} layer {layer.name!r}, whose vocabulary is empty",
            "a vocabulary learned from the training rows",
            f"model.get_layer({layer.name!r}).adapt(x), before the model is made where its size "
            "counts",
        )
    if any(isinstance(one, layers.Rescaling) for one in facts.operations):
        return  # scaled already: Keras's own EfficientNet without weights is such a model
    for layer in not_adapted(facts):
        yield error(
            f"the Normalization layer {layer.name!r}, which changes nothing yet",
            "mean and variance learned from the training rows",
            f"model.get_layer({layer.name!r}).adapt({'y' if layer.invert else 'x'})",
        )


@rule("D25", "inputs-scaled-twice")
def scaled_twice(facts: Facts) -> Iterator[Mistake]:
    """Inputs that were scaled before they come to a layer that scales them again.

    Why: pixels divided by 255 twice are all but 0 and hardly differ, as before an EfficientNet,
        MobileNetV3 or ConvNeXt, which scale by themselves; so are columns that were scaled by hand
        for a Normalization that was adapted to the raw ones.
    Fix: scale once: in the model, and leave x as it was.
    Thread: keras-team/keras-io#1549, tensorflow/tensorflow#48412
    """
    if len(facts.train.x_leaves) != 1 or facts.train.rows < reading.FEW:
        return
    ((label, leaf),) = facts.train.x_leaves
    not_yet = not_adapted(facts)  # reported by D13, or the caller adapts them
    is_first = True
    for call in graph.stem(facts.model):
        layer = call.operation
        if isinstance(layer, (*_WEIGHTS, layers.BatchNormalization, layers.Embedding)):
            return
        scales = isinstance(layer, layers.Rescaling | layers.Normalization)
        received = (
            _received_twice(leaf, label, call, is_first)
            if scales and layer not in not_yet
            else None
        )
        if received:
            yield error(
                f"{received} before the {type(layer).__name__} layer {layer.name!r}",
                "inputs that are scaled once",
                "leave x as it was, or take that layer out of the model"
                if is_first
                else "take the scaling before it out of the model, or that layer",
            )
            return
        is_first = is_first and isinstance(layer, _BEFORE_WEIGHTS)


def _targets_scaled_differently(facts: Facts) -> Iterator[Mistake]:
    for head in facts.heads:
        for name, y in head.y.others.items():
            if not head.uses(NUMERIC) or not head.y.is_number or y.dtype.kind not in "biuf":
                continue
            ratio = _ratio_of_sizes(head.y.train, y)
            if ratio is not None and not 1 / OTHER_SCALE < ratio < OTHER_SCALE:
                yield warning(  # what is measured may well have grown with time
                    f"{head.label}{name}targets of about {ratio:.3g} times the size of those of "
                    "training",
                    "one unit for the targets of all splits",
                    f"{_SHUFFLE}, y = np.diff(y)"
                    if facts.settings.validation_split
                    else "y_other in the unit of y: scale both by the same line, or neither",
                )


def _ratio_of_sizes(train: np.ndarray, other: np.ndarray) -> float | None:
    """Return how many times larger some targets are, by the smaller of two measures."""
    if min(len(train), len(other)) < MIN_ROWS:
        return None
    sizes = [np.abs(targets.finite_sample(y).astype("float64")) for y in (train, other)]
    if not all(size.any() for size in sizes):
        return None
    ratios = [np.sqrt((sizes[1] ** 2).mean() / (sizes[0] ** 2).mean())]
    # A few large values make a mean square; of many zeros the median means nothing.
    middle = [np.median(size) for size in sizes]
    ratios += [middle[1] / middle[0]] if all(middle) else [1.0]
    return float(min(ratios, key=lambda ratio: abs(np.log(ratio))))


def category_numbers(facts: Facts) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield each array of numbers that goes into an Embedding as it is, and that layer's size.

    Args:
        facts: Of the model.
    """
    for layer in facts.operations:
        if not isinstance(layer, layers.Embedding):
            continue
        taken = [one for node in layer._inbound_nodes for one in node.arguments.keras_tensors]
        for label, tensor, leaf in facts.inputs:
            if not isinstance(leaf, np.ndarray) or not leaf.size or not columns.is_numeric(leaf):
                continue
            if any(one is tensor for one in taken):
                yield label, leaf, layer.input_dim


def _without_masked(facts: Facts, leaf: reading.Leaf) -> reading.Leaf:
    """Return the steps of sequences that a Masking layer lets through, shape (steps, columns)."""
    masks = [one.mask_value for one in facts.operations if isinstance(one, layers.Masking)]
    if not masks or not isinstance(leaf, np.ndarray) or leaf.ndim != 3:
        return leaf
    sample = reading.take(leaf, reading.spread(len(leaf)))
    return sample[(sample != masks[0]).any(axis=-1)]


def _are_flat_pixels(summary: columns.Summary) -> bool:
    """Return whether a wide table holds flattened images of bytes, whatever its dtype."""
    values = summary.values
    wide = values.shape[1] >= columns.PIXELS and values.max() <= remedies.BYTE
    return wide and _are_raw_pixels(summary) and bool((values % 1 == 0).all())


def _starts_with_weights(facts: Facts) -> bool:
    """Return whether the inputs reach the first weights as they are."""
    if not getattr(facts.model, "outputs", None):
        return False  # no graph: what `call` does to the inputs is not known
    if len(facts.model.inputs) == 1:
        rest = [one for one in facts.operations if not isinstance(one, _BEFORE_WEIGHTS)]
        return isinstance(rest[0] if rest else None, _WEIGHTS) and not _is_normalised(rest)
    # With several inputs the order does not show which layer belongs to which.
    return all(isinstance(one, (*_PLAIN, *_WEIGHTS)) for one in facts.operations)


def _is_normalised(operations: list) -> bool:
    """Return whether the outputs of a first layer are brought to one scale before they saturate."""
    for one in operations:
        if isinstance(one, _NORMALISING):
            return True
        saturates = getattr(one, "activation", None) in _SATURATING
        # A second layer of weights meets outputs that nothing has scaled.
        if (
            saturates
            or isinstance(one, _RECURRENT)
            or (one is not operations[0] and not isinstance(one, _PASSING))
        ):
            return False
    return False


def _are_raw_pixels(summary: columns.Summary) -> bool:
    return summary.values.min() >= 0 and summary.values.max() > BRIGHT_PIXEL


def _constant_columns(leaf: reading.Leaf) -> list[str]:
    """Name the columns with a single value: a sample shows which to look at in full."""
    summary = columns.summarise(leaf)
    if summary is None or leaf.ndim != 2 or len(leaf) < MIN_ROWS:
        return []
    constant = np.ptp(summary.values, axis=0) == 0
    if not isinstance(leaf, pd.DataFrame):
        constant &= (len(constant) < WIDE) | (summary.values[0] != 0)
        places = [n for n in np.flatnonzero(constant) if (leaf[:, n] == leaf[0, n]).all()]
        return [summary.names[place] for place in places]
    suspects = {summary.names[place] for place in np.flatnonzero(constant)}
    named = ((name.strip(), cells) for name, cells in columns.each(leaf))
    return [name for name, cells in named if name in suspects and len(pd.unique(cells)) == 1]


def _ratio_of_scales(train: reading.Leaf, other: reading.Leaf) -> float | None:
    """Return how many times larger the values of the second are, in the middle column."""
    first, second = columns.summarise(train), columns.summarise(other)
    if first is None or second is None or min(len(train), len(other)) < MIN_ROWS:
        return None
    if first.values.shape[1] != second.values.shape[1]:
        return None
    # Columns of 0 and 1 are never scaled: they do not show how the others were.
    telling = ~np.isin(first.values, (0, 1)).all(axis=0) & (first.magnitude > 0)
    telling &= second.magnitude > 0
    if not telling.any():
        return None
    return float(np.median(second.magnitude[telling] / first.magnitude[telling]))


def not_adapted(facts: Facts) -> list[layers.Normalization]:
    """Return the Normalization layers that were neither adapted nor given their moments."""
    return [
        layer
        for layer in facts.operations
        if isinstance(layer, layers.Normalization)
        and layer.input_mean is None
        and layer.built
        and not np.any(layer.adapt_mean.numpy())
        and np.all(layer.adapt_variance.numpy() == 1)
    ]


def _without_vocabulary(facts: Facts) -> list[layers.Layer]:
    """Return the layers whose vocabulary was neither learned nor given by a file."""
    kinds = layers.StringLookup | layers.IntegerLookup
    lookups = {id(one): one for one in facts.operations if isinstance(one, kinds)}
    for one in facts.operations:
        if isinstance(one, layers.TextVectorization):  # which has one inside
            lookups[id(one._lookup_layer)] = one
    return [
        layer
        for layer in lookups.values()
        if layer.vocabulary_size() <= getattr(layer, "_lookup_layer", layer)._token_start_index()
    ]


def _received_twice(leaf: reading.Leaf, label: str, call: graph.Call, is_first: bool) -> str | None:
    """Describe what comes scaled to a layer that scales; None where that is not so.

    Args:
        leaf: Training inputs.
        label: Their name.
        call: Of the layer.
        is_first: Whether nothing before it changes the values.
    """
    layer = call.operation
    rescales = isinstance(layer, layers.Rescaling)
    if rescales and (np.ndim(layer.scale) or not 0 < layer.scale <= SMALL_SCALE):
        return None
    summary = columns.summarise(leaf)
    if summary is not None and not is_first:
        rows = max(1, columns.NUMBERS_OF_SAMPLE * len(leaf) // leaf.size)
        sample = reading.take(leaf, reading.spread(len(leaf), min(rows, ROWS_TO_RUN)))
        before, summary = summary, columns.summarise(graph.entering(call, sample))
    if summary is None:
        return None
    values = summary.values
    if rescales:
        # Bytes may well be dark, where no layer has scaled them.
        floats = isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
        changed = not is_first and np.abs(before.values).max() > np.abs(values).max()
        if not (floats or changed) or np.abs(values).max() > 1:
            return None
        of = "" if is_first else "values of "
        return f"{of}{label} within {values.min():.3g} to {values.max():.3g}"
    spread = _spread_after(layer, summary)
    are_dark = summary.are_images and np.abs(values).max() > 2
    if spread is None or spread >= SQUEEZED or are_dark:
        return None
    return f"{label} whose columns vary by {spread:.2g} after it, where 1 is meant,"


def _spread_after(layer: layers.Normalization, summary: columns.Summary) -> float | None:
    """Return the middle column's std after an adapted Normalization; None without one."""
    if not layer.built or layer.invert or layer.mean is None:
        return None
    learned = np.ravel(np.sqrt(keras.ops.convert_to_numpy(layer.variance)))
    moved = summary.std > 0
    if summary.are_images:
        learned = learned.mean(keepdims=True)
    if len(learned) != len(moved) or not moved.any():
        return None
    return float(np.median(summary.std[moved] / np.maximum(learned[moved], 1e-12)))
