"""Measure the time of an epoch: Keras, `fused.fit`, and other libraries.

Networks of pictures train on Fashion-MNIST, recurrent ones on random sequences of words.

Both train in turn in one process, each the same model every time, so that both have the same
noise. The ratio is computed for each round. The first round compiles and is not counted. The losses
after the same number of epochs show that both do the same work.

Run: python -m benchmarks.epochs --rounds 5 --record
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import keras
import numpy as np

from benchmarks import peers, records
from datasets import fashion_mnist
from keras_recipes import configs
from keras_recipes.console import command_line
from keras_recipes.data import splits
from keras_recipes.errors import InputError
from keras_recipes.runs import run as runs
from keras_recipes.training import fused

SEED = 0
NUM_SEQUENCES, NUM_TOKENS, VOCABULARY = 4_000, 100, 1_000


@dataclasses.dataclass(frozen=True)
class Measure:
    """What to time, and how often."""

    names: Annotated[tuple[str, ...], command_line.takes(positional=True)] = ()
    """Networks to time (dense, dropout, normalised, convolutional, gru, lstm, bidirectional); none
    named: all of them."""
    rounds: configs.Count = 5
    """Rounds that count; in each, every contestant trains once."""
    peers: bool = True
    """Time the other libraries too, those that are installed."""
    record: bool = False
    """Write recipes/results/epochs.json."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


@dataclasses.dataclass(frozen=True)
class Network:
    """A network to train.

    Attributes:
        layers: Makes the layers between the scaled picture, or the embedded words, and the logits.
        batch_size: Rows in a step.
        epochs: In one round.
        goal: Least ratio of stock's seconds to ours.
        sequences: Whether its rows are sequences of words, not pictures.
    """

    layers: Callable[[], list[keras.layers.Layer]]
    batch_size: int
    epochs: int
    goal: float
    sequences: bool = False

    def build(self) -> keras.Model:
        """Compile the network, with the same weights at each call."""
        keras.utils.set_random_seed(SEED)
        if self.sequences:
            first = [
                keras.Input((NUM_TOKENS,), dtype="int32"),
                keras.layers.Embedding(VOCABULARY, 64),
            ]
        else:
            first = [keras.Input((28, 28)), keras.layers.Rescaling(1 / 255)]
        model = keras.Sequential([*first, *self.layers(), keras.layers.Dense(peers.NUM_CLASSES)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        return model


def _dense() -> list[keras.layers.Layer]:
    return [keras.layers.Flatten(), keras.layers.Dense(peers.HIDDEN_UNITS, activation="relu")]


def _normalised() -> list[keras.layers.Layer]:
    layers = [keras.layers.Flatten()]
    for units in (512, 256):
        layers += [
            keras.layers.Dense(units, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.3),
        ]
    return layers


def _convolutional() -> list[keras.layers.Layer]:
    layers = [keras.layers.Reshape((28, 28, 1))]
    for filters in (32, 64):
        layers += [
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
        ]
    return [*layers, keras.layers.Flatten(), keras.layers.Dropout(0.5)]


NETWORKS = {
    "dense": Network(_dense, batch_size=32, epochs=2, goal=7),
    "dropout": Network(
        lambda: [*_dense(), keras.layers.Dropout(0.2)], batch_size=32, epochs=2, goal=4
    ),
    "normalised": Network(_normalised, batch_size=128, epochs=2, goal=1.8),
    "convolutional": Network(_convolutional, batch_size=128, epochs=1, goal=1),
    # Four epochs are long enough that the first round compiles.
    "gru": Network(lambda: [keras.layers.GRU(64)], 64, epochs=4, goal=2, sequences=True),
    "lstm": Network(lambda: [keras.layers.LSTM(64)], 64, epochs=4, goal=2.4, sequences=True),
    "bidirectional": Network(
        lambda: [keras.layers.Bidirectional(keras.layers.GRU(64))], 64, 4, goal=1.7, sequences=True
    ),
}


def sequences() -> tuple[np.ndarray, np.ndarray]:
    """Return random words, int32 (NUM_SEQUENCES, NUM_TOKENS), and classes by the last of them."""
    rng = np.random.default_rng(SEED)
    words = rng.integers(1, VOCABULARY, (NUM_SEQUENCES, NUM_TOKENS)).astype("int32")
    return words, words[:, -1] % peers.NUM_CLASSES


def load_pictures() -> splits.Splits:
    """Load Fashion-MNIST; print where it is not the real one."""
    data = fashion_mnist.load()
    if data.source.kind != "real":
        print(runs.synthetic_warning(data.source))
    return data


def measure(name: str, x: np.ndarray, y: np.ndarray, wanted: Measure) -> dict:
    """Time the contestants on one network.

    Args:
        name: Key of `NETWORKS`.
        x: Pictures, uint8, shape (rows, 28, 28), for networks of pictures.
        y: Their classes, int32, shape (rows,).
        wanted: Says how many rounds, and whether peers run.

    Returns:
        Seconds of an epoch and final training loss of each contestant, and the ratios.
    """
    network = NETWORKS[name]
    if network.sequences:
        x, y = sequences()
    contestants = {
        "stock": _keras(network, keras.Model.fit, x, y),
        "ours": _keras(network, fused.fit, x, y),
    }
    if wanted.peers and name == "dense":
        contestants |= _peers(network, x, y)
    seconds, losses = _race(name, contestants, wanted.rounds)
    epoch_seconds = {key: [s / network.epochs for s in times] for key, times in seconds.items()}
    ratios = [stock / ours for stock, ours in zip(seconds["stock"], seconds["ours"], strict=True)]
    return {
        "batch_size": network.batch_size,
        "epochs_trained": network.epochs * (wanted.rounds + 1),
        "seconds_of_an_epoch": {
            key: records.median_and_range(times[1:]) for key, times in epoch_seconds.items()
        },
        "first_fit_seconds": {key: round(times[0], 3) for key, times in seconds.items()},
        "ratio": records.median_and_range(ratios[1:]),
        "goal": network.goal,
        "loss": {key: round(float(loss), 4) for key, loss in losses.items()},
    }


def _race(
    name: str, contestants: dict[str, Iterator[float]], num_rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Train all in turn; return the seconds of each turn and the last losses."""
    seconds = {contestant: [] for contestant in contestants}
    losses = {}
    for number in range(num_rounds + 1):
        for contestant, turns in contestants.items():
            start = time.perf_counter()
            losses[contestant] = next(turns)
            seconds[contestant].append(time.perf_counter() - start)
        print(f"{name}: round {number} of {num_rounds}", flush=True)
    return seconds, losses


def _keras(network: Network, fit: Callable, x, y) -> Iterator[float]:
    """Train for one round at each step; give the last epoch's loss."""
    model = network.build()
    arguments = {"batch_size": network.batch_size, "epochs": network.epochs, "verbose": 0}
    while True:
        yield fit(model, x, y, **arguments).history["loss"][-1]


def _peers(network: Network, x: np.ndarray, y: np.ndarray) -> dict[str, Iterator[float]]:
    """Set up the other libraries that are installed; a step is as many epochs as ours."""
    flat = x.reshape(len(x), -1).astype("float32") / 255
    started = {name: start(flat, y, network.batch_size) for name, start in peers.LIBRARIES.items()}
    return {
        name: itertools.islice(epochs, network.epochs - 1, None, network.epochs)
        for name, epochs in started.items()
        if epochs
    }


def table(results: dict[str, dict]) -> str:
    """Write the results as a Markdown table, one row for each network and contestant."""
    lines = [
        "| network | contestant | seconds of an epoch | stock / it | first fit, s | loss |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        stock = result["seconds_of_an_epoch"]["stock"]["median"]
        for contestant, seconds in result["seconds_of_an_epoch"].items():
            ratio = f"{stock / seconds['median']:.1f}"
            if contestant == "ours":
                spread = result["ratio"]
                ratio = (
                    f"**{spread['median']:.1f}** ({spread['least']:.1f} to {spread['most']:.1f}; "
                    f"goal {result['goal']:g})"
                )
            lines.append(
                f"| {name} | {contestant} | {seconds['median']:.2f} ({seconds['least']:.2f} to "
                f"{seconds['most']:.2f}) | {ratio} | {result['first_fit_seconds'][contestant]:.1f} "
                f"| {result['loss'][contestant]:.3f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Time what is named, print the table, and write the record where asked."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.epochs", __doc__, measure=Measure)
        if unknown := set(wanted.names) - set(NETWORKS):
            raise InputError(
                f"unknown network {', '.join(sorted(unknown))}; there are {', '.join(NETWORKS)}"
            )
        pictures = load_pictures()
        if wanted.record:
            records.check_real(pictures.source.kind)
        rows = pictures.merge_validation().train
        names = wanted.names or tuple(NETWORKS)
        results = {name: measure(name, rows.x, rows.y, wanted) for name in names}
        print(table(results))
        if wanted.record:
            data = runs.describe_data(pictures)
            records.write({"networks": results, "seeds": [SEED], "data": data}, data["kind"])


if __name__ == "__main__":
    main()
