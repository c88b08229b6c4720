"""Lessons: one file, one idea, run to see it. `python -m recipes.lessons` lists them in order."""

import typing

Language = typing.Literal["en", "ko"]

# In learning order, with the seconds that each takes on 2 cores, about.
SECONDS = {
    "perceptron": 3,
    "xor": 10,
    "backpropagation": 4,
    "activations": 3,
    "losses": 3,
    "vanishing_gradient": 35,
    "linear_regression": 12,
    "logistic_regression": 5,
    "optimizers": 35,
    "batches": 45,
    "overfitting": 100,
    "cross_validation": 60,
    "search": 5,
}
ORDER = tuple(SECONDS)
