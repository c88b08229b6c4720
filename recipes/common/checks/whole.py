"""Rules about what cannot be judged at all."""

from __future__ import annotations

from collections.abc import Iterator

from recipes.common.checks.facts import Facts
from recipes.common.checks.findings import Finding, rule_list

RULES, rule = rule_list()


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
            "warning",
            "a model that is not compiled: its output, loss and metrics are not judged",
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
