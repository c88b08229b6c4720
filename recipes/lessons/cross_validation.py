"""Cross-validation: how far to trust one split, and how tuning on the test set flatters.

Idea: a score on 114 test rows depends on which rows they are. k-fold cross-validation tests every
row once and averages. And whoever tries many models and reports the best test score reports luck
along with skill; a fresh set of rows shows the difference.
Watch: the spread of one split's score against that of 5-fold; the optimism, in points of accuracy,
of choosing among models by the rows that also give the score.
Change: NUM_MODELS (more choice, more luck) or TEST_ROWS (more rows, less luck).
"""

from __future__ import annotations

import dataclasses
import sys

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from datasets import fashion_mnist
from recipes import breast_cancer
from recipes.common import fused, lesson, problems, training
from recipes.common.pictures import BLUE, GREEN, VERMILION

DATA = "auto"
NUM_REPEATS, NUM_FOLDS = 6, 5
NUM_MODELS, TEST_ROWS, NUM_DRAWS = 20, 200, 500
PROBLEM = problems.multiclass(fashion_mnist.CLASS_NAMES, logits=True)


def cross_validate(seed: int) -> list[float]:
    """Test accuracy of each fold; the model of the best epoch is what is tested."""
    config = dataclasses.replace(breast_cancer.Config(), seed=seed, epochs=60, learning_rate=0.01)
    scores = []
    for fold in breast_cancer.load_data(config).folds(NUM_FOLDS, seed):
        model = training.prepare(breast_cancer, config, fold, check=False)
        training.fit(model, breast_cancer.PROBLEM, fold, config)
        outputs = training.predict(model, fold.test.x)
        scores.append(training.measure(breast_cancer.PROBLEM, fold.test.y, outputs)["accuracy"])
    return scores


def right_answers(seed: int) -> np.ndarray:
    """Train NUM_MODELS small networks that differ by chance alone.

    Returns:
        Which test rows each has right, bool (models, test rows).
    """
    loaded = fashion_mnist.load(DATA, seed=seed)
    train = loaded.train.take(np.arange(1000))
    answers = []
    for number in range(NUM_MODELS):
        keras.utils.set_random_seed(1000 * seed + number)
        inputs = keras.Input(fashion_mnist.IMAGE_SHAPE)
        hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
        hidden = keras.layers.Dense(32, "relu", kernel_initializer="he_normal")(hidden)
        model = keras.Model(inputs, PROBLEM.outputs(hidden))
        PROBLEM.compile(model, keras.optimizers.Adam(0.002))
        fused.fit(model, train.x, train.y, batch_size=32, epochs=10, verbose=0)
        answers.append(PROBLEM.decide(training.predict(model, loaded.test.x)) == loaded.test.y)
    return np.array(answers)


def optimism(answers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Score of the chosen model on the rows it was chosen by, minus its score on the others.

    Args:
        answers: From `right_answers`.
        rng: Draws TEST_ROWS of the rows, NUM_DRAWS times.

    Returns:
        Points of accuracy (percent), (NUM_DRAWS,).
    """
    points = []
    for _ in range(NUM_DRAWS):
        chosen_by = np.zeros(answers.shape[1], dtype=bool)
        chosen_by[rng.choice(answers.shape[1], TEST_ROWS, replace=False)] = True
        best = answers[:, chosen_by].mean(axis=1).argmax()
        gap = answers[best, chosen_by].mean() - answers[best, ~chosen_by].mean()
        points.append(100 * gap)
    return np.array(points)


def study(seed: int = 0) -> lesson.Shown:
    """Measure both."""
    folds = np.array([cross_validate(NUM_REPEATS * seed + i) for i in range(NUM_REPEATS)])
    flattery = optimism(right_answers(seed), np.random.default_rng(seed))
    rows = [
        ("one split, accuracy", folds.size, folds.mean(), folds.std(), folds.min(), folds.max()),
        ("5-fold mean, accuracy", len(folds), *spread(folds.mean(axis=1))),
        ("optimism of tuning on the test set, points", NUM_DRAWS, *spread(flattery)),
    ]
    table = pd.DataFrame(rows, columns=["what", "measured", "mean", "± std", "lowest", "highest"])
    return lesson.Shown(
        table,
        draw(folds, flattery),
        (
            f"On breast_cancer the accuracy (정확도) of one split (분할) lies between "
            f"{folds.min():.3f} and {folds.max():.3f}, by the choice of rows alone.",
            f"The mean of 5-fold cross-validation (k-겹 교차 검증) varies by "
            f"± {table['± std'][1]:.4f} instead of ± {table['± std'][0]:.4f}.",
            f"Choosing among {NUM_MODELS} equal models by {TEST_ROWS} test rows (테스트 세트) "
            f"flatters by {flattery.mean():.1f} points on average: that is selection bias (선택 "
            "편향).",
        ),
    )


def spread(values: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, standard deviation, lowest, highest."""
    return values.mean(), values.std(), values.min(), values.max()


def draw(folds: np.ndarray, flattery: np.ndarray) -> Figure:
    """Draw the scores of single splits and of their means, and the optimism."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, scores in enumerate(folds, start=1):
        left.scatter([number] * NUM_FOLDS, scores, color=BLUE, alpha=0.6,
                     label="one split" if number == 1 else None)  # fmt: skip
    left.plot(range(1, len(folds) + 1), folds.mean(axis=1), "D-", color=VERMILION,
              label="mean of the 5 folds")  # fmt: skip
    left.set(xlabel="seed of the split", ylabel="test accuracy (breast_cancer)")
    left.legend()
    right.hist(flattery, bins=25, color=GREEN, edgecolor="white")
    right.axvline(0, color="black", linewidth=1)
    right.set(xlabel="reported minus true accuracy (points)", ylabel="times",
              title=f"best of {NUM_MODELS} equal models by {TEST_ROWS} rows")  # fmt: skip
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
