"""Tabular: a first model for a table of your own, from a CSV file.

Problem: decided by the target: binary, multiclass with integer labels, or regression.
Data: a CSV file, --csv FILE --target COLUMN; without one, the bundled diabetes table.
Result: not measured
Run: python -m recipes.tabular --csv data.csv --target price
Tune: python -m tuning tabular --csv data.csv --target price --tuner random --trials 30
Copy: python -m recipes copy tabular ../my_project
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
import typing

import keras

from datasets import diabetes, own_table
from recipes.common import command_line, configs, optimizers, problems, tables
from recipes.common.errors import InputError

if typing.TYPE_CHECKING:
    import keras_tuner

    from datasets import splits

PROBLEM = problems.regression(diabetes.UNIT)


@dataclasses.dataclass(frozen=True)
class Config(configs.TableConfig):
    """Settings of this recipe; each is a flag of the same name."""

    epochs: configs.Count = 40
    batch_size: configs.Count = 256
    optimizer: configs.Optimizer = "adamw"
    learning_rate: configs.Positive = 0.002
    schedule: configs.Schedule = "cosine"
    patience: configs.Count = 12
    hidden_units: configs.Units = (256, 256)
    """Units of each hidden layer."""
    dropout: configs.Fraction = 0.1
    """Share of each hidden layer's outputs that is zeroed in training."""
    weight_decay: configs.NotNegative = 0.01
    """Share of the weights, times the learning rate, that each step takes away."""
    bins: configs.Count = 64
    """Pieces of the piecewise linear encoding of each number."""
    members: configs.Count = 8
    """Networks in one, whose mean is the prediction."""
    most_words: configs.Count = 100
    """The rarer words of a category, beyond this many, count as one."""


@functools.lru_cache(maxsize=4)
def _read(csv, target, seed, **wishes) -> own_table.Task:
    """Read a table once, however many models are built for it."""
    return own_table.load(csv, target, seed=seed, **wishes)


def read(config: Config) -> own_table.Task:
    """Read the table that a config names."""
    if config.csv is None:
        return own_table.demonstration(config.seed)
    if config.target is None:
        raise InputError("--csv needs --target COLUMN, the column to predict")
    wishes = ("problem", "header", "categorical", "numeric", "drop")
    return _read(
        config.csv, config.target, config.seed, **{name: getattr(config, name) for name in wishes}
    )


def bind(config: Config) -> types.SimpleNamespace:
    """Give this recipe with the problem of the table that a config names."""
    task = read(config)
    problem = problems.of_kind(task.kind, task.class_names, config.target or diabetes.UNIT)
    return types.SimpleNamespace(**{**globals(), "PROBLEM": problem})


def load_data(config: Config) -> splits.Splits:
    """Load the table, shuffled and split into train, validation and test by the seed."""
    return read(config).splits


def build_model(config: Config) -> keras.Model:
    """Build and compile: numbers in pieces, words one-hot, members that share ReLU layers."""
    task, problem = read(config), bind(config).PROBLEM
    num_words = {c.name: c.num_values for c in task.columns if c.kind == "category"}
    num_numbers = task.splits.train.x.shape[1] - len(num_words)
    encoder = tables.encoder(num_numbers, num_words, config.most_words)
    network = tables.network(
        problem,
        encoder.output_shape[1],
        num_numbers,
        bins=config.bins,
        members=config.members,
        hidden_units=config.hidden_units,
        dropout=config.dropout,
    )
    model = tables.serving(encoder, network)
    return problem.compile(model, optimizers.make(config, weight_decay=config.weight_decay))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    return Config(
        hidden_units=(hp.Choice("hidden_units", [64, 128, 256], default=256),) * 2,
        dropout=hp.Choice("dropout", [0.0, 0.1, 0.2, 0.4], default=0.1),
        learning_rate=hp.Choice("learning_rate", [0.0005, 0.001, 0.002, 0.004], default=0.002),
        weight_decay=hp.Choice("weight_decay", [0.0, 0.01, 0.1, 1.0], default=0.01),
        bins=hp.Choice("bins", [8, 16, 32, 64], default=64),
    )


if __name__ == "__main__":
    command_line.main(sys.modules[__name__])
