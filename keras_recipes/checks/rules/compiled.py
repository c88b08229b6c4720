"""Rules about what a model was compiled with, and about what cannot be judged at all."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import pandas as pd
from keras.src import backend
from keras.src.backend.common import global_state

from keras_recipes import errors
from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import reading, running
from keras_recipes.checks.inspect.facts import Facts

WHOLE, whole = rule_list("compiled")
TRIED, tried = rule_list("compiled")  # judged where nothing else is wrong

_COUNTERS = "object_name_uids"  # by which Keras numbers the metrics that have no name
_METRICS_FIX = "model.compile(optimizer, loss, metrics=[...]), with the name metrics"
_MEANT = {
    "loss": {"rmse": "loss='mse', which has its minimum at the same place"},
    "metrics": {
        "rmse": "metrics=[keras.metrics.RootMeanSquaredError(name='rmse')]",
        "r2": "metrics=[keras.metrics.R2Score(name='r2')]",
        "f1": "metrics=[keras.metrics.F1Score(threshold=0.5)]",
    },
}
_KNOWN = {
    "loss": "loss='mse' for numbers, 'binary_crossentropy' or 'sparse_categorical_crossentropy'",
    "metrics": "metrics=['mae'] for numbers, ['accuracy'] for classes",
}


@whole("H19", "losses-for-unknown-outputs")
def losses_name_no_output(facts: Facts) -> Iterator[Mistake]:
    """Losses by name whose names are not those of the outputs.

    Why: `fit` stops with an error about keys; a model whose outputs are a list wants a loss, or
        None, for each of them.
    Fix: `loss={"price": "mse", "kind": None}`, or a list in the order of the outputs.
    Thread: keras-team/keras#18708, tensorflow/tensorflow#34691
    """
    model = facts.model
    loss = model.loss if model.compiled and not facts.trains_itself else None
    has_graph = getattr(model, "outputs", None) and not isinstance(model, keras.Sequential)
    if not isinstance(loss, dict) or not has_graph:
        return
    in_a_list = not isinstance(model.output, dict)
    names = list(model.output_names if in_a_list else model.output)
    if set(loss) - set(names) or (in_a_list and set(names) - set(loss)):
        given = {name: loss.get(name) for name in names}
        yield error(
            f"losses for the outputs {', '.join(map(repr, loss))}",
            f"{'a loss or None for each of' if in_a_list else 'names among'} "
            f"{', '.join(map(repr, names))}",
            f"loss={given!r}",
        )


@whole("N1", "not-judged")
def not_judged(facts: Facts) -> Iterator[Mistake]:
    """Something that could not be looked at, so that no finding does not mean that all is well.

    Why: a model that is not compiled has no loss to compare its output with, and one that cannot
        be built has no output.
    Fix: `model.compile(...)` before the check; arrays or a finite data set instead of a generator.
    Thread: keras-team/keras#18909
    """
    if not facts.model.compiled and not facts.trains_itself:
        yield error(
            "a model that is not compiled: fit refuses it, and output and loss are not judged",
            "a compiled model",
            "model.compile(optimizer='adam', loss=..., metrics=[...]) before the check",
        )
    if facts.train.x is None:
        yield warning(
            f"data that are not judged: {facts.train.fault or 'there are none'}",
            "arrays, tables or a finite data set",
            "check(model, x, y) with some rows as arrays; --data x.csv --target y in the command",
        )
    if facts.fault and facts.train.x is None:
        yield warning(
            f"a model whose output is not judged: {facts.fault}",
            "a model that is built, or inputs to build it from",
            "keras.Input(shape) as the first layer",
        )


@tried("H20", "invalid-loss-or-metric")
def compiled_with_what_does_not_fit(facts: Facts) -> Iterator[Mistake]:
    """Losses, weights of losses or metrics that Keras cannot use with these outputs.

    Why: `compile` takes them unseen, and `fit` stops inside Keras: with "dtype='string' is not a
        valid dtype" where metrics stand in the place of `loss_weights`, its third argument.
    Fix: `model.compile("adam", "mse", metrics=["mae"])`, with the name `metrics`; for several
        outputs a dict by their names.
    Thread: keras-team/keras#21259, tensorflow/tensorflow#100319
    """
    if not facts.model.compiled or facts.trains_itself or not facts.heads:
        return
    weights = getattr(facts.model._compile_loss, "_user_loss_weights", None)
    odd = [one for one in keras.tree.flatten(weights) if not isinstance(one, int | float | None)]
    if odd:
        yield error(f"loss_weights={odd!r:.80}", "numbers, one for each loss", _METRICS_FIX)
        return
    for what, fault in _faults(facts):
        received = f"a {what} on which Keras fails: {fault}".replace("a metrics", "metrics")
        yield error(received, "one that goes with outputs and targets", _fix(what, fault, facts))


RULES = (*WHOLE, *TRIED)


def _fix(what: str, fault: str, facts: Facts) -> str:
    """Write the change; by what was meant where that is known."""
    if "FBetaScore expects 2D" in fault:
        return "y = np.reshape(y, (len(y), -1))"
    if unknown := fault.partition("identifier: ")[2].lower():
        meant = next((fix for name, fix in _MEANT[what].items() if name in unknown), None)
        return meant or _KNOWN[what]
    names = [head.name for head in facts.heads]
    if "can't be found in either" in fault and isinstance(facts.train.y, dict):
        return f"y = [y.get(name) for name in {names}]"
    if "loss_weights" in fault:
        return f"loss_weights={[1.0] * len(names)}"
    if len(names) > 1:
        return f"{what} as {{{', '.join(f'{name!r}: ...' for name in names)}}}"
    return _KNOWN[what]


def _faults(facts: Facts) -> Iterator[tuple[str, str]]:
    """Make losses and metrics anew and try them on outputs and targets, without numbers."""
    with running.undisturbed():
        outputs = running.structure(facts.model, facts.train.x)
    y = reading.map_leaves(facts.train.y, _symbolic)
    if y is None:
        return
    names = getattr(facts.model, "output_names", None)
    for what in ("loss", "metrics"):
        if (compiled := getattr(facts.model, f"_compile_{what}")) is None:
            continue
        weights = "_user_loss_weights" if what == "loss" else "_user_weighted_metrics"
        given = (getattr(compiled, f"_user_{what}"), getattr(compiled, weights))
        try:
            with running.undisturbed(), _names_kept():
                copies = (keras.tree.map_structure(_copy, one) for one in given)
                made = type(compiled)(*copies, output_names=names)
                backend.compute_output_spec(made, y, outputs)
        except Exception as error:  # Keras has many, and the user's own raise what they like
            yield what, errors.first_line(error)


def _copy(given: Any) -> Any:
    """Return a metric of its own, since looking at one makes its variables; all else as it is."""
    is_metric = isinstance(given, keras.metrics.Metric)
    return type(given).from_config(given.get_config()) if is_metric else given


@contextlib.contextmanager
def _names_kept() -> Iterator[None]:
    """Restore the numbers by which Keras names metrics that have no name."""
    counted = collections.defaultdict(int, global_state.get_global_attribute(_COUNTERS) or {})
    try:
        yield
    finally:
        global_state.set_global_attribute(_COUNTERS, counted)


def _symbolic(leaf: reading.Leaf) -> keras.KerasTensor:
    """Return the tensor without numbers that a batch of these targets will be."""
    dtypes = list(leaf.dtypes) if isinstance(leaf, pd.DataFrame) else [leaf.dtype]
    kinds = {getattr(dtype, "kind", "f") for dtype in dtypes}
    whole = kinds <= {"i", "u", "b"}
    column = (1,) if isinstance(leaf, pd.Series) else ()
    return keras.KerasTensor((None, *leaf.shape[1:], *column), "int64" if whole else "float32")
