"""The changes that the check asks for: they agree with each other, and what they make is right."""

import itertools
import re

import keras
import numpy as np
import pandas as pd
import pytest

from benchmarks import mistakes
from keras_recipes import checks

X, CLASSES = mistakes.rows()
NUMBERS, YES_OR_NO, ONE_HOT = mistakes.numbers(), mistakes.yes_or_no(), mistakes.one_hot()
TEXT = np.array(["cat", "dog", "bird"])[CLASSES]
LOSSES = {
    "mse": "mse",
    **{name: name for name in (mistakes.BINARY, mistakes.SPARSE, mistakes.CATEGORICAL)},
    "binary logits": keras.losses.BinaryCrossentropy(from_logits=True),
    "sparse logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "categorical logits": keras.losses.CategoricalCrossentropy(from_logits=True),
}
HEADS = [(1, None), (1, "sigmoid"), (1, "softmax"), (1, "relu"), (2, "softmax"), (3, None)]
HEADS += [(3, "softmax"), (3, "sigmoid"), (3, "tanh")]
TARGETS = {
    "0 and 1": YES_OR_NO,
    "-1 and 1": YES_OR_NO * 2 - 1,
    "three classes": CLASSES,
    "classes from 1": CLASSES + 1,
    "two columns": np.eye(2, dtype="float32")[YES_OR_NO],
    "three columns": ONE_HOT,
    "several labels": (X[:, :3] > 0).astype("float32"),
    "numbers": NUMBERS,
    "text": TEXT,
}


def code(fix):
    """The change itself, without the words around it."""
    return re.split(r", or |, if |, which | before the split|: a row|, since |; or ", fix)[0]


def repaired(fixes, units, activation, loss, y):
    """Model and targets once all changes are made."""
    for fix in fixes:
        if fix.startswith(("y =", "classes, y =")):
            names = {"y": y, "np": np}
            exec(fix, names)
            y = names["y"]
        if layer := re.match(r"Dense\((\d+)(?:, activation='(\w+)'|, \.\.\.)?\)", fix):
            units = int(layer[1])
            activation = activation if "..." in fix else layer[2]
        if given := re.search(r"loss=(.*)", fix):
            loss = eval(given[1], {"keras": keras})
    return (units, activation, loss), y


@pytest.mark.second_tier
@pytest.mark.parametrize(("first", "target"), [*enumerate(TARGETS)])
def test_changes_to_an_output_agree_and_lead_to_what_is_right(first, target):
    # Every fifth pair of output and loss for each kind of target: each pair has its turn.
    pairs = list(itertools.product(HEADS, LOSSES))[first % 5 :: 5]
    for (units, activation), loss in pairs:
        head, y = (units, activation, LOSSES[loss]), TARGETS[target]
        for _ in range(3):
            found = checks.check(mistakes.network(*head), X, y).errors
            fixes = [code(one.fix) for one in found]
            heads = {fix for fix in fixes if "loss=" in fix}
            assert len(heads) <= 1, (units, activation, loss, heads)
            if not found:
                break
            head, y = repaired(fixes, *head, y)
        assert not found, (units, activation, loss, found)


DAYS = pd.date_range("2020-07-01", periods=mistakes.ROWS, freq="37h")
COUNT = np.arange(mistakes.ROWS)
# Columns, a part of what is said of them, and what the change makes of the first cell.
COLUMNS = {
    "dates": (DAYS, "with dates", 2020.5),
    "dates of a time zone": (DAYS.tz_localize("Europe/Rome"), "with dates", 2020.5),
    "months": (DAYS.to_period("M"), "with dates", 2020.58),
    "dates as objects": (DAYS.date, "dates as objects", 2020.5),
    "dates as text": (DAYS.astype(str), "dates as text such as '2020-", 2020.5),
    "dates as text, day first": (DAYS.strftime("%d.%m.%Y"), "dates as text", 2020.5),
    "dates with a month's name": (DAYS.strftime("%d %b %Y"), "dates as text", 2020.5),
    "times as text": (DAYS.strftime("%H:%M"), "times as text", 0.0),
    "durations": (DAYS - DAYS[0], "durations", 0.0),
    "numbers as text": (COUNT.astype(str), "numbers as text", 0.0),
    "numbers with gaps": (["?", *COUNT[1:].astype(str)], "numbers as text", None),
    "prices": ([f"${n},500.5" for n in COUNT], "numbers with signs", 500.5),
    "weights": ([f"{n + 1} kg" for n in COUNT], "numbers with signs", 1.0),
    "percents": ([f"{n}%" for n in COUNT], "numbers with signs", 0.0),
    "decimal commas": ([f"{n},5" for n in COUNT], "decimal comma", 0.5),
    "words": (np.where(CLASSES > 1, "red", "blue"), "values such as 'blue'", None),
    "categories of numbers": (pd.Categorical(CLASSES), "values such as", None),
    "names": ([f"Mr. Smith {n} of A" for n in COUNT], "values such as 'Mr", None),
    "nothing": ([None] * len(COUNT), "nothing but missing values", None),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_change_to_a_column_makes_numbers_of_it(column):
    cells, said, first = COLUMNS[column]
    x = pd.DataFrame({"a": X[:, 0], "b": cells, "c": X[:, 1]})
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("adam", "mse")
    (found,) = (one for one in checks.check(model, x, NUMBERS) if one.id == "D2")
    assert "column 'b' with " in found.received
    assert said in found.received
    names = {"x": x, "pd": pd, "np": np}
    exec(code(found.fix), names)
    x = names["x"]
    assert x.to_numpy().dtype.kind in "fiu"
    if first is not None:
        assert x["b"].iloc[0] == pytest.approx(first, abs=0.01)
    assert "D2" not in [one.id for one in checks.check(model, x, NUMBERS)]


def test_objects_in_an_array_are_told_column_by_column():
    x = pd.DataFrame({"a": X[:, 0], "when": DAYS, "kind": TEXT}).to_numpy()
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("adam", "mse")
    found = [one for one in checks.check(model, x, NUMBERS) if one.id == "D2"]
    assert [one.received[:15] for one in found] == ["x column 1 with", "x column 2 with"]
    for one in found:
        names = {"x": x, "pd": pd}
        exec(code(one.fix), names)
        x = names["x"]
    assert x.astype("float32").shape == (len(X), 5)


@pytest.mark.parametrize(
    ("y", "made"),
    [
        (TEXT, [1, 2, 0]),
        (TEXT.astype(object), [1, 2, 0]),
        (pd.Series(TEXT).astype("category"), [1, 2, 0]),
        (CLASSES.astype(str), CLASSES[:3]),
        (pd.Series(CLASSES.astype(object)), CLASSES[:3]),
    ],
)
def test_change_to_labels_makes_class_numbers_of_them(y, made):
    model = mistakes.network(3, "softmax", mistakes.SPARSE)
    (found,) = checks.check(model, X, y)
    names = {"y": y, "np": np, "pd": pd}
    exec(code(found.fix), names)
    assert checks.check(model, X, names["y"]) == []
    if made is not CLASSES[:3]:
        assert set(np.asarray(names["y"])) == {0, 1, 2}


def test_text_labels_are_judged_as_what_they_will_be():
    model = mistakes.network(1, "sigmoid", mistakes.BINARY)
    found = checks.check(model, X, TEXT)
    assert [one.id for one in found] == ["H11", "D2"]
    assert found[0].received == "binary labels 'bird', 'cat', 'dog'"
    missing = pd.Series(np.where(YES_OR_NO, "yes", "no")).where(COUNT > 2)
    found = checks.check(model, X, missing)
    assert [(one.id, one.received[:8]) for one in found] == [("D1", "3 NaN in"), ("D2", "y with v")]
    assert found[0].fix.startswith("keep = pd.notna(y); x, y = x[keep], y[keep]")


LATER = pytest.mark.second_tier


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        (YES_OR_NO == 1, True),
        pytest.param(pd.array(CLASSES, dtype="Int64"), True, marks=LATER),
        pytest.param(pd.array(YES_OR_NO == 1, dtype="boolean"), True, marks=LATER),
        pytest.param(CLASSES.astype("int8"), False, marks=LATER),
        (X[:, 3].astype("float64"), False),
    ],
)
def test_table_that_fit_refuses_is_told_of_and_no_other(column, bad):
    x = pd.DataFrame({"a": X[:, 0], "b": column})
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("adam", "mse")
    found = checks.check(model, x, NUMBERS)
    assert [one.id for one in found] == (["D14"] if bad else [])
    if bad:
        with pytest.raises(ValueError, match=r"Unsupported object type|Invalid dtype"):
            model.fit(x, NUMBERS, verbose=0)
        assert found[0].fix == "x = x.astype('float32')"
        x = x.astype("float32")
        assert checks.check(model, x, NUMBERS) == []
    model.fit(x, NUMBERS, verbose=0)


@pytest.mark.parametrize(
    ("rule", "level", "head", "metric", "y", "fix"),
    [
        ("H14", "error", (3, "softmax", mistakes.SPARSE), "Accuracy", CLASSES, "in small letters"),
        ("H14", "error", (3, "softmax", mistakes.SPARSE), "categorical_accuracy", CLASSES, "['acc"),
        ("H14", "error", (3, "softmax", mistakes.CATEGORICAL), "binary_accuracy", ONE_HOT, "['acc"),
        ("H14", "error", (1, "sigmoid", mistakes.BINARY), "categorical_accuracy", YES_OR_NO, "acc"),
        ("H14", "error", (1, None, "mse"), "AUC", NUMBERS, "R2Score"),
        ("H18", "error", (3, "softmax", mistakes.SPARSE), "Precision", CLASSES, "to_categorical"),
        (
            "H18",
            "warning",
            (1, None, LOSSES["binary logits"]),
            "accuracy",
            YES_OR_NO,
            "threshold=0",
        ),
        ("H18", "warning", (1, None, LOSSES["binary logits"]), "Recall", YES_OR_NO, "thresholds=0"),
        ("H18", "warning", (1, None, LOSSES["binary logits"]), "AUC", YES_OR_NO, "from_logits"),
    ],
)
def test_metric_that_says_nothing(rule, level, head, metric, y, fix):
    (found,) = checks.check(mistakes.network(*head, metrics=[metric]), X, y)
    assert (found.id, found.level) == (rule, level)
    assert fix in found.fix


RIGHT_METRICS = [
    ((1, "sigmoid", mistakes.BINARY), ["acc", "AUC", "Precision", "mae"], YES_OR_NO),
    ((3, "sigmoid", mistakes.BINARY), ["categorical_accuracy", "binary_accuracy"], ONE_HOT),
    ((2, "softmax", mistakes.CATEGORICAL), ["binary_accuracy"], np.eye(2)[YES_OR_NO]),
    ((3, "softmax", mistakes.CATEGORICAL), ["AUC", "F1Score", "TopKCategoricalAccuracy"], ONE_HOT),
    ((3, "softmax", mistakes.SPARSE), ["sparse_categorical_accuracy"], CLASSES),
    ((3, "softmax", "mse"), ["accuracy"], ONE_HOT),
    ((1, None, "mse"), ["r2_score", "mae"], NUMBERS),
    (
        (1, None, LOSSES["binary logits"]),
        [keras.metrics.BinaryAccuracy(threshold=0.0), keras.metrics.AUC(from_logits=True)],
        YES_OR_NO,
    ),
]


@pytest.mark.parametrize(("head", "metrics", "y"), RIGHT_METRICS)
def test_metric_that_fits_is_left_alone(head, metrics, y):
    before = keras.metrics.AUC().name
    assert checks.check(mistakes.network(*head, metrics=metrics), X, y) == []
    number = int(before.rpartition("_")[2]) if "_" in before else 0
    assert keras.metrics.AUC().name == f"auc_{number + 1}"  # no metric was made on the way


def stack(loss, *layers):
    model = keras.Sequential(list(layers))
    model.compile("adam", loss)
    return model


@pytest.mark.parametrize(
    ("first", "last", "loss", "shape", "y"),
    [
        (keras.layers.GRU, (1, None), "mse", (5, 2), NUMBERS),
        (None, (1, "sigmoid"), mistakes.BINARY, (6, 6), YES_OR_NO),
        (keras.layers.Conv2D, (3, "softmax"), mistakes.SPARSE, (6, 6, 1), CLASSES),
        (keras.layers.Conv2D, (3, "softmax"), mistakes.CATEGORICAL, (6, 6, 1), ONE_HOT),
    ],
)
def test_output_for_each_step_and_a_target_for_each_row(first, last, loss, shape, y):
    settings = {"filters": 2, "kernel_size": 3}
    if first is keras.layers.GRU:
        settings = {"units": 2, "return_sequences": True}
    layers = [first(**settings, name="first")] if first else []
    model = stack(loss, *layers, keras.layers.Dense(*last))
    x = np.random.default_rng(0).normal(size=(len(y), *shape)).astype("float32")
    found = checks.check(model, x, y)
    assert [one.id for one in found] == ["H17"]
    assert not [note for note in found.notes if "could not" in note]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (CLASSES[:, None] * 9, "values 0 to 18 for an Embedding of 5"),
        (CLASSES[:, None] - 1, "values -1 to 1"),
        (X[:, :2] / 9, "fractions"),
        (CLASSES[:, None], None),
        (CLASSES[:, None].astype("float32"), None),
    ],
)
def test_words_that_the_embedding_has_no_row_for(words, part):
    layers = (keras.layers.Embedding(5, 2), keras.layers.Flatten(), keras.layers.Dense(1))
    found = checks.check(stack("mse", *layers), words, NUMBERS)
    assert [one.id for one in found] == ([] if part is None else ["D15"])
    assert part is None or part in found[0].received


def test_pixels_as_targets_are_to_be_divided():
    pixels = np.random.default_rng(0).integers(0, 256, size=(100, 64)).astype("uint8")
    layers = (
        keras.Input((64,)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Dense(64, "sigmoid"),
    )
    for loss, rule in ((mistakes.BINARY, "H11"), ("mse", "H12")):
        found = checks.check(stack(loss, *layers), pixels, pixels)
        assert found[0].id == rule
        assert {one.fix for one in found} == {"y = y / 255"}
        assert checks.check(stack(loss, *layers), pixels, pixels / 255) == []
    flat = stack("mse", keras.Input((64,)), keras.layers.Dense(1))
    (found,) = checks.check(flat, pixels.astype("float32"), NUMBERS[:100])
    assert "Rescaling(1 / 255)" in found.fix


def test_model_without_a_weight_to_train():
    model = mistakes.network(1)
    model.trainable = False
    model.compile("adam", "mse")
    (found,) = checks.check(model, X, NUMBERS)
    assert (found.id, found.received) == ("P1", "a model without a weight to train")


def test_table_of_targets_for_several_outputs():
    inputs = keras.Input((4,))
    heads = {name: keras.layers.Dense(1)(inputs) for name in ("a", "b")}
    model = keras.Model(inputs, heads)
    model.compile("adam", "mse")
    y = pd.DataFrame({"a": NUMBERS, "b": NUMBERS * 2})
    (found,) = checks.check(model, X, y)
    assert found.id == "D8"
    names = {"y": y}
    exec(found.fix, names)
    assert checks.check(model, X, names["y"]) == []
    (found,) = checks.check(model, X, y.to_numpy())
    assert found.fix == "y = {'a': ..., 'b': ...}"


def windows(series, width=6):
    x = np.lib.stride_tricks.sliding_window_view(series[:-1], width)
    return x[..., None].astype("float32"), series[width:].astype("float32")


def test_time_series_is_not_to_be_shuffled():
    model = stack("mse", keras.layers.GRU(2), keras.layers.Dense(1))
    night = np.maximum(0, np.sin(np.arange(900) / 4) + np.random.default_rng(0).normal(0, 0.1, 900))
    night[night < 0.3] = 0
    assert checks.check(model, *windows(night), validation_split=0.2) == []
    growing = np.exp(np.arange(900) / 150) / 100
    found = checks.check(model, *windows(growing), validation_split=0.2)
    assert {(one.id, one.level) for one in found} == {("D4", "warning"), ("S1", "warning")}
    assert all("follow time" in one.fix for one in found)


@pytest.mark.parametrize("table", [True, False])
def test_copies_are_dropped_from_inputs_and_targets_alike(table):
    order = np.random.default_rng(4).permutation(260)
    x, y = (np.concatenate([part, part[:60]])[order] for part in (X, CLASSES))
    if table:
        x, y = pd.DataFrame(x, columns=list("abcd")), pd.Series(y)
    model = mistakes.network(3, "softmax", mistakes.SPARSE)
    (found,) = checks.check(model, x, y, validation_split=0.3)
    names = {"x": x, "y": y, "np": np}
    exec(found.fix.partition(" before")[0], names)
    assert len(names["x"]) == len(names["y"]) == len(X)
    assert checks.check(model, names["x"], names["y"], validation_split=0.3) == []
