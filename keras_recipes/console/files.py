"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from keras_recipes.errors import InputError, RunError


def write_json(path: pathlib.Path, content: dict) -> None:
    """Write JSON to a file that appears only when it is complete; NaN and infinity as null."""
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def _finite(content: object) -> object:
    """Replace the numbers that JSON has no word for."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_text(path: pathlib.Path, content: str) -> None:
    """Write text to a file that appears only when it is complete.

    Raises:
        RunError: If the disk is full, or fails otherwise.
    """
    with faults_named(path):
        if path.exists() and not path.is_file():
            path.write_text(content, encoding="utf-8")  # a device or a pipe is never replaced
            return
        path = path.resolve()  # a link stays a link
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # else the name may reach the disk before the content
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


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
def whole_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield a folder to write into that takes its name only if the block ends well.

    Args:
        path: The folder to be. It may exist if it is empty.

    Yields:
        `path` with ".partial" appended; removed again if the block fails.

    Raises:
        InputError: If the folder is taken or cannot be written to.
        RunError: If the disk is full.
    """
    try:
        partial = _make_partial(path)
    except OSError as error:
        kind = RunError if error.errno == errno.ENOSPC else InputError
        raise kind(
            f"--out {path}: cannot write there ({error.strerror}); give a folder that you may write"
        ) from error
    try:
        yield partial
        with faults_named(path):
            if path.exists():
                path.rmdir()
            os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_partial(path: pathlib.Path) -> pathlib.Path:
    """Make the folder to write into; refuse, before any work, what could not take its name."""
    new = f"give the name of a new folder, such as runs/{path.stem or 'mine'}-2"
    if path.name in ("", "..") or path.is_symlink() or os.path.ismount(path):
        raise InputError(f"--out {path}: cannot be replaced by a folder; {new}")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        what = "already there and not empty" if path.is_dir() else "a file of that name is there"
        raise InputError(f"--out {path}: {what}; {new}")
    partial = path.with_name(path.name + ".partial")
    if os.path.lexists(partial):
        raise InputError(
            f"--out {path}: {partial} is there already; another run is writing it, or one was "
            "killed: remove it, or give another name"
        )
    partial.mkdir(parents=True)
    return partial


IN_AN_EMPTY_FOLDER = (".git", ".DS_Store")


@contextlib.contextmanager
def filled_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Fill a folder with files: all of them, or none if the block fails.

    The folder itself stays, so that it may be the current one, or a mount point.

    Args:
        path: A folder that is new, or empty but for .git.

    Yields:
        A folder inside it, whose entries are moved up at the end.

    Raises:
        InputError: If the folder holds something, or cannot be written to.
        RunError: If the disk is full.
    """
    try:
        held = sorted({one.name for one in path.iterdir()} - {*IN_AN_EMPTY_FOLDER})
    except FileNotFoundError:
        held = []
    except OSError as error:
        raise InputError(f"{path}: no folder to write into ({error.strerror})") from error
    if held:
        shown = ", ".join(held[:3]) + ", …" * (len(held) > 3)
        raise InputError(
            f"{path}: the folder holds {shown}; expected a new or an empty one, give another folder"
        )
    is_new, moved = not path.exists(), []
    try:
        with faults_named(path):
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".partial-", dir=path) as partial:
                yield pathlib.Path(partial)
                for name in os.listdir(partial):
                    os.rename(os.path.join(partial, name), path / name)
                    moved.append(path / name)
    except BaseException:
        for one in moved:
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        if is_new:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


@contextlib.contextmanager
def faults_named(path: pathlib.Path) -> Iterator[None]:
    """Turn a disk's failure while the block writes into one line.

    Raises:
        RunError: If the disk is full, or fails otherwise.
    """
    try:
        yield
    except BrokenPipeError:  # the terminal's fault, not the disk's
        raise
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise RunError(
            f"could not write {path} ({reason}); nothing was left there: "
            "free some space or give another folder with --out"
        ) from error
