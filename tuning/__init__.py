"""Searches over any recipe's hyperparameters, through Keras Tuner.

`python -m tuning fmnist --tuner random` from a terminal; from a program:

    found = tuning.search("fmnist", tuner="bayesian", trials=30)
    found.trials        # a pandas table, one row for each trial
    found.best_config   # the Config to build the best model from

`load_results(folder)` reads a search's trials, also while it runs, without TensorFlow.
`make_tuner(...)` gives a `keras_tuner.Tuner` for a recipe, a HyperModel or a build function.
`compare(...)` runs several tuners with the same budget.
"""

from __future__ import annotations

import pathlib
import types
import typing

from tuning.trials.storage import load_results

if typing.TYPE_CHECKING:
    from tuning.engine import Search

__all__ = ["compare", "load_results", "make_tuner", "search"]


def search(
    recipe: str | pathlib.Path | types.ModuleType | None = None, **options: object
) -> Search:
    """Search a recipe's hyperparameters and refit the best point.

    Args:
        recipe: Name, path of a .py file, or module; None with `resume`.
        **options: As on the command line: tuner, trials, epochs, folds, repeats, objective, seed,
            start_from, engine, data, data_dir, max_parameters, max_time, max_memory, isolate,
            workers, trial_timeout, scheduler, tls_ca, tls_cert, tls_key, keep, out, resume,
            tensorboard, verbose, quiet, yes, and for tabular csv, target and what else is told
            about a table. With workers or isolate, a program calls this under
            `if __name__ == "__main__":`, since the processes that it starts import the program.

    Returns:
        The trials as a table, the best Config and its score, and the folder of the search.

    Raises:
        InputError: If an option cannot work.
        RunError: If the first trial fails, or writing does.
    """
    from keras_recipes import catalog
    from tuning import options as options_module
    from tuning.workers import processes

    paths = ("out", "resume", "data_dir", "start_from", "csv", "tls_ca", "tls_cert", "tls_key")
    for name in paths:
        if options.get(name) is not None:
            options[name] = pathlib.Path(options[name])
    reference = None if recipe is None else catalog.refer(recipe)
    checked = options_module.Options(recipe=reference, **options)
    with processes.loaded_ahead(checked.has_own_processes):
        from tuning import engine

        return engine.search(checked)


def __getattr__(name: str) -> object:
    """Import the heavy parts when they are asked for."""
    if name == "make_tuner":
        from tuning.tuners import make_tuner

        return make_tuner
    if name == "compare":
        from tuning.report.comparison import compare

        return compare
    raise AttributeError(f"module 'tuning' has no attribute {name!r}")
