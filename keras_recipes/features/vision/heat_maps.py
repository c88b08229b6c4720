"""Where in an image a network finds what it decides by."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from keras_recipes.features import images, parts
from keras_recipes.features.vision import backbones


def grad_cam(model: keras.Model, x: np.ndarray, outputs: np.ndarray | None = None) -> np.ndarray:
    """Compute where in each image the network finds what speaks for an output.

    Source: Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2: the last maps before the pooling,
    each weighted by the mean gradient of the output before its activation, and cut off at 0.

    Args:
        model: From `serving`.
        x: Images, shape (rows, height, width, channels).
        outputs: Of each image the number of the output to explain, for two classes the class;
            by default the one that is predicted.

    Returns:
        float32 (rows, size, size) in 0..1; the largest of each image is 1, or all are 0.
    """
    looking, output = _looking(model), parts.of(model).network.get_layer("output")
    _, size, _, channels = looking.input_shape
    encoder = images.encoder(size, channels)
    rows = max(1, images.PIXELS_AT_ONCE // size**2)
    found = []
    for start in range(0, len(x), rows):
        encoded = images.run(encoder, x[start : start + rows])
        with tf.GradientTape() as tape:
            pictures = tf.convert_to_tensor(encoded)
            tape.watch(pictures)
            maps, hidden = looking(pictures, training=False)
            scores = tf.matmul(hidden, output.kernel) + output.bias
            if output.units == 1 and output.activation is not keras.activations.linear:
                scores = tf.concat([-scores, scores], axis=-1)  # of two classes
            chosen = tf.argmax(scores, axis=-1)
            if outputs is not None:
                chosen = tf.convert_to_tensor(outputs[start : start + rows], tf.int64)
            score = tf.gather(scores, chosen, axis=1, batch_dims=1)
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1, keepdims=True))
        heat = tf.image.resize(heat, (size, size))[..., 0]
        largest = tf.reduce_max(heat, axis=(1, 2), keepdims=True)
        found.append(tf.math.divide_no_nan(heat, largest).numpy())
    return np.concatenate(found)


def _looking(model: keras.Model) -> keras.Model:
    """Return a model from encoded images to the last maps and the input of the output layer."""
    encoder, network = model.get_layer("encoder"), parts.of(model).network
    names = [layer.name for layer in network.layers]
    before_output = network.layers[1 : names.index("output")]
    if images.FEATURES in names:
        seen = network.get_layer(images.FEATURES).output, network.get_layer("output").input
        return keras.Model(network.input, seen)
    if backbones.NAME in names:
        before_output = network.layers[names.index(backbones.NAME) + 1 : names.index("output")]
    backbone = (network if backbones.NAME in names else encoder).get_layer(backbones.NAME)
    _, size, _, wanted = backbone.input_shape
    inputs = keras.Input((size, size, encoder.input_shape[-1]))
    seen = backbone.get_layer(images.FEATURES).output, backbone.output
    maps, hidden = keras.Model(backbone.input, seen)(backbones.in_channels(inputs, wanted))
    for layer in before_output:
        hidden = layer(hidden)
    return keras.Model(inputs, [maps, hidden])
