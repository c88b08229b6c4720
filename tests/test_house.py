"""The structure of the code: which room imports which, how large each is, and that it stays so."""

import ast
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOP = ("recipes", "datasets", "tuning", "keras_recipes", "benchmarks")
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for top in TOP
    for path in (ROOT / top).rglob("*.py")
}
SOURCES = {name: path.read_text("utf-8") for name, path in PATHS.items()}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
LARGEST_SHARE = 0.25
MOST_MODULES = 15  # of a folder
OF_MANY_FILES = ("recipes", "datasets", "lessons", "benchmarks")  # one file, one thing

# Room -> rooms that it may import. The library's top files (problems, configs, recipe, ...) belong
# to all of its rooms.
ARROWS = {
    "recipes": {"datasets", "library"},
    "datasets": {"library"},
    "tuning": {"library"},
    "benchmarks": {"recipes", "datasets", "tuning", "library"},
    "data": set(),
    "console": set(),
    "checks": set(),
    "features": {"data"},
    "training": {"data", "features", "console"},
    "runs": {"data", "features", "training", "console"},
    "commands": {"data", "features", "training", "console", "runs", "checks"},
}


def room(name):
    top, *rest = name.split(".")
    if top != "keras_recipes":
        return top
    inner = rest[0] if rest and (ROOT / "keras_recipes" / rest[0]).is_dir() else ""
    return inner or "library"


def imports(name):
    """The modules of the project that a module imports, at its top or in a function."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in PATHS else node.module)
    return {module for module in found if module in PATHS and module != name}


GRAPH = {name: imports(name) for name in PATHS}


def test_arrows_point_one_way():
    for name, found in GRAPH.items():
        mine = room(name)
        for other in found:
            theirs = room(other)
            if theirs == mine or mine == "library":
                continue
            within, inside = (one.split(".")[0] == "keras_recipes" for one in (name, other))
            goal = "library" if inside and (not within or theirs == "library") else theirs
            assert goal in ARROWS[mine] or (within and goal == "library"), f"{name} -> {other}"


def test_nothing_imports_in_a_circle():
    state, path = {}, []

    def walk(name):
        state[name] = "open"
        path.append(name)
        for other in GRAPH[name]:
            assert state.get(other) != "open", " -> ".join([*path, other])
            if other not in state:
                walk(other)
        path.pop()
        state[name] = "done"

    for name in PATHS:
        if name not in state:
            walk(name)


def test_no_room_holds_more_than_a_quarter():
    sizes = collections.Counter()
    for name, source in SOURCES.items():
        sizes[room(name)] += len(source.splitlines())
    name, largest = sizes.most_common(1)[0]
    assert largest <= LARGEST_SHARE * sizes.total(), f"{name}: {largest:,} lines"


def test_no_folder_is_full():
    counts = collections.Counter(
        path.parent for path in PATHS.values() if path.name != "__init__.py"
    )
    full = [folder for folder, count in counts.items() if count > MOST_MODULES]
    assert not [folder for folder in full if folder.name not in OF_MANY_FILES]


def test_modules_are_not_imported_by_string():
    for name, source in SOURCES.items():
        assert not re.search(r"import_module\(\s*[\"']", source), name


def test_docstrings_open_with_the_verbs_of_the_field():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
                assert text.split()[0] not in ("Give", "Tell", "Say", "Let"), f"{name}: {text}"


def test_importing_the_library_loads_no_tensorflow_and_changes_nothing():
    program = """
import gc, sys, warnings, os
before = (sys.excepthook, list(sys.meta_path), dict(os.environ), gc.get_freeze_count())
import keras_recipes, recipes, tuning, keras_recipes.catalog
assert before == (sys.excepthook, list(sys.meta_path), dict(os.environ), gc.get_freeze_count())
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
