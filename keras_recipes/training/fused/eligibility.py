"""What a fused fit cannot do, and how it says so."""

import logging
from typing import Any

import keras
import tensorflow as tf

from keras_recipes.training.fused import lifted

_log = logging.getLogger(__name__)
_said: set[str] = set()

_OWN_TO_KERAS = (
    "fit",
    "evaluate",
    "train_step",
    "test_step",
    "make_train_function",
    "compute_metrics",
    "get_metrics_result",
)
_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


class Unsupported(Exception):  # noqa: N818 - it carries a reason for `model.fit`, not an error
    """The reason why a fit is left to `model.fit`."""


def say_once(reason: Unsupported) -> None:
    """Log the reason, the first time it comes up in this process."""
    text = str(reason)
    if text not in _said:
        _said.add(text)
        _log.warning("fused.fit leaves this to model.fit: %s", text)


def check_arguments(arguments: dict[str, object]) -> None:
    """Raise `Unsupported` for arguments of `fit` that ask for other than whole epochs of arrays."""
    for name in ("steps_per_epoch", "validation_steps", "validation_batch_size"):
        if arguments[name] is not None:
            raise Unsupported(f"`{name}` is given")
    if arguments["validation_freq"] != 1:
        raise Unsupported("`validation_freq` is not 1")
    if not isinstance(arguments["shuffle"], bool):
        raise Unsupported(f"`shuffle` is {arguments['shuffle']!r}")
    if arguments["validation_split"] and arguments["class_weight"] is not None:
        raise Unsupported("`class_weight` comes with `validation_split`")


def check_model(model: keras.Model) -> None:
    """Raise `Unsupported` for a model whose training is not Keras's own step on one device."""
    for method in _OWN_TO_KERAS:
        if getattr(type(model), method) is not getattr(keras.Model, method):
            raise Unsupported(f"the model has its own `{method}`")
    if keras.backend.backend() != "tensorflow":
        raise Unsupported("the backend of Keras is not TensorFlow")
    if not model.compiled:
        raise Unsupported("the model is not compiled")
    if model.run_eagerly or tf.config.functions_run_eagerly():
        raise Unsupported("`run_eagerly` is on")
    strategy = tf.distribute.get_strategy()
    if tf.distribute.has_strategy() or model.distribute_strategy is not strategy:
        raise Unsupported("a distribution strategy is in use")
    if len(tf.config.list_logical_devices("GPU")) > 1 or tf.config.list_logical_devices("TPU"):
        raise Unsupported("there is more than one accelerator")
    if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        raise Unsupported("the loss is scaled step by step (float16)")
    if any(getattr(layer, "stateful", False) for layer in lifted.all_layers(model)):
        raise Unsupported("a layer keeps its state from batch to batch (stateful=True)")


def check_callbacks(callbacks: Any) -> None:
    """Raise `Unsupported` for a callback that wants to be called after single batches."""
    for callback in keras.tree.flatten(getattr(callbacks, "callbacks", callbacks) or []):
        for hook in _BATCH_HOOKS:
            if not (_is_inherited(callback, hook) or _is_harmless(callback, hook)):
                name = type(callback).__name__
                raise Unsupported(f"the callback {name} works on single batches (`{hook}`)")


def _method(owner: object, hook: str) -> object:
    method = getattr(owner, hook)
    return getattr(method, "__func__", method)


def _is_inherited(callback: keras.callbacks.Callback, hook: str) -> bool:
    return _method(callback, hook) is _method(keras.callbacks.Callback, hook)


def _is_harmless(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Return whether the hook is one of Keras's that may as well be called a few times an epoch."""
    kinds = {
        keras.callbacks.ProgbarLogger: True,
        keras.callbacks.TerminateOnNaN: True,
        keras.callbacks.ModelCheckpoint: getattr(callback, "save_freq", None) == "epoch",
        keras.callbacks.TensorBoard: getattr(callback, "update_freq", None) == "epoch"
        and not getattr(callback, "write_steps_per_second", False)
        and not getattr(callback, "_should_trace", True),  # no profile of single batches
    }
    return any(
        fits and isinstance(callback, kind) and _method(callback, hook) is _method(kind, hook)
        for kind, fits in kinds.items()
    )
