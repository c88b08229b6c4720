"""Each rule of the check: an example that it names, and a twin that is right and passes."""

import keras
import numpy as np
import pandas as pd
import pytest

from recipes.common import checks

ROWS = 60
X = np.random.default_rng(0).normal(size=(ROWS, 4)).astype("float32")
CLASSES = np.arange(ROWS) % 3
BINARY = np.arange(ROWS) % 2
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
MULTILABEL = np.column_stack([BINARY, CLASSES > 0, np.ones(ROWS)]).astype("float32")
NUMBERS = np.linspace(-1, 3, ROWS).astype("float32")
SPARSE = keras.losses.SparseCategoricalCrossentropy
BINARY_LOSS = keras.losses.BinaryCrossentropy


def model(units, activation=None, loss="mse", metrics=()):
    inputs = keras.Input((4,))
    made = keras.Model(inputs, keras.layers.Dense(units, activation)(inputs))
    made.compile("adam", loss, metrics=list(metrics))
    return made


# id, level, model, y, a part of the message
BROKEN = [
    ("H1", "error", (1, "softmax", "binary_crossentropy"), BINARY, "always 1.0"),
    ("H2", "error", (2, "softmax", "sparse_categorical_crossentropy"), CLASSES, "Dense(3, ...)"),
    ("H2", "warning", (5, "softmax", "sparse_categorical_crossentropy"), CLASSES, "5 output units"),
    ("H2", "error", (4, "softmax", "categorical_crossentropy"), ONE_HOT, "4 output units for 3"),
    ("H3", "error", (4, "softmax", "sparse_categorical_crossentropy"), CLASSES + 1, "labels 1, 2"),
    ("H3", "error", (5, "softmax", "sparse_categorical_crossentropy"), CLASSES * 2, "0, 2, 4"),
    ("H4", "error", (3, "softmax", "categorical_crossentropy"), CLASSES, "integer labels of shape"),
    ("H5", "error", (3, "softmax", "sparse_categorical_crossentropy"), ONE_HOT, "argmax(axis=1)"),
    ("H6", "error", (1, "sigmoid", "binary_crossentropy"), ONE_HOT[:, :2], "y = y[:, 1]"),
    (
        "H6",
        "error",
        (2, "sigmoid", "binary_crossentropy"),
        BINARY,
        "Dense(1, activation='sigmoid')",
    ),
    ("H7", "error", (3, None, "sparse_categorical_crossentropy"), CLASSES, "from_logits=True"),
    (
        "H7",
        "error",
        (1, None, "binary_crossentropy"),
        BINARY,
        "BinaryCrossentropy(from_logits=True)",
    ),
    ("H8", "error", (3, "softmax", SPARSE(from_logits=True)), CLASSES, "not in both"),
    ("H8", "error", (1, "sigmoid", BINARY_LOSS(from_logits=True)), BINARY, "a sigmoid output"),
    ("H9", "error", (3, "softmax", "binary_crossentropy"), ONE_HOT, "softmax over 3 units"),
    (
        "H9",
        "error",
        (3, "sigmoid", "categorical_crossentropy"),
        ONE_HOT,
        "Dense(3, activation='soft",
    ),
    ("H9", "error", (1, "sigmoid", "sparse_categorical_crossentropy"), BINARY, "'binary_crossent"),
    (
        "H10",
        "error",
        (3, "softmax", "categorical_crossentropy"),
        MULTILABEL,
        "1 to 3 classes at once",
    ),
    ("H11", "error", (1, "sigmoid", "binary_crossentropy"), BINARY * 2 - 1, "labels -1, 1"),
    ("H11", "error", (1, "sigmoid", "binary_crossentropy"), BINARY * 255, "y = (y == 255)"),
    ("H12", "error", (1, "relu"), NUMBERS, "cannot reach 25% of the targets"),
    ("H12", "error", (1, "sigmoid"), NUMBERS, "Dense(1)"),
    ("H12", "warning", (1, "softplus"), NUMBERS + 2, "a softplus output"),
    ("H13", "error", (3, None), NUMBERS, "outputs of shape (rows, 3)"),
    ("H13", "error", (1, None), ONE_HOT * 0.3, "Dense(3)"),
    ("H14", "error", (1, None, "mse", ["accuracy"]), NUMBERS, "'accuracy'"),
    ("D1", "error", (1, None), np.where(NUMBERS > 2, np.nan, NUMBERS), "15 NaN in y"),
    ("D2", "error", (1, "sigmoid", "binary_crossentropy"), np.array(["no", "yes"] * 30), "'no'"),
]


@pytest.mark.parametrize(("rule", "level", "made", "y", "part"), BROKEN)
def test_mistake_is_named(rule, level, made, y, part):
    findings = checks.check(model(*made), X, y)
    assert [(found.id, found.level) for found in findings] == [(rule, level)]
    assert part in str(findings[0])
    for word in ("received", "expected", "fix:"):
        assert word in str(findings[0])


RIGHT = {
    "binary": ((1, "sigmoid", "binary_crossentropy", ["accuracy"]), BINARY),
    "binary, column": ((1, "sigmoid", "binary_crossentropy"), BINARY.reshape(-1, 1)),
    "binary, soft labels": ((1, "sigmoid", "binary_crossentropy"), np.linspace(0, 1, ROWS)),
    "binary, logits": ((1, None, BINARY_LOSS(from_logits=True)), BINARY),
    "binary, truth values": ((1, "sigmoid", "binary_crossentropy"), BINARY == 1),
    "multiclass": ((3, "softmax", "sparse_categorical_crossentropy", ["accuracy"]), CLASSES),
    "multiclass, column": ((3, "softmax", SPARSE()), CLASSES.reshape(-1, 1)),
    "multiclass, one-hot": ((3, "softmax", "categorical_crossentropy"), ONE_HOT),
    "multiclass, soft labels": ((3, "softmax", "categorical_crossentropy"), ONE_HOT * 0.9 + 0.03),
    "multiclass, logits": ((3, None, SPARSE(from_logits=True)), CLASSES),
    "two classes by softmax": ((2, "softmax", "sparse_categorical_crossentropy"), BINARY),
    "multilabel": ((3, "sigmoid", "binary_crossentropy", ["binary_accuracy"]), MULTILABEL),
    "regression": ((1, None, "mse", ["mae"]), NUMBERS),
    "regression, column": ((1, None, "mae"), NUMBERS.reshape(-1, 1)),
    "regression, several": ((3, None, keras.losses.Huber()), ONE_HOT * 2.5),
    "own loss": ((3, "softmax", lambda y_true, y_pred: y_pred), NUMBERS),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_model_passes(case):
    made, y = RIGHT[case]
    assert checks.check(model(*made), X, y, (X[:30], y[:30])) == []


def test_text_and_missing_columns_are_named():
    table = pd.DataFrame(X, columns=list("abcd")).assign(b="red")
    table.loc[3:5, "d"] = np.nan
    findings = checks.check(model(1), table, NUMBERS, (table[:9], NUMBERS[:9]))
    said = "\n".join(map(str, findings))
    assert {found.id for found in findings} == {"D1", "D2"}
    assert "3 NaN in column 'd' in x" in said
    assert "x column 'b' with values such as 'red'" in said
    assert "validation x" in said


@pytest.mark.parametrize("made", [case[0] for case in RIGHT.values()])
def test_text_targets_are_named_whatever_the_model(made):
    findings = checks.check(model(*made), X, np.array(["red", "green", "blue"] * 20))
    assert "D2" in [finding.id for finding in findings]


def test_infinite_inputs_are_counted():
    x = X.copy()
    x[:2, 1] = np.inf
    (found,) = checks.check(model(1), x, NUMBERS)
    assert "2 infinite in x" in found.received


def test_validation_labels_count_as_classes():
    broken = model(2, "softmax", "sparse_categorical_crossentropy")
    findings = checks.check(broken, X, BINARY, (X, CLASSES))
    assert [found.id for found in findings] == ["H2"]


def test_all_at_once_errors_first_and_ignore():
    broken = model(5, "relu", "mse", ["accuracy"])
    found = [(f.id, f.level) for f in checks.check(broken, X, np.abs(np.tile(NUMBERS, (5, 1)).T))]
    assert found == [("H14", "error"), ("H12", "warning")]
    left = checks.check(broken, X, np.abs(np.tile(NUMBERS, (5, 1)).T), ignore=["H14"])
    assert [finding.id for finding in left] == ["H12"]


@pytest.mark.parametrize("last", ["Softmax", "Activation"])
def test_activation_as_a_layer_of_its_own(last):
    layer = keras.layers.Softmax() if last == "Softmax" else keras.layers.Activation("softmax")
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1), layer])
    made.compile("adam", "binary_crossentropy")
    assert [finding.id for finding in checks.check(made, X, BINARY)] == ["H1"]


def test_nested_model_and_scaled_output_are_seen_through():
    inside = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "relu")])
    inputs = keras.Input((4,))
    outputs = keras.layers.Rescaling(10.0)(inside(inputs))
    made = keras.Model(inputs, outputs)
    made.compile("adam", "mse")
    assert [finding.id for finding in checks.check(made, X, NUMBERS)] == ["H12"]


def test_several_outputs_are_not_judged():
    inputs = keras.Input((4,))
    heads = [keras.layers.Dense(1, "relu")(inputs), keras.layers.Dense(3)(inputs)]
    made = keras.Model(inputs, heads)
    made.compile("adam", ["mse", "mse"])
    assert checks.check(made, X, NUMBERS) == []
