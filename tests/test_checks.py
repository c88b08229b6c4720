"""Each rule of the check: an example that it names, to the letter, and a twin that passes."""

import dataclasses
import pathlib
import re

import keras
import numpy as np
import pandas as pd
import pytest

from benchmarks import mistakes
from benchmarks.mistakes import BINARY, CATEGORICAL, EXAMPLES, SPARSE
from keras_recipes import checks
from keras_recipes.checks import api, findings

X, CLASSES = mistakes.rows()
YES_OR_NO, ONE_HOT, NUMBERS = mistakes.yes_or_no(), mistakes.one_hot(), mistakes.numbers()
ROWS = len(X)
MULTILABEL = (X[:, :3] > 0).astype("float32")
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
BINARY_LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
MESSAGES = dict(
    line.split(" | ")
    for line in (pathlib.Path(__file__).parent / "check_messages.txt").read_text().splitlines()
)


@pytest.fixture(autouse=True)
def _same_weights_and_names():
    keras.backend.clear_session(free_memory=False)  # which takes a quarter of a second
    keras.utils.set_random_seed(0)


def check(example):
    return checks.check(example.model, **example.fit, **example.check)


def ids(found):
    return [finding.id for finding in found]


@pytest.mark.filterwarnings("ignore:Layer .* destroy the mask")  # of W2
@pytest.mark.parametrize("rule", EXAMPLES)
def test_classic_mistake_is_named_to_the_letter(rule):
    found = check(EXAMPLES[rule]())
    said = [f"{one.level} {one}" for one in found]
    if rule == "D7":  # what Keras says, in which its versions differ
        said = [re.sub('0 of layer "conv2d"', "0 with name 'None' of layer 'conv2d'", said[0])]
    assert said == [MESSAGES[rule]]


def repaired(rule, *head, **fit):
    """The example with another head or other settings, None taking one away."""
    example = EXAMPLES[rule]()
    settings = {key: value for key, value in {**example.fit, **fit}.items() if value is not None}
    model = mistakes.network(*head) if head else example.model
    return dataclasses.replace(example, model=model, fit=settings)


def stopping(**settings):
    return [keras.callbacks.EarlyStopping(**settings)]


def shuffled(*arrays):
    order = np.random.default_rng(1).permutation(ROWS)
    return [array[order] for array in arrays]


def scaled_by_training_rows():
    x = X.astype("float64") * 3 + 5
    mean, deviation = x[:150].mean(axis=0), x[:150].std(axis=0)
    return (x - mean) / deviation


LAST = slice(150, None)
PATIENTS = [f"patient{number // 5}_{number % 5}.png" for number in range(ROWS)]


def pixels():
    return keras.layers.Rescaling(1 / 255)


def of_pictures(rule, model=None, frozen=False, **fit):
    """The example of a mistake with images, with another model or other data."""
    example = EXAMPLES[rule]()
    model = example.model if model is None else model
    if frozen:
        model.layers[0].trainable = False
    return dataclasses.replace(example, model=model, fit={**example.fit, **fit})


# What the user should have done, for each mistake.
TWINS = {
    "H1": lambda: repaired("H1", 1, "sigmoid", BINARY),
    "H2": lambda: repaired("H2", 3, "softmax", SPARSE),
    "H3": lambda: repaired("H3", y=CLASSES),
    "H4": lambda: repaired("H4", 3, "softmax", SPARSE),
    "H5": lambda: repaired("H5", 3, "softmax", CATEGORICAL),
    "H6": lambda: repaired("H6", y=YES_OR_NO),
    "H7": lambda: repaired("H7", 3, None, LOGITS),
    "H8": lambda: repaired("H8", 3, "softmax", SPARSE),
    "H9": lambda: repaired("H9", 3, "softmax", CATEGORICAL),
    "H10": lambda: repaired("H10", 3, "sigmoid", BINARY),
    "H11": lambda: repaired("H11", y=YES_OR_NO),
    "H12": lambda: repaired("H12", 1, "softplus", y=np.exp(NUMBERS)),
    "H13": lambda: repaired("H13", 1),
    "H14": lambda: repaired("H14", 1, None, "mse", ["mae"]),
    "H15": lambda: repaired("H15", 1, None, "mse"),
    "H16": lambda: repaired("H16", 2, "softmax", SPARSE),
    "D1": lambda: repaired("D1", x=X),
    "D2": lambda: repaired("D2", x=pd.DataFrame(X, columns=list("abcd"))),
    "D3": lambda: repaired("D3", x=X),
    "D4": lambda: repaired("D4", validation_data=(X[::2] + 0.01, CLASSES[::2])),
    "D5": lambda: repaired("D5", y=NUMBERS),
    "D6": lambda: repaired("D6", x=X),
    "D7": lambda: repaired("D7", x=EXAMPLES["D7"]().fit["x"][..., None]),
    "D8": lambda: repaired("D8", y=CLASSES),
    "D9": lambda: repaired("D9", class_weight={0: 0.5, 1: 20.0}),
    "D10": lambda: repaired("D10", class_weight={0: 1.0, np.int64(1): 5.0}),
    "S1": lambda: repaired("S1", x=X, y=CLASSES),
    "S2": lambda: repaired("S2", validation_data=(X[:40] + 0.01, CLASSES[:40])),
    "S3": lambda: repaired(
        "S3",
        x=scaled_by_training_rows()[:150],
        validation_data=(scaled_by_training_rows()[150:], CLASSES[150:]),
    ),
    "S4": lambda: repaired("S4", validation_data=(X[150:] + 0.01, CLASSES[150:])),
    "S5": lambda: repaired(
        "S5", x=X[:-40], y=CLASSES[:-40], validation_data=(X[-40:], CLASSES[-40:])
    ),
    "T1": lambda: repaired("T1", callbacks=stopping(monitor="val_accuracy", patience=1)),
    "T2": lambda: repaired("T2", callbacks=stopping(monitor="val_accuracy", mode="max")),
    "T3": lambda: repaired("T3", callbacks=stopping(patience=1)),
    "T4": lambda: repaired("T4", x=EXAMPLES["T4"]().fit["x"].repeat()),
    "T5": lambda: dataclasses.replace(EXAMPLES["T5"](), check={"save_path": "model.keras"}),
    "T6": lambda: repaired("T6", 1),
    "T7": lambda: repaired("T7", 3, None, LOGITS),
    "D25": lambda: of_pictures("D25", mistakes.classifier(mistakes.backbone(pixels()))),
    "I1": lambda: of_pictures("I1", mistakes.convolutional(), x=mistakes.pictures() / 255),
    "I2": lambda: of_pictures("I2", frozen=True),
    "I3": lambda: of_pictures("I3", validation_data=mistakes.folders(LAST, list("abc"))),
    "I4": lambda: of_pictures("I4", x=mistakes.folders(slice(None), ["1", "2", "10"])),
    "I5": lambda: of_pictures(
        "I5", validation_data=(mistakes.pictures()[LAST] / 255, CLASSES[LAST])
    ),
    "I6": lambda: of_pictures(
        "I6",
        x=mistakes.folders(slice(150), list("abc"), PATIENTS),
        validation_data=mistakes.folders(LAST, list("abc"), PATIENTS),
    ),
    "I7": lambda: of_pictures("I7", x=mistakes.pictures() / 127.5 - 1),
    "W1": lambda: mistakes.of_words(150),
    "W2": lambda: of_pictures(
        "W2", mistakes.reader(keras.layers.GlobalAveragePooling1D(), mask=True)
    ),
    "W3": lambda: repaired("W3", x=mistakes.tokens()),
}


@pytest.mark.second_tier
@pytest.mark.filterwarnings("ignore:Layer .* destroy the mask")  # of W2
@pytest.mark.parametrize("rule", EXAMPLES)
def test_its_twin_passes(rule):
    found = check(TWINS[rule]())
    assert list(found) == []
    assert not [note for note in found.notes if "could not" in note or "not tried" in note]


# rule, level, head, y, a part of the message
MORE = [
    ("H1", "error", (1, "softmax", SPARSE), YES_OR_NO, "always 1.0"),
    ("H2", "warning", (5, "softmax", SPARSE), CLASSES, "5 output units for 3 classes"),
    ("H2", "error", (4, "softmax", CATEGORICAL), ONE_HOT, "4 output units for 3"),
    ("H2", "error", (1, None, LOGITS), CLASSES, "Dense(3, activation='softmax')"),
    ("H2", "error", (1, None, SPARSE), YES_OR_NO, "BinaryCrossentropy(from_logits=True)"),
    ("H3", "error", (3, "softmax", SPARSE), CLASSES * 2, "labels 0, 2, 4"),
    ("H3", "error", (3, "softmax", SPARSE), CLASSES - 1, "labels -1, 0, 1"),
    ("H3", "warning", (4, "softmax", SPARSE), CLASSES + 1, "labels 1, 2, 3"),
    ("H3", "warning", (5, "softmax", SPARSE), CLASSES * 2, "0 to 2, one for each"),
    ("H6", "error", (2, "sigmoid", BINARY), YES_OR_NO, "Dense(1, activation='sigmoid')"),
    ("H6", "error", (3, "sigmoid", BINARY), CLASSES, "sparse_categorical_crossentropy"),
    ("H6", "error", (1, "sigmoid", BINARY), ONE_HOT, "Dense(3, activation='softmax')"),
    ("H7", "error", (1, None, BINARY), YES_OR_NO, "BinaryCrossentropy(from_logits=True)"),
    ("H7", "error", (3, "log_softmax", SPARSE), CLASSES, "by log_softmax"),
    ("H8", "error", (1, "sigmoid", BINARY_LOGITS), YES_OR_NO, "a sigmoid output"),
    ("H9", "error", (3, "sigmoid", CATEGORICAL), ONE_HOT, "Dense(3, activation='softmax')"),
    ("H9", "error", (1, "sigmoid", SPARSE), YES_OR_NO, "loss='binary_crossentropy'"),
    ("H9", "error", (3, "relu", SPARSE), CLASSES, "a relu output"),
    ("H9", "error", (3, "tanh", CATEGORICAL), ONE_HOT, "a tanh output"),
    ("H9", "error", (1, "relu", BINARY_LOGITS), YES_OR_NO, "a relu output"),
    ("H9", "warning", (3, "tanh", LOGITS), CLASSES, "linear output with from_logits=True"),
    ("H10", "error", (3, "softmax", BINARY), MULTILABEL, "0 to 3 classes at once"),
    ("H10", "error", (3, "softmax", SPARSE), MULTILABEL, "Dense(3, activation='sigmoid')"),
    ("H11", "error", (1, "sigmoid", BINARY), YES_OR_NO * 255, "y = (y == 255).astype(int)"),
    ("H11", "error", (1, "sigmoid", BINARY), CLASSES, "Dense(3, activation='softmax')"),
    ("H11", "error", (1, "sigmoid", BINARY), NUMBERS * 9, "Dense(1) with loss='mse', if these"),
    ("H12", "error", (1, "sigmoid"), NUMBERS, "a sigmoid output"),
    ("H12", "warning", (1, "relu"), np.abs(NUMBERS), "a relu output"),
    ("H13", "error", (3, None), NUMBERS, "outputs of shape (rows, 3)"),
    ("H13", "error", (1, None), ONE_HOT * 0.3, "Dense(3)"),
    ("H13", "error", (3, None), CLASSES, "Dense(3, activation='softmax') with loss='sparse"),
    ("H14", "error", (1, "sigmoid", BINARY, [keras.metrics.Accuracy()]), YES_OR_NO, "'accuracy'"),
    ("H14", "error", (1, None, "mae", [keras.metrics.BinaryAccuracy()]), NUMBERS, "'mae'"),
    ("H15", "warning", (1, None, "mse", ["accuracy"]), CLASSES, "class numbers 0, 1, 2"),
    ("H15", "warning", (1, "sigmoid", "mse"), YES_OR_NO * 1.0, "binary_crossentropy"),
    ("D2", "error", (1, "sigmoid", BINARY), np.array(["no", "yes"] * 100), "'no'"),
    ("D2", "error", (1,), NUMBERS.astype(object), "y = y.astype('float32')"),
    ("D11", "error", (1, "sigmoid", BINARY), np.zeros(ROWS), "200 training targets, each 0"),
    ("D11", "error", (3, "softmax", CATEGORICAL), np.eye(3)[[1] * ROWS], "each 0, 1, 0"),
    ("D11", "error", (3, "softmax", SPARSE), np.ones(ROWS, int), "each 1"),
    ("D11", "warning", (1,), np.full(ROWS, 0.3), "each 0.3"),
    ("D10", "warning", (1, "sigmoid", BINARY), YES_OR_NO, "takes 1.0"),
]


@pytest.mark.parametrize(("rule", "level", "head", "y", "part"), MORE)
def test_other_forms_of_a_mistake(rule, level, head, y, part):
    settings = {"class_weight": {1: 3.0}} if rule == "D10" else {}
    found = checks.check(mistakes.network(*head), X, y, **settings)
    assert [(one.id, one.level) for one in found] == [(rule, level)]
    assert part in str(found)


def test_no_model_at_all():
    with pytest.raises(ValueError, match="received str, expected a compiled"):
        checks.check("model", X, NUMBERS)


def test_relu_logits_that_are_dead_are_told_apart():
    dead = keras.initializers.Constant(-5.0)
    layer = keras.layers.Dense(1, "relu", bias_initializer=dead)
    model = keras.Sequential([keras.Input((4,)), layer])
    model.compile("adam", lambda y, p: (y - p) ** 2)
    found = checks.check(model, X, NUMBERS)
    assert ids(found) == ["P1", "P2"]
    assert "a gradient of zero for every weight" in found[0].received
    assert "1 of 1 relu outputs" in found[1].received


def test_loss_without_a_gradient():
    model = mistakes.network(3, "softmax", lambda y, p: keras.ops.mean(keras.ops.round(p)))
    assert ids(checks.check(model, X, ONE_HOT)) == ["P1"]


def test_gradient_that_is_not_finite():
    model = mistakes.network(1, None, lambda y, p: keras.ops.log(p - p))
    (found,) = checks.check(model, X, NUMBERS)
    assert (found.id, found.level) == ("P1", "error")
    assert "not finite for 4 of 4 weights" in found.received


def test_saturated_sigmoid():
    huge = keras.initializers.Constant(99.0)
    layer = keras.layers.Dense(1, "sigmoid", bias_initializer=huge)
    model = keras.Sequential([keras.Input((4,)), layer])
    model.compile("adam", BINARY)
    assert "P2" in ids(checks.check(model, X, YES_OR_NO))


def test_normalization_that_was_never_adapted():
    layers = [keras.Input((4,)), keras.layers.Normalization(name="scale"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    (found,) = checks.check(model, X, NUMBERS)
    assert (found.id, found.fix) == ("D13", "model.get_layer('scale').adapt(x)")
    layers[1].adapt(X * 3)
    assert checks.check(model, X, NUMBERS) == []


@pytest.mark.parametrize("table", [True, False])
def test_column_that_is_the_target(table):
    x = np.column_stack([X[:, :3], NUMBERS])
    x = pd.DataFrame(x, columns=["a", "b", "c", "price"]) if table else x
    (found,) = checks.check(mistakes.network(1), x, NUMBERS)
    assert (found.id, found.level) == ("D12", "warning")
    assert ("column 'price'" if table else "column 3") in found.received


def test_targets_in_order_of_size_split_in_the_middle():
    order = np.argsort(NUMBERS)
    model = mistakes.network(1)
    found = checks.check(model, X[order], NUMBERS[order], validation_split=0.2)
    assert [(one.id, one.level) for one in found] == [("S1", "warning")]
    assert checks.check(model, X, NUMBERS, validation_split=0.2) == []


def test_rows_of_few_values_repeat_by_nature():
    x = np.random.default_rng(3).integers(0, 3, size=(ROWS, 4)).astype("float32")
    found = checks.check(mistakes.network(3, "softmax", SPARSE), x, CLASSES, validation_split=0.3)
    assert found == []


def test_numbers_of_users_and_items_repeat_by_nature():
    x = np.random.default_rng(3).integers(0, 30, size=(ROWS, 2))
    inputs = keras.layers.Embedding(30, 4), keras.layers.Flatten(), keras.layers.Dense(1)
    model = keras.Sequential(list(inputs))
    model.compile("adam", "mse")
    assert checks.check(model, x, NUMBERS, validation_split=0.3) == []


@pytest.mark.parametrize("copies", [1, 9])
def test_copies_made_before_the_split_are_found(copies):
    x, y = (np.concatenate([a, *[a[:60]] * copies]) for a in (X, CLASSES))
    order = np.random.default_rng(4).permutation(len(x))
    model = mistakes.network(3, "softmax", SPARSE)
    found = checks.check(model, x[order], y[order], validation_split=0.3)
    assert ids(found) == ["S2"]


@pytest.mark.parametrize(
    ("settings", "rule", "level"),
    [
        ({"callbacks": stopping(monitor="val_loss")}, "T1", "error"),
        ({"callbacks": [keras.callbacks.ReduceLROnPlateau(monitor="auc")]}, "T1", "error"),
        ({"callbacks": stopping(monitor="accuracy", mode="min")}, "T2", "error"),
        ({"batch_size": 1000}, "T6", "warning"),
        ({"save_path": "no/such/../folder/model.h5"}, "T5", "warning"),
        ({"save_path": "/proc/model.keras"}, "T5", "error"),
        ({"callbacks": [keras.callbacks.ModelCheckpoint("/proc/x.keras")]}, "T5", "error"),
    ],
)
def test_settings(settings, rule, level):
    model = mistakes.network(3, "softmax", SPARSE, ["accuracy"])
    found = checks.check(model, X, CLASSES, epochs=20, **settings)
    assert [(one.id, one.level) for one in found] == [(rule, level)]


def test_h5_of_a_loss_by_its_short_name_does_not_load():
    found = checks.check(mistakes.network(1), X, NUMBERS, save_path="model.h5")
    assert [(one.id, one.level) for one in found] == [("T5", "error")]


class Logs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["f1"] = 1.0


def test_scores_of_a_callback_of_the_users_own_may_be_watched():
    model = mistakes.network(3, "softmax", SPARSE)
    callbacks = [Logs(), *stopping(monitor="f1", mode="max", patience=1)]
    assert checks.check(model, X, CLASSES, epochs=20, callbacks=callbacks) == []


def test_all_at_once_errors_first_strict_and_ignore():
    model = mistakes.network(1, "relu", "mse", ["accuracy"])
    x = X * 100
    y = np.abs(NUMBERS)
    found = checks.check(model, x, y)
    assert [(one.id, one.level) for one in found] == [
        ("H14", "error"),
        ("H12", "warning"),
        ("D3", "warning"),
    ]
    by_name = ["outputs/metric-does-not-match-loss", "scaling/inputs-not-scaled"]
    for ignore in (["H14", "D3"], by_name):
        assert ids(checks.check(model, x, y, ignore=ignore)) == ["H12"]
    assert {one.level for one in checks.check(model, x, y, strict=True)} == {"error"}
    assert (
        str(found)
        .splitlines()[0]
        .startswith("error: outputs/metric-does-not-match-loss (H14): received metric 'accuracy'")
    )


def test_rule_that_fails_is_a_note_and_no_end(monkeypatch):
    def fail(facts):
        raise ZeroDivisionError("oh")

    broken = findings.Rule("X1", "made/broken", "", "", "", (), fail)
    monkeypatch.setattr(api, "BEFORE", (broken, *api.BEFORE))
    found = checks.check(mistakes.network(1, "softmax", BINARY), X, YES_OR_NO)
    assert ids(found) == ["H1"]
    assert "made/broken (X1) could not be judged: ZeroDivisionError: oh" in found.notes
