"""A search whose trials run one after the other, without workers and without a folder."""

import dataclasses

from tuning import loop


def run_in_turn(oracle, known, run_one):
    """Run trials one at a time by `run_one(number, values)`; give the reason for the end."""
    begun = []
    known = [dataclasses.replace(t, begun_after=n, ended_as=n) for n, t in enumerate(known)]

    def wait():
        trial = begun.pop()
        return run_one(trial.number, trial.values), None

    return loop.run_trials(oracle, known, begun.append, wait, lambda *ended: None)
