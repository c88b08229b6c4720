"""The check on texts: vocabularies, masks, padding, and right models of each."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from keras_recipes import checks
from keras_recipes.data.synthetic import sentences

RNG = np.random.default_rng(0)
Y = (RNG.random(300) < 0.5).astype("int32")
LENGTHS = RNG.integers(3, 20, 300)
STEPS = np.arange(20)
# Words 1 to 29, behind the end of a text 0.
TOKENS = np.where(LENGTHS[:, None] > STEPS, RNG.integers(1, 30, (300, 20)), 0)
# Words 0 to 29, behind the end of a text 0.
FROM_ZERO = np.where(LENGTHS[:, None] > STEPS, RNG.integers(0, 30, (300, 20)), 0)


@pytest.fixture(autouse=True)
def _same_names():
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


def compiled(inputs, hidden):
    made = keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))
    made.compile("adam", "binary_crossentropy")
    return made


def of_tokens(*inside, mask=True, size=30):
    inputs = keras.Input((20,), dtype="int32")
    hidden = layers.Embedding(size, 4, mask_zero=mask)(inputs)
    for layer in inside:
        hidden = layer(hidden)
    return compiled(inputs, hidden)


def found(model, x=TOKENS, y=Y, *others, **settings):
    findings = checks.check(model, x, y, *others, epochs=9, **settings)
    assert not [note for note in findings.notes if "could not be judged" in note]
    return [one for one in findings if one.id.startswith("W")]


def ids(*arguments, **settings):
    return [(one.id, one.level) for one in found(*arguments, **settings)]


# --- the vocabulary -----------------------------------------------------------------------------

TEXTS = [f"{text} It cost {n}d{n}." for n, text in enumerate(sentences.draw(300)["text"])]
TEXTS = np.array(TEXTS, dtype=object)
TRAIN, VALIDATION, TEST = slice(180), slice(180, 240), slice(240, None)


def of_texts(adapted_on, **settings):
    words = layers.TextVectorization(**{"output_mode": "multi_hot", **settings}, name="words")
    words.adapt(TEXTS[adapted_on])
    inputs = keras.Input((1,), dtype="string")
    return compiled(inputs, words(inputs))


def split_of(rows):
    return TEXTS[rows][:, None], Y[rows]


@pytest.mark.parametrize(
    ("adapted_on", "settings", "wrong"),
    [
        (slice(None), {}, True),
        (slice(240), {}, True),
        (slice(None), {"ngrams": 2}, True),
        (slice(None), {"max_tokens": 900, "standardize": "lower"}, True),
        (TRAIN, {}, False),
        (TRAIN, {"ngrams": 2}, False),
        (slice(None), {"max_tokens": 20}, False),  # common words, which training has too
    ],
)
def test_vocabulary_is_of_the_training_rows(adapted_on, settings, wrong):
    model = of_texts(adapted_on, **settings)
    said = ids(model, *split_of(TRAIN), split_of(VALIDATION), test_data=split_of(TEST))
    assert said == ([("W1", "warning")] if wrong else [])


def test_words_of_others_are_named():
    (one,) = found(of_texts(slice(None)), *split_of(TRAIN), split_of(VALIDATION))
    assert "the vocabulary of 'words' with terms that no training row holds and validation" in str(
        one
    )
    assert "layer.adapt(x_train)" in one.fix


def test_general_vocabulary_is_no_leak():
    words = [f"general{number}" for number in range(5_000)]
    vocabulary = [*words, *(f"{n}d{n}" for n in range(180, 240, 2))]
    lookup = layers.TextVectorization(output_mode="multi_hot", vocabulary=vocabulary)
    inputs = keras.Input((1,), dtype="string")
    model = compiled(inputs, lookup(inputs))
    assert ids(model, *split_of(TRAIN), split_of(VALIDATION)) == []


@pytest.mark.parametrize(("adapted_on", "wrong"), [(slice(None), True), (TRAIN, False)])
def test_categories_are_those_of_the_training_rows(adapted_on, wrong):
    cities = pd.DataFrame({"city": [f"city {n // 3}" for n in range(300)]})
    lookup = layers.StringLookup(output_mode="multi_hot")
    lookup.adapt(cities["city"][adapted_on].to_numpy()[:, None])
    inputs = keras.Input((1,), dtype="string", name="city")
    model = compiled(inputs, lookup(inputs))
    x, rest = ({"city": cities[["city"]].to_numpy()[one]} for one in (TRAIN, VALIDATION))
    said = ids(model, x, Y[TRAIN], (rest, Y[VALIDATION]))
    assert said == ([("W1", "warning")] if wrong else [])


# --- the mask -----------------------------------------------------------------------------------


def zeroed():
    """A convolution over embeddings whose padding is zeroed by hand."""
    inputs = keras.Input((20,), dtype="int32")
    is_token = keras.ops.cast(keras.ops.not_equal(inputs, 0), "float32")[..., None]
    hidden = layers.Embedding(30, 4)(inputs) * is_token
    return compiled(inputs, layers.GlobalMaxPooling1D()(layers.Conv1D(4, 3)(hidden)))


def inner():
    inputs = keras.Input((20,), dtype="int32")
    embedded = layers.Embedding(30, 4, mask_zero=True)(inputs)
    return keras.Model(inputs, layers.Flatten()(embedded))


def nested():
    inputs = keras.Input((20,), dtype="int32")
    return compiled(inputs, inner()(inputs))


def recurrent():
    return of_tokens(layers.LayerNormalization(), layers.Bidirectional(layers.GRU(2)))


@pytest.mark.parametrize(
    ("model", "x", "wrong"),
    [
        (lambda: of_tokens(layers.Conv1D(4, 3), layers.GlobalMaxPooling1D()), TOKENS, True),
        (lambda: of_tokens(layers.Flatten()), TOKENS, True),
        (lambda: of_tokens(layers.Dropout(0.1), layers.GlobalMaxPooling1D()), TOKENS, True),
        (nested, TOKENS, True),
        (lambda: of_tokens(layers.Flatten()), RNG.integers(1, 30, (300, 20)), False),  # not padded
        (lambda: of_tokens(layers.Flatten(), mask=False), TOKENS, False),
        (lambda: of_tokens(layers.GlobalAveragePooling1D()), TOKENS, False),
        pytest.param(recurrent, TOKENS, False, marks=pytest.mark.second_tier),
        (zeroed, TOKENS, False),
    ],
)
@pytest.mark.filterwarnings("ignore:Layer .* destroy the mask")
def test_mask_reaches_what_needs_it(model, x, wrong):
    assert ids(model(), x) == ([("W2", "warning")] if wrong else [])


# --- the padding --------------------------------------------------------------------------------


def average(size=30):
    return of_tokens(layers.GlobalAveragePooling1D(), size=size)


@pytest.mark.parametrize(
    ("x", "wrong"),
    [
        (FROM_ZERO, True),
        (FROM_ZERO[:, ::-1], True),
        (np.where(TOKENS == 0, 7, TOKENS), True),
        (TOKENS, False),
        (TOKENS[:, ::-1], False),
        (RNG.integers(0, 30, (300, 20)), False),  # nothing is padded
        (RNG.integers(0, 2, (300, 20)), False),  # codes of two values
    ],
)
def test_padding_is_no_word(x, wrong):
    assert ids(average(), x) == ([("W3", "warning")] if wrong else [])


def test_number_and_place_of_the_padding_are_named():
    (one,) = found(average(), FROM_ZERO)
    assert "x padded with 0 at the end, which stands within" in str(one)
    assert "Embedding(31, ...)" in one.fix


# --- the backend --------------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "wrong"), [("jax", True), ("tensorflow", False)])
def test_text_layer_needs_tensorflow(monkeypatch, backend, wrong):
    model = of_texts(TRAIN)
    monkeypatch.setattr(keras.config, "backend", lambda: backend)
    assert ids(model, *split_of(TRAIN)) == ([("W4", "error")] if wrong else [])
    assert ids(average()) == []
