"""A recipe as a project of its own.

Copies do without this file: `copy` belongs to the collection, and nothing in a copy imports it.
"""

from __future__ import annotations

import ast
import contextlib
import datetime
import errno
import hashlib
import importlib.util
import json
import keyword
import os
import pathlib
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator

import recipes
from recipes.common import configs, own_copies, shelf
from recipes.common.errors import InputError, RunError

ROOT = shelf.FOLDER.parent
PACKAGES = ("recipes", "tuning", "datasets")
# What a project starts from besides its recipe; the rest is found from their imports.
ENTRIES = ("recipes/__main__.py", "tuning/__main__.py", "tests/test_recipes.py")
AS_THEY_ARE = ("tests/conftest.py", "requirements.txt", ".gitignore")
MANIFEST = "copied.json"
LONGEST_NAME = 30  # a longer one takes the lines that it stands in beyond 100 columns
NAME = rf"[a-z][a-z0-9_]{{,{LONGEST_NAME - 1}}}"
COMMANDS_OF_TUNING = ("compare",)  # `python -m tuning compare` is no search of a recipe

README = """\
# {name}

{title}

{problem}

{origin}

```bash
{commands}
```

This needs Python 3.11 or newer. On Windows, say `.venv\\Scripts\\activate` in place of
`. .venv/bin/activate`.

| to change | edit |
|---|---|
| the data | `load_data` in `recipes/{name}.py`, and the file in `datasets` that it calls |
| what the outputs mean | `PROBLEM` in `recipes/{name}.py`: output layer, loss, metrics follow |
| the network and its settings | `build_model` and `Config` in `recipes/{name}.py` |
| what a search may try | `search_space` in `recipes/{name}.py`, with the defaults of `Config` |

The docstring of `recipes/{name}.py` tells the problem and the data, and `python -m recipes` prints
it: edit it with them.

`{manifest}` says which files were taken. Where the collection is at hand,
`python -m recipes diff FOLDER` shows there what has changed on either side since.
"""
INSTALL = "python -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt"
COMMANDS = {
    "python -m recipes.{name}": "train; --help shows the settings",
    "python -m tuning {name} --tuner random --trials 30": "search for better settings",
    "python -m recipes predict runs/{name}-1 {input}": "{inputs}",
    "python -m pytest": "the contract that every recipe keeps",
}
IMAGES = ("new.png", "a .png, a folder of them, or a .npy")
TABLES = ("new.csv", "a .csv with the columns of the data, or a .npy")
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


def copy(
    recipe: str,
    folder: pathlib.Path,
    name: str | None = None,
    table: configs.TableOptions | None = None,
) -> list[str]:
    """Write a project that stands without this repository.

    Args:
        recipe: Name of a recipe.
        folder: Of the project; new, or empty but for .git.
        name: Of the recipe there; by default the folder's.
        table: Of the user's, for a recipe that takes one; it is copied too.

    Returns:
        Lines for the terminal: what was written, and the next three commands.

    Raises:
        InputError: If recipe, folder or name cannot serve.
        RunError: If the disk is full, or fails otherwise.
    """
    folder = real_path(folder)
    name = check_name(recipe, folder.name, name)
    check_folder(folder)
    settings = own_copies.settle(recipe, table) if table and table.csv else {}
    contents = project(recipe, name, settings)
    manifest = {
        "recipe": recipe,
        "name": name,
        "version": recipes.__version__,
        "date": datetime.date.today().isoformat(),
        "settings": settings,
        "files": {path: digest(text.encode()) for path, text in contents.items()},
    }
    if settings:
        contents[f"{own_copies.FOLDER}/{settings['csv']}"] = table.csv.expanduser().read_bytes()
    contents[MANIFEST] = json.dumps(manifest, indent=2) + "\n"
    write_into(folder, contents)
    return [
        f"{len(contents)} files in {folder}. Next:",
        f"  cd {quoted(folder)}",
        f"  {INSTALL}",
        f"  python -m recipes.{name}",
    ]


def real_path(path: pathlib.Path) -> pathlib.Path:
    """Give a path as it is on the disk: absolute, without `..` and links."""
    return pathlib.Path(os.path.realpath(path.expanduser()))


def check_name(recipe: str, stem: str, name: str | None) -> str:
    """Give the name that a copied recipe gets, checked.

    Args:
        recipe: Name of a recipe.
        stem: Of the folder or file to write, the name where none is given.
        name: Given by the user, or None.

    Raises:
        InputError: If there is no such recipe, or the name cannot be that of a module.
    """
    if recipe not in shelf.recipe_names():
        raise InputError(f"unknown recipe {recipe!r}; there is {', '.join(shelf.recipe_names())}")
    given, name = name is not None, stem if name is None else name
    if fault := _fault_of_name(name):
        whose = "--name" if given else "the recipe is named like its folder"
        raise InputError(
            f"{whose}: received {name!r}, {fault}; give another with --name, such as "
            "--name my_project"
        )
    return name


def _fault_of_name(name: str) -> str:
    """Say why a recipe cannot have a name; nothing where it can."""
    ours = shelf.recipe_names()
    if keyword.iskeyword(name):
        return "a word of the Python language (keyword)"
    if name[:1].isdigit():
        return "which starts with a digit; a Python name starts with a letter"
    if len(name) > LONGEST_NAME:
        return f"expected at most {LONGEST_NAME} characters"
    if not re.fullmatch(NAME, name):
        return "expected a Python name of a-z, 0-9 and _ that starts with a letter"
    if name in COMMANDS_OF_TUNING:
        return f"a command of its own: `python -m tuning {name}`"
    if (shelf.FOLDER / name).is_dir():
        return f"the name of the folder recipes/{name}"
    found = importlib.util.find_spec(name)
    if name not in ours and found is not None and found.origin is not None:
        return "which would shadow the module of that name"  # a mere folder has no origin
    return ""


def check_folder(folder: pathlib.Path) -> None:
    """Refuse a folder that holds something besides .git, or that cannot be looked into.

    Raises:
        InputError: The message names what is there.
    """
    with faults_named(folder):
        if folder.is_dir():
            names = sorted(path.name for path in folder.iterdir() if path.name != ".git")
            held = f"the folder holds {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"
            free = not names
        else:
            held, free = "it is no folder", not os.path.lexists(folder)
    if not free:
        raise InputError(f"{folder}: {held}; expected a new or an empty folder, give another name")


def write_into(folder: pathlib.Path, contents: dict[str, str | bytes]) -> None:
    """Write files into a folder: all, or none.

    They are written into a folder inside it and moved from there, so that a folder that is a mount
    point, or the one that the user stands in, remains what it is.

    Args:
        folder: Made where it is not there.
        contents: Of the files, by their paths below the folder.

    Raises:
        InputError: If the folder cannot be written to.
        RunError: If the disk is full, or fails otherwise.
    """
    with faults_named(folder):
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        moved = []
        try:
            with tempfile.TemporaryDirectory(".partial", ".copy-", folder) as partial:
                for path, content in contents.items():
                    content = content if isinstance(content, bytes) else content.encode()
                    (partial / pathlib.Path(path)).parent.mkdir(parents=True, exist_ok=True)
                    (partial / pathlib.Path(path)).write_bytes(content)
                # The manifest comes last: a folder with it is whole.
                for name in sorted(os.listdir(partial), key=lambda name: (name == MANIFEST, name)):
                    os.rename(os.path.join(partial, name), folder / name)
                    moved.append(folder / name)
        except BaseException:
            _remove(moved, folder if is_new else None)
            raise


def _remove(paths: list[pathlib.Path], folder: pathlib.Path | None) -> None:
    """Remove what was written, and the folder where it is then empty."""
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if folder:
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def faults_named(path: pathlib.Path) -> Iterator[None]:
    """Turn a failure to look at a place or to write there into one line.

    Raises:
        InputError: If the place cannot serve.
        RunError: If the disk is full, or fails otherwise.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            advice = "nothing was left there; free some space, or give a place on another disk"
            raise RunError(f"{path}: could not write there ({reason}); {advice}") from error
        advice = "give a place where you may read and write"
        raise InputError(f"{path}: cannot read or write there ({reason}); {advice}") from error


def project(recipe: str, name: str, settings: dict | None = None) -> dict[str, str]:
    """Give the content of every file of a project, by its path below the project.

    Args:
        recipe: Name of a recipe here.
        name: Of the recipe in the project.
        settings: From `own_copies.settle`, for a user's table.

    Returns:
        Texts; the manifest is not among them.
    """
    own = f"recipes/{recipe}.py"
    taken = _closure([own, *ENTRIES])
    contents = {path: read(path) for path in (*taken, *AS_THEY_ARE)}
    source = contents.pop(own)
    renamed = _renamed(source, recipe, name)
    contents[f"recipes/{name}.py"] = own_copies.write(renamed, settings) if settings else renamed
    contents["README.md"] = _readme(recipe, name, IMAGES if "IMAGE_SHAPE" in source else TABLES)
    contents["pyproject.toml"] = _without_docstring_rules(read("pyproject.toml"))
    contents[".github/workflows/tests.yml"] = WORKFLOW
    return dict(sorted(contents.items()))


def _readme(recipe: str, name: str, inputs: tuple[str, str]) -> str:
    entry = shelf.read(recipe)
    words = {"name": name, "input": inputs[0], "inputs": inputs[1]}
    commands = {key.format(**words): text.format(**words) for key, text in COMMANDS.items()}
    width = max(map(len, commands))
    origin = (
        f"Begun from the recipe `{recipe}` of the Keras recipes, version {recipes.__version__}."
    )
    if reached := result_of(recipe):
        origin += f"\nBy its defaults, {reached}."
    return README.format(
        name=name,
        title=entry.title,
        problem=f"Problem: {entry.problem}\nData: {entry.data}",
        origin=origin,
        commands="\n".join(
            [INSTALL, *(f"{key:{width}}  # {text}" for key, text in commands.items())]
        ),
        manifest=MANIFEST,
    )


def result_of(recipe: str) -> str:
    """Say what a recipe reached; nothing where it has not been measured."""
    if shelf.record(recipe) is None:
        return ""
    return f"{recipe} reached {shelf.describe_result(recipe)}"


def _without_docstring_rules(settings: str) -> str:
    """Take out of pyproject.toml what asks for docstrings: the user's own files need none."""
    settings = settings.replace('"D", ', "")
    settings = re.sub(r'^ +"D\d+",.*\n', "", settings, flags=re.MULTILINE)
    return re.sub(r"\[tool\.ruff\.lint\.pydocstyle\]\n.*\n\n", "", settings)


def read(path: str) -> str:
    """Read a text file of this repository, by its path below the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def quoted(path: pathlib.Path) -> str:
    """Write a path as a shell takes it."""
    return shlex.quote(str(path))


def digest(content: bytes) -> str:
    """Give the hash by which a file is known again."""
    return hashlib.sha256(content).hexdigest()


def _renamed(source: str, recipe: str, name: str) -> str:
    """Rename a recipe in its own source: its commands, and its model's name."""
    source = re.sub(rf"(python -m (?:recipes\.|tuning )){recipe}\b", rf"\g<1>{name}", source)
    source = source.replace(f'name="{recipe}"', f'name="{name}"')
    source = re.sub(r"^Copy: .*\n", "", source, flags=re.MULTILINE, count=1)  # no command there
    result = "; ".join(filter(None, ["none yet", result_of(recipe)]))
    return re.sub(r"^Result: .*$", f"Result: {result}", source, flags=re.MULTILINE, count=1)


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
