"""The layers that take raw columns: what they learn from training rows, what they make of them."""

import keras
import numpy as np
import pandas as pd
import pytest

from keras_recipes import problems, training
from keras_recipes.data import columns
from keras_recipes.data.splits import Split
from keras_recipes.features import baselines, parts, tables

NAN = float("nan")


def rows_of(x):
    return Split(x, np.arange(len(x)))


def made(x, y=None, max_categories=10, **settings):
    """A model for a table, adapted to it."""
    words = tables.categories(x)
    described = x.shape[1] - len(words), [x[name].nunique() for name in words], max_categories
    settings = {
        "num_bins": 4,
        "embedding_size": 2,
        "ensemble_size": 3,
        "hidden_units": (8,),
        "dropout": 0.0,
        **settings,
    }
    problem = problems.regression("euros")
    model = tables.serving(
        tables.encoder(*described), tables.network(problem, *described, **settings)
    )
    training.adapt(model, problem, Split(x, np.arange(len(x)) if y is None else y))
    return model


def test_numbers_are_centred_and_missing_ones_are_marked():
    x = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, 4.0, NAN], "b": [5.0] * 6, "c": [NAN] * 6})
    encoded = parts.of(made(x)).encode(rows_of(x))
    numbers, missing = encoded[:, :3], encoded[:, 3:]
    np.testing.assert_allclose(numbers[:5, 0], [-2, -1, 0, 1, 2] / np.std([1, 2, 3]), rtol=1e-5)
    assert numbers[5, 0] == 0, "a missing number counts as the median"
    assert not numbers[:, 1:].any(), "a column of one value, or of none, says nothing"
    np.testing.assert_array_equal(missing, x.isna())


def test_numbers_far_away_do_not_reach_the_network():
    x = pd.DataFrame({"a": np.linspace(0.0, 1.0, 50)})
    model = made(x)
    far = parts.of(model).encode(rows_of(pd.DataFrame({"a": [1e30, -1e30]})))
    np.testing.assert_array_equal(far[:, 0], [tables.FARTHEST, -tables.FARTHEST])
    assert np.isfinite(parts.of(model).predict(pd.DataFrame({"a": [1e30, -1e30]}))).all()


@pytest.mark.parametrize(
    ("max_categories", "expected"),
    [
        # a, b, c, d have a column each; words never seen have none.
        (4, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]),
        # One column for all rare ones, those never seen among them; then a and b.
        (2, [[0, 1, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]]),
    ],
)
def test_words_become_columns_and_rare_ones_share_one(max_categories, expected):
    x = pd.DataFrame({"w": list("aaabbcd")})
    rows = pd.DataFrame({"w": ["a", "b", "c", "never", "d"]})
    numbers = parts.of(made(x, max_categories=max_categories)).encode(rows_of(rows))
    np.testing.assert_array_equal(tables.one_hot(numbers, [4], max_categories), expected)


STRANGE = ["a", " ", "한국", 'say "hi"', "a,b", "tab\t", "x" * 5000]
UNSAVED = ["two\nlines", "\r", "a\u2028b", "[UNK]"]


@pytest.mark.parametrize(
    "words", [[*STRANGE, *UNSAVED, ""], ["b", "b", ""], [""], ["two\nlines"], ["a"]]
)
def test_a_saved_model_knows_the_same_words(words):
    x = pd.DataFrame({"w": words * 3, "number": 1.0})
    model = made(x)
    model.save("model.keras")
    loaded = keras.models.load_model("model.keras")
    parts.attach(loaded, tables.TableParts)
    np.testing.assert_array_equal(
        parts.of(loaded).encode(rows_of(x.copy())), parts.of(model).encode(rows_of(x))
    )
    np.testing.assert_array_equal(parts.of(loaded).predict(x), parts.of(model).predict(x))


def test_strange_words_have_columns_unless_they_cannot_be_saved():
    words = [*STRANGE, *UNSAVED, ""]
    x = pd.DataFrame({"w": words * 3})
    numbers = parts.of(made(x, max_categories=100)).encode(rows_of(x))[: len(words), 0]
    assert len(set(numbers)) == len(STRANGE) + len([""]) + 1
    assert not numbers[len(STRANGE) : -1].any(), "they count as unknown"


def test_pieces_tell_how_far_a_number_has_come():
    x = pd.DataFrame({"a": np.arange(101.0), "b": [7.0] * 101})
    model = made(x, num_bins=4)
    network = model.get_layer("network")
    place, cut = network.get_layer("bins"), keras.layers.ReLU(max_value=1.0)
    pieces = np.asarray(cut(place(parts.of(model).encode(rows_of(x))[:, :2])))
    far = pieces[:, 0].sum(axis=1)
    np.testing.assert_allclose(far[[0, 25, 60, 100]], [0, 1, 2.4, 4], atol=1e-3)
    assert (np.diff(far) > 0).all()
    assert not pieces[:, 1].any(), "a column of one value has no pieces"


def test_members_differ_and_their_mean_is_the_prediction():
    x = pd.DataFrame({"a": np.arange(20.0)})
    model = made(x, ensemble_size=3)
    members = np.asarray(model.get_layer("network")(parts.of(model).encode(rows_of(x))))
    assert members.shape == (20, 3)
    assert members.std(axis=1).min() > 0
    np.testing.assert_allclose(parts.of(model).predict(x)[:, 0], members.mean(axis=1), rtol=1e-5)


def test_what_was_made_of_a_table_is_made_once():
    x, other = pd.DataFrame({"a": np.arange(20.0)}), pd.DataFrame({"a": np.arange(20.0) ** 2})
    first, again = made(x), made(x)
    rows = rows_of(x)
    assert parts.of(first).encode(rows) is parts.of(again).encode(rows)
    elsewhere = parts.of(made(other)).encode(rows_of(x))
    assert np.abs(elsewhere - parts.of(first).encode(rows)).max() > 0.1, "by what it has learned"


@pytest.mark.second_tier
def test_thousands_of_columns_are_embedded_and_predicted_in_less_memory(monkeypatch):
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 12)))
    whole = parts.of(model := made(x)).predict(x)
    monkeypatch.setattr(tables, "MAX_VALUES_AT_ONCE", 200)
    np.testing.assert_allclose(parts.of(model).predict(x), whole, rtol=1e-5)  # float32 rounding
    monkeypatch.setattr(tables, "MAX_EMBEDDED", 20)
    narrow = made(x).get_layer("network")
    assert narrow.get_layer("line").output.shape[1:] == (12, 1)
    assert model.get_layer("network").get_layer("line").output.shape[1:] == (12, 2)


@pytest.mark.parametrize("words", [("yes", "no"), ("매우 좋아요", "별로예요"), ("", "")])
def test_baselines_learn_from_texts_of_few_words(words):
    numbers = np.linspace(0.0, 1.0, 20).repeat(2)  # the first two rows differ in their text alone
    x = pd.DataFrame({"a": numbers, "text": [words[n % 2] for n in range(40)]})
    x = x.astype({"text": columns.text_dtype()})
    y = np.arange(40) % 2
    for make in (baselines.of_ordinals, lambda *rows: baselines.of_columns(*rows, True)):
        made = make(Split(x, y), x)
        (test,) = made.pieces
        np.testing.assert_allclose(test, made.x)
        assert np.isfinite(test).all()
        is_told = abs(made.x[0] - made.x[1]).max() > 0.5
        assert is_told == (words[0] != words[1])
