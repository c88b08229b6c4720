"""Arrays of the caller as tensors in memory, in the form in which Keras feeds a training step."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_recipes.errors import with_article
from keras_recipes.training.fused import eligibility


def pack(
    x: Any,
    y: Any,
    sample_weight: np.ndarray | None = None,
    class_weight: dict[int, float] | None = None,
) -> tuple:
    """Return (x, y) or (x, y, sample_weight) as tensors of the dtypes that `model.fit` would use.

    Args:
        x: Inputs: array of shape (rows, ...), or a list, tuple or dict of such arrays.
        y: Targets, of the same forms.
        sample_weight: Array of shape (rows,) or (rows, 1), or None.
        class_weight: Dict from class index to weight, or None; classes it leaves out weigh 1.

    Returns:
        Tuple of structures of tensors; all have the same number of rows.

    Raises:
        Unsupported: For anything but arrays in memory, and for arguments that Keras refuses.
    """
    if class_weight is not None:
        if sample_weight is not None or keras.tree.is_nested(y):
            raise eligibility.Unsupported("`class_weight` comes with other weights or outputs")
        sample_weight = _weights_of_classes(np.asarray(y), class_weight)
    elif sample_weight is not None and keras.tree.is_nested(y):
        raise eligibility.Unsupported("`sample_weight` comes with several outputs")
    parts = tuple(part for part in (x, y, sample_weight) if part is not None)
    packed = keras.tree.map_structure(_to_tensor, keras.tree.lists_to_tuples(parts))
    if y is None:
        raise eligibility.Unsupported("there is no array of targets")
    if len({tensor.shape[0] for tensor in keras.tree.flatten(packed)}) != 1:
        raise eligibility.Unsupported("the arrays differ in their number of rows")
    return packed


def unpack(validation_data: tuple) -> tuple:
    """Return `validation_data` as `pack` does; a data stream raises `Unsupported`."""
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        raise eligibility.Unsupported("`validation_data` is not (x, y) or (x, y, sample_weight)")
    return pack(*validation_data)


def split(data: tuple, validation_split: float) -> tuple[tuple, tuple]:
    """Split packed data into training rows and the last rows for validation, as Keras does.

    Raises:
        Unsupported: If one of the two would have no rows; Keras has the words for it.
    """
    rows = num_rows(data)
    first = math.floor(rows * (1.0 - validation_split))
    if not 0 < first < rows:
        raise eligibility.Unsupported("`validation_split` leaves no rows for one of the two parts")
    cut = keras.tree.map_structure
    return cut(lambda tensor: tensor[:first], data), cut(lambda tensor: tensor[first:], data)


def num_rows(data: tuple) -> int:
    """Return the number of rows of packed data."""
    return keras.tree.flatten(data)[0].shape[0]


def _to_tensor(array: Any) -> tf.Tensor:
    if type(array).__module__.startswith("pandas"):
        # As Keras does: a column stays a column, (rows, 1).
        array = array.to_numpy()[:, None] if array.ndim == 1 else array.to_numpy()
    if not isinstance(array, np.ndarray | tf.Tensor) and not hasattr(array, "__array__"):
        kind = with_article(type(array).__name__)
        raise eligibility.Unsupported(f"the data hold {kind}, not an array")
    if not isinstance(array, tf.Tensor):
        array = np.asarray(array)
        if array.dtype.kind not in "biuf":
            raise eligibility.Unsupported(f"the data hold an array of dtype {array.dtype}")
    if not array.shape or not array.shape[0]:
        raise eligibility.Unsupported("an array of the data has no rows")
    is_float = tf.as_dtype(array.dtype).is_floating
    return tf.convert_to_tensor(array if not is_float else tf.cast(array, keras.config.floatx()))


def _weights_of_classes(y: np.ndarray, class_weight: dict[int, float]) -> np.ndarray:
    if y.ndim > 1:
        y = y[..., 0] if y.shape[-1] == 1 else y.argmax(axis=-1)
    classes = np.round(y).astype("int32")
    weights = np.ones(len(classes), keras.config.floatx())
    for index, weight in class_weight.items():
        weights[classes == index] = weight
    return weights
