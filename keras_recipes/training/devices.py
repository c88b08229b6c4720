"""One model over several devices: each step's batch is divided among copies of it."""

from __future__ import annotations

import contextlib

import tensorflow as tf

from keras_recipes.errors import InputError


def scope(name: str, batch_size: int, num_rows: int) -> contextlib.AbstractContextManager:
    """Return the block in which a model is built and trained.

    Under "mirrored", every GPU holds a copy of the model, and takes a part of each batch; the
    gradients of all are averaged. A batch has as many rows as without it, so that training is the
    same, within rounding; in the last batch of an epoch, where the parts are not equal, rows in a
    smaller one count for a little more. Batch normalisation sees its own part only.

    Args:
        name: "none" or "mirrored".
        batch_size: Rows of a step, on all devices together.
        num_rows: For training.

    Raises:
        InputError: If there is one device only, or a batch cannot be divided.
    """
    if name == "none":
        return contextlib.nullcontext()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(devices) == 1:
        raise InputError(
            f"--strategy {name}: divides the work among GPUs; there is one {kind} here"
        )
    last = num_rows % batch_size
    if batch_size % len(devices) or 0 < last < len(devices):
        raise InputError(
            f"--strategy {name}: {num_rows:,} rows in batches of {batch_size} leave one of "
            f"{len(devices)} devices without rows; take a --batch-size that {len(devices)} "
            "divides, and another one where the last batch is too small"
        )
    return tf.distribute.MirroredStrategy(devices).scope()
