"""Keras Tuner's own way: `make_tuner` for a build function, a HyperModel or a recipe."""

import logging
import pathlib

import keras
import keras_tuner
import numpy as np
import pytest

import tuning
from keras_recipes import training
from keras_recipes.errors import InputError, RunError
from keras_recipes.runs import scoring
from recipes import breast_cancer
from tuning import tuners
from tuning.oracles import oracles


def points(rows=60):
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    return x, (x[:, :1] > 0).astype("float32")


def build(hp):
    units = hp.Choice("units", [2, 4, 8])
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(units, "relu"),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    f1 = keras.metrics.F1Score(name="f1", threshold=0.5)
    # Two steps of each epoch are faster than tracing one.
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", f1], run_eagerly=True)
    return model


def search_with(tuner, **told):
    x, y = points()
    tuner.search(x[:40], y[:40], validation_data=(x[40:], y[40:]), verbose=0, **told)
    return tuner


@pytest.mark.second_tier
def test_a_tuner_for_a_build_function_behaves_as_the_guides_say(capsys):
    tuner = search_with(tuning.make_tuner(build, "grid", objective="val_f1", keep=1), epochs=2)
    assert isinstance(tuner, keras_tuner.Tuner)
    assert (tuner.oracle.objective.name, tuner.oracle.objective.direction) == ("val_f1", "max")
    assert [t.hyperparameters["units"] for t in tuner.oracle.trials.values()] == [2, 4, 8]
    best = tuner.oracle.get_best_trials()[0]
    assert tuner.get_best_hyperparameters()[0].values == best.hyperparameters.values
    x, y = points()
    scores = tuner.get_best_models()[0].evaluate(x[40:], y[40:], verbose=0, return_dict=True)
    assert scores["f1"] == pytest.approx(best.score)
    tuner.results_summary()
    assert "Score: " in capsys.readouterr().out
    weights = list(pathlib.Path(tuner.project_dir).rglob("*.weights.h5"))
    assert len(weights) == 1, "only the best trial's weights are kept"
    with pytest.raises(InputError, match="make the tuner with a larger keep"):
        tuner.get_best_models(2)


@pytest.mark.second_tier
def test_a_tuner_continues_its_own_folder_and_refuses_another_space():
    told = {"objective": "val_loss", "project_name": "mine"}
    search_with(tuning.make_tuner(build, "grid", trials=1, **told), epochs=1)
    tuner = search_with(tuning.make_tuner(build, "grid", trials=3, **told), epochs=1)
    assert [t.hyperparameters["units"] for t in tuner.oracle.trials.values()] == [2, 4, 8]

    def other(hp):
        hp.Choice("rate", [1, 2])
        return build(hp)

    with pytest.raises(InputError, match="holds another search: its space is"):
        tuning.make_tuner(other, "grid", **told)
    with pytest.raises(InputError, match="holds another search: its objective is"):
        tuning.make_tuner(build, "grid", objective="val_f1", project_name="mine")


@pytest.mark.second_tier
def test_a_folder_that_is_no_search_is_never_deleted():
    pathlib.Path("thesis").mkdir()
    pathlib.Path("thesis/thesis.txt").write_text("mine")
    told = {"objective": "val_loss", "directory": ".", "overwrite": True}
    with pytest.raises(InputError, match="overwrite: thesis holds no search"):
        tuning.make_tuner(build, "grid", **told, project_name="thesis")
    assert pathlib.Path("thesis/thesis.txt").read_text() == "mine"
    tuning.make_tuner(build, "grid", **told, project_name="search")
    tuning.make_tuner(build, "random", **told, project_name="search")


@pytest.mark.second_tier
def test_a_tuner_for_a_hypermodel_and_for_a_recipe():
    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, batch_size=hp.Choice("batch_size", [8, 16]), **kwargs)

    tuner = search_with(tuning.make_tuner(Model(), "random", objective="val_loss", trials=2))
    assert "batch_size" in tuner.get_best_hyperparameters()[0].values
    data = breast_cancer.load_data(breast_cancer.Config())
    tuner = tuning.make_tuner("breast_cancer", "random", trials=1)
    tuner.search(
        data.train.x,
        data.train.y,
        validation_data=(data.validation.x, data.validation.y),
        epochs=2,
        verbose=0,
    )
    outputs = training.predict(tuner.get_best_models()[0], data.validation.x)
    scores = scoring.measure(breast_cancer.PROBLEM, data.validation.y, outputs)
    assert scores["loss"] == pytest.approx(tuner.oracle.get_best_trials()[0].score, abs=1e-5)


def test_a_recipe_is_checked_with_its_data_before_the_first_trial():
    tuner = tuning.make_tuner("breast_cancer", "random", trials=1)
    part = breast_cancer.load_data(breast_cancer.Config()).train
    data = {"x": part.x, "y": part.y, "validation_data": (part.x, part.y), "verbose": 0}
    for wrong, message in (
        ({"y": 2 * part.y - 1}, "binary labels"),
        ({"validation_data": None}, "a recipe needs x, y and validation_data"),
        ({"wings": 2}, "wings: breast_cancer has no such setting; expected one of epochs"),
    ):
        with pytest.raises(InputError, match=message):
            tuner.search(**{**data, **wrong})
    assert tuner.oracle.trials == {}


@pytest.mark.second_tier
def test_the_same_seed_trains_the_same_way():
    scores = [
        [
            t.score
            for t in search_with(
                tuning.make_tuner(build, "grid", objective="val_loss", trials=1, seed=seed),
                epochs=1,
            ).oracle.trials.values()
        ]
        for seed in (0, 0, 1)
    ]
    assert scores[0] == scores[1] != scores[2]


def test_a_first_trial_that_fails_stops_a_tuner():
    tuner = tuning.make_tuner(build, "grid", objective="val_loss")
    logging.getLogger("tuning.tuners").setLevel(logging.CRITICAL)
    x, y = np.zeros((4, 7)), np.zeros((4, 1))
    with pytest.raises(RunError, match="the first trial, the defaults, failed"):
        tuner.search(x, y, validation_data=(x, y), verbose=0)
    assert tuner.get_best_hyperparameters() == []


def test_directions_come_from_the_metrics_themselves():
    shipped = [
        keras.metrics.F1Score(name="f1_score"),
        keras.metrics.R2Score(name="r2_score"),
        keras.metrics.CosineSimilarity(name="cosine_similarity"),
        keras.metrics.PearsonCorrelation(name="pearson_correlation"),
        keras.metrics.MeanIoU(num_classes=2, name="mean_io_u"),
        keras.metrics.PrecisionAtRecall(0.5, name="precision_at_recall"),
        keras.metrics.RecallAtPrecision(0.5, name="recall_at_precision"),
        "mae",
        "accuracy",
        keras.metrics.AUC(name="auc"),
    ]
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=shipped)
    found = tuners.find_directions(model)
    assert found.pop("loss") == found.pop("mae") == "min"
    assert set(found.values()) == {"max"}
    assert len(found) == 9
    # The guess of Keras Tuner; when it gets better, this can be simpler here.
    assert keras_tuner.src.engine.metrics_tracking.infer_metric_direction("val_f1_score") == "min"
    model.compile(loss="mse", metrics=[keras.metrics.FalsePositives(name="false_positives")])
    with pytest.raises(InputError, match="is lower or higher is not known"):
        tuning.make_tuner(lambda hp: model, objective="val_false_positives")


def test_an_unknown_objective_or_tuner_is_refused_with_the_list():
    with pytest.raises(InputError, match="expected one of val_loss, val_accuracy, val_f1"):
        tuning.make_tuner(build, objective="val_auc")
    with pytest.raises(InputError, match="tuner: received 'magic', expected one of grid"):
        tuning.make_tuner(build, "magic")
    with pytest.raises(InputError, match="hypermodel: received int"):
        tuning.make_tuner(3)


def test_oracles_are_those_of_keras_tuner():
    assert issubclass(oracles.BayesianOracle, keras_tuner.oracles.BayesianOptimizationOracle)
    assert issubclass(oracles.RandomOracle, keras_tuner.oracles.RandomSearchOracle)
    assert issubclass(oracles.HyperbandOracle, keras_tuner.oracles.HyperbandOracle)
    assert issubclass(oracles.GridOracle, keras_tuner.Oracle)
