"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import pathlib
import shutil
from collections.abc import Iterator

from keras_recipes.errors import InputError, RunError


def write_json(path: pathlib.Path, content: dict) -> None:
    """Write JSON to a file that appears only when it is complete; NaN and infinity as null."""
    text = json.dumps(finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def finite(content: object) -> object:
    """Replace the numbers that JSON has no word for by null."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_text(path: pathlib.Path, content: str) -> None:
    """Write text as UTF-8 to a file that appears only when it is complete."""
    write_bytes(path, content.encode())


def write_bytes(path: pathlib.Path, content: bytes) -> None:
    """Write a file that appears only when it is complete; a device or a pipe is written to."""
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path = path.resolve()  # a link stays a link
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


def sha256(path: pathlib.Path) -> str:
    """Return the checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_new_file(flag: str, path: pathlib.Path) -> None:
    """Refuse, before any work is done, a file that could not be written or that is somebody's.

    Args:
        flag: That the path was given by, for the message.
        path: The file to be; a device or a pipe may be there.

    Raises:
        InputError: If the file is there already, or its folder cannot be written to.
    """
    try:
        if path.is_dir():
            raise InputError(f"{flag} {path}: a folder; give the name of a file")
        if path.is_file():
            raise InputError(f"{flag} {path}: there already; remove it, or give another name")
    except OSError as error:
        raise InputError(f"{flag} {path}: cannot write there ({error.strerror})") from error
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"{flag} {path}: {path.parent} is no folder that can be written to")


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
            f"{flag} {path}: cannot write there ({error.strerror}); give a folder that you may "
            "write to"
        ) from error
    with _exchanged(partial, path, flag):
        yield partial


def _make_partial(path: pathlib.Path, flag: str) -> pathlib.Path:
    """Make the folder to write into; refuse, before any work, what could not take its name."""
    new = f"give the name of a new folder, such as {path.resolve().name}-2"
    if path.name == ".." or path.is_symlink():
        raise InputError(f"{flag} {path}: cannot be replaced by a folder; {new}")
    if path.is_dir():
        if held := sorted({one.name for one in path.iterdir()} - {".git", ".DS_Store"}):
            shown = ", ".join(held[:3]) + ", …" * (len(held) > 3)
            raise InputError(f"{flag} {path}: already there and not empty ({shown}); {new}")
        partial = path / ".partial"
    elif path.exists():
        raise InputError(f"{flag} {path}: a file of that name is there; {new}")
    else:
        partial = path.with_name(path.name + ".partial")
    if os.path.lexists(partial):
        raise InputError(
            f"{flag} {path}: {partial} is there already; another run is writing it, or one was "
            "killed: remove it, or give another name"
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
            f"could not write {path} ({reason}); nothing was left there: free some space"
            + (f" or give another place by {named}" if flag else "")
        ) from error
