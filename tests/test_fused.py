"""Hold `fused.fit` against `model.fit`: the same batches must give the same training."""

import copy
import functools
import gc
import inspect
import logging
import pathlib
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import epochs
from keras_recipes.training import fused
from keras_recipes.training.fused import (
    eligibility,
    engine,
    programs,
    randomness,
    recurrent,
    structure,
)

layers, losses, metrics, optimizers = keras.layers, keras.losses, keras.metrics, keras.optimizers

RNG = np.random.default_rng(0)
ROWS, COLUMNS = 70, 6  # with batches of 32, the last one is short
X = RNG.normal(size=(ROWS, COLUMNS)).astype("float32")
SCORES = X @ RNG.normal(size=(COLUMNS, 3)) + RNG.normal(size=(ROWS, 3))
CLASSES = SCORES.argmax(axis=1)
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
BINARY = (SCORES[:, :1] > 0).astype("float32")
MANY_LABELS = (SCORES > 0).astype("float32")


@pytest.fixture(autouse=True)
def _fresh_state():
    programs._structures.clear()
    eligibility._said.clear()
    keras.utils.set_random_seed(1)


@pytest.fixture
def by_xla(monkeypatch):
    """Let XLA compile every training, however short."""
    monkeypatch.setattr(engine, "use_xla", lambda *_: True)


def network(*body, outputs=1, activation="sigmoid", inputs=(COLUMNS,), **compiled):
    """Compile a Sequential model, with the same weights at each call."""
    keras.utils.set_random_seed(3)
    body = [make() for make in body]
    model = keras.Sequential(
        [keras.Input(inputs), *body, layers.Dense(outputs, activation=activation)]
    )
    model.compile(**{"optimizer": "adam", "loss": "binary_crossentropy"} | compiled)
    return model


def hidden():
    return layers.Dense(5, activation="relu")


def assert_same_training(make, x, y, tolerance=1e-5, **arguments):
    """Train the model that `make` gives by Keras and by `fused`, and compare all that results.

    Callbacks are given as a function that makes them.
    """
    arguments = {"batch_size": 32, "epochs": 3, "shuffle": False, "verbose": 0} | arguments
    make_callbacks = arguments.pop("callbacks", list)
    models, histories = [], []
    for fit in (keras.Model.fit, fused.fit):
        models.append(make())
        keras.utils.set_random_seed(5)
        histories.append(fit(models[-1], x, y, callbacks=make_callbacks(), **arguments))
    assert not eligibility._said, f"left to model.fit: {eligibility._said}"
    stock, ours = histories
    assert ours.epoch == stock.epoch
    assert list(ours.history) == list(stock.history)
    for name in stock.history:
        np.testing.assert_allclose(
            ours.history[name], stock.history[name], rtol=tolerance, atol=1e-6, err_msg=name
        )
    for expected, got in zip(*map(structure.variables, models), strict=True):
        if expected.dtype != "string":
            np.testing.assert_allclose(
                got.numpy(), expected.numpy(), rtol=tolerance, atol=tolerance, err_msg=got.path
            )
    return models[1], histories[1]


# Layers


def adapted():
    layer = layers.Normalization()
    layer.adapt(X)
    return layer


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "body",
    [
        (hidden, layers.BatchNormalization, hidden, layers.LayerNormalization),
        (lambda: layers.Dropout(0.3), hidden, lambda: layers.GaussianNoise(0.2), hidden),
        (lambda: layers.GaussianDropout(0.2), lambda: layers.AlphaDropout(0.2), hidden),
        (adapted, lambda: layers.Dense(4, kernel_regularizer="l2", activity_regularizer="l1")),
    ],
    ids=["normalisation", "noise", "more-noise", "regularisers"],
)
def test_each_kind_of_dense_network_trains_the_same(body):
    assert_same_training(
        lambda: network(*body, metrics=["accuracy"]),
        X,
        BINARY,
        validation_data=(X[:40], BINARY[:40]),
    )


@pytest.mark.second_tier
def test_a_convolutional_network_trains_the_same():
    body = (
        lambda: layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D,
        lambda: layers.SpatialDropout2D(0.2),
        layers.Flatten,
    )
    x = RNG.normal(size=(ROWS, 8, 8, 2)).astype("float32")
    assert_same_training(lambda: network(*body, inputs=(8, 8, 2)), x, BINARY)


@pytest.mark.second_tier
def test_an_embedding_and_a_recurrent_layer_train_the_same():
    body = (
        lambda: layers.Embedding(20, 4, mask_zero=True),
        lambda: layers.SpatialDropout1D(0.2),
        lambda: layers.GRU(3),
    )
    x = RNG.integers(0, 20, (ROWS, 5))
    assert_same_training(
        lambda: network(*body, inputs=(5,)), x, BINARY, validation_data=(x[:40], BINARY[:40])
    )


@pytest.mark.second_tier
def test_images_of_bytes_train_the_same():
    body = (lambda: layers.Rescaling(1 / 255), layers.Flatten, hidden)
    x = RNG.integers(0, 256, (ROWS, 4, 4), dtype=np.uint8)
    assert_same_training(lambda: network(*body, inputs=(4, 4)), x, BINARY)


def two_inputs_and_outputs():
    keras.utils.set_random_seed(3)
    inputs = {"a": keras.Input((COLUMNS,), name="a"), "b": keras.Input((3,), name="b")}
    joined = layers.Concatenate()(list(inputs.values()))
    outputs = {
        "one": layers.Dense(1, name="one")(joined),
        "two": layers.Dense(3, activation="softmax", name="two")(joined),
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        "adam",
        loss={"one": "mse", "two": "sparse_categorical_crossentropy"},
        loss_weights={"one": 0.3, "two": 1.0},
        metrics={"two": ["accuracy"]},
    )
    return model


@pytest.mark.second_tier
def test_several_inputs_and_outputs_train_the_same():
    x = {"a": X, "b": X[:, :3]}
    y = {"one": SCORES[:, 0], "two": CLASSES}
    assert_same_training(two_inputs_and_outputs, x, y, validation_data=(x, y))


class Doubled(keras.Model):
    """A caller's own class, with a layer whose state only Keras's machinery knows."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return 2 * self.dense(x)


def make_doubled():
    keras.utils.set_random_seed(3)
    model = Doubled()
    model.compile("sgd", "mse", metrics=["mae"])
    return model


@pytest.mark.second_tier
def test_a_callers_own_model_trains_the_same_and_is_let_go():
    assert_same_training(make_doubled, X, SCORES[:, :1])
    model = make_doubled()
    for _ in range(2):
        fused.fit(model, X, SCORES[:, :1], verbose=0)
    assert not programs._structures
    assert len(programs._of_one_model[model.metrics[0]]) == 1
    dead = weakref.ref(model)
    del model
    gc.collect()
    assert dead() is None


@pytest.mark.second_tier
def test_mixed_precision_trains_the_same():
    def make():
        policy = keras.DTypePolicy("mixed_bfloat16")
        return network(lambda: layers.Dense(5, activation="relu", dtype=policy))

    assert_same_training(make, X, BINARY, tolerance=1e-2)


@pytest.mark.second_tier
@pytest.mark.parametrize("kind", ["xla", "graph"])
def test_random_layers_in_mixed_precision_stay_in_one_program(kind, monkeypatch, caplog):
    monkeypatch.setattr(engine, "use_xla", lambda *told: kind == "xla")
    policy = keras.DTypePolicy("mixed_bfloat16")
    hidden = (layers.Dropout(0.3, dtype=policy), layers.GaussianNoise(0.1, dtype=policy))
    model = network(lambda: keras.Sequential([layers.Dense(5, dtype=policy), *hidden]))
    fused.fit(model, X, BINARY, epochs=2, verbose=0)
    assert not caplog.records


# Losses and metrics


# Output -> (units, activation, targets, loss, metrics); each rule of the problem table is here.
RULES = {
    "smoothed": (1, "sigmoid", BINARY, losses.BinaryCrossentropy(label_smoothing=0.1), ["AUC"]),
    "logit": (1, None, BINARY, losses.BinaryCrossentropy(from_logits=True), ["accuracy"]),
    "classes": (3, "softmax", CLASSES, "sparse_categorical_crossentropy", ["accuracy"]),
    "logits": (
        *(3, None, CLASSES, losses.SparseCategoricalCrossentropy(from_logits=True)),
        ["accuracy", metrics.SparseTopKCategoricalAccuracy(2)],
    ),
    "one_hot": (
        *(3, "softmax", ONE_HOT, losses.CategoricalCrossentropy(label_smoothing=0.2)),
        ["accuracy", metrics.F1Score(average="macro")],
    ),
    "number": (1, None, SCORES[:, :1], "mse", ["mae", metrics.RootMeanSquaredError()]),
    "numbers": (3, None, SCORES, losses.Huber(reduction="sum"), [metrics.R2Score()]),
    "labels": (3, "sigmoid", MANY_LABELS, "binary_crossentropy", ["binary_accuracy"]),
}


def model_of_all_rules():
    keras.utils.set_random_seed(3)
    inputs = keras.Input((COLUMNS,))
    outputs = {
        name: layers.Dense(units, activation, name=name)(inputs)
        for name, (units, activation, *_) in RULES.items()
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        "adam",
        loss={name: rule[3] for name, rule in RULES.items()},
        # Copies: a metric object keeps its counts.
        metrics={name: copy.deepcopy(rule[4]) for name, rule in RULES.items()},
    )
    return model


@pytest.mark.second_tier
def test_each_loss_and_metric_is_the_same():
    y = {name: rule[2] for name, rule in RULES.items()}
    assert_same_training(model_of_all_rules, X, y, epochs=2, validation_data=(X, y))


@pytest.mark.second_tier
@pytest.mark.parametrize("rule", ["smoothed", "logits", "numbers"])
def test_evaluation_of_many_rows_at_once_is_the_same(rule):
    units, activation, y, loss, measures = RULES[rule]

    def make():
        compiled = {"loss": loss, "metrics": copy.deepcopy(measures)}
        return network(outputs=units, activation=activation, **compiled)

    model, history = assert_same_training(make, X, y, validation_data=(X[:50], y[:50]), epochs=2)
    again = model.evaluate(X[:50], y[:50], batch_size=32, verbose=0, return_dict=True)
    for name, value in again.items():
        assert history.history[f"val_{name}"][-1] == pytest.approx(value, rel=1e-5)


# Optimizers


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda: optimizers.SGD(0.1),
        lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda: optimizers.Adagrad(0.1, clipvalue=0.1),
        lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        lambda: optimizers.Adam(0.01, amsgrad=True, clipnorm=0.2),
        lambda: optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.2),
        lambda: optimizers.Nadam(optimizers.schedules.CosineDecay(0.01, 8)),
        lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4),
        lambda: optimizers.SGD(0.1, gradient_accumulation_steps=2),
    ],
    ids=[
        "sgd",
        "momentum",
        "adagrad",
        "rmsprop",
        "adam",
        "adamw",
        "nadam-schedule",
        "ema",
        "accumulation",
    ],
)
def test_each_optimizer_is_the_same(make_optimizer):
    model, _ = assert_same_training(lambda: network(optimizer=make_optimizer()), X, BINARY)
    assert int(model.optimizer._iterations) == 9


# XLA


@pytest.mark.second_tier
def test_the_same_training_compiled_by_xla(by_xla):
    body = (
        *(adapted, hidden, layers.BatchNormalization),
        *(lambda: layers.Dense(4, kernel_regularizer="l2"), layers.LayerNormalization),
    )
    assert_same_training(
        lambda: network(*body, optimizer="adamw", metrics=["accuracy"]),
        X,
        BINARY,
        validation_data=(X[:40], BINARY[:40]),
        sample_weight=np.linspace(0, 2, ROWS),
        tolerance=2e-5,
    )


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda: optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5),
        lambda: optimizers.RMSprop(optimizers.schedules.ExponentialDecay(0.01, 2, 0.9)),
        lambda: optimizers.Adam(0.01, use_ema=True),
        lambda: optimizers.Adagrad(0.1, gradient_accumulation_steps=2),
    ],
    ids=["momentum", "rmsprop-schedule", "ema", "accumulation"],
)
def test_optimizers_compiled_by_xla_are_the_same(by_xla, make_optimizer):
    assert_same_training(
        lambda: network(
            outputs=3,
            activation=None,
            loss=losses.SparseCategoricalCrossentropy(from_logits=True),
            optimizer=make_optimizer(),
        ),
        X,
        CLASSES,
    )


@pytest.mark.second_tier
def test_what_xla_cannot_compile_runs_as_a_graph():
    def make():
        x = (lambda: layers.LSTM(3),)
        return network(*x, inputs=(COLUMNS, 1), jit_compile=True)

    model = make()
    history = fused.fit(model, X[..., None], BINARY, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"]).all()
    assert int(model.optimizer.iterations) == 3


@pytest.fixture
def compiled_loops(monkeypatch):
    """Compile the loops of recurrent layers, however short the training; count them."""
    monkeypatch.setattr(engine, "compile_loops", lambda *_: True)
    loops, compiled = [], recurrent._compiled
    monkeypatch.setattr(recurrent, "_compiled", lambda *key: loops.append(key) or compiled(*key))
    return loops


def encoder_and_decoder(cell):
    """Build a model in which one layer begins with the states of another."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((COLUMNS, 2))
    hidden, *states = cell(4, return_sequences=True, return_state=True, dropout=0.2)(inputs)
    last, *states = cell(4, return_state=True, go_backwards=True)(hidden, initial_state=states)
    hidden = layers.concatenate([last, *states])
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy")
    return model


@pytest.mark.second_tier
@pytest.mark.parametrize("cell", [layers.GRU, layers.LSTM])
@pytest.mark.parametrize("mask", [0.0, None])
@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
def test_compiled_loops_train_the_same(compiled_loops, cell, mask, merge_mode):
    body = [lambda: layers.Masking(mask)] if mask is not None else []
    body += [
        lambda: layers.Bidirectional(cell(4, return_sequences=True), merge_mode=merge_mode),
        lambda: cell(3, recurrent_regularizer="l2"),
    ]
    x = RNG.normal(size=(ROWS, COLUMNS, 2)).astype("float32")
    x[:30, 4:] = x[20:50, :2] = x[40] = 0  # behind, in front, and nothing but padding
    assert_same_training(
        lambda: network(*body, inputs=(COLUMNS, 2)),
        x,
        BINARY,
        validation_data=(x[:40], BINARY[:40]),
    )
    assert len(compiled_loops) >= 6  # forward and backward of three loops


@pytest.mark.second_tier
@pytest.mark.parametrize("cell", [layers.GRU, layers.LSTM])
def test_states_from_another_layer_and_back_train_the_same(compiled_loops, cell):
    x = RNG.normal(size=(ROWS, COLUMNS, 2)).astype("float32")
    assert_same_training(lambda: encoder_and_decoder(cell), x, BINARY)
    assert compiled_loops


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.GRU(3, reset_after=False),
        lambda: layers.GRU(3, activation="relu"),
        lambda: layers.LSTM(3, use_bias=False),
        lambda: layers.LSTM(3, unroll=True),
        lambda: layers.GRU(3, recurrent_dropout=0.2),
        lambda: layers.SimpleRNN(3),
    ],
)
def test_recurrent_layers_of_other_forms_are_left_to_keras(compiled_loops, layer):
    x = RNG.normal(size=(ROWS, COLUMNS, 2)).astype("float32")
    assert_same_training(lambda: network(layer, inputs=(COLUMNS, 2)), x, BINARY)
    assert not compiled_loops


class Subclass(keras.Model):
    """A model that Keras knows no inputs of."""

    def __init__(self):
        super().__init__()
        self.recurrent, self.output_layer = layers.GRU(3), layers.Dense(1, activation="sigmoid")

    def call(self, x):
        return self.output_layer(self.recurrent(x))


@pytest.mark.second_tier
def test_a_subclass_with_a_recurrent_layer_trains_the_same():
    def make():
        keras.utils.set_random_seed(3)
        model = Subclass()
        model.compile("adam", "binary_crossentropy")
        return model

    x = RNG.normal(size=(ROWS, COLUMNS, 2)).astype("float32")
    assert_same_training(make, x, BINARY)


def test_loops_are_compiled_where_the_work_ahead_is_long():
    inputs = (200, 2)
    gru, dense = network(lambda: layers.GRU(3), inputs=inputs), network(hidden)
    inside = network(lambda: layers.Bidirectional(layers.LSTM(3)), inputs=inputs)
    assert engine.compile_loops(gru, 1000)
    assert engine.compile_loops(inside, 1000)
    assert not engine.compile_loops(gru, 10)
    assert not engine.compile_loops(dense, 10**6)


def test_xla_is_chosen_by_layers_and_by_the_work_ahead():
    dense, convolution = network(hidden), network(lambda: layers.Conv1D(2, 2), inputs=(6, 1))
    many = 10**6
    assert engine.use_xla(dense, True, many, 32)
    assert not engine.use_xla(dense, True, 100, 32)  # compiling takes longer than all of it
    assert not engine.use_xla(dense, False, many, 32)
    assert not engine.use_xla(convolution, True, many, 32)


def test_a_loop_of_short_fits_is_compiled_once_it_has_been_long(monkeypatch):
    monkeypatch.setattr(engine, "_SECONDS_TO_COMPILE", 2.5 * 3 * engine._SECONDS_PER_STEP)
    chosen, use_xla = [], engine.use_xla
    monkeypatch.setattr(
        engine, "use_xla", lambda *told: chosen.append(use_xla(*told)) or chosen[-1]
    )
    model = network(hidden)
    for _ in range(4):  # of 3 steps each
        fused.fit(model, X, BINARY, batch_size=32, verbose=0)
    assert chosen == [False, False, True, True]
    assert len(programs._structures) == 2  # a graph, and one by XLA
    fused.fit(network(hidden), X, BINARY, batch_size=32, verbose=0)
    assert chosen[-1] is False


# Draws


def draw(function, *args, steps=3, seed=11, **kwargs):
    """Draw several times from one generator, compiled by XLA."""
    generator = keras.random.SeedGenerator(seed)
    compiled = tf.function(
        lambda: function(*args, seed=generator, **kwargs), jit_compile=True, autograph=False
    )
    return np.stack([compiled().numpy() for _ in range(steps)])


def test_fast_uniform_and_normal_have_the_right_distribution():
    n = 200_000
    fractions = draw(randomness.uniform, (n,))
    values = draw(randomness.normal, (n,))
    for sample, mean, deviation in ((fractions, 0.5, 12**-0.5), (values, 0.0, 1.0)):
        np.testing.assert_allclose(sample.mean(axis=1), mean, atol=4 * deviation / n**0.5)
        np.testing.assert_allclose(sample.std(axis=1), deviation, rtol=0.01)
    counts, _ = np.histogram(fractions, bins=256, range=(0, 1))
    expected = fractions.size / 256
    assert ((counts - expected) ** 2 / expected).sum() == pytest.approx(255, abs=5 * 510**0.5)
    share_beyond_2 = (np.abs(values) > 2).mean()
    assert share_beyond_2 == pytest.approx(0.0455, abs=0.001)
    assert (draw(randomness.uniform, (999,), minval=2.0, maxval=3.0) >= 2).all()


def test_fast_draws_are_independent_across_steps_layers_and_units():
    n = 200_000
    first, second, third = draw(randomness.uniform, (n,))
    other_layer = draw(randomness.uniform, (n,), seed=12, steps=1)[0]
    pairs = [(first, second), (first, third), (first, other_layer), (first[1:], first[:-1])]
    pairs += [(first[lag:], second[:-lag]) for lag in (1, 7, 64, 128)]
    for a, b in pairs:
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / n**0.5


def test_fast_dropout_keeps_the_right_share_and_the_mean():
    inputs = tf.ones((400, 50))
    masks = draw(randomness.dropout, inputs, 0.2, steps=40)
    assert set(np.unique(masks)) == {0.0, np.float32(1.25)}
    assert (masks > 0).mean() == pytest.approx(0.8, abs=0.002)
    per_unit = (masks > 0).mean(axis=(0, 1))
    np.testing.assert_allclose(per_unit, 0.8, atol=5 * 0.4 / 16_000**0.5)
    channels = draw(
        randomness.dropout, inputs[:, None] + tf.zeros((400, 3, 50)), 0.5, (None, 1, None)
    )
    assert (channels == channels[:, :, :1]).all()


@pytest.mark.second_tier
def test_dropout_under_xla_trains_like_stock(by_xla):
    """The masks differ, so only their effect on a loss that is linear in them can be compared."""

    def make():
        model = network(lambda: layers.Dropout(0.4), loss="mae", activation=None, optimizer="sgd")
        model.optimizer.learning_rate = 0.0
        return model

    x, y = np.tile(X, (60, 1)), np.full((60 * ROWS, 1), 100.0)
    stock = make().fit(x, y, epochs=2, verbose=0).history["loss"]
    ours = fused.fit(make(), x, y, epochs=2, verbose=0).history["loss"]
    assert ours[0] != ours[1]  # each epoch draws anew
    np.testing.assert_allclose(ours, stock, atol=0.2)


# Options


LATER = pytest.mark.second_tier


@pytest.mark.parametrize(
    "options",
    [
        {"class_weight": {0: 0.5, 1: 3.0}},
        pytest.param({"sample_weight": np.linspace(0, 2, ROWS)}, marks=LATER),
        {"validation_data": (X[:40], BINARY[:40], np.linspace(1, 3, 40))},
        pytest.param({"batch_size": 500}, marks=LATER),
        pytest.param({"batch_size": 35, "epochs": 5, "initial_epoch": 3}, marks=LATER),
        pytest.param({"batch_size": None, "epochs": 1}, marks=LATER),
        {"epochs": 0},
    ],
    ids=lambda options: ", ".join(options),
)
def test_each_option_is_the_same(options):
    assert_same_training(
        lambda: network(metrics=["accuracy"], weighted_metrics=["accuracy"]), X, BINARY, **options
    )


@pytest.mark.second_tier
def test_class_weights_of_one_hot_targets_are_the_same():
    make = lambda: network(outputs=3, activation="softmax", loss="categorical_crossentropy")  # noqa: E731
    assert_same_training(make, X, ONE_HOT, class_weight={2: 4.0})


def test_shuffling_takes_each_row_once_in_a_new_order():
    orders = fused.training._orders(50, shuffle=True)
    first, second = next(orders).numpy(), next(orders).numpy()
    assert sorted(first) == sorted(second) == list(range(50))
    assert (first != second).any()


def test_the_seed_determines_the_training():
    def train(seed, epochs=2):
        model = network(hidden, lambda: layers.Dropout(0.5))
        keras.utils.set_random_seed(seed)
        return fused.fit(model, X, BINARY, epochs=epochs, verbose=0).history["loss"]

    assert train(1) == train(1)
    assert train(1) != train(2)


@pytest.mark.second_tier
def test_fits_by_keras_and_fused_continue_each_other():
    stock, ours = network(hidden), network(hidden)
    arguments = {"batch_size": 16, "shuffle": False, "verbose": 0}
    expected = [stock.fit(X, BINARY, **arguments).history["loss"][0] for _ in range(4)]
    got = []
    for fit in (fused.fit, keras.Model.fit, fused.fit, keras.Model.fit):
        got += fit(ours, X, BINARY, **arguments).history["loss"]
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert int(ours.optimizer.iterations) == 20
    ours.save("model.keras")
    loaded = keras.models.load_model("model.keras")
    np.testing.assert_allclose(loaded(X), ours.predict(X, verbose=0), rtol=1e-5)


# Callbacks


def all_epoch_callbacks():
    return [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=1, min_delta=0.1),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.ModelCheckpoint(
            "best.weights.h5", save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.CSVLogger("history.csv"),
    ]


@pytest.mark.second_tier
def test_epoch_callbacks_do_the_same():
    random_labels = RNG.integers(0, 2, (40, 1))
    model, history = assert_same_training(
        lambda: network(hidden, optimizer=optimizers.Adam(0.1)),
        X,
        BINARY,
        epochs=30,
        validation_data=(X[:40], random_labels),
        callbacks=all_epoch_callbacks,
    )
    values = history.history["val_loss"]
    assert len(values) < 30
    assert pathlib.Path("best.weights.h5").exists()
    assert len(pathlib.Path("history.csv").read_text().splitlines()) == len(values) + 1
    best = model.evaluate(X[:40], random_labels, verbose=0)
    assert best == pytest.approx(min(values), rel=1e-5)


def test_other_callbacks_with_epoch_hooks_are_called():
    calls = []
    callbacks = [
        keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: calls.append("begin"),
            on_epoch_begin=lambda epoch, logs: calls.append(epoch),
            on_epoch_end=lambda epoch, logs: calls.append(sorted(logs)),
            on_train_end=lambda logs: calls.append("end"),
        ),
        keras.callbacks.TensorBoard("logs", update_freq="epoch", write_graph=False),
    ]
    fused.fit(network(), X, BINARY, epochs=2, callbacks=callbacks, verbose=0)
    assert not eligibility._said
    assert calls == ["begin", 0, ["loss"], 1, ["loss"], "end"]
    assert list(pathlib.Path("logs").rglob("events*"))


def test_a_nan_loss_stops_the_training():
    callbacks = [keras.callbacks.TerminateOnNaN()]
    model = network(optimizer=optimizers.SGD(1e30), activation=None, loss="mse")
    history = fused.fit(model, X, BINARY, epochs=5, callbacks=callbacks, verbose=0)
    assert len(history.epoch) == 1


def test_an_interrupted_training_leaves_the_last_full_epoch():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    stopped, reference = network(hidden), network(hidden)
    arguments = {"shuffle": False, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        fused.fit(stopped, X, BINARY, epochs=5, callbacks=[Interrupt()], **arguments)
    fused.fit(reference, X, BINARY, epochs=2, **arguments)
    np.testing.assert_array_equal(stopped(X), reference(X))


@pytest.mark.parametrize(("verbose", "expected"), [(0, ""), (1, "3/3"), (2, "3/3 - ")])
def test_progress_is_shown_as_keras_shows_it(verbose, expected, capsys):
    fused.fit(network(), X, BINARY, epochs=2, verbose=verbose)
    output = capsys.readouterr().out
    assert expected in output
    assert ("Epoch 2/2" in output) == bool(verbose)


@pytest.mark.second_tier
def test_long_epochs_run_in_several_calls(monkeypatch):
    monkeypatch.setattr(fused.training, "_FIRST_STEPS", 1)
    assert_same_training(lambda: network(metrics=["accuracy"]), X, BINARY, batch_size=5)


# Programs that serve other models


def adjustable(strength, rate, optimizer):
    """A model with every number that goes into a program as a value."""

    def dense(**regularizers):
        return lambda: layers.Dense(4, **regularizers)

    def normalisation():
        layer = layers.Normalization()
        layer.adapt(X * strength)
        return layer

    return network(
        normalisation,
        dense(kernel_regularizer=keras.regularizers.L2(strength / 10)),
        lambda: layers.GaussianNoise(rate),
        dense(kernel_regularizer=keras.regularizers.L1L2(strength / 20, strength / 30)),
        lambda: layers.Dropout(rate),
        dense(bias_regularizer=keras.regularizers.L1(strength)),
        optimizer=optimizer,
    )


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda v: optimizers.SGD(
            optimizers.schedules.CosineDecay(v / 10, 20), momentum=v, weight_decay=v / 10
        ),
        lambda v: optimizers.RMSprop(
            optimizers.schedules.InverseTimeDecay(v / 10, 5, 0.5), weight_decay=v / 10
        ),
        lambda v: optimizers.AdamW(
            optimizers.schedules.PolynomialDecay(v / 10, 5), weight_decay=v / 10
        ),
        lambda v: optimizers.Adam(
            optimizers.schedules.ExponentialDecay(v / 10, 5, 0.5), weight_decay=v / 10
        ),
    ],
    ids=["sgd", "rmsprop", "adamw", "adam"],
)
def test_one_program_serves_other_numbers(make_optimizer):
    first = adjustable(0.5, 0.1, make_optimizer(0.4))
    fused.fit(first, X, BINARY, verbose=0)
    assert_same_training(lambda: adjustable(0.9, 0.4, make_optimizer(0.8)), X, BINARY, epochs=2)
    assert len(programs._structures) == 1


@pytest.mark.second_tier
def test_models_share_a_program_without_touching_each_other():
    first, second, alone = network(hidden), network(hidden), network(hidden)
    arguments = {"shuffle": False, "verbose": 0}
    for _ in range(2):
        fused.fit(first, X, BINARY, **arguments)
        fused.fit(second, X[::-1], BINARY[::-1], **arguments)
    assert len(programs._structures) == 1
    programs._structures.clear()
    fused.fit(alone, X, BINARY, epochs=2, **arguments)
    np.testing.assert_array_equal(first(X), alone(X))
    assert not np.allclose(second(X), alone(X))


@pytest.mark.second_tier
def test_a_step_is_traced_into_new_programs_after_its_model_is_gone(by_xla):
    for batch_size in (35, 35, 14):  # another batch size is another program around the same step
        model = network(hidden)
        history = fused.fit(model, X, BINARY, batch_size=batch_size, epochs=2, verbose=0)
        del model
        gc.collect()
        assert np.isfinite(history.history["loss"]).all()
        del history


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "change",
    [
        {"loss": "mse"},
        {"metrics": ["accuracy"]},
        {"optimizer": optimizers.Adam(beta_1=0.5)},
        {"optimizer": optimizers.SGD()},
        {"activation": "tanh"},
        {"outputs": 2},
        {"inputs": (7,)},
    ],
    ids=lambda change: str(next(iter(change))),
)
def test_another_structure_has_another_key(change):
    def key(model):
        model.optimizer.build(model.trainable_variables)
        return structure.key(model, fused.lifted.LiftedNumbers(model))

    assert key(network(hidden)) == key(network(hidden))  # though Keras numbers the layers on
    assert key(network(hidden)) != key(network(hidden, **change))


@pytest.mark.parametrize(
    "own",
    [
        {"loss": lambda y, outputs: keras.ops.mean((y - outputs) ** 2)},
        {"metrics": [lambda y, outputs: keras.ops.mean(outputs)]},
        {"optimizer": lambda: optimizers.SGD(lambda: 0.1)},
        {"activation": lambda x: x * 2},
        {"activation": functools.partial(keras.activations.relu, threshold=0.1)},
    ],
    ids=["loss", "metric", "rate", "activation", "partial"],
)
def test_a_callers_own_function_is_not_taken_for_another(own):
    own = {name: part() if name == "optimizer" else part for name, part in own.items()}
    model = network(**own)
    fused.fit(model, X, BINARY, verbose=0)
    assert not eligibility._said
    assert not programs._structures


@pytest.mark.second_tier
def test_old_programs_are_dropped(monkeypatch):
    monkeypatch.setattr(programs, "_MAX_STRUCTURES", 2)
    for units in (2, 3, 4):
        fused.fit(network(lambda n=units: layers.Dense(n)), X, BINARY, verbose=0)
    assert len(programs._structures) == 2


def resident_megabytes():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.second_tier
@pytest.mark.skipif(not pathlib.Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_trials_of_one_structure_do_not_grow_in_memory():
    def trial(rate):
        model = network(lambda: layers.Dropout(rate), optimizer=optimizers.Adam(rate))
        fused.fit(model, X, BINARY, validation_data=(X, BINARY), verbose=0)

    for rate in np.linspace(0.1, 0.2, 5):
        trial(rate)
    gc.collect()
    before = resident_megabytes()
    for rate in np.linspace(0.2, 0.5, 30):
        trial(rate)
    gc.collect()
    assert resident_megabytes() - before < 30
    assert len(programs._structures) == 1


# What is left to Keras


class OwnStep(keras.Model):
    def train_step(self, data):
        return {"loss": 0.0}


class PerBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


def dataset():
    return tf.data.Dataset.from_tensor_slices((X, BINARY)).batch(32)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"x": dataset(), "y": None, "batch_size": None}, "not an array"),
        ({"validation_data": dataset()}, "validation_data"),
        ({"callbacks": [PerBatch()]}, "PerBatch works on single batches"),
        (
            {"callbacks": [keras.callbacks.ModelCheckpoint("a.keras", save_freq=2)]},
            "single batches",
        ),
        ({"callbacks": [keras.callbacks.BackupAndRestore("a")]}, "single batches"),
        ({"x": X.astype(str)}, "dtype"),
        ({"y": BINARY[:3]}, "number of rows"),
        ({"y": None}, "no array of targets"),
        ({"class_weight": {0: 1.0}, "sample_weight": np.ones(ROWS)}, "class_weight"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_it_cannot_do_goes_to_keras_and_says_so_once(arguments, reason, monkeypatch, caplog):
    monkeypatch.setattr(keras.Model, "fit", lambda self, **received: received)
    arguments = {"x": X, "y": BINARY, "epochs": 3} | arguments
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            received = fused.fit(network(), **arguments)
    assert all(received[name] is value for name, value in arguments.items())
    assert len(caplog.messages) == 1
    assert reason in caplog.messages[0]


def reason_for(model):
    with pytest.raises(eligibility.Unsupported) as raised:
        eligibility.check_model(model)
    return str(raised.value)


def test_models_that_are_left_to_keras():
    inputs = keras.Input((2,))
    own = OwnStep(inputs, layers.Dense(1)(inputs))
    own.compile("sgd", "mse")
    assert "own `train_step`" in reason_for(own)
    assert "run_eagerly" in reason_for(network(run_eagerly=True))
    assert "not compiled" in reason_for(keras.Sequential([inputs]))
    with tf.distribute.OneDeviceStrategy("cpu:0").scope():
        assert "distribution strategy" in reason_for(network())
    scaled = optimizers.LossScaleOptimizer(optimizers.SGD())
    assert "scaled" in reason_for(network(optimizer=scaled))


def test_a_callers_mistake_is_reported_by_keras():
    with pytest.raises(ValueError, match="incompatible"):
        fused.fit(network(), X[:, :3], BINARY, verbose=0)


# The benchmark


@pytest.mark.second_tier
def test_the_benchmark_measures_stock_ours_and_peers():
    x = RNG.integers(0, 256, (64, 28, 28), dtype=np.uint8)
    y = RNG.integers(0, 10, 64).astype("int32")
    result = epochs.measure("dense", x, y, epochs.Measure(rounds=1))
    assert result["loss"]["ours"] == pytest.approx(result["loss"]["stock"], rel=0.2)
    assert {"stock", "ours", "scikit-learn"} <= set(result["seconds_of_an_epoch"])
    assert "| dense | ours |" in epochs.table({"dense": result})


@pytest.mark.parametrize(
    ("x", "told"), [(X, {"batch_size": -1}), (X[:, 0], {}), (X, {"class_weight": {0: "heavy"}})]
)
def test_what_keras_refuses_is_refused_in_its_words(x, told):
    def message(fit):
        model = keras.Sequential([layers.Dense(1, activation="sigmoid", name="dense")])
        model.compile("adam", "binary_crossentropy")
        with pytest.raises((ValueError, TypeError)) as caught:
            fit(model, x, BINARY, verbose=0, **told)
        return str(caught.value).splitlines()[0].replace("sequential_1", "sequential")

    keras.backend.clear_session(free_memory=False)
    ours = message(fused.fit)
    keras.backend.clear_session(free_memory=False)
    assert ours == message(keras.Model.fit)


def ways_to_call():
    """Every way of calling `model.fit`, and the reason for which it is left to Keras, if it is."""
    arrays = {"x": X, "y": BINARY}
    stream = tf.data.Dataset.from_tensor_slices((X, BINARY)).batch(32)
    yield "split", {**arrays, "validation_split": 0.25}, None
    yield (
        "split with weights",
        {**arrays, "validation_split": 0.2, "sample_weight": X[:, 0] ** 2},
        None,
    )
    yield "data set", {"x": stream}, "Dataset, not an array"
    yield "data set with steps", {"x": stream.repeat(), "steps_per_epoch": 3}, "steps_per_epoch"
    yield "validation stream", {**arrays, "validation_data": stream}, "`validation_data` is not"
    yield (
        "every other epoch",
        {**arrays, "validation_data": (X, BINARY), "validation_freq": 2},
        "freq",
    )
    yield "steps", {**arrays, "steps_per_epoch": 2}, "`steps_per_epoch` is given"
    yield "other batches", {
        **arrays, "validation_split": 0.5, "validation_batch_size": 7,
    }, "`validation_batch_size` is given"  # fmt: skip


@pytest.mark.second_tier
@pytest.mark.parametrize(
    ("arguments", "reason"), [pytest.param(*way[1:], id=way[0]) for way in ways_to_call()]
)
def test_fit_takes_every_call_that_model_fit_takes(caplog, monkeypatch, arguments, reason):
    monkeypatch.setattr(eligibility, "_said", set())
    histories = []
    for fit in (keras.Model.fit, fused.fit):
        model = network()
        histories.append(fit(model, epochs=2, shuffle=False, verbose=0, **arguments).history)
    stock, ours = histories
    assert list(ours) == list(stock)
    for name, values in stock.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-5, err_msg=name)
    left = "fused.fit leaves this to model.fit: "  # TensorFlow logs warnings of its own
    said = [one.getMessage() for one in caplog.records if left in one.getMessage()]
    assert len(said) == bool(reason)
    assert (reason or "") in "".join(said)


def test_fit_takes_its_arguments_in_the_order_of_model_fit():
    stock = inspect.signature(keras.Model.fit).parameters
    ours = inspect.signature(fused.fit).parameters
    assert list(ours)[1:] == list(stock)[1:]
    defaults = {name: stock[name].default for name in list(stock)[1:]}
    assert {name: ours[name].default for name in defaults} == defaults
