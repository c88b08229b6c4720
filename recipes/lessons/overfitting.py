"""Overfitting: a large network on 1,000 images, and what three remedies are worth.

Idea: a network with more weights than it has data learns its images by heart: the training loss
goes to 0 while the validation loss turns and rises. Weight decay keeps weights small, dropout
keeps units from leaning on each other, early stopping goes back to the epoch before the turn.
Watch: the effect of each remedy on test accuracy and test loss, over 10 seeds, with its interval.
Change: NUM_ROWS (ten times as many, and the remedies are worth less), DROPOUT, WEIGHT_DECAY.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from datasets import fashion_mnist
from recipes.common import fused, lesson, problems, training
from recipes.common.pictures import BLUE, ORANGE

DATA = "auto"
NUM_ROWS = {"train": 1000, "validation": 500, "test": 2000}
NUM_SEEDS = 10
EPOCHS, BATCH_SIZE = 30, 50
UNITS, DROPOUT, WEIGHT_DECAY = 128, 0.5, 1.0
REMEDIES = ("weight decay", "dropout", "early stopping")
PROBLEM = problems.multiclass(fashion_mnist.CLASS_NAMES, logits=True)


def build(weight_decay: bool, dropout: bool) -> keras.Model:
    """Two hidden layers, with or without each remedy."""
    inputs = keras.Input(fashion_mnist.IMAGE_SHAPE)
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    for _ in range(2):
        hidden = keras.layers.Dense(UNITS, "relu", kernel_initializer="he_normal")(hidden)
        hidden = keras.layers.Dropout(DROPOUT)(hidden) if dropout else hidden
    optimizer = keras.optimizers.AdamW(0.001, weight_decay=WEIGHT_DECAY if weight_decay else 0.0)
    return PROBLEM.compile(keras.Model(inputs, PROBLEM.outputs(hidden)), optimizer)


def run(data, weight_decay: bool, dropout: bool, seed: int) -> tuple[dict, dict]:
    """Train once; give the history, and test scores of the last and of the best epoch.

    Early stopping needs no run of its own: it is the same run, read at its best epoch.
    """
    keras.utils.set_random_seed(seed)
    model, last = build(weight_decay, dropout), []
    keep_last = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: last.__setitem__(slice(None), model.get_weights())
    )
    best = keras.callbacks.EarlyStopping("val_loss", patience=EPOCHS, restore_best_weights=True)
    history = fused.fit(
        model, data.train.x, data.train.y, BATCH_SIZE, EPOCHS,
        (data.validation.x, data.validation.y), [keep_last, best], verbose=0,
    ).history  # fmt: skip
    scores = {}
    for early_stopping in (True, False):  # the fit leaves the best epoch's weights
        if not early_stopping:
            model.set_weights(last)
        outputs = training.predict(model, data.test.x)
        scores[early_stopping] = training.measure(PROBLEM, data.test.y, outputs)
    return history, scores


def study(seed: int = 0) -> lesson.Shown:
    """Train with every combination of the remedies, and compare."""
    loaded = fashion_mnist.load(DATA, seed=seed)
    rows, curves = [], {}
    for number in range(NUM_SEEDS):
        rng = np.random.default_rng((seed, number))
        data = dataclasses.replace(
            loaded,
            **{
                part: getattr(loaded, part).take(rng.permutation(len(getattr(loaded, part)))[:rows])
                for part, rows in NUM_ROWS.items()
            },
        )
        for pair in itertools.product((False, True), repeat=2):
            history, scores = run(data, *pair, seed=NUM_SEEDS * seed + number)
            curves.setdefault(pair, []).append(history)
            rows += [
                {"seed": number, **dict(zip(REMEDIES, (*pair, stopped), strict=True)), **score}
                for stopped, score in scores.items()
            ]
    results = pd.DataFrame(rows)
    table = pd.DataFrame([effect(results, remedy) for remedy in REMEDIES])
    means = results.groupby(list(REMEDIES))[["accuracy", "loss"]].mean()
    nothing, everything = means.loc[(False,) * 3], means.loc[(True,) * 3]
    gain = table.set_index("remedy")
    most = gain.loss.idxmin()
    return lesson.Shown(
        table,
        draw(curves),
        (
            f"Without a remedy the test loss (테스트 손실) ends at {nothing.loss:.2f}: overfitting "
            f"(과적합); with all three, weight decay (가중치 감쇠), dropout (드롭아웃) and early "
            f"stopping (조기 종료), at {everything.loss:.2f}.",
            f"On test loss {most} does most by itself, {gain.loss[most]:+.2f}; early stopping "
            f"makes {gain.loss['early stopping']:+.2f} by bringing back the epoch before the "
            "validation loss (검증 손실) turned.",
            f"On accuracy (정확도) the remedies together move little, from {nothing.accuracy:.3f} "
            f"to {everything.accuracy:.3f}: overfitting shows in confidence (확신) first.",
        ),
    )


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


def draw(curves: dict[tuple, list[dict]]) -> Figure:
    """Draw training and validation loss of each pair of remedies, all seeds."""
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    for axes, (pair, histories) in zip(
        figure.subplots(1, 4, sharey=True), curves.items(), strict=True
    ):
        epochs = np.arange(1, EPOCHS + 1)
        for key, colour, style in (("loss", BLUE, "-"), ("val_loss", ORANGE, "--")):
            lines = np.array([history[key] for history in histories])
            name = "validation" if key == "val_loss" else "training"
            axes.plot(epochs, lines.mean(axis=0), style, color=colour, label=name)
            axes.fill_between(epochs, lines.min(0), lines.max(0), color=colour, alpha=0.2)
        used = [name for name, on in zip(REMEDIES, pair, strict=False) if on]
        axes.set(title=" + ".join(used) or "no remedy", xlabel="epoch", ylim=(0, 1.6))
        best = np.mean([np.argmin(history["val_loss"]) + 1 for history in histories])
        axes.axvline(best, color="0.5", linewidth=1, label=f"best epoch: {best:.0f}")
        axes.legend(fontsize=8)
    figure.axes[0].set_ylabel("loss (cross-entropy)")
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
