"""What was seen in a set of images, and what was done about it: the table before training."""

import collections
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from keras_recipes.data.images import listing, pixels

_FEW = 10  # images of a class
_UNEQUAL = 10  # one class so many times as frequent as another
_MAX_EXAMPLES = 5
_MAX_CLASSES = 40
_MAX_SIZES = 3


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row of the table.

    Attributes:
        what: Was seen, such as "corrupt files".
        count: How many images; None where it is no number of them.
        done: What was done about it, or what it means.
        examples: The first ones, by name.
    """

    what: str
    count: int | None
    done: str
    examples: tuple[str, ...] = ()


def of_notes(notes: listing.Notes) -> list[Finding]:
    """Return a finding for each kind of note."""
    return [
        Finding(what, len(names) or None, done, tuple(names[:_MAX_EXAMPLES]))
        for what, done, names in notes
    ]


def of_classes(y: np.ndarray, class_names: Sequence[str]) -> list[Finding]:
    """Return the classes with their counts, and warnings of few and of unequal ones.

    Args:
        y: Classes (rows,), or values where there are no names.
        class_names: In label order.
    """
    if not class_names:
        return [Finding("values", len(y), f"from {y.min():g} to {y.max():g}, mean {y.mean():.4g}")]
    counts = np.bincount(y.astype(int), minlength=len(class_names)).tolist()
    pairs = list(zip(class_names, counts, strict=True))
    found = [Finding(f"class {name}", count, "") for name, count in pairs[:_MAX_CLASSES]]
    if rest := counts[_MAX_CLASSES:]:
        found.append(Finding(f"{len(rest):,} more classes", sum(rest), "all in schema.json"))
    if max(counts) > _UNEQUAL * min(counts):
        most, least = (class_names[counts.index(one)] for one in (max(counts), min(counts)))
        done = f"{most} has {max(counts) / max(1, min(counts)):.0f} times as many as {least}"
        found.append(
            Finding("unequal classes", None, f"{done}; --class-weights gives them equal weight")
        )
    few = [f"{name} ({count})" for name, count in pairs if count < _FEW]
    if few:
        done = f"below {_FEW} images; scores of these classes are uncertain"
        found.append(Finding("classes of few images", len(few), done, tuple(few[:_MAX_EXAMPLES])))
    return found


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
        Finding("formats", None, _counted(kinds)),
        Finding("colours", None, f"{_counted(modes)} (judged by the pixels); read as {colour}"),
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
        found += _some(what, done, [name for name, yes in zip(names, which, strict=True) if yes])
    lies = [
        f"{name} is {one.kind}" for name, one in zip(names, headers, strict=True) if one.is_misnamed
    ]
    return [*found, *_some("ending of another format", "read as what they are", lies)]


def of_split(layout: str, parts: Sequence[str] | None, groups: np.ndarray | None) -> Finding:
    """Return how the images are split.

    Args:
        layout: Of the files, in words.
        parts: Of each image, where the folders say so.
        groups: Of each image; None where each stands alone.
    """
    together = "" if groups is None else f"; {groups.max() + 1:,} groups, none of them divided"
    if parts is None:
        done = f"{layout}: 60 % train, 20 % validation, 20 % test{together}"
        return Finding("split", None, done)
    counts = collections.Counter(parts)
    missing = [part for part in ("validation", "test") if not counts[part]]
    taken = f"; 20 % of train become {missing[0]}" if missing else ""
    return Finding("split", None, f"{layout}, as they are: {_counted(counts)}{taken}{together}")


def _some(what: str, done: str, names: list[str]) -> Iterator[Finding]:
    if names:
        yield Finding(what, len(names) or None, done, tuple(names[:_MAX_EXAMPLES]))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)


def _sizes(headers: Sequence[pixels.Header]) -> str:
    sizes = collections.Counter((one.width, one.height) for one in headers)
    texts = [f"{width}x{height} ({count:,})" for (width, height), count in sizes.most_common()]
    if len(sizes) <= _MAX_SIZES:
        return ", ".join(texts)
    (left, top), *_, (right, low) = sorted(sizes, key=lambda one: one[0] * one[1])
    return f"{len(sizes):,}, from {left}x{top} to {right}x{low}, most often {texts[0]}"


def rows(findings: Sequence[Finding]) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table: what was seen, how often, what was done, examples.

    Args:
        findings: Of a Source.
    """
    return [
        (
            one.what,
            "" if one.count is None else f"{one.count:,}",
            one.done,
            ", ".join(one.examples)
            + (", …" if one.count is not None and one.count > len(one.examples) > 0 else ""),
        )
        for one in findings
    ]
