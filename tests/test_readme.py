"""README's commands: each is real, and its flags are those of the program."""

import functools
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md")
PLACEHOLDERS = ("NAME", "path/to/my_recipe.py", "my_script.py:build_model")
PLACEHOLDERS += ("data.csv", "runs/tabular-1")  # test_tabular.py does these


def commands():
    """Every `python -m …` in a bash block, without its comment, as a list of words."""
    for page in PAGES:
        blocks = re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
        for command in re.findall(r"python -m ([^#&\n]+)", "\n".join(blocks)):
            yield shlex.split(command)


def python(*words, cwd=ROOT, **settings):
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=cwd, capture_output=True, text=True, **settings
    )


@functools.cache
def help_of(*program):
    done = python(*program, "--help", timeout=60, check=True)
    return done.stdout


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_a_command_exists_and_has_its_flags(words):
    module, *rest = words
    if module in ("venv", "pytest"):
        return
    has_subcommand = module == "recipes" or rest[:1] == ["compare"]
    text = help_of(module, *(rest[:1] if has_subcommand else []))
    flags = [word for word in rest if word.startswith("-")]
    assert [flag for flag in flags if not re.search(rf"{flag}\b", text)] == []


@pytest.mark.slow
def test_every_command_runs_in_order(tmp_path):
    """In a copy of the repository, one after another, as a reader would."""
    ignore = shutil.ignore_patterns(".git", ".venv", "runs", "searches", "*cache*")
    shutil.copytree(ROOT, tmp_path / "here", ignore=ignore)
    for words in commands():
        if words[0] in ("venv", "pytest", "benchmarks.recipes") or set(words) & set(PLACEHOLDERS):
            continue
        if words[:2] == ["recipes", "predict"]:
            program = "from recipes import breast_cancer as r; "
            program += "r.load_data(r.Config()).test.x.to_csv('new.csv', index=False)"
            subprocess.run([sys.executable, "-c", program], cwd=tmp_path / "here", check=True)
        done = python(*words, cwd=tmp_path / "here", timeout=900, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def result(name):
    return json.loads((ROOT / "recipes" / "results" / f"{name}.json").read_text("utf-8"))


def test_figures_of_speed_are_those_of_the_records():
    readme = (ROOT / "README.md").read_text("utf-8")
    for network in result("epochs")["networks"].values():
        seconds = network["seconds_of_an_epoch"]
        figures = (f"{seconds[who]['median']:.3g}" for who in ("stock", "ours"))
        stock, ours = (float(figure) for figure in figures)
        digits = 2 if stock < 10 else 1
        row = f"| {stock:.{digits}f} s | {ours:.{digits}f} s | {network['ratio']['median']:.1f} |"
        assert row in readme
    tutorial = result("tutorial")
    cells = [
        f"{contestant['seconds']['mean']:.1f} s, accuracy {contestant['accuracy']['mean']:.3f}"
        for contestant in tutorial["contestants"].values()
    ]
    assert f"| {cells[0]} | {cells[1]} | {tutorial['ratio']['mean']:.1f} |" in readme
    longer = tutorial["contestants"]["ours, longer"]
    ends = f"ends at {longer['accuracy']['mean']:.3f} after {longer['seconds']['mean']:.1f} s"
    assert ends in readme
    dense, convolution = (f"{one['seconds']['mean']:.1f} s" for one in result("race").values())
    assert f"`fmnist` takes {dense} and `fmnist_cnn` {convolution}" in readme
    assert all(one["seeds_that_reach_it"] == 5 for one in result("race").values())


def test_figures_of_workers_are_those_of_the_record():
    short, wide = (result("workers")[f"speed {name}"] for name in ("breast_cancer", "fmnist"))
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"took {short['ratio']['median']:.2f} of the time of one over 60 short" in readme
    assert f"and {wide['ratio']['median']:.2f} over 12 of `fmnist`" in readme
    kills = result("workers")["kills"]
    told = f"{kills['worker_kills']} kills of workers and {kills['driver_kills']} of the search"
    assert told in readme
    assert (kills["same"], kills["processes_left"]) == (True, 0)


def test_the_limits_of_the_design_are_those_of_the_record():
    guide = " ".join((ROOT / "tuning/deploy/README.md").read_text("utf-8").split())
    random, bayesian = (result("workers")[f"scale {tuner}"] for tuner in ("random", "bayesian"))
    rate = f"{random['trials']:,} trials at {random['trials_a_second']:.0f} a second"
    assert f"{rate}, and the driver grew by {random['driver_mb_added']:.0f} MB" in guide
    last = bayesian["proposal_seconds_of_last_ten"]
    assert f"{last:.1f} s after {bayesian['trials']}" in guide


FUNCTIONS = ("branin 30", "hartmann 30", "mixed 30")


def test_figures_of_searches_are_those_of_the_record():
    readme = (ROOT / "README.md").read_text("utf-8")
    trials, proposal = (result("searches")[part] for part in ("trials", "seconds"))
    seconds = [f"{trials[who]['seconds']:.1f} s" for who in ("stock", "ours")]
    assert f"| {' | '.join(seconds)} | {trials['ratio']} |" in readme
    memory = [f"{trials[who]['memory_mb_per_trial']:.2f}" for who in ("stock", "ours")]
    assert f"| {' | '.join(memory)} |" in readme
    seconds = [f"{proposal[who]['median']:.2g} s" for who in ("stock", "ours")]
    assert f"| {' | '.join(seconds)} | {proposal['ratio']} |" in readme
    for lowest in map(result("searches")["proposals"]["best"].get, FUNCTIONS):
        means = [f"{lowest[who]['mean']:.3f}" for who in ("stock", "ours")]
        assert f"| {' | '.join(means)} | |" in readme


def test_figures_of_tables_are_those_of_the_record():
    scores = result("tables")["housing"]["scores"]
    network, boosting = (
        f"{scores[name]['mean']:.0f} ± {scores[name]['std']:.0f}"
        for name in ("network", "gradient_boosting")
    )
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"RMSE {network} against {boosting} of gradient boosting" in readme
    scores = result("tables")["titanic"]["scores"]
    network, boosting, linear = (
        f"{scores[name]['mean']:.3f}"
        for name in ("network", "gradient_boosting", "logistic_regression")
    )
    assert f"accuracy {network} against {boosting} and {linear} of logistic regression" in readme
    size = result("tables")["size"]
    told = f"in {size['seconds']:.0f} s and {size['memory_gb']:.1f} GB, {size['ratio']:.1f} times"
    assert told in " ".join(readme.split())


def test_searches_were_killed_as_often_as_it_says():
    found = result("interruptions")
    assert {len(name.split()) for name in found} == {2}
    assert len(found) == 4 * 3
    assert all(each["same"] and each["kills"] == 20 for each in found.values())
