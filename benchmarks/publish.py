"""Write the recorded results into README, docs and the docstrings of the recipes.

Marks in a page show the place of a table, `<!-- results -->` to `<!-- /results -->`. The text
between them is replaced.

Run: python -m benchmarks.publish
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator

from keras_recipes import catalog, problems
from keras_recipes.console import files
from keras_recipes.errors import InputError
from keras_recipes.runs import scoring

OF_ANY_TABLE = "tabular"  # its record holds a result for each table, by benchmarks.tables
MARKED = re.compile(r"(<!-- ([\w-]+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
NETWORKS = {
    "dense": "784-128-10, batch size 32",
    "dropout": "the same with dropout",
    "normalised": "512-256, batch normalization and dropout, batch size 128",
    "convolutional": "small convolutional network, batch size 128",
    "gru": "GRU of 64 units over 100 embedded words, 4,000 rows, batch size 64",
    "lstm": "the same with an LSTM",
    "bidirectional": "the same with a bidirectional GRU",
}
# What a page in Korean writes in the place of a word of a table.
KOREAN = {
    "recipe": "레시피",
    "test score": "테스트 점수",
    "best baseline": "가장 좋은 베이스라인",
    "seconds": "초",
    "training": "학습",
    "here": "이 프로젝트",
    "ratio": "배율",
    "table": "표",
    "network": "신경망",
    "gradient boosting": "그레이디언트 부스팅",
    "linear model": "선형 모델",
    "work": "작업",
}


def record(name: str) -> dict | None:
    """Load a result record, or None where it has not been measured."""
    path = catalog.folder() / "results" / f"{name}.json"
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not a result record ({error}); measure again") from error


def describe_result(name: str) -> str:
    """Describe a recipe's measured result: metric, mean ± std, protocol, seconds, machine."""
    if name == OF_ANY_TABLE:
        return _describe_tables(record("tables") or {})
    found = record(name)
    if found is None:
        return "not measured"
    scores = found["test"][found["headline"]]
    seconds, cores = found["train_seconds"]["mean"], found["machine"]["cores"]
    others = (
        f"; {one['setting']} {_figure(one['test'][one['headline']])}" for one in _variants(name)
    )
    return (
        f"{_metric(found)} {_figure(scores)} ({found['protocol']}), "
        f"{seconds:.{0 if seconds >= 10 else 1}f} s on {cores} cores{''.join(others)}"
    )


def _describe_tables(parts: dict) -> str:
    """Describe in a few words what the recipe for any table has reached on some."""
    shown = []
    for name, found in parts.items():
        if "scores" in found:  # others hold time and memory
            seconds = found["seconds_of_a_training"]["median"]
            score = _short(found["scores"]["network"])
            cores = found["machine"]["cores"]
            shown.append(f"{name} {found['metric']} {score}, {seconds:.0f} s")
    return f"{'; '.join(shown)}, on {cores} cores" if shown else "not measured"


def _results(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield README's table of results: a recipe's score beside the best baseline's."""
    yield "recipe", "test score", "best baseline", "seconds"
    for name, found in _measured_recipes():
        if found.get("setting"):
            continue  # docs/results.md has it
        headline = found["headline"]
        sign = 1 if problems.direction(headline) == "max" else -1
        others = _others(found)
        best = max(others, key=lambda key: sign * others[key][headline]["mean"])
        yield (
            page.link(name),
            f"{_metric(found)} **{_figure(found['test'][headline])}**",
            _beside(found, best),
            f"{found['train_seconds']['mean']:.1f}",
        )


def _all_results(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield the whole table of results, every baseline and what others have published."""
    yield (
        "recipe",
        "test score",
        "baselines on the same rows",
        "published",
        "measured",
        "parameters",
        "seconds",
    )
    for name, found in _measured_recipes():
        yield (
            _named(page, name, found),
            f"{_metric(found)} **{_figure(found['test'][found['headline']])}**",
            "<br>".join(_beside(found, other) for other in _others(found)),
            catalog.read(name).published,
            found["protocol"],
            f"{found['parameters']:,}",
            f"{found['train_seconds']['mean']:.1f}",
        )


def _speed(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield seconds of an epoch, by Keras and here."""
    yield "training", "Keras", "here", "ratio"
    for name, network in _needed("epochs")["networks"].items():
        stock, ours = (network["seconds_of_an_epoch"][who]["median"] for who in ("stock", "ours"))
        yield NETWORKS[name], f"{stock:.3g} s", f"{ours:.2g} s", _ratio(network["ratio"]["median"])


def _speed_short(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield README's rows of speed: two networks' epochs, and a search."""
    header, dense, _, _, convolutional, *_ = _speed(page)
    _, trials, *_ = _searches(page)
    yield header
    yield f"epoch of Fashion-MNIST, {dense[0]}", *dense[1:]
    yield f"the same, {convolutional[0]}", *convolutional[1:]
    yield f"{trials[0]} (Keras Tuner's search)", *trials[1:]


def _tutorial(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield TensorFlow's tutorial as published and the same network trained here."""
    found = _needed("tutorial")
    yield "TensorFlow's tutorial", "epochs", "accuracy", "seconds"
    names = {
        "stock": "as published",
        "ours": "the same network here",
        "ours, longer": "the same network here, longer",
        "ours, shorter": "the same network here, shorter",
    }
    for who, contestant in found["contestants"].items():
        yield (
            names[who],
            str(contestant["epochs"]),
            f"{contestant['accuracy']['mean']:.4f} ± {contestant['accuracy']['std']:.4f}",
            f"{contestant['seconds']['mean']:.1f} ± {contestant['seconds']['std']:.1f}",
        )


def _race(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield seconds from the start of a process to an accuracy of 0.90 on Fashion-MNIST."""
    yield "recipe", "accuracy", "seconds", "seeds that reach 0.90"
    for name, found in _needed("race").items():
        yield (
            page.link(name),
            f"{found['accuracy']['mean']:.4f} ± {found['accuracy']['std']:.4f}",
            f"{found['seconds']['mean']:.1f} ± {found['seconds']['std']:.1f}",
            f"{found['seeds_that_reach_it']} of {len(found['seconds']['each'])}",
        )


def _tables(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield what the recipe for any table reached, beside its baselines on the same rows."""
    yield "table", "network", "gradient boosting", "linear model", "seconds"
    for name, found in _needed("tables").items():
        if "scores" not in found:
            continue
        scores = found["scores"]
        linear = scores.get("linear_regression", scores.get("logistic_regression"))
        yield (
            f"{name}, {found['metric']}",
            f"**{_short(scores['network'])}**",
            _short(scores["gradient_boosting"]),
            _short(linear),
            f"{found['seconds_of_a_training']['median']:.0f}",
        )


def _large_table(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield time and memory of one epoch on a large table."""
    size = _needed("tables")["size"]
    yield "rows", "columns", "seconds", "memory", "seconds of the training alone"
    yield (
        f"{size['rows']:,}",
        str(size["columns"]),
        f"{size['seconds']:.0f}",
        f"{size['memory_gb']:.1f} GB",
        f"{size['bare_seconds']:.0f}",
    )


def _searches(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield the searches here beside those of Keras Tuner."""
    parts = _needed("searches")
    trials, proposal = parts["trials"], parts["seconds"]
    yield "work", "Keras Tuner", "here", "ratio"
    yield (
        f"{trials['trials']} random trials of `breast_cancer`, {trials['epochs']} epochs each",
        *(f"{trials[who]['seconds']:.1f} s" for who in ("stock", "ours")),
        _ratio(trials["ratio"]),
    )
    yield (
        "growth of memory, MB per trial",
        *(f"{trials[who]['memory_mb_per_trial']:.2f}" for who in ("stock", "ours")),
        "",
    )
    yield (
        "Bayesian proposal after 100 trials, 6 hyperparameters",
        *(f"{proposal[who]['median']:.2g} s" for who in ("stock", "ours")),
        _ratio(proposal["ratio"]),
    )
    functions = {
        "branin 30": "lowest value in 30 Bayesian trials, 20 seeds: Branin (minimum 0.398)",
        "hartmann 30": "the same: Hartmann in 6 dimensions (minimum -3.322)",
        "mixed 30": "the same: layers, optimizers and learning rates mixed (minimum 0)",
    }
    for name, text in functions.items():
        lowest = parts["proposals"]["best"][name]
        yield text, *(f"{lowest[who]['mean']:.3f}" for who in ("stock", "ours")), ""


def _interruptions(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield how often searches were killed and resumed, and whether the result was the same."""
    yield "recipe and tuner", "trials", "kills", "same trials.csv as without kills"
    for name, found in _needed("interruptions").items():
        same = "yes" if found["same"] else "no"
        yield name, str(found["trials"]), str(found["kills"]), same


def _workers(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield the time of two workers beside one."""
    yield "search", "1 worker", "2 workers", "2 workers / 1 worker"
    for name, found in _needed("workers").items():
        if name.startswith("speed "):
            one, two = (f"{found['seconds'][number]['median']:.0f} s" for number in "12")
            recipe, _, trials, *_ = found["flags"]
            number = trials.removeprefix("--trials=")
            yield f"{number} trials of `{recipe}`", one, two, f"{found['ratio']['median']:.2f}"


def _many_workers(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield what one search can give to 200 workers."""
    yield "tuner", "trials", "trials per second", "seconds per proposal at the end", "memory"
    for tuner in ("random", "bayesian"):
        found = _needed("workers")[f"scale {tuner}"]
        yield (
            tuner,
            f"{found['trials']:,}",
            f"{found['trials_a_second']:.0f}",
            f"{found['proposal_seconds_of_last_ten']:.2g}",
            f"+{found['driver_mb_added']:.0f} MB",
        )


def _worker_kills(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield what was left after workers and searches were killed."""
    found = _needed("workers")["kills"]
    yield "kills of workers", "kills of the search", "same trials.csv", "processes left"
    same = "yes" if found["same"] else "no"
    kills = (str(found[f"{who}_kills"]) for who in ("worker", "driver"))
    yield *kills, same, str(found["processes_left"])


def _checks(page: Page) -> Iterator[tuple[str, ...]]:
    """Yield when a mistake is reported, by Keras and by the check."""
    yield from report_rows(_needed("checks")["reports"].values())


def report_rows(reports: Collection[dict]) -> Iterator[tuple[str, ...]]:
    """Yield how many mistakes were reported at each time, by Keras and by the check.

    Args:
        reports: For each mistake the time at which "stock" Keras and "ours" report it.
    """
    times = ("before", "during", "after", "never")
    yield f"{len(reports)} mistakes", "before training", "during", "after", "never"
    for who, key in (("Keras", "stock"), ("the check", "ours")):
        yield who, *(str(sum(one[key] == time for one in reports)) for time in times)


BLOCKS: dict[str, Callable[[Page], Iterable[tuple[str, ...]]]] = {
    "results": _results,
    "all-results": _all_results,
    "speed": _speed,
    "speed-short": _speed_short,
    "tutorial": _tutorial,
    "race": _race,
    "tables": _tables,
    "large-table": _large_table,
    "searches": _searches,
    "interruptions": _interruptions,
    "workers": _workers,
    "many-workers": _many_workers,
    "worker-kills": _worker_kills,
    "checks": _checks,
}


@dataclasses.dataclass(frozen=True)
class Page:
    """A page of documentation: its path below the repository's root."""

    path: pathlib.PurePosixPath

    @property
    def is_korean(self) -> bool:
        """Whether the page is in Korean."""
        return ".ko" in self.path.suffixes or "ko" in self.path.parts

    def link(self, recipe: str) -> str:
        """Return a link to a recipe's file."""
        return f"[`{recipe}`]({'../' * (len(self.path.parts) - 1)}recipes/{recipe}.py)"

    def block(self, name: str) -> str:
        """Return the table of a mark, in Markdown.

        Raises:
            InputError: If there is no such table.
        """
        if name not in BLOCKS:
            raise InputError(f"{self.path}: unknown mark {name!r}; one of {', '.join(BLOCKS)}")
        header, *rows = BLOCKS[name](self)
        lines = [header, *rows]
        if self.is_korean:
            lines = [tuple(KOREAN.get(cell, cell) for cell in line) for line in lines]
        return markdown(lines)

    def filled(self, text: str) -> str:
        """Return a page's text with every marked table as the records have it."""
        return MARKED.sub(lambda found: found[1] + self.block(found[2]) + found[3], text)


def markdown(lines: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown; the first line is its header."""
    header, *rows = lines
    every = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in every)


def pages() -> list[Page]:
    """Return the pages that may hold tables: README in each language, and docs."""
    root = catalog.folder().parent
    found = [*root.glob("README*.md"), *root.glob("docs/**/*.md")]
    return [Page(pathlib.PurePosixPath(path.relative_to(root).as_posix())) for path in found]


def publish() -> None:
    """Write the results on record into all pages and into the recipes' docstrings."""
    for name in catalog.recipe_names():
        path = catalog.folder() / f"{name}.py"
        source = path.read_text(encoding="utf-8")
        line = f"Result: {describe_result(name)}"
        files.write_text(path, re.sub(r"^Result: .*$", line, source, count=1, flags=re.MULTILINE))
    for page in pages():
        path = catalog.folder().parent / page.path
        text = path.read_text(encoding="utf-8")
        if (filled := page.filled(text)) != text:
            files.write_text(path, filled)


def _measured_recipes() -> Iterator[tuple[str, dict]]:
    """Yield a recipe's name and record, and the record of each setting that was measured too."""
    for name in catalog.recipe_names():
        if found := record(name):
            yield name, found
            for one in _variants(name):
                yield name, one


def _variants(name: str) -> Iterator[dict]:
    """Yield the records of a recipe with one of its settings turned on."""
    for path in sorted((catalog.folder() / "results").glob(f"{name}.*.json")):
        if found := record(path.stem):
            yield found


def _named(page: Page, name: str, found: dict) -> str:
    """Return a link to a recipe, with the setting that was turned on."""
    setting = found.get("setting")
    return page.link(name) + (f" `--{setting.replace('_', '-')}`" if setting else "")


def _needed(name: str) -> dict:
    found = record(name)
    if found is None:
        raise InputError(f"{name}: not measured; python -m benchmarks.{name} --record")
    return found


def _others(found: dict) -> dict:
    return {**found["baselines"], **found.get("peers", {})}


def _beside(found: dict, other: str) -> str:
    """Return another model's score, and whether the network is tied with it or worse."""
    verdict = found.get("better_than", {}).get(other, {}).get("verdict", "better")
    said = "" if verdict == "better" else f" ({verdict})"
    return f"{scoring.name_of(other)} {_figure(_others(found)[other][found['headline']])}{said}"


def _metric(found: dict) -> str:
    """Return the headline metric's name for people."""
    return scoring.NAMES.get(found["headline"], found["headline"])


def _figure(scores: dict) -> str:
    return scoring.with_spread(scores["mean"], scores["std"])


def _short(scores: dict) -> str:
    digits = 0 if scores["mean"] >= 1000 else 3
    return f"{scores['mean']:.{digits}f} ± {scores['std']:.{digits}f}"


def _ratio(value: float) -> str:
    return f"{value:.1f}"


if __name__ == "__main__":
    publish()
