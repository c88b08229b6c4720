"""The sequences of Keras Tuner's guides, through `make_tuner`: each as the guide writes it."""

import inspect
import logging
import pathlib

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import tuning
from keras_recipes.errors import InputError, RunError


def rows(number, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 4)).astype("float32")
    return x, (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)


X, Y = rows(40)
X_VAL, Y_VAL = rows(20, seed=1)
DATA = {"x": X, "y": Y, "validation_data": (X_VAL, Y_VAL), "verbose": 0}
NAMES = {"directory": "my_dir", "overwrite": True, "max_trials": 2}


def compiled(model, metrics=("accuracy",)):
    # Two steps of each epoch are faster than tracing one.
    loss = "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=list(metrics), run_eagerly=True)
    return model


def build_model(hp):
    model = keras.Sequential([keras.Input((4,))])
    for number in range(hp.Int("num_layers", 1, 2)):
        activation = hp.Choice("activation", ["relu", "tanh"])
        model.add(layers.Dense(hp.Int(f"units_{number}", 4, 8, step=4), activation))
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(hp.Float("rate", 0.1, 0.5, step=0.1)))
    model.add(layers.Dense(3, "softmax"))
    return compiled(model)


def small(hp):
    units = hp.Choice("units", [2, 4, 8])
    hidden = layers.Dense(units, "relu")
    return compiled(keras.Sequential([keras.Input((4,)), hidden, layers.Dense(3, "softmax")]))


def values_of(tuner):
    return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]


class Small(keras_tuner.HyperModel):
    """With a fit of its own, which tunes how rows are scaled and put in order."""

    def build(self, hp):
        return small(hp)

    def fit(self, hp, model, x, y, **kwargs):
        x = x / 2 if hp.Boolean("scale") else x
        return model.fit(x, y, shuffle=hp.Boolean("shuffle"), **kwargs)


@pytest.mark.second_tier
def test_getting_started_tunes_a_model_and_retrains_the_best_of_it(capsys):
    build_model(keras_tuner.HyperParameters())
    tuner = tuning.make_tuner(
        hypermodel=build_model,
        objective="val_accuracy",
        executions_per_trial=2,
        project_name="helloworld",
        **NAMES,
    )
    tuner.search_space_summary()
    assert "num_layers (Int)" in capsys.readouterr().out
    tuner.search(**DATA, epochs=1)
    models = tuner.get_best_models(num_models=2)
    scores = [trial.score for trial in tuner.oracle.get_best_trials(2)]
    assert len(models) == 2
    assert scores[0] >= scores[1]
    assert models[0].evaluate(X_VAL, Y_VAL, verbose=0)[1] >= scores[0] - 1e-6, "the best execution"
    tuner.results_summary()
    assert capsys.readouterr().out.count("Score: ") == 2
    best = tuner.get_best_hyperparameters(5)
    assert len(best) == 2
    model = build_model(best[0])
    model.fit(np.concatenate([X, X_VAL]), np.concatenate([Y, Y_VAL]), epochs=1, verbose=0)


@pytest.mark.second_tier
@pytest.mark.parametrize("tuner", ["grid", "random", "bayesian", "hyperband"])
def test_getting_started_runs_with_every_tuner(tuner):
    own = {"max_epochs": 2, "factor": 2} if tuner == "hyperband" else {}
    made = tuning.make_tuner(
        build_model, tuner, objective="val_loss", **{**NAMES, "max_trials": 4}, **own
    )
    made.search(**DATA, epochs=2, callbacks=[keras.callbacks.EarlyStopping("val_loss")])
    assert len(made.get_best_models(4)) == 4
    assert made.remaining_trials == 0


@pytest.mark.second_tier
def test_a_conditional_scope_is_part_of_its_own_points_only():
    def build(hp):
        model_type = hp.Choice("model_type", ["small", "big"])
        with hp.conditional_scope("model_type", ["small"]):
            if model_type == "small":
                units = hp.Int("small_units", 2, 4)
        with hp.conditional_scope("model_type", ["big"]):
            if model_type == "big":
                units = hp.Int("big_units", 8, 10)
        hidden = layers.Dense(units, "relu")
        return compiled(keras.Sequential([keras.Input((4,)), hidden, layers.Dense(3, "softmax")]))

    tuner = tuning.make_tuner(build, "grid", objective="val_loss", directory="my_dir")
    tuner.search(**DATA)
    assert values_of(tuner) == [
        *({"model_type": "small", "small_units": units} for units in (2, 3, 4)),
        *({"model_type": "big", "big_units": units} for units in (8, 9, 10)),
    ]


@pytest.mark.second_tier
def test_a_hypermodel_tunes_its_own_fit_and_preprocessing():
    tuner = tuning.make_tuner(Small(), objective="val_accuracy", project_name="fit", **NAMES)
    tuner.search(**DATA, epochs=1)
    best = tuner.get_best_hyperparameters()[0]
    assert set(best.values) == {"units", "scale", "shuffle"}
    hypermodel = Small()
    hypermodel.fit(best, hypermodel.build(best), X, Y, epochs=1, verbose=0)


@pytest.mark.second_tier
def test_the_objective_may_be_a_metric_by_name_or_one_of_ones_own():
    class Guess(keras.metrics.Metric):
        def __init__(self, **kwargs):
            super().__init__(name="guess", **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(keras.ops.sum(y_pred[:, 0]))

        def result(self):
            return keras.ops.convert_to_tensor(self.total)

    def build(hp):
        units = hp.Choice("units", [2, 4])
        model = keras.Sequential([keras.Input((4,)), layers.Dense(units), layers.Dense(1)])
        metrics = [keras.metrics.MeanAbsoluteError(), Guess()]
        model.compile("adam", "mse", metrics=metrics, run_eagerly=True)
        return model

    for objective, direction in (
        ("val_mean_absolute_error", "min"),
        (keras_tuner.Objective("val_guess", "max"), "max"),
    ):
        tuner = tuning.make_tuner(build, objective=objective, **NAMES)
        tuner.search(**DATA)
        first, second = (trial.score for trial in tuner.oracle.get_best_trials(2))
        assert first <= second if direction == "min" else first >= second
        assert tuner.oracle.objective.direction == direction
    with pytest.raises(InputError, match="whether a better guess is lower or higher"):
        tuning.make_tuner(build, objective="val_guess", **NAMES)


@pytest.mark.second_tier
def test_fit_may_return_its_own_number_or_several():
    class Number(Small):
        def fit(self, hp, model, x, y, validation_data, **kwargs):
            model.fit(x, y, **kwargs)
            return float(hp.get("units"))  # lower is better

    class Several(Number):
        def fit(self, hp, model, x, y, validation_data, **kwargs):
            return {"a": super().fit(hp, model, x, y, validation_data, **kwargs), "b": 1.0}

    tuner = tuning.make_tuner(Number(), "grid", directory="my_dir")
    tuner.search(**DATA)
    assert tuner.get_best_hyperparameters()[0]["units"] == 2
    assert len(tuner.get_best_models()) == 1
    tuner = tuning.make_tuner(
        Several(), "grid", objective=keras_tuner.Objective("a", "max"), directory="my_dir"
    )
    tuner.search(**DATA)
    assert tuner.get_best_hyperparameters()[0]["units"] == 8
    tuner = tuning.make_tuner(Several(), objective=keras_tuner.Objective("c", "max"), **NAMES)
    with pytest.raises(InputError, match="to have the specified objective, c, as one of the keys"):
        tuner.search(**DATA)


@pytest.mark.second_tier
def test_several_objectives_are_added_up():
    tuner = tuning.make_tuner(small, "grid", objective=["val_loss", "val_accuracy"])
    tuner.search(**DATA)
    for trial in tuner.oracle.trials.values():
        loss, accuracy = (trial.metrics.get_best_value(f"val_{n}") for n in ("loss", "accuracy"))
        assert trial.score == pytest.approx(loss - accuracy, abs=1e-6)
    assert len(tuner.get_best_models(3)) == 3


@pytest.mark.second_tier
def test_what_is_left_out_of_a_tailored_space_keeps_its_default():
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [6, 8])
    told = {"objective": "val_loss", "hyperparameters": hp, "tune_new_entries": False}
    tuner = tuning.make_tuner(Small(), "random", **told)
    tuner.search(**DATA)
    assert sorted(values["units"] for values in values_of(tuner)) == [6, 8]
    assert {values["shuffle"] for values in values_of(tuner)} == {False}
    assert tuner.oracle.end_reason == "space used up: all of its 2 points were run"


@pytest.mark.second_tier
def test_tailoring_the_space_tunes_a_few_fixes_a_few_and_leaves_the_rest():
    def names(tuner):
        return [hyperparameter.name for hyperparameter in tuner.oracle.get_space().space]

    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [6, 8])
    told = {"objective": "val_loss", "directory": "my_dir", "hyperparameters": hp}
    few = tuning.make_tuner(Small(), "grid", tune_new_entries=False, **told)
    assert names(few) == ["units"]
    fixed = keras_tuner.HyperParameters()
    fixed.Fixed("activation", "tanh")
    told["hyperparameters"] = fixed
    rest = tuning.make_tuner(build_model, "bayesian", num_initial_points=2, **told)
    assert set(names(rest)) == {"activation", "num_layers", "units_0", "dropout"}
    assert type(rest.oracle.get_space().space[0]).__name__ == "Fixed"
    with pytest.raises(InputError, match=r"allow_new_entries=False: the model asks for dropout, "):
        tuning.make_tuner(build_model, allow_new_entries=False, **told)
    for name in ("tune_new_entries", "allow_new_entries"):
        with pytest.raises(InputError, match=f"{name}=False: needs hyperparameters="):
            tuning.make_tuner(build_model, objective="val_loss", **{name: False})


@pytest.mark.second_tier
def test_what_models_are_compiled_with_can_be_replaced():
    def build(hp):
        return keras.Sequential([keras.Input((4,)), layers.Dense(hp.Choice("units", [3, 4]))])

    with pytest.raises(InputError, match="not compiled; compile it, or give optimizer=, loss="):
        tuning.make_tuner(build, objective="val_loss")
    tuner = tuning.make_tuner(
        build,
        objective="val_mean_absolute_error",
        optimizer=keras.optimizers.Adam(1e-2),
        loss="mse",
        metrics=["mean_absolute_error"],
        **{**NAMES, "max_trials": 1},
    )
    assert tuner.oracle.objective.direction == "min"
    tuner.search(X, X[:, :3], validation_data=(X_VAL, X_VAL[:, :3]), verbose=0)
    model = tuner.get_best_models()[0]
    assert model.loss == "mse"
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-2)


@pytest.mark.second_tier
def test_tensorboard_gets_a_folder_for_each_execution_of_each_trial():
    tuner = tuning.make_tuner(small, objective="val_accuracy", executions_per_trial=2, **NAMES)
    tuner.search(**DATA, callbacks=[keras.callbacks.TensorBoard("tb_logs")])
    found = {path.parent for path in pathlib.Path("tb_logs").rglob("events*")}
    wanted = {pathlib.Path(f"tb_logs/{t:04d}/execution{e}") for t in (0, 1) for e in (0, 1)}
    assert wanted <= found


@pytest.mark.second_tier
def test_an_objective_that_is_not_logged_is_refused_before_the_first_trial():
    for objective, message in (
        (None, "received none, expected one of val_loss, val_accuracy"),
        ("val_auc", "received val_auc, expected one of val_loss, val_accuracy"),
        (["val_loss", "val_f1"], "received val_f1, expected one of val_loss, val_accuracy"),
        (3, "received 3, expected one of val_loss"),
    ):
        with pytest.raises(InputError, match=message):
            tuning.make_tuner(small, objective=objective)
    with pytest.raises(InputError, match=r'that your fit returns, give keras_tuner.Objective\("v'):
        tuning.make_tuner(Small(), objective="val_f1")
    with pytest.raises(InputError, match=r"received Objective.*val_loss \(min\), val_accuracy"):
        tuning.make_tuner("iris", objective=keras_tuner.Objective("val_accuracy", "min"))
    with pytest.raises(InputError, match=r"built NoneType, expected a keras\.Model"):
        tuning.make_tuner(lambda hp: None, objective="val_loss")
    assert not pathlib.Path("searches").exists()
    tuner = tuning.make_tuner(small, objective="val_accuracy")
    for told, message in (
        ({}, "val_accuracy needs validation rows, and search received none"),
        ({"wings": 2}, "wings: model.fit has no such setting; expected one of "),
    ):
        with pytest.raises(InputError, match=message):
            tuner.search(X, Y, verbose=0, **told)
    tuner_of_f1 = tuning.make_tuner(small, objective=keras_tuner.Objective("val_f1", "max"))
    with pytest.raises(InputError, match="received val_f1, expected one of val_accuracy, val_loss"):
        tuner_of_f1.search(**DATA)
    assert tuner.oracle.trials == tuner_of_f1.oracle.trials == {}


class LogsF1(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["val_f1"] = 0.5


@pytest.mark.second_tier
def test_a_callback_may_log_the_objective_and_a_split_may_validate():
    told = {**NAMES, "max_trials": 1}
    tuner = tuning.make_tuner(small, objective=keras_tuner.Objective("val_f1", "max"), **told)
    tuner.search(**DATA, callbacks=[LogsF1()])
    assert tuner.oracle.get_best_trials()[0].score == 0.5
    tuner = tuning.make_tuner(small, objective="val_loss", **told)
    tuner.search(X, Y, validation_split=0.5, verbose=0)
    assert len(tuner.get_best_models()) == 1


def test_arguments_that_cannot_be_honoured_are_refused_by_name():
    for told, message in (
        ({"alpha": 1e-4}, r'alpha: is a setting of tuner="bayesian", received "random"'),
        ({"max_epochs": 5}, r'max_epochs: is a setting of tuner="hyperband"'),
        ({"tuner": "hyperband", "factor": 1}, "factor: received 1, expected at least 2"),
        ({"tuner": "bayesian", "beta": -1.0}, r"beta: received -1.0, expected at least 0"),
        ({"max_trials": 0}, "max_trials: received 0, expected at least 1"),
        ({"max_trials": 2, "trials": 3}, "max_trials and trials: are the same"),
        ({"max_retries_per_trial": -1}, "max_retries_per_trial: received -1"),
        ({"logger": "cloud"}, "logger: Keras Tuner ignores it; give search callbacks="),
        ({"hypermodel": "iris", "loss": "mse"}, "loss: the recipe iris decides it"),
        (
            {"hypermodel": "iris", "objective": "val_f1"},
            r"expected one of val_loss \(min\), val_ac",
        ),
    ):
        with pytest.raises(InputError, match=message):
            tuning.make_tuner(**{"hypermodel": small, "objective": "val_loss", **told})
    with pytest.raises(InputError, match=r"max_trails: .* did you mean max_trials"):
        tuning.make_tuner(small, objective="val_loss", max_trails=3)


def test_all_arguments_of_keras_tuners_own_classes_are_taken():
    kinds = (
        keras_tuner.Tuner,
        keras_tuner.RandomSearch,
        keras_tuner.GridSearch,
        keras_tuner.BayesianOptimization,
        keras_tuner.Hyperband,
    )
    theirs = {name for kind in kinds for name in inspect.signature(kind).parameters}
    ours = set(inspect.signature(tuning.make_tuner).parameters)
    assert theirs - {"oracle", "kwargs"} <= ours


class Failing(Small):
    """Fails or gives NaN from the second trial on."""

    def fit(self, hp, model, x, y, **kwargs):
        fit = super().fit(hp, model, x, y, **kwargs)
        if hp.get("units") > 2:
            return {"val_loss": float("nan")} if hp.get("units") == 4 else 1 / 0
        return fit


@pytest.mark.second_tier
def test_failed_trials_are_run_again_and_end_the_search_as_told():
    logging.getLogger("tuning.tuners").setLevel(logging.CRITICAL)
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [2, 4, 8])
    told = {"objective": "val_loss", "hyperparameters": hp, "tune_new_entries": False}
    tuner = tuning.make_tuner(Failing(), "grid", max_retries_per_trial=2, **told)
    tuner.search(**DATA)
    assert dict(tuner.oracle._run_times) == {"0000": 1, "0001": 3, "0002": 3}
    assert [trial.status for trial in tuner.oracle.trials.values()] == [
        "COMPLETED",
        "FAILED",
        "FAILED",
    ]
    assert len(tuner.get_best_hyperparameters(3)) == 1
    tuner = tuning.make_tuner(Failing(), "grid", max_consecutive_failed_trials=2, **told)
    with pytest.raises(RunError, match=r"2 trials in a row failed, the last one by: ZeroDiv"):
        tuner.search(**DATA)


@pytest.mark.second_tier
def test_a_search_with_a_tuner_id_or_other_settings_is_continued_or_refused():
    told = {"objective": "val_loss", "project_name": "mine", "tuner_id": "worker_1"}
    tuning.make_tuner(small, "bayesian", max_trials=1, alpha=1e-3, **told).search(**DATA)
    again = tuning.make_tuner(small, "bayesian", max_trials=2, alpha=1e-3, **told)
    assert len(again.oracle.trials) == 1
    with pytest.raises(InputError, match=r"its settings is .*0\.001.*, now it is"):
        tuning.make_tuner(small, "bayesian", max_trials=2, **told)
    assert pathlib.Path("searches/mine/worker_1.json").is_file()


@pytest.mark.second_tier
def test_a_policy_and_a_strategy_hold_in_every_trial():
    import tensorflow as tf

    seen = []

    class Seen(Small):
        def fit(self, hp, model, *args, **kwargs):
            seen.append((model.layers[0].compute_dtype, type(model.distribute_strategy).__name__))
            return super().fit(hp, model, *args, **kwargs)

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        told = {**NAMES, "distribution_strategy": tf.distribute.OneDeviceStrategy("/cpu:0")}
        tuning.make_tuner(Seen(), objective="val_loss", **told).search(**DATA)
    finally:
        keras.config.set_dtype_policy("float32")
    assert seen == [("bfloat16", "OneDeviceStrategy")] * 2


@pytest.mark.second_tier
def test_a_space_without_a_choice_is_one_trial():
    def build(hp):
        return small(keras_tuner.HyperParameters())

    for tuner in ("grid", "random", "bayesian"):
        made = tuning.make_tuner(build, tuner, objective="val_loss")
        made.search(**DATA)
        assert len(made.oracle.trials) == 1
