"""Backbones: networks whose weights were learned before, and the scale of images they know.

Two things tell of that scale. The first batch normalisation keeps mean and variance of what its
convolution made of the images that the weights were learned from; and `keras.applications` names
its layers, so that the network, and the scale of its ImageNet weights, are known.
"""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
from keras import layers
from keras.src.layers.convolutional import base_conv

from keras_recipes.checks.inspect import graph

ROWS_TO_RUN = 16
# Outputs of a convolution that spread so many times as far, or as little, as they did: no images
# of one scale differ so much in contrast.
OTHER_SCALE = 20.0
# The variances of learned channels differ; while they leave their first value of 1 they do not.
SPREAD_OF_VARIANCES = 0.5

BYTES, UNIT, SIGNED = "0 to 255", "0 to 1", "-1 to 1"
CENTRED, STANDARD = "ImageNet's mean taken off, blue first", "ImageNet's mean 0 and deviation 1"
FIXES = {
    BYTES: "the pixels as they are, 0 to 255",
    UNIT: "keras.layers.Rescaling(1 / 255) before the backbone, of pixels 0 to 255",
    SIGNED: "keras.layers.Rescaling(1 / 127.5, offset=-1) before the backbone, of pixels 0 to 255",
}
_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
# As keras/src/applications names its layers: names that only this network has together, its
# module, and what its preprocess_input makes of pixels.
_KNOWN = (
    ({"bn_Conv1", "expanded_conv_project"}, "mobilenet_v2", SIGNED),
    ({"conv1_bn", "conv_dw_1"}, "mobilenet", SIGNED),
    ({"block1_conv1_bn", "block14_sepconv2"}, "xception", SIGNED),
    ({"mixed0", "mixed10"}, "inception_v3", SIGNED),
    ({"mixed_5b", "conv_7b"}, "inception_resnet_v2", SIGNED),
    ({"stem_conv1", "stem_bn1"}, "nasnet", SIGNED),
    ({"conv2_block1_preact_bn", "post_bn"}, "resnet_v2", SIGNED),
    ({"conv1_bn", "conv2_block1_concat"}, "densenet", STANDARD),
    ({"conv1_bn", "conv2_block1_3_conv"}, "resnet", CENTRED),
    ({"block1_conv1", "block5_conv4"}, "vgg19", CENTRED),
    ({"block1_conv1", "block5_conv3"}, "vgg16", CENTRED),
)


@dataclasses.dataclass(frozen=True)
class Backbone:
    """The first layers of a network of images.

    Attributes:
        first: Its first convolution.
        before_norm: What follows it, up to its first batch normalisation.
        norm: That layer; None where there is none.
        module: In keras.applications; "" for a network that is not from there.
        wanted: The scale that its ImageNet weights were learned on; "" where it is not known.
    """

    first: graph.Call
    before_norm: tuple[keras.layers.Layer, ...]
    norm: layers.BatchNormalization | None
    module: str
    wanted: str

    @property
    def is_learned(self) -> bool:
        """Whether the weights have learned, and not all of them from these images."""
        if self.norm is not None:
            return bool(np.any(_numbers(self.norm.moving_mean)))
        # Without statistics nothing shows what was learned, but that it is to be kept.
        layer = self.first.operation
        frozen = not layer.trainable and layer.bias is not None
        return bool(self.module and frozen and np.any(_numbers(layer.bias)))

    def misfit(self, values: np.ndarray) -> float | None:
        """Compute how unlike the learned statistics those of some images are.

        The divergence of two normal distributions, of the outputs of these images from those that
        were learned, as a mean over the channels; None without statistics.
        """
        if (moments := self._moments(values)) is None:
            return None
        mean, variance, learned_mean, learned_variance = moments
        ratio = variance / learned_variance
        shift = (mean - learned_mean) ** 2 / learned_variance
        return float(np.median((ratio + shift - 1 - np.log(ratio)) / 2))

    def factor(self, values: np.ndarray) -> float | None:
        """Return how many times as far the outputs spread as they did; None for the same scale."""
        if (moments := self._moments(values)) is None:
            return None
        _, variance, _, learned = moments
        factor = math.exp(float(np.median(np.log(variance / learned))) / 2)
        # A variance that is still near its first value of 1 has not been learned.
        early = np.std(np.log(learned)) < SPREAD_OF_VARIANCES
        return factor if factor > OTHER_SCALE or (factor < 1 / OTHER_SCALE and not early) else None

    def fits_better(self, misfits: dict[str, float | None], wanted: str, form: str) -> bool:
        """Return whether the known scale is nearer to what was learned than the one received."""
        mine, other = misfits.get(wanted), misfits.get(form)
        if not self.module:
            return False
        return mine is None or other is None or mine < other

    def _moments(self, values: np.ndarray) -> tuple[np.ndarray, ...] | None:
        """Return mean and variance of each channel of the outputs, and those that were learned."""
        if self.norm is None:
            return None
        for layer in (self.first.operation, *self.before_norm):
            values = layer(values)
        axis = self.norm.axis % 4
        outputs = _numbers(values).astype("float64")
        others = tuple(one for one in range(4) if one != axis)
        learned = _numbers(self.norm.moving_variance).astype("float64") + self.norm.epsilon
        mean, variance = outputs.mean(axis=others), outputs.var(axis=others) + self.norm.epsilon
        return mean, variance, _numbers(self.norm.moving_mean).astype("float64"), learned


def find(model: keras.Model) -> Backbone | None:
    """Return the network that the images enter; None where it begins with no convolution."""
    first: graph.Call | None = None
    between: list[keras.layers.Layer] = []
    norm = None
    for call in graph.stem(model):
        layer = call.operation
        if first is None:
            first = call if isinstance(layer, base_conv.BaseConv) and len(call.shape) == 4 else None
        elif isinstance(layer, layers.BatchNormalization):
            norm = layer if layer.built else None
            break
        elif isinstance(layer, keras.layers.Layer):
            between.append(layer)
        else:
            break
    if first is None:
        return None
    names = {call.operation.name for call in graph.calls(model)}
    module, wanted = next(((one, form) for known, one, form in _KNOWN if known <= names), ("", ""))
    return Backbone(first, tuple(between), norm, module, wanted)


def form(values: np.ndarray) -> str:
    """Return what images look like by their range; "" where that is not known."""
    low, high = float(values.min()), float(values.max())
    if low >= 0:
        return UNIT if high <= 1.01 else BYTES if 50 < high <= 255.5 else ""
    if low >= -1.01 and high <= 1.01:
        return SIGNED
    if values.shape[-1] == 3 and low >= -2.2 and high <= 2.7:
        return STANDARD
    return CENTRED if values.shape[-1] == 3 and -125 <= low < -20 and high <= 152 else ""


def scaled(values: np.ndarray, known_as: str) -> dict[str, np.ndarray]:
    """Return images on each scale, by its name; those of an unknown form as none."""
    pixels = {
        BYTES: lambda: values,
        UNIT: lambda: values * 255,
        SIGNED: lambda: (values + 1) * 127.5,
    }
    if known_as not in pixels:
        return {known_as: values} if known_as else {}
    raw = pixels[known_as]().astype("float32")
    made = {BYTES: raw, UNIT: raw / 255, SIGNED: raw / 127.5 - 1}
    if raw.shape[-1] == 3:
        made[CENTRED] = raw[..., ::-1] - np.float32(255 * _MEAN[::-1])
        made[STANDARD] = (raw / 255 - np.float32(_MEAN)) / np.float32(_STD)
    return made


def _numbers(tensor: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))
