"""Digits: classify small images of handwritten digits.

Problem: multiclass with one-hot labels, softmax and categorical cross-entropy.
Data: 1,797 grey images of 8x8 pixels, from scikit-learn (UCI, CC BY 4.0).
Result: accuracy 0.9863 ± 0.0038 (5-fold, 5 seeds), 7.9 s on 2 cores
Run: python -m recipes.digits
Tune: python -m tuning digits --tuner random --trials 30
Copy: python -m recipes copy digits ../my_project

Tried: validation accuracy of ten folds (standard error 0.002 to 0.003), where this recipe has 0.986
and a support vector machine 0.983. 60 epochs without shifts: 0.980; with noise instead: 0.982; with
512 units: 0.981. Shifts and dropout 0.4: 0.983; in 60 epochs: 0.974; with rotations: 0.982. This
recipe with 300 epochs or 512 units: 0.986.
"""

from __future__ import annotations

import dataclasses
import sys
import typing

import keras

from datasets import digits
from keras_recipes import configs, optimizers, problems
from keras_recipes.commands import run

if typing.TYPE_CHECKING:
    import keras_tuner

    from keras_recipes.data import splits

PROBLEM = problems.multiclass(digits.CLASS_NAMES, one_hot=True)


@dataclasses.dataclass(frozen=True)
class Config(configs.Config):
    """Settings of this recipe; each field is a flag."""

    epochs: configs.Count = 150
    learning_rate: configs.Positive = 0.003
    schedule: configs.Schedule = "cosine"
    patience: configs.Count = 50
    refit: bool = True
    shift: configs.Fraction = 0.125
    """Maximum random shift of a training image, as a fraction of its side."""
    hidden_units: configs.Units = (256, 256)
    """Number of units in each hidden layer."""
    dropout: configs.Fraction = 0.2
    """Dropout rate of the hidden layers: fraction of the units to drop."""


def load_data(config: Config) -> splits.Splits:
    """Load the images, labels one-hot, split into train, validation and test by the seed."""
    return digits.load(seed=config.seed).map_labels(PROBLEM.one_hot)


def build_model(config: Config, data: splits.Splits) -> keras.Model:
    """Build and compile: pixels to 0..1, shifts, ReLU layers, one probability per class."""
    inputs = keras.Input(digits.IMAGE_SHAPE)
    hidden = keras.layers.Rescaling(1 / digits.LARGEST_VALUE)(inputs)
    hidden = keras.layers.Reshape((*digits.IMAGE_SHAPE, 1))(hidden)
    hidden = keras.layers.RandomTranslation(config.shift, config.shift, "constant")(hidden)
    hidden = keras.layers.Flatten()(hidden)
    for units in config.hidden_units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(config.dropout)(hidden)
    model = keras.Model(inputs, PROBLEM.outputs(hidden), name="digits")
    return PROBLEM.compile(model, optimizers.make(config))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    units = hp.Choice("hidden_units", [64, 128, 256, 512], default=256)
    return Config(
        hidden_units=(units, units),
        shift=hp.Choice("shift", [0.0, 0.125, 0.25], default=0.125),
        dropout=hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.2),
        learning_rate=hp.Choice("learning_rate", [0.0003, 0.001, 0.003, 0.01], default=0.003),
        batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
    )


if __name__ == "__main__":
    run.main(sys.modules[__name__])
