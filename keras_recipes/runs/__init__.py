"""Runs: train and evaluate a recipe, write its run folder, predict with it and export it.

`keras_recipes.runs()` lists the runs in a folder: the package has the name of that function too,
and so it can be called.
"""

from __future__ import annotations

import sys
import types
import typing

if typing.TYPE_CHECKING:
    import pandas as pd


class _Runs(types.ModuleType):
    def __call__(self, folder: str = "runs", recipe: str | None = None) -> pd.DataFrame:
        """List the runs in a folder, as `listing.list_runs`."""
        from keras_recipes.runs import listing

        return listing.list_runs(folder, recipe)


sys.modules[__name__].__class__ = _Runs
