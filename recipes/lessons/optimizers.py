"""Optimizers: five optimizers on a line and on Fashion-MNIST, over a wide range of learning rates.

한국어: 옵티마이저: 다섯 가지 옵티마이저를 직선과 Fashion-MNIST에서, 넓은 범위의 학습률로 비교합니다.
Idea: all five step against the gradient. Momentum adds the previous direction. Adagrad divides by
the size of all past gradients, RMSprop by that of recent ones. Adam has momentum and divides.
Watch: the heatmap of final losses. Each optimizer has its own range of good learning rates: too
small is slow, too large overshoots, and plain SGD diverges.
Change: RATES, MOMENTUM; remove the normalisation in `descend_line`: the range becomes smaller.
"""

import itertools

import numpy as np
import pandas as pd

from datasets import fashion_mnist
from keras_recipes import configs, optimizers, training
from recipes import fmnist
from recipes.lessons import _lesson as lesson, _sketches as sketches, linear_regression

NAMES: tuple[configs.Optimizer, ...] = ("sgd", "momentum", "adagrad", "rmsprop", "adam")
RATES = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
NUM_SEEDS, NUM_IMAGES, LINE_STEPS = 3, 4000, 300


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


def descend_line(name: str, rate: float, seed: int) -> np.ndarray:
    """Fit a line from random weights; give the loss before each step, infinite beyond bounds."""
    x, y = linear_regression.load(linear_regression.INPUTS["10 inputs"])
    y = (y - y.mean()) / y.std()
    w, memory = np.random.default_rng(seed).normal(0, 0.5, (x.shape[1],)), dict[str, np.ndarray]()
    losses = np.full(LINE_STEPS, np.inf)
    for count in range(1, LINE_STEPS + 1):
        error = x @ w - y
        losses[count - 1] = np.mean(error**2)
        if losses[count - 1] > 1e6:
            break
        w = w + step(name, rate, 2 / len(x) * x.T @ error, memory, count)
    return losses


def train_network(images: tuple, name: configs.Optimizer, rate: float, seed: int) -> float:
    """Train a small network on (x, y) for two epochs; return the training loss of the second."""
    optimizer = optimizers.make(configs.Config(optimizer=name, learning_rate=rate))
    model = lesson.network(fmnist.PROBLEM, fashion_mnist.IMAGE_SHAPE, (32,), optimizer, seed)
    return training.fused.fit(model, images[0], images[1], 32, 2, 0).history["loss"][-1]


def study(seed: int = 0) -> lesson.Shown:
    """Map the final loss of every optimizer and learning rate, on both problems."""
    images = lesson.load_images(seed, NUM_IMAGES).train
    runs = list(itertools.product(NAMES, RATES, range(NUM_SEEDS * seed, NUM_SEEDS * (seed + 1))))
    steps = lesson.progress(runs, "training")
    losses = [(descend_line(*run)[-1], train_network((images.x, images.y), *run)) for run in steps]
    final = np.reshape(np.transpose(losses), (2, len(NAMES), len(RATES), NUM_SEEDS))
    table = pd.DataFrame({"optimizer": NAMES})
    for kind, losses in zip(("line", "network"), final, strict=True):
        best = np.nanargmin(losses.mean(axis=2), axis=1)
        lowest = losses[np.arange(len(NAMES)), best]
        table[f"best rate, {kind}"] = np.take(RATES, best)
        table[f"loss, {kind}"], table[f"± {kind}"] = lowest.mean(axis=1), lowest.std(axis=1)
    name, *_, rate, loss, spread = table.loc[table["loss, network"].idxmin()]
    sgd, rates = final[0, 0].mean(axis=1), table["best rate, network"]
    return lesson.Shown(
        table,
        draw(final.mean(axis=3)),
        f"The best optimizer (옵티마이저) for the network is {name} with a learning rate (학습률) "
        f"of {rate:g}: its final loss (손실) is {loss:.3f} ± {spread:.3f}.",
        f"On the line, SGD (확률적 경사 하강법) ends at {sgd[1]:.2f} with {RATES[1]} (too small), at "
        f"{sgd[3]:.2f} with {RATES[3]}; {RATES[4]:g} overshoots (오버슈팅) and diverges (발산).",
        f"On the network, RMSprop and Adam (아담) need smaller rates ({rates[3]:g}, {rates[4]:g}) "
        f"than SGD ({rates[0]:g}), because they divide by the size of the gradient (기울기).",
        korean=(
            f"신경망에서 가장 좋은 옵티마이저는 학습률 {rate:g}의 {name}이며, 마지막 손실은 {loss:.3f} ± "
            f"{spread:.3f}입니다.",
            f"직선에서 확률적 경사 하강법은 너무 작은 학습률 {RATES[1]}에서 {sgd[1]:.2f}, {RATES[3]}에서 "
            f"{sgd[3]:.2f}로 끝나고, {RATES[4]:g}에서는 오버슈팅이 일어나 발산합니다.",
            f"신경망에서 RMSprop과 아담은 SGD의 {rates[0]:g}보다 작은 학습률 {rates[3]:g}, {rates[4]:g}가 "
            "알맞습니다. 기울기의 크기로 나누기 때문입니다.",
        ),
    )


def draw(final: np.ndarray) -> sketches.Figure:
    """Draw both maps, and three learning rates of SGD as curves."""
    panels = sketches.panels(3, size=(15, 4.4))
    for axes, losses, kind in zip(panels, final, ("line", "network"), strict=False):
        sketches.draw_map(axes, losses, NAMES, RATES, limit=5, xlabel="learning rate",
                        title=f"final loss of the {kind} (✗: above 5, diverging)")  # fmt: skip
    rates = {"too small: 0.001": 0.001, "right: 0.1": 0.1, "too big: 1": 1}
    curves = {label: descend_line("sgd", rate, seed=0) for label, rate in rates.items()}
    sketches.draw_lines(panels[2], curves, title="SGD on the line, three learning rates",
                      xlabel="step", xscale="log", ylabel="loss (MSE)", yscale="log")  # fmt: skip
    return panels[0].figure


if __name__ == "__main__":
    lesson.main(study)
