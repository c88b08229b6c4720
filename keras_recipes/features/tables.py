"""Numeric and categorical columns as the input of a network, inside the model that is saved.

The encoder takes raw columns and returns numbers around 0; see `parts`. The network is an ensemble
in one: its networks share their hidden layers, and differ in a factor for each input and in their
output layer (Gorishniy, Kotelnikov and Babenko 2024, "TabM", there called TabM-mini).
"""

from __future__ import annotations

import functools
import hashlib
import math
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from keras_recipes.data import columns
from keras_recipes.data.splits import Split
from keras_recipes.features import parts, texts
from keras_recipes.problems import Problem

if TYPE_CHECKING:  # --help answers without it
    import tensorflow as tf

NUMERIC, CATEGORICAL, TEXT = "numeric", "categorical", "text"
NUM_TOPICS, MAX_TERMS = 32, 5_000  # of a text column
ROWS_FOR_TOPICS, TEXTS_AT_ONCE = 10_000, 512
NO_CATEGORY = "[NONE]"  # where no category is known: Keras wants one
MAX_EMBEDDED = (
    8192  # values that all numeric columns of a row become: thousands of columns take memory
)
ROWS_TO_ENCODE = 16_384  # at once: five times as fast as 2,048
ROWS_TO_PREDICT = 2048  # at once
MAX_VALUES_AT_ONCE = 2**24  # numbers of the widest array that a prediction makes, 64 MB
ROWS_FOR_SCALES = 100_000  # spread over all: quantiles of more would be the same
FARTHEST = 10.0  # deviations from the median at which a number is cut off


def by_kind(x: pd.DataFrame) -> dict[str, pd.DataFrame | np.ndarray]:
    """Return a table as the encoder takes it.

    Args:
        x: From `columns.convert`: float columns, and text columns.

    Returns:
        The float columns as a table "numeric", the categorical ones as an array "categorical",
        those of free text as an array "text", in their order; without those that would be empty.
    """
    categorical, of_text = categories(x), texts_of(x)
    given = {
        NUMERIC: x.drop(columns=[*categorical, *of_text]),
        CATEGORICAL: x[categorical].to_numpy(dtype=object),
        TEXT: x[of_text].to_numpy(dtype=object),
    }
    return {name: values for name, values in given.items() if values.shape[1]}


def categories(x: pd.DataFrame) -> list[str]:
    """Return the names of the categorical columns."""
    others = {*texts_of(x)}
    return [
        name
        for name, dtype in x.dtypes.items()
        if name not in others and not pd.api.types.is_float_dtype(dtype)
    ]


def texts_of(x: pd.DataFrame) -> list[str]:
    """Return the names of the columns of free text."""
    wanted = columns.text_dtype()
    return [name for name, dtype in x.dtypes.items() if dtype == wanted]


def encoder(
    num_numeric: int,
    num_categories: list[int],
    max_categories: int,
    tokens: Sequence[texts.Tokens] = (),
) -> keras.Model:
    """Build the encoder.

    Args:
        num_numeric: Numeric columns.
        num_categories: Categories of each categorical column.
        max_categories: Categories of a column that are told apart; the rarer ones count as one.
        tokens: Of each column of free text, what it is divided into.

    Returns:
        Model from `by_kind` to float32 (rows, features): the numeric columns, each with its median
        at 0 and a standard deviation of 1; 1 where a value was missing; the index of each
        category, from 1, or 0 for a category that is rare or unknown; 32 topics of each text, by
        singular vectors of TF-IDF (Deerwester et al. 1990, "Indexing by latent semantic analysis").
    """
    raw, encoded = {}, []
    if num_numeric:
        raw[NUMERIC] = keras.Input((num_numeric,), name=NUMERIC)
        encoded += _of_numbers(keras.layers.Normalization(name="scale")(raw[NUMERIC]))
    if num_categories:
        raw[CATEGORICAL] = keras.Input((len(num_categories),), name=CATEGORICAL, dtype="string")
    for place, count in enumerate(num_categories):
        lookup = keras.layers.StringLookup(
            max_tokens=min(count, max_categories) + 1, name=f"vocabulary_{place}"
        )
        encoded.append(keras.ops.cast(lookup(raw[CATEGORICAL][:, place : place + 1]), "float32"))
    if tokens:
        raw[TEXT] = keras.Input((len(tokens),), name=TEXT, dtype="string")
    for place, one in enumerate(tokens):
        text = raw[TEXT][:, place]
        # Not "tf_idf": Keras 3.15 cannot load such a layer of fewer terms than max_tokens.
        settings = {"output_mode": "count", "pad_to_max_tokens": True}
        counts = texts.vectorization(MAX_TERMS, one, f"terms_{place}", **settings)(text)
        weights = keras.layers.EinsumDense(
            "bt,t->bt", MAX_TERMS, trainable=False, name=f"idf_{place}"
        )(counts)
        topics = keras.layers.Dense(
            NUM_TOPICS, use_bias=False, trainable=False, name=f"topics_{place}"
        )
        length = keras.ops.sqrt(keras.ops.sum(weights * weights, axis=1, keepdims=True) + 1e-9)
        encoded.append(topics(weights / length))
    joined = keras.layers.Concatenate()(encoded) if len(encoded) > 1 else encoded[0]
    return keras.Model(raw, joined, name="encoder")


def _of_numbers(scaled: Any) -> list[Any]:
    """Return scaled numbers with 0, the median, for missing ones, and which ones are missing."""
    missing = keras.ops.isnan(scaled)
    known = keras.ops.where(missing, keras.ops.zeros_like(scaled), scaled)
    return [keras.ops.clip(known, -FARTHEST, FARTHEST), keras.ops.cast(missing, "float32")]


def network(
    problem: Problem,
    num_numeric: int,
    num_categories: list[int],
    max_categories: int,
    tokens: Sequence[texts.Tokens] = (),
    *,
    num_bins: int,
    embedding_size: int,
    ensemble_size: int,
    hidden_units: tuple[int, ...],
    dropout: float,
) -> keras.Model:
    """Build the network, one output for each network of the ensemble.

    Args:
        problem: Decides the output layers.
        num_numeric: Numeric columns.
        num_categories: Categories of each categorical column.
        max_categories: Categories of a column that have a column of their own.
        tokens: As in `encoder`.
        num_bins: Bins of the piecewise linear encoding of each numeric column.
        embedding_size: Values that each numeric column becomes; fewer in very wide tables.
        ensemble_size: Networks in one, which share their hidden layers.
        hidden_units: Of each hidden layer.
        dropout: Share of each hidden layer's outputs that is zeroed in training.

    Returns:
        Model from the encoder's output to (rows, ensemble_size) or (rows, ensemble_size, classes).
    """
    num_before = 2 * num_numeric + len(num_categories)
    inputs = keras.Input((num_before + NUM_TOPICS * len(tokens),))
    pieces = []
    if num_numeric:
        units = max(1, min(embedding_size, MAX_EMBEDDED // num_numeric))
        pieces.append(embedding(inputs[:, :num_numeric], num_numeric, num_bins, units))
        pieces.append(inputs[:, num_numeric : 2 * num_numeric])
    if num_categories:
        indices = inputs[:, 2 * num_numeric : num_before]
        pieces.append(one_hot(indices, num_categories, max_categories))
    if tokens:
        pieces.append(inputs[:, num_before:])
    hidden = keras.layers.Concatenate()(pieces) if len(pieces) > 1 else pieces[0]
    factors = keras.initializers.RandomNormal(mean=0.0, stddev=1.0)
    hidden = keras.layers.EinsumDense(
        "bd,kd->bkd", (ensemble_size, hidden.shape[-1]), kernel_initializer=factors, name="factors"
    )(hidden)
    for units in hidden_units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(inputs, problem.ensemble_outputs(hidden), name="network")


def one_hot(
    encoded: keras.KerasTensor, num_categories: list[int], max_categories: int
) -> keras.KerasTensor:
    """Return a column for each category: 1 in the rows that have it.

    Only here, for the rows of a batch: a table with a column for each category may be too large.

    Args:
        encoded: Indices of the categories, shape (rows, categorical columns).
        num_categories: Categories of each categorical column.
        max_categories: Where a column has more, the rarer ones share a column; else index 0,
            which was never there in training, has none.

    Returns:
        Shape (rows, columns of all categories).
    """
    columns = [
        (place, index)
        for place, count in enumerate(num_categories)
        for index in range(int(count <= max_categories), min(count, max_categories) + 1)
    ]
    places, indices = (list(values) for values in zip(*columns, strict=True))
    of_each = keras.ops.take(encoded, places, axis=1)
    return keras.ops.cast(keras.ops.equal(of_each, [float(index) for index in indices]), "float32")


def embedding(
    scaled: keras.KerasTensor, num_numeric: int, num_bins: int, units: int
) -> keras.KerasTensor:
    """Turn each numeric column into several, each a line and learned bends at the bins' edges.

    Source: Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features in tabular
    deep learning", equation 1 (how far a number has come through each of its bins, 0 to 1, over
    quantiles; here cut off at both ends); the line beside it, with bends of 0 at first, is from
    their later code. `adapt` sets the bins.

    Args:
        scaled: Numeric columns, shape (rows, num_numeric).
        num_numeric: Numeric columns.
        num_bins: Of each column.
        units: Values that each column becomes.

    Returns:
        Shape (rows, num_numeric * units).
    """
    uniform = keras.initializers.RandomUniform
    place = keras.layers.EinsumDense(
        "bn,np->bnp", (num_numeric, num_bins), bias_axes="np", trainable=False, name="bins"
    )
    bends = keras.layers.EinsumDense(
        "bnp,npu->bnu", (num_numeric, units), kernel_initializer="zeros", name="bends"
    )
    line = keras.layers.EinsumDense(
        *("bn,nu->bnu", (num_numeric, units)),
        bias_axes="nu",
        kernel_initializer=uniform(-1, 1),
        bias_initializer=uniform(-1, 1),
        name="line",
    )
    pieces = keras.layers.ReLU(max_value=1.0)(place(scaled))
    return keras.layers.Flatten()(keras.layers.Add()([line(scaled), bends(pieces)]))


def serving(encoder: keras.Model, network: keras.Model) -> keras.Model:
    """Join encoder and network to the model from raw columns to the mean of the networks."""
    return parts.joined(encoder, network, _mean(network(encoder(encoder.input))), TableParts)


def _mean(of_networks: Any) -> Any:
    """Return the mean of the networks' outputs, (rows, outputs)."""
    return keras.ops.mean(of_networks, axis=1, keepdims=len(of_networks.shape) == 2)


class TableParts(parts.Halves):
    """Encoder and network of a model that `serving` made."""

    def as_inputs(self, x: Any) -> Any:
        """Return columns `by_kind` of a table, of an array of numbers or of a dict of both."""
        return _as_inputs(self.encoder, x)

    def adapt(self, train: Split) -> None:
        """Adapt encoder and network: scales, vocabularies and bins.

        Args:
            train: Training rows, which nobody changes any more.
        """
        x = pd.DataFrame(train.x)
        categorical = categories(x)
        for place, name in enumerate(categorical):
            layer = self.encoder.get_layer(f"vocabulary_{place}")
            made = ("vocabulary", name, layer.max_tokens)
            layer.set_vocabulary(train.once(made, functools.partial(_vocabulary, layer, x[name])))
        _adapt_topics(self.encoder, train)
        if len(categorical) + len(texts_of(x)) < x.shape[1]:
            scale, bins = self.encoder.get_layer("scale"), self.network.get_layer("bins")
            few = x.iloc[:: -(-len(x) // ROWS_FOR_SCALES)]
            scale.adapt(train.once("scale", lambda: _scale(_numeric(few))))
            count = bins.kernel.shape[1]
            bins.set_weights(train.once(("bins", count), lambda: _bins(_scaled(scale, few), count)))

    def encode(self, split: Split) -> np.ndarray:
        """Run the encoder over a table, float32 (rows, features), once for what it has learned.

        Args:
            split: Rows, which nobody changes any more.
        """
        encoder = self.encoder
        made = ("encoded", *_learned(encoder))
        rows = max(1, min(ROWS_TO_ENCODE, MAX_VALUES_AT_ONCE // split.x.shape[1]))
        if _vectorizations(encoder):
            rows = TEXTS_AT_ONCE
        return split.once(made, lambda: run(encoder, split.x, rows, self.as_inputs))

    def targets(self, problem: Problem, y: np.ndarray) -> np.ndarray:
        """Repeat the targets for each network: (rows, ensemble_size), with classes on axis 2."""
        y = problem.labels(y).reshape(len(y), -1)
        return np.repeat(y, self.network.output_shape[1], axis=1)

    def metrics(self, problem: Problem) -> list[Any]:
        """Return the metrics of the mean prediction; the loss is the mean of the networks' own."""
        from keras_recipes.features import ensembles  # a class of Keras, which loads with it

        return [ensembles.OfEnsemble(metric) for metric in problem.metrics()]

    def predict(self, x: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Run the model over a table or an array of numbers, as many rows at once as fit."""
        widest = math.prod(self.network.get_layer("factors").kernel.shape)
        rows = TEXTS_AT_ONCE if _vectorizations(self.encoder) else ROWS_TO_PREDICT
        rows = max(1, min(rows, MAX_VALUES_AT_ONCE // widest))
        return run(self.model, x, rows, self.as_inputs)

    @property
    def vocabularies(self) -> list[list[str]]:
        """The known categories of each categorical column, by their indices from 1 on."""
        raw = self.encoder.input
        count = raw[CATEGORICAL].shape[1] if CATEGORICAL in raw else 0
        lookups = (self.encoder.get_layer(f"vocabulary_{place}") for place in range(count))
        return [lookup.get_vocabulary()[1:] for lookup in lookups]

    def behind_vocabularies(self, given: Mapping[str, Any]) -> Any:
        """Return the model's outputs for numbers, float32 (rows, outputs).

        Args:
            given: "numeric", float32 (rows, columns), NaN where missing; "categorical", the index
                of each category, (rows, columns), 0 for unknown ones. Either may be absent.
        """
        encoded = []
        if NUMERIC in given:
            encoded += _of_numbers(self.encoder.get_layer("scale")(given[NUMERIC]))
        if CATEGORICAL in given:
            encoded.append(keras.ops.cast(given[CATEGORICAL], "float32"))
        return _mean(self.network(keras.ops.concatenate(encoded, axis=1), training=False))

    def unknown_categories(self, x: pd.DataFrame) -> dict[str, pd.Series]:
        """Return, for each column with such, the categories that were not there in training."""
        found = {}
        for place, name in enumerate(categories(x)):
            known = self.encoder.get_layer(f"vocabulary_{place}").get_vocabulary()
            if len(unknown := x[name][~x[name].isin(known) & (x[name] != "")]):
                found[name] = unknown
        return found


def _numeric(x: pd.DataFrame) -> np.ndarray:
    return x.drop(columns=[*categories(x), *texts_of(x)]).to_numpy("float32")


def _vectorizations(encoder: keras.Model) -> list[keras.layers.TextVectorization]:
    """Return the vocabularies of the columns of free text, in their order."""
    return [one for one in encoder.layers if isinstance(one, keras.layers.TextVectorization)]


def _as_inputs(encoder: keras.Model, x: Any) -> dict[str, Any]:
    """Return raw columns by kind, their texts as the encoder's vocabularies have them."""
    import tensorflow as tf

    if not isinstance(x, dict):
        x = by_kind(x) if isinstance(x, pd.DataFrame) else {NUMERIC: x}
    if TEXT not in x:
        return x
    text = tf.convert_to_tensor(x[TEXT])
    columns_of_text = [
        texts.standardised(text[:, place : place + 1], texts.tokens_of(layer))
        for place, layer in enumerate(_vectorizations(encoder))
    ]
    return {**x, TEXT: tf.concat(columns_of_text, axis=1)}


def _adapt_topics(encoder: keras.Model, train: Split) -> None:
    """Learn vocabularies and topics of the columns of free text from the training rows."""
    for place, layer in enumerate(_vectorizations(encoder)):
        key = ("topics", place, texts.tokens_of(layer))

        def learn(layer: keras.layers.Layer = layer, place: int = place) -> tuple:
            of_text = _as_inputs(encoder, pd.DataFrame(train.x[texts_of(train.x)]))[TEXT]
            return _topics(layer, of_text[:, place : place + 1])

        terms, weights, kernel = train.once(key, learn)
        layer.set_vocabulary(terms)
        encoder.get_layer(f"idf_{place}").set_weights([weights])
        encoder.get_layer(f"topics_{place}").set_weights([kernel])


def with_topics(train: Split, *others: pd.DataFrame) -> list[pd.DataFrame]:
    """Return tables with the topics of each text in its place, as the network has them.

    Args:
        train: Training rows, of which the topics are learned.
        *others: Further tables.

    Returns:
        The training rows and the others; those without columns of free text as they are.
    """
    tables = [pd.DataFrame(train.x), *others]
    if not (names := texts_of(tables[0])):
        return tables
    of_text = encoder(0, [], 0, texts.tokens_by_script(tables[0][names]))
    _adapt_topics(of_text, train)
    as_inputs = functools.partial(_as_inputs, of_text)
    found = []
    for x in tables:
        topics = run(of_text, x[names], TEXTS_AT_ONCE, as_inputs).astype("float64")
        titles = [f"topic {place} of the texts" for place in range(topics.shape[1])]
        numbers = pd.DataFrame(topics, index=x.index, columns=titles)
        found.append(pd.concat([x.drop(columns=names), numbers], axis=1))
    return found


def _topics(
    layer: keras.layers.TextVectorization, text: tf.Tensor
) -> tuple[Sequence[str], np.ndarray, np.ndarray]:
    """Return terms, their inverse document frequencies, and what makes topics of TF-IDF."""
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD

    few = text[:: -(-len(text) // ROWS_FOR_TOPICS)]
    terms = texts.most_frequent(layer, text)
    layer.set_vocabulary(terms)
    starts = range(0, len(few), TEXTS_AT_ONCE)
    pieces = (layer(few[start : start + TEXTS_AT_ONCE]) for start in starts)
    counts = sparse.vstack([sparse.csr_matrix(keras.ops.convert_to_numpy(p)) for p in pieces])
    documents = (counts > 0).sum(axis=0).A1 if counts.shape[0] else np.zeros(counts.shape[1])
    weights = np.log((1 + len(few)) / (1 + documents)).astype("float32") + 1
    weighted = counts.multiply(weights).tocsr()
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel() + 1e-9)
    weighted = sparse.diags(1 / lengths) @ weighted
    kernel = np.zeros((MAX_TERMS, NUM_TOPICS), "float32")
    count = min(NUM_TOPICS, *(side - 1 for side in weighted.shape))
    if count > 0:
        with np.errstate(invalid="ignore"):  # of a fraction that is not used, of equal texts
            found = TruncatedSVD(count, random_state=0).fit(weighted)
        spread = found.transform(weighted).std(axis=0)
        kernel[: weighted.shape[1], :count] = found.components_.T / np.maximum(spread, 1e-6)
    return terms, weights, kernel


def _vocabulary(layer: keras.layers.StringLookup, column: pd.Series) -> list[str]:
    """Return the most frequent categories; of equally frequent ones the first by alphabet.

    Keras saves them as the lines of a text: a category that holds a line break, that is Keras's
    name for unknown ones, or that is empty and comes last, would be read as another. The former two
    count as unknown; the latter, a missing value, comes first.
    """
    counts = column.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    known = [category for category in counts.index if len(f"{category}.".splitlines()) == 1]
    known = [category for category in known if category != layer.oov_token][: layer.max_tokens - 1]
    return sorted(known, key=bool) if any(known) else [NO_CATEGORY]


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
    """Scale the numeric columns as the encoder does; the others would take much longer."""
    scaled = np.nan_to_num(keras.ops.convert_to_numpy(scale(_numeric(x))))
    return np.clip(scaled, -FARTHEST, FARTHEST)


def _bins(scaled: np.ndarray, num_bins: int) -> list[np.ndarray]:
    """Return weights that put each number's bins between its quantiles; bins of no width stay 0."""
    edges = np.quantile(scaled, np.linspace(0, 1, num_bins + 1), axis=0).T
    widths = np.diff(edges, axis=1)
    slopes = np.where(widths > 1e-6, 1 / np.maximum(widths, 1e-6), 0.0)
    return [slopes, -edges[:, :-1] * slopes]


def _learned(encoder: keras.Model) -> list[Hashable]:
    """Return a key for what an encoder has learned."""
    lookups = [one for one in encoder.layers if isinstance(one, keras.layers.StringLookup)]
    vocabularies = [tuple(layer.get_vocabulary()) for layer in lookups]
    vectorizations = _vectorizations(encoder)
    vocabularies += [tuple(layer.get_vocabulary()) for layer in vectorizations]
    scales = [one for one in encoder.layers if isinstance(one, keras.layers.Normalization)]
    moments = [np.concatenate([one.mean, one.variance]).tobytes() for one in scales]
    # Frozen layers: what turns a text into its topics.
    dense = (keras.layers.Dense, keras.layers.EinsumDense)
    weights = [w for one in encoder.layers if isinstance(one, dense) for w in one.get_weights()]
    topics = hashlib.blake2b(b"".join(w.tobytes() for w in weights)).digest()
    return [*vocabularies, *moments, topics]


def run(
    model: keras.Model,
    x: pd.DataFrame | np.ndarray,
    batch_size: int,
    as_inputs: Callable[[pd.DataFrame], dict[str, Any]] = by_kind,
) -> np.ndarray:
    """Run a model of raw columns over a table, or an array of numbers, float32 (rows, outputs).

    Args:
        model: From `serving`, or its encoder.
        x: Rows.
        batch_size: Rows at once.
        as_inputs: Makes of a table what the model takes.
    """
    x = pd.DataFrame(x)
    pieces = [
        model({name: keras.ops.convert_to_tensor(one) for name, one in as_inputs(rows).items()})
        for rows in (x.iloc[start : start + batch_size] for start in range(0, len(x), batch_size))
    ]
    return np.concatenate([keras.ops.convert_to_numpy(piece) for piece in pieces])
