"""The optimizers of the notes by name, each with the settings that the notes use."""

from __future__ import annotations

import keras

from keras_recipes.configs import Config

MOMENTUM = 0.9


def make(config: Config, **settings: float) -> keras.optimizers.Optimizer:
    """Make the optimizer that a config names.

    Args:
        config: Gives the optimizer's name and the learning rate.
        **settings: Further arguments of the Keras optimizer, such as weight_decay.

    Returns:
        A fresh optimizer; an optimizer belongs to one model.
    """
    classes = {
        "sgd": keras.optimizers.SGD,
        "momentum": keras.optimizers.SGD,
        "adagrad": keras.optimizers.Adagrad,
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
    }
    if config.optimizer == "momentum":
        settings = {"momentum": MOMENTUM, **settings}
    return classes[config.optimizer](learning_rate=config.learning_rate, **settings)
