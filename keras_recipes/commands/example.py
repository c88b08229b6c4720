"""The command `example`: write small example data."""

from __future__ import annotations

import dataclasses
import io
import pathlib
from typing import TYPE_CHECKING, Annotated

from keras_recipes.console import command_line, files
from keras_recipes.data.synthetic import rents, sentences, shapes
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

NUM_NEW = 5
NUM_IMAGES = 600


@dataclasses.dataclass(frozen=True)
class Example:
    """Write example data: rents.csv for training and new.csv to predict; or images, or texts."""

    folder: Annotated[pathlib.Path, command_line.takes("FOLDER", positional=True)] = pathlib.Path()
    """Existing folder for the files; by default, the current folder."""
    images: bool = False
    """Write drawn images instead: shapes for training, new_shapes to predict."""
    texts: bool = False
    """Write texts instead: reviews.csv for training, new_reviews.csv to predict."""


def example(arguments: Example) -> None:
    """Write the files; none of them replaces one that is there."""
    if arguments.images and arguments.texts:
        raise InputError("--images and --texts: give one of the two")
    if arguments.texts:
        rows = sentences.draw(1000 + NUM_NEW)
        first = _write_tables(arguments.folder, "reviews.csv", "new_reviews.csv", rows, "opinion")
        print(f"Next: python -m recipes.text {first} --target opinion")
    elif arguments.images:
        _write_images(arguments.folder)
    else:
        rows = rents.draw(1000 + NUM_NEW)
        first = _write_tables(arguments.folder, "rents.csv", "new.csv", rows, "rent")
        print(f"Next: python -m recipes.tabular {first} --target rent")


def _write_tables(
    folder: pathlib.Path, known: str, new: str, rows: pd.DataFrame, target: str
) -> pathlib.Path:
    """Write a table for training, and one to predict; return the path of the first."""
    paths = {folder / known: rows.iloc[:-NUM_NEW]}
    paths[folder / new] = rows.iloc[-NUM_NEW:].drop(columns=target)
    for path in paths:
        files.check_new_file("FOLDER", path)
    for path, rows in paths.items():
        with files.faults_named(path):
            files.write_text(path, rows.to_csv(index=False))
        print(f"{path}: {len(rows):,} rows x {rows.shape[1]} columns")
    return folder / known


def _write_images(folder: pathlib.Path) -> None:
    import PIL.Image

    x, y, _ = shapes.draw(NUM_IMAGES + NUM_NEW)
    known, new = folder / "shapes", folder / "new_shapes"
    with (
        files.whole_folder(known, "FOLDER") as of_classes,
        files.whole_folder(new, "FOLDER") as of_new,
    ):
        for number, (pixels, kind) in enumerate(zip(x, y, strict=True), start=1):
            is_known = number <= NUM_IMAGES
            place = of_classes / shapes.NAMES[kind] if is_known else of_new
            place.mkdir(exist_ok=True)
            content = io.BytesIO()
            PIL.Image.fromarray(pixels).save(content, "png")
            (place / f"{number:03}.png").write_bytes(content.getvalue())
    print(f"{known}: {NUM_IMAGES} images in {len(shapes.NAMES)} folders, one per class")
    print(f"{new}: {NUM_NEW} images to predict")
    print(f"Next: python -m recipes.images {known}")
