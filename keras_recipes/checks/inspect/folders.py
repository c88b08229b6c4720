"""Names of folders and files: their order in a program, and the subjects that they show."""

from __future__ import annotations

import ast
import collections
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Sequence

# Subjects by name: so many at least, with so many files each at most; and in so many splits.
MIN_SUBJECTS, MAX_FILES, MIN_SHARED = 10, 100, 3
# Arguments that set the order of the labels.
_SETS_ORDER = {"class_names", "classes"}
_DATE = re.compile(r"(19|20)\d{6}")  # as cameras name files; no subject
_NUMBERED = re.compile(r"(.*?[^\W\d_].*?|\d+)[\s_.\-()]+\w*?\d+\D*")


@dataclasses.dataclass(frozen=True)
class Listing:
    """Names as a program lists them, and the line."""

    names: Sequence[str]
    line: int


def other_order(names: Sequence[str], program: str) -> Listing | None:
    """Return where a program lists the same names in another order; None where it does not.

    Args:
        names: In the order of the labels.
        program: Source text. A list that it reads the folders by is the order of the labels.
    """
    try:
        tree = ast.parse(program)
    except SyntaxError:
        return None
    given = {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in _SETS_ORDER
        for part in ast.walk(node.value)
    }
    for node in ast.walk(tree):
        listed = _names_of(node)
        same = len(listed) == len(names) and {*listed} == {*names}
        if same and listed != list(names) and node not in given:
            return Listing(listed, getattr(node, "lineno", 0))
    return None


def groups_in_both(files: Sequence[str], others: Sequence[str], num_classes: int) -> list[str]:
    """Return the subjects with files on both sides; none where names show no subjects.

    The subject is what stands before the last number of a name: "p12" of "p12_3.png". There must
    be many of them, more than classes, and few files of each.
    """
    mine, theirs = (collections.Counter(_subjects(some)) for some in (files, others))
    both = mine + theirs
    several = [name for name, count in both.items() if count > 1]
    total = sum(both.values())
    if len(several) < max(MIN_SUBJECTS, 2 * num_classes + 1) or total > MAX_FILES * len(both):
        return []
    if sum(both[name] for name in several) < (len(files) + len(others)) / 2:
        return []
    shared = sorted(mine.keys() & theirs.keys())
    return shared if len(shared) >= MIN_SHARED else []


def _subjects(files: Sequence[str]) -> Iterator[str]:
    for file in files:
        found = _NUMBERED.fullmatch(pathlib.PurePath(file).stem)
        if found and not _DATE.fullmatch(found[1]):
            yield found[1]


def _names_of(node: ast.AST) -> list[str]:
    """Return the names that a list, a tuple or a dict by label or name holds, by label."""
    if isinstance(node, ast.List | ast.Tuple):
        values = [one.value for one in node.elts if isinstance(one, ast.Constant)]
        return [one for one in values if isinstance(one, str)]
    if isinstance(node, ast.Dict):
        pairs = [
            (key.value, value.value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
        ]
        by_label = [
            (label, str(name))
            for pair in pairs
            for label, name in (pair, pair[::-1])
            if isinstance(label, int) and isinstance(name, str)
        ]
        return [name for _, name in sorted(by_label)]
    return []
