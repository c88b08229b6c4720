"""A model of numbers as ONNX, by tf2onnx."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

NAME = "model.onnx"
PACKAGES = ("tf2onnx", "onnxruntime")
OPSET = 17  # ONNX Runtime 1.12 and later


def write(function: Any, name: str, path: pathlib.Path) -> None:
    """Write a function as an ONNX model.

    Args:
        function: A `tf.function` of named tensors, (rows, ...), with an input signature.
        name: Of what it returns.
        path: File to write.
    """
    import tf2onnx
    from tensorflow.python.framework import convert_to_constants

    # tf2onnx takes constants that a function refers to for further inputs; frozen, it has none.
    concrete = function.get_concrete_function()
    frozen = convert_to_constants.convert_variables_to_constants_v2(
        concrete, lower_control_flow=False
    )
    specs = function.input_signature
    alone = tf.function(lambda *given: {name: frozen(*given)[0]}, input_signature=specs)
    tf2onnx.convert.from_function(alone, specs, opset=OPSET, output_path=str(path))


def load(path: pathlib.Path) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """Return a function that runs a model: from an array for each input to the outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda given: session.run(None, dict(given))[0]
