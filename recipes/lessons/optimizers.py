"""Optimizers: the five of the notes, on a line and on Fashion-MNIST, over six decades of rates.

Idea: all five step against the gradient. Momentum keeps part of the last direction; Adagrad and
RMSprop divide by the size of past gradients, for ever or fading; Adam does both.
Watch: the map of final losses. Each optimizer has its own range of good learning rates: too small
is slow, too big overshoots, and with plain SGD diverges.
Change: RATES, MOMENTUM; take the normalisation out of `load_line` and watch the range shrink.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from datasets import diabetes, fashion_mnist
from recipes.common import configs, fused, lesson, optimizers, problems
from recipes.common.pictures import BLUE, GREEN, VERMILION

DATA = "auto"
NAMES = ("sgd", "momentum", "adagrad", "rmsprop", "adam")
RATES = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
NUM_SEEDS, NUM_IMAGES, LINE_STEPS = 3, 4000, 300
PROBLEM = problems.multiclass(fashion_mnist.CLASS_NAMES, logits=True)


def load_line() -> tuple[np.ndarray, np.ndarray]:
    """The diabetes data, everything normalised, with a column of ones: x (rows, 11), y (rows,)."""
    train = diabetes.load(seed=0).train
    x = train.x.to_numpy("float64")
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.column_stack([x, np.ones(len(x))]), (train.y - train.y.mean()) / train.y.std()


def step(name: str, rate: float, gradient: np.ndarray, memory: dict, count: int) -> np.ndarray:
    """One update by hand, as in Keras; `memory` is what the optimizer keeps between steps."""
    if name == "sgd":
        return -rate * gradient
    if name == "momentum":
        memory["speed"] = optimizers.MOMENTUM * memory.get("speed", 0.0) - rate * gradient
        return memory["speed"]
    if name == "adagrad":
        memory["squares"] = memory.get("squares", 0.1) + gradient**2
        return -rate * gradient / np.sqrt(memory["squares"] + 1e-7)
    if name == "rmsprop":
        memory["squares"] = 0.9 * memory.get("squares", 0.0) + 0.1 * gradient**2
        return -rate * gradient / np.sqrt(memory["squares"] + 1e-7)
    memory["mean"] = 0.9 * memory.get("mean", 0.0) + 0.1 * gradient
    memory["squares"] = 0.999 * memory.get("squares", 0.0) + 0.001 * gradient**2
    correction = np.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    return -rate * correction * memory["mean"] / (np.sqrt(memory["squares"]) + 1e-7)


def descend_line(name: str, rate: float) -> np.ndarray:
    """Fit the line by full-batch steps; give the loss before each, infinite once it overflows."""
    x, y = load_line()
    w, memory, losses = np.zeros(x.shape[1]), {}, np.full(LINE_STEPS, np.inf)
    for count in range(1, LINE_STEPS + 1):
        error = x @ w - y
        losses[count - 1] = np.mean(error**2)
        if losses[count - 1] > 1e6:
            break
        w = w + step(name, rate, 2 / len(x) * x.T @ error, memory, count)
    return losses


def train_images(images, name: str, rate: float, seed: int) -> float:
    """Train a small network for two epochs; give the training loss of the second."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(fashion_mnist.IMAGE_SHAPE)
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    hidden = keras.layers.Dense(32, "relu", kernel_initializer="he_normal")(hidden)
    model = keras.Model(inputs, PROBLEM.outputs(hidden))
    optimizer = optimizers.make(configs.Config(optimizer=name, learning_rate=rate))
    PROBLEM.compile(model, optimizer)
    history = fused.fit(model, images.x, images.y, batch_size=32, epochs=2, verbose=0).history
    return history["loss"][-1]


def study(seed: int = 0) -> lesson.Shown:
    """Map the final loss of every optimizer and learning rate, on both problems."""
    images = fashion_mnist.load(DATA, seed=seed).train.take(np.arange(NUM_IMAGES))
    line = {name: [descend_line(name, rate)[-1] for rate in RATES] for name in NAMES}
    network = {
        name: [[train_images(images, name, rate, NUM_SEEDS * seed + i) for i in range(NUM_SEEDS)]
               for rate in RATES]
        for name in NAMES
    }  # fmt: skip
    rows = []
    for name in NAMES:
        means = np.mean(network[name], axis=1)
        best = int(np.nanargmin(np.where(np.isfinite(means), means, np.inf)))
        on_line = int(np.argmin(line[name]))
        rows.append({"optimizer": name, "best rate, line": RATES[on_line],
                     "loss, line": line[name][on_line], "best rate, network": RATES[best],
                     "loss, network": means[best],
                     "± std": np.std(network[name][best])})  # fmt: skip
    table = pd.DataFrame(rows)
    winner = table.loc[table["loss, network"].idxmin()]
    return lesson.Shown(
        table,
        draw(line, {name: np.mean(losses, axis=1) for name, losses in network.items()}),
        (
            f"On the network {winner.optimizer} with a learning rate (학습률) of "
            f"{winner['best rate, network']:g} ends lowest, at {winner['loss, network']:.3f} ± "
            f"{winner['± std']:.3f}.",
            "Too small a rate has hardly moved after the same steps; too big a rate overshoots "
            "(발산), which for SGD (확률적 경사 하강법) means that the loss leaves all bounds.",
            "Adam (아담) and RMSprop want smaller rates than SGD on the network: they divide by "
            "the size of the gradient (기울기).",
        ),
    )


def draw(line: dict, network: dict) -> Figure:
    """Draw both maps, and three learning rates of SGD as curves."""
    figure = Figure(figsize=(15, 4.4), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, losses, title in zip(
        panels, (line, network), ("linear regression", "Fashion-MNIST, 2 epochs"), strict=False
    ):
        draw_map(axes, np.array([losses[name] for name in NAMES]), title)
    for rate, colour, label in ((0.001, BLUE, "too small"), (0.1, GREEN, "right"),
                                (1.0, VERMILION, "too big")):  # fmt: skip
        losses = descend_line("sgd", rate)
        panels[2].plot(losses[np.isfinite(losses)], color=colour, label=f"{label}: {rate:g}")
    panels[2].set(title="SGD on linear regression", xlabel="step", ylabel="loss (MSE)",
                  yscale="log", ylim=(0.3, 1e3), xscale="log")  # fmt: skip
    panels[2].legend(title="learning rate")
    return figure


def draw_map(axes, losses: np.ndarray, title: str) -> None:
    """Draw one map: colour and number are the final loss, a cross marks what is far off."""
    shown = np.where(np.isfinite(losses) & (losses < 3 * np.median(losses)), losses, np.nan)
    axes.imshow(np.log(shown), cmap="viridis_r", aspect="auto")
    best = np.unravel_index(np.nanargmin(shown), shown.shape)
    for (row, column), loss in np.ndenumerate(losses):
        text = "✗" if np.isnan(shown[row, column]) else f"{loss:.2f}"
        weight = "bold" if (row, column) == best else "normal"
        box = {"facecolor": "white", "alpha": 0.6, "edgecolor": "none", "pad": 1}
        axes.text(column, row, text, ha="center", va="center", weight=weight, bbox=box)
    axes.set_xticks(range(len(RATES)), [f"{rate:g}" for rate in RATES])
    axes.set_yticks(range(len(NAMES)), NAMES)
    axes.set(title=f"{title}: final loss (✗ far off or diverged)", xlabel="learning rate")


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
