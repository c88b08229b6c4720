"""Images as the input of a network, inside the model that is saved.

The encoder brings images of any size to one size and rounds them to whole numbers of 0..255; it
learns nothing (see `parts`). The network takes these numbers: it changes training images at
random, and is a small residual network.
"""

from __future__ import annotations

import functools
import hashlib
import math
from typing import Any

import keras
import numpy as np

from keras_recipes.data.splits import Split
from keras_recipes.features import parts
from keras_recipes.problems import Problem

RESIZED = "resized"  # the layer that the encoder resizes before
FEATURES = "features"  # the layer whose maps are pooled: what `heat_maps.grad_cam` looks at
PIXELS_AT_ONCE = 2**20  # of a prediction: 256 images of 64x64, whose first maps take 100 MB


def encoder(size: int, channels: int) -> keras.Model:
    """Build the encoder.

    Args:
        size: Height and width of what the network sees.
        channels: 1 for grey images, 3 for RGB.

    Returns:
        Model from (rows, height, width, channels) of any height and width, numbers of 0..255, to
        float32 (rows, size, size, channels): resized, rounded half to even and cut off at 0 and
        255. Images of whole numbers that have this size come back as they are.
    """
    pictures = keras.Input((None, None, channels), name="image")
    resized = keras.ops.image.resize(
        pictures, (size, size), antialias=True, data_format="channels_last"
    )
    encoded = keras.ops.clip(keras.ops.round(resized), 0.0, 255.0)
    encoded = keras.layers.Identity(name=RESIZED)(encoded)
    return keras.Model(pictures, encoded, name="encoder")


def network(
    problem: Problem,
    size: int,
    channels: int,
    *,
    filters: tuple[int, ...],
    dropout: float,
    rotation: float,
    zoom: float,
    shift: float,
    colour: float,
    flip: bool,
) -> keras.Model:
    """Build the network.

    Args:
        problem: Decides the output layer.
        size: Height and width of the images.
        channels: 1 or 3.
        filters: Number of filters in each stage; each stage halves height and width.
        dropout: Fraction of the last hidden layer's outputs that is zeroed in training.
        rotation: Std of the random rotation of a training image, in degrees.
        zoom: Std of the random change of its height, and of its width, as a fraction.
        shift: Std of the random shift, as a fraction of its height and width.
        colour: Std of the random change of brightness and contrast, of each channel and of all.
        flip: Whether half of the training images are mirrored.

    Returns:
        Model from the encoder's output to (rows, outputs).
    """
    inputs = keras.Input((size, size, channels))
    hidden = inputs
    if rotation or zoom or shift or flip:
        hidden = warped(hidden, rotation, zoom, shift, flip)
    hidden = keras.layers.Rescaling(1 / 127.5, -1)(hidden)
    if colour:
        hidden = recoloured(hidden, colour)
    for stage, units in enumerate(filters):
        hidden = _convolved(hidden, units, width=3 if stage else 4, strides=2)
        if stage:
            hidden = keras.layers.Add()([hidden, _convolved(hidden, units, width=3, strides=1)])
    hidden = keras.layers.Identity(name=FEATURES)(hidden)
    pools = keras.layers.GlobalAveragePooling2D(), keras.layers.GlobalMaxPooling2D()
    hidden = keras.layers.Concatenate()([pool(hidden) for pool in pools])
    hidden = keras.layers.BatchNormalization(momentum=0.9)(hidden)
    hidden = keras.layers.Dropout(dropout)(hidden)
    # From 0 on: few images would spend epochs on leaving sure but random outputs.
    return keras.Model(inputs, problem.outputs(hidden, "zeros"), name="network")


def _convolved(
    inputs: keras.KerasTensor, filters: int, width: int, strides: int
) -> keras.KerasTensor:
    convolution = keras.layers.Conv2D(filters, width, strides, padding="same", use_bias=False)
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(convolution(inputs)))


def _random(inputs: keras.KerasTensor, count: int) -> keras.KerasTensor:
    """Return (rows, count) numbers of a normal distribution in training, and 0 in prediction."""
    zeros = keras.ops.zeros_like(inputs[:, 0, 0, :1])
    return keras.layers.GaussianNoise(1.0, dtype="float32")(keras.ops.repeat(zeros, count, axis=1))


def warped(
    inputs: keras.KerasTensor, rotation: float, zoom: float, shift: float, flip: bool
) -> keras.KerasTensor:
    """Turn, zoom, shift and mirror each training image at random, in one step.

    Each pixel takes the value of the nearest one of where it came from, beyond the edge that of the
    edge. For 64 images of 64x64 this takes 6 ms on two busy cores; of Keras's layers, of which
    four would be needed, RandomRotation alone takes 32 ms.

    Args:
        inputs: Images, shape (rows, size, size, channels).
        rotation: As in `network`, and so are the others.
        zoom: Std as a fraction.
        shift: Std as a fraction.
        flip: Whether to mirror.

    Returns:
        The same shape; in prediction, the inputs.
    """
    ops = keras.ops
    _, size, _, channels = inputs.shape
    noise = ops.clip(_random(inputs, 6), -2.0, 2.0)[:, :, None]
    angle, higher, wider, down, right, mirror = (noise[:, i] for i in range(6))
    angle = angle * (rotation * np.pi / 180)
    ones = ops.ones_like(inputs[:1, :, :, 0])
    y, x = (ops.reshape(ops.cumsum(ones, axis), (-1, size**2)) - (size + 1) / 2 for axis in (1, 2))
    higher, wider = ops.exp(higher * zoom), ops.exp(wider * zoom)
    if flip:
        wider = wider * ops.where(mirror < 0, -1.0, 1.0)
    from_y = (ops.cos(angle) * y + ops.sin(angle) * x) * higher + down * (shift * size)
    from_x = (ops.cos(angle) * x - ops.sin(angle) * y) * wider + right * (shift * size)
    rows, columns = (
        ops.cast(ops.clip(ops.round(place + (size - 1) / 2), 0, size - 1), "int32")
        for place in (from_y, from_x)
    )
    before = ops.cumsum(ops.ones_like(rows[:, :1]), axis=0) - 1  # images of the batch
    places = (before * size + rows) * size + columns
    pixels = ops.take(ops.reshape(inputs, (-1, channels)), places, axis=0)
    return ops.reshape(pixels, (-1, size, size, channels))


def recoloured(inputs: keras.KerasTensor, colour: float) -> keras.KerasTensor:
    """Change brightness and contrast of each training image at random, and those of its channels.

    Args:
        inputs: Images around 0, shape (rows, size, size, channels).
        colour: Std of each change.

    Returns:
        The same shape; in prediction, the inputs.
    """
    channels = inputs.shape[-1]
    noise = _random(inputs, 2 * channels + 2)[:, None, None, :] * colour
    contrast = noise[..., :1] + 0.5 * noise[..., 2 : 2 + channels]
    brightness = noise[..., 1:2] + 0.5 * noise[..., 2 + channels :]
    return inputs * keras.ops.exp(contrast) + brightness


def serving(encoder: keras.Model, network: keras.Model) -> keras.Model:
    """Join encoder and network to the model from raw images to the outputs."""
    return parts.joined(encoder, network, network(encoder(encoder.input)), ImageParts)


class ImageParts(parts.Halves):
    """Encoder and network of a model that `serving` made."""

    def encode(self, split: Split) -> np.ndarray:
        """Return images as the network takes them, made once for what the encoder has learned.

        Args:
            split: Rows, which nobody changes any more.

        Returns:
            uint8 (rows, size, size, channels), or float32 (rows, features) behind a backbone.
        """
        encoder = self.encoder
        shape = encoder.output_shape[1:]
        if len(shape) == 1:  # features of a backbone: what it has learned belongs to the key
            learned = hashlib.blake2b(b"".join(one.tobytes() for one in encoder.get_weights()))
            made = ("encoded", shape, learned.digest())
            return split.once(made, lambda: run(encoder, split.x))
        if split.x.shape[1:] == shape and split.x.dtype == np.uint8:
            return split.x
        return split.once(("encoded", shape), lambda: run(encoder, split.x).astype("uint8"))

    def of_numbers(self, pixels: Any) -> Any:
        """Return the model's outputs for images that have the network's size already."""
        encoder, encoded = self.encoder, pixels
        if (resized := encoder.get_layer(RESIZED).output) is not encoder.output:  # a backbone
            encoded = keras.Model(resized, encoder.output)(pixels, training=False)
        return self.network(encoded, training=False)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs for images of one size, float32 (rows, outputs)."""
        return run(self.model, x)


def run(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Run a model over images of one size, some at a time, float32 (rows, ...).

    Args:
        model: From `serving`, its encoder or its network.
        x: Images, shape (rows, height, width, channels), or what the encoder returned.
    """
    rows = max(1, PIXELS_AT_ONCE // max(1, math.prod(x.shape[1:3])))
    return parts.in_batches(functools.partial(model, training=False), x, rows)
