"""Sign digits: 2,062 photographs of hands that show a digit in Turkish sign language.

Rows: 2,062, about 206 of each digit. The files of one student stand next to each other by number.
Shape: x uint8 (rows, 64, 64, 3) in 0..255, RGB; y int32 (rows,) in 0..9.
Source: https://github.com/ardamavi/Sign-Language-Digits-Dataset
Licence: Apache 2.0
Reference: Mavi (2020), A new dataset and proposed convolutional neural network architecture for
classification of American sign language digits, https://arxiv.org/abs/2011.08927
Synthetic data: 1,000 drawn discs with as many rays as the digit.
"""

import dataclasses
import hashlib
import io
import os
import re
import zipfile
from pathlib import Path

import numpy as np

from keras_recipes import reading
from keras_recipes.data import sources, splits
from keras_recipes.data.images import alike, pixels
from keras_recipes.errors import InputError

SIZE = 64
CLASS_NAMES = tuple("0123456789")
_PHOTOGRAPH = re.compile(r"(?:^|/)(\d/IMG_\d+\.JPG)$")


@dataclasses.dataclass(frozen=True)
class _Photographs:
    """The archive; its own checksum changes whenever the server packs it anew.

    Args:
        name: In a folder of the user's.
        download_name: Name under which it is served.
        sha256: Over the names and checksums of all photographs, sorted by name.
        max_bytes: Size of the archive; of more, nothing is read.
        max_unpacked: Size of a photograph.
    """

    name: str
    download_name: str
    sha256: str
    max_bytes: int
    max_unpacked: int

    def parse(self, content: bytes, origin: str) -> dict[str, bytes]:
        """Verify and read the content of an archive.

        Args:
            content: Bytes of the file.
            origin: Path or URL, for the error.

        Returns:
            Content of each photograph, by its class and name such as "0/IMG_1118.JPG".

        Raises:
            InputError: If these are not the published photographs.
        """
        found, whole = {}, hashlib.sha256()
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in archive.infolist():
                    name = _PHOTOGRAPH.search(entry.filename)
                    if name and entry.file_size <= self.max_unpacked:
                        found[name[1]] = archive.read(entry)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise InputError(
                f"{origin} is damaged or the wrong file ({error}); expected {self.name}"
            ) from error
        for file in sorted(found):
            whole.update(file.encode() + b"\0" + hashlib.sha256(found[file]).digest())
        if whole.hexdigest() != self.sha256:
            raise InputError(
                f"{origin} is damaged or the wrong file: received {len(found):,} photographs with "
                f"SHA-256 {whole.hexdigest()[:12]}…; expected 2,062 with {self.sha256[:12]}…"
            )
        return dict(sorted(found.items()))


@dataclasses.dataclass(frozen=True)
class _SignDigits(sources.Published):
    """Photographs without a test part of their own."""

    archive: _Photographs
    by_blocks: bool = False

    def read(self, folder: Path, origin: str, seed: int) -> splits.Splits:
        """Read the archive under either name; arguments and errors as in `Published`."""
        names = (self.archive.name, self.archive.download_name)
        path = next((folder / name for name in names if os.path.exists(folder / name)), None)
        if path is None:
            raise FileNotFoundError(f"{folder} holds no {' and no '.join(names)}")
        content = reading.read_bytes(path, limit=self.archive.max_bytes)
        photographs = self.archive.parse(content, str(path))
        x = _decode([*photographs.values()])
        y = np.array([int(name[0]) for name in photographs], "int32")
        groups = alike.blocks([*photographs], y.tolist()) if self.by_blocks else None
        source = splits.Source(self.name, "real", origin, self.licence)
        return splits.split(x, y, source, seed, groups=groups)


def _decode(photographs: list[bytes]) -> np.ndarray:
    """Decode and resize; those of one size together."""
    decoded = [pixels.decode(io.BytesIO(one), SIZE)[0] for one in photographs]
    x = np.empty((len(decoded), SIZE, SIZE, 3), "uint8")
    for shape in {one.shape for one in decoded}:
        rows = [row for row, one in enumerate(decoded) if one.shape == shape]
        x[rows] = pixels.resize(np.stack([decoded[row] for row in rows]), SIZE)
    return x


PUBLISHED = _SignDigits(
    name="Sign digits",
    licence="Apache 2.0",
    files=(),
    archive=_Photographs(
        name="sign_digits.zip",
        download_name="master.zip",
        sha256="6ee13c8d7c145275ae03200c687f69dd13dd2f6b562c4e5ec8316d2ba41ce310",
        max_bytes=200_000_000,
        max_unpacked=20_000_000,
    ),
    base_url="https://github.com/ardamavi/Sign-Language-Digits-Dataset/archive/refs/heads/",
    cache_folder="datasets/sign-digits",
    system_folder=None,
    advice=(
        "save the address https://github.com/ardamavi/Sign-Language-Digits-Dataset/archive/refs/"
        "heads/master.zip as sign_digits.zip and pass --data-dir FOLDER; or --data builtin for "
        "drawn images"
    ),
)


def load(
    data: str = "auto",
    data_dir: str | os.PathLike | None = None,
    seed: int = 0,
    *,
    by_blocks: bool = False,
) -> splits.Splits:
    """Load the sign digits, or drawn images in their place.

    Args:
        data: "real" for the photographs or an error, "builtin" for drawn images without looking,
            "auto" for the photographs if they can be found or downloaded, else the drawn images.
        data_dir: Folder with sign_digits.zip; None to search.
        seed: 0 or more; chooses the rows of each split.
        by_blocks: Whether runs of neighbouring files stay in the same split, so that nearly no
            student is in two of them.

    Returns:
        Splits of x uint8 (rows, 64, 64, 3) in 0..255 and y int32 (rows,) in 0..9: 60 % train, 20 %
        validation and 20 % test. `source.kind` tells which data they are.

    Raises:
        InputError: The arguments make no sense, data_dir holds no whole set, or "real" found none.
    """
    published = dataclasses.replace(PUBLISHED, by_blocks=by_blocks)
    return sources.load(published, data, data_dir, seed, _draw)


def _draw(seed: int, num_rows: int = 1000) -> splits.Splits:
    """Draw discs with as many rays as the digit, of any place, turn and colour."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(num_rows) % len(CLASS_NAMES)).astype("int32")
    down, right = np.mgrid[:SIZE, :SIZE].astype("float32")
    x = np.empty((num_rows, SIZE, SIZE, 3), "uint8")
    for row, digit in enumerate(y.tolist()):
        centre, turn = rng.uniform(26, SIZE - 26, 2), rng.uniform(0, 2 * np.pi)
        along, across = down - centre[0], right - centre[1]
        is_inside = np.hypot(along, across) < 9
        for angle in turn + np.arange(digit) * 2 * np.pi / max(digit, 1):
            far = along * np.sin(angle) + across * np.cos(angle)
            beside = np.abs(along * np.cos(angle) - across * np.sin(angle))
            is_inside |= (far > 0) & (far < 22) & (beside < 2.2)
        ground, colour = rng.uniform(0, 120, 3), rng.uniform(140, 255, 3)
        drawn = np.where(is_inside[..., None], colour, ground) + rng.normal(0, 10, (SIZE, SIZE, 3))
        x[row] = np.clip(drawn, 0, 255)
    name = "drawn discs with rays, built-in data for the sign digits"
    source = splits.Source(name, "built-in", "computed", "that of this repository")
    return splits.split(x, y, source, seed)
