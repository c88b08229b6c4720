"""Fast epochs: `fused.fit(model, x, y, ...)` trains as `model.fit` does, many times faster.

`training` keeps the contract of `model.fit`; `programs` holds the compiled epochs and `structure`
says when one serves another model, with the numbers of `lifted` as values; `engine` chooses XLA
or not; `randomness` draws fast for the one, `convolutions` and `recurrent` help the other, all
three by `replacing` functions of Keras; `packing` turns arrays into tensors; `eligibility` names
what is left to Keras.
"""

from keras_recipes.training.fused.training import fit

__all__ = ["fit"]
