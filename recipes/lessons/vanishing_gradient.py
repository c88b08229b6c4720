"""Vanishing gradient: which initialisation keeps the signal through fifty layers.

한국어: 기울기 소실: 어떤 가중치 초기화가 50층을 지나도 신호를 유지하는지 비교합니다.
Idea: each layer multiplies the signal in the forward pass and the gradient in the backward pass. A
sigmoid multiplies the gradient by at most 0.25. The variance of the weights is 2/(in + out) for
Xavier, made for sigmoid and tanh, and 2/in for He, made for ReLU, which loses one half.
Watch: only ReLU with He keeps the variance of the input of each activation within [0.5, 2].
Change: WIDTH (narrow layers vary more), or He's 2 to 1.9 or 2.1.
"""

import numpy as np
import pandas as pd

from recipes.lessons import _lesson as lesson, _sketches as sketches, activations

WIDTH, ROWS, NUM_SEEDS, DEPTH = 512, 32, 10, 50
SCALES = {"Xavier": (2 / (WIDTH + WIDTH)) ** 0.5, "He": (2 / WIDTH) ** 0.5}
PAIRS = [(name, scale) for name in ("sigmoid", "ReLU") for scale in SCALES]


def signal_and_gradient(activation: str, scale: str, seed: int) -> np.ndarray:
    """Send random rows up through DEPTH layers and a random gradient down again.

    Returns:
        (2, DEPTH): for each layer the variance of its weighted sums z, as a share of the first
        layer's (as Glorot and Bengio 2010 and He et al. 2015 look at it), and the size of the
        gradient by z, as a share of the last layer's.
    """
    function, derivative = activations.FUNCTIONS[activation]
    rng = np.random.default_rng(seed)
    weights = SCALES[scale] * rng.standard_normal((DEPTH, WIDTH, WIDTH), "float32")
    output, variances, slopes = rng.standard_normal((ROWS, WIDTH), "float32"), [], []
    for layer in weights:
        z = output @ layer
        output = function(z)
        variances.append(z.var(dtype="float64"))
        slopes.append(derivative(z).astype("float32"))
    gradient, sizes = rng.standard_normal((ROWS, WIDTH), "float32"), []
    for layer, slope in zip(weights[::-1], slopes[::-1], strict=True):
        gradient = gradient * slope
        sizes.append(np.sqrt(np.mean(np.square(gradient, dtype="float64"))))
        gradient = gradient @ layer.T
    return np.array([np.array(variances) / variances[0], np.array(sizes[::-1]) / sizes[0]])


def measure(seed: int) -> dict[tuple[str, str], np.ndarray]:
    """Return `signal_and_gradient` of each pair for every seed, (2, NUM_SEEDS, DEPTH)."""
    seeds = range(NUM_SEEDS * seed, NUM_SEEDS * (seed + 1))
    return {
        pair: np.stack([signal_and_gradient(*pair, one) for one in seeds], axis=1) for pair in PAIRS
    }


def study(seed: int = 0) -> lesson.Shown:
    """Measure every pair of activation and initialisation over several seeds."""
    measured, rows = measure(seed), []
    for (activation, scale), (variances, gradients) in measured.items():
        mean = variances.mean(axis=0)
        row = {"activation": activation, "weights": scale}
        # The gradient at the first layer of a network of so many layers.
        row |= {f"gradient, {d} layers": gradients[:, -d].mean() for d in (2, 5, 10, 20, 50)}
        row |= {"variance at 50": mean[-1], "± std": variances[:, -1].std()}
        rows.append(row | {"within [0.5, 2]": mean.min() >= 0.5 and mean.max() <= 2})
    table = pd.DataFrame(rows)
    kept = table[table["within [0.5, 2]"]]
    return lesson.Shown(
        table,
        draw(measured),
        f"With sigmoid (시그모이드) and Xavier weights (사비에르 초기화) a gradient (기울기) is "
        f"{table['gradient, 50 layers'][0]:.0e} after 50 layers: it has vanished (기울기 소실).",
        f"{' and '.join(kept.activation + ' with ' + kept.weights)} (렐루, He 초기화) is the only one "
        f"with a variance (분산) within [0.5, 2]; at layer 50 it is "
        f"{kept['variance at 50'].iloc[0]:.2f} ± {kept['± std'].iloc[0]:.2f} of the first.",
        "ReLU with Xavier's smaller weights halves the variance at every layer (층), because "
        "ReLU loses the negative half.",
        korean=(
            "시그모이드와 사비에르 초기화에서는 50층을 지난 기울기가 "
            f"{table['gradient, 50 layers'][0]:.0e}입니다. 기울기 소실입니다.",
            "분산을 [0.5, 2] 안으로 유지하는 것은 "
            f"{', '.join(kept.activation + ' + ' + kept.weights)}뿐이며, 50층에서 첫 층의 "
            f"{kept['variance at 50'].iloc[0]:.2f} ± {kept['± std'].iloc[0]:.2f}배입니다.",
            "렐루는 음수 쪽 절반을 버리므로, 더 작은 사비에르 가중치에서는 층마다 분산이 반으로 줄어듭니다.",
        ),
    )


def draw(measured: dict[tuple[str, str], np.ndarray]) -> sketches.Figure:
    """Draw variance and gradient of each layer on a log scale, with the range of the seeds."""
    panels = sketches.panels(2)
    titles = ("variance of z / layer 1's", "size of the gradient / layer 50's")
    for kind, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        lines = {", ".join(pair): np.maximum(both[kind], 1e-40) for pair, both in measured.items()}
        sketches.draw_lines(axes, lines, xlabel="layer", ylabel=title, yscale="log",
                          ylim=(1e-20, 1e2))  # fmt: skip
    panels[0].axhspan(0.5, 2, color="0.85", zorder=0)
    return panels[0].figure


if __name__ == "__main__":
    lesson.main(study)
