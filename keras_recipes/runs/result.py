"""A run in Python: its model, scores, history and settings."""

from __future__ import annotations

import dataclasses
import pathlib
import types

import keras
import pandas as pd

from keras_recipes.configs import Config
from keras_recipes.features.kind import Kind
from keras_recipes.problems import Problem
from keras_recipes.runs import scoring


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A trained recipe, from `train` or from its folder.

    Attributes:
        folder: That holds everything below.
        model: With the weights of the best epoch.
        problem: Output layer, loss, metrics and class names.
        inputs: What the model takes.
        config: The settings it was trained with.
        metrics: Content of metrics.json: test scores, baselines, data, epochs, seconds, machine.
        history: Loss and metrics, one row for each epoch.
        seconds: Where the time went, by part; empty for a run from its folder.
    """

    folder: pathlib.Path
    model: keras.Model
    problem: Problem
    inputs: Kind
    config: Config | types.SimpleNamespace
    metrics: dict
    history: pd.DataFrame
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def baselines(self) -> dict[str, dict[str, float]]:
        """Test scores of each baseline, by its name."""
        return self.metrics["baselines"]

    @property
    def scores(self) -> pd.DataFrame:
        """Test scores of the network and of each baseline: one row a metric, one column a model."""
        return pd.DataFrame({"network": self.metrics["test"], **self.baselines})

    def __repr__(self) -> str:
        return "\n".join([self._title(), self.scores.to_string(float_format=scoring.figure)])

    def _title(self) -> str:
        data = self.metrics["data"]
        return (
            f"{self.metrics['recipe']} on {data['name']}: best epoch "
            f"{self.metrics['best_epoch']} of {self.metrics['epochs_run']}, "
            f"{self.metrics['train_seconds']:.1f} s, in {self.folder}"
        )

    def _repr_html_(self) -> str:
        """Return the table of scores and the plots of the run, for a notebook."""
        import base64
        import html

        plots = "".join(
            f"<img alt='{path.stem}' style='max-width:45%' "
            f"src='data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}'>"
            for path in sorted(self.folder.glob("*.png"))
        )
        table = self.scores.to_html(float_format=scoring.figure)
        return f"<p>{html.escape(self._title())}</p>{table}{plots}"
