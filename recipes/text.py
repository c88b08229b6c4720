"""Text: train a first model on your own texts, from a CSV file or a folder.

Problem: decided by the target: binary, multiclass with integer labels, or regression.
Data: your CSV file, or a folder with one subfolder of .txt files per class; without one, sentences.
Result: not measured
Run: python -m recipes.text reviews.csv --text review --target stars
Tune: python -m tuning text --csv reviews.csv --text review --target stars
Copy: python -m recipes copy text ../my_project --data reviews.csv --target stars
"""

from __future__ import annotations

import dataclasses
import sys
import typing

import keras

from keras_recipes import configs, optimizers, problems
from keras_recipes.commands import run
from keras_recipes.data.texts import own_texts
from keras_recipes.features import texts

if typing.TYPE_CHECKING:
    import keras_tuner

    from keras_recipes.data import splits

# The description of the texts reports unequal classes and equal texts.
IGNORED_CHECKS = ("D9", "S2", "S4")


@dataclasses.dataclass(frozen=True)
class Config(configs.TextConfig):
    """Settings of this recipe; each field is a flag."""

    epochs: configs.Count = 10
    batch_size: configs.Count = 128
    learning_rate: configs.Positive = 0.003
    schedule: configs.Schedule = "cosine"
    patience: configs.Count = 3
    refit: bool = True
    network: typing.Literal["ngrams", "conv", "gru"] = "ngrams"
    """Network: linear in n-grams, convolutions, or a GRU. The last two read the words in order."""
    max_tokens: configs.Count = 200_000
    """Maximum size of the vocabulary."""
    num_ngrams: typing.Annotated[int, configs.Range(0, 8)] = 0
    """Maximum length of an n-gram; 0 means 2 words or 4 characters."""
    max_terms: configs.Count = 1_000
    """Maximum number of different n-grams per text; rarer ones are dropped."""
    length: configs.Count = 250
    """Maximum number of tokens per text, for conv and gru."""
    scale: configs.Positive = 10.0
    """Norm of the n-gram weights of a text, for ngrams."""
    embedding_size: configs.Count = 64
    """Embedding size, for conv and gru."""
    units: configs.Count = 64
    """Number of GRU units per direction, or of filters per width, for conv and gru."""
    dropout: configs.Fraction = 0.5
    """Dropout rate: fraction of the n-grams or units to drop."""


def load_data(config: Config) -> splits.Splits:
    """Load the texts, split into train, validation and test by the folders or by the seed."""
    return own_texts.read(config.csv, config.target, **config.choices).split(config.seed)


def problem(config: Config, data: splits.Splits) -> problems.Problem:
    """Return the problem that the target makes: its output layer, loss and metrics follow."""
    source = own_texts.source_of(data)
    kind, names, unit = source.problem_kind, source.class_names, source.target
    return problems.of_kind(kind, names, unit, config.threshold, data.train.y)


def build_model(config: Config, data: splits.Splits) -> keras.Model:
    """Build and compile: the vocabulary, and a network that is linear in n-grams, conv or gru."""
    tokens, of_data = own_texts.source_of(data).tokens, problem(config, data)
    size = config.max_tokens
    if config.network == "ngrams":
        num_ngrams = config.num_ngrams or (2 if tokens == "words" else 4)
        encoder = texts.ngram_encoder(tokens, num_ngrams, size, config.max_terms)
        settings = {"scale": config.scale, "dropout": config.dropout}
        network = texts.ngram_network(of_data, size, config.max_terms, **settings)
    else:
        encoder = texts.sequence_encoder(tokens, size, config.length)
        build = texts.conv_network if config.network == "conv" else texts.gru_network
        sizes = config.embedding_size, config.units, config.dropout
        network = build(of_data, size, config.length, *sizes)
    model = texts.serving(encoder, network)
    return of_data.compile(model, optimizers.make(config))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    return Config(
        learning_rate=hp.Choice("learning_rate", [0.001, 0.003, 0.01], default=0.003),
        dropout=hp.Choice("dropout", [0.0, 0.3, 0.5, 0.7], default=0.5),
        scale=hp.Choice("scale", [5.0, 10.0, 20.0], default=10.0),
    )


if __name__ == "__main__":
    run.main(sys.modules[__name__])
