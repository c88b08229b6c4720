"""What a search can be told; the command line is made from it."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Annotated, Literal, get_args

import tyro

from recipes.common import configs
from recipes.common.errors import InputError

TunerName = Literal["grid", "random", "bayesian", "hyperband"]
DEFAULT_TRIALS = 30
# A grid of more points is run only when it is asked for twice.
MANY_POINTS = 500


@dataclasses.dataclass(frozen=True)
class Options:
    """Search a recipe's hyperparameters.

    What is None was not said: a new search takes its default, a resumed one what it was begun with.
    """

    recipe: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE")] = None
    """Name of a recipe, or the path of a recipe's .py file."""
    tuner: TunerName | None = None
    """Order in which points are tried; random where not given."""
    trials: configs.Count | None = None
    """Points to try at most: 30 where not given, every point for a grid. Hyperband counts a point
    that is promoted to more epochs as a new trial."""
    epochs: configs.Count | None = None
    """Epochs of a training at most; the recipe's where not given."""
    folds: Annotated[int, configs.Range(2)] | None = None
    """Score each point by cross-validation over all rows that are not for testing."""
    repeats: configs.Count | None = None
    """Trainings of each point with different seeds; 1 where not given."""
    objective: str | None = None
    """What to search for, such as val_auc; the recipe's monitored score where not given."""
    seed: configs.Seed | None = None
    """Decides split, proposals and trainings; 0 where not given."""
    data: Literal["auto", "real", "builtin"] | None = None
    """Which data, for a recipe whose data are downloaded."""
    data_dir: pathlib.Path | None = None
    """Folder that holds the data files, for a recipe whose data are downloaded."""
    max_parameters: configs.Count | None = None
    """A model of more parameters is not trained: its trial ends as too big."""
    max_time: str | None = None
    """Start no trial after this time, such as 90s, 30m or 2h; the search can be resumed."""
    keep: Annotated[int, configs.Range(0)] = 1
    """Number of best trials whose models are kept."""
    out: pathlib.Path | None = None
    """Folder to write into; by default the next free one in searches/."""
    resume: pathlib.Path | None = None
    """Folder of a search to continue; in the place of RECIPE."""
    tensorboard: bool = False
    """Write TensorBoard's HParams logs into the folder as well."""
    quiet: bool = False
    """Print the result only, no line for each trial."""
    yes: bool = False
    """Run a grid of more than 500 points."""

    def __post_init__(self) -> None:
        configs.check_fields(self)
        seconds(self.max_time)
        if (self.recipe is None) == (self.resume is None):
            raise InputError(
                "give either a recipe or --resume FOLDER: python -m tuning RECIPE --tuner random; "
                "`python -m recipes` lists the recipes"
            )
        if self.resume is not None and self.out is not None:
            raise InputError("--out: a resumed search stays in its folder; leave --out away")


def seconds(duration: str | None) -> float:
    """Read a duration such as 90s, 30m, 2h or 90; None is no limit.

    Raises:
        InputError: If it is not a positive duration.
    """
    if duration is None:
        return float("inf")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", duration.strip())
    if not match or float(match[1]) == 0:
        raise InputError(f"--max-time: received {duration!r}, expected such as 90s, 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Give several tuners the same budget of epochs, and random search twice as much."""

    recipe: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE")]
    """Name of a recipe, or the path of a recipe's .py file."""
    tuners: str = "grid,random,bayesian,hyperband"
    """Which to compare, with commas between them."""
    trials: configs.Count = 20
    """The budget: so many trainings of all epochs. Trials that stop early leave room for more."""
    seeds: configs.Count = 5
    """Seeds 0, 1, … to repeat everything with."""
    epochs: configs.Count | None = None
    """Epochs of a training at most; the recipe's where not given."""
    objective: str | None = None
    """What to search for, such as val_auc; the recipe's monitored score where not given."""
    data: Literal["auto", "real", "builtin"] | None = None
    """Which data, for a recipe whose data are downloaded."""
    data_dir: pathlib.Path | None = None
    """Folder that holds the data files, for a recipe whose data are downloaded."""
    out: pathlib.Path | None = None
    """Folder to write into; by default the next free one in searches/."""
    quiet: bool = False
    """Print the result only, no line for each search."""

    def __post_init__(self) -> None:
        configs.check_fields(self)
        for name in self.tuner_names:
            if name not in get_args(TunerName):
                raise InputError(
                    f"--tuners: received {name!r}, expected names out of "
                    f"{', '.join(get_args(TunerName))} with commas between them"
                )

    @property
    def tuner_names(self) -> list[str]:
        """The tuners to compare, each once."""
        return list(dict.fromkeys(name.strip() for name in self.tuners.split(",")))
