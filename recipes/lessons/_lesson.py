"""Shared code of the lessons: command line, table, small networks."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import pathlib
import sys
import time
import typing
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from keras_recipes.console import command_line, files, startup, terminal
from keras_recipes.runs import plots
from recipes import lessons
from recipes.lessons import _options

if typing.TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from keras_recipes.data.splits import Splits
    from keras_recipes.problems import Problem


SECONDS_BETWEEN_LINES = 2.0

_Step = typing.TypeVar("_Step")
_print_once = functools.cache(print)  # however often a lesson loads its data


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a lesson found.

    Attributes:
        table: The numbers, a few rows.
        figure: The picture.
        first: What the numbers mean, in three sentences; Korean terms in brackets.
        second: The second of them.
        third: The third.
        korean: The three sentences in Korean.
    """

    table: pd.DataFrame
    figure: Figure
    first: str
    second: str
    third: str
    korean: tuple[str, str, str]

    def sentences(self, lang: _options.Language) -> tuple[str, str, str]:
        """Return all three, in a language."""
        return self.korean if lang == "ko" else (self.first, self.second, self.third)


def main(study: Callable[[int], Shown]) -> None:
    """Run a lesson as a program: print its table and sentences, write its picture.

    Args:
        study: The lesson's function from a seed to what it shows; its module's docstring is
            printed above.
    """
    lesson = sys.modules[study.__module__]
    with command_line.errors_as_lines():
        name = pathlib.Path(inspect.getfile(study)).stem
        options = _options.parse(name)
        terminal.print_if_read(f"{name}: takes about {lessons.SECONDS[name]} s on 2 cores")
        startup.load_tensorflow()
        folder = options.out or files.next_folder(pathlib.Path("runs"), name)
        with files.whole_folder(folder) as partial:
            shown = study(options.seed)
            with files.faults_named(folder):
                write(shown, partial)
        print(
            (lesson.__doc__ or name).strip(),
            "",
            describe(shown),
            "",
            *shown.sentences(options.lang),
            sep="\n",
        )
        print(f"\nPlot and table are in {folder}")


def progress(steps: Iterable[_Step], unit: str) -> Iterator[_Step]:
    """Go through the steps of a lesson, and print every few seconds how many are done.

    Args:
        steps: To go through.
        unit: What one of them is, such as "training".
    """
    steps = list(steps)
    start = printed = time.monotonic()
    for number, step in enumerate(steps, start=1):
        yield step
        now = time.monotonic()
        if now - printed >= SECONDS_BETWEEN_LINES and number < len(steps):
            printed = now
            terminal.print_if_read(f"{unit} {number} of {len(steps)}, {now - start:.0f} s")


def write(shown: Shown, folder: pathlib.Path) -> None:
    """Write a lesson's picture and table.

    Args:
        shown: What the lesson found.
        folder: Where picture.png and table.csv go.
    """
    plots.save(shown.figure, folder / "picture.png", 110)
    shown.table.to_csv(folder / "table.csv", index=False)


def describe(shown: Shown) -> str:
    """Return a lesson's table as text."""
    return shown.table.to_string(index=False, float_format=lambda number: f"{number:.4g}")


def network(
    problem: Problem,
    shape: tuple,
    units: tuple,
    optimizer: keras.Optimizer,
    seed: int,
    dropout: float = 0.0,
) -> keras.Model:
    """Build and compile a fully connected ReLU network for images.

    Args:
        problem: Decides output layer, loss and metrics.
        shape: Of one image, pixels in 0..255.
        units: Of each hidden layer.
        optimizer: Of this model alone.
        seed: Decides the weights, and what is random in the training that follows.
        dropout: Share of each hidden layer's outputs that is zeroed in training.
    """
    import keras

    keras.utils.set_random_seed(seed)
    inputs = keras.Input(shape)
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    for number in units:
        hidden = keras.layers.Dense(number, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden) if dropout else hidden
    return problem.compile(keras.Model(inputs, problem.outputs(hidden)), optimizer)


def load_images(seed: int, num_rows: int | None = None) -> Splits:
    """Load Fashion-MNIST; where built-in data are in its place, print so.

    Args:
        seed: Chooses the validation rows and the order of train.
        num_rows: Of train, whose rows come again where they are fewer; all by default.
    """
    from datasets import fashion_mnist

    data = fashion_mnist.load(seed=seed)
    if data.source.kind == "built-in":
        _print_once(data.source.note)
    rows = np.arange(num_rows or len(data.train)) % len(data.train)
    return dataclasses.replace(data, train=data.train.take(rows))


def train_to_the_end(
    model: keras.Model, problem: Problem, splits: Splits, batch_size: int, epochs: int
) -> tuple[dict[str, list[float]], dict[str, dict[str, float]]]:
    """Train for all epochs and test twice: the model of the last epoch, and of the best one.

    Args:
        model: Compiled.
        problem: Decides the form of the targets and the metrics.
        splits: With the parts train, validation (it decides which epoch is best) and test.
        batch_size: Rows of one update.
        epochs: Passes over the training rows.

    Returns:
        The history, and the test scores of "last" and "best".
    """
    import keras

    from keras_recipes import training
    from keras_recipes.features import parts
    from keras_recipes.runs import scoring
    from keras_recipes.training import fused

    kept: dict[str, list[np.ndarray]] = {}
    keep_last = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.update(last=model.get_weights())
    )
    keep_best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    train, validation = (
        (parts.of(model).as_inputs(split.x), problem.labels(split.y))
        for split in (splits.train, splits.validation)
        if split is not None
    )
    callbacks = [keep_last, keep_best]
    fused.fit(model, *train, batch_size, epochs, 0, callbacks, validation_data=validation)
    kept["best"], scores = model.get_weights(), {}
    for name, weights in kept.items():
        model.set_weights(weights)
        outputs = training.predict(model, splits.test.x)
        scores[name] = scoring.measure(problem, splits.test.y, outputs)
    return model.history.history, scores


def gradients_by_tensorflow(
    function: Callable[[dict], tf.Tensor], at: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return a gradient by TensorFlow, in double precision.

    Args:
        function: From variables by name to a number, by TensorFlow's operations.
        at: The arrays where the gradient is wanted, float64.

    Returns:
        The gradient, arrays of the same names and shapes.
    """
    import tensorflow as tf

    variables = {name: tf.Variable(array) for name, array in at.items()}
    with tf.GradientTape() as tape:
        value = function(variables)
    return {name: array.numpy() for name, array in tape.gradient(value, variables).items()}


def differences(
    function: Callable[[dict], float], at: dict[str, np.ndarray], width: float = 1e-5
) -> dict[str, np.ndarray]:
    """Return a gradient by nudging each number: (f(w + h) - f(w - h)) / 2h.

    Args:
        function: From arrays by name to a number.
        at: The arrays where the gradient is wanted.
        width: The h of the formula.

    Returns:
        The gradient, arrays of the same names and shapes.
    """
    gradients = {name: np.zeros(array.shape) for name, array in at.items()}
    for name, array in at.items():
        for place in np.ndindex(array.shape):
            nudge = np.zeros(array.shape)
            nudge[place] = width
            above, below = (function({**at, name: array + h}) for h in (nudge, -nudge))
            gradients[name][place] = (above - below) / (2 * width)
    return gradients
