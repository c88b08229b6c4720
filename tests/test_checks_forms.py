"""The check on data and models of any form, what it leaves alone, and the ways to call it."""

import json
import logging
import pathlib
import random
import re
import subprocess
import sys
import types

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from benchmarks import checks as benchmark, mistakes, publish
from keras_recipes import catalog, checks
from keras_recipes.checks import api, page
from keras_recipes.checks.inspect import reading
from keras_recipes.checks.rules import splits
from keras_recipes.commands import check, main as program
from keras_recipes.data.splits import Split
from keras_recipes.errors import InputError

X, CLASSES = mistakes.rows()
NUMBERS = mistakes.numbers()
SPARSE = mistakes.SPARSE
TABLE = pd.DataFrame(X, columns=list("abcd"))


def ids(found):
    return [finding.id for finding in found]


class Subclassed(keras.Model):
    def __init__(self, units, activation=None):
        super().__init__()
        self.hidden = keras.layers.Dense(8, "relu")
        self.drop = keras.layers.Dropout(0.5)
        self.out = keras.layers.Dense(units, activation)

    def call(self, inputs, training=False):
        return self.out(self.drop(self.hidden(inputs), training=training))


def compiled(model, loss="mse", **settings):
    model.compile("adam", loss, **settings)
    return model


def stack(units, activation=None):
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.5)]
    return keras.Sequential([*layers, keras.layers.Dense(units, activation)])


@pytest.mark.parametrize("make", [stack, Subclassed])
@pytest.mark.parametrize(
    ("head", "loss", "y", "rule"),
    [
        ((1, "softmax"), mistakes.BINARY, mistakes.yes_or_no(), "H1"),
        ((3, None), SPARSE, CLASSES, "H7"),
        ((3, "softmax"), mistakes.BINARY, mistakes.one_hot(), "H9"),
        ((3, None), "mse", NUMBERS, "H13"),
        ((2, "softmax"), SPARSE, CLASSES, "H2"),
    ],
)
def test_models_that_are_not_built_are_judged(make, head, loss, y, rule):
    assert ids(checks.check(compiled(make(*head), loss), X, y)) == [rule]


def test_activation_that_no_layer_names_is_seen_in_the_values():
    layers = [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Lambda(tf.nn.softmax)]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert ids(checks.check(compiled(keras.Sequential(layers), loss), X, CLASSES)) == ["H8"]


def test_nested_model_and_copying_layers_are_seen_through():
    inside = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "relu")])
    inputs = keras.Input((4,))
    outputs = keras.layers.Activation("linear", dtype="float32")(inside(inputs))
    found = checks.check(compiled(keras.Model(inputs, outputs)), X, NUMBERS)
    assert ids(found) == ["H12"]


class Noisy(Subclassed):
    """Draws random numbers when it is built, and when it is called."""

    def build(self, input_shape):
        self.shift = keras.Variable(random.random())
        super().build(input_shape)

    def call(self, inputs, training=False):
        return super().call(inputs + np.random.random() + self.shift, training=training)


@pytest.mark.second_tier
@pytest.mark.parametrize("make", [stack, Noisy])
def test_checked_model_trains_as_if_it_had_not_been(make):
    histories = []
    for looked in (False, True):
        keras.utils.set_random_seed(5)
        model = compiled(make(3, "softmax"), SPARSE, metrics=["accuracy"])
        if looked:
            checks.check(model, X, CLASSES, validation_split=0.2, epochs=3)
        fitted = model.fit(X, CLASSES, validation_split=0.2, epochs=3, verbose=0)
        histories.append(fitted.history)
    assert histories[0] == histories[1]


def test_nothing_of_the_model_changes(tmp_path):
    layers = [keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    model = compiled(keras.Sequential([*layers, keras.layers.Dense(1)]))
    before = [variable.numpy() for variable in model.variables]
    assert checks.check(model, X, NUMBERS) == []
    after = [variable.numpy() for variable in model.variables]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras", compile=False).count_params() > 0


class Eager(Subclassed):
    def call(self, inputs, training=False):
        return super().call(tf.constant(np.asarray(inputs)))


def test_model_that_runs_on_numbers_only_is_judged_once_it_is_built():
    model = Eager(3)
    model.compile("adam", SPARSE, run_eagerly=True)
    model(X[:2])
    assert ids(checks.check(model, X, CLASSES)) == ["H7"]


@pytest.mark.parametrize(
    ("model", "x", "part"),
    [
        (stack(1), X, "a model that is not compiled"),
        (compiled(stack(1)), None, "there are none"),
        (compiled(stack(1)), (row for row in X), "a generator can be read only once"),
        (compiled(stack(1)), 3, "a single value"),
        (compiled(stack(1)), [[1, 2], [3]], "inhomogeneous"),
        (compiled(stack(1)), tf.data.Dataset.from_tensor_slices(X[:0]).batch(8), "without a batch"),
    ],
)
def test_silence_never_means_that_nothing_was_looked_at(model, x, part):
    found = checks.check(model, x, NUMBERS if x is X else None)
    assert {"N1"} == {*ids(found)}
    assert part in str(found)


@pytest.mark.parametrize(
    ("x", "y", "rule", "part"),
    [
        (X[:0], NUMBERS[:0], "D8", "x without rows"),
        (X, None, "D8", "no y"),
        (X, NUMBERS[1:], "D8", "200 rows of x, 199 rows of y"),
        (X.tolist(), NUMBERS, "D7", "x = np.array(x)"),
        (X[:, :3], NUMBERS, "D7", "(rows, 4), as the model takes it"),
        ([X, X], NUMBERS, "D7", "x[1], an array without an input"),
        ({"b": X}, NUMBERS, "D7", "no array for the input x['a']"),
        (tf.data.Dataset.from_tensor_slices((X, NUMBERS)), None, "D7", "dataset.batch(32)"),
        (
            tf.data.Dataset.from_tensor_slices((X, NUMBERS)).batch(9).repeat(),
            None,
            "T4",
            "steps_per_epoch=num_rows // batch_size",
        ),
        (X + 1j, NUMBERS, "D2", "x = np.concatenate([x.real, x.imag], axis=-1)"),
        (X.astype(object), NUMBERS, "D2", "x = x.astype('float32')"),
        (TABLE.astype({"b": str}), NUMBERS, "D2", "x['b'] = pd.to_numeric(x['b'], errors="),
        (TABLE.assign(b="red"), NUMBERS, "D2", "x column 'b' with values such as 'red'"),
        (TABLE.assign(b=None), NUMBERS, "D2", "nothing but missing values"),
        (TABLE.assign(b=pd.Timestamp("2020-1-1")), NUMBERS, "D2", "dates"),
        (np.where(X > 2, np.inf, X), NUMBERS, "D1", "14 infinite in x"),
        (np.where(X > 2, 1e39, X.astype("float64")), NUMBERS, "D1", "14 too large in x"),
        (X, np.where(NUMBERS > 2, np.nan, NUMBERS), "D1", "in y; expected"),
    ],
)  # fmt: skip
def test_odd_data(x, y, rule, part):
    model = keras.Sequential([keras.Input((4,), name="a"), keras.layers.Dense(1)])
    found = checks.check(compiled(model), x, y, ignore=["D3"])
    assert ids(found) == [rule]
    assert part in str(found)
    assert not [note for note in found.notes if "could not be judged" in note]


def test_a_fault_of_several_parts_is_told_once():
    table = TABLE.copy()
    table.loc[3:5, "d"] = np.nan
    table.loc[[198], "d"] = np.nan
    model = compiled(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))
    (found,) = checks.check(model, table, NUMBERS, validation_split=0.2)
    assert found.received == "3 NaN in x column 'd', 1 NaN in validation x column 'd'"
    assert found.fix.startswith("x = x.fillna(x.median(numeric_only=True))")
    (found,) = checks.check(model, TABLE.assign(b="red"), NUMBERS, validation_split=0.2)
    assert found.received == "x column 'b' with values such as 'red'"


def test_each_of_several_outputs_is_judged():
    inputs = keras.Input((4,))
    heads = {
        "size": keras.layers.Dense(1, "relu")(inputs),
        "kind": keras.layers.Dense(3)(inputs),
        "note": keras.layers.Dense(1)(inputs),
    }
    losses = {"size": "mse", "kind": SPARSE, "note": "mae"}
    model = compiled(keras.Model(inputs, heads), losses)
    found = checks.check(model, X, {"size": NUMBERS, "kind": CLASSES})
    assert sorted((one.id, one.received.split(":")[0]) for one in found) == [
        ("D8", "no y for the output 'note'"),
        ("H12", "output 'size'"),
        ("H7", "output 'kind'"),
    ]


def test_statistics_of_many_rows_are_those_of_a_sample_and_it_says_so():
    x = np.random.default_rng(0).normal(size=(3000, 4)).astype("float32")
    found = checks.check(compiled(stack(1)), x, x[:, 0] * 2)
    assert list(found) == []
    assert found.notes == (
        "means and standard deviations of columns are those of 2000 of 3000 rows",
    )


def test_long_stream_is_judged_by_its_beginning_and_it_says_so():
    x = np.zeros((9000, 4), "float32") + np.arange(9000, dtype="float32")[:, None] % 7
    data = tf.data.Dataset.from_tensor_slices((x, x[:, 0] / 7)).batch(500)
    found = checks.check(compiled(stack(1)), data)
    assert "the data were judged by their first" in " ".join(found.notes)


def test_loss_that_no_rule_knows_is_noted():
    found = checks.check(compiled(stack(1, "relu"), lambda y, p: (y - p) ** 2), X, NUMBERS)
    assert "H12" not in ids(found)
    assert "no rule knows what goes with this loss: it is not judged" in found.notes


def parts(x, y):
    train, rest = (Split(x[r], y[r]) for r in (slice(150), slice(150, None)))
    return types.SimpleNamespace(train=train, validation=rest)


def test_splits_raise_errors_and_log_warnings(caplog):
    caplog.set_level(logging.WARNING)
    model = mistakes.network(3, "softmax", SPARSE)
    check, strict = checks.PreFlight(), checks.PreFlight(strict=True)
    (warned,) = check.look_at_data(model, parts(X * 99, CLASSES))
    said = "scaling/inputs-not-scaled (D3): received"
    assert (warned.id, said in caplog.text) == ("D3", True)
    assert warned.name == "scaling/inputs-not-scaled"
    for key in (warned.id, warned.name):
        assert checks.PreFlight([key]).look_at_data(model, parts(X * 99, CLASSES)) == []
    with pytest.raises(InputError, match=re.escape(said)):
        strict.look_at_data(model, parts(X * 99, CLASSES))
    with pytest.raises(InputError, match="labels 1, 2, 3"):
        check.look_at_data(model, parts(X, CLASSES + 1))
    config = types.SimpleNamespace(epochs=1, batch_size=999)
    with pytest.raises(InputError, match="T6"):
        strict.look_at_data(model, parts(X, CLASSES), config=config)


def test_untrained_model_is_run_once_its_preprocessing_is_adapted():
    layers = [keras.Input((4,)), keras.layers.Normalization(), keras.layers.Dense(3, "softmax")]
    model = compiled(keras.Sequential(layers), SPARSE)
    check, data = checks.PreFlight(), parts(X * 900, CLASSES)
    assert check.look_at_data(model, data) == []
    with pytest.raises(InputError, match="D13"):
        check.look_at_model(model, data)
    layers[1].adapt(data.train.x)
    assert check.look_at_model(model, data) == []


FALLING = [2.0, 1.0, 0.5, 0.4]


@pytest.mark.parametrize(
    ("history", "predictions", "rules"),
    [
        ({"loss": FALLING, "val_loss": FALLING}, {}, []),
        ({"loss": [2.0, 1.999, 2.0]}, {}, ["A1"]),
        ({"loss": [2.0, 1.999, 2.0], "val_loss": [2.1, 2.1, 2.2]}, {}, ["A1"]),
        ({"loss": [0.45, 1.56, 0.46], "val_loss": [1.71, 0.45, 0.29]}, {}, []),
        ({"loss": [1e-5, 1e-5, 1e-5]}, {}, []),
        ({"loss": [2.0, 2.0]}, {}, []),
        ({"loss": [1.0, 0.1, 0.01], "val_loss": [1.0, 0.9, 1.1]}, {}, ["A2"]),
        ({"loss": [0.01], "val_loss": [1.1]}, {}, []),
        (
            {"loss": FALLING, "accuracy": [0.5, 0.9, 0.95, 0.99],
             "val_loss": FALLING, "val_accuracy": [0.5, 0.6, 0.6, 0.6]}, {}, ["A2"],
        ),
        (
            {"loss": [1.0, 0.1, 0.02], "accuracy": [0.8, 0.97, 0.99],
             "val_loss": [0.9, 0.4, 0.4], "val_accuracy": [0.8, 0.9, 0.9]}, {}, [],
        ),
        ({"loss": FALLING}, {"y": CLASSES, "predicted": CLASSES * 0 + 1, "are_classes": True},
         ["A3"]),
        ({"loss": FALLING}, {"y": CLASSES, "predicted": CLASSES, "are_classes": True}, []),
        ({"loss": FALLING}, {"y": NUMBERS, "predicted": NUMBERS * 0.001}, ["A3"]),
        ({"loss": FALLING}, {"y": NUMBERS, "predicted": NUMBERS * 0.3}, []),
        ({}, {}, []),
    ],
)  # fmt: skip
def test_trained_model_is_looked_back_at(history, predictions, rules):
    found = checks.check_trained(history, **predictions)
    assert ids(found) == rules
    assert not found.notes


def test_scores_of_a_training_have_their_article():
    scores = {"loss": FALLING, "accuracy": [0.99] * 4}
    (finding,) = checks.check_trained(scores | {"val_loss": FALLING, "val_accuracy": [0.6] * 4})
    assert "received an accuracy of 0.99 in training and 0.6 in validation" in str(finding)
    (finding,) = checks.check_trained({"loss": FALLING, "val_loss": [9.0] * 4})
    assert "received a loss of 0.4 in training and 9 in validation" in str(finding)


def test_looking_back_at_the_epoch_that_was_kept():
    history = {"loss": [1.0, 0.5, 0.01], "val_loss": [1.0, 0.6, 0.9]}
    assert checks.check_trained(history, best_epoch=2) == []
    assert ids(checks.check_trained(history)) == ["A2"]


def test_names_of_rules_are_those_of_their_modules_and_all_different():
    for module in api.MODULES:
        subject = module.__name__.rpartition(".")[2]
        assert all(re.fullmatch(rf"{subject}/[a-z0-9-]+", rule.name) for rule in module.RULES)
    keys = [key for rule in checks.RULES for key in (rule.id, rule.name)]
    assert len(keys) == len({*keys}) == 2 * sum(len(module.RULES) for module in api.MODULES)


def test_the_page_is_what_the_rules_say():
    assert page.PATH.read_text(encoding="utf-8") == page.write(), page.__doc__


def test_every_rule_is_told_in_full():
    assert len({rule.id for rule in checks.RULES}) == len(checks.RULES)
    assert {*mistakes.EXAMPLES} <= {rule.id for rule in checks.RULES}
    for rule in checks.RULES:
        assert all((rule.mistake, rule.why, rule.fix, rule.threads))
        assert all(len(thread.split("#")) == 2 for thread in rule.threads)


@pytest.mark.second_tier
@pytest.mark.skipif(
    tuple(map(int, keras.__version__.split(".")[:2])) < (3, 13), reason="older ones report more"
)
def test_stock_keras_reports_as_measured_and_the_check_reports_all():
    """A few of each stage; `python -m benchmarks.checks` measures all."""
    stages = {"H4": "during", "T1": "during", "T5": "after", "H7": "never", "D1": "never"}
    for rule, stage in stages.items():
        assert benchmark.report_of_stock(rule) == stage
        assert benchmark.report_of_ours(rule) == "before"


def test_record_tells_of_every_mistake():
    record = publish.record("checks")
    if record is None:
        pytest.skip("not measured")
    assert set(record["reports"]) == set(mistakes.EXAMPLES)
    assert {one["ours"] for one in record["reports"].values()} == {"before"}
    for cost in record["cost"].values():
        assert max(cost["seconds"]["first"], cost["seconds"]["again"]) <= cost["allowed"]


SCRIPT = """
import keras
import numpy as np

def build_model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, {activation!r})])
    model.compile("adam", "binary_crossentropy")
    return model

def classes(model, x):
    return np.argmax(model.predict(x), axis=1)

def broken():
    return 1 / 0

def nothing():
    pass
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "my_script.py"
    path.write_text(SCRIPT.format(activation="relu"))
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": mistakes.yes_or_no()})
    table.to_csv(tmp_path / "x.csv", index=False)
    np.savez(tmp_path / "x.npz", x=X[:, :2], y=mistakes.yes_or_no())
    return path


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["recipes", "check", *map(str, arguments)])
    try:
        program.main()
    except SystemExit as end:
        return end.code
    return 0


@pytest.mark.parametrize("recipe", ["iris", "tabular"])
def test_command_finds_nothing_in_a_recipe(monkeypatch, capsys, recipe):
    assert run(monkeypatch, recipe) == 0
    assert capsys.readouterr().out.endswith("0 errors, 0 warnings\n")


@pytest.mark.parametrize("data", ["x.csv", "x.npz"])
def test_command_names_what_is_wrong(script, monkeypatch, capsys, data):
    target = ["--target", "y"] if data == "x.csv" else []
    code = run(monkeypatch, f"{script}:build_model", "--data", script.parent / data, *target)
    printed = capsys.readouterr().out
    assert code == 2
    assert printed.startswith(
        "error outputs/activation-does-not-match-loss (H9): received a relu output with "
        "binary_crossentropy\n"
    )
    assert "\n  fix: Dense(1, activation='sigmoid') with loss='binary_crossentropy'\n" in printed
    assert "error settings/argmax-of-one-unit (H16): received in line 11" in printed
    assert printed.endswith("2 errors, 0 warnings\n")


def test_command_is_content_with_what_is_right(script, monkeypatch, capsys):
    script.write_text(SCRIPT.format(activation="sigmoid"))
    data = ("--data", script.parent / "x.csv", "--target", "y", "--validation-split", "0.2")
    assert run(monkeypatch, f"{script}:build_model", *data, "--ignore", "H16") == 0
    assert capsys.readouterr().out == "0 errors, 0 warnings\n"


def test_command_counts_warnings_as_errors_where_asked(script, monkeypatch, capsys):
    script.write_text(SCRIPT.format(activation="sigmoid"))
    model = f"{script}:build_model"
    assert run(monkeypatch, model, "--ignore", "settings/argmax-of-one-unit") == 0
    assert "0 errors, 1 warning" in capsys.readouterr().out
    assert run(monkeypatch, model, "--ignore", "H16", "--strict") == 2


def test_command_takes_a_recipe(monkeypatch, capsys):
    assert run(monkeypatch, "iris") == 0
    assert capsys.readouterr().out.endswith("0 errors, 0 warnings\n")


@pytest.mark.parametrize(
    ("model", "flags", "part"),
    [
        ("irs", (), "expected FILE.py:FUNCTION"),
        ("{}", ("--data", "nowhere.csv"), "nowhere.csv: no such file"),
        ("nowhere.py:build", (), "no such file"),
        ("{}:no_such", (), "there is build_model, classes, broken, nothing"),
        ("{}:broken", (), "broken() raised ZeroDivisionError: division by zero (line 14"),
        ("{}:nothing", (), "nothing() returned NoneType"),
        ("{}:classes", (), "classes() wants model, x; give each a default"),
        ("{}:build_model", ("--data", "nowhere.csv"), "nowhere.csv: no such file"),
        (
            "{}:build_model",
            ("--data", "x.csv"),
            "--target: which column to predict? there is a, b, y.",
        ),
        (
            "{}:build_model",
            ("--data", "x.csv", "--target", "z"),
            "no column 'z', cut at ','; there is a, b, y",
        ),
        ("{}:build_model", ("--data", "my_script.npz"), "cannot be read"),
        ("{}:build_model", ("--validation-split", "2"), "expected at least 0 and below 1"),
    ],
)
def test_command_refuses_what_it_cannot_read(script, monkeypatch, capsys, model, flags, part):
    (script.parent / "my_script.npz").write_text("no archive")
    monkeypatch.chdir(script.parent)
    assert run(monkeypatch, model.format(script), *flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert part in line


AT_THE_TOP = """
import keras
import pandas as pd

table = pd.read_csv("x.csv")
model = keras.Sequential([keras.layers.Dense(1, "softmax")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
watch = keras.callbacks.EarlyStopping(monitor="val_acc", restore_best_weights=True)
history = model.fit(table[["a", "b"]], table["y"], epochs=9, callbacks=[watch])
open("trained", "w").close()
"""


def test_script_that_trains_at_its_top_is_judged_and_not_trained(script, monkeypatch, capsys):
    script.write_text(AT_THE_TOP)
    assert run(monkeypatch, script) == 2
    printed = capsys.readouterr().out
    assert printed.startswith(
        "note: my_script.py ran until its first call of fit, which did not start"
    )
    assert [
        line.partition(": ")[0] for line in printed.splitlines() if line.startswith("error")
    ] == [
        "error outputs/softmax-over-one-unit (H1)",
        "error settings/monitor-not-logged (T1)",
    ]
    assert not (script.parent / "trained").exists()
    assert keras.Model.fit.__name__ != "stop"  # all is as it was


def test_the_only_model_of_a_script_is_found(script, monkeypatch, capsys):
    script.write_text(AT_THE_TOP)
    data = ("--data", script.parent / "x.csv", "--target", "y")
    assert run(monkeypatch, script, *data) == 2
    assert "error outputs/softmax-over-one-unit (H1): " in capsys.readouterr().out
    script.write_text(AT_THE_TOP.partition("history")[0])
    assert run(monkeypatch, script, *data) == 2
    assert "error outputs/softmax-over-one-unit (H1): " in capsys.readouterr().out


def test_script_without_a_model_is_told_what_to_do(script, monkeypatch, capsys):
    for text, part in (
        ("import keras", "no 'build_model' in it; put the lines that make"),
        ("import sys; sys.exit(3)", "ended itself (exit code 3) before any fit; put the lines"),
        ("import keras; keras.Sequential().fit(1, nb_epoch=1)", "argument 'nb_epoch' (line 1"),
    ):
        script.write_text(text)
        assert run(monkeypatch, script) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert part in line


TWO_OUTPUTS = """
import keras

def build_model():
    inputs = keras.Input((2,))
    heads = {"kind": keras.layers.Dense(1, "sigmoid")(inputs), "a": keras.layers.Dense(1)(inputs)}
    model = keras.Model(inputs, heads)
    model.compile("adam", {"kind": "binary_crossentropy", "a": "mse"})
    return model
"""


@pytest.mark.parametrize("targets", [("kind", "size"), ("a", "kind")])
def test_command_gives_each_output_its_column(script, monkeypatch, capsys, targets):
    script.write_text(TWO_OUTPUTS)
    table = pd.DataFrame(X[:, :2], columns=["x1", "x2"])
    table["kind"] = mistakes.yes_or_no()
    table[["size", "a"]] = np.stack([NUMBERS, NUMBERS], axis=1)
    # As a spreadsheet and pandas write it, with row numbers.
    table.to_csv(script.parent / "two.csv", sep=";")
    flags = ("--data", script.parent / "two.csv", "--features", "x1", "x2", "--target", *targets)
    assert run(monkeypatch, script, *flags) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("note: two.csv: the first column holds row numbers and is dropped")
    assert printed.endswith("0 errors, 0 warnings\n")


def test_command_reads_a_table_of_another_encoding_and_says_so(script, monkeypatch, capsys):
    script.write_text(SCRIPT.format(activation="sigmoid"))
    table = pd.DataFrame({"a": X[:, 0], "Größe": X[:, 1], "y": mistakes.yes_or_no()})
    table.to_csv(script.parent / "x.csv", sep=";", decimal=",", encoding="cp1252", index=False)
    data = ("--data", script.parent / "x.csv", "--target", "y", "--ignore", "H16")
    assert run(monkeypatch, f"{script}:build_model", *data) == 0
    said = capsys.readouterr()
    assert said.out == "0 errors, 0 warnings\n"
    assert said.err.startswith("WARNING: x.csv: read as cp1252, which was guessed")


def test_benchmark_prints_its_table(monkeypatch, capsys):
    reports = {"H1": {"stock": "never", "ours": "before"}}
    monkeypatch.setattr(benchmark, "measure_reports", lambda: reports)
    monkeypatch.setattr(benchmark, "measure_cost", lambda name, rounds: {})
    monkeypatch.setattr("sys.argv", ["checks"])
    benchmark.main()
    assert "| the check | 1 | 0 | 0 | 0 |" in capsys.readouterr().out


def test_help_does_not_wait_for_tensorflow():
    code = (
        "import atexit, runpy, sys; sys.argv = ['recipes', 'check', '--help']\n"
        "atexit.register(lambda: print('tensorflow' in sys.modules))\n"
        "runpy.run_module('recipes', run_name='__main__', alter_sys=True)"
    )
    root = catalog.folder().parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert "FILE.py:FUNCTION" in done.stdout
    assert done.stdout.endswith("False\n")


def test_large_rows_are_compared_without_a_copy(monkeypatch):
    monkeypatch.setattr(splits, "BYTES_TO_READ", 1000)
    x = np.random.default_rng(0).integers(0, 256, size=(300, 9, 9), dtype="uint8")
    other = np.concatenate([x[:7], 255 - x[50:90]])
    assert splits.count_equal_rows(reading.Split(x), reading.Split(other))[0] == 7
    assert splits.count_equal_rows(reading.Split([x, x]), reading.Split([other, other]))[0] == 0


def test_table_with_an_input_for_each_column():
    inputs = [keras.Input((1,), name=name) for name in "ab"]
    model = compiled(keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(inputs))))
    given = check._for_inputs(model, TABLE)
    assert {name: values.shape for name, values in given.items()} == {"a": (200, 1), "b": (200, 1)}


def test_messages_on_file_are_those_of_all_mistakes():
    lines = (pathlib.Path(__file__).parent / "check_messages.txt").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines] == list(mistakes.EXAMPLES)
    assert json.dumps(lines).isascii()
