"""The 38 classic mistakes, each rebuilt in a few lines after the threads that report it.

`EXAMPLES` maps the id of the rule to a function that builds a model and says what to train it on.
`python -m benchmarks.checks` trains them with stock Keras and checks them; the tests check them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

ROWS = 200
EPOCHS = 2


@dataclasses.dataclass(frozen=True)
class Example:
    """A mistake, ready to be made.

    Attributes:
        model: Compiled.
        fit: What `fit` is given.
        check: What the check is given besides.
        use: What the user does with the trained model.
    """

    model: keras.Model
    fit: dict
    check: dict = dataclasses.field(default_factory=dict)
    use: Callable[[keras.Model], object] | None = None


EXAMPLES: dict[str, Callable[[], Example]] = {}


def example(identifier: str) -> Callable[[Callable], Callable]:
    """Add a function to `EXAMPLES`."""

    def add(function: Callable) -> Callable:
        EXAMPLES[identifier] = function
        return function

    return add


@functools.cache
def rows() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs of 4 columns and the classes 0 to 2 that depend on them."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 4)).astype("float32")
    return x, np.digitize(x[:, 0] + x[:, 1], (-0.6, 0.6)).astype("int32")


def network(units, activation=None, loss="mse", metrics=(), optimizer="adam") -> keras.Model:
    """Return a compiled network of 4 inputs with one hidden layer."""
    hidden, output = keras.layers.Dense(8, "relu"), keras.layers.Dense(units, activation)
    model = keras.Sequential([keras.Input((4,)), hidden, output])
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


def _example(y, *head, x=None, check=None, use=None, optimizer="adam", **fit) -> Example:
    """Put an example together: `head` goes to `network`, `fit` to fit."""
    x = rows()[0] if x is None else x
    fit = {"x": x, "y": y, "epochs": EPOCHS, **fit}
    return Example(network(*head, optimizer=optimizer), fit, check or {}, use)


def classes() -> np.ndarray:
    """Return the classes 0 to 2."""
    return rows()[1]


def yes_or_no() -> np.ndarray:
    """Return the labels 0 and 1."""
    return (rows()[0][:, 0] > 0).astype("int32")


def one_hot() -> np.ndarray:
    """Return the classes as rows with a single 1."""
    return np.eye(3, dtype="float32")[classes()]


def numbers() -> np.ndarray:
    """Return numbers around 0."""
    return rows()[0][:, 0] - 0.5 * rows()[0][:, 1]


SPARSE = "sparse_categorical_crossentropy"
CATEGORICAL = "categorical_crossentropy"
BINARY = "binary_crossentropy"


@example("H1")
def softmax_over_one_unit() -> Example:
    """Take softmax for yes and no."""
    return _example(yes_or_no(), 1, "softmax", BINARY, ["accuracy"])


@example("H2")
def one_unit_too_few() -> Example:
    """Return three classes two units."""
    return _example(classes(), 2, "softmax", SPARSE)


@example("H3")
def labels_from_one() -> Example:
    """Number the classes from 1."""
    return _example(classes() + 1, 3, "softmax", SPARSE)


@example("H4")
def integers_with_categorical() -> Example:
    """Return class numbers to the categorical loss."""
    return _example(classes(), 3, "softmax", CATEGORICAL)


@example("H5")
def one_hot_with_sparse() -> Example:
    """Return one-hot rows to the sparse loss."""
    return _example(one_hot(), 3, "softmax", SPARSE)


@example("H6")
def one_hot_with_one_sigmoid() -> Example:
    """Return one-hot rows to one sigmoid."""
    return _example(np.eye(2)[yes_or_no()], 1, "sigmoid", BINARY)


@example("H7")
def logits_without_telling() -> Example:
    """Forget the softmax, and from_logits."""
    return _example(classes(), 3, None, SPARSE, ["accuracy"])


@example("H8")
def softmax_twice() -> Example:
    """Compile with from_logits after a softmax."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _example(classes(), 3, "softmax", loss)


@example("H9")
def softmax_with_binary_loss() -> Example:
    """Return softmax the binary loss."""
    return _example(one_hot(), 3, "softmax", BINARY, ["accuracy"])


@example("H10")
def softmax_for_several_labels() -> Example:
    """Take softmax for several labels at once."""
    y = (rows()[0][:, :3] > 0).astype("float32")
    return _example(y, 3, "softmax", CATEGORICAL)


@example("H11")
def labels_of_minus_one() -> Example:
    """Label the classes -1 and 1."""
    return _example(yes_or_no() * 2 - 1, 1, "sigmoid", BINARY)


@example("H12")
def relu_for_negative_targets() -> Example:
    """End a regression with a relu."""
    return _example(numbers(), 1, "relu")


@example("H13")
def targets_broadcast() -> Example:
    """Hold one target against three outputs."""
    return _example(numbers()[:, None], 3)


@example("H14")
def accuracy_ofnumbers() -> Example:
    """Ask for the accuracy of numbers."""
    return _example(numbers(), 1, None, "mse", ["accuracy"])


@example("H15")
def numbers_asclasses() -> Example:
    """Return numbers to the sparse loss."""
    return _example(np.abs(numbers()).clip(0, 2.4), 3, "softmax", SPARSE)


@example("H16")
def argmax_of_one_unit() -> Example:
    """Take the argmax of one probability."""
    program = "y = model.predict(x)\nclasses = np.argmax(y, axis=1)\n"
    return _example(
        yes_or_no(), 1, "sigmoid", BINARY,
        check={"program": program},
        use=lambda model: np.argmax(model.predict(rows()[0], verbose=0), axis=1),
    )  # fmt: skip


@example("D1")
def missing_values() -> Example:
    """Leave missing values in."""
    x = rows()[0].copy()
    x[3:20, 2] = np.nan
    return _example(classes(), 3, "softmax", SPARSE, x=x)


@example("D2")
def a_column_of_text() -> Example:
    """Leave a column of text in."""
    x = pd.DataFrame(rows()[0], columns=list("abcd")).assign(c=["red", "blue"] * (ROWS // 2))
    return _example(classes(), 3, "softmax", SPARSE, x=x)


@example("D3")
def inputs_not_scaled() -> Example:
    """Leave the inputs as they were measured."""
    return _example(classes(), 3, "softmax", SPARSE, x=rows()[0] * 500 + 1000)


@example("D4")
def test_part_not_scaled() -> Example:
    """Scale the training part only."""
    split = (rows()[0][::2] * 20 + 60 + np.arange(4), classes()[::2])
    return _example(classes(), 3, "softmax", SPARSE, validation_data=split)


@example("D5")
def targets_not_scaled() -> Example:
    """Leave the targets in dollars."""
    return _example(numbers() * 50_000 + 200_000, 1)


@example("D6")
def constant_column() -> Example:
    """Keep a column that never changes."""
    x = rows()[0].copy()
    x[:, 1] = 3
    return _example(classes(), 3, "softmax", SPARSE, x=x)


@example("D7")
def no_channel_axis() -> Example:
    """Forget the channel axis."""
    x = np.random.default_rng(0).random((ROWS, 8, 8)).astype("float32")
    layers = [keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", SPARSE)
    return Example(model, {"x": x, "y": classes(), "epochs": EPOCHS})


@example("D8")
def rows_do_not_match() -> Example:
    """Drop rows of y only."""
    return _example(classes()[:-5], 3, "softmax", SPARSE)


@example("D9")
def one_class_is_rare() -> Example:
    """Train on one class in forty."""
    y = (np.arange(ROWS) % 40 == 0).astype("int32")
    return _example(y, 1, "sigmoid", BINARY, ["accuracy"])


@example("D10")
def class_weight_by_text() -> Example:
    """Read the class weights from JSON."""
    return _example(yes_or_no(), 1, "sigmoid", BINARY, class_weight={"0": 1.0, "1": 5.0})


@example("S1")
def sorted_by_class() -> Example:
    """Split rows that are sorted by class."""
    order = np.argsort(classes(), kind="stable")
    x, y = rows()[0][order], classes()[order]
    return _example(y, 3, "softmax", SPARSE, x=x, validation_split=0.2)


@example("S2")
def rows_in_both_parts() -> Example:
    """Validate on training rows."""
    split = (rows()[0][:40], classes()[:40])
    return _example(classes(), 3, "softmax", SPARSE, validation_data=split)


def _standardised() -> np.ndarray:
    x = rows()[0].astype("float64") * 3 + 5
    return (x - x.mean(axis=0)) / x.std(axis=0)


@example("S3")
def scaled_before_the_split() -> Example:
    """Scale before the split."""
    x, y = _standardised(), classes()
    split = (x[150:], y[150:])
    return _example(y[:150], 3, "softmax", SPARSE, x=x[:150], validation_data=split)


@example("S4")
def test_set_as_validation() -> Example:
    """Stop early by the test set."""
    x, y = rows()[0], classes()
    test = (x[150:], y[150:])
    return _example(
        y[:150], 3, "softmax", SPARSE, ["accuracy"], x=x[:150], validation_data=test,
        check={"test_data": test}, use=lambda model: model.evaluate(*test, verbose=0),
    )  # fmt: skip


@example("S5")
def five_validation_rows() -> Example:
    """Validate on five rows."""
    x, y = rows()[0], classes()
    return _example(y[:-5], 3, "softmax", SPARSE, x=x[:-5], validation_data=(x[-5:], y[-5:]))


@example("T1")
def monitor_of_another_name() -> Example:
    """Monitor the accuracy by its old name."""
    stopping = keras.callbacks.EarlyStopping(monitor="val_acc", patience=1)
    return _example(
        classes(), 3, "softmax", SPARSE, ["accuracy"], callbacks=[stopping], validation_split=0.2
    )


@example("T2")
def accuracy_to_the_minimum() -> Example:
    """Wait for the accuracy to fall."""
    stopping = keras.callbacks.EarlyStopping(monitor="val_accuracy", mode="min", patience=1)
    return _example(
        classes(), 3, "softmax", SPARSE, ["accuracy"], callbacks=[stopping], validation_split=0.2
    )


@example("T3")
def patience_of_all_epochs() -> Example:
    """Be as patient as there are epochs."""
    stopping = keras.callbacks.EarlyStopping(patience=10)
    return _example(classes(), 3, "softmax", SPARSE, callbacks=[stopping], validation_split=0.2)


@example("T4")
def data_set_too_short() -> Example:
    """Ask a data set for more batches than it has."""
    data = tf.data.Dataset.from_tensor_slices((rows()[0], classes())).batch(32)
    return _example(None, 3, "softmax", SPARSE, x=data, steps_per_epoch=5, epochs=3)


@example("T5")
def saved_without_ending() -> Example:
    """Save to a name without ending."""
    return _example(
        classes(), 3, "softmax", SPARSE,
        check={"save_path": "model"}, use=lambda model: model.save("model"),
    )  # fmt: skip


@example("T6")
def rate_of_five() -> Example:
    """Take steps of 5."""
    return _example(numbers(), 1, optimizer=keras.optimizers.SGD(5.0))


@example("T7")
def huge_initial_weights() -> Example:
    """Begin with huge weights."""
    wide = keras.initializers.RandomNormal(stddev=20.0, seed=0)
    layers = [keras.layers.Dense(units, kernel_initializer=wide) for units in (16, 3)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return Example(model, {"x": rows()[0], "y": classes(), "epochs": EPOCHS})
