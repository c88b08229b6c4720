"""A recipe as a project of its own.

Copies do without this file: `copy` belongs to the collection, and nothing in a copy imports it.
"""

from __future__ import annotations

import ast
import base64
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
import zlib
from collections.abc import Iterator

import recipes
from recipes.common import configs, own_copies, shelf
from recipes.common.errors import InputError, RunError

ROOT = shelf.FOLDER.parent
PACKAGES = ("recipes", "tuning", "datasets")
# What a project starts from besides its recipe; the rest is found from their imports.
ENTRIES = ("recipes/__main__.py", "tuning/__main__.py", "tests/test_recipes.py")
AS_THEY_ARE = ("tests/conftest.py", "requirements.txt", ".gitignore", ".gitattributes")
IN_AN_EMPTY_FOLDER = (".git", ".DS_Store")
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
| the metrics | `recipes/common/problems.py`: the rule's `metrics`, and `_METRICS` that makes them |
| the network and its settings | `build_model` and `Config` in `recipes/{name}.py` |
| what a search may try | `search_space` in `recipes/{name}.py`, with the defaults of `Config` |

A file of yours is found from every folder, the tests' too, where its path starts at the file that
reads it: `pd.read_csv(pathlib.Path(__file__).with_name("houses.csv"))`.

The docstring of `recipes/{name}.py` tells the problem and the data, and `python -m recipes` prints
it: edit it with them.

{data}| folder | content |
|---|---|
| `recipes` | `{name}.py`; a further recipe is a further file, and a helper's name starts with `_` |
| `recipes/common` | what runs, predicts and checks; the rule table is `problems.py` |
| `datasets` | the data: `load()` gives train, validation and test parts |
| `tuning` | the search over `search_space` |
| `tests` | the contract that every recipe keeps |
| `runs`, `searches` | made by the commands above, and not kept by git |

`{manifest}` holds the files as they were taken. Where the collection is at hand,
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
OWN_TABLES = ("new.csv", "a .csv with the columns of the data")
WORKFLOW_PATH = ".github/workflows/tests.yml"
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
    name = check_name(recipe, folder.name, name, "folder")
    check_folder(folder)
    settings = own_copies.settle(recipe, table) if table and table.csv else {}
    contents = project(recipe, name, settings)
    manifest = {"recipe": recipe, "name": name, "settings": settings, **_describe(contents)}
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


def _describe(contents: dict[str, str]) -> dict[str, object]:
    """Give what `diff` needs to tell later what has changed, and on which side."""
    return {
        "version": recipes.__version__,
        "date": datetime.date.today().isoformat(),
        "files": {path: digest(text.encode()) for path, text in contents.items()},
        "texts": {path: pack(text) for path, text in contents.items()},
    }


def real_path(path: pathlib.Path) -> pathlib.Path:
    """Give a path as it is on the disk: absolute, without `..` and links."""
    return pathlib.Path(os.path.realpath(path.expanduser()))


def check_name(recipe: str, stem: str, name: str | None, kind: str) -> str:
    """Give the name that a copied recipe gets, checked.

    Args:
        recipe: Name of a recipe.
        stem: Of the folder or file to write, the name where none is given.
        name: Given by the user, or None.
        kind: "folder" or "file", whichever is to be written.

    Raises:
        InputError: If there is no such recipe, or the name cannot be that of a module.
    """
    if recipe not in shelf.recipe_names():
        raise InputError(shelf.describe_unknown(recipe))
    given, name = name is not None, stem if name is None else name
    if fault := _fault_of_name(name):
        whose = "--name" if given else f"the recipe is named like its {kind}"
        other = "name the file otherwise, such as my_project.py"
        if kind == "folder":
            other = "give another with --name, such as --name my_project"
        raise InputError(f"{whose}: received {name!r}, {fault}; {other}")
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
    """Refuse a folder that holds a user's files, or that cannot be looked into.

    Raises:
        InputError: The message names what is there.
    """
    with faults_named(folder):
        if folder.is_dir():
            names = sorted({path.name for path in folder.iterdir()} - {*IN_AN_EMPTY_FOLDER})
            held = f"the folder holds {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"
            free = not names
        else:
            held, free = "it is no folder", not os.path.lexists(folder)
    if not free:
        raise InputError(f"{folder}: {held}; expected a new or an empty one, give another folder")


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

    Raises:
        InputError: If the recipe needs a module of the name that it is to get.
    """
    own = f"recipes/{recipe}.py"
    taken = _closure([own, *ENTRIES])
    if name != recipe and f"recipes/{name}.py" in taken:
        raise InputError(
            f"--name: received {name!r}, and {recipe} needs recipes/{name}.py; give another name"
        )
    contents = {path: read(path) for path in (*taken, *AS_THEY_ARE)}
    source = contents.pop(own)
    renamed = _renamed(source, recipe, name)
    contents[f"recipes/{name}.py"] = own_copies.write(renamed, settings) if settings else renamed
    contents |= {
        "README.md": _readme(recipe, name, contents[f"recipes/{name}.py"]),
        "pyproject.toml": _settings_of_tools(read("pyproject.toml")),
        WORKFLOW_PATH: WORKFLOW,
    }
    return dict(sorted(contents.items()))


def project_without(name: str, taken: dict[str, str]) -> dict[str, str]:
    """Give the content of the files of a project whose recipe is in the collection no longer.

    Args:
        name: Of the recipe in the project.
        taken: What was copied, by paths below the project.

    Returns:
        Texts: those of today where a file is the collection's too, the taken ones of the others.
    """
    own = {f"recipes/{name}.py", "README.md", "pyproject.toml", WORKFLOW_PATH}
    still = [path for path in taken if path in own or (ROOT / path).is_file()]
    return {path: taken[path] if path in own else read(path) for path in still}


def _readme(recipe: str, name: str, source: str) -> str:
    entry = shelf.parse(recipe, ast.parse(source))
    inputs = IMAGES if "IMAGE_SHAPE" in source else TABLES
    inputs = OWN_TABLES if "own_table" in source else inputs
    words = {"name": name, "input": inputs[0], "inputs": inputs[1]}
    commands = {key.format(**words): text.format(**words) for key, text in COMMANDS.items()}
    width = max(map(len, commands))
    origin = (
        f"Begun from the recipe `{recipe}` of the Keras recipes, version {recipes.__version__}."
    )
    if reached := result_of(recipe):
        origin += f"\nBy its defaults, {reached}."
    of_the_data = re.search(r"^## Data\n\n.*?\n\n", read("README.md"), re.DOTALL | re.MULTILINE)
    return README.format(
        data=of_the_data[0] if "DownloadedConfig" in source else "",
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


def _settings_of_tools(settings: str) -> str:
    """Take out of pyproject.toml what a project lacks: slow tests, and a rule on docstrings."""
    settings = settings.replace(" -m 'not slow'", "")
    settings = re.sub(r"^markers = .*\n", "", settings, flags=re.MULTILINE)
    settings = settings.replace('"D", ', "")
    settings = re.sub(r'^ +"D\d+",.*\n', "", settings, flags=re.MULTILINE)
    return re.sub(r"\[tool\.ruff\.lint\.pydocstyle\]\n.*\n\n", "", settings)


def read(path: str) -> str:
    """Read a text file of this repository, by its path below the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def pack(text: str) -> str:
    """Write a text in few characters, for JSON; `unpack` gives it back."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(packed: str) -> str:
    """Give a text that `pack` wrote.

    Raises:
        ValueError: If it is none.
    """
    try:
        return zlib.decompress(base64.b64decode(packed)).decode()
    except zlib.error as error:
        raise ValueError(str(error)) from error


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
    result = "; ".join(filter(None, ["none", result_of(recipe)]))
    return re.sub(r"^Result: .*$", f"Result: {result}", source, flags=re.MULTILINE, count=1)


def _closure(paths: list[str]) -> list[str]:
    """Find every file of our packages that the given ones need, themselves included."""
    found, open_paths = set(), list(paths)
    while open_paths:
        path = open_paths.pop()
        if path not in found:
            found.add(path)
            open_paths += _imported(path)
    return sorted(found)


def _imported(path: str) -> Iterator[str]:
    """Give the files of our packages that a file imports, at its top or in a function."""
    for node in ast.walk(ast.parse(read(path), path)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # Each dot but the first leads one folder up.
            around = path.split("/")[: -node.level] if node.level else []
            module = ".".join([*around, *filter(None, [node.module])])
            modules = [module, *(f"{module}.{alias.name}" for alias in node.names)]
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
