"""A model of numbers as LiteRT, the former TensorFlow Lite, also with whole numbers of 8 bits."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

NAME = "model.tflite"
PACKAGES = ("ai_edge_litert",)
SIGNATURE = "serve"

Rows = Mapping[str, np.ndarray]


def write(
    function: Any,
    name: str,
    variables: Sequence[Any],
    path: pathlib.Path,
    *,
    int8: bool = False,
    calibration: Rows | None = None,
) -> None:
    """Write a function as a LiteRT model.

    Args:
        function: A `tf.function` of named tensors, (rows, ...), with an input signature.
        name: Of what it returns.
        variables: That it reads.
        path: File to write.
        int8: Whether weights become whole numbers of 8 bits.
        calibration: Rows by whose values the numbers between layers become such, too.
    """
    module = tf.Module()
    module.all = [getattr(one, "value", one) for one in variables]  # of a Keras variable, TF's own
    named = tf.function(lambda *given: {name: function(*given)}, function.input_signature)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: named})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if calibration is not None:
            rows = calibration

            def one_by_one() -> Iterator[dict[str, np.ndarray]]:
                for row in range(len(next(iter(rows.values())))):
                    yield {name: values[row : row + 1] for name, values in rows.items()}

            converter.representative_dataset = one_by_one
        content = converter.convert()
    path.write_bytes(content)


def load(path: pathlib.Path) -> Callable[[Rows], np.ndarray]:
    """Return a function that runs a model: from an array for each input to the outputs."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(path)).get_signature_runner(SIGNATURE)
    at_once = next(iter(run.get_input_details().values()))["shape_signature"][0]

    def outputs(given: Rows) -> np.ndarray:
        size = len(next(iter(given.values())))
        step = max(1, size if at_once == -1 else at_once)
        pieces = []
        for start in range(0, size, step):
            few = {name: values[start : start + step] for name, values in given.items()}
            (piece,) = run(**few).values()
            pieces.append(piece)
        return np.concatenate(pieces)

    return outputs
