"""Texts as the input of a network, inside the model that is saved.

The encoder turns each text into numbers of words or characters; its vocabulary comes from the
training rows. The network is linear in n-grams (Wang and Manning 2012, "Baselines and bigrams"), a
convolution, or a GRU.
"""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from keras_recipes.data.splits import Split
from keras_recipes.data.texts import own_texts
from keras_recipes.features import composing, parts
from keras_recipes.problems import Problem

if TYPE_CHECKING:  # --help answers without it
    import tensorflow as tf

Tokens = own_texts.Chosen

TEXT, VOCABULARY, RATIOS, WEIGHTS = "text", "vocabulary", "ratios", "weights"
SPECIAL = 2  # the first numbers: 0 for nothing, 1 for a term that the vocabulary lacks
_BEYOND = 2**31 - 1  # sorts behind every term
_TEXTS_AT_ONCE = 1024
_TERMS_AT_ONCE = 2**22  # of a batch, the longest text times the texts: 32 MB
_MAX_COUNTED = 4_000_000  # terms that are counted at once: some 400 MB
_MIN_COUNT = 2  # of a term in the training texts
_SMOOTHING = 1.0  # added to each count
_MAX_WORDS = 20_000  # whose effects are computed
_LONG_WORD = 12  # characters in the mean, from which on spaces are between sentences
# A word is letters, their marks, digits and apostrophes; ! and ? and pictograms stand alone.
_ALONE, _NO_WORD = r"([!?\p{So}]\pM*)", r"[^\pL\pM\pN'!?\p{So}]+"
_SPACE = r"[\pZ\p{Cc}]+"


def standardised(given: tf.Tensor, tokens: Tokens) -> tf.Tensor:
    """Return texts in composed form and lower case, with one space between words.

    Args:
        given: Strings in sound UTF-8, shape (rows, 1).
        tokens: Of words, punctuation other than ! and ? is left out.
    """
    import tensorflow as tf

    text = tf.strings.lower(composing.composed(given[:, 0]), "utf-8")[:, None]
    if tokens == "words":
        text = tf.strings.regex_replace(text, _ALONE, r" \1 ")
        text = tf.strings.regex_replace(text, _NO_WORD, " ")
    return tf.strings.strip(tf.strings.regex_replace(text, _SPACE, " "))


def vectorization(
    max_tokens: int, tokens: Tokens, name: str = VOCABULARY, **settings: Any
) -> keras.layers.TextVectorization:
    """Build the layer from texts that are `standardised` to numbers of their terms."""
    return keras.layers.TextVectorization(
        max_tokens=max_tokens,
        standardize=None,
        split="whitespace" if tokens == "words" else "character",
        name=name,
        **settings,
    )


def tokens_of(layer: keras.layers.TextVectorization) -> Tokens:
    """Return what a layer of `vectorization` divides texts into."""
    return "words" if layer.get_config()["split"] == "whitespace" else "characters"


def ngram_encoder(tokens: Tokens, num_ngrams: int, max_tokens: int, max_terms: int) -> keras.Model:
    """Build the encoder of a network that is linear in n-grams.

    Args:
        tokens: Words, or characters.
        num_ngrams: Of so many tokens at most.
        max_tokens: Size of the vocabulary.
        max_terms: Different n-grams of a text that count; of more, the most frequent ones.

    Returns:
        Model from strings (rows, 1) to int32 (rows, max_terms): the numbers of the n-grams that a
        text holds, each once, in rising order; 0 for nothing, at the end.
    """
    ops = keras.ops
    given = keras.Input((1,), name=TEXT, dtype="string")
    widths = tuple(range(1, num_ngrams + 1))
    numbers = vectorization(max_tokens, tokens, ngrams=widths)(given)
    numbers = ops.where(numbers < SPECIAL, _BEYOND, ops.cast(numbers, "int32"))
    numbers = ops.sort(ops.pad(numbers, ((0, 0), (0, 1)), constant_values=_BEYOND), axis=1)
    is_again = ops.equal(numbers[:, 1:], numbers[:, :-1])
    once = ops.where(is_again, _BEYOND, numbers[:, 1:])
    once = ops.sort(ops.concatenate([numbers[:, :1], once], axis=1), axis=1)
    once = ops.pad(once, ((0, 0), (0, max_terms)), constant_values=_BEYOND)[:, :max_terms]
    return keras.Model(given, ops.where(ops.equal(once, _BEYOND), 0, once), name="encoder")


def sequence_encoder(tokens: Tokens, max_tokens: int, length: int) -> keras.Model:
    """Build the encoder of a network that reads a text in its order.

    Args:
        tokens: Words, or characters.
        max_tokens: Size of the vocabulary.
        length: Tokens of a text that are read: its last ones, where a review has its verdict. Of
            5,000 reviews of films that were not in training, a GRU that read 250 words was right
            about 87.3 % by the last ones, and about 85.7 % by the first ones.

    Returns:
        Model from strings (rows, 1) to int32 (rows, length), 0 behind the end of a text.
    """
    ops = keras.ops
    given = keras.Input((1,), name=TEXT, dtype="string")
    numbers = ops.cast(vectorization(max_tokens, tokens)(given), "int32")
    count = ops.sum(ops.cast(ops.not_equal(numbers, 0), "int32"), axis=1, keepdims=True)
    # The other way round, `ops.add` of Keras 3.15 takes a column of as many rows for a bias.
    place = ops.maximum(count - length, 0) + ops.arange(length, dtype="int32")[None]
    padded = ops.pad(numbers, ((0, 0), (0, length)))
    return keras.Model(given, ops.take_along_axis(padded, place, axis=1), name="encoder")


def ngram_network(
    problem: Problem, max_tokens: int, max_terms: int, *, scale: float, dropout: float
) -> keras.Model:
    """Build a network that is linear in n-grams.

    Each n-gram of a text counts by how much more often it stands in one class than in the others
    (the log of the ratio), times a weight that is learned. A text's ratios have the length `scale`,
    so that long texts count as much as short ones.

    Args:
        problem: Decides the output layer.
        max_tokens: Size of the vocabulary.
        max_terms: As in `ngram_encoder`.
        scale: Length of a text's ratios.
        dropout: Fraction of a text's n-grams that is left out in training.

    Returns:
        Model from the encoder's output to (rows, outputs).
    """
    ops, layers = keras.ops, keras.layers
    inputs = keras.Input((max_terms,), dtype="int32")
    units = problem.num_outputs
    ratios = layers.Embedding(max_tokens, units, trainable=False, name=RATIOS)(inputs)
    length = ops.sqrt(ops.sum(ops.square(ratios), axis=(1, 2), keepdims=True) + 1e-9)
    ratios = layers.Dropout(dropout)(ratios * (scale / length))
    weights = layers.Embedding(max_tokens, units, "zeros", name=WEIGHTS)(inputs)
    scores = ops.sum(ratios * weights, axis=1)
    return keras.Model(inputs, problem.outputs(scores, "identity"), name="network")


def conv_network(
    problem: Problem,
    max_tokens: int,
    length: int,
    embedding_size: int,
    filters: int,
    dropout: float,
) -> keras.Model:
    """Build a network of convolutions over embeddings (Kim 2014).

    Args:
        problem: Decides the output layer.
        max_tokens: Size of the vocabulary.
        length: Tokens of a text.
        embedding_size: Of each token.
        filters: Of each width: 3, 4 and 5 tokens.
        dropout: Fraction of the embeddings, and of the maxima, that is zeroed in training.
    """
    inputs = keras.Input((length,), dtype="int32")
    hidden = keras.layers.Embedding(max_tokens, embedding_size)(inputs)
    hidden = keras.layers.Dropout(dropout)(hidden)
    is_token = keras.ops.cast(keras.ops.not_equal(inputs, 0), "float32")[:, :, None]
    hidden = hidden * is_token  # Conv1D would drop a mask
    pooled = [
        keras.layers.GlobalMaxPooling1D()(
            keras.layers.Conv1D(filters, width, padding="same", activation="relu")(hidden)
        )
        for width in (3, 4, 5)
    ]
    hidden = keras.layers.Dropout(dropout)(keras.layers.Concatenate()(pooled))
    return keras.Model(inputs, problem.outputs(hidden), name="network")


def gru_network(
    problem: Problem,
    max_tokens: int,
    length: int,
    embedding_size: int,
    units: int,
    dropout: float,
) -> keras.Model:
    """Build a network that reads a text word by word: embedding, mask, bidirectional GRU.

    Args:
        problem: Decides the output layer.
        max_tokens: Size of the vocabulary.
        length: Tokens of a text.
        embedding_size: Of each token.
        units: Of the GRU, in each direction.
        dropout: Fraction of the embeddings, and of the maxima, that is zeroed in training.
    """
    inputs = keras.Input((length,), dtype="int32")
    hidden = keras.layers.Embedding(max_tokens, embedding_size, mask_zero=True)(inputs)
    hidden = keras.layers.Dropout(dropout)(hidden)
    states = keras.layers.Bidirectional(keras.layers.GRU(units, return_sequences=True))(hidden)
    is_token = keras.ops.not_equal(inputs, 0)[:, :, None]
    states = keras.ops.where(is_token, states, -1.0)  # below any state: pooling drops the mask
    pooled = keras.layers.GlobalMaxPooling1D()(states)
    hidden = keras.layers.Dropout(dropout)(pooled)
    return keras.Model(inputs, problem.outputs(hidden), name="network")


def serving(encoder: keras.Model, network: keras.Model) -> keras.Model:
    """Join encoder and network to the model from texts to the outputs."""
    return parts.joined(encoder, network, network(encoder(encoder.input)), TextParts)


class TextParts(parts.Halves):
    """Encoder and network of a model that `serving` made."""

    @property
    def vocabulary(self) -> keras.layers.TextVectorization:
        """The layer that holds the terms."""
        return self.encoder.get_layer(VOCABULARY)

    @property
    def tokens(self) -> Tokens:
        """What the texts are divided into."""
        return tokens_of(self.vocabulary)

    @property
    def is_of_ngrams(self) -> bool:
        """Whether the network is linear in n-grams."""
        return any(layer.name == RATIOS for layer in self.network.layers)

    def as_inputs(self, x: Any) -> tf.Tensor:
        """Return texts as the encoder takes them: standardised strings (rows, 1)."""
        import tensorflow as tf

        given = own_texts.joined(x).to_numpy() if isinstance(x, pd.DataFrame) else x
        return standardised(tf.reshape(tf.convert_to_tensor(given), (-1, 1)), self.tokens)

    def adapt(self, train: Split) -> None:
        """Learn the vocabulary from the training texts, and the ratios from their targets.

        Args:
            train: Training rows, which nobody changes any more.
        """
        layer = self.vocabulary
        config = layer.get_config()
        made = (VOCABULARY, *(str(config[name]) for name in ("split", "ngrams", "max_tokens")))
        counted = train.once(made, lambda: most_frequent(layer, self._standardised(train)))
        layer.set_vocabulary(counted)
        if self.is_of_ngrams:
            table = self.network.get_layer(RATIOS)
            shape = tuple(table.embeddings.shape)
            of_terms = RATIOS, self.encoder.output_shape, shape, *made
            found = train.once(of_terms, lambda: _ratios(self.encode(train), train.y, *shape))
            table.set_weights([found])

    def _standardised(self, split: Split) -> tf.Tensor:
        """Return the texts of a split as the encoder takes them, made once."""
        return split.once(("standardised", self.tokens), lambda: self.as_inputs(split.x))

    def encode(self, split: Split) -> np.ndarray:
        """Run the encoder over texts, int32 (rows, terms), once for what it has learned.

        Args:
            split: Rows, which nobody changes any more.
        """
        encoder = self.encoder
        terms = "\n".join(self.vocabulary.get_vocabulary())
        learned = hashlib.blake2b(terms.encode()).digest()
        made = ("encoded", self.tokens, encoder.output_shape, learned)
        return split.once(made, lambda: run(encoder, self._standardised(split)))

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        """Return the outputs for texts, float32 (rows, outputs)."""
        import tensorflow as tf

        texts = self.as_inputs(x)
        if self.is_of_ngrams:
            return run(self.model, texts)
        encoded = run(self.encoder, texts)
        # The steps of a recurrent layer take four times as long outside of a function.
        spec = tf.TensorSpec((None, *encoded.shape[1:]), encoded.dtype)
        network = tf.function(lambda rows: self.network(rows, training=False), [spec])
        return parts.in_batches(network, encoded, _TEXTS_AT_ONCE)

    def speaking(self, x: pd.DataFrame, most: int) -> list[list[tuple[str, float]]]:
        """Return the words or n-grams that speak most for each output, over some texts.

        A network of characters is read by words: a word adds what its n-grams add. In a script
        without spaces it is read by the n-grams of two characters and more.

        Args:
            x: Texts.
            most: Terms of each output.

        Returns:
            For each output its terms, each with what it adds to the score of a text in the mean
            over all of them; of a binary problem and a regression the terms that take away come as
            a second list, first. Empty for a network that is not linear in n-grams.
        """
        import tensorflow as tf

        if not self.is_of_ngrams:
            return []
        size = self.vocabulary.vocabulary_size()
        ratios, weights = (
            keras.ops.convert_to_numpy(self.network.get_layer(name).embeddings)[:size]
            for name in (RATIOS, WEIGHTS)
        )
        kernel, _ = self.network.get_layer("output").get_weights()
        effects = (ratios * weights) @ kernel
        effects[:SPECIAL] = 0
        words = _words(x) if self.tokens == "characters" else {}
        if words:
            numbers = run(self.encoder, tf.constant([[f" {word} "] for word in words]))
            effects = effects[numbers[:, : max(1, np.count_nonzero(numbers, axis=1).max())]].sum(1)
            terms, counts = np.array([*words], dtype=object), np.array([*words.values()])
        else:
            numbers = run(self.encoder, self.as_inputs(x))
            counts = np.bincount(numbers.ravel(), minlength=size)
            terms = np.array(self.vocabulary.get_vocabulary(), dtype=object)
            if self.tokens == "characters":  # whose n-grams have a space between any two
                terms = np.array([term[::2] for term in terms], dtype=object)
                counts = counts * [len(term.strip()) > 1 for term in terms]
        added = effects * (counts[:, None] / max(1, len(x)))
        sides = added.T if added.shape[1] > 1 else np.concatenate([-added, added], axis=1).T
        best = [side.argsort()[::-1][:most] for side in sides]
        return [
            [(terms[one], float(side[one])) for one in chosen if side[one] > 0]
            for side, chosen in zip(sides, best, strict=True)
        ]


def steps(tokens: Tokens) -> list[str]:
    """Return what `standardised` does with a text, a sentence for each step."""
    found = ["Unicode's composed form (NFC)", "lower case"]
    if tokens == "words":
        found += [f"spaces around each match of {_ALONE}", f"a space for each match of {_NO_WORD}"]
    return [*found, f"a space for each match of {_SPACE}, and none at both ends"]


def described(halves: TextParts) -> dict[str, Any]:
    """Return how a text becomes the numbers that the network takes, for other programs.

    Args:
        halves: Of the model.

    Returns:
        "takes": a sentence; "steps": what is done with a text, in order; "vocabulary": the number
        of each term, n-grams as their tokens with a space between; "example": a text, and its
        numbers without the zeros at the end.
    """
    _, width = halves.network.input_shape
    split = f"divided into {halves.tokens}{' at spaces' * (halves.tokens == 'words')}"
    found = [*steps(halves.tokens), split]
    order = f"the numbers of a text's last {width} {halves.tokens}, in order; 1 for unknown ones"
    if ngrams := halves.vocabulary.get_config()["ngrams"]:
        found.append(f"n-grams of {', '.join(map(str, ngrams))} tokens, a space between any two")
        order = (
            "the numbers of those n-grams of a text that are in the vocabulary: each number once, "
            f"in rising order, the first {width} of them"
        )
    terms = halves.vocabulary.get_vocabulary()
    text = " ".join(terms[SPECIAL : SPECIAL + 4])
    (numbers,) = run(halves.encoder, halves.as_inputs([text]))
    return {
        "takes": f"{order}; then 0 up to {width} numbers",
        "steps": found,
        "vocabulary": dict(zip(terms[SPECIAL:], range(SPECIAL, len(terms)), strict=True)),
        "example": {"text": text, "terms": numbers[numbers != 0].tolist()},
    }


def _words(x: pd.DataFrame) -> dict[str, int]:
    """Return the most frequent words of texts, each with the number of texts that hold it.

    None where the script has no spaces between words.
    """
    import tensorflow as tf

    texts = standardised(tf.constant(own_texts.joined(x).to_numpy()[:, None]), "words")
    counts = collections.Counter(
        word for (text,) in texts.numpy() for word in {*text.decode().split()}
    )
    mean = sum(len(word) * count for word, count in counts.items()) / max(1, counts.total())
    return dict(counts.most_common(_MAX_WORDS)) if mean <= _LONG_WORD else {}


def tokens_by_script(x: pd.DataFrame) -> list[Tokens]:
    """Return what the texts of each column are divided into, by their script."""
    return [own_texts.by_script(x[name].astype(object)) for name in x]


def _batches(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the places of texts of similar length, as many as fit into memory together."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        fitting = max(1, _TERMS_AT_ONCE // max(1, int(lengths[order[start]])))
        stop = start + min(_TEXTS_AT_ONCE, fitting)
        yield order[start:stop]
        start = stop


def run(model: keras.Model, texts: tf.Tensor) -> np.ndarray:
    """Run a model of texts, those of similar length at once, in the order of the texts."""
    import tensorflow as tf

    lengths = tf.strings.length(texts).numpy().ravel()  # in bytes: no less than in tokens
    order, pieces = [], []
    for rows in _batches(lengths):
        order.append(rows)
        pieces.append(keras.ops.convert_to_numpy(model(tf.gather(texts, rows), training=False)))
    outputs = np.concatenate(pieces)
    outputs[np.concatenate(order)] = outputs.copy()
    return outputs


def most_frequent(layer: keras.layers.TextVectorization, texts: tf.Tensor) -> Sequence[str]:
    """Return the most frequent terms; of equally frequent ones the first by alphabet.

    Args:
        layer: Says what terms are, and how many.
        texts: That are standardised, (rows, 1).
    """
    import tensorflow as tf

    config = layer.get_config()
    counts: collections.Counter[bytes] = collections.Counter()
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        batch = texts[start : start + _TEXTS_AT_ONCE, 0]
        if config["split"] == "whitespace":
            found = tf.strings.split(batch)
        else:
            found = tf.strings.unicode_split(batch, "UTF-8")
        if config["ngrams"]:
            found = tf.strings.ngrams(found, config["ngrams"], separator=" ")
        counts.update(found.flat_values.numpy().tolist())
        if len(counts) > _MAX_COUNTED:
            counts = collections.Counter({t: n for t, n in counts.items() if n > 1})
    few = min(_MIN_COUNT, max(counts.values(), default=1))
    ranked = sorted((-count, term) for term, count in counts.items() if count >= few)
    most = (config["max_tokens"] or len(ranked) + SPECIAL) - SPECIAL
    terms = [term.decode() for _, term in ranked[:most] if term.strip()]
    return [term for term in terms if term != "[UNK]"] or ["[NONE]"]


def _ratios(numbers: np.ndarray, y: np.ndarray, max_tokens: int, units: int) -> np.ndarray:
    """Return how much each term speaks for each output, float32 (max_tokens, units).

    Of classes, the log of the ratio of the term's frequency in the class to that in the others; of
    numbers, the mean deviation of the targets of its texts, times the root of their number.
    """

    def counted(rows: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        every = None if weights is None else np.repeat(weights, numbers.shape[1])
        return np.bincount(numbers[rows].ravel(), every, minlength=max_tokens)

    everyone = np.ones(len(y), dtype=bool)
    counts = counted(everyone)
    if y.dtype.kind not in "biu":
        deviations = (y - y.mean()) / (y.std() or 1.0)
        columns = [counted(everyone, deviations.ravel()) / np.sqrt(counts + _SMOOTHING)]
    else:
        classes = range(units) if units > 1 else [1]
        columns = []
        for one in classes:
            inside = counted(y == one)
            both = [part + _SMOOTHING for part in (inside, counts - inside)]
            both = [part / part[SPECIAL:].sum() for part in both]
            columns.append(np.log(both[0] / both[1]))
    found = np.stack(columns, axis=1).astype("float32")
    found[:SPECIAL] = 0
    found[counts == 0] = 0
    return found
