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
_LISTINGS = {"listdir", "iterdir", "scandir", "glob", "rglob"}
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


def labelled_as_listed(program: str) -> int | None:
    """Return the line where a program numbers folders as the file system lists them; else None.

    A loop over the folders lists the files in each of them and keeps the number; a dict holds the
    number of each name. `sorted` makes the order one that is known.
    """
    try:
        tree = ast.parse(program)
    except SyntaxError:
        return None
    nodes = list(ast.walk(tree))
    listed = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_listing(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:  # names.sort() and names = sorted(names)
        if isinstance(node, ast.Call) and _called(node) in ("sort", "sorted"):
            listed -= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    for node in nodes:
        loops = [node] if isinstance(node, ast.For) else getattr(node, "generators", [])
        for loop in loops:
            number = _number_of_folder(loop, listed)
            if number and _keeps(node, number):
                return getattr(node, "lineno", None)
    return None


def _is_listing(node: ast.AST) -> bool:
    """Return whether this lists a folder in the order of the file system."""
    if isinstance(node, ast.Call) and _called(node) == "list" and node.args:
        return _is_listing(node.args[0])
    return isinstance(node, ast.Call) and _called(node) in _LISTINGS


def _number_of_folder(loop: ast.For | ast.comprehension, listed: set[str]) -> str | None:
    """Return what a loop calls the number of what was listed; None for other loops."""
    over, target = loop.iter, loop.target
    if not isinstance(over, ast.Call) or _called(over) != "enumerate" or not over.args:
        return None
    is_name = isinstance(over.args[0], ast.Name) and over.args[0].id in listed
    if not is_name and not _is_listing(over.args[0]):
        return None
    first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else None
    return first.id if isinstance(first, ast.Name) else None


def _keeps(node: ast.AST, number: str) -> bool:
    """Return whether a loop or a dict keeps the number as a label."""

    def holds(part: ast.AST) -> bool:
        return any(isinstance(one, ast.Name) and one.id == number for one in ast.walk(part))

    if isinstance(node, ast.DictComp):
        return holds(node.key) or holds(node.value)
    if not isinstance(node, ast.For):
        return False
    calls = [one for line in node.body for one in ast.walk(line) if isinstance(one, ast.Call)]
    into_folders = any(_called(call) in _LISTINGS for call in calls)
    return into_folders and any(
        _called(call) in ("append", "extend") and any(holds(part) for part in call.args)
        for call in calls
    )


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", None) or getattr(call.func, "id", ""))


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
