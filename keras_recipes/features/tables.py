"""A table of numbers and words as the input of a network, inside the model that is saved.

The model has two parts, both of Keras's own layers, so that a saved one loads without this
repository. The *encoder* takes raw columns and gives numbers around 0. It learns from training rows
alone (`adapt`) and has no weights to train: `training.fit` runs it once over all rows, not at each
step. The *network* takes these numbers. It is an ensemble in one: members share their layers, and
differ in a factor for each of their inputs and in their output layer (Gorishniy, Kotelnikov and
Babenko 2024, "TabM", there called TabM-mini).
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Hashable

import keras
import numpy as np
import pandas as pd

from keras_recipes.data.splits import Part
from keras_recipes.problems import Problem

NUMBERS, WORDS = "numbers", "words"
NO_WORD = "[NONE]"  # stands in where no word is known: Keras wants one
MOST_EMBEDDED = 8192  # numbers that all numbers of a row become: thousands of columns take memory
ROWS_TO_ENCODE = 16_384  # at once: five times as fast as 2,048
ROWS_TO_PREDICT = 2048  # at once
MOST_AT_ONCE = 2**24  # numbers of the widest array that a prediction makes, 64 MB
ROWS_FOR_SCALES = 100_000  # spread over all: quantiles of more would be the same
FARTHEST = 10.0  # deviations from the median at which a number is cut off


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a model for tables is made of.

    Attributes:
        encoder: From raw columns to numbers; adapted to the training rows.
        network: From these numbers to the outputs of each member; the part that is trained.
    """

    encoder: keras.Model
    network: keras.Model


def as_inputs(model: keras.Model, x: object) -> object:
    """Return a table, or an array of numbers alone, in the form that a model of `serving` takes.

    What is in this form already, or is for another model, comes back as it is.
    """
    if parts_of(model) is None or isinstance(x, dict):
        return x
    return arrays(x) if isinstance(x, pd.DataFrame) else {NUMBERS: x}


def arrays(x: pd.DataFrame) -> dict[str, pd.DataFrame | np.ndarray]:
    """Return a table as the encoder takes it.

    Args:
        x: From `datasets.columns.convert`: float columns, and text columns.

    Returns:
        The float columns as a table "numbers", the text columns as an array "words", in their
        order; without the one of the two that would be empty.
    """
    words = categories(x)
    given = {NUMBERS: x.drop(columns=words), WORDS: x[words].to_numpy(dtype=object)}
    return {name: values for name, values in given.items() if values.shape[1]}


def categories(x: pd.DataFrame) -> list[str]:
    """Name the columns that hold words."""
    return [name for name in x.columns if not pd.api.types.is_float_dtype(x[name])]


def encoder(num_numbers: int, num_words: list[int], most_words: int) -> keras.Model:
    """Build the encoder.

    Args:
        num_numbers: Number columns.
        num_words: Words in each category.
        most_words: The rarer words of a category, beyond this many, count as one.

    Returns:
        Model from `arrays` to float32 (rows, features): the numbers, each with its median at 0 and
        a deviation of 1; 1 where a number was missing; of each category the number of the word,
        from 1, or 0 for a word that is rare or not known.
    """
    raw, encoded = {}, []
    if num_numbers:
        raw[NUMBERS] = keras.Input((num_numbers,), name=NUMBERS)
        scaled = keras.layers.Normalization(name="scale")(raw[NUMBERS])
        missing = keras.ops.isnan(scaled)
        known = keras.ops.where(missing, keras.ops.zeros_like(scaled), scaled)  # 0 is the median
        encoded += [keras.ops.clip(known, -FARTHEST, FARTHEST), keras.ops.cast(missing, "float32")]
    if num_words:
        raw[WORDS] = keras.Input((len(num_words),), name=WORDS, dtype="string")
    for place, count in enumerate(num_words):
        lookup = keras.layers.StringLookup(
            max_tokens=min(count, most_words) + 1, name=f"words_{place}"
        )
        encoded.append(keras.ops.cast(lookup(raw[WORDS][:, place : place + 1]), "float32"))
    joined = keras.layers.Concatenate()(encoded) if len(encoded) > 1 else encoded[0]
    return keras.Model(raw, joined, name="encoder")


def network(
    problem: Problem,
    num_numbers: int,
    num_words: list[int],
    most_words: int,
    *,
    bins: int,
    embedding_units: int,
    members: int,
    hidden_units: tuple[int, ...],
    dropout: float,
) -> keras.Model:
    """Build the network, one output for each member.

    Args:
        problem: Decides the output layers.
        num_numbers: Number columns.
        num_words: Words in each category.
        most_words: Of a category that have a column of their own.
        bins: Pieces of the piecewise linear encoding of each number.
        embedding_units: Numbers that each number becomes; fewer where there are very many columns.
        members: Of the ensemble.
        hidden_units: Of each hidden layer.
        dropout: Share of each hidden layer's outputs that is zeroed in training.

    Returns:
        Model from what the encoder gives to (rows, members), or (rows, members, classes).
    """
    inputs = keras.Input((2 * num_numbers + len(num_words),))
    parts = []
    if num_numbers:
        units = max(1, min(embedding_units, MOST_EMBEDDED // num_numbers))
        parts.append(embedding(inputs[:, :num_numbers], num_numbers, bins, units))
        parts.append(inputs[:, num_numbers : 2 * num_numbers])
    if num_words:
        parts.append(one_hot(inputs[:, 2 * num_numbers :], num_words, most_words))
    hidden = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    factors = keras.initializers.RandomNormal(mean=0.0, stddev=1.0)
    hidden = keras.layers.EinsumDense(
        "bd,kd->bkd", (members, hidden.shape[-1]), kernel_initializer=factors, name="factors"
    )(hidden)
    for units in hidden_units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(inputs, problem.member_outputs(hidden), name="network")


def one_hot(numbers: keras.KerasTensor, num_words: list[int], most_words: int) -> keras.KerasTensor:
    """Return a column for each word: 1 in the rows that have it.

    Only here, for the rows of a batch: a table with all its words as columns may be too large.

    Args:
        numbers: Of the words, shape (rows, categories).
        num_words: Words in each category.
        most_words: Where a category has more, the rarer ones have a column together; else number 0,
            which was never there in training, has none.

    Returns:
        Shape (rows, columns of all categories).
    """
    columns = [
        (place, word)
        for place, count in enumerate(num_words)
        for word in range(int(count <= most_words), min(count, most_words) + 1)
    ]
    places, words = (list(values) for values in zip(*columns, strict=True))
    of_each = keras.ops.take(numbers, places, axis=1)
    return keras.ops.cast(keras.ops.equal(of_each, [float(word) for word in words]), "float32")


def embedding(
    numbers: keras.KerasTensor, num_numbers: int, bins: int, units: int
) -> keras.KerasTensor:
    """Turn each number into several, each a straight line and learned bends at the bins' edges.

    Source: Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features in tabular
    deep learning", equation 1 (how far a number has come through each of its bins, 0 to 1, over
    quantiles; here cut off at both ends); the line beside it, with bends of 0 at first, is from
    their later code. `adapt` sets the bins.

    Args:
        numbers: Shape (rows, numbers).
        num_numbers: How many they are.
        bins: Of each number.
        units: That each number becomes.

    Returns:
        Shape (rows, numbers * units).
    """
    uniform = keras.initializers.RandomUniform
    place = keras.layers.EinsumDense(
        "bn,np->bnp", (num_numbers, bins), bias_axes="np", trainable=False, name="bins"
    )
    bends = keras.layers.EinsumDense(
        "bnp,npu->bnu", (num_numbers, units), kernel_initializer="zeros", name="bends"
    )
    line = keras.layers.EinsumDense(
        *("bn,nu->bnu", (num_numbers, units)),
        bias_axes="nu",
        kernel_initializer=uniform(-1, 1),
        bias_initializer=uniform(-1, 1),
        name="line",
    )
    pieces = keras.layers.ReLU(max_value=1.0)(place(numbers))
    return keras.layers.Flatten()(keras.layers.Add()([line(numbers), bends(pieces)]))


def serving(encoder: keras.Model, network: keras.Model) -> keras.Model:
    """Join encoder and network to the model that takes raw columns and gives the members' mean."""
    members = network(encoder(encoder.input))
    outputs = keras.ops.mean(members, axis=1, keepdims=members.ndim == 2)
    model = keras.Model(encoder.input, outputs, name="table")
    model.table_parts = Parts(encoder, network)
    return model


def parts_of(model: keras.Model) -> Parts | None:
    """Return encoder and network of a model that `serving` made; None for any other model."""
    return getattr(model, "table_parts", None)


def attach(model: keras.Model) -> None:
    """Find encoder and network again in a model that `serving` made and a file has held."""
    model.table_parts = Parts(model.get_layer("encoder"), model.get_layer("network"))


def adapt(model: keras.Model, problem: Problem, train: Part) -> None:
    """Adapt encoder and network: scales, vocabularies, bins and the target's unit.

    Args:
        model: From `serving`.
        problem: Decides the form of the targets.
        train: Training rows, which nobody changes any more.
    """
    encoder, network = model.table_parts.encoder, model.table_parts.network
    x = train.x
    words = categories(x)
    for place, name in enumerate(words):
        layer = encoder.get_layer(f"words_{place}")
        made = ("words", name, layer.max_tokens)
        layer.set_vocabulary(train.once(made, lambda n=name, i=layer: _known_words(i, x[n])))
    if len(words) < x.shape[1]:
        scale, bins = encoder.get_layer("scale"), network.get_layer("bins")
        few = x.iloc[:: -(-len(x) // ROWS_FOR_SCALES)]
        scale.adapt(train.once("scale", lambda: _scale(_numbers(few))))
        made = ("bins", bins.kernel.shape[1])
        bins.set_weights(train.once(made, lambda: _bins(_scaled(scale, few), bins.kernel.shape[1])))
    if problem.is_regression:
        unit = network.get_layer("target_unit")
        unit.adapt(problem.labels(train.y)[:, np.newaxis])


def _numbers(x: pd.DataFrame) -> np.ndarray:
    return arrays(x)[NUMBERS].to_numpy("float32")


def _known_words(layer: keras.layers.StringLookup, words: pd.Series) -> list[str]:
    """Return the most frequent words for a layer; of equally frequent ones the first by alphabet.

    Keras saves them as the lines of a text: one that holds a line break, that stands for unknown
    words there, or that is empty and comes last, would be read as another. The former two count as
    unknown; the latter, a missing value, comes first.
    """
    counts = words.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    known = [word for word in counts.index if len(f"{word}.".splitlines()) == 1]
    known = [word for word in known if word != layer.oov_token][: layer.max_tokens - 1]
    return sorted(known, key=bool) if any(known) else [NO_WORD]


def _scale(numbers: np.ndarray) -> np.ndarray:
    """Return two rows whose mean is each number's median, and whose deviation is the number's.

    NaN counts for nothing, and so does what is beyond the outer hundredths for the deviation.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column may be missing in all rows
        low, median, high = np.nanpercentile(numbers, (1, 50, 99), axis=0)
        middle = np.where((numbers >= low) & (numbers <= high), numbers, np.nan)
        deviation = np.nan_to_num(np.nanstd(middle.astype("float64"), axis=0))
    median = np.nan_to_num(median)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return np.stack([median - deviation, median + deviation]).astype("float32")


def _scaled(scale: keras.layers.Normalization, x: pd.DataFrame) -> np.ndarray:
    """Return the numbers as the encoder does, without the words, which take much longer."""
    scaled = np.nan_to_num(keras.ops.convert_to_numpy(scale(_numbers(x))))
    return np.clip(scaled, -FARTHEST, FARTHEST)


def _bins(scaled: np.ndarray, num_bins: int) -> list[np.ndarray]:
    """Return weights that put each number's bins between its quantiles; bins of no width stay 0."""
    edges = np.quantile(scaled, np.linspace(0, 1, num_bins + 1), axis=0).T
    widths = np.diff(edges, axis=1)
    slopes = np.where(widths > 1e-6, 1 / np.maximum(widths, 1e-6), 0.0)
    return [slopes, -edges[:, :-1] * slopes]


def encode(model: keras.Model, part: Part) -> np.ndarray:
    """Run the encoder over a table, float32 (rows, features), once for what it has learned.

    Args:
        model: From `serving`, adapted.
        part: Rows, which nobody changes any more.
    """
    encoder = model.table_parts.encoder
    made = ("encoded", *_learned(encoder))
    rows = max(1, min(ROWS_TO_ENCODE, MOST_AT_ONCE // part.x.shape[1]))
    return part.once(made, lambda: predict(encoder, part.x, rows))


def _learned(encoder: keras.Model) -> list[Hashable]:
    """Return a key for what an encoder has learned."""
    lookups = [one for one in encoder.layers if isinstance(one, keras.layers.StringLookup)]
    words = [tuple(layer.get_vocabulary()) for layer in lookups]
    scales = [one for one in encoder.layers if isinstance(one, keras.layers.Normalization)]
    moments = [np.concatenate([one.mean, one.variance]).tobytes() for one in scales]
    return [*words, *moments]


def predict(
    model: keras.Model, x: pd.DataFrame | np.ndarray, batch_size: int | None = None
) -> np.ndarray:
    """Run a model of raw columns over a table, or an array of numbers, float32 (rows, outputs).

    Args:
        model: From `serving`, or its encoder, then with a batch size.
        x: Rows.
        batch_size: Rows at once; by default as many as the width of the network allows.
    """
    if batch_size is None:
        widest = math.prod(model.table_parts.network.get_layer("factors").kernel.shape)
        batch_size = max(1, min(ROWS_TO_PREDICT, MOST_AT_ONCE // widest))
    x = pd.DataFrame(x)
    parts = [
        model({name: keras.ops.convert_to_tensor(values) for name, values in arrays(rows).items()})
        for rows in (x.iloc[start : start + batch_size] for start in range(0, len(x), batch_size))
    ]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])


def unknown_words(model: keras.Model, x: pd.DataFrame) -> dict[str, pd.Series]:
    """Give, of each category with such, the words that were not there in training."""
    found = {}
    for place, name in enumerate(categories(x)):
        known = model.table_parts.encoder.get_layer(f"words_{place}").get_vocabulary()
        if len(unknown := x[name][~x[name].isin(known) & (x[name] != "")]):
            found[name] = unknown
    return found


def trained_part(model: keras.Model, problem: Problem) -> keras.Model:
    """Return the network of a serving model, compiled as that is; its weights are the same."""
    network = model.table_parts.network
    # Not the network itself: an optimizer of its own would be saved in the place of the model's.
    return problem.compile(keras.Model(network.input, network.output), model.optimizer)


def targets(model: keras.Model, problem: Problem, y: np.ndarray) -> np.ndarray:
    """Return every member the same targets: (rows, members), or (rows, members, classes)."""
    y = problem.labels(y).reshape(len(y), -1)
    return np.repeat(y, model.table_parts.network.output_shape[1], axis=1)
