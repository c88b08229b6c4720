"""A recipe of somebody's own, which tests copy, change and search."""

from __future__ import annotations

import dataclasses

import keras

from datasets import breast_cancer
from keras_recipes import configs, optimizers, problems

PROBLEM = problems.binary(breast_cancer.CLASS_NAMES)


@dataclasses.dataclass(frozen=True)
class Config(configs.Config):
    """Settings of this recipe."""

    units: configs.Count = 16
    dropout: configs.Fraction = 0.0


def load_data(config):
    """Load the table."""
    return breast_cancer.load(seed=config.seed)


def build_model(config, data):
    """Build and compile."""
    inputs = keras.Input((len(breast_cancer.FEATURE_NAMES),))
    hidden = keras.layers.Normalization()(inputs)
    hidden = keras.layers.Dense(config.units, "relu")(hidden)
    hidden = keras.layers.Dropout(config.dropout)(hidden)
    model = keras.Model(inputs, PROBLEM.outputs(hidden))
    return PROBLEM.compile(model, optimizers.make(config))


def search_space(hp):
    """Draw a Config; 144 points."""
    return Config(
        units=hp.Choice("units", [8, 16, 32, 64], default=16),
        dropout=hp.Choice("dropout", [0.0, 0.2, 0.4], default=0.0),
        learning_rate=hp.Choice("learning_rate", [0.0003, 0.001, 0.003, 0.01], default=0.001),
        batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
    )
