"""The check on what a model was compiled with, on its first step, and on data that come late."""

import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import mistakes
from keras_recipes import checks
from keras_recipes.errors import InputError

X, CLASSES = mistakes.rows()
NUMBERS = mistakes.numbers()
layers = keras.layers


def network(units=1, activation=None, shape=(4,)):
    return keras.Sequential([keras.Input(shape), layers.Dense(units, activation)])


def two_outputs(**settings):
    inputs = keras.Input((4,))
    made = {name: layers.Dense(1, name=name)(inputs) for name in "ab"}
    model = keras.Model(inputs, made)
    model.compile("adam", {"a": "mse", "b": "mse"}, **settings)
    return model


def ids(found):
    return [one.id for one in found]


def positional():
    model = network(3, "softmax")
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model, CLASSES


def of_two(**settings):
    return two_outputs(**settings), {"a": NUMBERS, "b": NUMBERS}


def of_one(loss="mse", metrics=(), activation=None, y=NUMBERS):
    model = network(1, activation)
    model.compile("adam", loss, metrics=list(metrics))
    return model, y


def without_a_return(y, predicted):
    keras.ops.mean(y - predicted)


@pytest.mark.second_tier
@pytest.mark.parametrize(
    ("make", "received", "fix"),
    [
        (positional, "loss_weights=['accuracy']", "model.compile(optimizer, loss, metrics=[...])"),
        (lambda: of_two(loss_weights=[1.0]), "got 2 losses and 1 weights", "=[1.0, 1.0]"),
        (lambda: of_two(metrics={"c": ["mae"]}), "'c'", "metrics as {'a': ..., 'b': ...}"),
        (lambda: of_two(metrics=["mae"]), "metrics on which", "metrics as {'a': ..., 'b': ...}"),
        (lambda: of_one("rmse"), "loss identifier: rmse", "loss='mse'"),
        (lambda: of_one(without_a_return), "None values", "loss='mse' for numbers"),
        (lambda: of_one(metrics=["rmse"]), "identifier: rmse", "keras.metrics.RootMean"),
        (
            lambda: of_one("binary_crossentropy", ["f1_score"], "sigmoid", CLASSES == 1),
            "FBetaScore expects 2D",
            "y = np.reshape(y, (len(y), -1))",
        ),
    ],
)
def test_what_keras_would_refuse_in_fit(make, received, fix):
    model, y = make()
    with pytest.raises((ValueError, TypeError)):
        make()[0].fit(X, y, verbose=0)
    (found,) = checks.check(model, X, y)
    assert (found.id, found.level) == ("H20", "error")
    assert received in found.received
    assert fix in found.fix


def test_targets_by_name_for_outputs_in_a_list():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [layers.Dense(1, name=name)(inputs) for name in "ab"])
    model.compile("adam", {"a": "mse", "b": None})
    y = {"a": NUMBERS}
    (found,) = checks.check(model, X, y)
    assert found.id == "H20"
    names = {"y": y}
    exec(found.fix, names)
    assert not checks.check(model, X, names["y"])


@pytest.mark.second_tier
def test_metrics_keep_their_names_and_numbers():
    """Looking at the metrics makes others of their kind, of which nothing must remain."""

    def names(look):
        keras.backend.clear_session(free_memory=False)
        own = keras.metrics.MeanAbsoluteError()
        model, y = of_one("binary_crossentropy", ["AUC", own], "sigmoid", CLASSES == 1)
        found = checks.check(model, X, y) if look else []
        assert not found
        model.fit(X, y, verbose=0)
        return [metric.name for metric in model.metrics] + list(model.history.history)

    assert names(look=True) == names(look=False)


def reader():
    """A subclassed model, whose Embedding stands in no graph."""

    class Reader(keras.Model):
        def __init__(self):
            super().__init__()
            self.inside = [layers.Embedding(9, 2), layers.Flatten(), layers.Dense(1)]

        def call(self, x):
            for layer in self.inside:
                x = layer(x)
            return x

    model = Reader()
    model.compile("adam", "mse")
    return model


def test_first_step_that_fails():
    words = np.arange(400).reshape(200, 2) % 10
    found = checks.check(reader(), words, NUMBERS)
    assert ids(found) == ["P3"]
    assert "= 9 is not in [0, 9)" in found[0].received
    assert "input_dim=10" in found[0].fix
    assert not checks.check(reader(), words % 9, NUMBERS)


def test_loss_that_is_no_number():
    counts = np.abs(CLASSES).astype("float32")
    found = checks.check(*of_one_with_data("poisson", counts))
    assert ids(found) == ["P3"]
    assert "a loss of nan" in found[0].received
    assert "activation='exponential'" in found[0].fix
    assert not checks.check(*of_one_with_data("poisson", counts, "exponential"))


def of_one_with_data(loss, y, activation=None):
    return of_one(loss, activation=activation, y=y)[0], X, y


def test_loss_of_ones_own_gets_its_targets_as_keras_gives_them():
    """Class numbers come to it as float32: a difference of them and the outputs is no fault."""
    found = checks.check(*of_one_with_data(lambda y, p: keras.ops.mean((y - p) ** 4), CLASSES))
    assert not found
    assert len(found.notes) == 1  # no rule says what goes with this loss


def test_class_weights_of_a_regression():
    found = checks.check(*of_one_with_data("mse", NUMBERS), class_weight={0: 1.0, 1: 2.0})
    assert ids(found) == ["D10"]
    assert "sample_weight" in found[0].fix


def test_steps_that_a_masking_layer_leaves_out_are_not_counted():
    x = np.random.default_rng(0).normal(size=(200, 6, 3)).astype("float32")
    x[:, 4:] = -999.0
    for mask, wanted in ((-999.0, []), (0.0, ["D3"])):
        inside = [layers.Masking(mask), layers.LSTM(2), layers.Dense(1)]
        model = keras.Sequential([keras.Input((6, 3)), *inside])
        model.compile("adam", "mse")
        assert ids(checks.check(model, x, NUMBERS)) == wanted


def late(wait, lengths=(4, 4), classes=CLASSES):
    """A data set of 20 batches that come slowly, of rows as long as wanted."""

    def batches():
        for number in range(20):
            time.sleep(wait)
            rows = slice(number * 10, number * 10 + 10)
            yield X[rows, : lengths[number % 2]], classes[rows]

    shapes = (tf.TensorSpec((None, None)), tf.TensorSpec((None,), "int32"))
    return tf.data.Dataset.from_generator(batches, output_signature=shapes)


def classifier(shape=(4,)):
    model = keras.Sequential([keras.Input(shape), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_first_batch_may_come_late():
    found = checks.check(classifier(), late(0.2))
    assert not found
    assert list(found.notes) == ["the data were judged by their first 10 rows"]


def test_few_rows_of_a_stream_say_nothing_about_classes():
    found = checks.check(classifier(), late(0.05, classes=np.sort(CLASSES)))
    assert not found
    assert "first" in found.notes[0]


def test_batches_of_sequences_may_differ_in_length():
    model = keras.Sequential([layers.Reshape((-1, 1)), layers.GRU(2), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    assert not checks.check(model, late(0, lengths=(4, 3)))


def lstm():
    model = keras.Sequential([layers.LSTM(2), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def inputs(count):
    given = [keras.Input((2,), name=f"in_{n}") for n in range(count)]
    model = keras.Model(given, layers.Dense(1)(layers.Concatenate()(given)))
    model.compile("adam", "mse")
    return model


def pictures():
    shape = keras.Input((2, 2, 1))
    model = keras.Model(shape, layers.Dense(1)(layers.Flatten()(layers.Conv2D(2, 2)(shape))))
    model.compile("adam", "mse")
    return model


def regression():
    return of_one()[0]


@pytest.mark.parametrize(
    ("make", "x", "y"),
    [
        (pictures, X, NUMBERS),
        (pictures, X[0].reshape(2, 2, 1), NUMBERS[:1]),
        (lstm, X, NUMBERS),
        (lambda: inputs(2), X, NUMBERS),
        (regression, NUMBERS, X),
        (regression, X, NUMBERS[None]),
        (regression, [list(row) for row in X], NUMBERS),
    ],
)
def test_change_to_a_shape_leads_to_what_is_right(make, x, y):
    found = checks.check(make(), x, y)
    shapes = [one for one in found if one.id in ("D7", "D8") and "keep" not in one.fix]
    names = {"x": x, "y": y, "np": np}
    exec(shapes[0].fix.partition(", which")[0], names)
    left = ids(checks.check(make(), names["x"], names["y"]))
    assert "D7" not in left
    assert "D8" not in left
    assert "H13" not in left


def test_model_that_has_taken_a_shape_is_to_be_made_anew():
    model = lstm()
    assert "x[..., None]" in checks.check(model, X, NUMBERS)[0].fix
    assert "make the model anew" in checks.check(model, X[..., None], NUMBERS)[0].fix


def test_rules_to_leave_out_are_known():
    with pytest.raises(
        InputError, match="'X9', expected ids or names of rules, such as 'D3' or 'sca"
    ):
        checks.check(regression(), X, NUMBERS, ignore=["D3", "X9"])
    with pytest.raises(InputError, match="ignore: received 'scaling/none', expected ids or names"):
        checks.check_trained({}, ignore=["scaling/inputs-not-scaled", "scaling/none"])


def test_parts_of_a_split_in_another_order():
    x, y = X[:150], X[150:]  # x_train, y_train, x_test, y_test = train_test_split(x, y)
    found = checks.check(regression(), x, y, (NUMBERS[:150], NUMBERS[150:]))
    fixes = [one.fix for one in found if one.id == "D8"]
    assert fixes[0].startswith("x_train, x_test, y_train, y_test = train_test_split(x, y)")


def test_one_hot_labels_of_classes_from_one():
    y = keras.utils.to_categorical(CLASSES + 1)
    for target, units, wanted in ((y, 4, ["H3"]), (y[:, 1:], 3, [])):
        model = network(units, "softmax")
        model.compile("adam", "categorical_crossentropy")
        assert ids(checks.check(model, X, target)) == wanted
