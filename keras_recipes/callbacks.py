"""The callbacks that every run shares, made fresh for each run since they keep state."""

from __future__ import annotations

import importlib.util
import logging
import math
import pathlib
import time
from collections.abc import Callable

import keras
import tensorflow as tf

from keras_recipes.configs import Config
from keras_recipes.errors import InputError
from keras_recipes.problems import Problem

# A checkpoint file costs about as much as a fast epoch. Written no more often than this, a crash
# loses seconds of work at most and training is not slowed.
SECONDS_BETWEEN_CHECKPOINTS = 10.0
LONGEST_LINE = 100  # of one that is written over another
SECONDS_BETWEEN_LINES = 10.0  # a training that says nothing for longer looks as if it hung

_log = logging.getLogger(__name__)


class BestCheckpoint(keras.callbacks.ModelCheckpoint):
    """Keeps the best model on disk, written at most every few seconds."""

    def __init__(self, path: pathlib.Path, **settings: str):
        super().__init__(str(path), save_best_only=True, **settings)
        self._last_written = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Leave the epoch to Keras's checkpoint when it is time for one."""
        if time.monotonic() - self._last_written < SECONDS_BETWEEN_CHECKPOINTS:
            return
        try:
            super().on_epoch_end(epoch, logs)
        except OSError as error:  # a full disk must not end training: there is time to make room
            _log.warning("could not write the checkpoint %s: %s", self.filepath, error)
        self._last_written = time.monotonic()


class TensorBoard(keras.callbacks.TensorBoard):
    """Writes logs until the disk fails: training goes on without them."""

    _failed = False

    def on_epoch_end(self, epoch, logs=None):
        """Log the epoch."""
        self._attempt(super().on_epoch_end, epoch, logs)

    def on_test_end(self, logs=None):
        """Log the evaluation."""
        self._attempt(super().on_test_end, logs)

    def on_train_end(self, logs=None):
        """Close the logs."""
        self._attempt(super().on_train_end, logs)

    def _attempt(self, write: Callable, *arguments: object) -> None:
        try:
            write(*arguments)
        except (OSError, tf.errors.OpError) as error:
            if not self._failed:
                reason = str(error).partition("; ")[2].partition("\n")[0] or error
                _log.warning("could not write TensorBoard's logs: %s", reason)
            self._failed = True


class StopAtNaN(keras.callbacks.Callback):
    """Ends training at a loss that is no number; `training.fit` raises the error.

    Keras's own `TerminateOnNaN` prints a line that names a batch and no cause.
    """

    def on_epoch_end(self, epoch, logs=None):
        """Look at the epoch's loss: one batch that is NaN makes it NaN."""
        if not math.isfinite(float((logs or {}).get("loss", 0))):
            self.model.stop_training = True


class LearningRate(keras.callbacks.Callback):
    """Adds the learning rate that an epoch ends with to its logs, as Keras's schedulers do."""

    def on_epoch_end(self, epoch, logs=None):
        """Add it."""
        if logs is not None:
            # Written with the seven digits that float32 has.
            rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
            logs["learning_rate"] = float(f"{float(rate):.7g}")


class InUnit(keras.callbacks.Callback):
    """Brings an epoch's scores to the target's unit, where the target was divided by its spread.

    The first of the callbacks: the others are given the same scores.
    """

    def __init__(self, spread: float):
        super().__init__()
        self._factors = {"loss": spread**2, "rmse": spread, "mae": spread}

    def on_epoch_end(self, epoch, logs=None):
        """Change the epoch's scores."""
        for name, score in (logs or {}).items():
            logs[name] = score * self._factors.get(name.removeprefix("val_"), 1)


class EpochLines(keras.callbacks.Callback):
    """Prints a line for an epoch, for output that goes to a file or a pipe.

    Args:
        lines: How many to print at most, at even distances, beside the first and the last; None
            prints one for each epoch. After a while without any there is one all the same.
        rewritten: Whether each epoch's line takes the place of the last one, as a notebook shows.
    """

    def __init__(self, lines: int | None = None, *, rewritten: bool = False):
        super().__init__()
        self._lines, self._rewritten = lines, rewritten
        self._last_printed = -math.inf

    def on_epoch_begin(self, epoch, logs=None):
        """Note the time."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Print the epoch's scores where a line is due."""
        if not self._is_due(epoch + 1):
            return
        self._last_printed = time.monotonic()
        shown = {name: score for name, score in (logs or {}).items() if name != "learning_rate"}
        scores = ", ".join(f"{name} {float(score):.4g}" for name, score in shown.items())
        seconds = time.perf_counter() - self._start
        line = f"epoch {epoch + 1}/{self.params['epochs']}: {scores}, {seconds:.1f} s"
        if self._rewritten:
            is_last = epoch + 1 == self.params["epochs"] or self.model.stop_training
            print(f"\r{line:<{LONGEST_LINE}}", end="\n" if is_last else "", flush=True)
        else:
            print(line, flush=True)

    def _is_due(self, epoch: int) -> bool:
        epochs = self.params["epochs"]
        return (
            self._lines is None
            or self._rewritten
            or epoch in (1, epochs)
            or epoch % math.ceil(epochs / self._lines) == 0
            or self.model.stop_training
            or time.monotonic() - self._last_printed > SECONDS_BETWEEN_LINES
        )


def make(
    problem: Problem,
    config: Config,
    *,
    validated: bool = True,
    checkpoint: pathlib.Path | None = None,
    tensorboard: pathlib.Path | None = None,
) -> list[keras.callbacks.Callback]:
    """Make the callbacks of one run.

    Args:
        problem: Says which score makes an epoch the best, and in which direction.
        config: Gives patience, epochs, learning rate and its schedule.
        validated: Whether there is a validation split. Without one no epoch is known to be the
            best: there is no early stopping, and the last epoch counts.
        checkpoint: File that keeps the best model so far, ending in .keras; None writes none.
        tensorboard: Folder for TensorBoard's logs; None writes none.

    Returns:
        The learning rate, history, early stopping, the stop at a NaN loss, and what was asked for.
    """
    best = {"monitor": f"val_{problem.monitor}", "mode": problem.direction}
    # History first, so that Ctrl-C in a later callback loses no epoch.
    made = [LearningRate(), keras.callbacks.History(), StopAtNaN()]
    if validated:
        stopping = keras.callbacks.EarlyStopping(
            **best, patience=config.patience, restore_best_weights=True
        )
        made.insert(2, stopping)
    if config.schedule == "cosine":
        made.append(keras.callbacks.LearningRateScheduler(cosine(config)))
    if checkpoint:
        made.append(BestCheckpoint(checkpoint, **best))
    if tensorboard:
        if importlib.util.find_spec("tensorboard") is None:
            raise InputError("--tensorboard: not installed; run pip install -r requirements.txt")
        made.append(TensorBoard(tensorboard, write_graph=False))
    return made


def cosine(config: Config) -> Callable[..., float]:
    """Return epoch -> learning rate, from the full rate down to nearly 0 along half a cosine.

    Source: Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts.
    """

    def rate(epoch: int, *_: float) -> float:
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / config.epochs))

    return rate
