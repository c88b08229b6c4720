"""XLA or not: which way an epoch's program runs, and the loops of recurrent layers in it."""

import math

import keras
import tensorflow as tf

from keras_recipes.training.fused import lifted

# Under XLA on a CPU these are as fast as without or faster: matrix products (the same Eigen
# kernels) and what fuses around them. All other layers run without XLA, above all convolutions
# and pooling, whose gradients XLA expands into plain loops (30 times slower).
_FAST_UNDER_XLA = {
    *(keras.layers.Dense, keras.layers.EinsumDense, keras.layers.InputLayer),
    *(keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU),
    *(keras.layers.ELU, keras.layers.Softmax),
    *(keras.layers.BatchNormalization, keras.layers.LayerNormalization),
    *(keras.layers.Normalization, keras.layers.Rescaling),
    *(keras.layers.Flatten, keras.layers.Reshape, keras.layers.Identity),
    *(keras.layers.Add, keras.layers.Concatenate, keras.layers.Multiply),
    *(keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.GaussianNoise),
    *(keras.layers.GaussianDropout, keras.layers.AlphaDropout),
}

# Measured on 2 cores of an AMD EPYC (Zen 5) with TensorFlow 2.21; orders of magnitude suffice.
_SECONDS_PER_STEP = 4e-4  # what the operations of a small step cost without XLA, whatever its size
_OPERATIONS_PER_SECOND = 1e11
_SECONDS_TO_COMPILE = 2.0  # a small network's compilation, and a margin
_SECONDS_PER_TIME_STEP = 1e-4  # what a recurrent layer gains by XLA at each step of a sequence


def use_xla(model: keras.Model, is_known: bool, num_steps: int, batch_size: int) -> bool:
    """Decide whether to compile by XLA, from the work alone, so that reruns decide alike.

    Args:
        model: Built and compiled.
        is_known: Whether all its parts come with Keras.
        num_steps: Steps of the whole fit, and of the model's fits before.
        batch_size: Rows in a step.

    Returns:
        True where XLA runs the layers fast and the compilation is won back within this fit.
    """
    if model.jit_compile:  # asked for, or Keras's own choice on an accelerator
        return True
    if tf.config.list_logical_devices("GPU") or not (is_known and is_fast_under_xla(model)):
        return False
    operations = 6 * model.count_params() * batch_size  # 2 forward and 4 backward, per weight
    seconds = num_steps * (_SECONDS_PER_STEP + operations / _OPERATIONS_PER_SECOND)
    return seconds > _SECONDS_TO_COMPILE


def compile_loops(model: keras.Model, num_steps: int) -> bool:
    """Decide whether to compile the loops of recurrent layers alone, where the epoch is a graph.

    Args:
        model: Built and compiled.
        num_steps: As above.
    """
    recurrent = keras.layers.GRU, keras.layers.LSTM
    if tf.config.list_logical_devices("GPU"):  # cuDNN has them
        return False
    if not any(isinstance(layer, recurrent) for layer in lifted.all_layers(model)):
        return False
    inputs = getattr(model, "inputs", None) or []  # a subclass of Model has none
    lengths = [tensor.shape[1] or 1 for tensor in inputs if len(tensor.shape) > 1]
    length = max(lengths, default=1)
    return num_steps * length * _SECONDS_PER_TIME_STEP > _SECONDS_TO_COMPILE


def is_fast_under_xla(model: keras.Model) -> bool:
    """Return whether all layers are among those that XLA runs well on a CPU."""
    return all(type(layer) in _FAST_UNDER_XLA for layer in lifted.all_layers(model))


def evaluation_batch_size(model: keras.Model, data: tuple, batch_size: int) -> int:
    """Return the rows to evaluate at once: many, where that gives the same results.

    It does if the loss is a mean over rows plus terms that do not depend on them: then Keras
    weights the loss of a batch by its rows. (It does not for the losses of several outputs.)

    Args:
        model: One whose parts all come with Keras.
        data: Packed data.
        batch_size: What Keras would take.

    Returns:
        At least `batch_size`; above it, as many rows as keep the widest array of a step, input or
        output of a layer, near 16 MB.
    """
    rows_are_independent = (
        len(model.outputs) == 1
        and is_fast_under_xla(model)  # no layer that masks rows' parts, or needs memory for many
        and not any(layer.activity_regularizer for layer in lifted.all_layers(model))
        and all(map(_is_mean_over_rows, keras.tree.flatten(model.loss)))
    )
    if not rows_are_independent:
        return batch_size
    widest = max(tensor.shape[1:].num_elements() for tensor in keras.tree.flatten(data))
    made = (keras.tree.flatten(layer.output) for layer in model.layers)
    widths = [math.prod(size or 1 for size in one.shape[1:]) for each in made for one in each]
    return max(batch_size, 2**22 // max(widest, *widths))


def _is_mean_over_rows(loss: keras.losses.Loss | str) -> bool:
    # A loss by name is a mean; one that ignores a class divides by the rows that it counts.
    return isinstance(loss, str) or (
        getattr(loss, "reduction", None) == "sum_over_batch_size"
        and getattr(loss, "ignore_class", None) is None
    )
