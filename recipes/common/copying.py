"""A recipe as a project of its own, and what has changed since it was taken."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import difflib
import hashlib
import importlib.util
import json
import keyword
import pathlib
import re
import shlex
from collections.abc import Iterator

import recipes
from recipes.common import files, shelf
from recipes.common.errors import InputError

ROOT = shelf.FOLDER.parent
PACKAGES = ("recipes", "tuning", "datasets")
# What a project starts from besides its recipe; the rest is found from their imports.
ENTRIES = ("recipes/__main__.py", "tuning/__main__.py", "tests/test_recipes.py")
AS_THEY_ARE = ("tests/conftest.py", "requirements.txt", "pyproject.toml", ".gitignore")
MANIFEST = "copied.json"

README = """\
# {name}

{title}

{problem}

Begun from the recipe `{recipe}` of the Keras recipes, version {version}. There it reached, by its
defaults: {result}.

```bash
python -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt
python -m recipes.{name}                                # train; --help shows the settings
python -m tuning {name} --tuner random --trials 30      # search for better settings
python -m recipes predict runs/{name}-1 INPUT           # a .csv, .npy or .png
python -m pytest                                        # the contract that every recipe keeps
```

| to change | edit |
|---|---|
| the data | `load_data` in `recipes/{name}.py`, and the file in `datasets` that it calls |
| what the outputs mean | `PROBLEM` in `recipes/{name}.py`: output layer, loss, metrics follow |
| the network and its settings | `build_model` and `Config` in `recipes/{name}.py` |
| what a search may try | `search_space` in `recipes/{name}.py` |

`{manifest}` says which files were taken. Where the collection is at hand,
`python -m recipes diff FOLDER` shows there what has changed on either side since.
"""
WORKFLOW = """\
name: tests
on: [push, pull_request]
jobs:
  tests:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
          cache: pip
      - run: pip install -r requirements.txt
      - run: ruff check
      - run: python -m pytest
"""


@dataclasses.dataclass(frozen=True)
class Change:
    """A file of a project that is not what a copy would write today.

    Attributes:
        path: Below the project.
        sides: Who changed it since it was taken, in words.
        patch: Unified diff from the project's file to what a copy would write today.
    """

    path: str
    sides: str
    patch: str


def copy(recipe: str, folder: pathlib.Path, name: str | None = None) -> list[str]:
    """Write a project that stands without this repository.

    Args:
        recipe: Name of a recipe.
        folder: Of the project; new, or empty.
        name: Of the recipe there; by default the folder's.

    Returns:
        Lines for the terminal: what was written, and the next three commands.

    Raises:
        InputError: If recipe, folder or name cannot serve.
        RunError: If the disk is full, or fails otherwise.
    """
    folder = folder.expanduser().absolute()
    name = check_name(recipe, folder, name)
    check_folder(folder)
    contents = project(recipe, name)
    manifest = {
        "recipe": recipe,
        "name": name,
        "version": recipes.__version__,
        "date": datetime.date.today().isoformat(),
        "files": {path: _digest(text) for path, text in contents.items()},
    }
    contents[MANIFEST] = json.dumps(manifest, indent=2) + "\n"
    with files.whole_folder(folder) as partial:
        for path, text in contents.items():
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            files.write_text(partial / path, text)
    return [
        f"{len(contents)} files in {folder}. Next:",
        f"  cd {quoted(folder)}",
        "  python -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt",
        f"  python -m recipes.{name}",
    ]


def check_name(recipe: str, folder: pathlib.Path, name: str | None) -> str:
    """Give the name that a copied recipe gets, checked.

    Raises:
        InputError: If there is no such recipe, or the name cannot be that of a module.
    """
    if recipe not in shelf.recipe_names():
        raise InputError(f"unknown recipe {recipe!r}; there is {', '.join(shelf.recipe_names())}")
    given, name = name, name or folder.name
    advice = "give another with --name, such as --name my_project"
    whose = "--name" if given else f"the folder's name, {name!r}, cannot name the recipe:"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InputError(
            f"{whose} received {name!r}, expected a Python name of a-z, 0-9 and _; {advice}"
        )
    if _is_taken(name):
        raise InputError(f"{whose} {name!r} would shadow the module of that name; {advice}")
    return name


def _is_taken(name: str) -> bool:
    """Tell whether a module of that name is there already, here or installed; recipes may go."""
    if name in {path.stem for path in shelf.FOLDER.iterdir()}:
        return name not in shelf.recipe_names()
    found = importlib.util.find_spec(name)
    return found is not None and found.origin is not None  # a mere folder has no origin


def check_folder(folder: pathlib.Path) -> None:
    """Raise `InputError` for a folder that holds something; the message names it."""
    if folder.is_dir():
        if names := sorted(path.name for path in folder.iterdir()):
            more = ", …" if len(names) > 3 else ""
            held = f"the folder holds {', '.join(names[:3])}{more}"
        else:
            return
    elif folder.exists() or folder.is_symlink():
        held = "it is no folder"
    else:
        return
    raise InputError(f"{folder}: {held}; expected a new or an empty folder, give another name")


def project(recipe: str, name: str) -> dict[str, str]:
    """Give the content of every file of a project, by its path below the project.

    Args:
        recipe: Name of a recipe here.
        name: Of the recipe in the project.

    Returns:
        Texts; the manifest is not among them.
    """
    own = f"recipes/{recipe}.py"
    taken = _closure([own, *ENTRIES])
    contents = {path: read(path) for path in (*taken, *AS_THEY_ARE)}
    contents[f"recipes/{name}.py"] = _renamed(contents.pop(own), recipe, name)
    entry = shelf.read(recipe)
    contents["README.md"] = README.format(
        name=name,
        title=entry.title,
        problem=f"Problem: {entry.problem}\nData: {entry.data}",
        recipe=recipe,
        version=recipes.__version__,
        result=entry.result,
        manifest=MANIFEST,
    )
    contents[".github/workflows/tests.yml"] = WORKFLOW
    return dict(sorted(contents.items()))


def read(path: str) -> str:
    """Read a text file of this repository, by its path below the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def quoted(path: pathlib.Path) -> str:
    """Write a path as a shell takes it."""
    return shlex.quote(str(path))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _renamed(source: str, recipe: str, name: str) -> str:
    """Rename a recipe in its own source: its commands, and its model's name."""
    command = rf"(python -m (?:recipes\.|tuning |recipes copy )){recipe}\b"
    source = re.sub(command, rf"\g<1>{name}", source)
    source = source.replace(f'name="{recipe}"', f'name="{name}"')
    return re.sub(
        r"^(Result: .*)$", rf"\1, of the recipe {recipe}", source, flags=re.MULTILINE, count=1
    )


def _closure(paths: list[str]) -> list[str]:
    """Find every file of our packages that the given ones need, themselves included."""
    found, open_paths = set(), list(paths)
    while open_paths:
        path = open_paths.pop()
        if path not in found:
            found.add(path)
            open_paths += _imported(read(path))
    return sorted(found)


def _imported(source: str) -> Iterator[str]:
    """Give the files of our packages that a source imports, at its top or in a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for module in modules:
            if module.partition(".")[0] in PACKAGES:
                yield from _files_of(module)


def _files_of(module: str) -> Iterator[str]:
    """Give a module's file and those of the packages around it, where they are files of ours."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        path = "/".join(parts[:end])
        for candidate in (f"{path}.py", f"{path}/__init__.py"):
            if (ROOT / candidate).is_file():
                yield candidate


def diff(folder: pathlib.Path) -> list[Change]:
    """Compare a project with what a copy of its recipe would be today.

    Args:
        folder: That `copy` wrote.

    Returns:
        The files that differ.

    Raises:
        InputError: If the folder was not written by `copy`, or its recipe is gone.
    """
    manifest = _read_manifest(folder)
    today = project(manifest["recipe"], manifest["name"])
    taken = manifest["files"]
    changes = []
    for path in sorted({*today, *taken}):
        there = folder / path
        theirs = there.read_text(encoding="utf-8", errors="replace") if there.is_file() else None
        digests = taken.get(path), _or_none(theirs), _or_none(today.get(path))
        if digests[1] != digests[2]:
            patch = _patch(path, theirs or "", today.get(path, ""))
            changes.append(Change(path, _sides(*digests), patch))
    return changes


def _or_none(text: str | None) -> str | None:
    return None if text is None else _digest(text)


def _sides(taken: str | None, theirs: str | None, ours: str | None) -> str:
    """Say who changed a file, from its three digests; None where there is no such file."""
    words = {True: "removed", False: "changed"}
    said = []
    if ours != taken:
        said.append("added" if taken is None else words[ours is None])
        said[-1] += " in the collection"
    if theirs != taken:
        said.append("added" if taken is None else words[theirs is None])
        said[-1] += " in the project"
    return ", ".join(said)


def _patch(path: str, theirs: str, ours: str) -> str:
    lines = difflib.unified_diff(
        theirs.splitlines(), ours.splitlines(), f"project/{path}", f"collection/{path}", lineterm=""
    )
    return "\n".join(lines)


def _read_manifest(folder: pathlib.Path) -> dict:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        recipe, names = manifest["recipe"], shelf.recipe_names()
        _ = manifest["name"], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} is no project that `python -m recipes copy` wrote: {MANIFEST} is missing or "
            f"unreadable ({type(error).__name__})"
        ) from error
    if recipe not in names:
        raise InputError(f"{path} names the recipe {recipe!r}; there is {', '.join(names)}")
    return manifest
