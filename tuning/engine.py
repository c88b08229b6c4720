"""A search from its options to its refit model."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable

import pandas as pd

from recipes.common import files, training
from recipes.common.configs import Config
from recipes.common.errors import InputError, RunError
from recipes.common.runs import name_of, stand_in_warning
from tuning import oracles, pictures, plans, records, refit, report, spaces, tensorboard, trials
from tuning.options import Options, seconds
from tuning.store import Store

INTERRUPTED = "interrupted by Ctrl-C"
# Options that a resumed search may be given anew; all others are part of what it is.
CHANGEABLE = ("trials", "max_time", "keep", "resume", "tensorboard", "quiet", "yes")


@dataclasses.dataclass(frozen=True)
class Search:
    """What came of a search.

    Attributes:
        trials: One row for each trial, as in trials.csv.
        best_config: The Config of the best trial.
        best_score: Its score on the validation part: optimistic, since it is the best of many.
        best_trial: Its number.
        ended_by: The reason for the end.
        folder: Of the search.
        metrics: Of the model that was trained anew with the best Config, its test scores among
            them; None after Ctrl-C.
    """

    trials: pd.DataFrame
    best_config: Config | None
    best_score: float | None
    best_trial: int | None
    ended_by: str
    folder: pathlib.Path
    metrics: dict | None


def search(options: Options) -> Search:
    """Run a search, or continue one, and refit its best point.

    Raises:
        InputError: If the options cannot work.
        RunError: If the first trial fails, or writing does.
    """
    plan, store = _resume(options) if options.resume else _begin(options)
    try:
        return _run(plan, store, options)
    finally:
        store.close()


def _begin(options: Options) -> tuple[plans.Plan, Store]:
    """Check everything that can be checked before the first trial, then make the folder."""
    plan = plans.begin(options)
    name = name_of(plan.recipe)
    folder = options.out or files.next_folder(
        pathlib.Path("searches"), f"{name}-{plan.settings.tuner}"
    )
    splits = trials.load_data(plan.settings.recipe, plan.defaults)
    if splits.source.kind == "built-in":
        print(stand_in_warning(splits.source))
    training.prepare(plan.recipe, plan.defaults, splits)
    settings = dataclasses.asdict(plan.settings)
    return plan, Store.create(folder, {"settings": settings, **plan.fingerprint()})


def _resume(options: Options) -> tuple[plans.Plan, Store]:
    """Open a search, and refuse to continue it as another one."""
    store = Store(options.resume)
    try:
        settings = plans.Settings(**store.description["settings"])
        _check_told(options, settings)
        num_trials = options.trials or settings.trials
        plan = plans.resolve(dataclasses.replace(settings, trials=num_trials))
        before = {k: v for k, v in store.description.items() if k not in ("settings", "format")}
        if differences := plans.find_differences(before, plan.fingerprint()):
            raise InputError(
                f"{store.folder} cannot be resumed, since its trials would not be comparable: "
                f"{'; '.join(differences)}. Undo the change, or begin a new search"
            )
        store.change(settings=dataclasses.asdict(plan.settings))
    except (KeyError, TypeError) as error:
        raise InputError(f"{store.folder}/search.json is damaged: {error!r}") from error
    except BaseException:
        store.close()
        raise
    return plan, store


def _check_told(options: Options, settings: plans.Settings) -> None:
    """Refuse options that contradict what the search was begun with."""
    told = dataclasses.asdict(settings)
    told["objective"] = f"val_{settings.monitor}"
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name in CHANGEABLE or value is None or field.name not in told:
            continue
        if field.name == "objective" and value == settings.monitor:
            continue
        if field.name == "data_dir":
            value = str(value.resolve())
        if value != told[field.name]:
            raise InputError(
                f"--{field.name.replace('_', '-')}: the search in {options.resume} has "
                f"{told[field.name]}, received {value}; leave it away, or begin a new search"
            )


def _run(plan: plans.Plan, store: Store, options: Options) -> Search:
    progress = report.Progress(plan, store, quiet=options.quiet)
    progress.announce()
    logs = tensorboard.Logs(store.folder, plan) if options.tensorboard else None
    finished, end = list(store.trials), time.monotonic() + seconds(options.max_time)

    def run_one(number: int, values: dict) -> records.Trial:
        beat = _score_to_beat(store.trials, plan.settings.direction, options.keep)
        task = dataclasses.replace(plan.make_task(number, values), score_to_beat=beat)
        with progress.running(number, values):
            trial, model = trials.run(task)
        _stop_if_first_fails(trial, store)
        store.add(trial, model)
        store.keep_models(_best_numbers(plan, store, options.keep))
        progress.show(trial)
        if logs:
            logs.write(trial)
        return trial

    def is_over() -> str | None:
        # One trial is run in any case: a search without a result helps nobody.
        is_late = len(store.trials) > len(finished) and time.monotonic() >= end
        return f"--max-time {options.max_time}" if is_late else None

    reason = run_trials(plan.make_oracle(), finished, run_one, is_over)
    return _finish(plan, store, progress, reason)


def run_trials(
    oracle: oracles.SteadyOracle,
    finished: list[records.Trial],
    run_one: Callable[[int, dict], records.Trial],
    is_over: Callable[[], str | None] = lambda: None,
) -> str:
    """Feed an oracle the trials that have ended, then run what it proposes.

    Args:
        oracle: At its beginning.
        finished: Trials of the same search, in their order.
        run_one: Runs trial `number` with `values`, and puts it where it is safe.
        is_over: Gives a reason to stop before the next trial.

    Returns:
        The reason for the end.

    Raises:
        RunError: If the oracle no longer proposes what was run.
    """
    for trial in finished:
        proposal = oracle.create_trial("driver")
        proposed = dict(proposal.hyperparameters.values)
        if proposal.status != oracles.RUNNING or spaces.point_of(proposed) != trial.values:
            raise RunError(
                f"trial {trial.number} cannot be repeated in thought: the search ran "
                f"{trial.values}, and would now propose {proposed or 'nothing'}; begin a new search"
            )
        _tell(oracle, proposal, trial)
    try:
        while (reason := is_over()) is None:
            proposal = oracle.create_trial("driver")
            if proposal.status != oracles.RUNNING:
                return oracle.end_reason
            values = spaces.point_of(proposal.hyperparameters.values)
            _tell(oracle, proposal, run_one(int(proposal.trial_id), values))
    except KeyboardInterrupt:
        return INTERRUPTED
    return reason


def _tell(oracle: oracles.SteadyOracle, proposal, trial: records.Trial) -> None:
    if trial.is_ok:
        oracle.update_trial(proposal.trial_id, {oracle.objective.name: trial.score})
        proposal.status = oracles.COMPLETED
    else:
        proposal.status, proposal.message = oracles.FAILED, trial.error
    oracle.end_trial(proposal)


def _best_numbers(plan: plans.Plan, store: Store, keep: int) -> list[int]:
    ranked = records.rank(store.trials, plan.settings.direction)
    return [trial.number for trial in ranked[:keep]]


def _score_to_beat(finished: list[records.Trial], direction: str, keep: int) -> float:
    """Give the score that a trial has to beat for its model to be kept."""
    worst = float("inf") if direction == "min" else float("-inf")
    if keep == 0:
        return -worst
    ranked = records.rank(finished, direction)
    return worst if len(ranked) < keep else ranked[keep - 1].score


def _stop_if_first_fails(trial: records.Trial, store: Store) -> None:
    """A first trial that fails is nearly always a mistake that all others share."""
    if trial.number == 0 and not trial.is_ok:
        store.discard()
        raise RunError(
            f"trial 0, the recipe's defaults, failed ({trial.status}): {trial.error}; "
            "nothing was kept"
        )


def _finish(plan: plans.Plan, store: Store, progress: report.Progress, reason: str) -> Search:
    """Write the tables, say how it ended, refit the best point."""
    store.write_tables()
    progress.end(reason)
    ranked = records.rank(store.trials, plan.settings.direction)
    metrics = None
    if ranked:
        pictures.draw(store.folder / "search.png", plan, store.trials)
        progress.summarise(ranked)
    if ranked and reason != INTERRUPTED:
        metrics = refit.refit(plan, ranked[0], store.folder)
        progress.show_refit(metrics, ranked[0])
    best = ranked[0] if ranked else None
    fixed = plan.settings.fixed
    return Search(
        trials=records.tabulate(store.trials),
        best_config=best and trials.make_config(plan.recipe, best.values, fixed),
        best_score=best and best.score,
        best_trial=best and best.number,
        ended_by=reason,
        folder=store.folder,
        metrics=metrics,
    )
