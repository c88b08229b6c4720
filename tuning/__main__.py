"""`python -m tuning`: search a recipe's hyperparameters, or compare tuners on it.

Usage:
  python -m tuning RECIPE [--tuner random] [--trials 30] …   search; --help lists the flags
  python -m tuning --resume FOLDER                           continue a search
  python -m tuning compare RECIPE [--tuners …] [--seeds 5]   compare tuners with the same budget
"""

from __future__ import annotations

import contextlib
import json
import sys

from keras_recipes import catalog
from keras_recipes.console import command_line, files, startup
from tuning.options import Comparison, Options
from tuning.workers import processes


def main() -> None:
    """Search, or compare where that is the first word."""
    with command_line.errors_as_lines():
        if sys.argv[1:2] == ["compare"]:
            _compare(sys.argv[2:])
            return
        others = catalog.describe_programs("tuning RECIPE")
        title = f"{(__doc__ or '').strip()}\n\nOther programs:\n{others}"
        (options,) = command_line.parse("python -m tuning", title, sys.argv[1:], search=Options)
        # What can be seen without TensorFlow, which takes seconds to load, is looked at before.
        if options.resume:
            from tuning.trials import storage  # pandas takes as long as all the rest of --help

            storage.read_description(options.resume)
        else:
            catalog.refer(options.recipe)
        with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
            if not options.quiet:
                print("loading TensorFlow and the data", flush=True)
            with processes.loaded_ahead(options.has_own_processes):
                startup.load_tensorflow()
                from tuning import engine, loop

                found = engine.search(options)
        if options.json:
            print(json.dumps(files.finite(found.summarise()), allow_nan=False))
        if found.ended_by == loop.INTERRUPTED:
            sys.exit(130)


def _compare(arguments: list[str]) -> None:
    prog = "python -m tuning compare"
    (options,) = command_line.parse(prog, Comparison.__doc__, arguments, comparison=Comparison)
    catalog.refer(options.recipe)
    if not options.quiet:
        print("loading TensorFlow and the data", flush=True)
    startup.load_tensorflow()
    from tuning.report import comparison

    if not comparison.is_complete(comparison.run(options), options):
        sys.exit(130)


if __name__ == "__main__":
    main()
