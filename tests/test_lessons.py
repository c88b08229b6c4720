"""Every claim that a lesson makes, held by a figure."""

import dataclasses
import functools
import importlib
import pathlib
import re
import time

import keras
import numpy as np
import pandas as pd
import pytest

from datasets import fashion_mnist
from keras_recipes import configs, optimizers, training
from keras_recipes.runs import scoring
from recipes import breast_cancer, lessons
from recipes.lessons import (
    __main__,
    _lesson as lesson,
    activations,
    backpropagation,
    cross_validation,
    linear_regression,
    logistic_regression,
    losses,
    optimizers as optimizer_lesson,
    overfitting,
    perceptron,
    vanishing_gradient,
    xor,
)

FOLDER = pathlib.Path(lessons.__file__).parent
KOREAN = re.compile("[가-힣]")
KOREAN_SENTENCES = re.compile(r" *korean=\(\n.*?\n        \),\n", re.DOTALL)
KOREAN_ITEM = re.compile("<li>[^<]*[가-힣][^<]*</li>")
QUICK = ("perceptron", "activations", "losses", "logistic_regression", "search")


def test_every_lesson_is_in_the_list_and_says_what_to_watch():
    assert {path.stem for path in FOLDER.glob("[a-z]*.py")} == set(lessons.ORDER)
    for name in lessons.ORDER:
        doc = importlib.import_module(f"recipes.lessons.{name}").__doc__
        assert [part for part in ("Idea:", "Watch:", "Change:") if part in doc] == [
            "Idea:",
            "Watch:",
            "Change:",
        ]


def test_the_list_says_how_long_each_lesson_takes(capsys):
    __main__.print_list()
    table = capsys.readouterr().out
    for name, seconds in lessons.SECONDS.items():
        assert re.search(rf"\b{name}\b.*\b{seconds} +│$", table, re.MULTILINE)


def test_a_long_lesson_prints_how_many_steps_are_done(monkeypatch, capsys):
    monkeypatch.setattr(lesson, "SECONDS_BETWEEN_LINES", 0.0)
    assert list(lesson.progress("abc", "training")) == ["a", "b", "c"]
    assert capsys.readouterr().out.splitlines() == ["training 1 of 3, 0 s", "training 2 of 3, 0 s"]
    monkeypatch.undo()
    assert list(lesson.progress("abc", "training")) == ["a", "b", "c"]
    assert capsys.readouterr().out == "", "a short one prints nothing"


@functools.cache
def study(name):
    """Run a lesson once for all tests."""
    return importlib.import_module(f"recipes.lessons.{name}").study(seed=0)


def test_a_lesson_is_read_in_one_sitting():
    for name in lessons.ORDER:
        source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        lines = KOREAN_SENTENCES.sub("", source).splitlines()  # one reads one language
        lines = [line for line in lines if not line.startswith("한국어: ")]
        assert sum(map(bool, lines)) <= 90, name


@pytest.mark.second_tier
@pytest.mark.parametrize("name", QUICK)
def test_lesson_shows_table_picture_and_three_sentences(name, tmp_path):
    shown = study(name)
    assert all(map(KOREAN.search, shown.sentences("en")))
    figures = [re.findall(r"\d+\.\d+", " ".join(shown.sentences(lang))) for lang in ("en", "ko")]
    assert len(shown.korean) == 3
    assert sorted(figures[0]) == sorted(figures[1])
    lesson.write(shown, tmp_path)
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    assert len(pd.read_csv(tmp_path / "table.csv")) == len(shown.table)
    page = __main__.page([__main__.section(name, "Title", shown)])
    assert f"src='{name}/picture.png'" in page
    assert shown.first[:20] in page
    assert shown.korean[0][:20] in __main__.section(name, "Title", shown, "ko")


@pytest.mark.slow
def test_all_lessons_run_in_ten_minutes_and_make_a_page(tmp_path):
    start = time.perf_counter()
    folder = __main__.run_all(__main__.Options(out=tmp_path / "lessons"))
    assert time.perf_counter() - start < 600
    page = (folder / "index.html").read_text(encoding="utf-8")
    sections = page.split("<section")[1:]
    assert len(sections) == len(lessons.ORDER) == 13
    for name, section in zip(lessons.ORDER, sections, strict=True):
        assert (folder / name / "picture.png").is_file()
        assert "<table" in section
        assert len(KOREAN_ITEM.findall(section)) == section.count("<li>") == 3


def test_perceptron_learns_14_gates_and_no_more():
    learned = [perceptron.learn(perceptron.outputs_of(gate)) for gate in range(16)]
    failed = [perceptron.GATES[gate] for gate in range(16) if not learned[gate][2]]
    assert failed == ["XOR", "XNOR"]
    for gate, (weights, _, right) in enumerate(learned):
        outputs = perceptron.fire(weights, perceptron.INPUTS)
        assert (outputs == perceptron.outputs_of(gate)).all() == right


@pytest.mark.second_tier
def test_xor_by_hand_is_exact_and_learning_mostly_succeeds():
    assert xor.by_hand(xor.INPUTS).tolist() == [0, 1, 1, 0]
    solved = {}
    for pair in (("sigmoid", 2), ("sigmoid", 8), ("ReLU", 2), ("ReLU", 8)):
        networks = xor.Networks(*pair, seed=0)
        networks.learn()
        solved[pair] = networks.solved().sum()
    assert 70 <= solved["sigmoid", 2] <= 90
    assert 10 <= solved["ReLU", 2] <= 30
    assert solved["sigmoid", 8] >= 99
    assert solved["ReLU", 8] >= 90


def test_backpropagation_equals_tensorflow_and_finite_differences():
    rng = np.random.default_rng(1)
    x, t, w = rng.normal(size=(30, 2)), rng.integers(0, 2, (30, 1)), backpropagation.start(rng)
    ours = backpropagation.backward(w, x, t)
    theirs = lesson.gradients_by_tensorflow(
        lambda w: backpropagation.loss_in_tensorflow(w, x, t.astype(float)), w
    )
    nudged = lesson.differences(lambda w: backpropagation.loss_of(w, x, t), w)
    for name, gradient in ours.items():
        np.testing.assert_allclose(gradient, theirs[name], atol=1e-6)
        np.testing.assert_allclose(gradient, nudged[name], atol=1e-6)


def test_backpropagation_learns_every_point():
    shown = study("backpropagation")
    assert shown.table.iloc[:, 3:].max(axis=None) < 1e-6
    assert "to 0.018 in 2000 steps; 100% of the points" in shown.third


@pytest.mark.parametrize("name", activations.FUNCTIONS)
def test_activation_is_finite_and_its_derivative_right(name):
    function, derivative = activations.FUNCTIONS[name]
    z = np.array([-1000.0, -3, -0.5, 0.7, 2, 1000])
    assert np.isfinite(function(z)).all()
    assert np.isfinite(derivative(z)).all()
    slope = (function(z + 1e-6) - function(z - 1e-6)) / 2e-6
    np.testing.assert_allclose(derivative(z), slope, atol=1e-6)
    keras_name = {"ReLU": "relu", "leaky ReLU": "leaky_relu"}.get(name, name)
    if name != "step":  # Keras has none
        theirs = keras.ops.convert_to_numpy(keras.activations.get(keras_name)(z.astype("float32")))
        np.testing.assert_allclose(function(z), theirs, rtol=1e-6, atol=1e-6)


def test_softmax_is_finite_and_its_jacobian_right():
    z = np.array([-1000.0, 1.0, 2.0, 1000.0])
    np.testing.assert_allclose(activations.softmax(z), [0, 0, 0, 1], atol=1e-12)
    z = np.array([0.3, -1.0, 2.0])
    jacobian = activations.softmax_derivative(z)
    for j in range(3):
        nudge = np.eye(3)[j] * 1e-6
        slope = (activations.softmax(z + nudge) - activations.softmax(z - nudge)) / 2e-6
        np.testing.assert_allclose(jacobian[:, j], slope, atol=1e-8)


def test_sigmoid_derivative_peaks_at_a_quarter():
    z = np.linspace(-5, 5, 10_001)
    slope = activations.sigmoid_derivative(z)
    assert slope.max() == pytest.approx(0.25)
    assert z[slope.argmax()] == pytest.approx(0, abs=1e-9)


def test_losses_equal_keras_also_for_confident_mistakes():
    table = losses.against_keras(seed=3)
    assert len(table) == 5
    assert np.isfinite(table.ours).all()
    assert table.apart.max() < 1e-6


def test_cross_entropy_prices_confident_mistakes():
    cost = {p: losses.binary_crossentropy(np.ones(1), np.array([p])) for p in (0.99, 0.5, 0.01, 0)}
    assert cost[0.99] == pytest.approx(0.01, abs=1e-3)
    assert cost[0.5] == pytest.approx(np.log(2))
    assert cost[0.01] == pytest.approx(4.61, abs=0.01)
    assert 16 < cost[0] < np.inf


def test_gradient_behind_a_sigmoid_is_y_minus_t():
    for z, t in ((0.3, 1.0), (-2.0, 0.0), (4.0, 0.0)):
        cost = [
            losses.binary_crossentropy(np.array([t]), activations.sigmoid(np.array([z + h])))
            for h in (1e-6, -1e-6)
        ]
        slope = (cost[0] - cost[1]) / 2e-6
        assert slope == pytest.approx(activations.sigmoid(np.array(z)) - t, abs=1e-6)


@pytest.mark.second_tier
def test_only_relu_with_he_keeps_the_variance(monkeypatch):
    monkeypatch.setattr(vanishing_gradient, "NUM_SEEDS", 3)
    measured = vanishing_gradient.measure(seed=0)
    variances = {pair: variance.mean(axis=0) for pair, (variance, _) in measured.items()}
    kept = [pair for pair, mean in variances.items() if mean.min() >= 0.5 and mean.max() <= 2]
    assert kept == [("ReLU", "He")]
    assert variances["ReLU", "Xavier"][-1] ** (1 / 49) == pytest.approx(0.5, abs=0.02)
    assert measured["sigmoid", "Xavier"][1][:, 0].max() < 1e-25
    assert 0.5 < measured["ReLU", "He"][1][:, 0].mean() < 2


@pytest.mark.parametrize("columns", [["bmi"], list(linear_regression.diabetes.FEATURE_NAMES)])
def test_linear_regression_reaches_the_exact_weights(columns):
    x, y = linear_regression.load(columns, normalise=True)
    rate = 0.9 * linear_regression.largest_rate(x)
    w, _ = linear_regression.descend(x, y, rate, linear_regression.MAX_STEPS)
    np.testing.assert_allclose(w, linear_regression.exact(x, y), rtol=1e-6)
    predicted = linear_regression.largest_rate(x)
    assert linear_regression.find_divergence(x) == pytest.approx(predicted, rel=0.05)


def test_normalising_saves_steps():
    steps = {}
    for normalise in (True, False):
        x, y = linear_regression.load(["bmi"], normalise)
        rate = 0.9 * linear_regression.largest_rate(x)
        steps[normalise] = len(linear_regression.descend(x, y, rate, 10_000)[1])
    assert steps[True] < 100
    assert steps[False] == 10_000


@pytest.mark.second_tier
def test_logistic_regression_is_the_same_in_three_ways():
    x, t = logistic_regression.load(seed=0)
    reference = logistic_regression.by_scikit_learn(x, t)
    np.testing.assert_allclose(logistic_regression.by_hand(x, t)[0], reference, atol=1e-3)
    np.testing.assert_allclose(logistic_regression.by_keras(x, t), reference, atol=1e-3)


@pytest.mark.parametrize("name", optimizer_lesson.NAMES)
def test_optimizer_by_hand_steps_as_keras_does(name):
    gradients = np.random.default_rng(0).normal(size=(25, 3)).astype("float32")
    made = optimizers.make(configs.Config(optimizer=name, learning_rate=0.01))
    variable = keras.Variable(np.zeros(3, "float32"))
    w, memory = np.zeros(3), {}
    for count, gradient in enumerate(gradients, start=1):
        made.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        w = w + optimizer_lesson.step(name, 0.01, gradient, memory, count)
    np.testing.assert_allclose(w, keras.ops.convert_to_numpy(variable), rtol=1e-4, atol=1e-6)


def test_sgd_on_a_line_is_slow_right_or_diverges():
    final = {rate: optimizer_lesson.descend_line("sgd", rate, 0)[-1] for rate in (1e-4, 0.1, 1.0)}
    assert final[0.1] < 0.5 < final[1e-4]
    assert final[1.0] == np.inf


def test_effect_of_a_remedy_is_the_mean_paired_difference():
    rows = [
        {"seed": seed, "a": a, "b": b, "accuracy": 0.5 + 0.1 * a + seed / 100, "loss": 1 - 0.2 * b}
        for seed in range(3)
        for a in (False, True)
        for b in (False, True)
    ]
    found = overfitting.effect(pd.DataFrame(rows), "a")
    assert found["accuracy"] == pytest.approx(0.1)
    assert found["± accuracy"] == pytest.approx(0, abs=1e-12)
    assert found["loss"] == pytest.approx(0)


@pytest.mark.second_tier
def test_the_best_and_the_last_epoch_are_both_tested():
    config = dataclasses.replace(cross_validation.CONFIG, learning_rate=0.1)
    data, problem = breast_cancer.load_data(config), breast_cancer.PROBLEM
    model = training.prepare(breast_cancer, config, data)
    history, scores = lesson.train_to_the_end(model, problem, data, batch_size=64, epochs=20)
    validation = history["val_loss"]
    assert len(validation) == 20
    assert min(validation) < validation[-1]
    outputs = training.predict(model, data.validation.x)  # the best epoch's weights are left
    left = scoring.measure(problem, data.validation.y, outputs)["loss"]
    assert left == pytest.approx(min(validation), abs=1e-4)
    assert scores["best"]["loss"] != scores["last"]["loss"]


def test_choosing_by_the_test_rows_flatters():
    rng = np.random.default_rng(0)
    answers = rng.random((20, 5000)) < 0.8  # equal models: all differences are luck
    assert cross_validation.optimism(answers, rng).mean() > 3
    assert abs(cross_validation.optimism(answers[:1], rng).mean()) < 0.5


def test_bayesian_search_beats_random_beats_grid():
    best = study("search").table.set_index("search")["best accuracy"]
    assert best["Bayesian"] > best["random"] + 0.005 > best["grid"] + 0.01
    assert best["Bayesian"] > 0.945


@pytest.mark.slow
def test_remedies_against_overfitting_lower_the_test_loss():
    table = study("overfitting").table
    assert (table["loss"] + table["± loss"] < 0).all()


@pytest.mark.slow
def test_batch_sizes_trade_steps_for_epochs():
    table = study("batches").table.set_index("batch size")
    for unit, best in (("epochs", 1), ("steps", 2000)):
        number, spread = table[f"{unit} to 0.5"], table[f"± {unit}"]
        rest = (number - spread).drop(best)
        assert number[best] + spread[best] < rest.min()


@pytest.mark.slow
def test_each_optimizer_has_its_range_of_rates():
    table = study("optimizers").table.set_index("optimizer")
    rates = table["best rate, network"]
    assert max(rates["adam"], rates["rmsprop"]) < rates["sgd"]
    assert table["loss, network"].idxmin() == "adam"
    assert table["loss, network"].max() < 0.75
    assert table["loss, line"].max() < 0.5


@pytest.mark.slow
def test_one_split_varies_more_than_the_mean_of_five():
    table = study("cross_validation").table
    assert table["± std"][1] < table["± std"][0] / 1.5
    saved = table.loc[2]
    assert saved["mean"] > 2 * saved["± std"] / np.sqrt(saved["measured"])
    assert 1 < table["mean"][3] < 5


def test_lessons_take_built_in_data_and_say_so(monkeypatch, capsys):
    built_in = functools.partial(fashion_mnist.load, "builtin")
    monkeypatch.setattr(fashion_mnist, "load", built_in)
    monkeypatch.setattr(lesson, "_print_once", print)
    images = lesson.load_images(0, 2000).train  # more than there are
    assert len(images) == 2000
    assert "NOTE: these are not the real data" in capsys.readouterr().out


def test_the_list_is_printed_in_korean(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["lessons", "--lang", "ko"])
    __main__.main()
    said = capsys.readouterr().out
    assert all(f" {name} " in said for name in lessons.ORDER)
    assert len(KOREAN.findall(said)) > 200
    assert all(KOREAN.search(__main__.title(name, "ko")) for name in lessons.ORDER)
