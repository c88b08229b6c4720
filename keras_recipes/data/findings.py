"""What was seen in a user's data, and what was done about it: rows of the table before training."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

_MAX_EXAMPLES = 5
_FEW = 10  # images of a class
_UNEQUAL = 10  # one class so many times as frequent as another
_MAX_CLASSES = 40


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row of the table.

    Attributes:
        what: Was seen, such as "corrupt files".
        count: How many images or texts; None where it is no number of them.
        done: What was done about it, or what it means.
        examples: The first ones.
    """

    what: str
    count: int | None
    done: str
    examples: tuple[str, ...] = ()


def of_notes(notes: Iterable[tuple[str, str, list[str]]]) -> list[Finding]:
    """Return a finding for each kind of note."""
    return [
        Finding(what, len(names) or None, done, tuple(names[:_MAX_EXAMPLES]))
        for what, done, names in notes
    ]


def of_classes(y: np.ndarray, class_names: Sequence[str], what: str) -> list[Finding]:
    """Return the classes with their counts, and warnings of few and of unequal ones.

    Args:
        y: Classes (rows,), or values where there are no names.
        class_names: In label order.
        what: The rows are, such as "images".
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
        done = f"below {_FEW} {what}; scores of these classes are uncertain"
        found.append(Finding(f"classes of few {what}", len(few), done, tuple(few[:_MAX_EXAMPLES])))
    return found


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
    return Finding("split", None, f"{layout}, as they are: {counted(counts)}{taken}{together}")


def counted(counts: Mapping[str, int]) -> str:
    """Return names with their counts, those of 0 left out."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)


def some(what: str, done: str, examples: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding where there is an example of it."""
    if examples:
        yield Finding(what, len(examples), done, tuple(examples[:_MAX_EXAMPLES]))


def rows(findings: Sequence[Finding]) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table: what was seen, how often, what was done, examples."""
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
