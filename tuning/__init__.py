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

import os
import types
import typing
from typing import Any, Literal

if typing.TYPE_CHECKING:
    import pandas as pd

    from tuning.engine import Search
    from tuning.report.comparison import compare
    from tuning.trials.storage import load_results
    from tuning.tuners import make_tuner

Path = str | os.PathLike[str]

__all__ = ["compare", "load_results", "make_tuner", "search"]


def search(
    recipe: str | Path | types.ModuleType | None = None,
    *,
    tuner: Literal["grid", "random", "bayesian", "hyperband"] | None = None,
    trials: int | None = None,
    epochs: int | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    objective: str | None = None,
    seed: int | None = None,
    start_from: Path | None = None,
    engine: Literal["fused", "keras"] | None = None,
    data: Literal["auto", "real", "builtin"] | None = None,
    data_dir: Path | None = None,
    max_parameters: int | None = None,
    max_time: str | None = None,
    max_memory: int | None = None,
    isolate: int | None = None,
    workers: int | None = None,
    trial_timeout: str | None = None,
    scheduler: str | None = None,
    tls_ca: Path | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    keep: int = 1,
    out: Path | None = None,
    resume: Path | None = None,
    tensorboard: bool = False,
    verbose: bool = False,
    quiet: bool = False,
    yes: bool = False,
    csv: pd.DataFrame | Path | None = None,
    target: str | None = None,
    problem: Literal["auto", "binary", "multiclass", "regression"] = "auto",
    header: bool = True,
    categorical: tuple[str, ...] = (),
    numeric: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
    time: str | None = None,
    group: str | None = None,
    missing: tuple[str, ...] = (),
    encoding: str | None = None,
    folder: Path | None = None,
    test_folder: Path | None = None,
    size: int | None = None,
    colour: Literal["auto", "grey", "rgb"] = "auto",
    text: tuple[str, ...] = (),
    tokens: Literal["auto", "words", "characters"] = "auto",
    **unknown: Any,
) -> Search:
    """Search a recipe's hyperparameters and refit the best point.

    With workers or isolate, a program calls this under `if __name__ == "__main__":`, since the
    processes that it starts import the program.

    Args:
        recipe: Name, path of a .py file, or module; None with `resume`.
        tuner: Order in which points are tried; random by default.
        trials: Trials at most; 30 by default, every point of a grid.
        epochs: Epochs of a training at most; the recipe's by default.
        folds: Number of folds of a cross-validation; the validation part by default.
        repeats: Trainings of each point with different seeds; 1 by default.
        objective: What to search for, such as "val_auc"; the recipe's monitored score by default.
        seed: Decides split, proposals and trainings; 0 by default.
        start_from: A run folder, a search, or a config.json whose point is tried second.
        engine: "fused" trains whole epochs as one program, "keras" by `keras.Model.fit`.
        data: Which data, for a recipe whose data are downloaded.
        data_dir: Folder that holds the data files, for such a recipe.
        max_parameters: A model of more parameters is not trained.
        max_time: Start no trial after this time, such as "30m".
        max_memory: MB that a process of trials may hold.
        isolate: Train in a process of its own, a fresh one every so many trials.
        workers: Trials at a time, each in a process of its own.
        trial_timeout: End a trial that takes longer, such as "5m".
        scheduler: HOST:PORT of a Dask scheduler that runs the trials.
        tls_ca: Certificate of the authority that signed the scheduler's.
        tls_cert: Certificate of this side.
        tls_key: Key of this side's certificate.
        keep: Number of best trials whose models are kept.
        out: New folder; by default the next free one in searches/.
        resume: Folder of a search to continue, in the place of `recipe`.
        tensorboard: Whether TensorBoard's logs are written as well.
        verbose: Whether a line is printed for each epoch.
        quiet: Whether the result alone is printed.
        yes: Whether a grid of more than 500 points is run.
        csv: Your own table or texts, for a recipe that takes such: a DataFrame, which is kept as a
            file beside the search's folder, or the path of a file; of texts also of a folder.
        target: Column to predict.
        problem: Kind of problem; "auto" decides by the target.
        header: Whether the first row of the file names the columns.
        categorical: Columns to take as categories.
        numeric: Columns to take as numbers.
        drop: Columns to leave out.
        time: Column of dates or numbers to split by.
        group: What belongs together and stays in one split: the name of a column, or of images
            a regular expression for their paths.
        missing: Cells that stand for no value: -200 in all columns, or bmi=0 in one.
        encoding: Encoding of the file; found out where not said.
        folder: Your own images, for a recipe that takes such: a folder with one subfolder per
            class, or a CSV file of paths and labels.
        test_folder: Folder of the test images.
        size: Images are resized to size x size pixels.
        colour: Colour channels of the images.
        text: Columns of your own texts; by default the column with the longest ones.
        tokens: Split texts into words or characters; "auto" decides by the script.
        **unknown: Nothing else; what a search has no option for is named.

    Returns:
        The trials as a table, the best Config and its score, and the folder of the search.

    Raises:
        InputError: If an option cannot work.
        RunError: If the first trial fails, or writing does.
    """
    given = dict(locals())
    del given["unknown"]
    from keras_recipes import catalog, configs, errors
    from tuning import options
    from tuning.workers import processes

    with errors.for_python():
        configs.check_names(unknown, list(given), "tuning.search")
        if recipe is not None:
            given["recipe"] = catalog.refer(recipe)
        given["csv"] = options.kept_table(csv, out)
        checked = options.Options(**given)
        with processes.loaded_ahead(checked.has_own_processes):
            from tuning import engine as runner

            return runner.search(checked)


def __getattr__(name: str) -> object:
    """Import the heavy parts when they are asked for."""
    if name == "load_results":
        from tuning.trials.storage import load_results

        return load_results
    if name == "make_tuner":
        from tuning.tuners import make_tuner

        return make_tuner
    if name == "compare":
        from tuning.report.comparison import compare

        return compare
    raise AttributeError(f"module 'tuning' has no attribute {name!r}")
