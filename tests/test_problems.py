"""The rule table, and how outputs are read."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_recipes import problems, training
from keras_recipes.data import splits
from keras_recipes.errors import InputError
from keras_recipes.runs import scoring

ABC = ("a", "b", "c")
EVERY = [
    problems.binary(),
    problems.multiclass(ABC),
    problems.multiclass(ABC, one_hot=True),
    problems.multiclass(ABC, logits=True),
    problems.multilabel(ABC),
    problems.regression("m"),
    problems.regression("m", num_outputs=2),
]
# RULES.md, section 1: activation and loss for each problem.
TABLE = [
    ("sigmoid", "binary_crossentropy"),
    ("softmax", "sparse_categorical_crossentropy"),
    ("softmax", "categorical_crossentropy"),
    ("linear", "sparse_categorical_crossentropy"),
    ("sigmoid", "binary_crossentropy"),
    ("linear", "mse"),
    ("linear", "mse"),
]


def build(problem):
    inputs = keras.Input((4,))
    return problem.compile(keras.Model(inputs, problem.outputs(inputs)), keras.optimizers.Adam())


@pytest.mark.parametrize(("problem", "row"), list(zip(EVERY, TABLE, strict=True)))
def test_output_and_loss_are_those_of_the_table(problem, row):
    model = build(problem)
    activation, loss = row
    assert model.get_layer("output").activation.__name__ == activation
    assert model.get_layer("output").units == problem.num_outputs
    if problem.rule.from_logits:
        assert isinstance(model.loss, keras.losses.SparseCategoricalCrossentropy)
        assert model.loss.get_config()["from_logits"] is True
    else:
        assert model.loss == loss


@pytest.mark.parametrize("problem", EVERY)
def test_measured_scores_are_those_of_keras(problem):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 4)).astype("float32")
    if problem.is_regression:
        y = rng.normal(size=(50, problem.num_outputs))
    elif problem.rule.kind == "multilabel":
        y = rng.integers(0, 2, size=(50, 3))
    else:
        y = rng.integers(0, len(problem.class_names), size=50)
        y = problem.one_hot(y) if problem.rule.labels == "one-hot" else y
    model = build(problem)
    ours = scoring.measure(problem, y, training.predict(model, x))
    theirs = model.evaluate(x, problem.labels(y), batch_size=50, verbose=0, return_dict=True)
    assert ours.pop("auc", 0) == pytest.approx(theirs.pop("auc", 0), abs=0.01)  # Keras estimates it
    if problem.rule.kind == "binary":
        f1 = keras.metrics.F1Score("micro", threshold=0.5)
        theirs["f1"] = float(f1(problem.labels(y), model(x)))
    assert ours == pytest.approx(theirs, abs=2e-6)
    assert problem.headline in ours


def test_a_problem_with_a_rare_class_is_judged_by_f1():
    problem = dataclasses.replace(problems.binary(("no", "yes")), judged_by="f1")
    y, outputs = np.array([0, 0, 0, 0, 1, 1]), np.array([[0.1], [0.2], [0.6], [0.2], [0.9], [0.3]])
    scores = scoring.measure(problem, y, outputs)
    assert list(scores) == ["loss", "f1", "accuracy", "auc"]
    assert (problem.headline, scores["f1"]) == ("f1", 0.5)
    never = scoring.compare(problem, y, outputs, np.full((6, 1), 0.1))
    assert never["mean"] == pytest.approx(0.5)  # of which accuracy sees nothing
    assert [metric.name for metric in problem.metrics()] == ["accuracy", "auc"]


def test_worked_example_of_the_notes():
    problem = problems.multiclass(("0", "1", "2", "3"))
    outputs = np.array([[0.1, 0.05, 0.7, 0.15]])
    assert problem.decide(outputs).tolist() == [2]
    assert problem.probabilities(outputs).sum() == pytest.approx(1)


def test_logits_become_probabilities():
    problem = problems.multiclass(ABC, logits=True)
    outputs = np.array([[1000.0, 0.0, -1000.0], [np.log(2), 0, 0]])
    expected = [[1, 0, 0], [0.5, 0.25, 0.25]]
    np.testing.assert_allclose(problem.probabilities(outputs), expected, atol=1e-12)


def test_binary_threshold():
    problem = problems.binary(("no", "yes"))
    outputs = np.array([[0.49], [0.5], [0.9]])
    assert problem.decide(outputs).tolist() == [0, 1, 1]
    np.testing.assert_allclose(problem.probabilities(outputs)[:, 1], outputs[:, 0])


def test_multilabel_may_say_several_classes_or_none():
    outputs = np.array([[0.9, 0.6, 0.1], [0.1, 0.2, 0.3]])
    assert problems.multilabel(ABC).decide(outputs).tolist() == [[1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("loss", "min"),
        ("rmse", "min"),
        ("mae", "min"),
        ("accuracy", "max"),
        ("binary_accuracy", "max"),
        ("auc", "max"),
        ("r2", "max"),
    ],
)
def test_direction_of_every_metric(metric, direction):
    assert problems.direction(metric) == direction


def test_wrong_numbers_of_classes_are_refused():
    with pytest.raises(InputError, match="2 class names, received 3"):
        problems.binary(ABC)
    with pytest.raises(InputError, match="2 or more classes"):
        problems.multiclass(("only",))
    with pytest.raises(InputError, match="either one-hot labels or logits"):
        problems.multiclass(ABC, one_hot=True, logits=True)


def test_a_second_model_has_the_same_metric_names():
    names = [[metric.name for metric in problems.binary().metrics()] for _ in range(2)]
    assert names == [["accuracy", "auc"]] * 2


def test_regression_starts_out_in_the_targets_unit():
    problem = problems.regression("m")
    x = np.random.default_rng(0).normal(size=(500, 4)).astype("float32")
    y = 1000 + 50 * x[:, 0]
    model = build(problem)
    training.adapt(model, problem, splits.Split(x, y))
    outputs = training.predict(model, x)
    assert abs(outputs.mean() - 1000) < 50
    assert outputs.std() < 500


def test_r2_of_several_columns_is_the_share_of_their_variance_together():
    y = np.random.default_rng(0).normal(size=(50, 3)).astype("float32") * [5.0, 0.1, 0.0]
    outputs = y + np.array([1.0, 1.0, 0.0])
    scores = scoring.measure(problems.regression("m", 3), y, outputs)
    of_all = 1 - 2 * len(y) / ((y - y.mean(axis=0)) ** 2).sum()
    assert scores["r2"] == pytest.approx(of_all, abs=1e-4), "not -100 of the small one, not NaN"
    one = scoring.measure(problems.regression("m"), y[:, 0], outputs[:, :1])
    assert one["r2"] == pytest.approx(1 - 1 / y[:, 0].var(), abs=1e-4)
