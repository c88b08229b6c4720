"""Rules about texts: vocabularies, padding and masks."""

from __future__ import annotations

import string
from collections.abc import Iterator

import keras
import numpy as np
import pandas as pd
from keras import layers

from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import graph, reading, running
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.reading import Split
from keras_recipes.checks.rules import scaling

RULES, rule = rule_list("texts")

_Vectorization = layers.TextVectorization

# Terms of a vocabulary that are looked for in the rows.
TERMS_TO_FIND = 300
# So many of them, and so large a fraction of those that training lacks, stand in other rows; a
# general vocabulary holds many that stand in none.
MIN_TERMS, FRACTION_FROM_OTHERS = 3, 0.3
# A row ends (or begins) in so many equal numbers where it is padded.
MIN_RUN, MIN_LENGTH = 3, 8
MIN_PADDED, MIN_WITH_WORD = 0.2, 0.05
ROWS_OF_SAMPLE = 5_000
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@rule("W1", "vocabulary-from-other-rows")
def vocabulary_from_other_rows(facts: Facts) -> Iterator[Mistake]:
    """A vocabulary that holds words which only validation or test rows have.

    Why: the model has a place for words that no training row teaches; the score of new texts,
        whose new words have none, is worse than that of the test.
    Fix: `layer.adapt(x_train)`: split first, and adapt on the training rows alone.
    Thread: keras-team/keras#7447, allenai/allennlp#1177
    """
    inside = [one._lookup_layer for one in facts.operations if isinstance(one, _Vectorization)]
    known = [
        one
        for one in facts.operations
        if isinstance(one, _Vectorization | layers.StringLookup)
        and not any(one is other for other in inside)
        and _can_read(one)
    ]
    others = {name: _text(split) for name, split in facts.splits[1:]}
    if not known or facts.train.note or not any(others.values()):
        return
    train = _text(facts.train)
    for layer in known:
        terms = [one.lower().translate(_NO_PUNCTUATION) for one in _terms(layer)]
        absent = [one for one in terms if one and one not in train]
        for name, text in others.items():
            found = [one for one in absent if one in text]
            if len(found) >= max(MIN_TERMS, FRACTION_FROM_OTHERS * len(absent)):
                yield warning(
                    f"the vocabulary of {layer.name!r} with terms that no training row holds and "
                    f"{name}rows do, such as {', '.join(map(repr, found[:MIN_TERMS]))}",
                    "a vocabulary of the training rows alone",
                    "split first, then layer.adapt(x_train)",
                )
                break


@rule("W2", "mask-lost")
def mask_lost(facts: Facts) -> Iterator[Mistake]:
    """A mask that a layer without masking drops.

    Why: `mask_zero=True` says which steps are padding. Conv1D, Flatten and GlobalMaxPooling1D do
        not pass that on: from there on the padding counts as words, and the output of a text
        depends on how far it is padded.
    Fix: `GlobalAveragePooling1D()` or a recurrent layer, which use the mask; before a convolution,
        `x = x * keras.ops.cast(keras.ops.not_equal(tokens, 0), "float32")[..., None]`.
    Thread: keras-team/keras#9311, keras-team/keras#12475
    """
    found = [
        layer.name
        for layer, model, mask in graph.losing_masks(facts.model)
        if _hides_steps(facts, model, mask)
    ]
    if found:
        yield warning(
            f"padded rows whose mask is dropped in {', '.join(map(repr, found[:3]))}",
            "layers that use the mask or pass it on",
            "GlobalAveragePooling1D or a recurrent layer in its place; before Conv1D, zero the "
            "padded steps: x * keras.ops.cast(keras.ops.not_equal(tokens, 0), 'float32')"
            "[..., None], with mask_zero=False",
        )


@rule("W3", "padding-is-a-word")
def padding_is_a_word(facts: Facts) -> Iterator[Mistake]:
    """Sequences that are padded with the number of a real word.

    Why: words numbered from 0, padded with 0: the model cannot tell the end of a text from that
        word; with `mask_zero=True` the word itself is dropped from every text.
    Fix: number the words from 1, and let `input_dim` be one more; 0 is for the padding.
    Thread: sararob/keras-wine-model#6, keras-team/keras#9637
    """
    for label, leaf, size in scaling.category_numbers(facts):
        if leaf.ndim != 2 or leaf.shape[1] < MIN_LENGTH:
            continue
        sample = leaf[reading.spread(len(leaf), ROWS_OF_SAMPLE)]
        for where, ordered in (("end", sample[:, ::-1]), ("start", sample)):
            if (found := _padding(ordered)) is not None:
                number, fraction = found
                yield warning(
                    f"{label} padded with {number:g} at the {where}, which stands within "
                    f"{fraction:.0%} of the rows too",
                    "a number for the padding that no word has",
                    f"number the words from 1, pad with 0, and Embedding({size + 1}, ...)",
                )
                break


@rule("W4", "text-layer-under-other-backend")
def text_layer_under_other_backend(facts: Facts) -> Iterator[Mistake]:
    """A text layer in a model that runs on JAX or PyTorch.

    Why: these have no strings; `TextVectorization` and `StringLookup` run by TensorFlow, outside
        the compiled step, and `fit` stops with an error about types.
    Fix: `data = data.map(lambda text, y: (vectorize(text), y))` in tf.data, and a model of numbers.
    Thread: keras-team/keras#18410, keras-team/keras#21255, keras-team/keras#22626
    """
    backend = keras.config.backend()
    names = [
        one.name
        for one in facts.operations
        if isinstance(one, _Vectorization | layers.StringLookup)
    ]
    if names and backend != "tensorflow":
        yield error(
            f"the text layer {names[0]!r} inside a model on the backend {backend!r}",
            "strings that become numbers before the model",
            f"data.map(lambda text, y: ({names[0]}(text), y)) of a tf.data.Dataset; or "
            "KERAS_BACKEND=tensorflow",
        )


def _can_read(layer: layers.TextVectorization | layers.StringLookup) -> bool:
    """Return whether the terms of a layer are words as the rows hold them."""
    changes = layer.get_config().get("standardize")
    return changes is None or isinstance(changes, str)


def _terms(layer: layers.TextVectorization | layers.StringLookup) -> list[str]:
    """Return terms of a vocabulary, evenly spread; of n-grams the single words."""
    words = [str(term) for term in layer.get_vocabulary()[1:]]
    if layer.get_config().get("ngrams"):
        words = [term for term in words if " " not in term]
    return [words[place] for place in reading.spread(len(words), TERMS_TO_FIND)]


def _text(split: Split) -> str:
    """Return all text of the inputs as one, without what a vocabulary has not."""
    texts: list[str] = []
    for _, leaf in split.x_leaves:
        if reading.is_text(leaf):
            cells = leaf.to_numpy() if isinstance(leaf, pd.DataFrame | pd.Series) else leaf
            texts += (
                one.decode(errors="replace") if isinstance(one, bytes) else str(one)
                for one in np.ravel(cells).tolist()
            )
    return "\n".join(texts).lower().translate(_NO_PUNCTUATION)


def _hides_steps(facts: Facts, model: keras.Model, mask: keras.KerasTensor) -> bool:
    """Return whether a mask hides a step of the first rows; of a model inside, that it may."""
    if model is not facts.model:
        return True
    few = running.first_batch(facts.model, facts.train)
    try:
        with running.undisturbed():
            found = keras.Model(model.inputs, mask, name="mask")(running.to_tensors(few.x))
    except Exception:  # whatever the user's own layers raise: another rule tells of it
        return False
    return not bool(keras.ops.convert_to_numpy(found).all())


def _padding(ordered: np.ndarray) -> tuple[float, float] | None:
    """Return the number that rows begin with, and the fraction of rows that it stands within.

    Args:
        ordered: Rows of numbers, the side first that may be padded.

    Returns:
        None where rows are not padded, or with a number of its own.
    """
    values, counts = np.unique(ordered[:, 0], return_counts=True)
    number = values[counts.argmax()]
    same = ordered == number
    is_run = np.cumprod(same, axis=1).astype(bool)
    runs = is_run.sum(axis=1)
    inside = same & ~is_run
    common = inside.sum() / max(1, (~is_run).sum())  # of a word by itself
    padded = (runs >= MIN_RUN).mean()
    if padded < max(MIN_PADDED, MIN_RUN * common**MIN_RUN) or len(np.unique(runs)) < MIN_RUN:
        return None
    fraction = float(inside.any(axis=1).mean())
    return (float(number), fraction) if fraction >= MIN_WITH_WORD else None
