"""Overfitting: a large network on 1,000 images, and the effect of three remedies.

한국어: 과대적합: 이미지 1,000장으로 큰 신경망을 학습하고, 세 가지 규제의 효과를 비교합니다.
Idea: a network with more weights than data can memorise the images: the training loss goes to 0,
while the validation loss falls and then rises. Weight decay keeps the weights small, dropout keeps
units from depending on each other, early stopping returns to the epoch before the rise.
Watch: the effect of each remedy on test accuracy and test loss: mean and 95 % interval, 10 seeds.
Change: NUM_ROWS (with ten times as many, the effect is smaller), DROPOUT, WEIGHT_DECAY.
"""

import dataclasses
import itertools

import keras
import numpy as np
import pandas as pd

from datasets import fashion_mnist
from keras_recipes.data import splits
from recipes import fmnist
from recipes.lessons import _lesson as lesson, _sketches as sketches

NUM_ROWS = {"train": 1000, "validation": 500, "test": 2000}
NUM_SEEDS, EPOCHS, BATCH_SIZE = 10, 30, 50
UNITS, DROPOUT, WEIGHT_DECAY = (128, 128), 0.5, 1.0
REMEDIES = ["weight decay", "dropout", "early stopping"]


def run(data: splits.Splits, weight_decay: bool, dropout: bool, seed: int) -> tuple[dict, dict]:
    """Train on rows drawn by the seed; give the history, and scores of the last and best epoch.

    Early stopping needs no run of its own: it is the same run, read at its best epoch.
    """
    rng, parts = np.random.default_rng(seed), {}
    for name, num_rows in NUM_ROWS.items():
        split = getattr(data, name)
        parts[name] = split.take(rng.permutation(len(split))[:num_rows])
    data = dataclasses.replace(data, **parts)
    optimizer = keras.optimizers.AdamW(0.001, weight_decay=WEIGHT_DECAY if weight_decay else 0.0)
    model = lesson.network(fmnist.PROBLEM, fashion_mnist.IMAGE_SHAPE, UNITS, optimizer, seed,
                           dropout=DROPOUT if dropout else 0.0)  # fmt: skip
    return lesson.train_to_the_end(model, fmnist.PROBLEM, data, BATCH_SIZE, EPOCHS)


def effect(results: pd.DataFrame, remedy: str) -> dict:
    """Mean difference that a remedy makes, over all combinations of the others, ± 95 % interval."""
    row = {"remedy": remedy}
    for score in ("accuracy", "loss"):
        with_and_without = results.groupby(["seed", remedy])[score].mean().unstack()
        difference = with_and_without[True] - with_and_without[False]
        row[score] = difference.mean()
        # 2.26: Student's t for 10 seeds.
        row[f"± {score}"] = 2.26 * difference.std() / np.sqrt(len(difference))
    return row


def study(seed: int = 0) -> lesson.Shown:
    """Train with every combination of the remedies, and compare."""
    data, rows = lesson.load_images(seed), []
    curves: dict[tuple[bool, bool], list[dict]] = {}
    seeds = range(NUM_SEEDS * seed, NUM_SEEDS * (seed + 1))
    steps = itertools.product(seeds, (False, True), (False, True))
    for number, *remedies in lesson.progress(steps, "training"):
        pair = remedies[0], remedies[1]
        history, scores = run(data, *pair, number)
        curves.setdefault(pair, []).append(history)
        rows += [(number, *pair, epoch == "best", score["accuracy"], score["loss"])
                 for epoch, score in scores.items()]  # fmt: skip
    results = pd.DataFrame(rows, columns=["seed", *REMEDIES, "accuracy", "loss"])
    table = pd.DataFrame([effect(results, remedy) for remedy in REMEDIES])
    means = results.groupby(REMEDIES)[["accuracy", "loss"]].mean()
    effects = [f"{row.loss:+.3f} ± {row['± loss']:.3f}" for _, row in table.iterrows()]
    nothing, everything = means.loc[False, False, False], means.loc[True, True, True]
    return lesson.Shown(
        table,
        draw(curves),
        f"Without a remedy, the test loss (테스트 손실) is {nothing.loss:.2f}: overfitting "
        f"(과대적합); with weight decay (가중치 감쇠), dropout (드롭아웃) and early stopping (조기 "
        f"종료) together it is {everything.loss:.2f}.",
        f"On average, they change it by {effects[0]}, {effects[1]} and {effects[2]}; early stopping "
        "returns to the epoch (에포크) with the lowest validation loss (검증 손실).",
        f"With all three, accuracy (정확도) changes from {nothing.accuracy:.3f} to "
        f"{everything.accuracy:.3f}: they reduce false confidence (확신) more than wrong answers.",
        korean=(
            f"규제가 없으면 테스트 손실이 {nothing.loss:.2f}입니다. 과대적합입니다. 가중치 감쇠, 드롭아웃, "
            f"조기 종료를 함께 쓰면 {everything.loss:.2f}입니다.",
            f"평균적으로 손실을 각각 {effects[0]}, {effects[1]}, {effects[2]}만큼 바꿉니다. 조기 종료는 검증 "
            "손실이 가장 낮은 에포크로 돌아갑니다.",
            f"정확도는 셋을 함께 쓸 때 {nothing.accuracy:.3f}에서 {everything.accuracy:.3f}로 바뀝니다. 규제는 "
            "틀린 답보다 틀린 답에 대한 확신을 더 많이 줄입니다.",
        ),
    )


def draw(curves: dict[tuple, list[dict]]) -> sketches.Figure:
    """Draw training and validation loss of each pair of remedies, mean and range of the seeds."""
    panels = sketches.panels(4, size=(12, 3.8), sharey=True)
    for axes, (pair, histories) in zip(panels, curves.items(), strict=True):
        used = [name for name, on in zip(REMEDIES, pair, strict=False) if on]
        lines = {name: [history[key] for history in histories]
                 for name, key in (("training", "loss"), ("validation", "val_loss"))}  # fmt: skip
        best = np.mean(np.argmin(lines["validation"], axis=1)) + 1
        axes.axvline(best, color="0.5", linewidth=1, label=f"best epoch: {best:.0f}")
        sketches.draw_lines(axes, lines, title=" + ".join(used) or "no remedy", xlabel="epoch",
                          ylim=(0, 1.6))  # fmt: skip
    panels[0].set_ylabel("loss (cross-entropy)")
    return panels[0].figure


if __name__ == "__main__":
    lesson.main(study)
