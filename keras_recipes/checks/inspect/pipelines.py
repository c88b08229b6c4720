"""What a data set says of itself beside its batches: class names, files, random operations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

# TensorFlow's operations that draw random numbers begin so; shuffling and the choice among data
# sets are no augmentation.
_DRAWS = (
    "Random", "StatelessRandom", "StatefulUniform", "StatefulStandardNormal",
    "StatefulTruncatedNormal",
)  # fmt: skip
_NO_AUGMENTATION = {"RandomShuffle", "RandomDataset", "RandomDatasetV2"}
# Arguments of ImageDataGenerator by which it changes images at random.
_RANDOM = (
    "rotation_range", "width_shift_range", "height_shift_range", "brightness_range", "shear_range",
    "channel_shift_range", "horizontal_flip", "vertical_flip",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where the rows of a data set come from.

    Attributes:
        class_names: In the order of the labels; () where they are not known.
        files: The files, one for each row; () where they are not known.
        augmented_by: What changes the rows at random; None where nothing does.
    """

    class_names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    augmented_by: str | None = None


def origin(stream: Any) -> Origin:
    """Look at a `tf.data.Dataset`, at those that it was made from, or at a `PyDataset`."""
    class_names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    for one in _with_sources(stream):
        indices: dict = getattr(one, "class_indices", None) or {}  # of flow_from_directory
        named = getattr(one, "class_names", None) or sorted(indices, key=lambda key: indices[key])
        class_names = class_names or tuple(map(str, named))
        files = files or tuple(
            map(str, getattr(one, "file_paths", None) or getattr(one, "filenames", None) or ())
        )
    return Origin(class_names, files, _augmented_by(stream))


def _with_sources(stream: Any) -> Iterator[Any]:
    """Yield a data set and all that it was made from, such as before `map` and `prefetch`."""
    waiting = [stream]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += getattr(one, "_inputs", list)()


def _augmented_by(stream: Any) -> str | None:
    if generator := getattr(stream, "image_data_generator", None):
        drawn = [name for name in _RANDOM if getattr(generator, name, None)]
        drawn += ["zoom_range"] * (tuple(getattr(generator, "zoom_range", (1, 1))) != (1, 1))
        return f"ImageDataGenerator({', '.join(drawn)})" if drawn else None
    for one in _with_sources(stream):
        for function in getattr(one, "_functions", list)():
            used = set(_operations(function)) - _NO_AUGMENTATION
            if drawn := sorted(name for name in used if name.startswith(_DRAWS)):
                return f"a function of its map, by the operation {drawn[-1]}"
    return None


def _operations(function: Any) -> Iterator[str]:
    """Yield the names of the operations of a function of a data set, and of those that it calls."""
    definition = function.function.graph.as_graph_def()
    yield from (node.op for node in definition.node)
    for inner in definition.library.function:
        yield from (node.op for node in inner.node_def)
