"""The kinds of input that there are."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras_recipes.data.splits import Splits
from keras_recipes.features.arrays import Arrays
from keras_recipes.features.kind import Kind
from keras_recipes.features.own_images import OwnImages
from keras_recipes.features.own_tables import OwnTables
from keras_recipes.features.own_texts import OwnTexts, Texts

# The last one takes what no other does.
KINDS: tuple[type[Kind], ...] = (OwnTexts, OwnTables, OwnImages, Texts, Arrays)


def of(splits: Splits) -> Kind:
    """Return what a data set's splits hold, by its kind."""
    return next(found for one in KINDS if (found := one.of(splits)) is not None)


def to_json(inputs: Kind) -> dict[str, Any]:
    """Return what stands in schema.json of a run's inputs."""
    return {"kind": inputs.NAME, **dataclasses.asdict(inputs)}


def from_json(values: dict[str, Any]) -> Kind:
    """Put together again what `to_json` wrote.

    Raises:
        ValueError: If it is not whole.
    """
    others = {name: value for name, value in values.items() if name != "kind"}
    known = {one.NAME: one for one in KINDS}
    if values.get("kind") not in known:
        raise ValueError(f"inputs.kind: expected one of {', '.join(known)}")
    return known[values["kind"]].from_json(others)
