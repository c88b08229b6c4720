"""Fashion-MNIST: 70,000 grey images of clothes in ten classes.

Rows: 60,000 train (5,000 of them become validation), 10,000 test, classes equally frequent.
Shape: x uint8 (rows, 28, 28) in 0..255, white on black; y int32 (rows,) in 0..9.
Source: https://github.com/zalandoresearch/fashion-mnist
Licence: MIT, copyright 2017 Zalando SE.
Reference: Xiao, Rasul and Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking
machine learning algorithms, https://arxiv.org/abs/1708.07747
Built-in data: scikit-learn's 1,797 handwritten digits, enlarged, in ten classes too. Scores on
them say nothing about clothes.
"""

import functools
import os
from pathlib import Path

from keras_recipes.data import idx, sources, splits
from keras_recipes.data.synthetic import enlarged_digits

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
IMAGE_SHAPE = (28, 28)

# Files and address as in keras/src/datasets/fashion_mnist.py; SHA-256 of the unpacked files.
PUBLISHED = sources.Published(
    name="Fashion-MNIST",
    licence="MIT",
    files=idx.mnist_files(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    archive=None,
    base_url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    cache_folder="datasets/fashion-mnist",
    system_folder=Path("/usr/share/datasets/fashion-mnist"),
    advice=(
        "`apt-get install dataset-fashion-mnist` (Debian, Ubuntu); or save the four .gz files of "
        "https://github.com/zalandoresearch/fashion-mnist and pass --data-dir FOLDER; or "
        "--data builtin for handwritten digits instead of clothes"
    ),
)


def load(
    data: str = "auto", data_dir: str | os.PathLike | None = None, seed: int = 0
) -> splits.Splits:
    """Load Fashion-MNIST, or handwritten digits in its place.

    Args:
        data: "real" for Fashion-MNIST or an error, "builtin" for the digits without looking,
            "auto" for Fashion-MNIST if it can be found or downloaded, else the digits.
        data_dir: folder with the four idx files, plain or .gz; None to search.
        seed: 0 or more; chooses the validation rows and the order of train.

    Returns:
        Splits of x uint8 (rows, 28, 28) in 0..255 and y int32 (rows,) in 0..9: 55,000 train,
        5,000 validation and the 10,000 published test rows; of the built-in data 1,151, 287
        and 359. `source.kind` tells which it is.

    Raises:
        InputError: the arguments make no sense, data_dir holds no whole set, or
            "real" found none.
    """
    name = "handwritten digits instead of clothes, built-in data for Fashion-MNIST"
    built_in = functools.partial(enlarged_digits.load, name)
    return sources.load(PUBLISHED, data, data_dir, seed, built_in)
