"""A saved run as a SavedModel: plain TensorFlow, and so TensorFlow Serving, runs it by itself.

Its signature takes what stands in a file: of a user's table each column by itself,
categories as text, numbers as numbers. It returns the prediction in the same form.
"""

from __future__ import annotations

import keyword
import math
import pathlib
import re
from collections.abc import Callable

import keras
import tensorflow as tf

from keras_recipes import reading
from keras_recipes.console import files
from keras_recipes.data import cells, columns, new_inputs
from keras_recipes.data.numbers import notation as notations
from keras_recipes.features import tables
from keras_recipes.problems import Problem
from keras_recipes.runs import predict

DESCRIPTION = "signature.json"
_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-3]).*)?"
_NO_DATE = "1970-01-01T00"
# Of the first day of each month, for the day of the week (Sakamoto 1992).
_MONTHS = (0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4)


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
    read, specs, described = signature(run.inputs)

    def serve(given):
        x = tables.as_inputs(run.model, read(given))
        return _answer(run.problem, run.model(x, training=False))

    description = {"inputs": described, "outputs": _describe_outputs(run.problem, run.inputs)}
    with files.whole_folder(folder, "FOLDER") as partial, files.faults_named(folder, "FOLDER"):
        archive = keras.export.ExportArchive()
        archive.track(run.model)
        archive.add_endpoint("serve", serve, input_signature=[specs])
        try:
            archive.write_out(str(partial), verbose=False)
        except tf.errors.OpError as error:  # "{{node}} path; No space left on device [Op:SaveV2]"
            raise OSError(re.sub(r"^.*; | \[Op:.*", "", error.message)) from error
        files.write_json(partial / DESCRIPTION, description)
    return description


def signature(taken: new_inputs.Inputs) -> tuple[Callable, object, dict]:
    """Make the inputs of a signature.

    Args:
        taken: What the model takes.

    Returns:
        What turns them into the model's inputs, their specs, and their description.
    """
    if taken.table is None:
        spec = tf.TensorSpec((None, *taken.shape), tf.float32, name="inputs")
        shape = ", ".join(map(str, taken.shape))
        return lambda x: x, spec, {"inputs": f"numbers of shape (rows, {shape})"}
    used = [column for column in taken.table["columns"] if column["kind"] != "left out"]
    names = _signature_names([column["name"] for column in used])
    is_number = [column["kind"] == "number" for column in used]
    specs = {
        name: tf.TensorSpec((None,), tf.float32 if number else tf.string, name=name)
        for name, number in zip(names, is_number, strict=True)
    }
    forms = {
        "number": "a number, NaN where missing",
        "boolean": "text such as yes or no, empty where missing",
        "category": "text, empty where missing",
        "date": "text such as 2020-01-31 or 2020-01-31T12:00 (ISO 8601), empty where missing",
    }
    described = {
        name: {"column": column["name"], "takes": forms[column["kind"]], **_unit(column)}
        for name, column in zip(names, used, strict=True)
    }

    def read(given: dict) -> dict:
        return _join([(column, given[name]) for name, column in zip(names, used, strict=True)])

    return read, specs, described


def _unit(column: dict) -> dict[str, str]:
    """Return the unit of a numeric column, where one is known: its numbers come in it."""
    unit = columns.Column.from_json(column).notation.unit
    return {"unit": unit} if column["kind"] == "number" and unit else {}


def _signature_names(columns: list[str]) -> list[str]:
    """Return each column a name in ASCII that TensorFlow takes: its own where it is one.

    No two may differ by capitals alone: TensorFlow makes them lower case.
    """
    own = {column.lower(): column for column in reversed(columns) if _is_name(column)}
    names, taken = [], set(own)
    for number, column in enumerate(columns, start=1):
        plain = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_")
        placed = f"column_{number}_{plain}".strip("_")
        others = (plain, placed, f"{placed}_", f"{placed}__")
        free = (name for name in others if _is_name(name) and name.lower() not in taken)
        names.append(column if own.get(column.lower()) == column else next(free))
        taken.add(names[-1].lower())
    return names


def _is_name(text: str) -> bool:
    is_free = text != "self" and not keyword.iskeyword(text)  # TensorFlow has a `self` of its own
    return is_free and text.isascii() and text.isidentifier() and not text.startswith("_")


def _join(given: list[tuple[dict, tf.Tensor]]) -> dict[str, tf.Tensor]:
    """Put columns together as the encoder takes them, each read as the file's column was."""
    numbers, categories = [], []
    for column, values in given:
        if column["kind"] == "category":
            categories.append(tf.strings.strip(values))
        elif column["kind"] == "date":
            parts = _parts_of_dates(tf.strings.strip(values))
            numbers += [parts[part] for part in column["parts"]]
        elif column["kind"] == "boolean":
            numbers.append(_yes_or_no(tf.strings.lower(tf.strings.strip(values), "utf-8")))
        else:
            notation = columns.Column.from_json(column).notation
            gaps = [code for code in map(notations.as_number, notation.missing) if code is not None]
            is_gap = tf.reduce_any(values[:, None] == tf.constant(gaps, tf.float32), axis=1)
            is_known = (abs(values) <= notations.LARGEST) & ~is_gap
            numbers.append(tf.where(is_known, values, math.nan))
    joined = {tables.NUMERIC: numbers, tables.CATEGORICAL: categories}
    return {name: tf.stack(columns, axis=1) for name, columns in joined.items() if columns}


def _yes_or_no(text: tf.Tensor) -> tf.Tensor:
    """Read yes as 1 and no as 0, all else as missing."""
    is_yes, is_no = (
        tf.reduce_any(text[:, None] == sorted(known), axis=1) for known in (cells.YES, cells.NO)
    )
    return tf.where(is_yes, 1.0, tf.where(is_no, 0.0, math.nan))


def _parts_of_dates(text: tf.Tensor) -> dict[str, tf.Tensor]:
    """Take dates apart; Monday is day 0 of the week."""
    is_date = tf.strings.regex_full_match(text, _DATE)
    is_odd = ~is_date & (text != "")
    message = "dates that are not as in 2020-01-31 or 2020-01-31T12:00 (ISO 8601):"
    tf.debugging.Assert(~tf.reduce_any(is_odd), [message, tf.boolean_mask(text, is_odd)])
    text = tf.where(is_date, text, _NO_DATE)
    text = tf.where(tf.strings.length(text) > 10, text, text + "T00")

    def piece(start: int, length: int) -> tf.Tensor:
        return tf.strings.to_number(tf.strings.substr(text, start, length), tf.int32)

    year, month, day = piece(0, 4), piece(5, 2), piece(8, 2)
    moved = year - tf.cast(month < 3, tf.int32)
    days = moved + moved // 4 - moved // 100 + moved // 400 + day
    days += tf.gather(_MONTHS, tf.clip_by_value(month - 1, 0, 11))
    parts = {"year": year, "month": month, "day": day, "day_of_week": (days + 6) % 7}
    parts["hour"] = piece(11, 2)
    return {
        name: tf.where(is_date, tf.cast(part, tf.float32), math.nan) for name, part in parts.items()
    }


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


def _describe_outputs(problem: Problem, taken: new_inputs.Inputs) -> dict:
    if problem.is_regression:
        unit = (taken.table or {}).get("target_notation", {}).get("unit")
        named = {"unit": unit} if unit else {}
        return {"prediction": f"numbers ({problem.unit})", **named}
    prediction = {} if problem.rule.kind == "multilabel" else {"prediction": "a class"}
    return {**prediction, "probabilities": {"of": list(problem.class_names)}}
