"""Numbers that go into a program as values, so that one program serves many settings.

A search changes dropout rates and regularisation strengths from trial to trial. Keras reads them
from the attributes of its objects while a step is traced, and they would become constants of the
program. During tracing, the attributes therefore hold placeholders. (A plain learning rate needs
none of this: in Keras it is a variable.)
"""

import contextlib
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

# Only attributes whose every use in Keras was read, and is held by a test, stand here: each is
# converted to a tensor or multiplied where it is used, and compared with 0 or 1 at most.
_LIFTED = {
    keras.layers.Dropout: ("rate",),
    keras.layers.GaussianNoise: ("stddev",),
    # What the layer learned from its data: arrays, kept outside its variables.
    keras.layers.Normalization: ("mean", "variance"),
    keras.regularizers.L1: ("l1",),
    keras.regularizers.L2: ("l2",),
    keras.regularizers.L1L2: ("l1", "l2"),
    keras.optimizers.SGD: ("momentum", "weight_decay"),
    keras.optimizers.RMSprop: ("weight_decay",),
    keras.optimizers.Adam: ("weight_decay",),
    keras.optimizers.AdamW: ("weight_decay",),
    keras.optimizers.schedules.CosineDecay: ("initial_learning_rate",),
    keras.optimizers.schedules.ExponentialDecay: ("initial_learning_rate",),
    keras.optimizers.schedules.InverseTimeDecay: ("initial_learning_rate",),
    keras.optimizers.schedules.PolynomialDecay: ("initial_learning_rate",),
}


def _on_tensor(operation: Callable, reverse: bool = False) -> Callable:
    def compute(self: "Number", other: Any) -> tf.Tensor:
        return operation(other, self.tensor) if reverse else operation(self.tensor, other)

    return compute


class Number(float):
    """A float to Python, which may compare it, and a tensor to every calculation."""

    tensor: tf.Tensor

    def __new__(cls, value: float, tensor: tf.Tensor) -> "Number":
        """Make a float of the value that calculates with the tensor, a scalar."""
        number = super().__new__(cls, value)
        number.tensor = tensor
        return number

    def __tf_tensor__(self, dtype: tf.DType | None = None, name: str | None = None) -> tf.Tensor:
        return self.tensor if dtype is None else tf.cast(self.tensor, dtype)

    __add__, __radd__ = _on_tensor(operator.add), _on_tensor(operator.add, reverse=True)
    __sub__, __rsub__ = _on_tensor(operator.sub), _on_tensor(operator.sub, reverse=True)
    __mul__, __rmul__ = _on_tensor(operator.mul), _on_tensor(operator.mul, reverse=True)
    __truediv__ = _on_tensor(operator.truediv)
    __rtruediv__ = _on_tensor(operator.truediv, reverse=True)


class LiftedNumbers:
    """The numbers of one model that go into its program as values.

    Attributes:
        values: One float32 tensor for each.
        pattern: Equal for two models only if a program of one can take the values of the other.
    """

    def __init__(self, model: keras.Model):
        places = [place for owner in _owners(model) for place in _places(owner)]
        # One object may serve in several places (a regulariser shared by layers).
        keys = [(id(attributes), name) for attributes, name, _ in places]
        self._places = [p for i, p in enumerate(places) if keys[i] not in keys[:i]]
        self.values = [tf.cast(a[n], tf.float32) for a, n, _ in self._places]
        shapes = [tuple(value.shape) for value in self.values]
        self.pattern = [[keys.index(key) for key in keys], shapes]

    @contextlib.contextmanager
    def replaced(self, values: Sequence[tf.Tensor] | None) -> Iterator[None]:
        """Exchange the numbers, within the block, for tensors; for a placeholder where None."""
        saved = [attributes[name] for attributes, name, _ in self._places]
        try:
            for i, (attributes, name, dtype) in enumerate(self._places):
                attributes[name] = _synthetic(saved[i], values[i] if values else None, dtype)
            yield
        finally:
            for (attributes, name, _), value in zip(self._places, saved, strict=True):
                attributes[name] = value


def _owners(model: keras.Model) -> Iterator[Any]:
    yield from all_layers(model)
    yield from (variable.regularizer for variable in model.trainable_variables)
    yield model.optimizer
    # Private, since the public property gives the rate of the moment and not the schedule.
    yield model.optimizer._learning_rate


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model, with those inside nested models and wrappers."""
    # Private; the public `layers` leaves out what a wrapper wraps.
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if not isinstance(layer, keras.Model)]


def _places(owner: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield (attributes, name, dtype to calculate in) for each lifted number of an object.

    The numbers 0 and 1 stay constants: Keras leaves code out for them (`rate > 0`).
    """
    for name in _LIFTED.get(type(owner), ()):
        value = vars(owner).get(name)
        is_array = tf.is_tensor(value) and value.shape.rank
        if is_array or (value is not None and float(value) not in (0.0, 1.0)):
            yield vars(owner), name, getattr(owner, "compute_dtype", "float32")


def _synthetic(value: Any, tensor: tf.Tensor | None, dtype: str) -> Any:
    if tf.is_tensor(value) and value.shape.rank:
        return value if tensor is None else tf.cast(tensor, value.dtype)
    return 0.5 if tensor is None else Number(float(value), tf.cast(tensor, dtype))
