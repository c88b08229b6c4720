"""When one model's program serves another: a key that is equal for equal structures."""

import json
import re
import types
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from keras_recipes.training.fused import lifted

# What only sets starting values: read when a layer is built, never by a program.
_STARTING_VALUES = re.compile("seed|.*_initializer")


def key(model: keras.Model, numbers: lifted.LiftedNumbers) -> str | None:
    """Describe all that the program of a model depends on, apart from the lifted numbers.

    Args:
        model: Built and compiled, with a built optimizer.
        numbers: The lifted numbers of this model; they are left out.

    Returns:
        A text that is equal for two models only if their programs are the same; None where this
        cannot be known, since the caller's own layers, losses and functions can hold anything.
    """
    if not _is_plain(model):
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of lambdas in a config
            description = _describe(model, numbers)
        if not all(map(_comes_with_keras, _objects(description))):
            return None
        return json.dumps(_relevant(description, _automatic_names(description)))
    except Exception:  # whatever a caller's part raises when asked for its config; or it has arrays
        return None


def _describe(model: keras.Model, numbers: lifted.LiftedNumbers) -> list:
    with numbers.replaced(None):
        compiled = model.get_compile_config()
        config = {"class_name": type(model).__name__, "config": model.get_config()}
    if isinstance(model.optimizer._learning_rate, keras.Variable):
        compiled["optimizer"]["config"].pop("learning_rate")
    settings = [keras.config.epsilon(), keras.config.floatx(), keras.config.image_data_format()]
    state = [(list(v.shape), str(v.dtype), v.trainable) for v in variables(model)]
    return [config, compiled, settings, state]


def variables(model: keras.Model) -> list[keras.Variable]:
    """Return all state that training changes: of the model, the optimizer, the metrics."""
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def _is_plain(model: keras.Model) -> bool:
    """Return whether the configs of a model's layers say all that there is to know about them."""
    return type(model).__module__.startswith("keras.") and not any(
        isinstance(layer, keras.layers.Lambda)
        # A layer that learned from data keeps that outside its config.
        or (hasattr(layer, "adapt") and type(layer) is not keras.layers.Normalization)
        # So does a function of the caller's, an activation say, that reads other variables.
        or any(map(_is_foreign_function, vars(layer).values()))
        for layer in lifted.all_layers(model)
    )


def _is_foreign_function(value: Any) -> bool:
    return isinstance(value, types.FunctionType) and not value.__module__.startswith("keras.")


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield each serialised object in a config, outer ones first."""
    if isinstance(config, dict) and "class_name" in config:
        yield config
    if isinstance(config, dict):
        config = config.values()
    elif not isinstance(config, list | tuple):
        return
    for part in config:
        yield from _objects(part)


def _comes_with_keras(serialised: dict[str, Any]) -> bool:
    """Return whether an object is of Keras, or of this library, whose configs say all as well."""
    return serialised.get("module", "keras").split(".")[0] in ("keras", "keras_recipes") and (
        serialised["class_name"] not in ("function", "__lambda__")
    )


def _automatic_names(description: list) -> dict[str, str]:
    """Map names that Keras numbered ("dense_7") to ones that do not count other models."""
    names: dict[str, str] = {}
    for serialised in _objects(description):
        config = serialised["config"]
        name = config.get("name", "") if isinstance(config, dict) else ""
        letters = re.sub(r"_\d+$", "", str(name)).replace("_", "").lower()
        if letters == serialised["class_name"].lower():
            names.setdefault(name, f"#{len(names)}")
    return names


def _relevant(config: Any, names: dict[str, str]) -> Any:
    if isinstance(config, dict):
        return {
            key: _relevant(value, names)
            for key, value in config.items()
            if not _STARTING_VALUES.fullmatch(key)
        }
    if isinstance(config, list | tuple):
        return [_relevant(part, names) for part in config]
    return names.get(config, config) if isinstance(config, str) else config
