"""Lessons: one file, one idea, run to see it. `python -m recipes.lessons` lists them in order."""

# In learning order, with the seconds that each takes on 2 cores, about.
SECONDS = {
    "perceptron": 2,
    "xor": 8,
    "backpropagation": 2,
    "activations": 2,
    "losses": 2,
    "vanishing_gradient": 5,
    "linear_regression": 5,
    "logistic_regression": 5,
    "optimizers": 60,
    "batches": 30,
    "overfitting": 60,
    "cross_validation": 60,
    "search": 5,
}
ORDER = tuple(SECONDS)
