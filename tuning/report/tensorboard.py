"""TensorBoard's HParams view of a search, written on request."""

from __future__ import annotations

import logging
import pathlib

from tuning.trials import records

_log = logging.getLogger(__name__)


def write(folder: pathlib.Path, trial: records.Trial) -> None:
    """Write a trial that has ended; where the disk fails, the search goes on without.

    Args:
        folder: For the logs of all trials; `tensorboard --logdir FOLDER` shows it.
        trial: Its point and its metrics are written.
    """
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    name = f"{trial.number:04d}"
    try:
        with tf.summary.create_file_writer(str(folder / name)).as_default() as writer:
            api.hparams(trial.point, trial_id=name)
            for metric, value in trial.metrics.items():
                tf.summary.scalar(metric, value, step=0)
            writer.flush()
            writer.close()
    except (OSError, tf.errors.OpError) as error:
        _log.warning("could not write TensorBoard's logs: %s", " ".join(str(error).split()))
