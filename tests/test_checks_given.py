"""The check on what `fit` is given: parts that differ, text, weights, callbacks, scaled inputs."""

import pathlib
import subprocess
import sys
import types

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from benchmarks import mistakes
from keras_recipes import checks
from keras_recipes.commands import main as program
from keras_recipes.data import splits
from keras_recipes.errors import InputError
from keras_recipes.features import parts, tables

X, CLASSES = mistakes.rows()
NUMBERS, ONE_HOT = mistakes.numbers(), mistakes.one_hot()
TABLE = pd.DataFrame(X, columns=list("abcd"))
FIRST, LAST = slice(150), slice(150, None)
layers = keras.layers


def ids(found):
    return [one.id for one in found]


def is_quiet(found):
    """Nothing was found, and nothing was left out for a fault of the check."""
    return not list(found) and not [
        note for note in found.notes if "could not" in note or "not tried" in note
    ]


def compiled(model, loss="mse", **settings):
    model.compile("adam", loss, **settings)
    return model


def stack(*inside, shape=(4,), dtype=None, loss="mse"):
    return compiled(keras.Sequential([keras.Input(shape, dtype=dtype), *inside]), loss)


def linear():
    return stack(layers.Dense(1))


def two_outputs(loss, by_name=False):
    inputs = keras.Input((4,))
    made = [layers.Dense(1, name="a")(inputs), layers.Dense(3, name="e")(inputs)]
    return compiled(keras.Model(inputs, {"a": made[0], "e": made[1]} if by_name else made), loss)


@pytest.mark.parametrize(
    ("loss", "by_name", "y"),
    [
        (["mse", None], False, [NUMBERS, None]),
        (["mse", None], False, NUMBERS),
        ({"a": "mse", "e": None}, False, [NUMBERS, None]),
        ({"a": "mse"}, True, {"a": NUMBERS}),
    ],
)
def test_output_without_a_loss_needs_no_targets(loss, by_name, y):
    assert is_quiet(checks.check(two_outputs(loss, by_name), X, y))


@pytest.mark.parametrize(("loss", "by_name"), [({"a": "mse"}, False), ({"b": "mse"}, True)])
def test_losses_that_name_no_output(loss, by_name):
    found = checks.check(two_outputs(loss, by_name), X, {"a": NUMBERS})
    assert ids(found) == ["H19"]


def test_targets_by_a_name_that_is_nearly_right():
    model = two_outputs({"a": "mse", "e": "mse"}, by_name=True)
    y = {"A": NUMBERS, "e": ONE_HOT}
    (found,) = checks.check(model, X, y)
    names = {"y": y}
    exec(found.fix, names)
    assert checks.check(model, X, names["y"]) == []


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(1)

    def call(self, inputs):
        return self.out(inputs)


SPARSE_HEAD = (3, "softmax", mistakes.SPARSE)
SHUFFLED = TABLE[list("badc")]
WORDS = pd.get_dummies(pd.Series(["a", "b", "c", "c"] * 50), dtype="float32")
OTHER_WORDS = pd.get_dummies(pd.Series(["a", "b", "d", "d"] * 50), dtype="float32")


@pytest.mark.parametrize(
    ("make", "x", "y", "other", "rule"),
    [
        (linear, X, NUMBERS, (X[:, :3], NUMBERS), "D7"),
        (lambda: compiled(Subclassed()), X, NUMBERS, (X[:, :3], NUMBERS), "D7"),
        (linear, TABLE, NUMBERS, (SHUFFLED, NUMBERS), "D21"),
        (lambda: stack(layers.Dense(1), shape=(3,)), WORDS, NUMBERS, (OTHER_WORDS, NUMBERS), "D21"),
        (lambda: mistakes.network(*SPARSE_HEAD), X, CLASSES, (X, ONE_HOT), "D22"),
        (linear, X, NUMBERS, (X, NUMBERS * 100 + 500), "D4"),
        (linear, X, NUMBERS, (X, None), "D8"),
        (linear, TABLE, NUMBERS, (TABLE, NUMBERS[:, None]), None),
        (linear, TABLE, NUMBERS, (X, NUMBERS), None),
    ],
)
@pytest.mark.parametrize("part", ["validation_data", "test_data"])
def test_other_parts_are_held_against_model_and_training(make, x, y, other, rule, part):
    rest = tuple(None if one is None else one[LAST] for one in other)
    found = checks.check(make(), x[FIRST], y[FIRST], **{part: rest})
    assert ids(found) == ([] if rule is None else [rule])
    assert all(part.removesuffix("_data") in one.received for one in found)


def test_change_to_columns_in_another_order():
    (found,) = checks.check(linear(), TABLE[FIRST], NUMBERS[FIRST], (SHUFFLED[LAST], NUMBERS[LAST]))
    names = {"x": TABLE, "x_other": SHUFFLED}
    exec(found.fix, names)
    assert list(names["x_other"]) == list("abcd")


def test_sequences_of_another_length_are_no_other_form():
    model = compiled(keras.Sequential([keras.Input((None, 1)), layers.Dense(1)]))
    random = np.random.default_rng(0)
    (x, y), other = (
        (random.normal(size=(60, n, 1)), random.normal(size=(60, n, 1))) for n in (5, 7)
    )
    assert is_quiet(checks.check(model, x, y, other))


def test_rows_of_x_in_another_order_than_those_of_y():
    x, y = TABLE.sample(frac=1, random_state=0), pd.Series(NUMBERS)
    (found,) = checks.check(linear(), x, y)
    assert (found.id, found.level) == ("D24", "warning")
    assert checks.check(linear(), x, y.loc[x.index]) == []
    assert checks.check(linear(), x.reset_index(drop=True), y.loc[x.index]) == []
    named = y.set_axis([f"r{n:03}" for n in range(len(y))])
    (found,) = checks.check(linear(), x.set_axis(named.index[x.index]), named)
    assert (found.id, found.level) == ("D24", "error")


TEXTS = np.array(["a good film", "a bad film"] * 32)
SHORT = NUMBERS[:64]


def reads_text(shape=(1,), adapted=True):
    words = layers.TextVectorization(output_sequence_length=3)
    if adapted:
        words.adapt(TEXTS)
    inside = (words, layers.Embedding(9, 2), layers.Flatten(), layers.Dense(1))
    return stack(*inside, shape=shape, dtype="string")


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "x",
    [
        TEXTS,
        TEXTS[:, None],
        TEXTS.astype(object)[:, None],
        pd.Series(TEXTS),
        pd.Series(TEXTS, dtype=object),
        pd.DataFrame({"t": TEXTS}),
    ],
)
def test_text_that_fit_refuses(x):
    model = reads_text()
    (found,) = checks.check(model, x, SHORT)
    assert found.id == "D2"
    names = {"x": x, "np": np, "tf": tf}
    exec(found.fix, names)
    assert is_quiet(checks.check(model, names["x"], SHORT))
    model.fit(names["x"][:8], SHORT[:8], verbose=0)
    with pytest.raises(ValueError, match="Invalid dtype"):
        model.fit(x[:8], SHORT[:8], verbose=0)


def test_text_of_a_model_that_encodes_it_by_itself_is_left_alone():
    network = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="network")
    model = compiled(tables.serving(tables.encoder(1, [2], 8), network))
    table = pd.DataFrame({"a": SHORT.astype("float64"), "t": TEXTS.astype(object)})
    source = splits.Source("texts", "real", "here", "none")
    data = splits.split(table, SHORT, source, seed=0)
    as_inputs = parts.of(model).as_inputs
    assert "D2" not in ids(checks.PreFlight().look_at_data(model, data, as_inputs))


def test_layer_of_words_that_was_never_adapted():
    assert ids(checks.check(reads_text(adapted=False), TEXTS.astype(object), SHORT)) == ["D13"]


def test_sentences_for_an_embedding_become_numbers_of_words():
    inside = (layers.Embedding(50, 2), layers.Flatten(), layers.Dense(1))
    model = stack(*inside, shape=(5,))
    (found,) = checks.check(model, TEXTS, SHORT)
    names = {"x": TEXTS, "np": np, "keras": keras}
    exec(found.fix, names)
    assert is_quiet(checks.check(model, names["x"], SHORT))
    assert ids(checks.check(model, [[1, 2], [3]] * 32, SHORT)) == ["N1"]
    ragged = np.array([[1, 2], [3]] * 32, dtype=object)
    assert ids(checks.check(model, ragged, SHORT)) == ["D2"]


def test_text_says_nothing_about_the_width_that_it_will_have():
    x = TABLE.assign(word=np.where(CLASSES > 1, "red", "blue"))
    assert ids(checks.check(linear(), x, NUMBERS)) == ["D2"]


def test_table_without_rows_is_told_once():
    assert ids(checks.check(linear(), TABLE.astype(object)[:0], NUMBERS[:0])) == ["D8"]


@pytest.mark.parametrize(("given", "wanted"), [((3, 8, 9), (8, 9, 3)), ((9, 8, 3), (8, 9, 3))])
def test_axes_of_pictures_are_moved_and_not_cut_anew(given, wanted):
    model = stack(layers.Flatten(), layers.Dense(1), shape=wanted)
    x = np.random.default_rng(0).normal(size=(60, *given))
    (found,) = checks.check(model, x, NUMBERS[:60])
    names = {"x": x, "np": np}
    exec(found.fix, names)
    assert names["x"].shape[1:] == wanted
    assert "reshape" not in found.fix


def test_inputs_in_another_order():
    inputs = [keras.Input((4,), name="a"), keras.Input((2,), name="b")]
    model = compiled(keras.Model(inputs, layers.Dense(1)(layers.Concatenate()(inputs))))
    x = [X[:, :2] * 2, X]
    (found,) = checks.check(model, x, NUMBERS)
    names = {"x": x}
    exec(found.fix, names)
    assert found.id == "D7"
    assert checks.check(model, names["x"], NUMBERS) == []


def of_rate(rate):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def test_schedules_and_scaled_losses_have_a_rate_of_their_own():
    warm = keras.optimizers.schedules.CosineDecay(0.0, 1000, warmup_target=1e-3, warmup_steps=100)
    assert is_quiet(checks.check(of_rate(warm), X, NUMBERS))
    decay = keras.optimizers.schedules.ExponentialDecay(9.0, 10, 0.9)
    assert ids(checks.check(of_rate(decay), X, NUMBERS)) == ["T6"]
    for rate, rules in ((0.001, []), (5.0, ["T6"])):
        model = linear()
        model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(rate)), "mse")
        found = checks.check(model, X, NUMBERS)
        assert ids(found) == rules
        assert all("Adam(learning_rate" in one.fix for one in found)


ONES = np.ones(len(X))


@pytest.mark.parametrize(
    ("weights", "part"),
    [
        (ONES[:60], "of 60 numbers for 200 rows"),
        (np.where(NUMBERS > 0, np.nan, 1), "NaN"),
        (-ONES, "down to -1"),
        (ONES * 0, "zeros alone"),
        (ONES, None),
        (pd.Series(NUMBERS > 0), None),
    ],
)
@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_weights_of_rows(weights, part, fraction):
    found = checks.check(linear(), X, NUMBERS, sample_weight=weights, validation_split=fraction)
    assert ids(found) == ([] if part is None else ["D23"])
    assert part is None or part in found[0].received


def test_weights_of_rows_and_of_classes_at_once():
    model = mistakes.network(*SPARSE_HEAD)
    weights = {"class_weight": {0: 1, 1: 1, 2: 1}, "sample_weight": ONES}
    assert ids(checks.check(model, X, CLASSES, **weights)) == ["D23"]


STOPPING = keras.callbacks.EarlyStopping


@pytest.mark.parametrize(
    ("callbacks", "rules"),
    [
        (STOPPING(monitor="loss"), []),
        (STOPPING(monitor="lost"), ["T1"]),
        (keras.callbacks.CallbackList([STOPPING(monitor="lost")]), ["T1"]),
        (None, []),
        ([STOPPING], ["T8"]),
        ([keras.callbacks.ModelCheckpoint("m-{epoch:02d}-{val_acc:.2f}.keras")], ["T1"]),
        ([keras.callbacks.ModelCheckpoint("m-{epoch:02d}-{loss:.2f}.keras")], []),
    ],
)
def test_callbacks_in_any_form(callbacks, rules):
    found = checks.check(linear(), X, NUMBERS, epochs=5, callbacks=callbacks)
    assert ids(found) == rules
    assert not found.notes


class TrainsItself(Subclassed):
    def train_step(self, data):
        return {"loss": 0.0}


def test_validation_score_without_validation_data_in_training_of_ones_own():
    callbacks = [STOPPING("val_loss")]
    model = compiled(TrainsItself())
    assert ids(checks.check(model, X, NUMBERS, callbacks=callbacks)) == ["T1"]
    assert checks.check(model, X, NUMBERS, callbacks=callbacks, validation_split=0.3) == []


@pytest.mark.parametrize(
    "settings", [{"validation_split": 0.2}, {"y": NUMBERS}, {"sample_weight": ONES}]
)
def test_data_set_holds_all_of_it(settings):
    data = tf.data.Dataset.from_tensor_slices((X, NUMBERS)).batch(16)
    assert ids(checks.check(linear(), data, **settings)) == ["T9"]
    assert checks.check(linear(), data) == []
    with pytest.raises(ValueError, match="data"):
        linear().fit(data, verbose=0, **settings)


PIXELS = np.random.default_rng(0).integers(0, 256, size=(60, 8, 8, 1)).astype("float32")


def test_inputs_that_were_scaled_already():
    pictures = stack(
        layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1), shape=PIXELS.shape[1:]
    )
    assert ids(checks.check(pictures, PIXELS / 255, NUMBERS[:60])) == ["D25"]
    assert checks.check(pictures, PIXELS, NUMBERS[:60]) == []
    normalise = layers.Normalization()
    normalise.adapt(X * 90 + 400)
    columns = stack(normalise, layers.Dense(1))
    assert ids(checks.check(columns, X, NUMBERS)) == ["D25"]
    assert checks.check(columns, X * 90 + 400, NUMBERS) == []


def test_settings_of_fit_are_taken_and_fractions_are_fractions():
    settings = {"verbose": 0, "shuffle": False, "initial_epoch": 1, "validation_freq": 2}
    found = checks.check(linear(), X, NUMBERS, validation_steps=3, **settings)
    assert str(found) == "0 errors, 0 warnings"
    with pytest.raises(InputError, match="validation_split: received 20, expected a fraction"):
        checks.check(linear(), X, NUMBERS, validation_split=20)


def test_gaps_and_names_are_shown_as_they_are():
    x = TABLE.assign(b=["3", "?"] * 10 + ["4"] * 180)
    (found,) = checks.check(linear(), x, NUMBERS)
    assert "beside what is no number, such as '?'" in found.received
    (found,) = checks.check(linear(), TABLE, TABLE["c"].to_numpy())
    assert (found.id, found.fix) == ("D12", "x = x.drop(columns=['c'])")
    found = checks.check(mistakes.network(*SPARSE_HEAD), X, np.where(X[:, 0] > 2, np.nan, CLASSES))
    assert ids(found) == ["D1"]
    assert not found.notes


MODEL = """
import keras
import numpy as np
import sys

def build():
    model = keras.Sequential([keras.Input(({units},)), keras.layers.Dense(1, {activation!r})])
    model.compile("adam", "mse")
    return model

def train():
    watch = keras.callbacks.EarlyStopping(monitor="lost")
    build().fit(np.random.normal(size=(99, {units})), np.zeros(99) - 1, callbacks=[watch])

def leave():
    sys.exit({code})

class Maker:
    def __call__(self):
        return build()

maker = Maker()
"""


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """Give a function that checks a script, with the text that it ends in, and the flags given."""
    tables = types.SimpleNamespace(ok=TABLE.assign(y=NUMBERS), less=TABLE[["a"]].assign(y=NUMBERS))
    tables.order = tables.ok[["d", "c", "b", "a", "y"]]
    for name, table in vars(tables).items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "bare.csv").write_text("1,2.5,3\n4,5,6\n")
    (tmp_path / "old.csv").write_bytes(b"a,y\n\xe9,1\n")
    monkeypatch.chdir(tmp_path)

    def run(flags, end="", function="", units=4, code=0, name="my.py"):
        text = MODEL.format(units=units, activation=None, code=code)
        (tmp_path / "my.py").write_text(text + end)
        named = f"{name}:{function}" if function else name
        monkeypatch.setattr("sys.argv", ["recipes", "check", named, *flags.split()])
        code = 0
        try:
            program.main()
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.mark.parametrize(
    ("end", "function"),
    [
        ('if __name__ == "__main__":\n    train()', ""),
        ('if __name__ == "__main__":\n    sys.exit(train())', ""),
        ("", "train"),
    ],
)
def test_fit_that_a_function_or_the_program_begins_is_judged(script, end, function):
    code, said = script("", end, function)
    assert code == 2
    assert "my.py ran until its first call of fit, which did not start" in said
    errors = [line.partition(": ")[0] for line in said.splitlines() if line.startswith("error")]
    assert errors == ["error settings/monitor-not-logged (T1)"]
    assert "warning classes/constant-target (D11): " in said


@pytest.mark.second_tier
def test_recipe_in_a_file_of_its_own_is_checked_by_its_name_as_one(script):
    recipe = pathlib.Path(__file__).with_name("own_recipe.py").read_text("utf-8")
    end = """
if __name__ == "__main__":
    open("trained", "w").close()
"""
    pathlib.Path("mine.py").write_text(recipe + end)
    assert script("", name="mine.py") == (0, "0 errors, 0 warnings\n")
    pathlib.Path("unscaled.py").write_text(
        recipe.replace("keras.layers.Normalization()(inputs)", "inputs")
    )
    code, said = script("", name="unscaled.py")
    assert (code, "inputs-not-scaled" in said) == (0, True)
    assert not pathlib.Path("trained").exists()
    code, said = script("--data ok.csv", name="mine.py")
    assert (code, said) == (
        2,
        "error: --data: a recipe is checked with its own data; leave it out\n",
    )


def test_file_that_is_not_there_is_named_before_tensorflow_loads():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "recipes", "check", "nothing.py"],
        cwd=pathlib.Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
    )
    *loaded, said = done.stderr.splitlines()
    assert (done.returncode, said) == (2, "error: nothing.py: no such file")
    assert not any("tensorflow" in line for line in loaded)


def test_loop_of_ones_own_is_stopped_at_its_first_batch(script):
    loop = "build().train_on_batch(np.zeros((8, 3)), np.ones(8)); open('trained', 'w')"
    code, said = script("", loop)
    assert (code, "error shapes/wrong-input-shape (D7): " in said) == (2, True)


@pytest.mark.parametrize("code", [0, 3])
def test_function_that_ends_the_program_is_refused(script, code):
    ended, said = script("", function="leave", code=code)
    assert ended == 2
    assert f"leave() ended the program (exit code {code})" in said


OK = "--data ok.csv --target y"
NOT_LOGGED = "error settings/monitor-not-logged (T1): "


@pytest.mark.parametrize(
    ("flags", "code", "part"),
    [
        (OK, 0, "0 errors, 0 warnings"),
        (f"{OK} --validation less.csv", 2, "D21"),
        (f"{OK} --test order.csv", 2, "in another order"),
        ("--target y", 2, "--target: expected --data as well"),
        (f"{OK} y", 2, "--target: received y y, expected each name once"),
        ("--data . --target y", 2, "a folder; give the path of one file"),
        ("--data old.csv --target y", 2, "WARNING: old.csv: read as cp1252, which was guessed"),
        ("--data bare.csv --target y", 2, "the first row holds numbers, not names"),
    ],
)
def test_tables_of_the_command(script, flags, code, part):
    ended, said = script(flags, function="maker")
    assert (ended, part in said) == (code, True), said


def test_recipe_takes_no_table(script):
    code, said = script(OK, name="iris")
    assert (code, "--data: a recipe is checked with its own data" in said) == (2, True)


def test_only_target_goes_to_the_only_loss(script):
    end = """
def two():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [keras.layers.Dense(n)(inputs) for n in (1, 3)])
    model.compile("adam", ["mse", None])
    return model
"""
    assert script(OK, end, function="two")[0] == 0


def test_text_of_a_table_reaches_a_model_of_text(script, tmp_path):
    table = pd.DataFrame({"t": TEXTS, "y": SHORT})
    table.to_csv(tmp_path / "text.csv", index=False)
    end = """
def reader():
    words = keras.layers.TextVectorization(output_sequence_length=3)
    words.adapt(["a good bad film"])
    inside = [words, keras.layers.Embedding(9, 2), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((1,), dtype="string"), *inside])
    model.compile("adam", "mse")
    return model
"""
    code, said = script("--data text.csv --target y", end, function="reader")
    assert (code, said) == (0, "0 errors, 0 warnings\n")


@pytest.mark.parametrize(
    ("end", "function", "told"),
    [
        ("try:\n    train()\nexcept:\n    pass\n", "", NOT_LOGGED),  # the stop is caught as well
        (
            "def caught():\n    try:\n        train()\n    except:\n        pass\n",
            "caught",
            NOT_LOGGED,
        ),
        ("get_ipython().run_line_magic('matplotlib', 'inline')\ntrain()\n", "", NOT_LOGGED),
        ('if __name__ == "__main__":\n    sys.exit(2)\n', "", "ended itself (exit code 2)"),
        ("def make(units, rate=1):\n    pass\n", "make", "make() wants units; give each a default"),
    ],
)
def test_programs_of_other_kinds(script, end, function, told):
    code, said = script("", end, function)
    assert code == 2
    assert told in said
    assert "Traceback" not in said


@pytest.mark.second_tier
def test_check_of_a_recipe_without_real_data_says_so(script):
    code, said = script("", name="images")
    assert (code, said.splitlines()[0]) == (
        0,
        "note: checked with drawn shapes, not with real data",
    )
