"""Classic mistakes, each reproduced in a few lines from the threads that report it.

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


@functools.cache
def rows() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs of 4 columns and the classes 0 to 2 that depend on them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 4)).astype("float32")
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


def _of_classes(**settings) -> Example:
    """Return the example of a classifier that fits its classes but for these settings."""
    return _example(settings.pop("y", classes()), 3, "softmax", SPARSE, **settings)


def _watched(**stopping) -> Example:
    """Return a classifier whose training is stopped early, with validation rows."""
    callbacks = [keras.callbacks.EarlyStopping(**stopping)]
    head = (3, "softmax", SPARSE, ["accuracy"] if "monitor" in stopping else [])
    return _example(classes(), *head, callbacks=callbacks, validation_split=0.2)


def _argmax_of_one_unit() -> Example:
    program = "y = model.predict(x)\nclasses = np.argmax(y, axis=1)\n"
    return _example(
        yes_or_no(), 1, "sigmoid", BINARY,
        check={"program": program},
        use=lambda model: np.argmax(model.predict(rows()[0], verbose=0), axis=1),
    )  # fmt: skip


def _column(place: int, value: float, where: slice = slice(None)) -> np.ndarray:
    """Return the inputs with one value in a column."""
    x = rows()[0].copy()
    x[where, place] = value
    return x


def _no_channel_axis() -> Example:
    x = np.random.default_rng(0).random((ROWS, 8, 8)).astype("float32")
    layers = [keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", SPARSE)
    return Example(model, {"x": x, "y": classes(), "epochs": EPOCHS})


def _sorted_by_class() -> Example:
    order = np.argsort(classes(), kind="stable")
    return _of_classes(y=classes()[order], x=rows()[0][order], validation_split=0.2)


def _validated_by(last: int, x: np.ndarray | None = None) -> Example:
    """Return a classifier that is validated by its last rows."""
    x, y = rows()[0] if x is None else x, classes()
    rest = (x[-last:], y[-last:])
    return _of_classes(y=y[:-last], x=x[:-last], validation_data=rest)


def _scaled_before_the_split() -> Example:
    x = rows()[0].astype("float64") * 3 + 5
    return _validated_by(50, (x - x.mean(axis=0)) / x.std(axis=0))


def _test_set_as_validation() -> Example:
    x, y = rows()[0], classes()
    test = (x[150:], y[150:])
    return _example(
        y[:150], 3, "softmax", SPARSE, ["accuracy"], x=x[:150], validation_data=test,
        check={"test_data": test}, use=lambda model: model.evaluate(*test, verbose=0),
    )  # fmt: skip


def _data_set_too_short() -> Example:
    data = tf.data.Dataset.from_tensor_slices((rows()[0], classes())).batch(32)
    return _example(None, 3, "softmax", SPARSE, x=data, steps_per_epoch=5, epochs=3)


def _huge_initial_weights() -> Example:
    wide = keras.initializers.RandomNormal(stddev=20.0, seed=0)
    layers = [keras.layers.Dense(units, kernel_initializer=wide) for units in (16, 3)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return Example(model, {"x": rows()[0], "y": classes(), "epochs": EPOCHS})


@functools.cache
def pictures() -> np.ndarray:
    """Return colour images of 16x16 pixels, float32 from 0 to 255, each of 4x4 squares."""
    squares = np.random.default_rng(0).integers(0, 256, size=(ROWS, 4, 4, 3))
    return np.kron(squares, np.ones((1, 4, 4, 1))).astype("float32")


def backbone(*first: keras.layers.Layer, learned_on: np.ndarray | None = None) -> keras.Model:
    """Return a small network of images that ends in features.

    Args:
        first: Layers before its first convolution.
        learned_on: Images whose statistics it keeps, as a network that learned from them.
    """
    convolution, norm = keras.layers.Conv2D(8, 3, use_bias=False), keras.layers.BatchNormalization()
    rest = (keras.layers.ReLU(), keras.layers.GlobalAveragePooling2D())
    made = keras.Sequential([keras.Input((16, 16, 3)), *first, convolution, norm, *rest])
    if learned_on is not None:
        outputs = keras.ops.convert_to_numpy(convolution(learned_on))
        norm.moving_mean.assign(outputs.mean(axis=(0, 1, 2)))
        norm.moving_variance.assign(outputs.var(axis=(0, 1, 2)))
    return made


def classifier(*inside, shape=(16, 16, 3)) -> keras.Model:
    """Return a compiled classifier of images: these layers and a softmax."""
    model = keras.Sequential([keras.Input(shape), *inside, keras.layers.Dense(3, "softmax")])
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model


def convolutional(*first, shape=(16, 16, 3)) -> keras.Model:
    """Return a classifier of one convolution after some layers."""
    convolution = keras.layers.Conv2D(4, 3, activation="relu")
    return classifier(*first, convolution, keras.layers.Flatten(), shape=shape)


def _of_pictures(model: keras.Model, x=None, validation=None, **check) -> Example:
    """Return an example of images; the validation images are of the same labels."""
    x = pictures() if x is None else x
    fit = {"x": x, "epochs": EPOCHS}
    if isinstance(x, np.ndarray):
        fit["y"] = classes()[: len(x)]
    if validation is not None:
        fit["validation_data"] = validation
    return Example(model, fit, check)


def folders(
    rows: slice, names: list[str], files: list[str] | None = None, x: np.ndarray | None = None
) -> tf.data.Dataset:
    """Return images in batches with the names that `image_dataset_from_directory` leaves on them.

    Args:
        rows: Of the images.
        names: Of the folders, in label order.
        files: Of the images of all rows; numbered ones where None.
        x: The images of all rows, those of `pictures` where None.
    """
    x = pictures() if x is None else x
    labels = classes() % len(names)
    data = tf.data.Dataset.from_tensor_slices((x[rows], labels[rows])).batch(32)
    files = files or [f"IMG_{number:04}.jpg" for number in range(ROWS)]
    data.class_names = names
    data.file_paths = [
        f"{names[label]}/{file}" for label, file in zip(labels[rows], files[rows], strict=True)
    ]
    return data


def _unfrozen_backbone() -> Example:
    x = pictures() / 255
    return _of_pictures(classifier(backbone(learned_on=x)), x)


def _augmented_validation() -> Example:
    flip = keras.layers.RandomFlip()
    validation = folders(slice(150, None), list("abc"))
    validation = validation.map(lambda x, y: (flip(x, training=True), y)).prefetch(1)
    model = convolutional(keras.layers.Rescaling(1 / 255))
    return _of_pictures(model, folders(slice(150), list("abc")), validation)


def _numbered_folders() -> Example:
    data = folders(slice(None), ["1", "10", "2"])
    return _of_pictures(convolutional(keras.layers.Rescaling(1 / 255)), data)


def _mirrored_before_the_split() -> Example:
    x = pictures() / 255
    copies = x[:50, :, ::-1] * 0.9 + 0.02
    validation = (copies, classes()[:50])
    return _of_pictures(convolutional(), x[:150], validation)


def _subjects_in_both_splits() -> Example:
    files = [f"patient{number // 5}_{number % 5}.png" for number in range(ROWS)]
    data = [folders(slice(start, None, 2), list("abc"), files) for start in (0, 1)]
    return _of_pictures(convolutional(keras.layers.Rescaling(1 / 255)), *data)


def _pixels_for_another_backbone() -> Example:
    known = backbone(learned_on=pictures() / 127.5 - 1)
    known.trainable = False
    return _of_pictures(classifier(known))


def tokens(first: int = 1) -> np.ndarray:
    """Return rows of 10 to 20 word numbers from `first` up to 29, padded with 0 behind them."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 21, (ROWS, 1))
    return np.where(np.arange(20) < lengths, rng.integers(first, 30, (ROWS, 20)), 0)


def reader(*inside: keras.layers.Layer, mask: bool = False) -> keras.Model:
    """Return a compiled network of padded texts, with layers between embedding and output."""
    embedding = keras.layers.Embedding(30, 4, mask_zero=mask)
    output = keras.layers.Dense(1, "sigmoid")
    model = keras.Sequential([keras.Input((20,), dtype="int32"), embedding, *inside, output])
    model.compile("adam", BINARY)
    return model


def of_words(last: int) -> Example:
    """Return a network of texts whose vocabulary is adapted on the first `last` of them."""
    texts = np.array([f"a {n % 7} good film {n} times" for n in range(ROWS)], object)
    words = keras.layers.TextVectorization(output_mode="multi_hot")
    words.adapt(texts[:last])
    model = keras.Sequential([keras.Input((), dtype="string"), words])
    model.add(keras.layers.Dense(1, "sigmoid"))
    model.compile("adam", BINARY)
    training, others = (texts[:150], yes_or_no()[:150]), (texts[150:], yes_or_no()[150:])
    fit = {"x": training[0], "y": training[1], "epochs": EPOCHS, "validation_data": others}
    return Example(model, fit)


def _of_tokens(model: keras.Model, x: np.ndarray) -> Example:
    return Example(model, {"x": x, "y": yes_or_no(), "epochs": EPOCHS})


EXAMPLES: dict[str, Callable[[], Example]] = {
    # Softmax for yes and no.
    "H1": lambda: _example(yes_or_no(), 1, "softmax", BINARY, ["accuracy"]),
    # Two units for three classes.
    "H2": lambda: _example(classes(), 2, "softmax", SPARSE),
    # Classes numbered from 1.
    "H3": lambda: _of_classes(y=classes() + 1),
    # Class numbers with the categorical loss.
    "H4": lambda: _example(classes(), 3, "softmax", CATEGORICAL),
    # One-hot rows with the sparse loss.
    "H5": lambda: _of_classes(y=one_hot()),
    # One-hot rows with one sigmoid.
    "H6": lambda: _example(np.eye(2)[yes_or_no()], 1, "sigmoid", BINARY),
    # Neither softmax nor from_logits.
    "H7": lambda: _example(classes(), 3, None, SPARSE, ["accuracy"]),
    # Softmax and from_logits.
    "H8": lambda: _example(
        classes(), 3, "softmax", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ),
    # Softmax with the binary loss.
    "H9": lambda: _example(one_hot(), 3, "softmax", BINARY, ["accuracy"]),
    # Softmax for several labels at once.
    "H10": lambda: _example((rows()[0][:, :3] > 0).astype("float32"), 3, "softmax", CATEGORICAL),
    # Labels -1 and 1.
    "H11": lambda: _example(yes_or_no() * 2 - 1, 1, "sigmoid", BINARY),
    # A relu at the end of a regression.
    "H12": lambda: _example(numbers(), 1, "relu"),
    # One target for three outputs.
    "H13": lambda: _example(numbers()[:, None], 3),
    # The accuracy of numbers.
    "H14": lambda: _example(numbers(), 1, None, "mse", ["accuracy"]),
    # Numbers with the sparse loss.
    "H15": lambda: _of_classes(y=np.abs(numbers()).clip(0, 2.4)),
    "H16": _argmax_of_one_unit,
    # Missing values.
    "D1": lambda: _of_classes(x=_column(2, np.nan, slice(3, 20))),
    # A column of text.
    "D2": lambda: _of_classes(
        x=pd.DataFrame(rows()[0], columns=list("abcd")).assign(c=["red", "blue"] * (ROWS // 2))
    ),
    # Inputs as they were measured.
    "D3": lambda: _of_classes(x=rows()[0] * 500 + 1000),
    # Scaled training rows alone.
    "D4": lambda: _of_classes(
        validation_data=(rows()[0][::2] * 20 + 60 + np.arange(4), classes()[::2])
    ),
    # Targets in dollars.
    "D5": lambda: _example(numbers() * 50_000 + 200_000, 1),
    # A column that never changes.
    "D6": lambda: _of_classes(x=_column(1, 3)),
    "D7": _no_channel_axis,
    # Rows dropped from y only.
    "D8": lambda: _of_classes(y=classes()[:-5]),
    # One class in forty.
    "D9": lambda: _example(
        (np.arange(ROWS) % 40 == 0).astype("int32"), 1, "sigmoid", BINARY, ["accuracy"]
    ),
    # Class weights read from JSON.
    "D10": lambda: _example(yes_or_no(), 1, "sigmoid", BINARY, class_weight={"0": 1.0, "1": 5.0}),
    "S1": _sorted_by_class,
    # Training rows as validation data.
    "S2": lambda: _of_classes(validation_data=(rows()[0][:40], classes()[:40])),
    "S3": _scaled_before_the_split,
    "S4": _test_set_as_validation,
    # Five validation rows.
    "S5": lambda: _validated_by(5),
    # The accuracy by its old name.
    "T1": lambda: _watched(monitor="val_acc", patience=1),
    # The accuracy expected to fall.
    "T2": lambda: _watched(monitor="val_accuracy", mode="min", patience=1),
    # A patience of as many epochs as there are.
    "T3": lambda: _watched(patience=10),
    "T4": _data_set_too_short,
    # A file name without ending.
    "T5": lambda: _of_classes(check={"save_path": "model"}, use=lambda model: model.save("model")),
    # A learning rate of 5.
    "T6": lambda: _example(numbers(), 1, optimizer=keras.optimizers.SGD(5.0)),
    "T7": _huge_initial_weights,
    # Pixels divided by 255 before a backbone that does so by itself.
    "D25": lambda: _of_pictures(
        classifier(keras.layers.Rescaling(1 / 255), backbone(keras.layers.Rescaling(1 / 255)))
    ),
    # Colours on the first axis.
    "I1": lambda: _of_pictures(
        convolutional(shape=(3, 16, 16)), np.moveaxis(pictures() / 255, -1, 1)
    ),
    "I2": _unfrozen_backbone,
    "I3": _augmented_validation,
    "I4": _numbered_folders,
    "I5": _mirrored_before_the_split,
    "I6": _subjects_in_both_splits,
    "I7": _pixels_for_another_backbone,
    # A vocabulary of all texts.
    "W1": lambda: of_words(ROWS),
    # A mask before a convolution, which drops it.
    "W2": lambda: _of_tokens(
        reader(keras.layers.Conv1D(4, 3), keras.layers.GlobalAveragePooling1D(), mask=True),
        tokens(),
    ),
    # Words from 0 on, padded with 0.
    "W3": lambda: _of_tokens(reader(keras.layers.GlobalAveragePooling1D()), tokens(first=0)),
}
