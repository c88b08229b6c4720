"""Vanishing gradient: which initialisation keeps a signal alive through fifty layers.

Idea: each layer multiplies the signal on its way up and the gradient on its way down. A sigmoid
multiplies the gradient by at most 0.25; weights too small or too large do the rest. Xavier's
variance 2/(in + out) was made for sigmoid and tanh, He's 2/in for ReLU, which loses one half.
Watch: only ReLU with He keeps the variance of what goes into each activation within [0.5, 2].
Change: WIDTH (narrow layers stray further), or He's 2 to 1.9 or 2.1.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from recipes.common import lesson
from recipes.common.pictures import BLUE, GREEN, ORANGE, VERMILION
from recipes.lessons import activations

WIDTH, ROWS, NUM_SEEDS = 512, 32, 10
DEPTH = 50
SHOWN_DEPTHS = (2, 5, 10, 20, 50)
SCALES = {"Xavier": np.sqrt(2 / (WIDTH + WIDTH)), "He": np.sqrt(2 / WIDTH)}
PAIRS = [(name, scale) for name in ("sigmoid", "ReLU") for scale in SCALES]


def signal_and_gradient(activation: str, scale: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Send random rows up through DEPTH layers and a random gradient down again.

    Args:
        activation: A name in `activations.FUNCTIONS`.
        scale: A name in SCALES.
        seed: Decides rows, weights and gradient.

    Returns:
        For each layer, (DEPTH,): the variance of its weighted sums z, which go into the activation,
        as a share of the first layer's (the quantity of Glorot and Bengio 2010 and He et al. 2015);
        and the size of the gradient by z, as a share of the last layer's.
    """
    function, derivative = activations.FUNCTIONS[activation]
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, SCALES[scale], (DEPTH, WIDTH, WIDTH)).astype("float32")
    output, variances, slopes = rng.normal(size=(ROWS, WIDTH)).astype("float32"), [], []
    for layer in weights:
        z = output @ layer
        output = function(z).astype("float32")
        variances.append(z.var(dtype="float64"))
        slopes.append(derivative(z).astype("float32"))
    gradient, sizes = rng.normal(size=(ROWS, WIDTH)).astype("float32"), []
    for layer, slope in zip(weights[::-1], slopes[::-1], strict=True):
        gradient = gradient * slope
        sizes.append(np.sqrt(np.mean(np.square(gradient, dtype="float64"))))
        gradient = gradient @ layer.T
    return np.array(variances) / variances[0], np.array(sizes[::-1]) / sizes[0]


def measure(seed: int) -> dict[tuple[str, str], np.ndarray]:
    """Give, for each pair, variances and gradients of each seed, (2, NUM_SEEDS, DEPTH)."""
    return {
        pair: np.stack(
            [signal_and_gradient(*pair, NUM_SEEDS * seed + i) for i in range(NUM_SEEDS)], axis=1
        )
        for pair in PAIRS
    }


def study(seed: int = 0) -> lesson.Shown:
    """Measure every pair of activation and initialisation over several seeds."""
    measured = measure(seed)
    rows = []
    for (activation, scale), (variances, gradients) in measured.items():
        mean = variances.mean(axis=0)
        row = {"activation": activation, "weights": scale}
        # The gradient at the first layer of a network of so many layers.
        row |= {f"gradient, {d} layers": gradients[:, DEPTH - d].mean() for d in SHOWN_DEPTHS}
        row |= {"variance at 50": mean[-1], "± std": variances[:, -1].std()}
        row |= {"within [0.5, 2]": bool((mean >= 0.5).all() and (mean <= 2).all())}
        rows.append(row)
    table = pd.DataFrame(rows)
    kept = table[table["within [0.5, 2]"]]
    lost = table.set_index(["activation", "weights"])["gradient, 50 layers"]["sigmoid", "Xavier"]
    return lesson.Shown(
        table,
        draw(measured),
        (
            f"With sigmoid (시그모이드) and Xavier weights (사비에르 초기화) a gradient (기울기) "
            f"shrinks to {lost:.0e} over 50 layers: it has vanished (기울기 소실).",
            f"{' and '.join(kept.activation + ' with ' + kept.weights)} (렐루, He 초기화) alone "
            f"keeps the variance (분산) within [0.5, 2]; at layer 50 it is "
            f"{kept['variance at 50'].iloc[0]:.2f} ± {kept['± std'].iloc[0]:.2f} of the first.",
            "ReLU with Xavier's smaller weights halves the variance at every layer (층), since "
            "ReLU loses the negative half.",
        ),
    )


def draw(measured: dict[tuple[str, str], np.ndarray]) -> Figure:
    """Draw variance and gradient of each layer on a log scale, with the range of the seeds."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    layers = np.arange(1, DEPTH + 1)
    labels = ("variance of z / layer 1's", "size of the gradient / layer 50's")
    for kind, (axes, label) in enumerate(zip(figure.subplots(1, 2), labels, strict=True)):
        for (pair, both), colour, style in zip(
            measured.items(), (BLUE, GREEN, ORANGE, VERMILION), ("-", "--", "-.", "-"), strict=True
        ):
            seeds = np.maximum(both[kind], 1e-40)
            axes.plot(layers, seeds.mean(axis=0), style, color=colour, label=", ".join(pair))
            axes.fill_between(layers, seeds.min(0), seeds.max(0), color=colour, alpha=0.2)
        axes.set(xlabel="layer", ylabel=label, yscale="log", ylim=(1e-20, 1e2))
        axes.legend(fontsize=9)
    figure.axes[0].axhspan(0.5, 2, color="0.85", zorder=0)
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
