"""Training: fit a model to the best epoch, refit it, predict."""

from keras_recipes.training.fitting import (
    NAN_CAUSES,
    Trained,
    adapt,
    fit,
    fit_all,
    predict,
    prepare,
    refit,
    train,
)

__all__ = [
    "NAN_CAUSES",
    "Trained",
    "adapt",
    "fit",
    "fit_all",
    "predict",
    "prepare",
    "refit",
    "train",
]
