"""MNIST: 70,000 grey images of handwritten digits.

Rows: 60,000 train (5,000 of them become validation), 10,000 test.
Shape: x uint8 (rows, 28, 28) in 0..255, white on black; y int32 (rows,) in 0..9.
Source: http://yann.lecun.com/exdb/mnist, as mnist.npz from Keras.
Licence: CC BY-SA 3.0, copyright Yann LeCun and Corinna Cortes.
Reference: LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document
recognition, Proceedings of the IEEE 86(11), https://doi.org/10.1109/5.726791
Built-in data: scikit-learn's 1,797 real 8x8 digits, enlarged.
"""

import functools
import os

from keras_recipes.data import idx, npz, sources, splits
from keras_recipes.data.synthetic import enlarged_digits

CLASS_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
IMAGE_SHAPE = (28, 28)

# Archive and address as in keras/src/datasets/mnist.py; SHA-256 of the unpacked idx files.
PUBLISHED = sources.Published(
    name="MNIST",
    licence="CC BY-SA 3.0",
    files=idx.mnist_files(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    archive=npz.File(
        "mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        max_bytes=11_490_434,
    ),
    base_url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    cache_folder="datasets",
    system_folder=None,
    advice=(
        "save https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz (or the four "
        "idx files) and pass --data-dir FOLDER; or --data builtin for enlarged 8x8 digits"
    ),
)


def load(
    data: str = "auto", data_dir: str | os.PathLike | None = None, seed: int = 0
) -> splits.Splits:
    """Load MNIST, or enlarged 8x8 digits in its place.

    Args:
        data: "real" for MNIST or an error, "builtin" for the enlarged digits without looking,
            "auto" for MNIST if it can be found or downloaded, else the enlarged digits.
        data_dir: folder with mnist.npz or the four idx files (plain or .gz); None to search.
        seed: 0 or more; chooses the validation rows and the order of train.

    Returns:
        Splits of x uint8 (rows, 28, 28) in 0..255 and y int32 (rows,) in 0..9: 55,000 train,
        5,000 validation and the 10,000 published test rows; of the built-in data 1,151, 287
        and 359. `source.kind` tells which it is.

    Raises:
        InputError: the arguments make no sense, data_dir holds no whole set, or
            "real" found none.
    """
    name = "enlarged 8x8 digits, built-in data for MNIST"
    built_in = functools.partial(enlarged_digits.load, name)
    return sources.load(PUBLISHED, data, data_dir, seed, built_in)
