"""How the lessons draw: panels, lines with their spread, maps of losses, points of two classes."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_recipes.runs.plots import BLUE, GREEN, ORANGE, VERMILION

if typing.TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet

LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (VERMILION, ":"))  # of lines


def panels(columns: int, rows: int = 1, size: tuple = (11, 4.4), **settings: Any) -> np.ndarray:
    """Make a picture's panels.

    Args:
        columns: Panels beside each other.
        rows: Panels above each other.
        size: Width and height, inches.
        **settings: As in `Figure.subplots`.

    Returns:
        Axes (rows * columns,), in reading order; the picture is the `figure` of each.
    """
    figure = Figure(figsize=size, layout="constrained")
    return figure.subplots(rows, columns, squeeze=False, **settings).ravel()


def draw_lines(axes: Axes, lines: dict, x: Any = None, **labels: Any) -> None:
    """Draw lines that differ in colour and style, with a legend where there are several.

    Args:
        axes: What to draw on.
        lines: By name, values (points,), or (runs, points) to draw their mean and their range.
        x: Where the points are: an array, or one by name; by default 1, 2, 3...
        **labels: As in `Axes.set`.
    """
    for (name, values), (colour, style) in zip(lines.items(), LOOKS, strict=False):
        runs = np.atleast_2d(values)
        places = x[name] if isinstance(x, dict) else x
        places = np.arange(1, runs.shape[1] + 1) if places is None else places
        axes.plot(places, runs.mean(axis=0), style, color=colour, label=name)
        if len(runs) > 1:
            axes.fill_between(places, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2)
    axes.set(**labels)
    if len(lines) > 1:
        axes.legend()


def draw_map(
    axes: Axes, values: np.ndarray, rows: tuple, columns: tuple, limit: float, **labels: Any
) -> None:
    """Draw a table of losses as colours and numbers.

    Args:
        axes: What to draw on.
        values: Losses (rows, columns); the lowest is marked.
        rows: Names.
        columns: Names.
        limit: A cross stands for what is above it, or not finite.
        **labels: As in `Axes.set`.
    """
    shown = np.where(values <= limit, values, np.nan)
    axes.imshow(np.log(shown), cmap="viridis_r", aspect="auto")
    for (row, column), value in np.ndenumerate(shown):
        text = "✗" if np.isnan(value) else f"{value:.2f}"
        text += "\nbest" if value == np.nanmin(shown) else ""
        axes.text(column, row, text, ha="center", va="center",
                  bbox={"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 1})  # fmt: skip
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(**labels)


def draw_classes(
    axes: Axes, x: np.ndarray, t: np.ndarray, names: tuple = ("0", "1"), size: int = 60
) -> None:
    """Draw points (rows, 2): crosses where t (rows,) is 0, circles where it is 1."""
    for value, colour, marker in ((0, VERMILION, "X"), (1, BLUE, "o")):
        across, up = x[t == value].T
        axes.scatter(across, up, size, color=colour, marker=marker, edgecolor="white",
                     linewidth=size / 100, label=names[value], zorder=2)  # fmt: skip


def shade(
    axes: Axes, function: Callable, low: float, high: float, levels: Any, **style: Any
) -> QuadContourSet:
    """Shade a square of the plane by a function of its points.

    Args:
        axes: What to draw on.
        function: From points (rows, 2) to their values, (rows,) or (rows, 1).
        low: Of both coordinates.
        high: Of both coordinates.
        levels: Values where the shade changes, or how many.
        **style: As in `Axes.contourf`.

    Returns:
        The shades, for a colour bar.
    """
    axis = np.linspace(low, high, 200)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return axes.contourf(axis, axis, function(points).reshape(200, 200), levels, **style)
