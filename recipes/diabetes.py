"""Diabetes: predict the progression of the disease after one year.

Problem: regression, linear output and mean squared error.
Data: 442 patients x 10 numbers, from scikit-learn (Efron et al. 2004).
Result: RMSE 54.8706 ± 0.2768 (5-fold, 5 seeds), 1.0 s on 2 cores
Run: python -m recipes.diabetes
Tune: python -m tuning diabetes --tuner random --trials 30
Copy: python -m recipes copy diabetes ../my_project
"""

from __future__ import annotations

import dataclasses
import sys
import typing

import keras

from datasets import diabetes
from keras_recipes import configs, optimizers, problems
from keras_recipes.commands import run

if typing.TYPE_CHECKING:
    import keras_tuner

    from keras_recipes.data import splits

PROBLEM = problems.regression(diabetes.UNIT)


@dataclasses.dataclass(frozen=True)
class Config(configs.Config):
    """Settings of this recipe; each field is a flag."""

    epochs: configs.Count = 300
    optimizer: configs.Optimizer = "adamw"
    learning_rate: configs.Positive = 0.003
    patience: configs.Count = 30
    refit: bool = True
    hidden_units: configs.Units = (128,)
    """Number of units in each hidden layer."""
    dropout: configs.Fraction = 0.5
    """Dropout rate of the hidden layers: fraction of the units to drop."""
    weight_decay: configs.NotNegative = 1.0
    """Weight decay (AdamW)."""


def load_data(config: Config) -> splits.Splits:
    """Load the table, shuffled and split into train, validation and test by the seed."""
    return diabetes.load(seed=config.seed)


def build_model(config: Config, data: splits.Splits) -> keras.Model:
    """Build and compile: normalisation, ReLU layers with He initialisation, one number."""
    inputs = keras.Input((len(diabetes.FEATURE_NAMES),))
    hidden = keras.layers.Normalization()(inputs)
    for units in config.hidden_units:
        hidden = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(config.dropout)(hidden)
    model = keras.Model(inputs, PROBLEM.outputs(hidden), name="diabetes")
    return PROBLEM.compile(model, optimizers.make(config, weight_decay=config.weight_decay))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    return Config(
        hidden_units=(hp.Choice("hidden_units", [32, 64, 128, 256], default=128),),
        dropout=hp.Choice("dropout", [0.2, 0.4, 0.5], default=0.5),
        learning_rate=hp.Choice("learning_rate", [0.0003, 0.001, 0.003, 0.01], default=0.003),
        batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
    )


if __name__ == "__main__":
    run.main(sys.modules[__name__])
