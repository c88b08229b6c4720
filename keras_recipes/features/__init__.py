"""From raw input to numbers, as Keras layers in the model: one file for each kind of input."""
