"""Tabular: train a first model on your own table, from a CSV file.

Problem: decided by the target: binary, multiclass with integer labels, or regression.
Data: your CSV file; without one, a synthetic table of 1,000 flats and their rents.
Result: housing rmse 44084 ± 306, 41 s; titanic accuracy 0.825 ± 0.026, 4 s, on 2 cores
Run: python -m recipes.tabular data.csv --target price
Tune: python -m tuning tabular --csv data.csv --target price
Copy: python -m recipes copy tabular ../my_project --data data.csv --target price
"""

from __future__ import annotations

import dataclasses
import sys
import typing

import keras

from keras_recipes import configs, optimizers, problems
from keras_recipes.commands import run
from keras_recipes.data import own_table
from keras_recipes.features import tables, texts

if typing.TYPE_CHECKING:
    import keras_tuner

    from keras_recipes.data import splits

# The model handles missing values. The description of the table reports unequal classes and equal
# rows. A small table can be trained in one batch.
IGNORED_CHECKS = ("D1", "D9", "S2", "S4", "T6")


@dataclasses.dataclass(frozen=True)
class Config(configs.TableConfig):
    """Settings of this recipe; each field is a flag."""

    epochs: configs.Count = 80
    batch_size: configs.Count = 256
    optimizer: configs.Optimizer = "adamw"
    learning_rate: configs.Positive = 0.006
    schedule: configs.Schedule = "cosine"
    patience: configs.Count = 20
    refit: bool = True
    hidden_units: configs.Units = (256, 256)
    """Number of units in each hidden layer."""
    dropout: configs.Fraction = 0.1
    """Dropout rate of the hidden layers: fraction of the units to drop."""
    weight_decay: configs.NotNegative = 0.01
    """Weight decay (AdamW)."""
    num_bins: configs.Count = 64
    """Number of bins in the piecewise linear encoding of each numeric column."""
    embedding_size: configs.Count = 16
    """Embedding size of each numeric column."""
    ensemble_size: configs.Count = 8
    """Number of ensemble members. They share their layers; the prediction is their mean."""
    max_categories: configs.Count = 100
    """Maximum number of categories per column; rarer categories are merged into one."""


def load_data(config: Config) -> splits.Splits:
    """Load the table, shuffled and split into train, validation and test by the seed."""
    return own_table.read(config.csv, config.target, **config.choices).split(config.seed)


def problem(config: Config, data: splits.Splits) -> problems.Problem:
    """Return the problem that the target makes: its output layer, loss and metrics follow."""
    source = own_table.source_of(data)
    kind, names, unit = source.problem_kind, source.class_names, source.target
    return problems.of_kind(kind, names, unit, config.threshold, data.train.y)


def build_model(config: Config, data: splits.Splits) -> keras.Model:
    """Build and compile: binned numeric and one-hot categorical columns, an ensemble in one."""
    num_categories = own_table.source_of(data).num_categories
    tokens = texts.tokens_by_script(data.train.x[tables.texts_of(data.train.x)])
    num_numeric = data.train.x.shape[1] - len(num_categories) - len(tokens)
    described = num_numeric, num_categories, config.max_categories, tokens
    of_data = problem(config, data)
    network = tables.network(
        of_data,
        *described,
        num_bins=config.num_bins,
        embedding_size=config.embedding_size,
        ensemble_size=config.ensemble_size,
        hidden_units=config.hidden_units,
        dropout=config.dropout,
    )
    model = tables.serving(tables.encoder(*described), network)
    return of_data.compile(model, optimizers.make(config, weight_decay=config.weight_decay))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    return Config(
        hidden_units=(hp.Choice("hidden_units", [64, 128, 256], default=256),) * 2,
        dropout=hp.Choice("dropout", [0.0, 0.1, 0.2, 0.4], default=0.1),
        learning_rate=hp.Choice("learning_rate", [0.001, 0.003, 0.006, 0.01], default=0.006),
        weight_decay=hp.Choice("weight_decay", [0.0, 0.01, 0.1, 1.0], default=0.01),
        num_bins=hp.Choice("num_bins", [8, 16, 32, 64], default=64),
    )


if __name__ == "__main__":
    run.main(sys.modules[__name__])
