"""Training beyond one fit: the refit on all rows, and every optimizer on every kind of target."""

import dataclasses
import typing

import numpy as np
import pytest

from keras_recipes import configs, training
from keras_recipes.runs import scoring
from keras_recipes.training import fitting
from recipes import diabetes, iris


def short(recipe, **changes):
    config = dataclasses.replace(recipe.Config(), epochs=4, **changes)
    return config, recipe.load_data(config)


def weights(trained):
    return np.concatenate([w.ravel() for w in trained.model.get_weights()])


@pytest.mark.second_tier
def test_refit_is_the_training_on_all_rows_for_the_best_number_of_epochs():
    config, splits = short(iris, refit=True)
    trained = training.train(iris, config, splits)
    everything = splits.merge_validation()
    by_hand = training.fit(
        training.prepare(iris, config, everything),
        iris.PROBLEM,
        everything,
        config,
        epochs=trained.best_epoch,
    )
    assert trained.refitted
    np.testing.assert_array_equal(weights(trained), weights(by_hand))
    assert "val_loss" in trained.history, "the history is that of the training that chose"


def test_without_refit_the_model_is_that_of_the_best_epoch():
    config, splits = short(iris, refit=False)
    trained = training.train(iris, config, splits)
    scores = scoring.measure(
        iris.PROBLEM, splits.validation.y, training.predict(trained.model, splits.validation.x)
    )
    assert not trained.refitted
    assert scores["loss"] == pytest.approx(min(trained.history["val_loss"]), rel=1e-4)


def test_ctrl_c_in_the_refit_keeps_the_first_model(monkeypatch):
    config, splits = short(iris, refit=True)
    fit, fits = training.fit, []

    def interrupted(*arguments, **settings):
        if fits:
            raise KeyboardInterrupt
        fits.append(fit(*arguments, **settings))
        return fits[0]

    monkeypatch.setattr(fitting, "fit", interrupted)
    assert training.train(iris, config, splits).model is fits[0].model


@pytest.mark.second_tier
@pytest.mark.parametrize("optimizer", typing.get_args(configs.Optimizer))
def test_every_optimizer_learns_a_target_of_large_numbers(optimizer):
    rate = {"adagrad": 0.03}.get(optimizer, 0.01)
    changes = {"optimizer": optimizer, "learning_rate": rate, "refit": False}
    config, splits = short(diabetes, **changes)
    losses = training.train(diabetes, config, splits).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
