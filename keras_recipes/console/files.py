"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from keras_recipes import reading
from keras_recipes.errors import InputError, RunError


def write_json(path: pathlib.Path, content: dict, *, with_checksum: bool = False) -> None:
    """Write JSON to a file that appears only when it is complete; NaN and infinity as null.

    Args:
        path: Of the file.
        content: What it is to hold.
        with_checksum: Whether it holds `reading.checksum` of the rest too, under "checksum".
    """
    kept: Any = finite(content)
    if with_checksum:
        read_again = json.loads(json.dumps(kept, allow_nan=False))
        kept = {**kept, "checksum": reading.checksum(read_again)}
    text = json.dumps(kept, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def finite(content: object) -> object:
    """Replace the numbers that JSON has no word for by null."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_text(path: pathlib.Path, content: str, *, devices: bool = False) -> None:
    """Write text as UTF-8 to a file that appears only when it is complete; as `write_bytes`."""
    write_bytes(path, content.encode(), devices=devices)


def write_bytes(path: pathlib.Path, content: bytes, *, devices: bool = False) -> None:
    """Write a file that appears only when it is complete.

    Args:
        path: Of the file.
        content: What it is to hold.
        devices: Whether a device or a pipe that is there is written to.

    Raises:
        OSError: If the disk fails, or something else than a file is there.
    """
    if path.exists() and not path.is_file():
        if not devices or path.is_dir():
            raise FileExistsError(errno.EEXIST, "something that is no file is there", str(path))
        path.write_bytes(content)
        return
    path = reading.resolved(path)  # a link stays a link
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with _exchanged(partial, path), partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # else the name may reach the disk before the content


@contextlib.contextmanager
def _exchanged(
    partial: pathlib.Path, path: pathlib.Path, flag: str | None = None
) -> Iterator[None]:
    """Move a file, or what is in a folder, to its own name if the block ends well; else remove it.

    Args:
        partial: Written by the block.
        path: Its name at the end. A folder of that name stays, and is filled.
        flag: As in `faults_named`.
    """
    try:
        yield
        with faults_named(path, flag):
            if path.is_dir():  # the current one, maybe, or a mount point
                for entry in sorted(partial.iterdir(), key=lambda one: one.stat().st_mtime_ns):
                    entry.rename(path / entry.name)
            else:
                os.replace(partial, path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def check_new_file(flag: str, path: pathlib.Path) -> None:
    """Refuse, before any work is done, a file that could not be written or that is somebody's.

    Args:
        flag: That the path was given by, for the message.
        path: The file to be; a device or a pipe may be there.

    Raises:
        InputError: If the file is there already, or its folder cannot be written to.
    """
    named = f"{flag} {reading.shown(path)}"
    try:
        if path.is_dir():
            raise InputError(f"{named}: a folder; give the name of a file")
        if path.is_file():
            raise InputError(f"{named}: there already; remove it, or give another name")
        folder = path.resolve().parent
    except (OSError, RuntimeError) as error:  # the latter of links that lead in a circle
        reason = getattr(error, "strerror", None) or "links that lead in a circle"
        raise InputError(f"{named}: cannot write there ({reason}); give another name") from error
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        shown = path.parent if folder == path.parent.resolve() else folder
        raise InputError(f"{named}: {reading.shown(shown)} is no folder that can be written to")


def next_folder(parent: pathlib.Path, name: str) -> pathlib.Path:
    """Return the first of parent/name-1, parent/name-2, … that is not taken."""
    number = 1
    while any((parent / f"{name}-{number}{end}").exists() for end in ("", ".partial")):
        number += 1
    return parent / f"{name}-{number}"


@contextlib.contextmanager
def whole_folder(path: pathlib.Path, flag: str = "--out") -> Iterator[pathlib.Path]:
    """Yield a folder to write into, whose content gets to `path` only if the block ends well.

    Args:
        path: The folder to be. It may exist if it is empty, but for .git and .DS_Store.
        flag: That the path was given by, for messages.

    Yields:
        `path` with ".partial" appended, or a folder in it; removed again if the block fails.

    Raises:
        InputError: If the folder is taken or cannot be written to.
        RunError: If the disk is full.
    """
    try:
        partial = _make_partial(path, flag)
    except OSError as error:
        kind = RunError if error.errno == errno.ENOSPC else InputError
        raise kind(
            f"{flag} {reading.shown(path)}: cannot write there ({error.strerror}); give a folder "
            "that you may write to"
        ) from error
    with _exchanged(partial, path, flag):
        yield partial


def _make_partial(path: pathlib.Path, flag: str) -> pathlib.Path:
    """Make the folder to write into; refuse, before any work, what could not take its name."""
    named, own = f"{flag} {reading.shown(path)}", os.path.basename(os.path.abspath(path))
    new = f"give the name of a new folder, such as {reading.shown(own)}-2"
    if path.name == ".." or path.is_symlink():
        raise InputError(f"{named}: cannot be replaced by a folder; {new}")
    reading.resolved(path)  # raises where no file could have this path
    if path.is_dir():
        if held := sorted({one.name for one in path.iterdir()} - {".git", ".DS_Store"}):
            shown = ", ".join(held[:3]) + ", …" * (len(held) > 3)
            raise InputError(f"{named}: already there and not empty ({shown}); {new}")
        partial = path / ".partial"
    elif path.exists():
        raise InputError(f"{named}: a file of that name is there; {new}")
    else:
        partial = path.with_name(path.name + ".partial")
    if os.path.lexists(partial):
        raise InputError(
            f"{named}: {reading.shown(partial)} is there already; another run is writing it, or "
            "one was killed: remove it, or give another name"
        )
    partial.mkdir(parents=True)
    return partial


@contextlib.contextmanager
def faults_named(path: pathlib.Path, flag: str | None = "--out") -> Iterator[None]:
    """Turn a disk's failure while the block writes into one line.

    Args:
        path: What is written.
        flag: By which the user can name another place; None where there is none.

    Raises:
        RunError: If the disk is full, or fails otherwise.
    """
    try:
        yield
    except BrokenPipeError:  # the terminal's fault, not the disk's
        raise
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        named = "--out (in Python: out)" if flag == "--out" else flag
        raise RunError(
            f"could not write {reading.shown(path)} ({reason}); nothing was left there: "
            + remedy(error)
            + (f" or give another place by {named}" if flag else "")
        ) from error


def remedy(error: OSError) -> str:
    """Return what makes a file writable where writing has failed."""
    if error.errno in (errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP):
        return "check the path"
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST):
        return f"move {error.filename2 or error.filename or 'what is there'} away"
    return "change its rights" if error.errno in (errno.EACCES, errno.EPERM) else "free some space"
