"""Measure the time to the accuracy of TensorFlow's tutorial: Keras and `fused.fit`.

TensorFlow's basic classification tutorial trains 784-128-10 for 10 epochs in batches of 32 by Adam
at 0.001, and reaches about 0.883 on the test set. Ours trains the same network (101,770 parameters)
with a cosine schedule. Its epochs, batch size and learning rate were chosen on validation rows: for
that accuracy, for the shortest time to it, and for 0.890 or more. Each training is a new process;
its seconds include imports, loading, compilation and one test, by `evaluate` as in the tutorial, or
as in a run here. They run in turn, and the ratio is computed for each seed.

Run: python -m benchmarks.tutorial --seeds 5 --record
"""

from __future__ import annotations

import dataclasses
import functools
import json
import time

from benchmarks import fresh, records
from keras_recipes import configs
from keras_recipes.console import command_line

GOAL = 3.0
ACCURACY = 0.883


@dataclasses.dataclass(frozen=True)
class Measure:
    """How often to measure."""

    seeds: configs.Count = 5
    """Seeds 0, 1, … to run each contestant with."""
    record: bool = False
    """Write recipes/results/tutorial.json."""

    def __post_init__(self) -> None:
        configs.check_fields(self)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a contestant trains.

    Attributes:
        fused: By `fused.fit`, else by `keras.Model.fit`.
        epochs: All of them are run.
        batch_size: Rows in a step.
        learning_rate: Of Adam.
        cosine: Whether the learning rate falls along a cosine.
    """

    fused: bool
    epochs: int
    batch_size: int
    learning_rate: float
    cosine: bool


CONTESTANTS = {
    "stock": Settings(False, epochs=10, batch_size=32, learning_rate=0.001, cosine=False),
    "ours": Settings(True, epochs=8, batch_size=64, learning_rate=0.003, cosine=True),
    "ours, shorter": Settings(True, epochs=5, batch_size=128, learning_rate=0.005, cosine=True),
    "ours, longer": Settings(True, epochs=16, batch_size=128, learning_rate=0.005, cosine=True),
}


def train(contestant: str, seed: int) -> None:
    """Train one contestant in this process and print its figures as a line of JSON.

    Args:
        contestant: Key of `CONTESTANTS`.
        seed: Of the weights and of the order of the rows.
    """
    import keras

    from datasets import fashion_mnist
    from keras_recipes import callbacks, configs, training
    from keras_recipes.runs import run as runs
    from keras_recipes.training import fused

    settings = CONTESTANTS[contestant]
    splits = fashion_mnist.load().merge_validation()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss, metrics=["accuracy"])
    config = configs.Config(epochs=settings.epochs, learning_rate=settings.learning_rate)
    schedule = [keras.callbacks.LearningRateScheduler(callbacks.cosine(config))]
    start = time.perf_counter()
    fit = functools.partial(fused.fit, model) if settings.fused else model.fit
    fit(
        splits.train.x,
        splits.train.y,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        callbacks=schedule if settings.cosine else [],
        verbose=0,
    )
    fit_seconds = time.perf_counter() - start
    if settings.fused:
        decided = training.predict(model, splits.test.x).argmax(axis=1)
        accuracy = float((decided == splits.test.y).mean())
    else:
        _, accuracy = model.evaluate(splits.test.x, splits.test.y, verbose=0)
    figures = {"accuracy": accuracy, "fit_seconds": fit_seconds, "parameters": model.count_params()}
    print(json.dumps({**figures, "data": runs.describe_data(splits)}))


def _run(contestant: str, seed: int) -> dict:
    """Run a contestant in a fresh process; give its figures with the seconds of the process."""
    return fresh.call("tutorial", f"train({contestant!r}, {seed})")


def measure(num_seeds: int) -> dict:
    """Run the contestants in turn for each seed and gather the figures.

    Args:
        num_seeds: Seeds 0 to num_seeds - 1.

    Returns:
        What recipes/results/tutorial.json holds beside its origin.
    """
    results = {contestant: [] for contestant in CONTESTANTS}
    for seed in range(num_seeds):
        for contestant, runs_so_far in results.items():
            runs_so_far.append(_run(contestant, seed))
            last = runs_so_far[-1]
            print(
                f"seed {seed}: {contestant} {last['seconds']:.1f} s, test accuracy "
                f"{last['accuracy']:.4f}",
                flush=True,
            )
    seconds = {key: [run["seconds"] for run in done] for key, done in results.items()}
    ratios = [stock / ours for stock, ours in zip(seconds["stock"], seconds["ours"], strict=True)]
    first = results["ours"][0]
    return {
        "contestants": {
            key: {
                **dataclasses.asdict(CONTESTANTS[key]),
                **{
                    figure: records.mean_and_std([run[figure] for run in done])
                    for figure in ("accuracy", "seconds", "fit_seconds")
                },
            }
            for key, done in results.items()
        },
        "ratio": records.mean_and_std(ratios),
        "goal": GOAL,
        **{key: first[key] for key in ("parameters", "data")},
    }


def table(figures: dict) -> str:
    """Write the figures as a Markdown table."""
    lines = [
        "| contestant | test accuracy | seconds of the process | of those in fit | stock / it |",
        "|---|---|---|---|---|",
    ]
    for name, result in figures["contestants"].items():
        ratio = f"**{figures['ratio']['mean']:.1f}** (goal {GOAL:g})" if name == "ours" else ""
        lines.append(
            f"| {name} | {result['accuracy']['mean']:.4f} ± {result['accuracy']['std']:.4f} "
            f"| {result['seconds']['mean']:.1f} ± {result['seconds']['std']:.1f} "
            f"| {result['fit_seconds']['mean']:.1f} | {ratio} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the race, print the table, and write the record where asked."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.tutorial", __doc__, measure=Measure)
        figures = measure(wanted.seeds)
        print(table(figures))
        reached = figures["contestants"]["ours"]["accuracy"]["mean"] >= ACCURACY
        print(f"ours {'reaches' if reached else 'DOES NOT REACH'} {ACCURACY} in the mean")
        if wanted.record:
            records.write(figures, figures["data"]["kind"])


if __name__ == "__main__":
    main()
