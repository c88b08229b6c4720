"""Recipes: one file, one problem. Importing this package loads nothing heavy and prints nothing.

Keras takes seconds to import, and TensorFlow writes notes about itself while it loads. A recipe
says `import keras` at its top all the same: the name is bound to a stand-in that imports the real
Keras at its first use, so that `--help`, a list of recipes or a wrong flag answers at once.
"""

import atexit
import contextlib
import difflib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import pathlib
import sys
import tempfile
import types
from collections.abc import Callable, Iterator

__version__ = "0.1.0"

# All that a run needs: better missed now than after a training.
_NEEDED = ("tensorflow", "keras", "numpy", "pandas", "sklearn", "matplotlib", "PIL", "rich", "tyro")
_log = logging.getLogger(__name__)


def _explain_missing_packages() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return
    line = (
        f"missing packages: {', '.join(missing)}; activate the environment they are in, or run "
        "pip install -r requirements.txt"
    )
    if sys.argv[0] == "-m":  # `python -m recipes.NAME` has not got beyond this import
        sys.exit(f"error: {line}")
    raise ModuleNotFoundError(line)


def _program() -> str:
    """Give the module that `python -m` was called with, while Python looks for it; "" later on."""
    if sys.argv[:1] != ["-m"] or "-m" not in sys.orig_argv[:-1]:
        return ""
    return sys.orig_argv[sys.orig_argv.index("-m") + 1]


def _explain_unknown_program(program: str) -> None:
    """Say more than Python's own "No module named recipes.irs"."""
    package, _, name = program.rpartition(".")
    folder = pathlib.Path(__file__).parent.joinpath(*package.split(".")[1:])
    there = [path.stem for path in folder.glob("[!_]*") if path.suffix in ("", ".py")]
    if package not in ("recipes", "recipes.lessons") or name in there:
        return
    near = difflib.get_close_matches(name, there, n=1)
    hint = f"did you mean {package}.{near[0]}?" if near else f"`python -m {package}` lists them"
    print(f"error: there is no {program}; {hint}", file=sys.stderr)
    sys.exit(2)


def _end_in_one_line(kind: type, error: BaseException, trace: types.TracebackType | None) -> None:
    """Say in a line why a program has not begun: Ctrl-C, or a slip in its file."""
    if issubclass(kind, KeyboardInterrupt):
        print("stopped by Ctrl-C; nothing had begun", file=sys.stderr)
    elif isinstance(error, SyntaxError):
        print(f"error: {error.filename}, line {error.lineno}: {error.msg}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


_explain_missing_packages()
if _program().partition(".")[0] in ("recipes", "tuning"):
    sys.excepthook = _end_in_one_line
    _explain_unknown_program(_program())
if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
    _log.warning("KERAS_BACKEND=%s is passed over for tensorflow", os.environ["KERAS_BACKEND"])
os.environ["KERAS_BACKEND"] = "tensorflow"  # the collection is written and tested for this one
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors only


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what native code writes to stderr; show it if the block fails.

    TensorFlow logs before its log level is read, straight to the file descriptor.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except Exception:  # Ctrl-C is no failure
            held_back.seek(0)
            os.write(saved, held_back.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from going through all that is loaded, again and again, for garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as usual, and keeps it quiet while it loads."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec and spec.loader:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _load_quietly(load, module)
        return spec


def _load_quietly(load: Callable, module: types.ModuleType) -> None:
    with _quiet_stderr(), _no_collection():
        load(module)
        module.config.list_physical_devices()  # looking for a GPU in vain is logged too


class _LazyModule(types.ModuleType):
    """A module that is imported when one of its attributes is first asked for."""

    def __getattr__(self, attribute: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        with _no_collection():
            module = importlib.import_module(self.__name__)
        self.__dict__.update(vars(module))  # later look-ups cost nothing
        return getattr(module, attribute)


def _import_lazily(name: str) -> None:
    if name not in sys.modules and (spec := importlib.util.find_spec(name)):
        sys.modules[name] = _LazyModule(name)
        sys.modules[name].__spec__ = spec


sys.meta_path.insert(0, _QuietFinder())
atexit.register(gc.freeze)  # or a program ends a second later, the time of a last look for garbage
_import_lazily("keras")
