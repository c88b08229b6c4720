"""Options of searches and comparisons; the command line is made from them."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import itertools
import os
import pathlib
import re
from typing import Annotated, Any, Literal, get_args

from keras_recipes import configs, reading
from keras_recipes.console import files
from keras_recipes.console.command_line import flag, takes
from keras_recipes.errors import InputError

TunerName = Literal["grid", "random", "bayesian", "hyperband"]
DEFAULT_TRIALS = 30
# A grid of more points is run only when it is asked for twice.
MAX_POINTS = 500


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of processes that run trials; None sets none.

    Attributes:
        isolate: Trials of one process.
        timeout: Seconds that a trial may take in a process of its own.
        max_memory: MB that a process may hold after a trial to be given another one.
    """

    isolate: int | None = None
    timeout: float | None = None
    max_memory: float | None = None


def kept_table(csv: Any, out: str | os.PathLike[str] | None) -> pathlib.Path | None:
    """Return the path of a table; write a DataFrame to a file that is named by its content.

    So a search of a DataFrame can be resumed, and sent to processes of its own.

    Args:
        csv: Path, DataFrame or None.
        out: The search's folder, beside which the file is written; None for a default one.

    Raises:
        InputError: If the table is of another type.
    """
    table = configs.check_value("csv", csv, configs.TableFile)
    if table is None or isinstance(table, pathlib.Path):
        return table
    from keras_recipes.data import csv_reader

    text = csv_reader.as_text(table)
    name = f"table-{hashlib.sha256(text.encode()).hexdigest()[:12]}.csv"
    path = pathlib.Path("searches" if out is None else pathlib.Path(out).parent, name)
    if not path.is_file():
        with files.faults_named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_text(path, text)
    return path


@dataclasses.dataclass(frozen=True)
class SharedOptions(configs.TableOptions, configs.ImageOptions, configs.TextOptions):
    """Options of both a search and a comparison."""

    csv: configs.TableFile = None
    """Your table or your texts: a delimited text file that includes the target column; for texts
    also a folder with one subfolder of .txt files per class."""
    group: str | None = None
    """Rows or images that belong together and stay in the same split: a column of a table, or a
    regular expression for the paths of images."""
    # None stands for "not said": a new search takes its default, a resumed one what it has.
    epochs: Annotated[configs.Count | None, takes("N", "the recipe's")] = None
    """Maximum number of epochs per trial."""
    objective: Annotated[str | None, takes("NAME", "the recipe's monitored score")] = None
    """Objective: the score to optimise, such as val_auc."""
    engine: Annotated[Literal["fused", "keras"] | None, takes(default="fused")] = None
    """Training engine: fused (each epoch is one program), or keras (`keras.Model.fit`)."""
    data: Annotated[Literal["auto", "real", "builtin"] | None, takes(default="auto")] = None
    """Data to use: real, builtin (a substitute), or auto (real if available)."""
    data_dir: Annotated[pathlib.Path | None, takes("FOLDER", "Keras's cache")] = None
    """Folder with the data files, for a recipe that downloads its data."""
    out: Annotated[pathlib.Path | None, takes("FOLDER", "a new folder in searches/")] = None
    """Output folder."""

    def fixed(self, seed: int | None) -> dict[str, Any]:
        """Return the fields of a Config that are the same in every trial, as JSON has them.

        Args:
            seed: Of the search; None where it was not given.
        """
        told: dict[str, Any] = {"seed": seed, "epochs": self.epochs, "data": self.data}
        told["data_dir"] = self.data_dir and reading.resolved(self.data_dir)
        return {
            name: str(v) if isinstance(v, pathlib.Path) else list(v) if isinstance(v, tuple) else v
            for name, v in {**told, **self.told()}.items()
            if v is not None
        }


@dataclasses.dataclass(frozen=True)
class Options(SharedOptions):
    """Search a recipe's hyperparameters.

    A resumed search keeps its settings. Only trials, keep, the place and time limits of the trials,
    and the output can change.
    """

    recipe: Annotated[str | None, takes("RECIPE", positional=True)] = None
    """Name of a recipe, or the path of a recipe's .py file."""
    tuner: Annotated[TunerName | None, takes(default="random")] = None
    """Tuner: the search algorithm."""
    trials: Annotated[configs.Count | None, takes("N", "30; for grid, all points")] = None
    """Maximum number of trials. In Hyperband, each promotion to more epochs is a new trial."""
    folds: Annotated[
        Annotated[int, configs.Range(2)] | None, takes("K", "one validation split")
    ] = None
    """Score each trial by K-fold cross-validation on all rows outside the test set."""
    repeats: Annotated[configs.Count | None, takes("N", "1")] = None
    """Number of trainings per trial, each with a different seed."""
    seed: Annotated[configs.Seed | None, takes("N", "0")] = None
    """Random seed (split, tuner, training)."""
    start_from: Annotated[pathlib.Path | None, takes("RUN", "only the defaults")] = None
    """Warm start: after the defaults, try the settings of a run, search or config.json."""
    max_parameters: Annotated[configs.Count | None, takes("N", "no limit")] = None
    """Maximum number of model parameters; a trial with a larger model is not trained."""
    max_time: Annotated[str | None, takes("TIME", "no limit")] = None
    """Time limit, such as 90s, 30m or 2h. No trial starts after it; the search can be resumed."""
    max_memory: Annotated[configs.Count | None, takes("MB", "no limit")] = None
    """Memory limit of a process. With --workers or --isolate, a process above it is replaced;
    otherwise the search ends, and can be resumed."""
    isolate: Annotated[configs.Count | None, takes("N", "off")] = None
    """Train in a separate process, and start a new one every N trials."""
    workers: Annotated[configs.Count | None, takes("N", "1, in this process")] = None
    """Number of trials that run at the same time. Each has its own process and a few CPU cores."""
    trial_timeout: Annotated[str | None, takes("TIME", "no limit")] = None
    """Time limit of each trial; needs --workers, --scheduler or --isolate."""
    scheduler: Annotated[str | None, takes("HOST:PORT", "none")] = None
    """Address of a Dask scheduler, whose workers run the trials, also on other machines."""
    tls_ca: Annotated[pathlib.Path | None, takes("FILE", "none")] = None
    """Certificate of the certificate authority (CA), for an encrypted connection."""
    tls_cert: Annotated[pathlib.Path | None, takes("FILE", "none")] = None
    """Certificate of this client."""
    tls_key: Annotated[pathlib.Path | None, takes("FILE", "none")] = None
    """Private key of this client."""
    keep: Annotated[int, configs.Range(0)] = 1
    """Number of best trials whose models are saved."""
    resume: Annotated[pathlib.Path | None, takes("FOLDER", "a new search")] = None
    """Folder of a search to continue, instead of RECIPE."""
    tensorboard: bool = False
    """Also write TensorBoard HParams logs into the search folder."""
    verbose: Annotated[bool, takes(flags=("-v", "--verbose"))] = False
    """Also print a line for each epoch."""
    quiet: bool = False
    """Print only the result."""
    json: bool = False
    """Print the result as one line of JSON to stdout, and everything else to stderr."""
    yes: bool = False
    """Allow a grid of more than 500 points."""

    def __post_init__(self) -> None:
        configs.check_fields(self)
        seconds(self.max_time)
        seconds(self.trial_timeout, "--trial-timeout")
        self._check_places()
        if (self.recipe is None) == (self.resume is None):
            raise InputError(
                "expected either a recipe or --resume FOLDER: python -m tuning RECIPE --tuner "
                "random; `python -m recipes` lists the recipes"
            )
        if self.resume is not None and self.out is not None:
            raise InputError("--out: a resumed search stays in its folder; remove --out")
        if self.resume is not None and self.start_from is not None:
            raise InputError("--start-from: a resumed search has started; remove the flag")
        if self.quiet and self.verbose:
            raise InputError("--quiet and --verbose: give one of the two")

    def _check_places(self) -> None:
        """Check what says where the trials run."""
        if self.workers and self.scheduler is not None:
            raise InputError("--workers and --scheduler: give one of the two")
        if self.is_shared and importlib.util.find_spec("distributed") is None:
            told = "--workers" if self.scheduler is None else "--scheduler"
            raise InputError(f"{told}: needs Dask, which is not installed: pip install distributed")
        if self.is_shared and self.verbose:
            raise InputError("--verbose: shows the epochs of one trial at a time; remove the flag")
        if self.trial_timeout and not (self.is_shared or self.isolate):
            raise InputError(
                "--trial-timeout: only a trial in a process of its own can be ended; add "
                "--isolate 20, or --workers 2"
            )
        if self.scheduler is not None:
            address = re.fullmatch(r"(\[[^]]+\]|[^:/\s]+):(\d{1,5})", self.scheduler)
            if not address or not 0 < int(address[2]) < 2**16:
                raise InputError(
                    f"--scheduler: received {self.scheduler!r}, expected HOST:PORT, such as "
                    "10.0.0.1:8786"
                )
        tls = [path for path in (self.tls_ca, self.tls_cert, self.tls_key) if path is not None]
        if tls and not (self.scheduler and len(tls) == 3):
            raise InputError("--tls-ca, --tls-cert and --tls-key: give all three, with --scheduler")
        for path in tls:
            if not path.is_file():
                raise InputError(f"{path}: no such file; expected a certificate or a key (PEM)")
        num_cores = max(2, os.cpu_count() or 1)
        if (self.workers or 1) > num_cores:
            raise InputError(
                f"--workers: received {self.workers}, expected at most {num_cores}, the cores "
                "of this machine; --scheduler takes several machines"
            )

    @property
    def is_shared(self) -> bool:
        """Whether several workers share the trials."""
        return self.scheduler is not None or (self.workers or 1) > 1

    @property
    def places(self) -> list[str]:
        """The flags that say where trials run; a resumed search needs them again."""
        names = ("workers", "scheduler", "tls_ca", "tls_cert", "tls_key", "trial_timeout")
        told = ((name, getattr(self, name)) for name in (*names, "isolate", "max_memory"))
        given = ((flag(name), str(value)) for name, value in told if value is not None)
        return list(itertools.chain(*given))

    @property
    def limits(self) -> Limits:
        """Limits of the processes that run trials."""
        timeout = seconds(self.trial_timeout) if self.trial_timeout else None
        return Limits(self.isolate, timeout, self.max_memory)

    @property
    def has_own_processes(self) -> bool:
        """Whether trials run in processes that the search starts on this machine."""
        return bool(self.isolate) or (self.workers or 1) > 1


def seconds(duration: str | None, flag: str = "--max-time") -> float:
    """Read a duration such as 90s, 30m, 2h or 90; None is no limit.

    Raises:
        InputError: If it is not a positive duration.
    """
    if duration is None:
        return float("inf")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", duration.strip())
    if not match or float(match[1]) == 0:
        raise InputError(f"{flag}: received {duration!r}, expected such as 90s, 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


@dataclasses.dataclass(frozen=True)
class Comparison(SharedOptions):
    """Compare tuners with the same budget of epochs, and random search with twice the budget."""

    recipe: Annotated[str, takes("RECIPE", positional=True)] = dataclasses.field(kw_only=True)
    """Name of a recipe, or the path of a recipe's .py file."""
    tuners: Annotated[str, takes("NAMES")] = "grid,random,bayesian,hyperband"
    """Tuners to compare, separated by commas."""
    trials: Annotated[configs.Count, takes("N")] = 20
    """Budget: number of full-length trials. Trials that stop early leave budget for more trials."""
    seeds: Annotated[configs.Count, takes("N")] = 5
    """Number of seeds (0, 1, …): the comparison is repeated with each."""
    quiet: bool = False
    """Print only the result."""

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
