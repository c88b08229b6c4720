"""A saved run as a SavedModel: plain TensorFlow, and so TensorFlow Serving, runs it by itself.

Its signature takes what stands in a file: of a user's table each column by itself,
categories as text, numbers as numbers. It returns the prediction in the same form.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

import keras
import tensorflow as tf

from keras_recipes import reading
from keras_recipes.console import files
from keras_recipes.features import parts
from keras_recipes.features.kind import Kind, Signature
from keras_recipes.problems import Problem
from keras_recipes.runs import predict
from keras_recipes.runs.result import Run

DESCRIPTION = "signature.json"


def export(run_dir: pathlib.Path, folder: pathlib.Path) -> dict:
    """Write a run's model as a SavedModel.

    Args:
        run_dir: A run folder, as a recipe wrote it.
        folder: New folder to write.

    Returns:
        What the signature takes and gives, which stands in signature.json too.

    Raises:
        InputError: If the first is no run folder, or the second is there already.
        RunError: If writing fails.
    """
    folder = reading.expanded(folder)
    run = predict.open_run(run_dir)
    signatures = run.inputs.signatures()
    outputs = _describe_outputs(run.problem, run.inputs)
    description = {"inputs": signatures["serve"].described, "outputs": outputs}
    if others := {name: one.described for name, one in signatures.items() if name != "serve"}:
        description["other_signatures"] = others
    with files.whole_folder(folder, "FOLDER") as partial, files.faults_named(folder, "FOLDER"):
        archive = keras.export.ExportArchive()
        archive.track(run.model)
        for name, one in signatures.items():
            archive.add_endpoint(name, _endpoint(run, one), input_signature=[one.specs])
        try:
            archive.write_out(str(partial), verbose=False)
        except tf.errors.OpError as error:  # "{{node}} path; No space left on device [Op:SaveV2]"
            raise OSError(re.sub(r"^.*; | \[Op:.*", "", error.message)) from error
        files.write_json(partial / DESCRIPTION, description)
    return description


def _endpoint(run: Run, signature: Signature) -> Callable:
    def serve(given):
        x = parts.of(run.model).as_inputs(signature.read(given))
        return _answer(run.problem, run.model(x, training=False))

    return serve


def _answer(problem: Problem, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
    """Read a model's outputs as `Problem.decide` and `Problem.probabilities` do."""
    if problem.is_regression:
        return {"prediction": outputs[:, 0] if problem.num_outputs == 1 else outputs}
    if problem.rule.kind == "multilabel":
        return {"probabilities": outputs}
    probabilities = tf.nn.softmax(outputs) if problem.rule.from_logits else outputs
    if problem.rule.kind == "binary":
        decided = tf.cast(probabilities[:, 0] >= problem.threshold, tf.int32)
        probabilities = tf.concat([1 - probabilities, probabilities], axis=1)
    else:
        decided = tf.argmax(probabilities, axis=1)
    return {"prediction": tf.gather(problem.class_names, decided), "probabilities": probabilities}


def _describe_outputs(problem: Problem, taken: Kind) -> dict:
    if problem.is_regression:
        named = {"unit": taken.unit} if taken.unit else {}
        return {"prediction": f"numbers ({problem.unit})", **named}
    prediction = {} if problem.rule.kind == "multilabel" else {"prediction": "a class"}
    return {**prediction, "probabilities": {"of": list(problem.class_names)}}
