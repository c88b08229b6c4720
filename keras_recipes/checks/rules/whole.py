"""Rules about the model as a whole, and about what cannot be judged at all."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect.facts import Facts

RULES, rule = rule_list()


@rule("H19")
def losses_name_no_output(facts: Facts, say) -> Iterator[Finding]:
    """Losses by name whose names are not those of the outputs.

    Why: `fit` stops with an error about keys; a model whose outputs are a list wants a loss, or
        None, for each of them.
    Fix: `loss={"price": "mse", "kind": None}`, or a list in the order of the outputs.
    Thread: keras-team/keras#18708, tensorflow/tensorflow#34691
    """
    loss, names = facts.model.loss if facts.model.compiled else None, _names_of_losses(facts)
    if not isinstance(loss, dict) or not names or facts.trains_itself:
        return
    in_a_list = not isinstance(facts.model.output, dict)
    if set(loss) - set(names) or (in_a_list and set(names) - set(loss)):
        given = {name: loss.get(name) for name in names}
        yield say(
            "error",
            f"losses for the outputs {', '.join(map(repr, loss))}",
            f"{'a loss or None for each of' if in_a_list else 'names among'} "
            f"{', '.join(map(repr, names))}",
            f"loss={given!r}",
        )


def _names_of_losses(facts: Facts) -> list[str]:
    """Name the outputs as Keras holds losses against them; none for a model without a graph."""
    if not getattr(facts.model, "outputs", None) or isinstance(facts.model, keras.Sequential):
        return []
    if isinstance(facts.model.output, dict):
        return list(facts.model.output)
    return list(facts.model.output_names)


@rule("N1")
def not_judged(facts: Facts, say) -> Iterator[Finding]:
    """Something that could not be looked at, so that no finding does not mean that all is well.

    Why: a model that is not compiled has no loss to hold its output against, and one that cannot
        be built has no output.
    Fix: `model.compile(...)` before the check; arrays or a finite data set instead of a generator.
    Thread: keras-team/keras#18909
    """
    if not facts.model.compiled and not facts.trains_itself:
        yield say(
            "error",
            "a model that is not compiled: fit refuses it, and output and loss are not judged",
            "a compiled model",
            "model.compile(optimizer='adam', loss=..., metrics=[...]) before the check",
        )
    if facts.train.x is None:
        yield say(
            "warning",
            f"data that are not judged: {facts.train.fault or 'there are none'}",
            "arrays, tables or a finite data set",
            "check(model, x, y) with some rows as arrays; --data x.csv --target y in the command",
        )
    if facts.fault and facts.train.x is None:
        yield say(
            "warning",
            f"a model whose output is not judged: {facts.fault}",
            "a model that is built, or inputs to build it from",
            "keras.Input(shape) as the first layer",
        )
