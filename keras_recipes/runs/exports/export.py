"""A saved run as a model for other programs, with a file that describes its inputs and outputs."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shutil
import typing

from keras_recipes import reading
from keras_recipes.console import files
from keras_recipes.errors import InputError, for_known_keywords
from keras_recipes.runs import predict, saved
from keras_recipes.runs.exports import int8, litert, numeric, onnx_model, outputs, saved_model
from keras_recipes.runs.result import Run

Format = typing.Literal["savedmodel", "onnx", "litert", "keras"]
Quantize = typing.Literal["int8"]

DESCRIPTION = "signature.json"
_NEEDED = {"onnx": onnx_model.PACKAGES, "litert": litert.PACKAGES}


@for_known_keywords
def export(
    run: Run | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    format: Format = "savedmodel",
    quantize: Quantize | None = None,
) -> dict[str, typing.Any]:
    """Write a run's model for another program.

    Args:
        run: From `train` or `load_run`, or a run's folder.
        folder: New folder to write: the model, and signature.json, which describes it.
        format: "savedmodel" for TensorFlow and TensorFlow Serving; "onnx" for ONNX Runtime;
            "litert" (TensorFlow Lite) for phones and small devices; "keras" for Keras alone.
        quantize: "int8" for a LiteRT model of a quarter of the size. Training and validation rows
            are loaded again: the score of the latter is measured with both models.

    Returns:
        What stands in signature.json: inputs and outputs, with columns, units and ranges.

    Raises:
        InputError: If the run, the folder or the format cannot be.
        RunError: If the model cannot be converted, or writing fails.
    """
    folder = reading.expanded(folder)
    _check(format, quantize)
    # From its file in any case: as `keras.models.load_model` names the inputs, and unchanged.
    run = predict.open_run(run.folder if isinstance(run, Run) else run)
    with files.whole_folder(folder, "FOLDER") as partial, files.faults_named(folder, "FOLDER"):
        if format == "savedmodel":
            described = saved_model.write(run, partial)
        elif format == "keras":
            described = _copy(run, partial)
        elif quantize:
            described = int8.write(run, partial)
        else:
            described = numeric.write(run, partial, format)
        described = {"format": format, "recipe": run.metrics["recipe"], **described}
        files.write_json(partial / DESCRIPTION, described)
    return described


def _check(format: str, quantize: str | None) -> None:
    """Refuse what cannot be before the model is loaded."""
    known = typing.get_args(Format)
    if format not in known:
        raise InputError(f"--format {format}: expected one of {', '.join(known)}")
    if quantize is not None and quantize not in typing.get_args(Quantize):
        raise InputError(f"--quantize {quantize}: expected int8")
    if quantize is not None and format != "litert":
        raise InputError(f"--quantize {quantize}: is for --format litert, received {format}")
    needed = _NEEDED.get(format, ())
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        packages = " ".join(name.replace("_", "-") for name in missing)
        raise InputError(f"--format {format}: not installed here; run pip install {packages}")


def _copy(run: Run, folder: pathlib.Path) -> dict[str, typing.Any]:
    """Copy the file of the model, and describe its inputs as Keras sees them."""
    shutil.copyfile(run.folder / saved.MODEL, folder / saved.MODEL)
    told = run.inputs.describe_inputs(run.model)
    inputs = {
        one.name: {"shape": [*one.shape], "dtype": one.dtype, **told[one.name]}
        for one in run.model.inputs
    }
    return {"inputs": inputs, "outputs": outputs.describe(run.problem, run.inputs)}
