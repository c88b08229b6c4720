"""Batches: one sample, a mini-batch or all rows for each update of the weights.

한국어: 배치: 한 행, 미니배치, 전체 행으로 가중치를 갱신할 때의 차이.
Idea: the gradient of a few rows is a noisy estimate of the gradient of all rows. Small batches take
many noisy steps per epoch, large batches take a few accurate steps.
Watch: all rows at once need the fewest steps; one row at a time needs the fewest epochs. The
fewest seconds depend on the machine: 32 rows together take less time than 32 single rows.
Change: BATCH_SIZES, or their learning rates.
"""

import time

import keras
import numpy as np
import pandas as pd

from datasets import fashion_mnist
from keras_recipes.training import fused
from recipes import fmnist
from recipes.lessons import _lesson as lesson, _sketches as sketches

NUM_IMAGES, NUM_SEEDS, TARGET = 2000, 3, 0.5
# Batch size -> (learning rate of SGD, epochs): larger batches are steadier and allow more.
BATCH_SIZES = {1: (0.003, 8), 32: (0.05, 40), NUM_IMAGES: (0.2, 600)}


def run(batch_size: int, seed: int) -> pd.DataFrame:
    """Train a small network; give steps, epochs, seconds and the loss of all rows by epoch."""
    images = lesson.load_images(seed, NUM_IMAGES).train
    rate, epochs = BATCH_SIZES[batch_size]
    optimizer = keras.optimizers.SGD(rate)
    model = lesson.network(fmnist.PROBLEM, fashion_mnist.IMAGE_SHAPE, (32,), optimizer, seed)
    starts, ends = [], []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: starts.append(time.perf_counter()),
        on_test_begin=lambda logs: ends.append(time.perf_counter()),  # what follows only measures
    )
    history = fused.fit(model, images.x, images.y, batch_size, epochs, 0, [clock],
                        validation_data=(images.x, images.y)).history  # fmt: skip
    seconds = np.subtract(ends, starts)
    seconds[0] = np.median(seconds[1:])  # the first epoch also compiles
    passes = np.arange(1, epochs + 1)
    return pd.DataFrame({"size": batch_size, "seed": seed, "epoch": passes,
                         "step": passes * -(-NUM_IMAGES // batch_size),
                         "seconds": seconds.cumsum(), "loss": history["val_loss"],
                         "µs a row": 1e6 * seconds.mean() / NUM_IMAGES})  # fmt: skip


def study(seed: int = 0) -> lesson.Shown:
    """Train with each batch size over several seeds, and see when each first reaches TARGET."""
    seeds = range(NUM_SEEDS * seed, NUM_SEEDS * (seed + 1))
    pairs = [(size, one) for size in BATCH_SIZES for one in seeds]
    runs = pd.concat([run(*pair) for pair in lesson.progress(pairs, "training")])
    reached = runs[runs.loss <= TARGET].groupby(["size", "seed"]).min().groupby("size")
    mean, spread = reached.mean(), reached.std()
    columns = {"epoch": "epochs", "step": "steps", "seconds": "seconds"}
    table = pd.DataFrame({"batch size": mean.index, "µs a row": mean["µs a row"].to_numpy()})
    for unit, plural in columns.items():
        table[f"{plural} to {TARGET}"] = mean[unit].to_numpy()
        table[f"± {plural}"] = spread[unit].to_numpy()
    return lesson.Shown(
        table,
        draw(runs),
        f"A batch (배치) of {mean.epoch.idxmin()} reaches a loss (손실) of {TARGET} in the fewest "
        f"epochs (에포크), {mean.epoch.min():.1f} ± {spread.epoch[mean.epoch.idxmin()]:.1f}: it "
        "has the most updates, as in SGD (확률적 경사 하강법).",
        f"A full batch (전체 배치) of {mean.step.idxmin()} takes the fewest steps (스텝), "
        f"{mean.step.min():.0f} ± {spread.step[mean.step.idxmin()]:.0f}.",
        f"They take {', '.join(f'{s:.2f}' for s in mean.seconds)} seconds here: one row takes "
        f"{mean['µs a row'][1]:.1f} µs alone, and {mean['µs a row'][32]:.1f} µs in a mini-batch "
        "(미니배치).",
        korean=(
            f"배치 크기 {mean.epoch.idxmin()}이 가장 적은 에포크 {mean.epoch.min():.1f} ± "
            f"{spread.epoch[mean.epoch.idxmin()]:.1f} 만에 손실 {TARGET}에 도달합니다. 확률적 경사 하강법처럼 "
            "가장 자주 갱신하기 때문입니다.",
            f"전체 배치 {mean.step.idxmin()}은 스텝 수가 {mean.step.min():.0f} ± "
            f"{spread.step[mean.step.idxmin()]:.0f}로 가장 적습니다.",
            f"시간은 각각 {', '.join(f'{s:.2f}' for s in mean.seconds)}초입니다. 한 행의 계산 시간은 하나씩 처리할 때 "
            f"{mean['µs a row'][1]:.1f} µs, 미니배치에서 {mean['µs a row'][32]:.1f} µs입니다.",
        ),
    )


def draw(runs: pd.DataFrame) -> sketches.Figure:
    """Draw the loss against epochs, steps and seconds, mean and range of the seeds."""
    panels = sketches.panels(3, size=(13, 4.2), sharey=True)
    for axes, unit in zip(panels, ("epoch", "step", "seconds"), strict=True):
        lines, places = {}, {}
        for size, split in runs.groupby("size"):
            lines[f"batch size {size}"] = split.loss.to_numpy().reshape(NUM_SEEDS, -1)
            places[f"batch size {size}"] = split.groupby("epoch")[unit].mean()
        axes.axhline(TARGET, color="0.7", linewidth=0.8)
        sketches.draw_lines(axes, lines, places, xlabel=unit, xscale="log")
    panels[0].set_ylabel("loss of all rows (cross-entropy)")
    return panels[0].figure


if __name__ == "__main__":
    lesson.main(study)
