"""The loop of a search: ask the oracle for trials, have them run, report their scores to it.

What an oracle proposes depends on the trials that have ended by then. With several workers that is
decided by who is faster; so each trial keeps how many had ended when it was proposed, and which
place it took in the order of ending. Fed all of that again, an oracle goes on as if it had never
stopped.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable

from keras_tuner.engine import trial as trial_module

from tuning.oracles import oracles, spaces
from tuning.trials import records

INTERRUPTED = "interrupted by Ctrl-C"


class LoopState:
    """The oracle's side of a search.

    Args:
        oracle: At its beginning.
        known: Trials of the same search that were begun, in the order of their numbers.
    """

    def __init__(self, oracle: oracles.SteadyOracle, known: list[records.Trial]):
        self.oracle, self._num_ended = oracle, 0
        self._proposals: dict[int, trial_module.Trial] = {}
        done = (trial for trial in known if not trial.is_running)
        ended = collections.deque(sorted(done, key=lambda trial: trial.ended_as))
        for trial in known:
            while ended and ended[0].ended_as < trial.begun_after:
                self.tell(ended.popleft())
            self._proposals[trial.number] = oracle.begin_trial(str(trial.number), trial.values)
        for trial in ended:
            self.tell(trial)
        self._left = collections.deque(trial for trial in known if trial.is_running)

    def propose(self) -> records.Trial | None:
        """Return the next trial, first those that a killed search had begun.

        Returns:
            None where other trials must end first, and at the end: the oracle has an end_reason.
        """
        if self._left:
            return self._left.popleft()
        proposal = self.oracle.create_trial(str(len(self.oracle.trials)))
        if proposal.status != oracles.RUNNING:
            return None
        number, values = int(proposal.trial_id), spaces.point_of(proposal.hyperparameters.values)
        self._proposals[number] = proposal
        return records.Trial(number, values, records.RUNNING, begun_after=self._num_ended)

    def place(self, trial: records.Trial, begun: records.Trial) -> records.Trial:
        """Return a trial that has ended with its place in the order of the search."""
        return dataclasses.replace(trial, begun_after=begun.begun_after, ended_as=self._num_ended)

    def tell(self, trial: records.Trial) -> None:
        """Report to the oracle a trial that has ended."""
        proposal = self._proposals.pop(trial.number)
        if trial.is_ok:
            self.oracle.update_trial(proposal.trial_id, {self.oracle.objective.name: trial.score})
            proposal.status = oracles.COMPLETED
        else:
            proposal.status, proposal.message = oracles.FAILED, trial.error
        self.oracle.end_trial(proposal)
        self._num_ended += 1


def run_trials(
    oracle: oracles.SteadyOracle,
    known: list[records.Trial],
    begin: Callable[[records.Trial], None],
    wait: Callable[[], tuple[records.Trial, bytes | None] | None],
    keep: Callable[[records.Trial, bytes | None], None],
    *,
    is_over: Callable[[], str | None] = lambda: None,
    count_places: Callable[[], int] = lambda: 1,
) -> str:
    """Go through the trials that are known, then run what the oracle proposes.

    Args:
        oracle: At its beginning.
        known: Trials of the same search that were begun, in the order of their numbers.
        begin: Has a trial run.
        wait: Returns a trial that has ended, and its model where it is to be kept; None where none
            has ended but there may be more places.
        keep: Stores both.
        is_over: Returns a reason to begin no further trial.
        count_places: Returns how many trials may run at a time.

    Returns:
        The reason for the end.
    """
    loop_state = LoopState(oracle, known)
    running: dict[int, records.Trial] = {}
    reason: str | None = None
    try:
        while True:
            while reason is None and len(running) < count_places():
                trial = loop_state.propose()
                reason = oracle.end_reason if trial is None else is_over()
                if trial is None or reason is not None:
                    break
                begin(trial)
                running[trial.number] = trial
            if not running:
                return str(reason)
            if (ended := wait()) is not None:
                trial = loop_state.place(ended[0], running.pop(ended[0].number))
                keep(trial, ended[1])
                loop_state.tell(trial)
    except KeyboardInterrupt:
        return INTERRUPTED
