"""Images of the user's own as a kind of input: described, read anew, exported."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from keras_recipes.data import new_inputs
from keras_recipes.data.images import own_images
from keras_recipes.data.splits import Splits
from keras_recipes.errors import InputError
from keras_recipes.features import baselines, images, kind, parts
from keras_recipes.features.vision import decoding, gradients, heat_maps
from keras_recipes.problems import Problem

if TYPE_CHECKING:
    from rich.table import Table


@dataclasses.dataclass(frozen=True)
class OwnImages(kind.Kind):
    """Images that `own_images.read` has read.

    Attributes:
        images: What was made of the files.
    """

    NAME: ClassVar[str] = "images"

    images: own_images.Source

    @classmethod
    def of(cls, splits: Splits) -> Self | None:
        """Return what the images are; None for other splits."""
        source = splits.source
        return cls(source) if isinstance(source, own_images.Source) else None

    def check(self) -> None:
        """Raise ValueError where the size or the channels cannot be."""
        own_images.check(self.images)

    def attach(self, model: keras.Model) -> None:
        """Set how the model takes its inputs: encoded first."""
        parts.attach(model, images.ImageParts)

    @property
    def unit(self) -> str:
        """Unit of the target, as the CSV file of labels names it; empty where it names none."""
        return self.images.target_notation.unit or ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image as the network takes it."""
        return self.images.size, self.images.size, self.images.channels

    @property
    def takes(self) -> str:
        """What `predict` takes, for messages."""
        return "an image file, a folder of images, or an array (rows, height, width, channels)"

    def describe(self) -> Iterator[Table | str]:
        """Return what was seen in the files, and what was done about it."""
        yield kind.table_of_findings(*own_images.table(self.images), "images")
        yield "to change this: --size N --colour grey|rgb --group REGEX --test-folder FOLDER"

    def refuse(self, given: pd.DataFrame | np.ndarray) -> None:
        """Raise InputError for a table, or for an array of another form."""
        channels = self.images.channels
        is_array = isinstance(given, np.ndarray)
        if not is_array or given.ndim not in (3, 4) or given.shape[-1] != channels:
            received = f"an array of shape {given.shape}" if is_array else "a table"
            raise InputError(
                f"received {received}, expected {self.takes}; this run has {channels} "
                f"channel{'s' * (channels > 1)}, with values from 0 to 255"
            )

    def read(self, path: Path) -> kind.NewInputs:
        """Read an image, a folder of images, a CSV file of paths, or a .npy array."""
        if path.suffix.lower() != ".npy":
            return kind.NewInputs(*own_images.read_new(path, self.images))
        pixels = new_inputs.Inputs(self.shape, (), 0.0, 255.0, whole=True)
        x = new_inputs.read_array(path, pixels, (None, None, self.images.channels))
        return kind.NewInputs(pd.DataFrame({"input": range(1, len(x) + 1)}), x)

    def example(self) -> np.ndarray:
        """Return one black image, uint8 (1, size, size, channels)."""
        return own_images.example(self.images)

    def signatures(self) -> Mapping[str, kind.Signature]:
        """Return the content of a file as the input, or an array of pixels."""
        size, _, channels = self.shape
        decode = decoding.decoder(size, channels, self.images.depth_shift)
        pixels = tf.TensorSpec((None, None, None, channels), tf.float32, name="pixels")
        shape = f"numbers from 0 to 255 of shape (rows, height, width, {channels})"
        return {
            "serve": kind.Signature(
                decode,
                tf.TensorSpec((None,), tf.string, name="file"),
                {"file": f"the bytes of a file: {decoding.TAKEN}"},
            ),
            "serve_pixels": kind.Signature(lambda x: x, pixels, {"pixels": shape}),
        }

    def describe_inputs(self, model: keras.Model) -> dict[str, dict[str, Any]]:
        """Return the range of pixels."""
        (given,) = model.inputs
        return {given.name: {"range": [0, 255], "takes": "images of any height and width"}}

    def numeric(self, model: keras.Model) -> kind.Numeric:
        """Return the whole model, for images of the size that the network takes."""
        taken = {"range": [0, 255], "resized": "to this size, with antialiasing"}
        pixels = kind.NumericInput(self.shape, "float32", 0.0, 255.0, taken)

        def encode(x: np.ndarray) -> dict[str, np.ndarray]:
            resize = images.encoder(self.images.size, self.images.channels)
            return {"pixels": images.run(resize, x)}

        def outputs(given: Mapping[str, Any]) -> tf.Tensor:
            return images.ImageParts(model).of_numbers(given["pixels"])

        return kind.Numeric({"pixels": pixels}, outputs, encode, {})

    def baselines(self, problem: Problem, train: Any) -> Sequence[baselines.Baseline]:
        """Return a support vector machine on gradients; for a regression, a linear model."""
        if problem.is_regression:
            return [baselines.Baseline("ridge_on_gradients", "linear", gradients.rows)]
        return [baselines.Baseline("svm_on_gradients", "kernel", gradients.rows)]

    def heat_maps(self, model: keras.Model, x: np.ndarray) -> np.ndarray:
        """Return what speaks for the prediction of each image, by Grad-CAM."""
        return heat_maps.grad_cam(model, x)
