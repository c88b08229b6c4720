"""Digit traits: predict three labels of a handwritten digit: even, prime, has a loop.

Problem: multilabel, a sigmoid for each label and binary cross-entropy.
Data: 1,797 grey images of 8x8 pixels, from scikit-learn (UCI, CC BY 4.0), 3 labels each.
Result: accuracy 0.9888 ± 0.0013 (5-fold, 5 seeds), 2.3 s on 2 cores
Run: python -m recipes.digit_traits
Tune: python -m tuning digit_traits --tuner random --trials 30
Copy: python -m recipes copy digit_traits ../my_project
"""

from __future__ import annotations

import dataclasses
import sys
import typing

import keras

from datasets import digit_traits
from keras_recipes import configs, optimizers, problems
from keras_recipes.commands import run

if typing.TYPE_CHECKING:
    import keras_tuner

    from keras_recipes.data import splits

PROBLEM = problems.multilabel(digit_traits.CLASS_NAMES)


@dataclasses.dataclass(frozen=True)
class Config(configs.Config):
    """Settings of this recipe; each field is a flag."""

    epochs: configs.Count = 60
    learning_rate: configs.Positive = 0.003
    schedule: configs.Schedule = "cosine"
    patience: configs.Count = 15
    refit: bool = True
    hidden_units: configs.Units = (256, 256)
    """Number of units in each hidden layer."""
    dropout: configs.Fraction = 0.4
    """Dropout rate of the hidden layers: fraction of the units to drop."""


def load_data(config: Config) -> splits.Splits:
    """Load the images, split into train, validation and test by the seed."""
    return digit_traits.load(seed=config.seed)


def build_model(config: Config, data: splits.Splits) -> keras.Model:
    """Build and compile: pixels to 0..1, ReLU layers, one probability per label."""
    inputs = keras.Input(digit_traits.IMAGE_SHAPE)
    hidden = keras.layers.Rescaling(1 / digit_traits.LARGEST_VALUE)(inputs)
    hidden = keras.layers.Flatten()(hidden)
    for units in config.hidden_units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(config.dropout)(hidden)
    model = keras.Model(inputs, PROBLEM.outputs(hidden), name="digit_traits")
    return PROBLEM.compile(model, optimizers.make(config))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    units = hp.Choice("hidden_units", [64, 128, 256, 512], default=256)
    return Config(
        hidden_units=(units, units),
        dropout=hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.4),
        learning_rate=hp.Choice("learning_rate", [0.0003, 0.001, 0.003, 0.01], default=0.003),
        batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
    )


if __name__ == "__main__":
    run.main(sys.modules[__name__])
