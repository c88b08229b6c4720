"""Trained networks as backbones: their features are the input of a new head.

A *backbone* takes images as `images.encoder` returns them, numbers of 0..255, and returns one row
of features for each. It comes from a model that an earlier run has saved, or from
keras.applications. Frozen, it belongs to the encoder: it runs once over all rows, and only the head
is trained. To be fine-tuned, it becomes a part of the network.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from keras_recipes.data.images import own_images, pixels
from keras_recipes.errors import InputError, expected_names, first_line
from keras_recipes.features import images
from keras_recipes.problems import Problem

NAME = "backbone"


def of_model(model: keras.Model) -> keras.Model:
    """Return the network of an earlier run without its head, with its own scaling.

    Args:
        model: That a run for images has saved.

    Returns:
        Model from (rows, size, size, channels), as that run had them, to (rows, features).

    Raises:
        InputError: If the model is not one for images.
    """
    try:
        network = model.get_layer("network")
        features = network.get_layer("output").input
        network.get_layer(images.FEATURES)
    except ValueError as error:
        raise InputError(
            "--backbone: the model of this run is not one for images; expected a run of "
            "python -m recipes.images without a backbone"
        ) from error
    return keras.Model(network.input, features, name=NAME)


def unseen(flag: str, run: Any, source: own_images.Source, seed: int) -> keras.Model:
    """Return the model of an earlier run, unless it has learned from images of the test split.

    Args:
        flag: That the run was given by.
        run: From `load_run`.
        source: Of the images now.
        seed: That decides the split now.

    Raises:
        InputError: If these are the images of that run, split in another way.
    """
    data, before = run.metrics["data"], run.metrics.get("seed")
    same = data.get("digest") == source.digest
    if same and (before, data.get("group")) != (seed, source.group):
        told = f" --group {data['group']}" if data.get("group") else ""
        raise InputError(
            f"{flag} {run.folder}: was trained on the same images, with --seed {before}{told}; "
            "split in another way, test images of this run were among its training images; use "
            "the same seed and groups"
        )
    return run.model


def of_applications(name: str, size: int, weights: str | None = "imagenet") -> keras.Model:
    """Return a network of keras.applications without its head, its own scaling inside.

    Args:
        name: Of a function of keras.applications, such as "MobileNetV2".
        size: Height and width of the images.
        weights: As in keras.applications: "imagenet", a file, or None for random ones.

    Returns:
        Model from (rows, size, size, 3) to (rows, features).

    Raises:
        InputError: If there is no such network, it takes no images of this size, or its weights
            cannot be had.
    """
    modules = [one for one in vars(keras.applications).values() if inspect.ismodule(one)]
    families = {
        of_one: (module, function)
        for module in modules
        for of_one, function in vars(module).items()
        if of_one[0].isupper() and inspect.isfunction(function)
    }
    if name not in families:
        if "/" in name or "\\" in name:
            raise InputError(f"--backbone {name}: no such run folder; give the folder of a run")
        near = expected_names(name, sorted(families))
        raise InputError(
            f"--backbone {name}: no run folder, nor a network of keras.applications; {near}"
        )
    inputs = keras.Input((size, size, 3))
    family, build = families[name]
    try:
        with warnings.catch_warnings():  # the weights of another size, which fit all sizes
            warnings.filterwarnings("ignore", "`input_shape` is undefined", UserWarning)
            base = build(include_top=False, weights=weights, input_shape=(size, size, 3))
    except ValueError as error:
        raise InputError(f"--backbone {name}: {first_line(error)}") from error
    except Exception as error:  # Keras raises no narrower class where a download fails
        place = re.search(r"https?://\S+/([^/\s:]+)", str(error))
        file = place.group(1) if place else "the file of its weights"
        raise InputError(
            f"--backbone {name}: its weights cannot be downloaded; put {file} into ~/.keras/models"
        ) from error
    maps = base(family.preprocess_input(inputs), training=False)
    maps = keras.layers.Identity(name=images.FEATURES)(maps)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, pooled, name=NAME)


def encoder(backbone: keras.Model, channels: int) -> keras.Model:
    """Build the encoder with a frozen backbone in it.

    Args:
        backbone: From `of_model` or `of_applications`; it is frozen.
        channels: Of the images; grey ones become three equal channels for a backbone of RGB, and
            RGB ones grey for one of grey images.

    Returns:
        Model from raw images of any size to float32 (rows, features).
    """
    _, size, _, wanted = backbone.input_shape
    backbone.trainable = False
    pixels = images.encoder(size, channels)
    features = backbone(in_channels(pixels.output, wanted), training=False)
    return keras.Model(pixels.input, features, name="encoder")


def in_channels(pictures: keras.KerasTensor, wanted: int) -> keras.KerasTensor:
    """Return images in the channels that a backbone wants, 1 or 3."""
    if pictures.shape[-1] == wanted:
        return pictures
    if wanted == 3:
        return keras.ops.repeat(pictures, 3, axis=-1)
    channels = keras.ops.split(pictures, 3, axis=-1)
    weighted = sum(one * float(weight) for one, weight in zip(channels, pixels.GREY, strict=True))
    return keras.ops.floor((weighted + 32768.0) / 65536.0)


def head(problem: Problem, backbone: keras.Model, dropout: float) -> keras.Model:
    """Build the network behind a frozen backbone: dropout and the output layer.

    Args:
        problem: Decides the output layer.
        backbone: Its features are the input.
        dropout: Fraction of them that is zeroed in training.
    """
    inputs = keras.Input(backbone.output_shape[1:])
    scaled = keras.layers.BatchNormalization(momentum=0.9)(inputs)
    hidden = keras.layers.Dropout(dropout)(scaled)
    return keras.Model(inputs, problem.outputs(hidden), name="network")


def fine_tuned(model: keras.Model, channels: int) -> keras.Model:
    """Return a model with a frozen backbone as one whose backbone is trained with its head.

    The backbone's batch normalisation stays frozen: a few rows would spoil what it has learned of
    many.

    Args:
        model: From `images.serving`, with `encoder` and `head`, trained; its weights are shared,
            not copied.
        channels: Of the images.

    Returns:
        Serving model, whose network has the backbone in it.

    Raises:
        InputError: If the model has no frozen backbone.
    """
    try:
        backbone, trained = model.get_layer("encoder").get_layer(NAME), model.get_layer("network")
    except ValueError as error:
        raise InputError(
            "--fine-tune: the model of this run has no frozen backbone; expected a run of python "
            "-m recipes.images --backbone"
        ) from error
    backbone.trainable = True
    for layer in _layers(backbone):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    _, size, _, wanted = backbone.input_shape
    inputs = keras.Input((size, size, channels))
    outputs = backbone(in_channels(inputs, wanted))
    for layer in trained.layers[1:]:
        outputs = layer(outputs)
    network = keras.Model(inputs, outputs, name="network")
    return images.serving(images.encoder(size, channels), network)


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer
