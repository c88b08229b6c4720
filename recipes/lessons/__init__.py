"""Lessons: one file, one idea, run to see it. `python -m recipes.lessons` lists them in order."""

ORDER = (
    "perceptron",
    "xor",
    "backpropagation",
    "activations",
    "losses",
    "vanishing_gradient",
    "linear_regression",
    "logistic_regression",
    "optimizers",
    "batches",
    "overfitting",
    "cross_validation",
    "search",
)
