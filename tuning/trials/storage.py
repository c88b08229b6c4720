"""The folder of a search: one file for each trial, whole or not there at all.

search.json     what is searched, and how; the mark of a search's folder
trials/0007.json   of a trial that has ended, or that runs beside others
models/0007.keras   of the best trials only
trials.csv, history.csv   made from the files in trials/, for reading
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import json
import os
import pathlib
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import pandas as pd

from keras_recipes import configs, reading
from keras_recipes.console import files
from keras_recipes.errors import InputError, RunError, for_known_keywords
from tuning.trials import records

FORMAT = 4
FIX = "put it back from a copy; the other files are left as they are"
# The tables are made anew from all trials, so not after every one of many fast trials.
SECONDS_BETWEEN_TABLES = 1.0


class Store:
    """The folder of a search, held by one process at a time.

    Attributes:
        folder: Of the search.
        description: The content of search.json.
        trials: That have ended, by number.
        running: That had begun and not ended when the folder was opened.
        is_new: Whether `create` has made the folder; only then may it be discarded.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder, self.is_new = folder, False
        self.description = read_description(folder)
        self._identity = _identity(self.description)
        known = read_trials(folder)
        self.trials = [trial for trial in known if not trial.is_running]
        self.running = [trial for trial in known if trial.is_running]
        self._tables_written = float("-inf")
        self._lock: int | None = _lock(folder)
        shutil.rmtree(self.workers_folder, ignore_errors=True)
        for left_by_a_kill in folder.rglob(".*.partial"):
            if left_by_a_kill.is_file():
                left_by_a_kill.unlink()

    @classmethod
    def create(
        cls, folder: pathlib.Path, spec: dict[str, Any], fingerprint: dict[str, Any]
    ) -> Store:
        """Make the folder of a new search, with what stands in its search.json.

        Raises:
            InputError: If the folder is taken; with the command that continues a search.
        """
        if (folder / "search.json").is_file():
            raise InputError(
                f"--out {folder}: there is a search already; continue it by "
                f"{resume_command(folder)}, or give the name of a new folder"
            )
        with files.whole_folder(folder) as partial, files.faults_named(folder):
            (partial / "trials").mkdir()
            (partial / "models").mkdir()
            description = {"format": FORMAT, "spec": spec, "fingerprint": fingerprint}
            files.write_json(partial / "search.json", _with_checksums(description))
        store = cls(folder)
        store.is_new = True
        return store

    def close(self) -> None:
        """Release the folder: another process may continue the search."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def discard(self) -> None:
        """Remove a new search without a trial that is ok; what else lies in its folder stays."""
        self.close()
        if not self.is_new or any(trial.is_ok for trial in self.trials):
            return
        for name in ("trials", "models", self.workers_folder.name):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("search.json", "search.lock", "trials.csv", "history.csv"):
            (self.folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a file of the user's is there
            self.folder.rmdir()

    def begin(self, trial: records.Trial) -> None:
        """Write what was proposed: what the next proposal depends on besides the trials' ends."""
        with self.faults():
            self._write(trial)

    def add(self, trial: records.Trial, model: bytes | None = None) -> None:
        """Write a trial that has ended, and its model first, so that no trial lacks its own."""
        with self.faults():
            if model is not None:
                files.write_bytes(self.model_path(trial.number), model)
            self._write(trial)
            bisect.insort(self.trials, trial, key=lambda known: known.number)
            if time.monotonic() - self._tables_written > SECONDS_BETWEEN_TABLES:
                self.write_tables()

    def _write(self, trial: records.Trial) -> None:
        content = {**dataclasses.asdict(trial), "search": self._identity}
        content = json.loads(json.dumps(content))  # as it will be read
        content["checksum"] = reading.checksum(content)
        text = json.dumps(content, ensure_ascii=False)
        files.write_text(self.folder / "trials" / f"{trial.number:04d}.json", text + "\n")

    def keep_models(self, numbers: list[int]) -> None:
        """Remove the models of all other trials."""
        kept = {self.model_path(number) for number in numbers}
        for path in (self.folder / "models").glob("*"):
            if path not in kept:
                path.unlink()

    @property
    def workers_folder(self) -> pathlib.Path:
        """The folder for the files of worker processes, there only while they run."""
        return self.folder / "workers"

    def model_path(self, number: int) -> pathlib.Path:
        """Return the file of a trial's model."""
        return self.folder / "models" / f"{number:04d}.keras"

    def write_tables(self) -> None:
        """Write trials.csv and history.csv."""
        history = [{"trial": t.number, **row} for t in self.trials for row in t.history]
        tables = {"trials.csv": records.tabulate(self.trials), "history.csv": pd.DataFrame(history)}
        with self.faults():
            for name, table in tables.items():
                files.write_text(self.folder / name, table.to_csv(index=False))
        self._tables_written = time.monotonic()

    def change(self, spec: dict[str, Any]) -> None:
        """Write another spec into search.json."""
        self.description = _with_checksums({**self.description, "spec": spec})
        with self.faults():
            files.write_json(self.folder / "search.json", self.description)

    @contextlib.contextmanager
    def faults(self) -> Iterator[None]:
        """Turn a disk's failure in the block into a line: what is left, how to go on.

        Raises:
            RunError: If the disk is full, or fails otherwise.
        """
        try:
            yield
        except (OSError, RunError) as error:
            cause = error.__cause__ if isinstance(error, RunError) else error
            if not isinstance(cause, OSError) or isinstance(cause, BrokenPipeError):
                raise
            raise RunError(
                f"could not write into {self.folder} ({cause.strerror or cause}); all "
                f"{len(self.trials)} trials that ended before are there: {files.remedy(cause)}, "
                f"then {resume_command(self.folder)}"
            ) from error


def resume_command(folder: pathlib.Path, flags: Sequence[str] = ()) -> str:
    """Return the command that continues a search, with the flags that it needs again."""
    return f"python -m tuning --resume {shlex.join([str(folder), *flags])}"


def read_description(folder: pathlib.Path) -> dict[str, Any]:
    """Read search.json.

    Raises:
        InputError: If the folder is not a search, or the file is damaged or was changed.
    """
    path = folder / "search.json"
    if not os.path.lexists(path):
        raise InputError(
            f"{reading.shown(folder)}: not the folder of a search (no search.json in it)"
        )
    description = reading.read_json(path, FIX)
    if description.get("format") != FORMAT:
        raise InputError(
            f"{path}: received format {reading.shown(description.get('format'))}, expected "
            f"{FORMAT}: the search was begun by another version of tuning; go on by that one, or "
            "start a new search"
        )
    with reading.damaged(path, FIX):
        whole: dict[str, Any] = reading.checked(description, _Description, "search")
    known, now = whole["checksums"], _checksums(whole)
    if known != now:
        settings = _settings(whole)
        changed = [
            f"{name} (now {settings.get(name, 'missing')})"
            for name in {**known, **now}
            if known.get(name) != now.get(name)
        ]
        raise InputError(
            f"{path}: was changed after the search began: {reading.shown(', '.join(changed))}; "
            "put back what was there, or start a new search with other settings"
        )
    return whole


class _Description(TypedDict):
    format: int
    spec: dict[str, Any]
    fingerprint: dict[str, Any]
    checksums: dict[str, str]


def _with_checksums(description: dict[str, Any]) -> dict[str, Any]:
    description = json.loads(json.dumps(description))  # as it will be read
    return {**description, "checksums": _checksums(description)}


def _checksums(description: dict[str, Any]) -> dict[str, str]:
    """Return a checksum for each setting, so that an edited one can be named."""
    return {name: reading.checksum({"": one}) for name, one in _settings(description).items()}


def _settings(description: dict[str, Any]) -> dict[str, Any]:
    """Return every setting of a search by its place in search.json, and its fingerprint."""
    parts = {f"fingerprint.{name}": one for name, one in description["fingerprint"].items()}
    for name, one in description["spec"].items():
        inner = one.items() if name == "fixed" and isinstance(one, dict) else [("", one)]
        parts |= {f"spec.{name}.{key}".strip("."): value for key, value in inner}
    return parts


def _identity(description: dict[str, Any]) -> str:
    """Return what tells a search from others: all that decides its trials, but not their number."""
    checksums = _checksums(description)
    return reading.checksum({name: one for name, one in checksums.items() if name != "spec.trials"})


def read_trials(folder: pathlib.Path) -> list[records.Trial]:
    """Read every trial, by number: those that have ended, and those that run beside others.

    Raises:
        InputError: If a file is missing, damaged, was changed or is of another search; the message
            names it.
    """
    identity = _identity(read_description(folder))
    if not (folder / "trials").is_dir():
        raise InputError(f"{folder / 'trials'}: no such folder; put it back, or start a new search")
    found = []
    paths = sorted((folder / "trials").glob("*.json"), key=lambda path: (len(path.name), path.name))
    for number, path in enumerate(paths):
        if path.name != f"{number:04d}.json":
            raise InputError(
                f"{path.with_name(f'{number:04d}.json')} is missing though there is {path.name}; "
                f"put it back, or remove {path.name} and what follows to run those trials again"
            )
        content = reading.read_json(path, FIX, nan=True)
        again = "put it back, or remove it and those with higher numbers to run them again"
        if content.pop("checksum", None) != reading.checksum(content):
            raise InputError(f"{path} was changed after it was written; {again}")
        if content.pop("search", None) != identity or content.get("number") != number:
            raise InputError(f"{path} is another trial, or one of another search; {again}")
        with reading.damaged(path, again):
            found.append(reading.checked(content, records.Trial, "trial"))
    return found


def _lock(folder: pathlib.Path) -> int:
    """Hold the folder against a second process; the system lets go when this one ends."""
    path = folder / "search.lock"
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o644)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); {files.remedy(error)}"
        ) from error
    try:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows has no such lock
        pass
    except OSError:
        os.close(held)
        raise InputError(f"{folder}: another process is running this search") from None
    return held


@for_known_keywords
def load_results(folder: str | pathlib.Path) -> pd.DataFrame:
    """Load the trials of a search as a table, also while it runs, without TensorFlow.

    Args:
        folder: Of the search.

    Returns:
        One row for each trial that has ended: trial, status, score, std, a column for each
        hyperparameter and metric, best_epoch, epochs_run, seconds, seed, memory_mb, error.

    Raises:
        InputError: If the folder is not a search, or a file in it is damaged.
    """
    folder = reading.expanded(configs.check_value("folder", folder, pathlib.Path))
    known = read_trials(folder)
    return records.tabulate([trial for trial in known if not trial.is_running])
