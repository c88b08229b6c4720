"""README's commands: each is real, and its flags are those of the program."""

import functools
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md")


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
        if words[0] in ("venv", "pytest", "benchmarks.recipes") or "NAME" in words:
            continue
        if words[:2] == ["recipes", "predict"]:
            program = "from recipes import breast_cancer as r; "
            program += "r.load_data(r.Config()).test.x.to_csv('new.csv', index=False)"
            subprocess.run([sys.executable, "-c", program], cwd=tmp_path / "here", check=True)
        done = python(*words, cwd=tmp_path / "here", timeout=900, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
