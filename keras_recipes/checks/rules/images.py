"""Rules about images: their axes, their folders and files, augmentation, and backbones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np
from keras import layers
from keras.src.layers.convolutional import base_conv

from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import backbones, columns, fingerprints, folders, graph, reading
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.rules import scaling

RULES, rule = rule_list("images")

# Channels of an image; a side of fewer pixels is none.
CHANNELS = (1, 3, 4)
MIN_SIDE = 8
# The longer side of an image is at most so many times the shorter one.
MAX_RATIO = 2.5
# Correlation of neighbouring pixels, which features side by side do not have.
SMOOTH = 0.5
ROWS_OF_SAMPLE = 64
# Validation images that are compared, and training images that they are compared with.
VALIDATION_IMAGES, TRAINING_IMAGES, VALUES_TO_READ = 150, 2000, 200_000_000
MIN_COPIES, COPIED_FRACTION = 3, 0.01
# From so many images on the statistics of batches are as good as those that were learned.
MANY_IMAGES = 10_000
# A rate this small means that what was learned is to be kept.
SMALL_RATE = 1e-4


@rule("I1", "channels-on-wrong-axis")
def channels_on_wrong_axis(facts: Facts) -> Iterator[Mistake]:
    """Images whose channels stand on another axis than the layers take them from.

    Why: a convolution that takes the width for channels slides over colours and rows; training
        runs without an error and stays bad.
    Fix: `x = np.moveaxis(x, 1, -1)` and `keras.Input((height, width, 3))`.
    Thread: gdubrg/Eye-Tracking-for-Everyone#5, VinF/deer#57
    """
    if len(facts.train.x_leaves) != 1:
        return
    convolutions = (
        call
        for call in graph.stem(facts.model)
        if isinstance(call.operation, base_conv.BaseConv) and len(call.shape) == 4
    )
    call = next(convolutions, None)
    if call is None or call.operation.kernel_size[0] == 1:  # one row on purpose
        return
    first = call.operation.data_format == "channels_first"
    row = call.shape[1:]
    sides, channels = (row[:2], row[2]) if first else (row[1:], row[0])
    if channels not in CHANNELS or not _are_sides(sides):
        return
    if not _is_smooth(facts, call, -2 if first else -1):
        return
    has, place = ("channels_first", "first") if first else ("channels_last", "last")
    yield error(
        f"images of shape {row} for the layer {call.operation.name!r}, which is {has} and takes "
        f"them for {row[0] if first else row[-1]} channels",
        f"the channels on the {place} axis",
        "x = np.moveaxis(x, -1, 1), or data_format='channels_last' in the layers"
        if first
        else f"x = np.moveaxis(x, 1, -1) and keras.Input({(*sides, channels)})",
    )


@rule("I2", "batch-normalization-unfrozen")
def statistics_learned_anew(facts: Facts) -> Iterator[Mistake]:
    """A backbone whose batch normalisation is trained on in fine-tuning.

    Why: its layers then normalise by the mean and variance of each small batch, and replace those
        that they learned from millions of images; what the backbone knows is lost in a few steps,
        and training and validation see different features.
    Fix: `backbone(inputs, training=False)`: it stays in inference, whatever is unfrozen.
    Thread: keras-team/keras#9214, keras-team/keras#4762
    """
    if _num_rows(facts) >= MANY_IMAGES or not facts.model.compiled:
        return
    seen = list(graph.calls(facts.model))
    unfrozen = [call for call in seen if _learns_anew(call)]
    if unfrozen and (why := _is_fine_tuning(facts, seen, unfrozen)):
        freeze = "layer.trainable = False for each keras.layers.BatchNormalization, before compile"
        yield warning(
            f"{len(unfrozen)} BatchNormalization layer(s) with learned statistics, such as "
            f"{unfrozen[0].operation.name!r}, that fit will change, {why}",
            "batch normalisation in inference while a backbone is fine-tuned",
            f"backbone(inputs, training=False) where the model is made; or {freeze}"
            if unfrozen[0].nested
            else freeze,
        )


@rule("I3", "validation-augmented")
def validation_augmented(facts: Facts) -> Iterator[Mistake]:
    """Validation or test images that are changed at random.

    Why: the score is that of images that nobody will bring, it changes from epoch to epoch without
        a change of the model, and early stopping follows chance.
    Fix: augmentation as layers of the model, which are off in validation; or `map` for the
        training data set alone, after the split.
    Thread: tensorflow/tensorflow#44587, keras-team/keras-preprocessing#218
    """
    for name, split in facts.splits[1:]:
        images = any(columns.are_images(leaf) for _, leaf in split.x_leaves)
        if split.origin.augmented_by and images:
            yield warning(
                f"{name}images changed at random by {split.origin.augmented_by}",
                "validation and test images as they are",
                "keras.layers.RandomFlip and its like as layers of the model, or a pipeline "
                "without them for these images",
            )


@rule("I4", "class-order-differs")
def class_order_differs(facts: Facts) -> Iterator[Mistake]:
    """Labels of folders that stand for other names than they are taken for.

    Why: labels follow the folders' names as text, with '10' before '2'; a folder that is missing
        from one split moves all labels after it; a list of names in another order names each
        prediction wrongly, whatever the accuracy says; and `os.listdir` has no order at all.
    Fix: `class_names=[...]` in `image_dataset_from_directory`, one list for all splits, and names
        of predictions from `dataset.class_names`.
    Thread: keras-team/keras#7543, keras-team/keras#3054, tensorflow/tensorflow#44752,
        anujshah1003/own_data_cnn_implementation_keras#4
    """
    names = facts.train.origin.class_names
    for word, split in facts.splits[1:]:
        other = split.origin.class_names
        moved = [n for n, pair in enumerate(zip(names, other, strict=False)) if len({*pair}) > 1]
        if moved:
            yield error(
                f"label {moved[0]} for the folder {names[moved[0]]!r} in training and for "
                f"{other[moved[0]]!r} in the {word}data",
                "one order of the classes in all splits",
                f"class_names={_listed(names)} for all of them, and a folder for each class",
            )
    program = facts.settings.program or ""
    if line := folders.labelled_as_listed(program):
        yield warning(
            f"in line {line}, folders numbered as the file system lists them",
            "labels in an order that is the same on each machine",
            "enumerate(sorted(os.listdir(folder)))",
        )
    if not names or "class_indices" in program:
        return
    if (wrong := folders.other_order(names, program)) is not None:
        yield warning(
            f"names {_listed(wrong.names)} in line {wrong.line}, of folders whose labels are those "
            f"of {_listed(names)}",
            "one order of the names",
            "names = dataset.class_names, or class_names=names where the folders are read",
        )
    elif "class_names" not in program and (places := _numbers_in_order_of_text(names)):
        yield warning(
            f"label {places[0]} for the folder {names[places[0]]!r}: folders with numbers in the "
            "order of text",
            "labels that are the numbers, or names that are looked up",
            f"class_names={_listed(sorted(names, key=int))} where the folders are read; or "
            "class_names[label] for each prediction",
        )


@rule("I5", "near-copies-in-both-splits")
def near_copies_in_both_splits(facts: Facts) -> Iterator[Mistake]:
    """Validation or test images that show what a training image shows.

    Why: an image that was mirrored, turned, brightened or saved again before the split, or the
        next frame of a film, is recognised and not understood; the score on it means nothing.
    Fix: augmentation after the split, as layers of the model; frames and copies of one image in
        one split.
    Thread: adriangb/scikeras#327, robinreni96/Font_Recognition-DeepFont#2, stefyste/RIAWELC#2
    """
    if len(facts.train.x_leaves) != 1:
        return
    ((_, train),) = facts.train.x_leaves
    for name, split in facts.splits[1:]:
        ((_, other),) = split.x_leaves[:1] or [("", None)]
        if not _are_pictures(train) or not _are_pictures(other):
            continue
        if train.shape[1:] != other.shape[1:]:
            continue
        looked_at = reading.take(other, reading.spread(len(other), VALIDATION_IMAGES))
        wanted = min(TRAINING_IMAGES, max(1, VALUES_TO_READ * len(train) // max(train.size, 1)))
        known = reading.take(train, reading.spread(len(train), wanted))
        count = int(fingerprints.near_copies(looked_at, known).sum())
        if count >= MIN_COPIES and count >= COPIED_FRACTION * len(looked_at):
            yield warning(
                f"{count} of {len(looked_at)} {name}images looked at that nearly equal one of "
                f"{len(known)} training images, some perhaps mirrored or turned",
                "images that training has not seen in any form",
                "split first and augment after it, by layers of the model; keep frames of one film "
                "and copies of one image in one split",
            )


@rule("I6", "group-in-both-splits")
def group_in_both_splits(facts: Facts) -> Iterator[Mistake]:
    """Files of one subject, by their names, in training and in another split.

    Why: images of one patient, hand or recording share much beside the answer; the model
        recognises whom it has seen, and fails on new ones.
    Fix: whole subjects in one split, as folders train and validation.
    Thread: UCSD-AI4H/COVID-CT#11, Lightning-Universe/lightning-Covid19#11
    """
    files = facts.train.origin.files
    for name, split in facts.splits[1:]:
        both = folders.groups_in_both(
            files, split.origin.files, len(facts.train.origin.class_names)
        )
        if both:
            shown = ", ".join(map(repr, both[:3])) + (", …" if len(both) > 3 else "")
            yield warning(
                f"files of {len(both)} subjects, such as {shown}, in training and {name}data",
                "all files of one subject in one split, if these names are subjects",
                "folders train and validation with whole subjects in each, in the place of "
                "validation_split; or sklearn.model_selection.GroupShuffleSplit on the files",
            )


@rule("I7", "scaled-unlike-backbone")
def scaled_unlike_backbone(facts: Facts) -> Iterator[Mistake]:
    """Images on another scale than the one that a backbone's weights were learned on.

    Why: a backbone that has learned from pixels of -1 to 1 makes nothing of 0 to 255, and less than
        it can of 0 to 1; each one has a scale of its own, and few scale by themselves.
    Fix: `keras.applications.mobilenet_v2.preprocess_input(inputs)`, of the backbone's own module,
        in the model.
    Thread: keras-team/keras#13293, tensorflow/tensorflow#34340, tensorflow/tensorflow#39925
    """
    if len(facts.train.x_leaves) != 1 or next(scaling.scaled_twice(facts), None):
        return  # one scaling too many has a rule of its own
    ((label, leaf),) = facts.train.x_leaves
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "biuf" or leaf.ndim != 4:
        return
    found = backbones.find(facts.model)
    if found is None or not found.is_learned:
        return
    sample = reading.take(leaf, reading.spread(len(leaf), backbones.ROWS_TO_RUN))
    values = graph.entering(found.first, sample).astype("float32")
    form = backbones.form(values)
    misfits = {name: found.misfit(made) for name, made in backbones.scaled(values, form).items()}
    nearest = min(misfits, key=lambda name: misfits[name] or 0, default="")
    wanted = found.wanted or (nearest if nearest != form else "")
    received = (
        f"{label} that reaches {found.first.operation.name!r}, the backbone's first layer, within "
        f"{values.min():.3g} to {values.max():.3g}"
    )
    fix = (
        f"keras.applications.{found.module}.preprocess_input(inputs) in the model, of pixels 0 to "
        "255"
        if found.module
        else backbones.FIXES.get(wanted, "the scaling that the backbone was trained with")
    )
    if factor := found.factor(values):
        yield error(
            f"{received}: its outputs spread {factor:.3g} times as far as those that its weights "
            "were learned from",
            f"images as the backbone has learned them{': ' * bool(wanted)}{wanted}",
            fix,
        )
    elif form and form != wanted and found.fits_better(misfits, wanted, form):
        yield warning(
            received,
            f"{wanted}, as in the images of the ImageNet weights of {found.module}",
            fix,
        )


def _are_sides(sides: tuple) -> bool:
    """Return whether these may be the height and the width of an image."""
    if None in sides or min(sides) < MIN_SIDE:
        return False
    return bool(max(sides) <= MAX_RATIO * min(sides))


def _listed(names: Sequence[str]) -> str:
    return "[" + ", ".join(map(repr, names[:6])) + (", …" if len(names) > 6 else "") + "]"


def _numbers_in_order_of_text(names: Sequence[str]) -> list[int]:
    """Return the labels whose folder is not the number in that place; none for other names."""
    if not all(name.isdecimal() for name in names):
        return []
    in_order = sorted(names, key=int)
    return [n for n, pair in enumerate(zip(names, in_order, strict=True)) if len({*pair}) > 1]


def _are_pictures(leaf: reading.Leaf | None) -> bool:
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "biuf" or leaf.ndim < 3:
        return False
    return columns.are_images(leaf) and leaf.ndim <= 4 and min(leaf.shape[1:3]) >= fingerprints.SIDE


def _is_smooth(facts: Facts, call: graph.Call, axis: int) -> bool:
    """Return whether neighbours along an axis are alike, as pixels are."""
    ((_, leaf),) = facts.train.x_leaves
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "biuf":
        return False
    sample = reading.take(leaf, reading.spread(len(leaf), ROWS_OF_SAMPLE))
    values = np.moveaxis(graph.entering(call, sample).astype("float64"), axis, -1)
    one, next_one = values[..., :-1].ravel(), values[..., 1:].ravel()
    if not one.std() or not next_one.std():
        return False
    return bool(np.corrcoef(one, next_one)[0, 1] > SMOOTH)


def _num_rows(facts: Facts) -> int:
    """Return the training rows, of a stream that was read in part as many as its batches hold."""
    train = facts.train
    batches = max(train.batches or 0, train.batches_read)
    return train.rows * batches // train.batches_read if train.batches_read else train.rows


def _learns_anew(call: graph.Call) -> bool:
    """Return whether `fit` changes learned statistics of images."""
    layer = call.operation
    return (
        isinstance(layer, layers.BatchNormalization)
        and len(call.shape) == 4
        and layer.built
        and layer.trainable
        and not call.in_inference
        and bool(np.any(keras.ops.convert_to_numpy(layer.moving_mean)))
    )


def _is_fine_tuning(facts: Facts, seen: list[graph.Call], unfrozen: list[graph.Call]) -> str:
    """Describe what shows that a learned backbone is fine-tuned; "" for a model that trains on."""
    weighted = [
        one.operation
        for one in seen
        if isinstance(one.operation, base_conv.BaseConv | layers.Dense) and one.operation.built
    ]
    if any(not layer.trainable for layer in weighted):
        return "while other layers are frozen"
    bias = getattr(weighted[-1], "bias", None) if weighted else None
    if bias is not None and not np.any(keras.ops.convert_to_numpy(bias)):
        return f"together with the layer {weighted[-1].name!r}, which has learned nothing yet"
    optimizer = facts.model.optimizer
    begins = optimizer is not None and not int(keras.ops.convert_to_numpy(optimizer.iterations))
    if begins and unfrozen[0].nested and float(optimizer.learning_rate) <= SMALL_RATE:
        return f"at a learning rate of {float(optimizer.learning_rate):.2g}"
    return ""
