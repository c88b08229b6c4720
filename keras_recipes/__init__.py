"""The library behind the recipes: rule table, training, checks, runs and commands.

    from keras_recipes import train, load_run, predict, export, check, fit, runs, compare

Each is imported when it is first asked for, so that `import keras_recipes` loads no TensorFlow.
TensorFlow then prints no notes about the processor, unless TF_CPP_MIN_LOG_LEVEL is set otherwise.
"""

from __future__ import annotations

import os
import typing

from keras_recipes.version import __version__

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors only

if typing.TYPE_CHECKING:
    from keras_recipes.api import train
    from keras_recipes.checks import check
    from keras_recipes.runs.comparison import compare
    from keras_recipes.runs.exports.export import export
    from keras_recipes.runs.listing import list_runs as runs
    from keras_recipes.runs.predict import open_run as load_run, predict
    from keras_recipes.training.fused import fit

__all__ = [
    "__version__", "check", "compare", "export", "fit", "load_run", "predict", "runs", "train",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Import a function of the library when it is first asked for (PEP 562)."""
    if name == "train":
        from keras_recipes.api import train

        return train
    if name in ("predict", "load_run"):
        from keras_recipes.runs import predict

        return predict.predict if name == "predict" else predict.open_run
    if name == "compare":
        from keras_recipes.runs.comparison import compare

        return compare
    if name == "export":
        from keras_recipes.runs.exports.export import export

        return export
    if name == "check":
        from keras_recipes.checks import check

        return check
    if name == "fit":
        from keras_recipes.training.fused import fit

        return fit
    if name == "runs":
        import keras_recipes.runs

        return keras_recipes.runs  # which can be called
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
