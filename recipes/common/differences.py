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

LINE_ENDS = "line ends changed"


@dataclasses.dataclass(frozen=True)
class Change:
    """A file that the project or the collection has changed since the copy.

    Attributes:
        path: Below the project.
        words: What each side that changed it has done: "added", "changed", "removed", or "line ends
            changed".
        patches: By the sides that added or changed it, a unified diff from what was taken.
    """

    path: str
    words: dict[str, str]
    patches: dict[str, str]


def describe(folder: pathlib.Path) -> Iterator[str]:
    """Give the lines that tell of a project's differences, as `find` finds them."""
    manifest = _read_manifest(folder)
    yield (
        f"{folder}: {manifest['name']}, copied from the recipe {manifest['recipe']} of version "
        f"{manifest['version']} on {manifest['date']}\n"
    )
    if manifest["recipe"] not in shelf.recipe_names():
        yield (
            f"{shelf.describe_unknown(manifest['recipe'])}. Where it has another name now, write "
            f"that into {copying.MANIFEST}; here are the other files.\n"
        )
    changes = _compare(folder, manifest)
    in_ends = [change.path for change in changes if {*change.words.values()} == {LINE_ENDS}]
    if in_ends:
        yield f"the ends of the lines differ (CRLF and LF), nothing else: {', '.join(in_ends)}\n"
    for change in changes:
        if change.path not in in_ends:
            words = ", ".join(f"{word} in the {side}" for side, word in change.words.items())
            yield f"{change.path}: {words}"
            for side, patch in change.patches.items():
                yield f"in the {side} since the copy:\n{patch}\n"
    count = {0: "no file differs", 1: "1 file differs"}.get(
        len(changes), f"{len(changes)} files differ"
    )
    yield f"{count} from what a copy would be today"


def find(folder: pathlib.Path) -> list[Change]:
    """Compare a project, and what a copy of its recipe would be today, with what was copied.

    Args:
        folder: That `copying.copy` wrote.

    Returns:
        The files that differ between the two.

    Raises:
        InputError: If the folder was not written by `copy`.
    """
    return _compare(folder, _read_manifest(folder))


def _compare(folder: pathlib.Path, manifest: dict) -> list[Change]:
    recipe, name, texts = (manifest[key] for key in ("recipe", "name", "texts"))
    if recipe in shelf.recipe_names():
        today = copying.project(recipe, name, manifest.get("settings"))
    else:
        today = copying.project_without(name, texts)
    changes = []
    for path in sorted({*today, *texts}):
        taken, ours = (
            text if text is None else text.encode() for text in (texts.get(path), today.get(path))
        )
        theirs = _read(folder, path)
        if theirs != ours:
            changes.append(_change(path, taken, {"collection": ours, "project": theirs}))
    return changes


def _read(folder: pathlib.Path, path: str) -> bytes | None:
    """Read a file of the project, None where there is no such file."""
    with copying.faults_named(folder / path):
        return (folder / path).read_bytes() if (folder / path).is_file() else None


def _change(path: str, taken: bytes | None, by_side: dict[str, bytes | None]) -> Change:
    """Describe a file that differs.

    Args:
        path: Below the project.
        taken: What was copied; None where the file was not there then.
        by_side: What a side has; None where there is no such file.
    """
    words = {side: _word(taken, content) for side, content in by_side.items() if content != taken}
    patches = {
        side: _patch((f"taken/{path}", f"{side}/{path}"), taken or b"", by_side[side] or b"")
        for side, word in words.items()
        if word in ("added", "changed")
    }
    return Change(path, words, patches)


def _word(taken: bytes | None, content: bytes | None) -> str:
    """Say what a side has done to a file that is not as it was taken."""
    if taken is None or content is None:
        return "added" if taken is None else "removed"
    return LINE_ENDS if _unix(taken) == _unix(content) else "changed"


def _unix(content: bytes) -> bytes:
    """Give a text with the line ends that all files of the collection have."""
    return content.replace(b"\r\n", b"\n")


def _patch(names: tuple[str, str], before: bytes, after: bytes) -> str:
    """Write a unified diff, or say why there is none."""
    try:
        # Lines end at \n alone, unlike those of splitlines.
        lines = [list(io.StringIO(_unix(text).decode(), newline="\n")) for text in (before, after)]
    except UnicodeDecodeError:
        return "binary, differs"
    if b"\0" in before + after:
        return "binary, differs"
    patch = difflib.unified_diff(*lines, *names)
    ends = "\n\\ No newline at end of file"
    return "\n".join(line[:-1] if line.endswith("\n") else line + ends for line in patch)


def _read_manifest(folder: pathlib.Path) -> dict:
    """Read what `copy` wrote down, and check it: it may have been edited by hand.

    Returns:
        Its content, the texts unpacked.

    Raises:
        InputError: If it is missing or damaged.
    """
    path = folder / copying.MANIFEST
    with copying.faults_named(path):
        is_there = path.is_file()
    if not is_there:
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
    return manifest | {"texts": _texts(manifest)}


def _texts(manifest: dict) -> dict[str, str] | None:
    """Unpack the files as they were taken; None where they are not those of the hashes."""
    try:
        texts = {path: copying.unpack(manifest["texts"][path]) for path in manifest["files"]}
    except (KeyError, TypeError, ValueError):
        return None
    hashes = {path: copying.digest(text.encode()) for path, text in texts.items()}
    return texts if hashes == manifest["files"] else None


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
    if _texts(manifest) is None:
        return '"texts" are missing, or not those of the hashes in "files"'
    return ""


def _is_inside(folder: pathlib.Path, path: str) -> bool:
    """Tell whether a path leads to a place below the folder, links followed."""
    folder = copying.real_path(folder)
    return copying.real_path(folder / path).is_relative_to(folder)
