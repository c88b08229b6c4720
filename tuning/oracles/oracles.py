"""The oracles: Keras Tuner's, without their known faults.

Each proposal depends on the seed and on the trials before it, on nothing else. So an oracle has no
state to be stored: fed the same trials again, it goes on as if it had never stopped.
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import trial as trial_module

from keras_recipes import problems
from keras_recipes.errors import InputError
from tuning.oracles import proposals, seeds, spaces

COMPLETED, FAILED, INVALID = "COMPLETED", "FAILED", "INVALID"
RUNNING, STOPPED, IDLE = "RUNNING", "STOPPED", "IDLE"
# A draw that hits a point which was run is repeated this often; then the points left are listed.
MAX_COLLISIONS = 100
MAX_LEFT = 10_000
# NumPy warns where every score of a trial is NaN; the trial's status says so.
_no_warning_of_nan = functools.partial(
    warnings.catch_warnings, action="ignore", category=RuntimeWarning
)


class SteadyOracle(keras_tuner.Oracle):
    """What the four oracles share: trial 0 is the defaults, and no point is run twice.

    Args:
        objective: A `keras_tuner.Objective` with its direction.
        max_trials: The search ends after this many; None sets no limit.
        seed: Any integer, 0 included; None draws one.
        hyperparameters: The space, where it is known beforehand.
        start: A point to be run next after the defaults; None for none.
        **settings: Further settings of the Keras Tuner oracle.

    Attributes:
        SETTINGS: The settings that this kind of oracle alone has.
        end_reason: Why the oracle stopped; None while it goes on.
    """

    SETTINGS: tuple[str, ...] = ()

    def __init__(self, objective=None, max_trials=None, seed=None, start=None, **settings):
        super().__init__(objective=objective, seed=seed, **settings)
        self.max_trials = max_trials
        self.start = start
        if seed is not None:
            self.seed = seed
        self.end_reason: str | None = None
        self._keys: dict[str, str] = {}  # of trials that have ended: writing them takes a while
        self._lock = threading.RLock()  # Keras Tuner's stays locked after an error

    def create_trial(self, tuner_id: str) -> trial_module.Trial:
        """Propose a trial; its status is STOPPED at the end, IDLE while others must end first."""
        with self._lock:
            if tuner_id in self.ongoing_trials:
                return self.ongoing_trials[tuner_id]
            if self._retry_queue:
                trial = self.trials[self._retry_queue.pop(0)]
                trial.metrics, trial.message = type(trial.metrics)(), None
                return self._start(tuner_id, trial)
            if self.max_trials and len(self.trials) >= self.max_trials:
                self.end_reason = "all trials run"
                return self._make_trial({}, STOPPED)
            response = self.populate_space(f"{len(self.trials):04d}")
            if response["status"] != RUNNING:
                return self._make_trial({}, response["status"])
            return self.begin_trial(tuner_id, response["values"])

    def begin_trial(self, tuner_id: str, values: dict) -> trial_module.Trial:
        """Begin a trial of a given point: a proposed one, or one that was run before."""
        with self._lock:
            trial = self._make_trial(values, RUNNING)
            self.trials[trial.trial_id] = trial
            self.start_order.append(trial.trial_id)
            return self._start(tuner_id, trial)

    def _make_trial(self, values: dict, status: str) -> trial_module.Trial:
        space = self.hyperparameters.copy()
        space.values = dict(values)
        return trial_module.Trial(space, f"{len(self.trials):04d}", status)

    def _start(self, tuner_id: str, trial: trial_module.Trial) -> trial_module.Trial:
        trial.status = RUNNING
        self.ongoing_trials[tuner_id] = trial
        self._save_trial(trial)
        self.save()
        self._display.on_trial_begin(trial)
        return trial

    def update_trial(self, trial_id: str, metrics: dict, step: int = 0) -> trial_module.Trial:
        """Take a trial's scores."""
        with self._lock:
            self._check_objective_found(metrics)
            trial = self.trials[trial_id]
            for name, value in metrics.items():
                if not trial.metrics.exists(name):
                    trial.metrics.register(name, direction=self._direction(name))
                with _no_warning_of_nan():
                    trial.metrics.update(name, value, step=step)
            self._save_trial(trial)
            return trial

    def _direction(self, metric: str) -> str:
        objectives = [self.objective, *getattr(self.objective, "objectives", [])]
        known = {objective.name: objective.direction for objective in objectives}
        return known.get(metric) or problems.direction(metric.removeprefix("val_"))

    def end_trial(self, trial: trial_module.Trial) -> None:
        """Take a trial's end: status COMPLETED, FAILED, or INVALID where it may be run again."""
        with self._lock:
            known = self.trials[trial.trial_id]
            known.hyperparameters = trial.hyperparameters
            known.status, known.message = trial.status, trial.message
            self.update_space(known.hyperparameters)
            known.hyperparameters.ensure_active_values()
            if known.status == COMPLETED:
                with _no_warning_of_nan():
                    self.score_trial(known)
                if not math.isfinite(known.score):
                    known.status = INVALID
                    known.message = f"the score is {known.score}"
            self._run_times[known.trial_id] += 1
            if not self._retry(known):
                self.end_order.append(known.trial_id)
            self._save_trial(known)
            self._display.on_trial_end(known)
            for tuner_id, running in list(self.ongoing_trials.items()):
                if running.trial_id == known.trial_id:
                    del self.ongoing_trials[tuner_id]
            self.save()

    def update_space(self, hyperparameters: keras_tuner.HyperParameters) -> None:
        """Take hyperparameters that a build or a fit asks for into the space.

        Raises:
            InputError: If new ones are not allowed.
        """
        try:
            super().update_space(hyperparameters)
        except RuntimeError as error:
            known = {one.name for one in self.hyperparameters.space}
            new = sorted({one.name for one in hyperparameters.space} - known)
            raise InputError(
                f"allow_new_entries=False: the model asks for {', '.join(new)}, not among "
                "hyperparameters; add it there, or give tune_new_entries=False in its place, by "
                "which it keeps its default"
            ) from error

    def get_best_trials(self, num_trials: int = 1) -> list[trial_module.Trial]:
        """Return the best trials, best first; a failed one is never among them."""
        return sorted(self._completed(), key=self._loss)[:num_trials]

    def save(self) -> None:
        """Write the state where a tuner has given a folder."""
        if getattr(self, "_directory", None):
            super().save()

    def _save_trial(self, trial: trial_module.Trial) -> None:
        if getattr(self, "_directory", None):
            super()._save_trial(trial)

    def _completed(self) -> list[trial_module.Trial]:
        return [trial for trial in self.trials.values() if trial.status == COMPLETED]

    def _loss(self, trial: trial_module.Trial) -> float:
        """Return a completed trial's score so that lower is better."""
        return trial.score if self.objective.direction == "min" else -trial.score

    def _tried(self) -> set[str]:
        for name, trial in self.trials.items():
            if name not in self._keys and trial.status in (COMPLETED, FAILED):
                self._keys[name] = self._key(trial)
        others = (trial for name, trial in self.trials.items() if name not in self._keys)
        return {*self._keys.values(), *map(self._key, others)}

    def _key(self, trial: trial_module.Trial) -> str:
        """Write a trial's point: without what the space leaves at its default."""
        values = trial.hyperparameters.values
        if not self.tune_new_entries:
            tuned = {one.name for one in self.hyperparameters.space}
            values = {name: value for name, value in values.items() if name in tuned}
        return spaces.key(values)

    def _opening_values(self) -> dict | None:
        """Return the defaults first, then the point to start from; None after these."""
        if not self.trials:
            return spaces.defaults(self.hyperparameters)
        is_due = self.start is not None and spaces.key(self.start) not in self._tried()
        return self.start if is_due else None

    def _new_values(self) -> dict | None:
        """Return the opening points, then random ones; None where every point was run."""
        values = self._opening_values()
        return values if values is not None else self._fresh_values()

    def _fresh_values(self) -> dict | None:
        """Return a random point that was not run; None where there is none.

        A space whose every draw collides is nearly used up: what is left of it is listed.
        """
        tried = self._tried()
        generator = np.random.default_rng(seeds.derive("oracle", self.seed, len(self.trials)))
        for _ in range(MAX_COLLISIONS):
            values = spaces.draw(self.hyperparameters, generator)
            if spaces.key(values) not in tried:
                return values
        everything = spaces.points(self.hyperparameters)
        untried = (values for values in everything if spaces.key(values) not in tried)
        left = list(itertools.islice(untried, MAX_LEFT))
        return left[generator.integers(len(left))] if left else None

    def _run(self, values: dict | None) -> dict:
        """Answer with a point, or with the end where there is none."""
        if values is not None:
            return {"status": RUNNING, "values": values}
        self.end_reason = f"space used up: all of its {len(self._tried())} points were run"
        return {"status": STOPPED}


class GridOracle(SteadyOracle):
    """Visits every point of the grid once, after the defaults."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self._points: Iterator[dict[str, Any]] = iter(())
        self._size_of_space = 0

    def populate_space(self, trial_id: str) -> dict:
        """Propose the next point in order that was not run."""
        if (values := self._opening_values()) is not None:
            return self._run(values)
        if self._size_of_space != len(self.hyperparameters.space):  # a build asked for more
            self._size_of_space = len(self.hyperparameters.space)
            self._points = spaces.points(self.hyperparameters)
        tried = self._tried()
        for values in self._points:
            if spaces.key(values) not in tried:
                return self._run(values)
        if self.ongoing_trials:  # one of them may yet ask for a new hyperparameter
            return {"status": IDLE}
        return self._run(None)


class RandomOracle(SteadyOracle, keras_tuner.oracles.RandomSearchOracle):
    """Draws points at random, without putting them back."""

    def populate_space(self, trial_id: str) -> dict:
        """Propose a random point that was not run."""
        return self._run(self._new_values())


class BayesianOracle(SteadyOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """Runs some points that fill the space evenly, then those that promise most by those before.

    Args:
        num_initial_points: Points of the first kind, the defaults among them; None chooses by the
            budget.
        alpha: Share of noise in the variance of the scores; None learns it from them.
        beta: Propose the point with the best confidence bound, so many standard deviations from
            the expected score; None proposes the point of the most expected improvement.
        **settings: As for `keras_tuner.oracles.BayesianOptimizationOracle`.
    """

    SETTINGS = ("num_initial_points", "alpha", "beta")

    def __init__(self, num_initial_points=None, alpha=None, beta=None, **settings):
        super().__init__(num_initial_points=num_initial_points, alpha=alpha, beta=beta, **settings)

    def populate_space(self, trial_id: str) -> dict:
        """Propose a point that was not run."""
        initial = self.num_initial_points or num_initial_points(
            self.hyperparameters, self.max_trials
        )
        values = self._opening_values()
        if values is None and len(self._completed()) >= initial:
            values = self._promising()
        elif values is None:
            number, seed = len(self.trials), seeds.derive("initial", self.seed)
            values = proposals.spread_out(self.hyperparameters, number, seed)
            if spaces.key(values) in self._tried():
                values = None
        return self._run(values if values is not None else self._fresh_values())

    def _promising(self) -> dict | None:
        """Return the most promising point. A failed trial counts as the worst that was scored."""
        ended = [trial for trial in self.trials.values() if trial.status in (COMPLETED, FAILED)]
        worst = max(map(self._loss, self._completed()))
        losses = [self._loss(t) if t.status == COMPLETED else worst for t in ended]
        running = [trial for trial in self.trials.values() if trial.status == RUNNING]
        return proposals.propose(
            self.hyperparameters,
            [trial.hyperparameters.values for trial in ended],
            np.array(losses),
            pending=[trial.hyperparameters.values for trial in running],
            is_tried=self._tried().__contains__,
            seed=seeds.derive("proposal", self.seed, len(self.trials)),
            noise=self.alpha,
            beta=self.beta,
        )


def num_initial_points(space: keras_tuner.HyperParameters, max_trials: int | None) -> int:
    """Choose how many random points a Bayesian search starts with.

    Keras Tuner takes 3 for each hyperparameter, so that a search of 20 trials over 7
    hyperparameters is a random one. Here they are a quarter of the budget at most, and 3 at least.
    """
    num_free = sum(not spaces.is_fixed(hyperparameter) for hyperparameter in space.space)
    wanted = 3 * max(num_free, 1)
    return max(3, min(wanted, max_trials // 4)) if max_trials else wanted


class HyperbandOracle(SteadyOracle, keras_tuner.oracles.HyperbandOracle):
    """Many points for few epochs, the better ones again for more, until the best run in full.

    A promoted point starts again from fresh weights: its score is then that of an ordinary
    training, learning-rate schedule included, and no weights need to be stored. Each start is a
    trial, and counts as one of max_trials.

    Source: Li et al. 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter
    Optimization", JMLR 18.

    Args:
        max_trials: The sweep over the brackets is repeated until so many have run; None runs
            `hyperband_iterations` sweeps.
        bracket_trials: Brackets of more trials are left out; by default max_trials.
        **settings: As for `keras_tuner.oracles.HyperbandOracle`.
    """

    SETTINGS = ("max_epochs", "factor", "hyperband_iterations")

    def __init__(self, max_trials=None, bracket_trials=None, hyperband_iterations=1, **settings):
        super().__init__(hyperband_iterations=hyperband_iterations, **settings)
        self.max_trials = max_trials
        sizes = [sum(size for size, _ in self._rungs(n)) for n in range(self._get_num_brackets())]
        limit = bracket_trials or max_trials or math.inf
        fitting = [number for number, size in enumerate(sizes) if size <= limit]
        # The most demanding bracket first: it sifts the most points.
        order = list(reversed(fitting or [0]))
        self.brackets = [self._rungs(number) for number in order]
        self._sizes = [sizes[number] for number in order]

    def _rungs(self, bracket: int) -> list[tuple[int, int]]:
        """Return number of trials and epochs of each rung of a bracket, by Keras Tuner's sizes."""
        return [
            (self._get_size(bracket, rung), self._get_epochs(bracket, rung))
            for rung in range(bracket + 1)
        ]

    def populate_space(self, trial_id: str) -> dict:
        """Propose the next trial of the first bracket that is not complete.

        Where that one waits for others to end, the next one begins, if all of it fits the trials.
        """
        sweeps = itertools.count() if self.max_trials else range(self.hyperband_iterations)
        places = ((sweep, number) for sweep in sweeps for number in range(len(self.brackets)))
        idle = None
        for sweep, number in places:
            if idle and not self._fits(sweep, number):
                return idle
            place = {"tuner/sweep": sweep, "tuner/bracket": number}
            response = self._next_in(self.brackets[number], place)
            if response and response["status"] != IDLE:
                return response
            idle = idle or response
        if idle:
            return idle
        self.end_reason = "all brackets run"
        return {"status": STOPPED}

    def _fits(self, sweep: int, number: int) -> bool:
        """Whether all brackets up to a place can be complete within the trials."""
        planned = sweep * sum(self._sizes) + sum(self._sizes[: number + 1])
        return self.max_trials is None or planned <= self.max_trials

    def _next_in(self, rungs: list[tuple[int, int]], place: dict) -> dict | None:
        """Answer for one bracket; None when it is complete."""
        above: list[trial_module.Trial] = []
        for rung, (size, epochs) in enumerate(rungs):
            own = {**place, "tuner/round": rung}
            here = [
                t for t in self.trials.values() if own.items() <= t.hyperparameters.values.items()
            ]
            values = None
            if len(here) < size:
                values = self._promoted(above, here) if rung else self._new_values()
            if values is not None:
                return self._run({**values, **own, "tuner/epochs": epochs})
            if any(trial.status == RUNNING for trial in here):
                return {"status": IDLE}
            if not here and rung == 0:
                return self._run(None)
            above = here
        return None

    def _promoted(self, above: list, here: list) -> dict | None:
        """Return the best point of the rung above that is not in this one; a failed one is not."""
        taken = {trial.hyperparameters.values["tuner/trial_id"] for trial in here}
        left = [t for t in above if t.status == COMPLETED and t.trial_id not in taken]
        if not left:
            return None
        best = min(left, key=self._loss)
        return {**best.hyperparameters.values, "tuner/trial_id": best.trial_id}


ORACLES = {
    "grid": GridOracle,
    "random": RandomOracle,
    "bayesian": BayesianOracle,
    "hyperband": HyperbandOracle,
}
