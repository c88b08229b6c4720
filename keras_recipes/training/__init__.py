"""Training: fit a model to the best epoch, refit it, predict and measure."""

from keras_recipes.training.fitting import (
    NAN_CAUSES,
    Trained,
    adapt,
    as_inputs,
    fit,
    fit_all,
    measure,
    predict,
    prepare,
    refit,
    to_array,
    train,
)

__all__ = [
    "NAN_CAUSES",
    "Trained",
    "adapt",
    "as_inputs",
    "fit",
    "fit_all",
    "measure",
    "predict",
    "prepare",
    "refit",
    "to_array",
    "train",
]
