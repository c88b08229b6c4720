"""The answer, or its neighbour, along a sequence, between inputs and from fold to fold."""

import sys
import types

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from keras_recipes import checks
from keras_recipes.checks.rules import programs
from keras_recipes.commands import main

RNG = np.random.default_rng(0)
WALK = np.cumsum(RNG.normal(size=600))
SERIES = ((WALK - WALK.mean()) / WALK.std()).astype("float32")
SPARSE = "sparse_categorical_crossentropy"
STEPS, ROWS = 12, 500
ORDER = RNG.permutation(ROWS)
TOKENS = RNG.integers(1, 30, (200, 9))


def model(shape, *inside, loss="mse"):
    made = keras.Sequential([keras.Input(shape), *inside])
    made.compile("adam", loss)
    return made


def flat(width=1):
    """A model of windows that is quick to build."""
    return model((STEPS, 1), layers.Flatten(), layers.Dense(width))


def windows(series=SERIES, ahead=0):
    """Windows of a series, and the value so many steps after the first one behind them."""
    x = np.stack([series[row : row + STEPS] for row in range(ROWS)])[..., None]
    return x, series[STEPS + ahead : STEPS + ahead + ROWS]


def horizon(first, count=4):
    return np.stack([SERIES[row + first : row + first + count] for row in range(ROWS)])


def found(network, x, y, **settings):
    findings = checks.check(network, x, y, **{"validation_split": 0.2, "epochs": 9, **settings})
    assert not [note for note in findings.notes if "could not be judged" in note]
    return [(one.id, one.level) for one in findings]


def table_of(name, values):
    return pd.DataFrame({name: values, "z": RNG.normal(size=len(values)).astype("float32")})


def by_step(*inside, loss="mse"):
    return model((STEPS - 1, 1), *inside, layers.Dense(1), loss=loss)


def attention(is_causal):
    tokens = keras.Input((8,))
    embedded = layers.Embedding(30, 4)(tokens)
    mixed = layers.MultiHeadAttention(1, 4)(embedded, embedded, use_causal_mask=is_causal)
    made = keras.Model(tokens, layers.Dense(30, "softmax")(mixed))
    made.compile("adam", SPARSE)
    return made


def decoder():
    """A model of two inputs whose second one is read step by step."""
    source, target = keras.Input((4,)), keras.Input((9,))
    embedded = layers.Conv1D(4, 2, padding="causal")(layers.Embedding(30, 4)(target))
    known = layers.RepeatVector(9)(source)
    joined = layers.Concatenate()([known, embedded])
    made = keras.Model([source, target], layers.Dense(30, "softmax")(joined))
    made.compile("adam", SPARSE)
    return made


def two_inputs(width=1, units=1, activation=None, loss="mse"):
    first, second = keras.Input((4,)), keras.Input((width,))
    joined = layers.Concatenate()([first, second])
    made = keras.Model([first, second], layers.Dense(units, activation)(joined))
    made.compile("adam", loss)
    return made


TABLE = RNG.normal(size=(200, 4)).astype("float32")
NUMBERS = RNG.normal(size=200).astype("float32")
ONE_HOT = np.eye(3, dtype="float32")[RNG.integers(0, 3, 200)]
LATE = np.pad(TOKENS[:, :-1], ((0, 0), (1, 0)))
SAMPLES = RNG.normal(size=(400, STEPS, 1)).astype("float32")

WRONG = {
    "its target in the last step": (lambda: (flat(), *windows(ahead=-1)), "D27", "error"),
    "its target inside": (lambda: (flat(), *windows(ahead=-7)), "D27", "error"),
    "the first of several targets": (lambda: (flat(4), windows()[0], horizon(11)), "D27", "error"),
    "samples that are no windows": (lambda: (flat(), SAMPLES, SAMPLES[:, 0, 0]), "D27", "warning"),
    "the next target": (
        lambda: (model((2,), layers.Dense(1)), table_of("next", SERIES[2:]), SERIES[1:-1]),
        "D28",
        "warning",
    ),
    "a lag in the wrong direction": (
        lambda: (
            model((2,), layers.Dense(1)),
            table_of("lag", pd.Series(SERIES).shift(-2).fillna(0)),
            SERIES,
        ),
        "D28",
        "warning",
    ),
    "the next step, in both directions": (
        lambda: (
            by_step(layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True))),
            windows()[0][:, :-1],
            windows()[0][:, 1:],
        ),
        "D29",
        "error",
    ),
    "the next step, by a convolution": (
        lambda: (
            by_step(layers.Conv1D(2, 3, padding="same")),
            windows()[0][:, :-1],
            windows()[0][:, 1:],
        ),
        "D29",
        "error",
    ),
    "the next word": (lambda: (attention(False), TOKENS[:, :-1], TOKENS[:, 1:]), "D29", "error"),
    "a decoder that is given its target": (
        lambda: (decoder(), [TABLE, TOKENS], TOKENS),
        "D29",
        "error",
    ),
    "windows split at random": (
        lambda: (flat(), *(part[ORDER] for part in windows())),
        "S6",
        "warning",
    ),
    "rounded windows split at random": (
        lambda: (flat(), *(part[ORDER] for part in windows(SERIES.round(1)))),
        "S6",
        "warning",
    ),
    "windows four steps apart": (
        lambda: (flat(), *(part[ORDER[ORDER % 4 == 0]] for part in windows())),
        "S6",
        "warning",
    ),
    "an input that is the target": (
        lambda: (two_inputs(), [TABLE, NUMBERS[:, None]], NUMBERS),
        "D12",
        "warning",
    ),
    "an input that is the one-hot target": (
        lambda: (
            two_inputs(3, 3, "softmax", "categorical_crossentropy"),
            [TABLE, ONE_HOT],
            ONE_HOT,
        ),
        "D12",
        "warning",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_answer_in_the_input_is_found(case):
    make, rule, level = WRONG[case]
    assert (rule, level) in found(*make())


RIGHT = {
    "windows in order": lambda: (flat(), *windows()),
    "some steps ahead": lambda: (flat(), *windows(ahead=3)),
    "several targets": lambda: (flat(4), windows()[0], horizon(12)),
    "rounded": lambda: (flat(), *windows(SERIES.round(1))),
    "windows that do not overlap": lambda: (
        model((STEPS, 1), layers.Flatten(), layers.Dense(1)),
        *(part[ORDER[ORDER % STEPS == 0]] for part in windows()),
    ),
    "a series that comes again": lambda: (
        flat(),
        *windows(np.tile(RNG.normal(size=STEPS), 60).astype("float32")[:600]),
    ),
    "samples of their own": lambda: (flat(), SAMPLES, SAMPLES.sum((1, 2))),
    "a lag": lambda: (model((2,), layers.Dense(1)), table_of("lag", SERIES[:-2]), SERIES[1:-1]),
    "a target that stays": lambda: (
        model((2,), layers.Dense(1)),
        table_of("next", np.repeat(SERIES[:30], 20)[1:]),
        np.repeat(SERIES[:30], 20)[:-1],
    ),
    "the next step, in one direction": lambda: (
        by_step(layers.SimpleRNN(2, return_sequences=True)),
        windows()[0][:, :-1],
        windows()[0][:, 1:],
    ),
    "the next step, by a causal convolution": lambda: (
        by_step(layers.Conv1D(2, 3, padding="causal")),
        windows()[0][:, :-1],
        windows()[0][:, 1:],
    ),
    "the next word, with a causal mask": lambda: (
        attention(True),
        TOKENS[:, :-1],
        TOKENS[:, 1:],
    ),
    "a decoder one step late": lambda: (decoder(), [TABLE, LATE], TOKENS),
    "an autoencoder of sequences": lambda: (
        model((STEPS, 1), layers.Conv1D(2, 3, padding="same"), layers.Dense(1)),
        SAMPLES,
        SAMPLES,
    ),
    "two inputs": lambda: (two_inputs(), [TABLE, TABLE[:, :1]], NUMBERS),
}
# Their rows are few, or the same: other rules tell of that.
OTHER_RULES = {"windows that do not overlap": "S5", "a series that comes again": "S2"}
OTHER_RULES |= {"a target that stays": "S2"}


@pytest.mark.parametrize("case", RIGHT)
def test_a_right_sequence_is_left_alone(case):
    assert {rule for rule, _ in found(*RIGHT[case]())} <= {OTHER_RULES.get(case)}


def test_a_window_with_its_target_is_named_with_its_step():
    (finding,) = checks.check(flat(), *windows(ahead=-1), validation_split=0.2)
    assert "x whose step 11 of 0 to 11 equals the target" in finding.received
    assert finding.fix == "y = series[i + 12] for x = series[i:i + 12]"


# --- a schedule and a callback ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callback", "epochs", "rules"),
    [
        (keras.callbacks.ReduceLROnPlateau(patience=2), 30, ["T10"]),
        (keras.callbacks.ReduceLROnPlateau(patience=2), 2, []),
        (keras.callbacks.LearningRateScheduler(lambda _, rate: rate), 1, ["T10"]),
        (keras.callbacks.EarlyStopping(patience=2), 30, []),
    ],
)
def test_a_schedule_beside_a_callback_that_sets_the_rate(callback, epochs, rules):
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 100)
    for rate, expected in ((schedule, rules), (0.01, [])):
        network = model((4,), layers.Dense(1))
        network.compile(keras.optimizers.Adam(rate), "mse")
        settings = {"epochs": epochs, "callbacks": [callback]}
        assert [rule for rule, _ in found(network, TABLE, NUMBERS, **settings)] == expected


# --- scales -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "rules"),
    [
        ((layers.Dense(4), layers.BatchNormalization(), layers.ReLU()), []),
        ((layers.Dense(4, "relu"), layers.Dropout(0.1), layers.LayerNormalization()), []),
        ((layers.Dense(4), layers.Activation("relu"), layers.BatchNormalization()), []),
        ((layers.Dense(4, "sigmoid"), layers.BatchNormalization()), ["D3"]),
        ((layers.Dense(4), layers.Activation("tanh"), layers.BatchNormalization()), ["D3"]),
        ((layers.Dense(4, "relu"), layers.Dense(4), layers.BatchNormalization()), ["D3"]),
    ],
)
def test_a_normalisation_behind_the_first_layer_scales_the_inputs(inside, rules):
    network = model((4,), *inside, layers.Dense(1))
    assert [rule for rule, _ in found(network, TABLE * 900 + 5000, NUMBERS)] == rules


# --- copies -------------------------------------------------------------------------------------


def test_copies_of_rows_without_fractions_are_found_in_several_splits():
    general = RNG.normal(size=(400, 1))
    x = np.clip(np.round(3 + general + RNG.normal(size=(400, 12)) * 0.7), 1, 5).astype("float32")
    y = RNG.integers(0, 2, 400)
    network = model((12,), layers.Dense(1, "sigmoid"), loss="binary_crossentropy")
    assert found(network, x, y) == []
    order = RNG.permutation(600)
    x, y = (np.concatenate([part, part[:200]])[order] for part in (x, y))
    assert found(network, x, y) == [("S2", "error")]
    assert found(network, pd.DataFrame(x), y) == [("S2", "error")]


@pytest.mark.parametrize("columns", [3, 12])
def test_columns_of_two_values_repeat_by_nature(columns):
    x = RNG.integers(0, 2, (600, columns)).astype("float32")
    network = model((columns,), layers.Dense(1, "sigmoid"), loss="binary_crossentropy")
    assert found(network, x, RNG.integers(0, 2, 600)) == []


# --- folds --------------------------------------------------------------------------------------

FIT = "m.fit(x[a], y[a], validation_data=(x[b], y[b]), epochs=3)"
FOLDS = "for a, b in KFold(5).split(x):\n    "
ONE_MODEL = {
    "k-fold": f"m = build()\n{FOLDS}{FIT}",
    "compiled anew": f"m = build()\n{FOLDS}m.compile('adam', 'mse')\n    {FIT}",
    "numbered": f"m = build()\nfor n, (a, b) in enumerate(folds):\n    {FIT}",
    "rows of tables": (
        "m = build()\nfor a, b in folds:\n    u, v = x.iloc[a], x.iloc[b]\n"
        "    m.fit(u, y[a], epochs=3)\n    print(m.evaluate(v, y[b]))"
    ),
    "by a function": (
        f"def run(net, a, b):\n    net.fit(x[a], y[a], epochs=2)\nm = build()\n{FOLDS}run(m, a, b)"
    ),
    "another name": f"net = build()\n{FOLDS}m = net\n    {FIT}",
    "of an object": (
        "def folds(self):\n    for a, b in self.folds.split(self.x):\n"
        "        self.m.fit(self.x[a], self.y[a], epochs=3)"
    ),
    "parts joined by hand": (
        "for k in range(5):\n    held = x[k * n:(k + 1) * n], y[k * n:(k + 1) * n]\n"
        "    u = np.concatenate([x[:k * n], x[(k + 1) * n:]])\n"
        "    m.fit(u, v, epochs=5, validation_data=held)"
    ),
    "parts by number": (
        "for k in range(5):\n    rest = fold != k\n    m.fit(x[rest], y[rest], epochs=5)\n"
        "    m.evaluate(x[~rest], y[~rest])"
    ),
}
NEW_MODELS = {
    "made in the loop": f"{FOLDS}m = build()\n    {FIT}",
    "in a scope": f"{FOLDS}with scope():\n        m = build()\n    {FIT}",
    "weights set back": f"m = build()\n{FOLDS}m.set_weights(first)\n    {FIT}",
    "a copy": f"{FOLDS}m = keras.models.clone_model(net)\n    m.compile('adam')\n    {FIT}",
    "made by a function": (
        "def run(a, b):\n    m = build()\n    m.fit(x[a], y[a], epochs=2)\n" + FOLDS + "run(a, b)"
    ),
    "one of a list": f"for n, (a, b) in enumerate(folds):\n    {FIT.replace('m.', 'nets[n].', 1)}",
    "models beside folds": f"for m, (a, b) in zip(nets, folds):\n    {FIT}",
    "a scaler": f"{FOLDS}s.fit(x[a])\n    m = build()\n    {FIT}",
    "in the order of time": f"m = build()\nfor a, b in TimeSeriesSplit(5).split(x):\n    {FIT}",
    "by name": f"t = TimeSeriesSplit(5)\nm = build()\nfor a, b in t.split(x):\n    {FIT}",
    "epochs": "for e in range(9):\n    m.fit(x, y, epochs=1, validation_data=held)",
    "parts one by one": "for k in range(9):\n    m.fit(x[k], y[k], epochs=1, validation_data=held)",
    "more and more": (
        "for k in range(5):\n    seen = np.concatenate([seen, x[k]])\n"
        "    m.fit(seen, epochs=1, validation_data=(x[k + 1], y[k + 1]))"
    ),
    "towns": "for u, v in zip(train, held):\n    m.fit(u, epochs=1, validation_data=v)",
    "sizes": "for s, e in sizes:\n    m.fit(u[s], epochs=e, validation_data=v[s])\n    log[e] = 1",
    "stretches": (
        "for a, b in zip(starts, ends):\n    m.fit(x[a:b], y[a:b], epochs=1)\n"
        "    m.evaluate(x[b:], y[b:])"
    ),
    "parts of arrays": (
        "for a, b in zip(np.split(x, 5), np.split(y, 5)):\n"
        "    m.fit(a, b, epochs=1, validation_data=held)"
    ),
    "of another library": f"{FOLDS}m.fit(x[a], y[a], eval_set=[(x[b], y[b])])",
    "no program": "for (",
}


def of_program(text):
    facts = types.SimpleNamespace(settings=types.SimpleNamespace(program=text))
    return [finding for rule in programs.RULES for finding in rule.find(facts)]


@pytest.mark.parametrize("case", ONE_MODEL)
def test_one_model_through_all_folds_is_found(case):
    (finding,) = of_program(ONE_MODEL[case])
    assert (finding.id, finding.level) == ("S7", "error")
    assert finding.received.startswith("in line ")


@pytest.mark.parametrize("case", NEW_MODELS)
def test_a_new_model_for_each_fold_is_left_alone(case):
    assert of_program(NEW_MODELS[case]) == []


def test_the_check_of_a_script_looks_at_its_folds(tmp_path, capsys, monkeypatch):
    script = tmp_path / "folds.py"
    script.write_text(
        "import keras, numpy as np\nfrom sklearn.model_selection import KFold\n"
        "rng = np.random.default_rng(0); x = rng.normal(size=(400, 5)); y = x.sum(1)\n"
        "m = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])\n"
        f"m.compile('adam', 'mse')\n{FOLDS}{FIT}\n"
    )
    monkeypatch.setattr(sys, "argv", ["recipes", "check", str(script)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert "one-model-for-all-folds (S7): received in line 7, m trained" in capsys.readouterr().out
