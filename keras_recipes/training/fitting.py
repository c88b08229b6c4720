"""Training: the one way in which every recipe, search and benchmark fits a model."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import time
import typing
from collections.abc import Callable, Iterable

import keras
import numpy as np
import pandas as pd

from keras_recipes import callbacks as shared_callbacks, recipe as contract
from keras_recipes.configs import Config
from keras_recipes.data.splits import Split, Splits
from keras_recipes.errors import InputError, NotFiniteError
from keras_recipes.features import parts
from keras_recipes.problems import Problem
from keras_recipes.recipe import Recipe
from keras_recipes.training import fused, target_unit

NAN_CAUSES = (
    "likely causes: a learning rate that is too big, inputs that are not scaled, "
    "or a target of very large numbers"
)

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model and how it came about.

    Attributes:
        model: With the weights of its best epoch.
        history: One list for each metric, one value for each epoch.
        best_epoch: Counted from 1.
        stopped_by: "all epochs run", "early stopping", "interrupted" or "NaN loss".
        seconds: Of training, validation and refit included.
        refitted: Whether the model was trained anew on training and validation rows; history and
            best_epoch are then those of the training that found the number of epochs.
        validation_outputs: Of the model that has not learned from the validation rows, for them;
            None where there are none.
    """

    model: keras.Model
    history: dict[str, list[float]]
    best_epoch: int
    stopped_by: str
    seconds: float
    refitted: bool = False
    validation_outputs: np.ndarray | None = None

    @property
    def epochs_run(self) -> int:
        """The number of epochs that were finished."""
        return len(self.history["loss"])


class Check(typing.Protocol):
    """What looks for mistakes before training; the check itself is handed in."""

    @property
    def found(self) -> Iterable[object]:
        """The warnings so far."""

    def look_at_data(
        self, model: keras.Model, splits: Splits, as_inputs: Callable | None, config: Config
    ) -> object:
        """Look at a model that was built, its preprocessing not adapted yet, and all splits."""

    def look_at_model(
        self, model: keras.Model, splits: Splits, as_inputs: Callable | None
    ) -> object:
        """Look at the model with its preprocessing adapted, untrained."""

    def look_at_trained(
        self, history: dict[str, list[float]], best_epoch: int, **predicted: typing.Any
    ) -> Iterable[object]:
        """Return findings about a training: its history and its predictions of validation rows."""
        ...


def adapt(model: keras.Model, problem: Problem, train: Split) -> None:
    """Adapt the preprocessing layers to the training rows.

    Args:
        model: Its layers at the input are adapted to x, the inverted `Normalization` at the output
            of a regression to y.
        problem: Of the recipe.
        train: Training rows.
    """
    target_unit.adapt(model, problem, train.y)
    parts.of(model).adapt(train)


def prepare(
    recipe: Recipe, config: Config, splits: Splits, *, check: Check | None = None
) -> keras.Model:
    """Build a recipe's model for the given data, checked and ready to be fitted.

    Args:
        recipe: A recipe module.
        config: The recipe's Config.
        splits: What `recipe.load_data` returned, or a fold of it.
        check: Looks for mistakes; once for a recipe and its data is enough.

    Returns:
        The compiled model with its preprocessing layers adapted.

    Raises:
        InputError: If output layer, loss, labels or data do not go together.
    """
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"Keras runs on {keras.backend.backend()}, expected tensorflow: set the environment "
            "variable KERAS_BACKEND=tensorflow before Keras is imported"
        )
    keras.utils.set_random_seed(config.seed)
    model = contract.build_model(recipe, config, splits)
    halves = parts.of(model)
    as_inputs = halves.as_inputs if halves.has_encoder else None
    if check:
        check.look_at_data(model, splits, as_inputs, config)
    adapt(model, contract.problem(recipe, config, splits), splits.train)
    if check:
        check.look_at_model(model, splits, as_inputs)
    return model


def train(
    recipe: Recipe,
    config: Config,
    splits: Splits,
    *,
    check: Check | None = None,
    before_refit: Callable[[int], object] | None = None,
    **settings: typing.Any,
) -> Trained:
    """Prepare and fit a recipe's model; refit it on all rows but the test's where config says so.

    Args:
        recipe: A recipe module.
        config: The recipe's Config.
        splits: Train and validation.
        check: Looks for mistakes before training.
        before_refit: Called with the number of epochs of the refit, where there is one.
        **settings: As in `fit`.

    Returns:
        The model with its history.

    Raises:
        InputError: If output layer, loss, labels or data do not go together.
        NotFiniteError: If the loss became NaN before any epoch was good.
    """
    model = prepare(recipe, config, splits, check=check)
    problem = contract.problem(recipe, config, splits)
    trained = fit(model, problem, splits, config, **settings)
    if splits.validation is not None:
        outputs = predict(model, splits.validation.x)
        trained = dataclasses.replace(trained, validation_outputs=outputs)
    if not config.refit or splits.validation is None or trained.stopped_by == "interrupted":
        return trained
    if before_refit:
        before_refit(trained.best_epoch)
    return refit(recipe, config, splits, trained, settings.get("engine", "fused"))


def refit(
    recipe: Recipe, config: Config, splits: Splits, trained: Trained, engine: str = "fused"
) -> Trained:
    """Train again on training and validation rows, for the best number of epochs.

    Args:
        recipe: A recipe module.
        config: That the first model was trained by.
        splits: That it was trained on.
        trained: What `fit` gave.
        engine: As in `fit`.

    Returns:
        The new model, with the history of the first. Ctrl-C, or a loss that becomes NaN, gives the
        first model back.
    """
    everything = splits.merge_validation()
    try:
        again = fit_all(recipe, config, everything, trained.best_epoch, engine)
    except (KeyboardInterrupt, NotFiniteError):
        _log.warning(
            "the refit on training and validation rows was stopped; the model of epoch %d is kept",
            trained.best_epoch,
        )
        return trained
    return dataclasses.replace(
        trained, model=again.model, seconds=trained.seconds + again.seconds, refitted=True
    )


def fit_all(
    recipe: Recipe, config: Config, everything: Splits, epochs: int, engine: str = "fused"
) -> Trained:
    """Train a new model on training and validation rows, for a known number of epochs.

    Args:
        recipe: A recipe module, checked before.
        config: The recipe's Config.
        everything: Splits with the validation split merged into train.
        epochs: To run, along the schedule of config.epochs.
        engine: As in `fit`.

    Returns:
        The model of the last epoch.
    """
    model = prepare(recipe, config, everything)
    problem = contract.problem(recipe, config, everything)
    trained = fit(model, problem, everything, config, epochs=epochs, engine=engine)
    return dataclasses.replace(trained, refitted=True)


def fit(
    model: keras.Model,
    problem: Problem,
    splits: Splits,
    config: Config,
    *,
    callbacks: list[keras.callbacks.Callback] | None = None,
    verbose: int | str = 0,
    epochs: int | None = None,
    engine: str = "fused",
) -> Trained:
    """Train until the best epoch is found, and keep that epoch's weights.

    Without a validation split every epoch is run and the last one counts.

    Args:
        model: From `prepare`.
        problem: Of the recipe.
        splits: Train and validation, which may be None; test is not touched.
        config: Gives epochs, batch_size, patience, learning rate.
        callbacks: From `callbacks.make`; made here where none are given.
        verbose: As in `keras.Model.fit`.
        epochs: To end after fewer than config.epochs, along the same schedule of learning rates.
        engine: "fused" for whole epochs as one program, "keras" for `keras.Model.fit`.

    Returns:
        The model with its history. Ctrl-C ends training early and keeps the best epoch so far.

    Raises:
        NotFiniteError: If the loss became NaN before any epoch was good.
        KeyboardInterrupt: If Ctrl-C came before an epoch was finished.
    """
    if callbacks is None:
        callbacks = shared_callbacks.make(problem, config, validated=splits.validation is not None)
    early_stopping = keras.callbacks.EarlyStopping
    stopping = next((one for one in callbacks if isinstance(one, early_stopping)), None)
    epochs = config.epochs if epochs is None else epochs
    start = time.perf_counter()
    trained = parts.of(model).trained(problem)
    fit_model = trained.fit if engine == "keras" else functools.partial(fused.fit, trained)
    with target_unit.own_spread(model, splits.train.y) as unit:
        if unit is not None:
            splits = splits.map_labels(unit.scaled)
            # A checkpoint would hold a model that lacks the unit.
            kept = [x for x in callbacks if not isinstance(x, shared_callbacks.BestCheckpoint)]
            callbacks = [shared_callbacks.InUnit(unit.spread), *kept]
        try:
            data = _as_trained(model, problem, config, splits)
            fit_model(
                **data,
                batch_size=config.batch_size,
                epochs=epochs,
                callbacks=callbacks,
                verbose=verbose,
            )
            interrupted = False
        except KeyboardInterrupt:
            if stopping is None or stopping.best_weights is None:
                raise
            trained.set_weights(stopping.best_weights)
            interrupted = True
    seconds = time.perf_counter() - start
    history = {name: [float(v) for v in vs] for name, vs in trained.history.history.items()}
    if interrupted:
        stopped_by = "interrupted"
    elif not math.isfinite(history["loss"][-1]):
        stopped_by = "NaN loss"
    else:
        stopped_by = "early stopping" if len(history["loss"]) < epochs else "all epochs run"
    best_epoch = stopping.best_epoch + 1 if stopping else len(history["loss"])
    scores = [values[best_epoch - 1] for name, values in history.items() if name.endswith("loss")]
    if stopped_by == "NaN loss" and not all(map(math.isfinite, scores)):
        raise NotFiniteError(f"the loss became NaN in epoch {len(history['loss'])}; {NAN_CAUSES}")
    return Trained(model, history, best_epoch, stopped_by, seconds)


def _as_trained(
    model: keras.Model, problem: Problem, config: Config, splits: Splits
) -> dict[str, typing.Any]:
    """Return training and validation rows as they are trained on, by their names in `fit`.

    Raises:
        InputError: If a split is empty.
    """
    weights, given = _class_weights(problem, config, splits.train.y), []
    halves = parts.of(model)
    for name, rows in (("training", splits.train), ("validation", splits.validation)):
        if rows is None:
            continue
        if not len(rows):
            raise InputError(f"0 {name} rows: training and validation split both need rows")
        arrays = halves.encode(rows), halves.targets(problem, rows.y)
        given.append(arrays if weights is None else (*arrays, weights[problem.classes(rows.y)]))
    names = ("x", "y", "sample_weight")  # the last only where classes have weights
    validation = given[1] if splits.validation is not None else None
    return {**dict(zip(names, given[0], strict=False)), "validation_data": validation}


def _class_weights(problem: Problem, config: Config, y: np.ndarray) -> np.ndarray | None:
    """Return each class's weight, by which all count the same; None where none are asked for."""
    if problem.is_regression or not getattr(config, "class_weights", False):
        return None
    counts = np.bincount(problem.classes(y), minlength=len(problem.class_names))
    present = np.maximum(counts, 1)  # a class without training rows weighs on nothing
    return (len(y) / (np.count_nonzero(counts) * present)).astype("float32")


def predict(model: keras.Model, x: np.ndarray | pd.DataFrame) -> np.ndarray:
    """Return the model's raw outputs, shape (rows, num_outputs), float32."""
    return parts.of(model).predict(x)
