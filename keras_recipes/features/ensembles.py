"""Metrics of an ensemble in one network."""

from __future__ import annotations

from typing import Any

import keras


class OfEnsemble(keras.metrics.Metric):
    """A metric of the mean of the networks' outputs, which is what the saved model predicts.

    Args:
        metric: Of outputs of shape (rows, 1) or (rows, classes).
    """

    def __init__(self, metric: keras.metrics.Metric, **settings: Any):
        super().__init__(name=metric.name, **settings)
        self._metric = metric

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch: targets and outputs for each network, as the loss has them."""
        outputs = keras.ops.mean(y_pred, axis=1, keepdims=len(y_pred.shape) == 2)
        self._metric.update_state(y_true[:, :1], outputs, sample_weight)

    def result(self) -> Any:
        """Return the metric over the batches so far."""
        return self._metric.result()

    def reset_state(self) -> None:
        """Begin anew."""
        self._metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        """Return all that the metric depends on."""
        return {"metric": keras.saving.serialize_keras_object(self._metric)}
