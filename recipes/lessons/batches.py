"""Batches: one sample, a mini-batch or all rows for each update of the weights.

Idea: the gradient of a few rows is a noisy guess of the gradient of all. Small batches take many
restless steps for each pass over the data, large ones few steady steps.
Watch: against steps, all rows at once wins; against epochs, one row does; against seconds it is
a matter of the machine: how much less than 32 times as long 32 rows take.
Change: BATCH_SIZES, or the learning rates that go with them.
"""

from __future__ import annotations

import sys
import time

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from datasets import fashion_mnist
from recipes.common import fused, lesson, problems
from recipes.common.pictures import BLUE, ORANGE, VERMILION

DATA = "auto"
NUM_IMAGES = 2000
TARGET = 0.5
# Batch size -> (learning rate of SGD, epochs): larger batches are steadier and allow more.
BATCH_SIZES = {1: (0.003, 8), 32: (0.05, 40), NUM_IMAGES: (0.2, 600)}
PROBLEM = problems.multiclass(fashion_mnist.CLASS_NAMES, logits=True)


class Clock(keras.callbacks.Callback):
    """Adds up the seconds of training, without those of evaluation."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self.started = time.perf_counter()

    def on_test_begin(self, logs=None):
        """Stop it: what follows only measures."""
        self.seconds.append(time.perf_counter() - self.started)


def run(images, batch_size: int, seed: int) -> pd.DataFrame:
    """Train a small network; give steps, epochs, seconds and the loss of all rows after each epoch.

    Args:
        images: The rows.
        batch_size: Rows of each update.
        seed: Decides weights and order.
    """
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(fashion_mnist.IMAGE_SHAPE)
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    hidden = keras.layers.Dense(32, "relu", kernel_initializer="he_normal")(hidden)
    model = keras.Model(inputs, PROBLEM.outputs(hidden))
    rate, epochs = BATCH_SIZES[batch_size]
    PROBLEM.compile(model, keras.optimizers.SGD(rate))
    clock = Clock()
    history = fused.fit(model, images.x, images.y, batch_size, epochs, (images.x, images.y),
                        [clock], verbose=0).history  # fmt: skip
    seconds = np.array(clock.seconds)
    seconds[0] = np.median(seconds[1:])  # the first epoch also compiles
    passes = np.arange(1, epochs + 1)
    steps = passes * -(-len(images) // batch_size)
    return pd.DataFrame({"step": steps, "epoch": passes, "seconds": seconds.cumsum(),
                         "loss": history["val_loss"]})  # fmt: skip


def study(seed: int = 0) -> lesson.Shown:
    """Train with each batch size, and see when each first reaches TARGET."""
    images = fashion_mnist.load(DATA, seed=seed).train.take(np.arange(NUM_IMAGES))
    runs = {size: run(images, size, seed) for size in BATCH_SIZES}
    rows = []
    for size, course in runs.items():
        reached = course[course.loss <= TARGET]
        first = reached.iloc[0] if len(reached) else course.iloc[-1] * np.nan
        last = course.iloc[-1]
        rows.append({"batch size": size, "learning rate": BATCH_SIZES[size][0],
                     f"steps to {TARGET}": first.step, f"epochs to {TARGET}": first.epoch,
                     f"seconds to {TARGET}": first.seconds,
                     "µs a step": 1e6 * last.seconds / last.step,
                     "µs a row": 1e6 * last.seconds / last.epoch / NUM_IMAGES})  # fmt: skip
    table = pd.DataFrame(rows)
    fastest = int(table.loc[table[f"seconds to {TARGET}"].idxmin(), "batch size"])
    fewest = int(table.loc[table[f"epochs to {TARGET}"].idxmin(), "batch size"])
    return lesson.Shown(
        table,
        draw(runs),
        (
            f"A batch (배치) of {fewest} reaches a loss of {TARGET} in the fewest epochs (에포크), "
            f"since it updates most often.",
            f"In seconds a batch of {fastest} is first here: a row costs "
            f"{table['µs a row'][0]:.1f} µs alone and {table['µs a row'][1]:.1f} µs in a "
            "mini-batch (미니배치), but a row alone teaches at once.",
            f"A step (스텝) on all {NUM_IMAGES} rows, a full batch (전체 배치), is steady; one on "
            "a single row, as in SGD (확률적 경사 하강법), is restless.",
        ),
    )


def draw(runs: dict[int, pd.DataFrame]) -> Figure:
    """Draw the loss against steps, epochs and seconds."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, unit in zip(panels, ("step", "epoch", "seconds"), strict=True):
        for (size, course), colour, style in zip(
            runs.items(), (VERMILION, BLUE, ORANGE), ("-", "--", "-."), strict=True
        ):
            label = f"all {size}" if size == NUM_IMAGES else str(size)
            axes.plot(course[unit], course.loss, style, color=colour, label=label)
        axes.axhline(TARGET, color="0.7", linewidth=0.8)
        axes.set(xlabel=unit, xscale="log")
    panels[0].set_ylabel("loss of all rows (cross-entropy)")
    panels[0].legend(title="batch size")
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
