"""A search from its options to its refit model."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras_tuner
import pandas as pd

from keras_recipes import checks, recipe as contract, training
from keras_recipes.configs import Config
from keras_recipes.console import files, interrupts
from keras_recipes.console.command_line import flag
from keras_recipes.errors import InputError, NotFiniteError, RunError
from keras_recipes.features import kinds
from keras_recipes.runs import run as runs, summary
from tuning import loop
from tuning.options import Options, seconds
from tuning.report import page, plots, report, tensorboard
from tuning.spec import SearchSpec
from tuning.trials import fingerprints, records, refit, trials
from tuning.trials.storage import Store, resume_command
from tuning.workers import workers

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Search:
    """The result of a search.

    Attributes:
        trials: One row for each trial, as in trials.csv.
        objective: What was searched for, such as val_auc.
        best_config: The Config of the best trial.
        best_score: Its score on the validation split: optimistic, because it is the best of many.
        best_trial: Its number.
        ended_by: The reason for the end.
        folder: Of the search.
        metrics: Of the model that was refitted with the best Config, with its test scores; None
            after Ctrl-C.
    """

    trials: pd.DataFrame
    objective: str
    best_config: Config | None
    best_score: float | None
    best_trial: int | None
    ended_by: str
    folder: pathlib.Path
    metrics: dict[str, Any] | None

    def summarise(self) -> dict[str, Any]:
        """Return the result in plain values, as for JSON."""
        config, metrics = self.best_config, self.metrics or {}
        return {
            "folder": str(self.folder),
            "ended_by": self.ended_by,
            "trials": len(self.trials),
            "failed": int((self.trials["status"] != "ok").sum()) if len(self.trials) else 0,
            "objective": self.objective,
            "best_trial": self.best_trial,
            "best_score": self.best_score,
            "best_config": config and runs.plain(dataclasses.asdict(config)),
            "run": metrics.get("folder"),
            "test": metrics.get("test"),
            "test_of_defaults": metrics.get("baselines", {}).get("defaults"),
        }


def search(options: Options) -> Search:
    """Run a search, or continue one, and refit its best point.

    Raises:
        InputError: If the options cannot work.
        RunError: If the first trial fails, or writing does.
    """
    spec, store = _resume(options.resume, options) if options.resume else _begin(options)
    try:
        progress = report.Progress(spec, store, options)
        progress.announce()
        reason = _run_or_advise(spec, store, options, progress)
        return _finish(spec, store, progress, reason)
    except InputError:
        if not (store.trials or store.running):  # it never began
            store.discard()
        raise
    finally:
        store.close()


def _begin(options: Options) -> tuple[SearchSpec, Store]:
    """Check everything that can be checked before the first trial, then make the folder."""
    spec = SearchSpec.begin(options)
    _warn_of_other_defaults(spec)
    name = f"{spec.name}-{spec.tuner}"
    folder = options.out or files.next_folder(pathlib.Path("searches"), name)
    data = spec.data
    if data.source.kind == "built-in":
        print(data.source.note)
    if not options.quiet:
        runs.describe_own_data(kinds.of(data), spec.problem, data, spec.defaults)
    if spec.folds:
        try:
            data.validation_folds(spec.folds, spec.seed)
        except ValueError as error:
            raise InputError(f"--folds: {error}") from error
        if data.in_time and not options.quiet:
            print("folds are in the order of time: validation rows are later than training rows")
    fingerprint = spec.fingerprint()
    check = checks.PreFlight(contract.ignored_checks(spec.module))
    training.prepare(spec.module, spec.defaults, data, check=check)
    return spec, Store.create(folder, dataclasses.asdict(spec), fingerprint)


def _warn_of_other_defaults(spec: SearchSpec) -> None:
    """Log where the space's defaults, which trial 0 tries, are not those of the recipe's Config."""
    drawn = contract.search_space(spec.module, keras_tuner.HyperParameters())
    own, space = dataclasses.asdict(spec.module.Config()), dataclasses.asdict(drawn)
    if others := [f"{n} {value}, not {own[n]}" for n, value in space.items() if value != own[n]]:
        _log.warning(
            "%s: the default of search_space is %s as in Config(), so trial 0 does not use the "
            "defaults of the recipe; use the same default= in hp",
            *(spec.name, ", ".join(others)),
        )


def _resume(folder: pathlib.Path, options: Options) -> tuple[SearchSpec, Store]:
    """Open a search, and refuse to continue it as another one, or where code or data changed."""
    store = Store(folder)
    try:
        refit.read_metrics(folder)  # raises now what it would raise after the trials
        try:
            spec, before = SearchSpec(**store.description["spec"]), store.description["fingerprint"]
            _check_options(spec, options)
            if options.trials and options.trials < len(store.trials):
                raise InputError(
                    f"--trials: received {options.trials}, but {len(store.trials)} trials have "
                    "ended already; use at least this number, or remove the flag"
                )
            spec = dataclasses.replace(spec, trials=options.trials or spec.trials)
            spec.check()
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder}/search.json is damaged: {error!r}") from error
        if differences := fingerprints.find_differences(before, spec.fingerprint()):
            raise InputError(
                f"{folder} cannot be resumed, since its trials would not be comparable: "
                f"{'; '.join(differences)}. Undo the change, or start a new search"
            )
        store.change(spec=dataclasses.asdict(spec))
    except BaseException:
        store.close()
        raise
    return spec, store


def _check_options(spec: SearchSpec, options: Options) -> None:
    """Refuse options that contradict the spec; the number of trials alone may change."""
    had = {**dataclasses.asdict(spec), "objective": spec.objective}
    given = {name: v for name, v in dataclasses.asdict(options).items() if name in had}
    if options.objective == spec.monitor:
        given["objective"] = had["objective"]
    for name, value in {**given, **options.fixed(options.seed)}.items():
        before = {**had, **spec.fixed}.get(name)
        if name != "trials" and value is not None and value != before:
            raise InputError(
                f"{flag(name)}: the search in {options.resume} has {before}, "
                f"received {value}; remove it, or start a new search"
            )


def _run_or_advise(
    spec: SearchSpec, store: Store, options: Options, progress: report.Progress
) -> str:
    """Run trials; an error that cuts them off says what is kept and which command continues."""
    try:
        return _run(spec, store, options, progress)
    except (RunError, KeyboardInterrupt) as error:
        begun = store.folder.exists() and (store.trials or store.running)
        if not begun or "--resume" in str(error):
            raise
        way = f"continue by: {resume_command(store.folder, options.places)}"
        if isinstance(error, KeyboardInterrupt):
            kept = f"what had ended is kept, {summary.count(len(store.trials), 'trial')}; {way}"
            raise KeyboardInterrupt(kept) from error
        raise RunError(f"{error}; {way}") from error


def _run(spec: SearchSpec, store: Store, options: Options, progress: report.Progress) -> str:
    """Run trials until there is a reason to end, and return it."""
    known = sorted([*store.trials, *store.running], key=lambda trial: trial.number)

    def begin(trial: records.Trial) -> None:
        if options.is_shared:  # else it is proposed again in the same way
            store.begin(trial)
        progress.begin(trial)
        beat = _score_to_beat(store.trials, spec.direction, options.keep)
        runner.submit(trials.Job(spec, trial.number, trial.values, options.verbose, beat))

    def wait() -> workers.Result | None:
        with progress.waiting():
            return runner.wait()

    def keep(trial: records.Trial, model: bytes | None) -> None:
        _stop_if_first_fails(trial, store, options.verbose)
        store.add(trial, model)
        ranked = records.rank(store.trials, spec.direction)
        store.keep_models([best.number for best in ranked[: options.keep]])
        progress.show(trial)
        if options.tensorboard:
            tensorboard.write(store.folder / "tensorboard", trial)

    with _make_runner(spec, store, options) as runner:
        progress.count_places = runner.count_places
        return loop.run_trials(
            spec.make_oracle(),
            known,
            begin,
            wait,
            keep,
            is_over=_limits(store, options),
            count_places=runner.count_places,
        )


def _make_runner(
    spec: SearchSpec, store: Store, options: Options
) -> AbstractContextManager[workers.Runner]:
    """Return what the trials run on."""
    if options.is_shared:
        from tuning.workers import cluster  # Dask need not be installed otherwise

        return cluster.connect(spec, store, options)
    return workers.alone(options.limits, store.description["fingerprint"]["code"])


def _limits(store: Store, options: Options) -> Callable[[], str | None]:
    """Return a function that returns, before each trial, why none is to be begun any more."""
    num_before, end = len(store.trials), time.monotonic() + seconds(options.max_time)

    def is_over() -> str | None:
        # One trial is run in any case: a search without a result helps nobody.
        if len(store.trials) == num_before:
            return None
        if time.monotonic() >= end:
            return f"--max-time {options.max_time}"
        if options.is_shared or options.isolate:  # then the process is exchanged, not the search
            return None
        last = max(store.trials, key=lambda trial: trial.ended_as)
        ended = workers.holds_too_much(last, options.limits)
        return f"--max-memory {options.max_memory}" if ended else None

    return is_over


def _score_to_beat(finished: list[records.Trial], direction: str, keep: int) -> float:
    """Return the score that a trial has to beat for its model to be kept."""
    worst = float("inf") if direction == "min" else float("-inf")
    if keep == 0:
        return -worst
    ranked = records.rank(finished, direction)
    return worst if len(ranked) < keep else ranked[keep - 1].score


def _stop_if_first_fails(trial: records.Trial, store: Store, is_verbose: bool) -> None:
    """A first trial that fails is nearly always a mistake that all others share.

    It is not where one of those has ended well before, as may be with several workers.
    """
    if trial.number == 0 and not trial.is_ok and not any(other.is_ok for other in store.trials):
        store.discard()
        if is_verbose:
            print(trial.traceback, file=sys.stderr)
        kept = "nothing was kept" if store.is_new else f"{store.folder} is as it was"
        advice = (
            "; use a longer --trial-timeout, or fewer --epochs" if trial.status == "timeout" else ""
        )
        raise RunError(
            f"trial 0, the recipe's defaults, failed ({trial.status}): {trial.error}; "
            f"{kept}{advice}"
        )


def _finish(spec: SearchSpec, store: Store, progress: report.Progress, reason: str) -> Search:
    """Write the tables, say how it ended, refit the best point."""
    ranked = records.rank(store.trials, spec.direction)
    with interrupts.held_back("writing tables and picture; Ctrl-C again gives them up"):
        store.write_tables()
        if ranked:
            with store.faults():
                plots.draw(store.folder / "search.png", spec, store.trials)
    progress.end(reason)
    best, metrics = ranked[0] if ranked else None, None
    if best:
        progress.summarise(ranked)
        if reason != loop.INTERRUPTED:
            reason, metrics = _refit(spec, store, progress, best, reason)
        with store.faults():
            page.write(store.folder, spec, store.trials, metrics)
    return Search(
        trials=records.tabulate(store.trials),
        objective=spec.objective,
        best_config=spec.make_config(best.values) if best else None,
        best_score=best.score if best else None,
        best_trial=best.number if best else None,
        ended_by=reason,
        folder=store.folder,
        metrics=metrics,
    )


def _refit(
    spec: SearchSpec, store: Store, progress: report.Progress, best: records.Trial, reason: str
) -> tuple[str, dict[str, Any] | None]:
    """Refit the best point; return the reason for the search's end, and the new model's metrics."""
    try:
        progress.say(f"refitting trial {best.number} on training and validation rows")
        with store.faults():
            metrics = refit.refit(spec, best, store.trials[0], store.folder)
        progress.show_refit(metrics, best)
        return reason, metrics
    except KeyboardInterrupt:
        progress.end("interrupted during the refit of the best trial")
        return loop.INTERRUPTED, None
    except NotFiniteError as error:
        raise RunError(
            f"all trials are in {store.folder}, but trial {best.number} could not be refitted "
            f"on training and validation rows: {error}"
        ) from error
