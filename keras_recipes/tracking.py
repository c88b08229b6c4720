"""MLflow and Weights & Biases: they are sent the settings, the epochs and the test scores."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from keras_recipes.configs import RunOptions
from keras_recipes.errors import InputError

EXPERIMENT = "keras-recipes"  # of MLflow

_log = logging.getLogger(__name__)


class Tracker(keras.callbacks.Callback):
    """Passes on the scores of each epoch; a tracker that fails does not end the training.

    Args:
        name: Of the tracker, for messages.
        log: Takes scores by name, and the epoch, from 1.
        end: Takes the test scores and the folder of the run; None and None if it failed.
    """

    def __init__(
        self,
        name: str,
        log: Callable[[dict[str, float], int], None],
        end: Callable[[dict[str, float] | None, str | None], None],
    ):
        super().__init__()
        self._name, self._log, self._end = name, log, end
        self._failed = False

    def on_epoch_end(self, epoch, logs=None):
        """Pass on an epoch's scores."""
        scores = {name: float(score) for name, score in (logs or {}).items()}
        self._attempt(self._log, scores, epoch + 1)

    def finish(self, scores: Mapping[str, float] | None, folder: str | None) -> None:
        """Pass on the test scores, or that there are none."""
        known = {f"test_{name}": value for name, value in (scores or {}).items()}
        self._attempt(self._end, None if scores is None else known, folder)

    def _attempt(self, function: Callable, *arguments: object) -> None:
        if self._failed:
            return
        try:
            function(*arguments)
        except Exception as error:  # of its maker's own kinds: of the network, of the server
            self._failed = True
            _log.warning("%s gets no more scores: %s", self._name, str(error).partition("\n")[0])


@contextlib.contextmanager
def tracked(options: RunOptions, name: str, settings: dict[str, Any]) -> Iterator[list[Tracker]]:
    """Yield a callback for each tracker that was asked for; if the block fails, they learn of it.

    Args:
        options: Their addresses.
        name: Of the run.
        settings: Of the run, plain values.

    Raises:
        InputError: If a tracker is not installed, or cannot be reached.
    """
    trackers: list[Tracker] = []
    if options.mlflow is not None:
        trackers.append(_begin("mlflow", options.mlflow, _mlflow, name, settings))
    if options.wandb is not None:
        trackers.append(_begin("wandb", options.wandb, _wandb, name, settings))
    try:
        yield trackers
    except BaseException:
        for tracker in trackers:
            tracker.finish(None, None)
        raise


def _begin(
    flag: str, place: str, make: Callable[..., Tracker], name: str, settings: dict[str, Any]
) -> Tracker:
    """Make a tracker, or say in one line why that cannot be."""
    spec = importlib.util.find_spec(flag)
    if spec is None or spec.origin is None:  # the latter is a folder of that name, of its logs
        raise InputError(f"--{flag} {place}: not installed here; run pip install {flag}")
    try:
        return make(place, name, settings)
    except Exception as error:  # of its maker's own kinds
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"--{flag} {place}: cannot be used ({reason})") from error


def _mlflow(uri: str, name: str, settings: dict[str, Any]) -> Tracker:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    place = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
    run = client.create_run(place, run_name=name).info.run_id
    for setting, value in settings.items():
        client.log_param(run, setting, value)

    def log(scores: dict[str, float], epoch: int) -> None:
        for metric, score in scores.items():
            client.log_metric(run, metric, score, step=epoch)

    def end(scores: dict[str, float] | None, folder: str | None) -> None:
        for metric, score in (scores or {}).items():
            client.log_metric(run, metric, score)
        if folder is not None:
            client.set_tag(run, "folder", folder)
        client.set_terminated(run, "FAILED" if scores is None else "FINISHED")

    return Tracker("MLflow", log, end)


def _wandb(project: str, name: str, settings: dict[str, Any]) -> Tracker:
    import wandb

    run = wandb.init(project=project, name=name, config=settings)

    def end(scores: dict[str, float] | None, folder: str | None) -> None:
        run.summary.update({**(scores or {}), "folder": folder})
        run.finish(exit_code=int(scores is None))

    return Tracker("Weights & Biases", lambda scores, epoch: run.log(scores, step=epoch), end)
