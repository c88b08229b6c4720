"""The one file in which Keras publishes MNIST: four arrays in NumPy's npz format."""

import dataclasses
import hashlib
import io

import numpy as np

from keras_recipes.errors import InputError


@dataclasses.dataclass(frozen=True)
class File:
    """What a published npz file must hold.

    Args:
        name: published name.
        sha256: checksum of the file.
        max_bytes: size of the file; of more, nothing is read.
    """

    name: str
    sha256: str
    max_bytes: int

    @property
    def download_name(self) -> str:
        """Name under which the file is served and cached."""
        return self.name

    def parse(self, content: bytes, origin: str) -> dict[str, np.ndarray]:
        """Verify and read the content of a file.

        Args:
            content: bytes of the file.
            origin: path or URL, for the error.

        Returns:
            The arrays by name: x_train, y_train, x_test, y_test.

        Raises:
            InputError: the content is not the published one.
        """
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256:
            kind = "HTML page" if content.lstrip()[:1] == b"<" else "file"
            raise InputError(
                f"{origin} is damaged or the wrong file: received a {kind} of {len(content):,} "
                f"bytes with SHA-256 {digest[:12]}…; expected {self.name} with SHA-256 "
                f"{self.sha256[:12]}…"
            )
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
