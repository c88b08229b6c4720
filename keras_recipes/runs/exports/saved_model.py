"""A saved run as a SavedModel: plain TensorFlow, and so TensorFlow Serving, runs it by itself.

Its signature takes what stands in a file: of a user's table each column by itself,
categories as text, numbers as numbers. It returns the prediction in the same form.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_recipes.features import parts
from keras_recipes.features.kind import Signature
from keras_recipes.problems import Problem
from keras_recipes.runs.exports import outputs
from keras_recipes.runs.result import Run


def write(run: Run, folder: pathlib.Path) -> dict[str, Any]:
    """Write a run's model as a SavedModel.

    Args:
        run: A run.
        folder: To write into.

    Returns:
        What the signature takes and gives.

    Raises:
        OSError: If writing fails.
    """
    signatures = run.inputs.signatures()
    given = outputs.describe(run.problem, run.inputs)
    if run.problem.rule.kind in ("binary", "multiclass"):
        given = {"prediction": "a class", **given}
    description = {"inputs": signatures["serve"].described, "outputs": given}
    if others := {name: one.described for name, one in signatures.items() if name != "serve"}:
        description["other_signatures"] = others
    archive = keras.export.ExportArchive()
    archive.track(run.model)
    for name, one in signatures.items():
        archive.add_endpoint(name, _endpoint(run, one), input_signature=[one.specs])
    try:
        archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:  # "{{node}} path; No space left on device [Op:SaveV2]"
        raise OSError(re.sub(r"^.*; | \[Op:.*", "", error.message)) from error
    return description


def _endpoint(run: Run, signature: Signature) -> Callable:
    def serve(given):
        x = parts.of(run.model).as_inputs(signature.read(given))
        return _answer(run.problem, run.model(x, training=False))

    return serve


def _answer(problem: Problem, given: tf.Tensor) -> dict[str, tf.Tensor]:
    """Read a model's outputs as `Problem.decide` and `Problem.probabilities` do."""
    read = outputs.of_model(problem, given)
    if problem.is_regression:
        return {"prediction": read[:, 0] if problem.num_outputs == 1 else read}
    if problem.rule.kind == "multilabel":
        return {"probabilities": read}
    if problem.rule.kind == "binary":
        decided = tf.cast(read[:, 1] >= problem.threshold, tf.int32)
    else:
        decided = tf.argmax(read, axis=1)
    return {"prediction": tf.gather(problem.class_names, decided), "probabilities": read}
