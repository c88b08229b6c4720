"""Scores: what they are in float64, when two are tied, and how they are written."""

import logging
import math

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from keras_recipes import configs, problems, training
from keras_recipes.data import splits
from keras_recipes.features import kinds
from keras_recipes.runs import baselines, importance, scoring
from recipes import tabular

RNG = np.random.default_rng(0)
START = RNG.bit_generator.state
QUICK = {"hidden_units": (32,), "num_bins": 8, "ensemble_size": 4, "refit": False}


@pytest.fixture(autouse=True)
def _same_draws():
    """Whatever tests came before."""
    RNG.bit_generator.state = START


def build(problem):
    inputs = keras.Input((4,))
    optimizer = keras.optimizers.Adam(0.02)
    return problem.compile(keras.Model(inputs, problem.outputs(inputs)), optimizer)


def example(problem, rows=60):
    """Targets and outputs of a problem, right more often than not."""
    if problem.is_regression:
        y = RNG.normal(size=(rows, problem.num_outputs))
        return y, y + RNG.normal(size=y.shape)
    if problem.rule.kind == "multiclass":
        y = RNG.integers(0, 3, rows)
        logits = 2 * np.eye(3)[y] + RNG.normal(size=(rows, 3))
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        y = problem.one_hot(y) if problem.rule.labels == "one-hot" else y
        return y, (logits if problem.rule.from_logits else shares).astype("float32")
    y = RNG.integers(0, 2, (rows, problem.num_outputs))
    return y, (1 / (1 + np.exp(1 - 2 * y - RNG.normal(size=y.shape)))).astype("float32")


PROBLEMS = {
    "binary": problems.binary(),
    "multiclass": problems.multiclass(("a", "b", "c")),
    "one_hot": problems.multiclass(("a", "b", "c"), one_hot=True),
    "logits": problems.multiclass(("a", "b", "c"), logits=True),
    "multilabel": problems.multilabel(("a", "b")),
    "regression": problems.regression("m"),
    "columns": problems.regression("m", 3),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_what_the_rows_add_to_a_score_is_that_score(problem):
    y, outputs = example(problem)
    for name, score in scoring.measure(problem, y, outputs).items():
        of_rows = scoring.of_rows(problem, name, y, outputs)
        assert of_rows.shape == (60,)
        assert of_rows.mean() == pytest.approx(score, rel=1e-6), name


@pytest.mark.parametrize("metric", ["auc", "f1", "rmse"])
def test_the_error_of_a_score_is_that_of_the_mean_of_its_rows(metric):
    problem = problems.regression("m") if metric == "rmse" else problems.binary()
    y, outputs = example(problem, 400)
    error = scoring.of_rows(problem, metric, y, outputs).std(ddof=1) / 20
    drawn = (RNG.integers(0, 400, 400) for _ in range(100))
    found = [scoring.measure(problem, y[rows], outputs[rows])[metric] for rows in drawn]
    assert error == pytest.approx(np.std(found), rel=0.3)


@pytest.mark.parametrize(("mean", "spread"), [(1e6, 100), (1.7e9, 60), (0, 1e-9), (1e12, 1e12)])
def test_a_target_of_any_size_is_scored_in_float64(mean, spread):
    z = RNG.normal(size=500)
    y, outputs = mean + spread * z, mean + spread * (z + 0.3 * RNG.normal(size=500))
    scores = scoring.measure(problems.regression("s"), y, outputs[:, np.newaxis])
    expected = 1 - ((y - outputs) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert scores["r2"] == pytest.approx(expected, rel=1e-6)
    assert scores["rmse"] / spread == pytest.approx(0.3, rel=0.1)


def test_a_score_that_is_not_defined_is_nan_and_written_as_a_dash():
    found = scoring.measure(problems.binary(), np.zeros(5), np.full((5, 1), 0.4))
    assert math.isnan(found["auc"])
    assert found["accuracy"] == 1
    lost = scoring.measure(problems.regression("m"), np.arange(5.0), np.full((5, 1), np.nan))
    assert all(math.isnan(score) for score in lost.values())
    assert [scoring.figure(score) for score in (None, lost["r2"])] == ["-", "-"]


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.97894721, "0.9789"), (57.0568, "57.0568"), (6407.73, "6,407.7"), (0.0414391, "0.04144"),
        (1.234567e-9, "1.235e-09"), (-0.00088, "-0.00088"), (1.7e12, "1.7e+12"), (0.0, "0.0000"),
    ],
)  # fmt: skip
def test_a_score_of_any_size_has_digits_to_read(score, text):
    assert scoring.figure(score) == text


def test_a_mean_and_its_spread_have_the_same_decimals():
    assert scoring.with_spread(54.8706, 0.2768) == "54.8706 ± 0.2768"
    assert scoring.with_spread(0.6274, 0.0) == "0.6274 ± 0.0000"
    assert scoring.with_spread(44084.3, 306.2) == "44,084.3 ± 306.2"
    assert scoring.with_spread(1.5e-9, 2.34e-11) == "1.5e-09 ± 2.3e-11"


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.02, -0.01, 0.0, 0.01] * 5, "tied"), ([0.03, 0.028, 0.032, 0.03] * 5, "better"),
        ([-0.03, -0.028, -0.032, -0.03] * 5, "worse"), ([0.0, 0.0], "tied"), ([0.5], "tied"),
        ([0.01, 0.05], "tied"), ([math.nan] * 3, "tied"),
    ],
)  # fmt: skip
def test_a_difference_within_its_noise_is_tied(differences, verdict):
    found = scoring.judge(differences, 0.25)
    assert found["verdict"] == verdict
    assert found["mean"] == pytest.approx(np.mean(differences), nan_ok=True)


def test_folds_that_share_rows_tell_less_than_independent_ones():
    """By the formula of Nadeau and Bengio: 1/n becomes 1/n + tested/learned rows."""
    differences = np.random.default_rng(0).normal(0.01, 0.02, 50)
    found = scoring.judge(differences, 0.25)
    expected = np.std(differences, ddof=1) * np.sqrt(1 / 50 + 0.25)
    assert found["standard_error"] == pytest.approx(expected)


def test_models_are_compared_row_by_row():
    """The same errors twice are no better; fewer on the same rows are, however few they are."""
    y = RNG.normal(size=200)
    one = (y + RNG.normal(size=200))[:, np.newaxis]
    better = (0.9 * one[:, 0] + 0.1 * y)[:, np.newaxis]
    compare = scoring.compare
    problem = problems.regression("m")
    assert compare(problem, y, one, one)["verdict"] == "tied"
    assert compare(problem, y, better, one)["verdict"] == "better"
    assert compare(problem, y, one, better)["verdict"] == "worse"
    rmse = [metrics.root_mean_squared_error(y, outputs) for outputs in (one, better)]
    assert compare(problem, y, better, one)["mean"] == pytest.approx(rmse[0] - rmse[1])
    assert compare(problem, y, np.full((200, 1), np.nan), one)["verdict"] == "worse"


# Targets that float32 is too coarse for


@pytest.mark.parametrize(
    ("mean", "spread"),
    [
        (1.7e9, 60),
        pytest.param(0, 1e-9, marks=pytest.mark.second_tier),
        pytest.param(1e6, 100, marks=pytest.mark.second_tier),
        pytest.param(3e12, 1e12, marks=pytest.mark.second_tier),
    ],
)  # fmt: skip
def test_a_target_of_any_size_is_learned(mean, spread):
    x = RNG.normal(size=(300, 4)).astype("float32")
    z = x @ [0.8, -0.5, 0.3, 0.1] + 0.3 * RNG.normal(size=300)
    y = mean + spread * z / z.std()
    problem = problems.of_kind("regression", (), "s", 0.5, y)
    model, source = build(problem), splits.Source("drawn", "real", "here", "none")
    parts = splits.split(x, y, source, seed=0)
    config = configs.Config(epochs=40, learning_rate=0.02, patience=40)
    training.adapt(model, problem, parts.train)
    trained = training.fit(model, problem, parts, config)
    outputs = training.predict(model, parts.validation.x)
    scores = scoring.measure(problem, parts.validation.y, outputs)
    assert scores["r2"] > 0.8
    best = {name: values[trained.best_epoch - 1] for name, values in trained.history.items()}
    assert best["val_r2"] == pytest.approx(scores["r2"], abs=2e-3)
    assert best["val_rmse"] == pytest.approx(scores["rmse"], rel=0.02), "in the target's unit"


def test_a_target_that_float32_is_too_coarse_for_is_warned_of(caplog):
    model, x = build(problems.regression("s")), np.zeros((50, 4), "float32")
    y = 1.7e9 + 60 * RNG.normal(size=50)
    training.adapt(model, problems.regression("s"), splits.Split(x, y))
    assert "subtract a constant" in caplog.text
    assert 'dtype="float64"' in caplog.text
    caplog.clear()
    training.adapt(model, problems.regression("s"), splits.Split(x, 1e6 + 1e6 * (y - 1.7e9)))
    assert not caplog.text


# A table with known truth


def table(seed, rows=600):
    """Two columns and a category that matter, in this order, and three columns that do not."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=["first", "second", "idle", "noise"])
    frame["group"] = rng.choice(["a", "b", "c"], rows)
    frame["place"] = rng.choice(["north", "south", "east"], rows)
    y = 3 * frame["first"] + 1.5 * frame["second"] + 0.8 * (frame["group"] == "b")
    return frame.assign(y=y + rng.normal(size=rows))


def loaded(frame, **changes):
    frame.to_csv("table.csv", index=False)
    config = tabular.Config(csv="table.csv", target="y", **{**QUICK, "epochs": 15, **changes})
    return config, tabular.load_data(config)


def clear_columns(seed, is_class):
    frame = table(seed)
    if is_class:
        frame["y"] = np.where(frame["y"] > 0.3, "yes", "no")
    config, data = loaded(frame, seed=seed)
    problem = tabular.problem(config, data)
    trained = training.train(tabular, config, data)
    columns = kinds.of(data).columns_of(data.test.x)
    found = importance.measure(problem, trained.model, data.test.x, data.test.y, columns)
    return [name for name, lost in found.items() if importance.is_clear(lost)]


@pytest.mark.second_tier
@pytest.mark.parametrize("is_class", [False, True])
def test_columns_that_count_are_named_in_their_order_with_every_seed(is_class):
    for seed in range(4):
        found = clear_columns(seed, is_class)
        assert found[:2] == ["first", "second"]
        assert set(found) <= {"first", "second", "group"}


@pytest.mark.second_tier
def test_curves_of_an_ensemble_show_the_scores_of_its_mean():
    frame = table(0, 300)
    frame["y"] = np.where(frame["y"] > 0.3, "yes", "no")
    config, data = loaded(frame, epochs=4, dropout=0.0)
    trained = training.train(tabular, config, data)
    problem = tabular.problem(config, data)
    found = scoring.measure(problem, data.validation.y, trained.validation_outputs)
    shown = trained.history["val_accuracy"][trained.best_epoch - 1]
    assert shown == pytest.approx(found["accuracy"], abs=1e-6)


# Baselines


def test_gradient_boosting_of_a_table_without_a_pattern_is_no_worse_than_no_learning():
    frame = table(0, 300).assign(y=RNG.permutation(["a", "b"] * 150))
    config, data = loaded(frame)
    scores = baselines.score(tabular.problem(config, data), data)
    assert set(scores) == {
        "majority_class", "logistic_regression_on_quantiles", "early_stopped_gradient_boosting"
    }  # fmt: skip
    boosted = scores["early_stopped_gradient_boosting"]["loss"]
    assert boosted < scores["majority_class"]["loss"] + 0.1


def test_a_linear_model_learns_numbers_with_a_long_tail_by_their_quantiles():
    frame = table(0, 400)
    frame["first"] = np.exp(4 * frame["first"])
    frame.loc[:20, "second"] = np.nan
    config, data = loaded(frame)
    scores = baselines.score(tabular.problem(config, data), data)
    assert scores["linear_regression_on_quantiles"]["r2"] > 0.8


def test_baselines_without_time_are_cut_short_and_a_line_says_so(monkeypatch, caplog):
    config, data = loaded(table(0, 400))
    problem = tabular.problem(config, data)
    monkeypatch.setattr(baselines, "QUICK", 0)
    with caplog.at_level(logging.WARNING):
        found = dict(baselines.predict(problem, data, seconds=0))
    assert list(found) == ["mean", "linear_regression_on_quantiles"]
    assert "was fitted on 32 of 320 rows" in caplog.text
    assert "gradient boosting is left out" in caplog.text
    assert baselines.seconds_for(1, None) == 5
    assert baselines.seconds_for(100, None) == 20
    assert baselines.seconds_for(100, 600.0) == 600


@pytest.mark.second_tier
def test_scores_stay_the_same_with_time_to_spare():
    config, data = loaded(table(0, 300))
    problem = tabular.problem(config, data)
    timed = dict(baselines.predict(problem, data, seconds=600))
    for name, outputs in baselines.predict(problem, data):
        np.testing.assert_array_equal(outputs, timed[name])
