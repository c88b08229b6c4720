"""Cross-validation: how reliable one split is, and why not to tune on the test set.

한국어: 교차 검증: 분할 하나를 얼마나 믿을 수 있는지, 테스트 세트로 튜닝하면 왜 안 되는지.
Idea: a score on 114 test rows depends on which rows they are. k-fold cross-validation tests every
row once and averages. In each fold, a checkpoint keeps the epoch with the best validation
score. The best test score of many models is too optimistic: a part of it is luck.
Watch: the standard deviation of the score of one split and of 5 folds; the effect of the
checkpoint; the bias, in points of accuracy, of choosing a model by its test score.
Change: NUM_MODELS (more models, more bias) or TEST_ROWS (more rows, less bias).
"""

import dataclasses

import keras
import numpy as np
import pandas as pd

from datasets import fashion_mnist
from keras_recipes import training
from keras_recipes.runs.plots import BLUE, GREEN, VERMILION
from keras_recipes.training import fused
from recipes import breast_cancer, fmnist
from recipes.lessons import _lesson as lesson, _sketches as sketches

NUM_REPEATS, NUM_FOLDS, EPOCHS = 6, 5, 60
NUM_MODELS, TEST_ROWS, NUM_DRAWS = 20, 200, 500
CONFIG = breast_cancer.Config(learning_rate=0.01, dropout=0.0, weight_decay=0.0)


def cross_validate(seed: int) -> list[tuple[float, float]]:
    """Test accuracy of each fold, and how much the last epoch's test loss exceeds the best's."""
    config, scores = dataclasses.replace(CONFIG, seed=seed), []
    for fold in breast_cancer.load_data(config).folds(NUM_FOLDS, seed):
        model = training.prepare(breast_cancer, config, fold)
        problem, batch_size = breast_cancer.PROBLEM, config.batch_size
        _, tested = lesson.train_to_the_end(model, problem, fold, batch_size, EPOCHS)
        scores.append((tested["best"]["accuracy"], tested["last"]["loss"] - tested["best"]["loss"]))
    return scores


def right_answers(seed: int) -> np.ndarray:
    """Train networks that differ by chance alone; give who is right where, (models, rows)."""
    data, answers = lesson.load_images(seed, 1000), []
    for number in lesson.progress(range(NUM_MODELS), "network"):
        optimizer, start = keras.optimizers.Adam(0.002), NUM_MODELS * seed + number
        model = lesson.network(fmnist.PROBLEM, fashion_mnist.IMAGE_SHAPE, (32,), optimizer, start)
        fused.fit(model, data.train.x, data.train.y, batch_size=32, epochs=10, verbose=0)
        answers.append(fmnist.PROBLEM.decide(training.predict(model, data.test.x)) == data.test.y)
    return np.array(answers)


def optimism(answers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Score of the best by TEST_ROWS rows minus its score on the others, points, (NUM_DRAWS,)."""
    points = []
    for _ in range(NUM_DRAWS):
        chosen, others = np.split(rng.permutation(answers.shape[1]), [TEST_ROWS])
        best = answers[:, chosen].mean(axis=1).argmax()
        points.append(100 * (answers[best, chosen].mean() - answers[best, others].mean()))
    return np.array(points)


def study(seed: int = 0) -> lesson.Shown:
    """Measure all three."""
    numbers = lesson.progress(range(NUM_REPEATS), "cross-validation")
    repeats = [cross_validate(NUM_REPEATS * seed + number) for number in numbers]
    folds, saved = np.moveaxis(np.array(repeats), 2, 0)
    flattery = optimism(right_answers(seed), np.random.default_rng(seed))
    measured = {
        "one split, accuracy": folds,
        f"mean of {NUM_FOLDS} folds, accuracy": folds.mean(axis=1),
        "last epoch's loss - best epoch's": saved,
        "optimism of tuning on test rows, points": flattery,
    }
    rows = [(what, a.size, a.mean(), a.std(), a.min(), a.max()) for what, a in measured.items()]
    table = pd.DataFrame(rows, columns=["what", "measured", "mean", "± std", "lowest", "highest"])
    return lesson.Shown(
        table,
        draw(folds, flattery),
        f"The accuracy (정확도) of one split (분할) is from {folds.min():.3f} to "
        f"{folds.max():.3f}, depending on its rows (± {folds.std():.4f}); the mean of "
        f"{NUM_FOLDS}-fold cross-validation (k-겹 교차 검증) varies by ± {table['± std'][1]:.4f}.",
        f"With a checkpoint (체크포인트) of the best epoch (에포크), the test loss (테스트 손실) is "
        f"{saved.mean():.3f} ± {saved.std():.3f} lower than in the last epoch.",
        f"Choosing among {NUM_MODELS} equal models by {TEST_ROWS} test rows (테스트 세트) makes the "
        f"score {flattery.mean():.1f} points too high: selection bias (선택 편향).",
        korean=(
            f"분할 하나의 정확도는 어떤 행을 뽑느냐만으로 {folds.min():.3f}에서 {folds.max():.3f} 사이에서 달라집니다(± "
            f"{folds.std():.4f}). {NUM_FOLDS}-겹 교차 검증의 평균은 ± {table['± std'][1]:.4f}만큼 달라집니다.",
            f"가장 좋은 에포크의 체크포인트를 쓰면 테스트 손실이 마지막 에포크보다 {saved.mean():.3f} ± "
            f"{saved.std():.3f} 낮습니다.",
            f"똑같은 모델 {NUM_MODELS}개를 테스트 행 {TEST_ROWS}개로 고르면 점수가 평균 "
            f"{flattery.mean():.1f}점 부풀려집니다. 이것이 선택 편향입니다.",
        ),
    )


def draw(folds: np.ndarray, flattery: np.ndarray) -> sketches.Figure:
    """Draw the scores of single splits and of their means, and the optimism."""
    left, right = sketches.panels(2)
    seeds = np.arange(1, len(folds) + 1)
    left.plot(seeds, folds, "o", color=BLUE, alpha=0.6)
    left.plot(seeds, folds.mean(axis=1), "D", color=VERMILION)
    left.legend([left.lines[0], left.lines[-1]], ["one split", f"mean of {NUM_FOLDS} splits"])
    left.set(xlabel="seed of the folds", ylabel="test accuracy (breast_cancer)")
    right.hist(flattery, bins=25, color=GREEN, edgecolor="white")
    right.axvline(0, color="black", linewidth=1)
    right.set(title=f"best of {NUM_MODELS} equal models by {TEST_ROWS} rows, {NUM_DRAWS} draws",
              xlabel="reported minus true accuracy (points)", ylabel="draws")  # fmt: skip
    return left.figure


if __name__ == "__main__":
    lesson.main(study)
