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
from datasets import fashion_mnist
from keras_recipes.console import command_line, terminal
from keras_recipes.runs import run as runs


@dataclasses.dataclass(frozen=True)
class Measure:
    """How often to measure."""

    quick: bool = False
    """One round of each that counts, in about ten minutes, in the place of five."""


def main() -> None:
    """Measure all ratios and print them."""
    with command_line.errors_as_lines():
        (wanted,) = command_line.parse("python -m benchmarks.all", __doc__, measure=Measure)
        start, rounds = time.monotonic(), 1 if wanted.quick else 5
        splits = fashion_mnist.load()
        if splits.source.kind != "real":
            print(runs.synthetic_warning(splits.source))
        rows = splits.merge_validation().train
        recorded = publish.record("epochs") or {}
        table = Table("training", "ratio to Keras", "recorded", box=None, pad_edge=False)
        for name in epochs.NETWORKS:
            found = epochs.measure(name, rows.x, rows.y, epochs.Measure(rounds=rounds, peers=False))
            before = recorded.get("networks", {}).get(name, {}).get("ratio", {}).get("median")
            table.add_row(publish.NETWORKS[name], *_shown(found["ratio"]["median"], before))
        found = searches.measure_trials(60, 5, rounds=1 if wanted.quick else 3)
        before = (publish.record("searches") or {}).get("trials", {}).get("ratio")
        table.add_row("60 random trials of breast_cancer", *_shown(found["ratio"], before))
        terminal.print_table(table)
        print(f"{runs.describe_machine()['cpu']}, {time.monotonic() - start:.0f} s in all")


def _shown(*ratios: float | None) -> list[str]:
    return ["" if ratio is None else f"{ratio:.1f}" for ratio in ratios]


if __name__ == "__main__":
    main()
