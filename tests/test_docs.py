"""README and docs: each command is real, each link leads somewhere, each figure is on record."""

import functools
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from benchmarks import publish

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [*sorted(str(page.path) for page in publish.pages()), "CONTRIBUTING.md"]
MAX_README_LINES = 120
SHELL = re.compile(
    r"```(bash|sh)\n(.*?)```", re.DOTALL
)  # sh: needs machines or files of the reader
PROGRAM = re.compile(r"python -m ([^#&|\n]+)")
LINK = re.compile(r"\]\(([^)#]+)\)")
INSTALLATION = ("venv", "pip", "pytest")


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def lines_of(page, *kinds):
    """Return the command lines of a page's blocks, without comments."""
    blocks = "".join(block for kind, block in SHELL.findall(read(page)) if kind in kinds)
    return [line.partition("  #")[0].strip() for line in blocks.splitlines() if line.strip()]


def programs():
    """Return every `python -m ...` of the pages, each once, as words."""
    lines = "\n".join(line for page in PAGES for line in lines_of(page, "bash", "sh"))
    found = dict.fromkeys(PROGRAM.findall(lines))
    return [words for words in map(shlex.split, found) if words[0] not in (*INSTALLATION, "dask")]


@functools.cache
def help_of(*program):
    command = [sys.executable, "-m", *program, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


QUICK_AND_OTHERS = [
    words
    if any(" ".join(words) in line for line in lines_of("README.md", "bash", "sh"))
    else pytest.param(words, marks=pytest.mark.second_tier)
    for words in programs()
]


@pytest.mark.parametrize("words", QUICK_AND_OTHERS, ids=" ".join)
def test_a_command_exists_and_has_its_flags(words):
    module, *rest = words
    if module == "recipes.my_project" or rest[:1] == ["my_project"]:
        return  # the reader's copy
    has_subcommand = rest and (module == "recipes" or rest[0] == "compare")
    text = help_of(module, *(rest[:1] if has_subcommand else []))
    flags = [word for word in rest if word.startswith("-")]
    assert [flag for flag in flags if not re.search(rf"{flag}\b", text)] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_file(page):
    targets = [target for target in LINK.findall(read(page)) if "://" not in target]
    folder = (ROOT / page).parent
    assert [target for target in targets if not (folder / target).exists()] == []


@pytest.mark.parametrize("page", publish.pages(), ids=str)
def test_a_pages_tables_are_those_of_the_records(page):
    text = read(page.path)
    assert page.filled(text) == text


def test_readme_is_short():
    assert len(read("README.md").splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("korean", [page for page in publish.pages() if page.is_korean], ids=str)
def test_both_languages_have_the_same_commands_and_figures(korean):
    english = str(korean.path).replace(".ko.md", ".md").replace("/ko/", "/")

    def facts(page):
        text = read(page)
        tables = re.findall(r"<!-- [\w-]+ -->\n(.*?)<!-- /", text, re.DOTALL)
        return lines_of(page, "bash", "sh"), re.findall(r"\d[\d.,]*", "".join(tables))

    assert facts(korean.path) == facts(english)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if not publish.Page(pathlib.PurePosixPath(page)).is_korean]
)
def test_a_pages_commands_run_in_order(page, tmp_path):
    """In a copy of the repository, one after another, as a reader would.

    The Korean pages have the commands of the English ones.
    """
    here = tmp_path / "here"
    # Of the root alone: keras_recipes has a folder runs too.
    passed_over = shutil.ignore_patterns(".git", ".venv", "runs", "searches", "*cache*")
    shutil.copytree(
        ROOT,
        here,
        ignore=lambda folder, names: passed_over(folder, names) if folder == str(ROOT) else [],
    )
    folder = pathlib.Path(sys.executable).parent
    settings = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    for line in lines_of(page, "bash"):
        if any(f"-m {name}" in line or f"{name} " in line for name in INSTALLATION):
            continue
        done = subprocess.run(
            ["bash", "-c", line], cwd=here, env=settings, capture_output=True, text=True,
            timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.stderr}"


def test_searches_were_killed_as_often_as_the_page_says():
    found = publish.record("interruptions")
    assert len(found) == 4 * 3
    assert all(each["same"] and each["kills"] == 20 for each in found.values())


def test_workers_and_searches_were_killed_without_loss():
    kills = publish.record("workers")["kills"]
    assert (kills["same"], kills["processes_left"]) == (True, 0)
