"""What has changed in a copied project, and in the collection, since the copy."""

from __future__ import annotations

import dataclasses
import difflib
import io
import json
import pathlib
import re
from collections.abc import Iterator

from recipes.common import copying, shelf
from recipes.common.errors import InputError


@dataclasses.dataclass(frozen=True)
class Change:
    """A file of a project that is not what a copy would write today.

    Attributes:
        path: Below the project.
        sides: Who changed it since it was taken, in words.
        patch: Unified diff in the direction of the change; from the project's file to what a copy
            would write today where both sides changed it. Empty for a file that was removed.
    """

    path: str
    sides: str
    patch: str


def describe(folder: pathlib.Path) -> Iterator[str]:
    """Give the lines that tell of a project's differences, as `find` finds them."""
    manifest = _read_manifest(folder)
    yield (
        f"{folder}: {manifest['name']}, copied from the recipe {manifest['recipe']} of version "
        f"{manifest['version']} on {manifest['date']}\n"
    )
    changes = _compare(folder, manifest)
    for change in changes:
        yield f"{change.path}: {change.sides}"
        yield f"{change.patch}\n" if change.patch else ""
    count = {0: "no file differs", 1: "1 file differs"}.get(
        len(changes), f"{len(changes)} files differ"
    )
    yield f"{count} from what a copy would be today"


def find(folder: pathlib.Path) -> list[Change]:
    """Compare a project with what a copy of its recipe would be today.

    Args:
        folder: That `copying.copy` wrote.

    Returns:
        The files that differ.

    Raises:
        InputError: If the folder was not written by `copy`, or its recipe is gone.
    """
    return _compare(folder, _read_manifest(folder))


def _compare(folder: pathlib.Path, manifest: dict) -> list[Change]:
    today = copying.project(manifest["recipe"], manifest["name"], manifest.get("settings"))
    ours = {path: text.encode() for path, text in today.items()}
    changes = []
    for path in sorted({*ours, *manifest["files"]}):
        contents = _read(folder, path), ours.get(path)
        if contents[0] != contents[1]:
            changes.append(_change(path, manifest["files"].get(path), *contents))
    return changes


def _read(folder: pathlib.Path, path: str) -> bytes | None:
    """Read a file of the project, None where there is no such file."""
    with copying.faults_named(folder / path):
        return (folder / path).read_bytes() if (folder / path).is_file() else None


def _change(path: str, taken: str | None, theirs: bytes | None, ours: bytes | None) -> Change:
    """Describe a file that differs.

    Args:
        path: Below the project.
        taken: The hash of what was copied; None where the file was not there then.
        theirs: The project's content; None where there is no such file.
        ours: What a copy would write today; None where it would write no such file.
    """
    by = {"collection": ours, "project": theirs}
    words = {side: _word(taken, content) for side, content in by.items()}
    changed = [side for side, word in words.items() if word]
    sides = ", ".join(f"{words[side]} in the {side}" for side in changed)
    before, after = ("collection", "project") if changed == ["project"] else tuple(by)[::-1]
    if by[after] is None:
        return Change(path, sides, "")
    names = f"{before}/{path}", f"{after}/{path}"
    return Change(path, sides, _patch(names, by[before] or b"", by[after]))


def _word(taken: str | None, content: bytes | None) -> str:
    """Say what one side has done to a file; nothing where it has left it as it was taken."""
    if (None if content is None else copying.digest(content)) == taken:
        return ""
    return "removed" if content is None else "added" if taken is None else "changed"


def _patch(names: tuple[str, str], before: bytes, after: bytes) -> str:
    """Write a unified diff, or say why there is none."""
    if before.replace(b"\r\n", b"\n") == after.replace(b"\r\n", b"\n"):
        return "the ends of the lines differ (CRLF and LF), nothing else"
    try:
        # Lines end at \n alone, unlike those of splitlines.
        lines = [list(io.StringIO(text.decode(), newline="\n")) for text in (before, after)]
    except UnicodeDecodeError:
        return "binary, differs"
    if b"\0" in before + after:
        return "binary, differs"
    patch = difflib.unified_diff(*lines, *names)
    ends = "\n\\ No newline at end of file"
    return "\n".join(line[:-1] if line.endswith("\n") else line + ends for line in patch)


def _read_manifest(folder: pathlib.Path) -> dict:
    """Read what `copy` wrote down, and check it: it may have been edited by hand.

    Raises:
        InputError: If it is missing or damaged, or its recipe is gone.
    """
    path = folder / copying.MANIFEST
    if not path.is_file():
        what = f"it holds no {path.name}" if folder.is_dir() else "there is no such folder"
        raise InputError(f"{folder} is no project that `python -m recipes copy` wrote: {what}")
    try:
        with copying.faults_named(path):
            manifest = json.loads(path.read_text(encoding="utf-8"))
        fault = _fault(folder, manifest)
    except (UnicodeError, json.JSONDecodeError, RecursionError):
        fault = "it is no JSON text"
    if fault:
        raise InputError(f"{path} is damaged: {fault}; bring it back as `copy` wrote it")
    if manifest["recipe"] not in shelf.recipe_names():
        names = ", ".join(shelf.recipe_names())
        raise InputError(f"{path} names the recipe {manifest['recipe']!r}; there is {names}")
    return manifest


def _fault(folder: pathlib.Path, manifest: object) -> str:
    """Say what is wrong with a manifest's content; nothing where it is right."""
    if not isinstance(manifest, dict):
        return "expected an object with recipe, name, version, date and files"
    for key in ("recipe", "name", "version", "date"):
        value = manifest.get(key)
        if not (isinstance(value, str) and value.isprintable()):
            return f'"{key}" is missing or no text'
    if not re.fullmatch(copying.NAME, manifest["name"]):
        return f'"name" is {manifest["name"]!r}, which names no recipe'
    settings = manifest.get("settings", {})
    if not isinstance(settings, dict) or (settings and not {"csv", "target"} <= settings.keys()):
        return '"settings" is no table of settings with csv and target'
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(isinstance(value, str) for value in files.values()):
        return '"files" is no table of paths and hashes'
    for path in files:
        if not path.isprintable() or not _is_inside(folder, path):
            return f'"files" names {path!r}, which lies outside the project'
    return ""


def _is_inside(folder: pathlib.Path, path: str) -> bool:
    """Tell whether a path leads to a place below the folder, links followed."""
    folder = copying.real_path(folder)
    return copying.real_path(folder / path).is_relative_to(folder)
