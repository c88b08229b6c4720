"""Iris: classify flowers into three species from the size of sepals and petals.

Problem: multiclass with integer labels, softmax and sparse categorical cross-entropy.
Data: 150 flowers x 4 lengths in cm, from scikit-learn (Fisher 1936, CC BY 4.0).
Result: accuracy 0.9620 ± 0.0089 (5-fold, 10 seeds), 1.7 s on 2 cores
Run: python -m recipes.iris
Tune: python -m tuning iris --tuner random --trials 30
Copy: python -m recipes copy iris ../my_project
"""

from __future__ import annotations

import dataclasses
import sys
import typing

import keras

from datasets import iris
from keras_recipes import configs, optimizers, problems
from keras_recipes.commands import run

if typing.TYPE_CHECKING:
    import keras_tuner

    from keras_recipes.data import splits

PROBLEM = problems.multiclass(iris.CLASS_NAMES)


@dataclasses.dataclass(frozen=True)
class Config(configs.Config):
    """Settings of this recipe; each field is a flag."""

    epochs: configs.Count = 300
    optimizer: configs.Optimizer = "adamw"
    learning_rate: configs.Positive = 0.01
    patience: configs.Count = 50
    refit: bool = True
    hidden_units: configs.Units = (8,)
    """Number of units in each hidden layer."""
    dropout: configs.Fraction = 0.0
    """Dropout rate of the hidden layers: fraction of the units to drop."""
    weight_decay: configs.NotNegative = 0.1
    """Weight decay (AdamW)."""


def load_data(config: Config) -> splits.Splits:
    """Load the table, shuffled and split into train, validation and test by the seed."""
    return iris.load(seed=config.seed)


def build_model(config: Config, data: splits.Splits) -> keras.Model:
    """Build and compile: normalisation, ReLU layers, one probability per class."""
    inputs = keras.Input((len(iris.FEATURE_NAMES),))
    hidden = keras.layers.Normalization()(inputs)
    for units in config.hidden_units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(config.dropout)(hidden)
    model = keras.Model(inputs, PROBLEM.outputs(hidden), name="iris")
    return PROBLEM.compile(model, optimizers.make(config, weight_decay=config.weight_decay))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    return Config(
        hidden_units=(hp.Choice("hidden_units", [4, 8, 16, 32], default=8),),
        dropout=hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.0),
        learning_rate=hp.Choice("learning_rate", [0.001, 0.003, 0.01, 0.03], default=0.01),
        batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
    )


if __name__ == "__main__":
    run.main(sys.modules[__name__])
