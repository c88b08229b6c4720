"""A search from its options to its refit model."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
import time
from collections.abc import Callable, Iterator

import pandas as pd

from keras_recipes import checks, recipe as contract, training
from keras_recipes.configs import Config
from keras_recipes.console import files, interrupts
from keras_recipes.errors import InputError, NotFiniteError, RunError
from keras_recipes.runs import run as runs
from tuning import loop, plans
from tuning.options import Options, seconds
from tuning.report import plots, report, tensorboard
from tuning.trials import records, refit, trials
from tuning.trials.storage import Store, resume_command
from tuning.workers import workers

# Options that a resumed search may be given anew; all others are part of what it is.
CHANGEABLE = (
    *("trials", "max_time", "max_memory", "keep", "isolate", "resume"),
    *("workers", "trial_timeout", "scheduler", "tls_ca", "tls_cert", "tls_key"),
    *("tensorboard", "verbose", "quiet", "json", "yes"),
)


@dataclasses.dataclass(frozen=True)
class Search:
    """What came of a search.

    Attributes:
        trials: One row for each trial, as in trials.csv.
        objective: What was searched for, such as val_auc.
        best_config: The Config of the best trial.
        best_score: Its score on the validation part: optimistic, since it is the best of many.
        best_trial: Its number.
        ended_by: The reason for the end.
        folder: Of the search.
        metrics: Of the model that was trained anew with the best Config, its test scores among
            them; None after Ctrl-C.
    """

    trials: pd.DataFrame
    objective: str
    best_config: Config | None
    best_score: float | None
    best_trial: int | None
    ended_by: str
    folder: pathlib.Path
    metrics: dict | None

    def summarise(self) -> dict:
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
        }


def search(options: Options) -> Search:
    """Run a search, or continue one, and refit its best point.

    Raises:
        InputError: If the options cannot work.
        RunError: If the first trial fails, or writing does.
    """
    plan, store = _resume(options) if options.resume else _begin(options)
    try:
        progress = report.Progress(plan, store, options)
        progress.announce()
        reason = _run_or_say_how_to_go_on(plan, store, options, progress)
        return _finish(plan, store, progress, reason)
    except InputError:
        if not (store.trials or store.running):  # it never began
            store.discard()
        raise
    finally:
        store.close()


def _begin(options: Options) -> tuple[plans.Plan, Store]:
    """Check everything that can be checked before the first trial, then make the folder."""
    plan = plans.begin(options)
    name = contract.name_of(plan.recipe)
    folder = options.out or files.next_folder(
        pathlib.Path("searches"), f"{name}-{plan.settings.tuner}"
    )
    splits = trials.load_data(plan.settings.recipe, plan.defaults)
    if splits.source.kind == "built-in":
        print(runs.synthetic_warning(splits.source))
    if not options.quiet:
        runs.describe_table(plan.problem, splits, plan.defaults)
    if plan.settings.folds:
        _check_folds(plan, splits)
        if splits.in_time and not options.quiet:
            print("folds in the order of time: each validates on rows after those it learns from")
    fingerprint = plan.fingerprint()
    check = checks.PreFlight(contract.ignored_checks(plan.recipe))
    training.prepare(plan.recipe, plan.defaults, splits, check=check)
    settings = dataclasses.asdict(plan.settings)
    return plan, Store.create(folder, {"settings": settings, **fingerprint})


def _check_folds(plan: plans.Plan, splits) -> None:
    try:
        splits.validation_folds(plan.settings.folds, plan.settings.seed)
    except ValueError as error:
        raise InputError(f"--folds: {error}") from error


def _resume(options: Options) -> tuple[plans.Plan, Store]:
    """Open a search, and refuse to continue it as another one."""
    store = Store(options.resume)
    try:
        plan = _same_plan(store, options)
        store.change(settings=dataclasses.asdict(plan.settings))
    except BaseException:
        store.close()
        raise
    return plan, store


def _same_plan(store: Store, options: Options) -> plans.Plan:
    """Return the plan of a search that was begun, after a look at what may have changed since."""
    try:
        settings = plans.Settings(**store.description["settings"])
        _check_told(options, settings)
        num_trials = options.trials or settings.trials
        plan = plans.resolve(dataclasses.replace(settings, trials=num_trials))
    except (KeyError, TypeError) as error:
        raise InputError(f"{store.folder}/search.json is damaged: {error!r}") from error
    before = {k: v for k, v in store.description.items() if k not in ("settings", "format")}
    if differences := plans.find_differences(before, plan.fingerprint()):
        raise InputError(
            f"{store.folder} cannot be resumed, since its trials would not be comparable: "
            f"{'; '.join(differences)}. Undo the change, or begin a new search"
        )
    return plan


def _check_told(options: Options, settings: plans.Settings) -> None:
    """Refuse options that contradict what the search was begun with."""
    told = dataclasses.asdict(settings)
    told["objective"] = f"val_{settings.monitor}"
    given = {name: v for name, v in dataclasses.asdict(options).items() if name in told}
    given |= plans.plain(options.told())
    for name, value in given.items():
        if name in CHANGEABLE or value is None:
            continue
        if name == "objective" and value == settings.monitor:
            continue
        if name == "data_dir":
            value = str(value.resolve())
        had = {**told, **settings.table}.get(name)
        if value != had:
            raise InputError(
                f"--{name.replace('_', '-')}: the search in {options.resume} has {had}, received "
                f"{value}; leave it away, or begin a new search"
            )


def _run_or_say_how_to_go_on(plan, store: Store, options: Options, progress) -> str:
    """Run trials; what cuts them off says what is kept and which command continues."""
    try:
        return _run(plan, store, options, progress)
    except (RunError, KeyboardInterrupt) as error:
        begun = store.folder.exists() and (store.trials or store.running)
        if not begun or "--resume" in str(error):
            raise
        way = f"continue by: {resume_command(store.folder, options.places)}"
        if isinstance(error, KeyboardInterrupt):
            kept = f"what had ended is kept, {len(store.trials)} trials; {way}"
            raise KeyboardInterrupt(kept) from error
        raise RunError(f"{error}; {way}") from error


def _run(plan: plans.Plan, store: Store, options: Options, progress: report.Progress) -> str:
    """Run trials until there is a reason to end, and give it."""
    logs = tensorboard.Logs(store.folder, plan) if options.tensorboard else None
    known = sorted([*store.trials, *store.running], key=lambda trial: trial.number)

    def begin(trial: records.Trial) -> None:
        if options.is_shared:  # else it is proposed again in the same way
            store.begin(trial)
        progress.begin(trial)
        runner.submit(_make_task(plan, store, options, trial))

    def wait() -> workers.Result | None:
        with progress.waiting():
            return runner.wait()

    def keep(trial: records.Trial, model: bytes | None) -> None:
        _stop_if_first_fails(trial, store, options.verbose)
        store.add(trial, model)
        store.keep_models(_best_numbers(plan, store, options.keep))
        progress.show(trial)
        if logs:
            logs.write(trial)

    with _make_runner(plan, store, options) as runner:
        progress.count_places = runner.count_places
        ways = {"is_over": _limits(store, options), "count_places": runner.count_places}
        return loop.run_trials(plan.make_oracle(), known, begin, wait, keep, **ways)


@contextlib.contextmanager
def _make_runner(plan, store: Store, options: Options) -> Iterator[workers.Runner]:
    """Yield what the trials run on."""
    if options.is_shared:
        from tuning.workers import cluster  # Dask need not be installed otherwise

        with cluster.gather(plan, store, options) as runner:
            yield runner
        return
    timeout = options.trial_timeout and seconds(options.trial_timeout)
    limits = {"timeout": timeout, "max_memory": options.max_memory}
    with workers.runner(options.isolate, store.description["code"], **limits) as run_task:
        yield workers.Alone(run_task)


def _make_task(plan, store: Store, options: Options, trial: records.Trial) -> trials.Task:
    """Make a trial's task; its model is wanted where it beats those that are kept now."""
    beat = _score_to_beat(store.trials, plan.settings.direction, options.keep)
    task = plan.make_task(trial.number, trial.values)
    return dataclasses.replace(task, score_to_beat=beat, is_verbose=options.verbose)


def _limits(store: Store, options: Options) -> Callable[[], str | None]:
    """Return what tells, before each trial, why none is to be begun any more."""
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
        ended = workers.holds_too_much(last, options.max_memory)
        return f"--max-memory {options.max_memory}" if ended else None

    return is_over


def _best_numbers(plan: plans.Plan, store: Store, keep: int) -> list[int]:
    ranked = records.rank(store.trials, plan.settings.direction)
    return [trial.number for trial in ranked[:keep]]


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
        advice = "; give it longer, or fewer --epochs" if trial.status == "timeout" else ""
        raise RunError(
            f"trial 0, the recipe's defaults, failed ({trial.status}): {trial.error}; "
            f"nothing was kept{advice}"
        )


def _finish(plan: plans.Plan, store: Store, progress: report.Progress, reason: str) -> Search:
    """Write the tables, say how it ended, refit the best point."""
    ranked = records.rank(store.trials, plan.settings.direction)
    _write(plan, store)
    progress.end(reason)
    metrics = None
    if ranked:
        progress.summarise(ranked)
        if reason != loop.INTERRUPTED:
            reason, metrics = _refit(plan, store, progress, ranked[0], reason)
    best = ranked[0] if ranked else None
    return Search(
        trials=records.tabulate(store.trials),
        objective=f"val_{plan.settings.monitor}",
        best_config=best and plan.make_config(best.values),
        best_score=best and best.score,
        best_trial=best and best.number,
        ended_by=reason,
        folder=store.folder,
        metrics=metrics,
    )


def _write(plan: plans.Plan, store: Store) -> None:
    """Write the tables and the picture."""
    with interrupts.held_back("writing tables and picture; Ctrl-C again gives them up"):
        store.write_tables()
        if any(trial.is_ok for trial in store.trials):
            with store.faults():
                plots.draw(store.folder / "search.png", plan, store.trials)


def _refit(plan, store, progress, best: records.Trial, reason: str) -> tuple[str, dict | None]:
    """Refit the best point; give the reason for the search's end, and the new model's metrics."""
    try:
        progress.announce_refit(best)
        with store.faults():
            metrics = refit.refit(plan, best, store.folder)
        progress.show_refit(metrics, best)
        return reason, metrics
    except KeyboardInterrupt:
        progress.end("interrupted while the best point was trained anew")
        return loop.INTERRUPTED, None
    except NotFiniteError as error:
        raise RunError(
            f"all trials are in {store.folder}, but trial {best.number} could not be trained anew "
            f"on training and validation rows: {error}"
        ) from error
