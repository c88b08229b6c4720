"""Finding published sets: own folder, Keras's cache, system package, download."""

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from keras_recipes import reading
from keras_recipes.data import download, idx, splits
from keras_recipes.errors import InputError

CHOICES = ("auto", "real", "builtin")
_logger = logging.getLogger(__name__)


class Download(Protocol):
    """One file of a set, as it is served."""

    @property
    def name(self) -> str:
        """Published name."""
        ...

    @property
    def download_name(self) -> str:
        """Name under which the file is served and cached."""
        ...

    @property
    def max_bytes(self) -> int:
        """Size of the file; of more, nothing is read."""
        ...

    def parse(self, content: bytes, origin: str, /) -> Any:
        """Verify the content and return what is in it; or raise InputError."""
        ...


class Archive(Download, Protocol):
    """One file that holds a whole set."""

    def parse(self, content: bytes, origin: str, /) -> dict[str, Any]:
        """Verify the content and return what is in it, by name; or raise InputError."""
        ...


@dataclasses.dataclass(frozen=True)
class Published:
    """A published set and the places where it may be found.

    Args:
        name: name of the set.
        licence: its licence.
        files: idx files: train images, train labels, test images, test labels.
        archive: one file that holds the same as `files` and is downloaded instead; or None.
        base_url: address that the download names are appended to.
        cache_folder: where Keras keeps the downloads, below its home.
        system_folder: where a system package puts the files; None if there is no package.
        advice: ways to get the set, for errors.
        validation_rows: number of train rows that become validation.
    """

    name: str
    licence: str
    files: tuple[idx.File, ...]
    archive: Archive | None
    base_url: str
    cache_folder: str
    system_folder: Path | None
    advice: str
    validation_rows: int = 5_000

    @property
    def downloads(self) -> Sequence[Download]:
        """The files that are downloaded where none are found."""
        return (self.archive,) if self.archive else self.files

    def read(self, folder: Path, origin: str, seed: int) -> splits.Splits:
        """Read and verify the set, the validation rows chosen by the seed.

        Args:
            folder: where the files are.
            origin: how the folder was found, in words.
            seed: 0 or more.

        Returns:
            Splits of x uint8 (rows, 28, 28) in 0..255 and y int32 (rows,) in 0..9.

        Raises:
            FileNotFoundError: a file is not there.
            InputError: a file is not the published one, or cannot be read.
        """
        if self.archive and os.path.exists(folder / self.archive.name):
            path = folder / self.archive.name
            content = reading.read_bytes(path, limit=self.archive.max_bytes)
            arrays = self.archive.parse(content, str(path))
            names = ("x_train", "y_train", "x_test", "y_test")
            x_train, y_train, x_test, y_test = (arrays[name] for name in names)
        else:
            x_train, y_train, x_test, y_test = self._read_idx(folder)
        train = splits.Split(x_train, y_train.astype(np.int32))
        test = splits.Split(x_test, y_test.astype(np.int32))
        source = splits.Source(self.name, "real", origin, self.licence)
        return splits.hold_out(train, test, source, seed, self.validation_rows)

    def _read_idx(self, folder: Path) -> list[np.ndarray]:
        try:
            return idx.read_folder(folder, self.files)
        except FileNotFoundError as error:
            if self.archive is None:
                raise
            raise FileNotFoundError(f"{error}, nor {self.archive.name}") from error


def load(
    published: Published,
    data: str,
    data_dir: str | os.PathLike | None,
    seed: int,
    built_in: Callable[[int], splits.Splits],
) -> splits.Splits:
    """Load the published set, or built-in data in its place.

    Args:
        published: the set.
        data: "real" for the published set or an error, "builtin" for the built-in data
            without looking, "auto" for the published set if it can be found, else the built-in.
        data_dir: folder to read from instead of searching; None to search.
        seed: 0 or more; chooses the validation rows and the order of train.
        built_in: makes the built-in data from the seed.

    Returns:
        Splits whose source tells what was loaded.

    Raises:
        InputError: the arguments make no sense, data_dir holds no whole set, or
            "real" found none.
    """
    if data not in CHOICES:
        raise InputError(f"data must be one of {', '.join(CHOICES)}: received {data!r}.")
    if data == "builtin" and data_dir is not None:
        raise InputError(
            f"data='builtin' reads no files, but data_dir={str(data_dir)!r} was given; "
            f"leave one of them out."
        )
    if data == "builtin":
        return built_in(seed)
    try:
        return _find(published, data_dir, seed)
    except FileNotFoundError as error:
        if data == "real":
            raise InputError(str(error)) from error
        _logger.info("%s", error)
        return built_in(seed)


def keras_home() -> Path:
    """Folder of Keras's settings and cache, found as Keras finds it.

    Returns:
        $KERAS_HOME; else .keras in the home folder, or in /tmp where home cannot be written.
    """
    if os.environ.get("KERAS_HOME"):
        return Path(os.environ["KERAS_HOME"]).expanduser()
    home = os.path.expanduser("~")
    return Path(home if os.access(home, os.W_OK) else "/tmp") / ".keras"


def _find(published: Published, data_dir: str | os.PathLike | None, seed: int) -> splits.Splits:
    """Read the set from data_dir, or from the first place that has it."""
    if data_dir is not None:
        return _read_data_dir(published, reading.expanded(data_dir), seed)
    tried = []
    for origin, folder, remedy in _folders(published):
        try:
            return published.read(folder, origin, seed)
        except FileNotFoundError as error:
            tried.append(f"{origin} ({error})")
        except InputError as error:
            tried.append(f"{origin} ({error})")
            _logger.warning("%s; %s.", error, remedy)
    try:
        return _download(published, seed)
    except InputError as error:
        tried.append(f"download ({error})")
    raise FileNotFoundError(
        f"no real {published.name} found; tried {'; '.join(tried)}. To get it: {published.advice}."
    )


def _folders(published: Published) -> list[tuple[str, Path, str]]:
    """Places on this machine: (origin, folder, what to do about a broken file there)."""
    cache = keras_home() / published.cache_folder
    folders = [("Keras cache", cache, "passed over; it will be downloaded again when needed")]
    if published.system_folder:
        folders.append(("system package", published.system_folder, "reinstall the package"))
    return folders


def _read_data_dir(published: Published, folder: Path, seed: int) -> splits.Splits:
    """Read the folder that was asked for: anything wrong there is an error."""
    if not os.path.isdir(folder):
        raise InputError(
            f"data_dir must be a folder with the files of {published.name}: received "
            f"{reading.shown(folder)}, "
            f"which is no folder. To get the files: {published.advice}."
        )
    try:
        return published.read(folder, "--data-dir", seed)
    except (FileNotFoundError, InputError) as error:
        raise InputError(
            f"{error}. Put the published files there or leave --data-dir out. "
            f"To get them: {published.advice}."
        ) from error


def _download(published: Published, seed: int) -> splits.Splits:
    """Bring the files that Keras's cache lacks into it, then read it."""
    folder = keras_home() / published.cache_folder
    deadline = time.monotonic() + download.TOTAL_SECONDS
    for file in published.downloads:
        path = folder / file.download_name
        try:
            file.parse(reading.read_bytes(path, limit=file.max_bytes), str(path))
        except InputError:
            url = published.base_url + file.download_name
            download.fetch(url, path, file.parse, deadline, file.max_bytes)
    return published.read(folder, "download", seed)
