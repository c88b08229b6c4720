"""Random numbers that XLA draws fast on a CPU.

Keras layers draw from TensorFlow's stateless generators. XLA expands their Philox rounds on a CPU
into wide integer arithmetic that it cannot vectorise: an epoch with one `Dropout` then takes ten
times as long as the same epoch without. A hash of a counter costs a few 32-bit operations for a
number, and vectorises. A draw stays a pure function of the layer's `SeedGenerator`, so runs are
reproducible from `keras.utils.set_random_seed`, and no two layers or steps share a stream.
"""

import contextlib
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf

# Keras layers look their draws up in this private module; there is no public place where the draw
# can be exchanged while the layer stays as it is.
from keras.src.backend import random as keras_draws

from keras_recipes.training.fused import replacing

_Shape: TypeAlias = Sequence[int | tf.Tensor] | tf.Tensor
_GOLDEN = 0x9E3779B9  # 2**32 / golden ratio, odd: its multiples spread evenly over 32 bits
_KEY_MULTIPLIERS = (0x5851F42D4C957F2D, 0x14057B7EF767814F)  # odd, of Knuth's 64-bit generator


def fast_draws() -> contextlib.AbstractContextManager[None]:
    """Make layers that this block traces draw dropout, uniform and normal by the hash."""
    return replacing.replaced(keras_draws, dropout=dropout, uniform=uniform, normal=normal)


@tf.function(autograph=False)  # traced once in a process; a layer's trace only holds a call of it
def _fractions(shape: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """Hash a state and the position of each number to float32 in [0, 1), in steps of 2**-24.

    Args:
        shape: int32, of the result.
        state: int64, (seed, number of draws so far).

    Returns:
        float32 tensor of the shape.
    """
    # 64 bits, half of them for each of two rounds: with one key of 32 bits, two of the thousands
    # of draws in a training would now and then be shifted copies of each other.
    key = tf.reduce_sum(state * tf.constant(_KEY_MULTIPLIERS, tf.int64))
    keys = [
        tf.bitcast(tf.cast(part, tf.int32), tf.uint32)
        for part in (key, tf.bitwise.right_shift(key, 32))
    ]
    position = tf.bitcast(tf.range(tf.reduce_prod(shape)), tf.uint32)
    bits = _mix(_mix(position * tf.constant(_GOLDEN, tf.uint32) + keys[0]) ^ keys[1])
    # Through int32: XLA has a vector instruction for that conversion, not for the unsigned one.
    top_bits = tf.bitcast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.int32)
    return tf.reshape(tf.cast(top_bits, tf.float32) * 2.0**-24, shape)


def _mix(bits: tf.Tensor) -> tf.Tensor:
    """Hash 32 bits to 32 bits, one to one, so that each input bit moves each output bit.

    Shifts and multipliers are those of Chris Wellons' hash-prospector ("lowbias32", the set with
    the bias of 0.107), a search for the least biased hash of this form.

    Args:
        bits: uint32, any shape.

    Returns:
        uint32, the same shape.
    """
    for shift, multiplier in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        bits ^= tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32))
        bits *= tf.constant(multiplier, tf.uint32)
    return bits ^ tf.bitwise.right_shift(bits, tf.constant(15, tf.uint32))


def uniform(
    shape: _Shape,
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: str | None = None,
    seed: Any = None,
) -> tf.Tensor:
    """Draw from [minval, maxval); the arguments are those of `keras.random.uniform`."""
    if not isinstance(seed, keras.random.SeedGenerator):
        return _keras_uniform(shape, minval, maxval, dtype, seed)
    dtype = dtype or keras.config.floatx()
    return tf.cast(_fractions(_concrete(shape), _advance(seed)) * (maxval - minval) + minval, dtype)


def normal(
    shape: _Shape,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
    seed: Any = None,
) -> tf.Tensor:
    """Draw from a normal distribution; the arguments are those of `keras.random.normal`.

    By the formula of Box and Muller (1958): a radius from one fraction, an angle from another.
    """
    if not isinstance(seed, keras.random.SeedGenerator):
        return _keras_normal(shape, mean, stddev, dtype, seed)
    shape = _concrete(shape)
    # 1 - fraction lies in (0, 1], where the logarithm is finite.
    radius = tf.sqrt(-2.0 * tf.math.log(1.0 - _fractions(shape, _advance(seed))))
    angle = 2.0 * math.pi * _fractions(shape, _advance(seed))
    return tf.cast(radius * tf.cos(angle) * stddev + mean, dtype or keras.config.floatx())


def dropout(
    inputs: tf.Tensor,
    rate: float | tf.Tensor,
    noise_shape: Sequence[int | None] | None = None,
    seed: Any = None,
) -> tf.Tensor:
    """Zero a fraction `rate` of the inputs and scale up the rest; as `keras.random.dropout`.

    Args:
        inputs: Float tensor.
        rate: Above 0 and below 1; a float or a scalar tensor.
        noise_shape: Of the mask, None where it follows the inputs.
        seed: A `SeedGenerator`; any other seed is left to Keras.

    Returns:
        Tensor of the inputs' shape and dtype.
    """
    if not isinstance(seed, keras.random.SeedGenerator):
        return _keras_dropout(inputs, rate, noise_shape, seed)
    shape = tf.shape(inputs)
    if noise_shape is not None:
        shape = _concrete([shape[i] if d is None else d for i, d in enumerate(noise_shape)])
    keep = _fractions(shape, _advance(seed)) >= rate
    scale = tf.cast(1.0 / (1.0 - rate), inputs.dtype)
    return tf.where(keep, inputs * scale, tf.zeros((), inputs.dtype))


def _advance(seed: keras.random.SeedGenerator) -> tf.Tensor:
    return tf.cast(seed.next(), tf.int64)


def _concrete(shape: _Shape) -> tf.Tensor:
    return tf.convert_to_tensor(shape, tf.int32)


_keras_dropout, _keras_uniform, _keras_normal = (
    keras_draws.dropout,
    keras_draws.uniform,
    keras_draws.normal,
)
