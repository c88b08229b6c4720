"""Measure every ratio of README's speed again, and print it beside the recorded one.

Each is measured in alternation with Keras within this run, so that a slow or busy machine changes
the seconds and hardly the ratios.

Run: python -m benchmarks.all --quick
"""

from __future__ import annotations

import dataclasses
import time

from rich.table import Table

from benchmarks import epochs, publish, searches
from keras_recipes.console import command_line, terminal
from keras_recipes.runs import run as runs


@dataclasses.dataclass(frozen=True)
class Measure:
    """How often to measure."""

    quick: bool = False
    """One round of each that counts, in about ten minutes, in the place of several."""


def main() -> None:
    """Measure all ratios and print them."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.all", __doc__, measure=Measure)
        start = time.monotonic()
        of_epochs, of_trials = epochs.Measure(peers=False), searches.Measure()
        if wanted.quick:
            of_epochs, of_trials = (
                dataclasses.replace(one, rounds=1) for one in (of_epochs, of_trials)
            )
        rows = epochs.load_pictures().merge_validation().train
        recorded = publish.record("epochs") or {}
        table = Table("training", "ratio to Keras", "recorded", box=None, pad_edge=False)
        for name in epochs.NETWORKS:
            found = epochs.measure(name, rows.x, rows.y, of_epochs)
            before = recorded.get("networks", {}).get(name, {}).get("ratio", {}).get("median")
            table.add_row(publish.NETWORKS[name], *_shown(found["ratio"]["median"], before))
        found = searches.measure_trials(of_trials.trials, of_trials.epochs, rounds=of_trials.rounds)
        before = (publish.record("searches") or {}).get("trials", {}).get("ratio")
        table.add_row(
            f"{of_trials.trials} random trials of {searches.RECIPE}",
            *_shown(found["ratio"], before),
        )
        terminal.print_table(table)
        print(f"{runs.describe_machine()['cpu']}, {time.monotonic() - start:.0f} s in all")


def _shown(*ratios: float | None) -> list[str]:
    return ["" if ratio is None else f"{ratio:.1f}" for ratio in ratios]


if __name__ == "__main__":
    main()
