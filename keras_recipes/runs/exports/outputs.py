"""What an exported model returns: probabilities or numbers, as `predict` gives them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_recipes.features.kind import Kind
from keras_recipes.problems import Problem


def of_model(problem: Problem, outputs: tf.Tensor) -> tf.Tensor:
    """Return a model's outputs as `Problem.probabilities` reads them: for two classes, of both."""
    if problem.is_regression or problem.rule.kind == "multilabel":
        return outputs
    probabilities = tf.nn.softmax(outputs) if problem.rule.from_logits else outputs
    if problem.rule.kind == "binary":
        return tf.concat([1 - probabilities, probabilities], axis=1)
    return probabilities


def name_of(problem: Problem) -> str:
    """Return the name of what `of_model` returns."""
    return "prediction" if problem.is_regression else "probabilities"


def describe(problem: Problem, inputs: Kind) -> dict[str, Any]:
    """Return what stands in signature.json of what `of_model` returns."""
    if problem.is_regression:
        named = {"unit": inputs.unit} if inputs.unit else {}
        return {"prediction": f"numbers ({problem.unit})", **named}
    threshold = {"threshold": problem.threshold} if problem.rule.kind == "binary" else {}
    return {"probabilities": {"of": list(problem.class_names), **threshold}}
