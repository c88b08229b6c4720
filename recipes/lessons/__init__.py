"""Lessons: one file, one idea, run to see it. `python -m recipes.lessons` lists them in order."""

from keras_recipes.console import command_line, startup
from recipes.lessons import _options

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

if (_lesson_run := startup.called_module().removeprefix(f"{__name__}.")) in SECONDS:
    # Before the imports of the lesson, which take seconds: --help and a wrong flag answer at once.
    with command_line.errors_as_lines():
        _options.parse(_lesson_run)
