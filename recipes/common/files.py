"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator

from recipes.common.errors import InputError, RunError


def write_json(path: pathlib.Path, content: dict) -> None:
    """Write JSON to a file that appears only when it is complete."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(path: pathlib.Path, content: str) -> None:
    """Write text to a file that appears only when it is complete.

    Raises:
        RunError: If the disk is full, or fails otherwise.
    """
    path = path.resolve()  # a link stays a link
    with faults_named(path):
        if path.exists() and not path.is_file():
            path.write_text(content, encoding="utf-8")  # a device or a pipe is never replaced
            return
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # else the name may reach the disk before the content
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def next_folder(parent: pathlib.Path, name: str) -> pathlib.Path:
    """Give the first of parent/name-1, parent/name-2, … that is not taken."""
    number = 1
    while any((parent / f"{name}-{number}{end}").exists() for end in ("", ".partial")):
        number += 1
    return parent / f"{name}-{number}"


@contextlib.contextmanager
def whole_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Give a folder to write into that takes its name only if the block ends well.

    Args:
        path: The folder to be. It may exist if it is empty.

    Yields:
        `path` with ".partial" appended; removed again if the block fails.

    Raises:
        InputError: If the folder is taken or cannot be written to.
    """
    partial = path.with_name(path.name + ".partial")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(
            f"--out {path}: already there and not empty; give the name of a new folder"
        )
    try:
        partial.mkdir(parents=True)
    except FileExistsError as error:
        raise InputError(
            f"--out {path}: {partial} is there already; another run is writing it, or one was "
            "killed: remove it, or give another name"
        ) from error
    except OSError as error:
        raise InputError(
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


@contextlib.contextmanager
def faults_named(path: pathlib.Path) -> Iterator[None]:
    """Turn a disk's failure while the block writes into one line.

    Raises:
        RunError: If the disk is full, or fails otherwise.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"could not write {path} ({error.strerror or error}); nothing was left there: "
            "free some space or give another folder with --out"
        ) from error
