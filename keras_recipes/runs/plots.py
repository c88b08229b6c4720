"""The plots of a run. Colours tell apart for the colour-blind; axes carry their units."""

from __future__ import annotations

import pathlib
import typing
import warnings
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn import metrics

from keras_recipes.data.splits import Split
from keras_recipes.problems import Problem, direction
from keras_recipes.runs import fonts, importance, scoring, thresholds

if typing.TYPE_CHECKING:  # it loads TensorFlow
    from keras_recipes import training

# Okabe and Ito's colours, which the colour-blind can tell apart.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
_MAX_CLASSES = 30
_MAX_POINTS = 3000
_NUM_SAMPLES = 15
_NUM_COLUMNS = 20
_NUM_TERMS, _MAX_TERM_CLASSES = 20, 12


def save(figure: Figure, path: pathlib.Path, dots_per_inch: int) -> None:
    """Write a plot with the fonts that its texts need; letters that no font here has become boxes.

    Args:
        figure: The plot.
        path: PNG file to write.
        dots_per_inch: Pixels per inch of its size.
    """
    fonts.fit(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(path, dpi=dots_per_inch)


def draw_curves(path: pathlib.Path, problem: Problem, trained: training.Trained) -> None:
    """Draw loss and first metric for each epoch, training against validation, if there is one.

    Args:
        path: PNG file to write.
        problem: Its rule names the metric.
        trained: Its history is drawn, its best epoch marked by a line.
    """
    history, best_epoch = trained.history, trained.best_epoch
    figure = Figure(figsize=(10, 4), layout="constrained")
    if trained.refitted and "val_loss" in history:
        anew = "the saved model was refitted on training and validation rows"
        figure.suptitle(f"{anew}, to epoch {best_epoch}", fontsize=10)
    for axes, name in zip(figure.subplots(1, 2), ("loss", problem.rule.metrics[0]), strict=True):
        epochs = np.arange(1, len(history[name]) + 1)
        # A single epoch is a point, not a line.
        marker = "o" if len(epochs) == 1 else None
        axes.plot(epochs, history[name], color=BLUE, marker=marker, label="training")
        if f"val_{name}" in history:
            validation = history[f"val_{name}"]
            axes.plot(epochs, validation, "--", color=ORANGE, marker=marker, label="validation")
        axes.axvline(best_epoch, color="0.6", linewidth=1, label=f"best epoch: {best_epoch}")
        axes.set_xlabel("epoch")
        axes.set_xlim(0.5, 0.5 + 1.02 * len(epochs))  # there is no epoch 0 to have a tick
        unit = f" ({problem.unit})" if name in ("rmse", "mae") else ""
        axes.set_ylabel(scoring.NAMES.get(name, name) + unit)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend()
    save(figure, path, 120)


def draw_confusion(
    path: pathlib.Path, problem: Problem, y: np.ndarray, decided: np.ndarray
) -> None:
    """Draw how often each class was taken for which.

    Args:
        path: PNG file to write.
        problem: Names the classes.
        y: True class numbers, shape (rows,).
        decided: Predicted class numbers, shape (rows,).
    """
    num_classes = len(problem.class_names)
    counts = metrics.confusion_matrix(y, decided, labels=range(num_classes))
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 3.2 + 0.48 * min(num_classes, _MAX_CLASSES)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="fraction of the true class", shrink=0.8)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    if num_classes <= _MAX_CLASSES:
        axes.set_xticks(range(num_classes), problem.class_names, rotation=45, ha="right")
        axes.set_yticks(range(num_classes), problem.class_names)
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if fractions[row, column] > 0.5 else "black"
            axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
    axes.set_title(f"test rows: {len(y):,}, right: {np.trace(counts):,}")
    save(figure, path, 120)


def draw_predicted_against_true(
    path: pathlib.Path, problem: Problem, y: np.ndarray, predicted: np.ndarray
) -> None:
    """Draw each test row's prediction against its true value.

    Args:
        path: PNG file to write.
        problem: Gives the unit.
        y: True values, shape (rows, columns).
        predicted: Predicted values, shape (rows, columns).
    """
    several = y.shape[1] > 1
    if several:
        figure = Figure(figsize=(11, 4.8), layout="constrained")
        axes, beside = figure.subplots(1, 2)
        _draw_errors(beside, problem, y, predicted)
    else:
        figure = Figure(figsize=(5.5, 5.5), layout="constrained")
        axes = figure.subplots()
    low, high = min(y.min(), predicted.min()), max(y.max(), predicted.max())
    if several and y.size > _MAX_POINTS:  # they would hide one another
        how = {"bins": 40, "range": [(low, high)] * 2, "norm": "log", "cmap": "Blues"}
        counted = axes.hist2d(y.ravel(), predicted.ravel(), **how)
        figure.colorbar(counted[-1], label="test rows x outputs", shrink=0.8)
    else:
        axes.scatter(y.ravel(), predicted.ravel(), s=14, alpha=0.6, color=BLUE, label="test rows")
    axes.plot([low, high], [low, high], color="0.6", linewidth=1, label="perfect")
    axes.set_xlabel(f"true ({problem.unit})")
    axes.set_ylabel(f"predicted ({problem.unit})")
    axes.set_aspect("equal")
    axes.legend()
    save(figure, path, 120)


def _draw_errors(axes: Axes, problem: Problem, y: np.ndarray, predicted: np.ndarray) -> None:
    """Draw how far each output of several is off, beside what its mean would be."""
    numbers = np.arange(y.shape[1])
    errors = np.sqrt(np.mean((predicted - y) ** 2, axis=0))
    axes.bar(numbers, errors, color=BLUE, label="network")
    axes.plot(numbers, y.std(axis=0), "_", color=ORANGE, markeredgewidth=2, label="mean alone")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.2)  # room for the legend
    axes.set_xlabel("output, the first is 0")
    axes.set_ylabel(f"RMSE on the test rows ({problem.unit})")
    axes.legend()


def draw_labels(path: pathlib.Path, problem: Problem, y: np.ndarray, outputs: np.ndarray) -> None:
    """Draw how often each label of several is right, and its precision and recall.

    Args:
        path: PNG file to write.
        problem: Names the labels, gives the threshold.
        y: 0 or 1, shape (rows, labels).
        outputs: Probabilities, shape (rows, labels).
    """
    shown = problem.class_names[:_MAX_CLASSES]
    columns = zip(y.T, outputs.T, strict=True)
    reached = [thresholds.scores(*column, problem.threshold) for column in columns]
    figure = Figure(figsize=(8, 1.4 + 0.7 * len(shown)), layout="constrained")
    axes, places = figure.subplots(), np.arange(len(shown))
    colours = {"accuracy": VERMILION, "precision": BLUE, "recall": ORANGE}
    for number, (name, colour) in enumerate(colours.items()):
        values = [scores[name] for scores in reached[: len(shown)]]
        bars = axes.barh(places + 0.27 * (number - 1), values, 0.25, color=colour, label=name)
        axes.bar_label(bars, fmt=" {:.3f}", fontsize=8)
    axes.set_yticks(places, shown)
    axes.invert_yaxis()  # the first label on top
    axes.set_xlim(0, 1.1)
    axes.set_xlabel(f"score on {len(y):,} test rows, yes from {problem.threshold:g} on")
    if len(shown) < len(reached):
        axes.set_title(f"the first {len(shown)} of {len(reached)} labels")
    figure.legend(loc="outside right upper")
    save(figure, path, 120)


def draw_probabilities(
    path: pathlib.Path, problem: Problem, y: np.ndarray, probabilities: np.ndarray
) -> None:
    """Draw whether the probabilities of a binary problem hold, and what each threshold would give.

    Args:
        path: PNG file to write.
        problem: Names the classes, gives the threshold.
        y: 0 or 1, shape (rows,).
        probabilities: Probabilities of 1, shape (rows,).
    """
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    found, yes = thresholds.calibration(y, probabilities), problem.class_names[1]
    left.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="perfect")
    left.plot(found["predicted"], found["observed"], "o-", color=BLUE, label="test rows, in tenths")
    left.set_xlabel(f"predicted probability of {yes}")
    left.set_ylabel(f"observed fraction of {yes}")
    reached = [
        thresholds.scores(y, probabilities, threshold) for threshold in thresholds.THRESHOLDS
    ]
    lines = {"precision": BLUE, "recall": ORANGE, "f1": GREEN, "accuracy": VERMILION}
    for (name, colour), style in zip(lines.items(), ("-", "--", "-.", ":"), strict=True):
        values = [scores[name] for scores in reached]
        right.plot(
            thresholds.THRESHOLDS, values, style, color=colour, label=scoring.NAMES.get(name, name)
        )
    right.axvline(problem.threshold, color="0.6", linewidth=1, label="threshold in use")
    right.set_xlabel(f"threshold: {yes} is predicted from this probability on")
    right.set_ylabel("score on the test rows")
    for axes in (left, right):
        axes.legend()
    save(figure, path, 120)


def draw_importance(path: pathlib.Path, problem: Problem, found: dict) -> None:
    """Draw how much worse the predictions get without what a column says, and how sure that is.

    Args:
        path: PNG file to write.
        problem: Decides the metric.
        found: As `importance.measure` gives it, the most important column first.
    """
    shown = list(found)[:_NUM_COLUMNS][::-1]
    figure = Figure(figsize=(8, 1.4 + 0.3 * max(len(shown), 4)), layout="constrained")
    axes = figure.subplots()
    means, stds = ([found[name][key] for name in shown] for key in ("mean", "std"))
    names = [name if len(name) <= 30 else f"{name[:29]}…" for name in shown]
    colours = [BLUE if importance.is_clear(found[name]) else "0.8" for name in shown]
    axes.barh(range(len(shown)), means, xerr=stds, color=colours, ecolor="0.4", capsize=3)
    axes.set_yticks(range(len(shown)), names)
    axes.axvline(0, color="0.6", linewidth=1)
    metric = importance.metric_of(problem)
    change = "rise" if direction(metric) == "min" else "fall"
    name = scoring.NAMES.get(metric, metric)
    axes.set_xlabel(f"{change} of the test {name}, column shuffled: mean and std over shuffles")
    axes.set_title(f"{len(shown)} of {len(found)} columns; grey: within the noise", fontsize=10)
    save(figure, path, 120)


def draw_terms(path: pathlib.Path, terms: Mapping[str, list[tuple[str, float]]]) -> None:
    """Draw the terms that speak most for each class.

    Args:
        path: PNG file to write.
        terms: Of each class, with their mean effect on the score of a text, the largest first.
    """
    shown = dict(list(terms.items())[:_MAX_TERM_CLASSES])
    rows = -(-len(shown) // 2)
    figure = Figure(figsize=(10, 0.6 + 3.4 * rows), layout="constrained")
    panels = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    for axes, (name, found) in zip(panels, shown.items(), strict=False):
        few = found[:_NUM_TERMS][::-1]
        axes.barh(range(len(few)), [value for _, value in few], color=BLUE)
        names = [term if len(term) <= 30 else f"{term[:29]}…" for term, _ in few]
        axes.set_yticks(range(len(few)), names, fontsize=8)
        axes.set_title(f"speaks for {name}")
        axes.set_xlabel("added to the score of a text, mean over the test texts")
    save(figure, path, 120)


def draw_samples(
    path: pathlib.Path, problem: Problem, x: np.ndarray, y: np.ndarray, outputs: np.ndarray
) -> None:
    """Draw test images with their predictions: the first ones, and the surest mistakes.

    Args:
        path: PNG file to write.
        problem: Names the classes.
        x: Images, shape (rows, height, width) or (rows, height, width, 1).
        y: True class numbers, shape (rows,).
        outputs: The model's outputs, shape (rows, num_outputs).
    """
    probabilities, decided = problem.probabilities(outputs), problem.decide(outputs)
    groups = samples(problem, y, outputs).items()
    heights = [-(-len(rows) // 5) for _, rows in groups]
    figure = Figure(figsize=(11, 1.75 * sum(heights) + 0.5), layout="constrained")
    panels_of = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=heights).flat
    for panel, (title, rows), height in zip(panels_of, groups, heights, strict=True):
        panel.suptitle(title)
        panels = panel.subplots(height, 5, squeeze=False).flat
        for axes, row in zip(panels, rows, strict=False):
            fraction = probabilities[row, decided[row]]
            axes.imshow(np.squeeze(x[row]), cmap="gray")
            _name_sample(axes, problem.class_names, decided[row], y[row], fraction)
        for axes in panel.axes:
            axes.set_axis_off()
    save(figure, path, 100)


def samples(problem: Problem, y: np.ndarray, outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows of the first test images, and of the surest mistakes, where there are any.

    Args:
        problem: Names the classes.
        y: True class numbers, shape (rows,).
        outputs: The model's outputs, shape (rows, num_outputs).
    """
    wrong = np.flatnonzero(problem.decide(outputs) != y)
    probabilities = problem.probabilities(outputs)[wrong].max(axis=1)
    surest = wrong[np.argsort(-probabilities)][:_NUM_SAMPLES]
    found = {"first test images": np.arange(min(_NUM_SAMPLES, len(y)))}
    return {**found, "the surest mistakes": surest} if len(wrong) else found


def draw_heat_maps(
    path: pathlib.Path,
    problem: Problem,
    groups: dict[str, np.ndarray],
    few: Split,
    maps: np.ndarray,
    outputs: np.ndarray,
) -> None:
    """Draw images with what speaks for their predicted class on top of each.

    Args:
        path: PNG file to write.
        problem: Names the classes.
        groups: Rows of the test split, as `samples` returned them.
        few: These rows, one group after the other.
        maps: Heat in 0..1 for each of them, shape (rows, height, width).
        outputs: The model's outputs for the whole test split.
    """
    rows = np.concatenate([*groups.values()])
    probabilities, decided = problem.probabilities(outputs), problem.decide(outputs)
    y, height = problem.classes(few.y), -(-len(rows) // 5)
    figure = Figure(figsize=(11, 1.75 * height + 0.5), layout="constrained")
    figure.suptitle("where the network looks (Grad-CAM): " + ", then ".join(groups))
    for place, axes in enumerate(figure.subplots(height, 5, squeeze=False).flat):
        axes.set_axis_off()
        if place < len(rows):
            row = rows[place]
            grey = np.asarray(few.x[place], "float32").mean(axis=-1)
            axes.imshow(grey, cmap="gray")
            axes.imshow(maps[place], cmap="inferno", alpha=0.5, vmin=0, vmax=1)
            fraction = probabilities[row, decided[row]]
            _name_sample(axes, problem.class_names, decided[row], y[place], fraction)
    save(figure, path, 100)


def draw_images(path: pathlib.Path, x: np.ndarray, y: np.ndarray, outputs: np.ndarray) -> None:
    """Draw images that were made of images: the first test rows, given, true and predicted.

    Args:
        path: PNG file to write.
        x: Images, shape (rows, height, width).
        y: True pixels, shape (rows, height * width).
        outputs: Predicted pixels, shape (rows, height * width).
    """
    images = {"given": (x, x), "true": (y, y), "predicted": (outputs, y)}
    height, width = x.shape[1:]
    side = 11 / _NUM_SAMPLES
    figure = Figure(figsize=(11, 3 * max(side * height / width, 0.9)), layout="constrained")
    grid = figure.subplots(len(images), _NUM_SAMPLES)
    for panels, (name, (shown, scale)) in zip(grid, images.items(), strict=True):
        panels[0].set_ylabel(name)
        for axes, image in zip(panels, shown, strict=False):
            limits = {"vmin": scale.min(), "vmax": scale.max()}
            axes.imshow(np.reshape(image, (height, width)), cmap="gray", **limits)
        for axes in panels:
            axes.set(xticks=[], yticks=[])
    save(figure, path, 120)


def _name_sample(
    axes: Axes, class_names: tuple[str, ...], decided: int, true: int, fraction: float
) -> None:
    """Write what an image was taken for: two lines always, so that its row stands with the rest."""
    text = f"{class_names[decided]} ({100 * fraction:.0f} %)"
    if decided == true:
        axes.set_title(f"\n{text}", color=BLUE, fontsize=9)
    else:
        axes.set_title(f"{text}\ntrue: {class_names[true]}", color=VERMILION, fontsize=9)
