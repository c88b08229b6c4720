"""Images: train a first model on your own images, from a folder.

Problem: decided by the labels: binary or multiclass by folder; with a CSV file, regression too.
Data: your folder, one subfolder per class, or a CSV file; without one, 600 drawn shapes.
Result: not measured
Run: python -m recipes.images photos
Tune: python -m tuning images --folder photos
Copy: python -m recipes copy images ../my_project --data photos
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
import typing

import keras

import keras_recipes
from keras_recipes import configs, optimizers, problems
from keras_recipes.commands import run
from keras_recipes.data.images import own_images
from keras_recipes.features import images
from keras_recipes.features.vision import backbones

if typing.TYPE_CHECKING:
    import keras_tuner

    from keras_recipes.data import splits


@dataclasses.dataclass(frozen=True)
class Config(configs.ImageConfig):
    """Settings of this recipe; each field is a flag."""

    epochs: configs.Count = 30
    batch_size: configs.Count = 32
    optimizer: configs.Optimizer = "adamw"
    learning_rate: configs.Positive = 0.003
    schedule: configs.Schedule = "cosine"
    patience: configs.Count = 15
    refit: bool = True
    filters: configs.Units = (16, 32, 64, 128)
    """Number of filters in each stage; each stage halves height and width."""
    dropout: configs.Fraction = 0.3
    """Dropout rate before the output layer: fraction of the units to drop."""
    weight_decay: configs.NotNegative = 0.05
    """Weight decay (AdamW)."""
    rotation: configs.NotNegative = 10.0
    """Augmentation: std of the random rotation of the training images, in degrees."""
    zoom: configs.NotNegative = 0.1
    """Augmentation: std of the random zoom, as a fraction of the size."""
    shift: configs.NotNegative = 0.05
    """Augmentation: std of the random shift, as a fraction of the size."""
    jitter: configs.NotNegative = 0.1
    """Augmentation: std of the random change of brightness and contrast."""
    flip: bool = False
    """Augmentation: mirror half of the training images; only where left and right do not matter."""
    backbone: str | None = None
    """Transfer learning: a run folder of images, or a network of keras.applications such as
    MobileNetV2. Its features are frozen; only a new output layer is trained."""
    fine_tune: pathlib.Path | None = None
    """Run with a backbone, whose backbone is trained further; use a low --learning-rate."""


def load_data(config: Config) -> splits.Splits:
    """Load the images, split into train, validation and test by the folders or by the seed."""
    return own_images.read(config.folder, config.target, **config.choices).split(config.seed)


def problem(config: Config, data: splits.Splits) -> problems.Problem:
    """Return the problem that the labels make: its output layer, loss and metrics follow."""
    source = own_images.source_of(data)
    kind, names, unit = source.problem_kind, source.class_names, source.target
    return problems.of_kind(kind, names, unit, config.threshold, data.train.y)


def build_model(config: Config, data: splits.Splits) -> keras.Model:
    """Build and compile: resized and augmented images, a small residual network."""
    source, of_data = own_images.source_of(data), problem(config, data)
    size, channels = source.size, source.channels
    if config.fine_tune is not None:
        earlier = keras_recipes.load_run(config.fine_tune)
        trained = backbones.unseen("--fine-tune", earlier, source, config.seed)
        model = backbones.fine_tuned(trained, channels)
    elif config.backbone is not None:
        if pathlib.Path(config.backbone).is_dir():
            earlier = keras_recipes.load_run(config.backbone)
            trained = backbones.unseen("--backbone", earlier, source, config.seed)
            backbone = backbones.of_model(trained)
        else:
            backbone = backbones.of_applications(config.backbone, size)
        head = backbones.head(of_data, backbone, config.dropout)
        model = images.serving(backbones.encoder(backbone, channels), head)
    else:
        names = "filters", "dropout", "rotation", "zoom", "shift", "flip"
        chosen = {name: getattr(config, name) for name in names}
        network = images.network(of_data, size, channels, colour=config.jitter, **chosen)
        model = images.serving(images.encoder(size, channels), network)
    return of_data.compile(model, optimizers.make(config, weight_decay=config.weight_decay))


def search_space(hp: keras_tuner.HyperParameters) -> Config:
    """Draw a Config from the tuner; the defaults are those of `Config()`."""
    return Config(
        learning_rate=hp.Choice("learning_rate", [0.001, 0.003, 0.01], default=0.003),
        dropout=hp.Choice("dropout", [0.0, 0.3, 0.5], default=0.3),
        weight_decay=hp.Choice("weight_decay", [0.01, 0.05, 0.2], default=0.05),
        rotation=hp.Choice("rotation", [0.0, 10.0, 20.0], default=10.0),
        zoom=hp.Choice("zoom", [0.0, 0.1, 0.2], default=0.1),
    )


if __name__ == "__main__":
    run.main(sys.modules[__name__])
