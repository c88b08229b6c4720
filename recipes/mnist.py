"""MNIST: read handwritten digits, by a fully connected network with dropout.

Problem: multiclass with integer labels, softmax and sparse categorical cross-entropy.
Data: 70,000 grey images of 28x28 pixels, 10,000 of them for testing (LeCun et al., CC BY-SA 3.0).
Result: not measured
Run: python -m recipes.mnist
Tune: python -m tuning mnist --tuner random --trials 30
Copy: python -m recipes copy mnist ../my_project
"""

from __future__ import annotations

import dataclasses
import sys
import typing

import keras

from datasets import mnist
from recipes.common import command_line, configs, optimizers, problems

if typing.TYPE_CHECKING:
    import keras_tuner

    from datasets import splits

PROBLEM = problems.multiclass(mnist.CLASS_NAMES)


@dataclasses.dataclass(frozen=True)
class Config(configs.DownloadedConfig):
    """Settings of this recipe; each is a flag of the same name."""

    epochs: configs.Count = 20
    batch_size: configs.Count = 128
    schedule: configs.Schedule = "cosine"
    hidden_units: configs.Units = (512,)
    """Units of each hidden layer."""
    dropout: configs.Fraction = 0.2
    """Share of each hidden layer's outputs that is zeroed in training."""


def load_data(config: Config) -> splits.Splits:
    """Load the images, a validation part split off the training part by the seed."""
    return mnist.load(config.data, config.data_dir, seed=config.seed)


def build_model(config: Config) -> keras.Model:
    """Build and compile: pixels to 0..1, ReLU layers with dropout, one probability per class."""
    inputs = keras.Input(mnist.IMAGE_SHAPE)
    hidden = keras.layers.Rescaling(1 / 255)(inputs)
    hidden = keras.layers.Flatten()(hidden)
    for units in config.hidden_units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(config.dropout)(hidden)
    model = keras.Model(inputs, PROBLEM.outputs(hidden), name="mnist")
    return PROBLEM.compile(model, optimizers.make(config))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    return Config(
        hidden_units=(hp.Choice("hidden_units", [128, 256, 512], default=512),),
        dropout=hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2),
        learning_rate=hp.Choice("learning_rate", [0.0003, 0.001, 0.003], default=0.001),
        batch_size=hp.Choice("batch_size", [64, 128, 256], default=128),
    )


if __name__ == "__main__":
    command_line.main(sys.modules[__name__])
