"""The idx file format of MNIST and Fashion-MNIST: reading, and refusing anything else.

Format: http://yann.lecun.com/exdb/mnist (two zero bytes, 8 for uint8, the number of dimensions,
each dimension as a big-endian 32-bit integer, then the values).
"""

import dataclasses
import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_recipes import reading
from keras_recipes.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"


@dataclasses.dataclass(frozen=True)
class File:
    """What a published idx file must hold.

    Args:
        name: published name, without .gz.
        shape: dimensions of the values.
        sha256: checksum of the unpacked bytes, so that any recompression passes.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def download_name(self) -> str:
        """Name under which the file is served and cached."""
        return f"{self.name}.gz"

    @property
    def _num_bytes(self) -> int:
        return len(_header(self.shape)) + math.prod(self.shape)

    @property
    def max_bytes(self) -> int:
        """Bytes that the file may hold, packed or not: gzip adds little to what it cannot pack."""
        return self._num_bytes + self._num_bytes // 1000 + 1024

    def parse(self, content: bytes, origin: str) -> np.ndarray:
        """Unpack and verify the content of a file.

        Args:
            content: bytes of the file, plain or gzip.
            origin: path or URL, for the error.

        Returns:
            uint8 array of `shape`.

        Raises:
            InputError: the content is not the published one.
        """
        unpacked, fault = _unpack(content, self._num_bytes)
        fault = fault or self._find_fault(unpacked)
        if fault:
            raise InputError(
                f"{origin} is damaged or the wrong file: received {fault}; expected {self.name}, "
                f"idx data of shape {self.shape} with SHA-256 {self.sha256[:12]}…"
            )
        values = np.frombuffer(unpacked, np.uint8, offset=len(_header(self.shape)))
        return values.reshape(self.shape).copy()  # frombuffer is read-only

    def _find_fault(self, content: bytes) -> str:
        """What is wrong with unpacked content, in words; empty if nothing is."""
        shape = _read_shape(content)
        if shape is None:
            return "an HTML page" if content.lstrip()[:1] == b"<" else "no idx data"
        if shape != self.shape:
            return f"idx data of shape {shape}"
        if len(content) != self._num_bytes:
            return f"{len(content):,} bytes instead of {self._num_bytes:,}"
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256:
            return (
                f"other values (SHA-256 {digest[:12]}…; MNIST and Fashion-MNIST use the same "
                f"file names)"
            )
        return ""


def mnist_files(*sha256: str) -> tuple[File, ...]:
    """Return the files of MNIST and of Fashion-MNIST, which differ in their checksums alone.

    Args:
        *sha256: Of train images, train labels, test images and test labels, unpacked.
    """
    forms = (
        ("train-images-idx3-ubyte", (60_000, 28, 28)),
        ("train-labels-idx1-ubyte", (60_000,)),
        ("t10k-images-idx3-ubyte", (10_000, 28, 28)),
        ("t10k-labels-idx1-ubyte", (10_000,)),
    )
    return tuple(File(*form, checksum) for form, checksum in zip(forms, sha256, strict=True))


def read_folder(folder: Path, files: Sequence[File]) -> list[np.ndarray]:
    """Read and verify the files of a set, each plain or as .gz.

    Args:
        folder: where the files are.
        files: the files to read.

    Returns:
        One uint8 array per file, in the same order.

    Raises:
        FileNotFoundError: a file is not there.
        InputError: a file is not the published one, or cannot be read.
    """
    paths = {file: path for file in files if (path := _find(folder, file))}
    if missing := [file.name for file in files if file not in paths]:
        raise FileNotFoundError(f"{folder} holds no {', '.join(missing)} (plain or .gz)")
    return [
        file.parse(reading.read_bytes(path, limit=file.max_bytes), str(path))
        for file, path in paths.items()
    ]


def _find(folder: Path, file: File) -> Path | None:
    # Some mirrors of MNIST unpack to a dot where the published name has a hyphen.
    for name in (file.download_name, file.name, file.name.replace("-idx", ".idx")):
        if os.path.exists(folder / name):  # False, not an error, in a folder that may not be read
            return folder / name
    return None


def _unpack(content: bytes, limit: int) -> tuple[bytes, str]:
    """The content without gzip, and what is wrong with it as a container or is too much of it."""
    if not content:
        return b"", "an empty file"
    if not content.startswith(_GZIP_MAGIC):
        return content, ""
    try:
        with gzip.open(io.BytesIO(content)) as file:
            return reading.unpacked(file, limit), ""
    except InputError:
        return b"", f"more than the {limit:,} bytes of it, unpacked"
    except EOFError:
        return b"", f"a gzip file cut off after {len(content):,} bytes"
    except (gzip.BadGzipFile, zlib.error):
        return b"", "a gzip file that cannot be unpacked"


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)


def _read_shape(content: bytes) -> tuple[int, ...] | None:
    """Dimensions that the header announces; None where there is no header."""
    if content[:3] != b"\x00\x00\x08" or len(content) < 4 + 4 * content[3]:
        return None
    return struct.unpack_from(f">{content[3]}I", content, 4)
