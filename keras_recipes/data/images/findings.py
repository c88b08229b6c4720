"""What was seen in a set of images, and what was done about it: the table before training."""

import collections
from collections.abc import Sequence

from keras_recipes.data.findings import Finding, counted, some
from keras_recipes.data.images import pixels

_MAX_SIZES = 3


def of_pictures(
    names: Sequence[str],
    headers: Sequence[pixels.Header],
    facts: Sequence[pixels.Facts],
    shape: tuple[int, ...],
    depth_shift: int,
) -> list[Finding]:
    """Return sizes, formats, colours, and what was done to single images.

    Args:
        names: Of the files.
        headers: What their beginnings say.
        facts: What was found in decoding.
        shape: Of the pixels, (rows, size, size, channels).
        depth_shift: By which 16-bit numbers were shifted.
    """
    _, size, _, channels = shape
    colour = "grey" if channels == 1 else "RGB"
    num_grey = sum(one.is_grey for one in facts)
    modes = {"grey": num_grey, "colour": len(facts) - num_grey}
    kinds = collections.Counter(one.kind for one in headers)
    found = [
        Finding("sizes", None, f"{_sizes(headers)}; brought to {size}x{size}"),
        Finding("formats", None, counted(kinds)),
        Finding("colours", None, f"{counted(modes)} (judged by the pixels); read as {colour}"),
    ]
    ways = {
        "EXIF orientation": ("turned upright", (one.is_turned for one in facts)),
        "transparent pixels": ("laid over white", (one.is_transparent for one in facts)),
        "palette": ("each pixel's colour is looked up", (one.mode in "PA" for one in headers)),
        "16 bits": (f"shifted right by {depth_shift}", (one.is_deep for one in headers)),
        "CMYK": ("computed as RGB", (one.mode == "CMYK" for one in headers)),
        "animated": ("the first frame is taken", (one.is_animated for one in headers)),
    }
    for what, (done, which) in ways.items():
        found += some(what, done, [name for name, yes in zip(names, which, strict=True) if yes])
    lies = [
        f"{name} is {one.kind}" for name, one in zip(names, headers, strict=True) if one.is_misnamed
    ]
    return [*found, *some("ending of another format", "read as what they are", lies)]


def _sizes(headers: Sequence[pixels.Header]) -> str:
    sizes = collections.Counter((one.width, one.height) for one in headers)
    texts = [f"{width}x{height} ({count:,})" for (width, height), count in sizes.most_common()]
    if len(sizes) <= _MAX_SIZES:
        return ", ".join(texts)
    (left, top), *_, (right, low) = sorted(sizes, key=lambda one: one[0] * one[1])
    return f"{len(sizes):,}, from {left}x{top} to {right}x{low}, most often {texts[0]}"
