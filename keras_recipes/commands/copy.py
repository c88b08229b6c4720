"""The command `copy`: copy a recipe as your own project."""

from __future__ import annotations

import dataclasses
import hashlib
import keyword
import pathlib
import re
import shutil
import sys
import tempfile
import typing
from typing import Annotated

import keras_recipes
from keras_recipes import catalog, configs, reading
from keras_recipes.console import command_line, files, startup
from keras_recipes.errors import InputError, RunError

PLAIN = "plain"  # folder in `recipes` of the hand-written files, one for each kind of problem
VENDOR = "vendor"
LONGEST_NAME = 30  # characters
# How the docstrings of recipes for the user's own data name these.
_EXAMPLES = (
    r"(?:--csv )?data\.csv --target price",
    r"(?:--folder )?photos\b",
    r"(?:--csv )?reviews\.csv --text review --target stars",
)
NOT_FOR_COPIES = ("hatchling", "ruff", "pyright", "mypy", "nbclient", "ipykernel", "pytest-xdist")
README = """\
# {name}

{title}

Problem: {problem}
Data: {data}

Copied from the recipe `{recipe}` of Keras recipes {version}. Result of that recipe:
{result}.

```bash
python -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt
# train; --help lists the settings
python -m recipes.{name}
# search for better settings
python -m tuning {name} --tuner random --trials 30
# predict new inputs
python -m recipes predict runs/{name}-1 {new}
# write the model for TensorFlow Serving
python -m recipes export runs/{name}-1 models/{name}/1
# look for mistakes before training
python -m recipes check {name}
# test the recipe contract
python -m pytest
```

On Windows, activate the environment by `.venv\\Scripts\\activate`.

| to change | edit |
|---|---|
| the data | {reads} |
| the problem type | {means}; it decides output layer, loss and metrics |
| the network and its settings | `build_model` and `Config` in `recipes/{name}.py` |
| the search space | `search_space` in `recipes/{name}.py`, with the defaults of `Config` |

The library is a wheel in `{vendor}`; the requirements there list the tested versions. To update it,
run `python -m recipes copy --update FOLDER` in a newer repository.
Only the files in `{vendor}` change.
"""
REQUIREMENTS = f"-r {VENDOR}/requirements.txt\n"
GITIGNORE = "__pycache__/\n.venv/\nruns/\nsearches/\nmodels/\n"
TEST = '''\
"""Test the recipe contract. The message of a failed test says what to change."""

from keras_recipes import testing
from recipes import {name}


@testing.parametrize_with_checks({name})
def test_recipe(check):
    check()
'''
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


@dataclasses.dataclass(frozen=True)
class Copy(configs.TableOptions, configs.TextOptions):
    """Copy a recipe as your own project, which does not need this repository."""

    _: dataclasses.KW_ONLY
    recipe: Annotated[str, command_line.takes("RECIPE", positional=True)] = ""
    """Name of a recipe; `python -m recipes` lists them."""
    folder: Annotated[pathlib.Path | None, command_line.takes("FOLDER", positional=True)] = None
    """New or empty folder of the project; with --minimal, a new .py file."""
    name: Annotated[str | None, command_line.takes("NAME")] = None
    """Name of the recipe in the project; by default, the name of the folder."""
    minimal: bool = False
    """Copy only one file: the plain Keras program for this problem type."""
    update: Annotated[pathlib.Path | None, command_line.takes("PROJECT")] = None
    """Update the library in a copied project to this version; only vendor/ changes."""
    csv: Annotated[pathlib.Path | None, command_line.takes("PATH", flags=("--data",))] = None
    """Your data: a table for the recipe tabular, a folder for images, a table or a folder for text.
    They are copied next to the recipe, as its default. The flags below describe them."""
    group: str | None = None
    """Rows or images that belong together and stay in the same split: a column of a table, or a
    regular expression for the paths of images."""


def copy(arguments: Copy) -> None:
    """Copy a recipe, or update a copy, and print what to do next.

    Raises:
        InputError: If recipe, folder, name or table cannot serve.
        RunError: If the disk is full.
    """
    if arguments.update is not None:
        if arguments.recipe:
            raise InputError("--update: expected the project alone, without RECIPE and FOLDER")
        print(update(arguments.update.expanduser()))
        return
    if not arguments.recipe or arguments.folder is None:
        raise InputError("expected RECIPE and FOLDER: python -m recipes copy fmnist ../my_project")
    if arguments.recipe not in catalog.recipe_names():
        raise InputError(catalog.describe_unknown(arguments.recipe))
    if arguments.told() and (arguments.minimal or arguments.csv is None):
        raise InputError(
            "--data PATH and the flags for these data go together, and not with --minimal"
        )
    folder = arguments.folder.expanduser()
    if folder.resolve().is_relative_to(catalog.folder().parent):
        raise InputError(
            f"FOLDER {folder}: within {catalog.folder().parent}, which is copied from; give a "
            f"folder outside of it, such as ../{folder.resolve().name}"
        )
    if arguments.minimal:
        print(copy_plain(arguments.recipe, folder))
        return
    name = _check_name(arguments.name or folder.resolve().name, arguments.name is not None)
    contents = project(arguments.recipe, name, arguments)
    data = {} if arguments.csv is None else _data_files(arguments.csv.expanduser(), arguments)
    with files.whole_folder(folder, "FOLDER") as partial, files.faults_named(folder, "FOLDER"):
        for path, content in contents.items():
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            (partial / path).write_bytes(content)
        for path, file in data.items():  # one at a time: images may not fit into memory together
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            (partial / path).write_bytes(reading.read_bytes(file))
        (partial / VENDOR).mkdir()
        _write_library(partial / VENDOR)
    num_files = len(contents) + 2  # with the library and its requirements
    print(f"{num_files} files in {folder}. Next:\n  cd {folder}")
    if arguments.csv is not None:
        print(f"  # recipes/{arguments.csv.name} is your data; .gitignore keeps it out of git")
    print("  python -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt")
    print(f"  python -m recipes.{name}")


def _data_files(data: pathlib.Path, arguments: Copy) -> dict[str, pathlib.Path]:
    """Return each file of the user's data, by its path in the project.

    Raises:
        InputError: If the recipe could not learn from them.
    """
    source = (catalog.folder() / f"{arguments.recipe}.py").read_text(encoding="utf-8")
    kind = _own_config(source)
    known = {} if kind is None else {*kind.names(), *kind.SOURCES, *Copy.SOURCES}
    if others := [name for name in arguments.told() if name not in known]:
        raise InputError(
            f"{command_line.flag(others[0])}: {arguments.recipe} has no such setting; remove it"
        )
    choices = {name: value for name, value in arguments.choices.items() if name in known}
    if kind is configs.ImageConfig:
        if data.is_file():
            raise InputError(
                f"--data {data}: received a file, expected a folder of images; "
                "copy without --data, and put the file and its images into the project"
            )
        from keras_recipes.data.images import own_images

        startup.load_tensorflow()  # which resizes the images
        own_images.read(data, arguments.target, **choices)
    elif kind is configs.TextConfig:
        from keras_recipes.data.texts import own_texts

        own_texts.read(data, arguments.target, **choices)
    else:
        from keras_recipes.data import own_table  # NumPy loads with it

        own_table.read(data, arguments.target, **choices)
    if data.is_file():
        return {f"recipes/{data.name}": data}
    inside = (path for path in sorted(data.rglob("*")) if path.is_file())
    return {f"recipes/{data.name}/{path.relative_to(data).as_posix()}": path for path in inside}


def project(recipe: str, name: str, table: configs.TableOptions) -> dict[str, bytes]:
    """Return the content of every file of a project but the library, by its path in the project.

    Args:
        recipe: Name of a recipe here.
        name: Of the recipe in the project.
        table: The user's table with what is known of its columns, or one without csv.
    """
    root = catalog.folder().parent
    source = _renamed((root / "recipes" / f"{recipe}.py").read_text(encoding="utf-8"), recipe, name)
    ignored = GITIGNORE
    if table.csv is not None:
        source = _with_data(source, recipe, table.csv.name, table.told())
        ignored += f"recipes/{table.csv.name}\n"
    entry = catalog.read(recipe)
    used = data_sets(root / f"recipes/{recipe}.py")
    file = f"`recipes/{name}.py`"
    reads = f"`load_data` in {file}"
    if table.csv is not None:
        reads += f", which reads `recipes/{table.csv.name}`, as `Config` names it"
    elif used:
        reads += ", and the file in `datasets` that it calls"
    is_fixed = re.search(r"^PROBLEM = ", source, re.MULTILINE)  # else the data decide
    means = f"`PROBLEM` in {file}" if is_fixed else f"the data; `problem` in {file} reads them"
    readme = README.format(
        reads=reads,
        means=means,
        name=name,
        recipe=recipe,
        title=entry.title,
        problem=entry.problem,
        data=entry.data if table.csv is None else f"your own, `recipes/{table.csv.name}`",
        result=entry.result,
        version=keras_recipes.__version__,
        new=_new_file(source),
        vendor=VENDOR,
    )
    paths = ["recipes/__init__.py", "recipes/__main__.py", "LICENSE"]
    paths += [f"datasets/{path.name}" for path in used]
    texts = {
        "README.md": readme,
        ".gitignore": ignored,
        "requirements.txt": REQUIREMENTS,
        ".github/workflows/tests.yml": WORKFLOW,
        f"recipes/{name}.py": source,
        "tests/test_recipe.py": TEST.format(name=name),
    }
    copied = {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}
    return copied | {path: text.encode() for path, text in texts.items()}


def _new_file(source: str) -> str:
    """Return an example of what a recipe's run predicts."""
    if _own_config(source) is configs.ImageConfig:
        return "new_images"
    return "new.png" if "IMAGE_SHAPE" in source else "new.csv"


def data_sets(path: pathlib.Path) -> set[pathlib.Path]:
    """Return the files in `datasets` that a file imports, and those that they import."""
    found = set()
    for line in re.findall(r"^from datasets import (.+)$", path.read_text("utf-8"), re.MULTILINE):
        for name in line.split(","):
            file = catalog.folder().parent / "datasets" / f"{name.strip()}.py"
            found |= {file} | data_sets(file)
    return found


def _renamed(source: str, recipe: str, name: str) -> str:
    """Rename a recipe in its own source: its commands and its model."""
    source = re.sub(rf"(python -m (?:recipes\.|tuning )){recipe}\b", rf"\g<1>{name}", source)
    source = source.replace(f'name="{recipe}"', f'name="{name}"')
    source = re.sub(r"^Copy: .*\n", "", source, flags=re.MULTILINE, count=1)
    return re.sub(
        r"^Result: (.*)$", rf"Result: none yet; {recipe}: \1", source, flags=re.MULTILINE, count=1
    )


def _own_config(
    source: str,
) -> type[configs.TableConfig | configs.ImageConfig | configs.TextConfig] | None:
    """Return what a recipe's Config inherits from, if the recipe takes the user's own data."""
    kinds = (configs.TableConfig, configs.ImageConfig, configs.TextConfig)
    return next((one for one in kinds if f"class Config(configs.{one.__name__}):" in source), None)


def _with_data(source: str, recipe: str, data: str, told: dict[str, object]) -> str:
    """Make the user's data and the flags for them the defaults of a recipe's Config."""
    kind = _own_config(source)
    head = re.search(r'^class Config\(configs\.\w+\):\n    """.*"""\n\n', source, re.MULTILINE)
    if kind is None or head is None:
        raise InputError(
            f"--data: {recipe} has data of its own; tabular takes a table of yours, images a "
            "folder, text either"
        )
    (field,) = kind.SOURCES
    hint = "configs.TableFile" if field == "csv" else "pathlib.Path | None"
    lines = [f"    {field}: {hint} = pathlib.Path(__file__).with_name({data!r})\n"]
    hints = typing.get_type_hints(kind)
    for name, value in told.items():
        if name in kind.names() and name not in kind.SOURCES:
            shown = "bool" if hints[name] is bool else hints[name]
            lines.append(f"    {name}: {shown} = {value!r}\n")
    source = source[: head.end()] + "".join(lines) + source[head.end() :]
    if "import pathlib\n" not in source:
        source = source.replace("import sys\n", "import pathlib\nimport sys\n", 1)
    return re.sub(f" (?:{'|'.join(_EXAMPLES)})", "", source)


def _check_name(name: str, is_given: bool) -> str:
    """Return the name of the recipe in the project, or raise if it cannot be that of a module."""
    standard = name in sys.stdlib_module_names or name in ("compare", "keras", "tensorflow")
    if re.fullmatch(rf"[a-z][a-z0-9_]{{,{LONGEST_NAME - 1}}}", name) and not (
        keyword.iskeyword(name) or standard or name in ("lessons", "plain", "results")
    ):
        return name
    advice = "give another" if is_given else "give one by --name, such as --name my_project"
    raise InputError(
        f"the recipe's name: received {name!r}, expected at most {LONGEST_NAME} characters a-z, "
        f"0-9 and _ that start with a letter and name no module of Python; {advice}"
    )


def copy_plain(recipe: str, path: pathlib.Path) -> str:
    """Copy the hand-written file for a recipe's kind of problem.

    Args:
        recipe: Name of a recipe.
        path: New file, or a folder for it.

    Returns:
        What to run, for the user.
    """
    folder = catalog.folder() / PLAIN
    kinds = {catalog.read(f"{PLAIN}/{p.stem}").problem: p for p in sorted(folder.glob("[!_]*.py"))}
    problem = catalog.read(recipe).problem
    if problem not in kinds:
        raise InputError(
            f"--minimal: {recipe} is {problem}; expected a recipe whose kind of problem is fixed, "
            f"or take one of {', '.join(p.name for p in kinds.values())} in {folder}"
        )
    path = path / f"{kinds[problem].stem}.py" if path.suffix != ".py" else path
    path.parent.mkdir(parents=True, exist_ok=True)
    files.check_new_file("FOLDER", path)
    with files.faults_named(path, "FOLDER"):
        files.write_bytes(path, kinds[problem].read_bytes())
    return f"wrote {path}, which needs only Keras and scikit-learn. Next:\n  python {path}"


def update(project_folder: pathlib.Path) -> str:
    """Replace the library in a copied project by this one.

    Args:
        project_folder: That `python -m recipes copy` wrote.

    Returns:
        What was replaced by what, for the user.
    """
    vendor = project_folder / VENDOR
    before = sorted(path.name for path in vendor.glob("keras_recipes-*.whl"))
    if not before:
        raise InputError(
            f"--update {project_folder}: no {VENDOR}/keras_recipes-*.whl; expected a project that "
            "`python -m recipes copy` wrote"
        )
    with (
        files.faults_named(vendor, None),
        tempfile.TemporaryDirectory(dir=project_folder) as partial,
    ):
        wheel = _write_library(pathlib.Path(partial))
        for path in pathlib.Path(partial).iterdir():
            path.replace(vendor / path.name)
    others = [name for name in before if name != wheel]
    for name in others:
        (vendor / name).unlink()
    if not others:
        return f"{vendor}: {wheel} is already this version"
    return (
        f"{vendor}: {', '.join(others)} replaced by {wheel}. Next: pip install -r requirements.txt"
    )


def _write_library(vendor: pathlib.Path) -> str:
    """Write the library's wheel and its requirements into a folder; return the wheel's name."""
    wheel = library_wheel(vendor)
    root = pathlib.Path(keras_recipes.__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file():
        pins = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
        pins = [pin for pin in pins if pin and not pin.startswith(("#", "-", *NOT_FOR_COPIES))]
        text = "\n".join([f"{VENDOR}/{wheel}", *pins])
        (vendor / "requirements.txt").write_text(text + "\n", encoding="utf-8")
    else:  # this is a copy itself
        shutil.copy(catalog.folder().parent / VENDOR / "requirements.txt", vendor)
    return wheel


def library_wheel(folder: pathlib.Path) -> str:
    """Write the library's wheel into a folder, without network; return its name."""
    root = pathlib.Path(keras_recipes.__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file():
        return _build_wheel(root, folder)
    (wheel,) = (catalog.folder().parent / VENDOR).glob("keras_recipes-*.whl")
    return pathlib.Path(shutil.copy(wheel, folder)).name


def _build_wheel(root: pathlib.Path, folder: pathlib.Path) -> str:
    """Build the wheel of the library from its source, without network; return its name."""
    try:
        from hatchling.builders import wheel
    except ImportError as error:
        raise InputError("copy: hatchling is not installed; run pip install hatchling") from error
    try:
        packed = wheel.WheelBuilder(str(root)).recurse_included_files()
        contents = {one.distribution_path: pathlib.Path(one.path).read_bytes() for one in packed}
        for name in ("pyproject.toml", "README.md", "LICENSE"):  # for the metadata
            contents[name] = (root / name).read_bytes()
        with tempfile.TemporaryDirectory() as source:
            for name, content in _with_own_version(contents).items():
                path = pathlib.Path(source, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            builder = wheel.WheelBuilder(source)
            (built,) = builder.build(directory=str(folder), versions=["standard"])
    except OSError as error:
        raise RunError(f"{folder}: the wheel could not be built ({error})") from error
    return pathlib.Path(built).name


def _with_own_version(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Return the library's files with a version that their content decides: 0.2.0+c5d1f0a2b3c4d.

    pip keeps an installed library whose version is that of the wheel, whatever the wheel holds.
    """
    found = hashlib.sha256()
    for name in sorted(contents):
        found.update(f"{name} {hashlib.sha256(contents[name]).hexdigest()}\n".encode())
    version, init = keras_recipes.__version__, "keras_recipes/version.py"
    # The letter keeps the hash from being read as a number, whose leading zeros are no part of it.
    own = f"{version}+c{found.hexdigest()[:12]}"
    return {**contents, init: contents[init].replace(version.encode(), own.encode(), 1)}
