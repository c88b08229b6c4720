"""How a program begins: quick answers to `--help`, quiet loading of TensorFlow, one-line errors.

Only a command line calls this. Imported from Python or a notebook, the library changes nothing but
the default of TensorFlow's log level.
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import gc
import importlib.util
import logging
import os
import pathlib
import sys
import tempfile
import time
import types
from collections.abc import Iterator

# All that a run needs: better missed now than after a training.
_NEEDED = ("tensorflow", "keras", "numpy", "pandas", "sklearn", "matplotlib", "PIL", "rich")
_log = logging.getLogger(__name__)
BEGUN = time.perf_counter()  # when the program was, but for Python's own start


def begin(package: str, folder: pathlib.Path) -> bool:
    """Prepare the process for `python -m PACKAGE...`; do nothing in any other process.

    Keras takes seconds to import. A recipe says `import keras` at its top all the same: here the
    standard library's LazyLoader defers the import to the first use, so that `--help` and a wrong
    flag answer at once.

    Args:
        package: The package that calls this while it is imported, such as "recipes".
        folder: Of the package.

    Returns:
        Whether this is such a process.
    """
    program = called_module()
    if program.partition(".")[0] != package:
        return False
    _check_packages()
    sys.excepthook = _end_in_one_line
    _check_program(program, package, folder)
    _import_lazily("keras")
    return True


def called_module() -> str:
    """Return the module that `python -m` was called with, while Python looks for it; "" later."""
    if sys.argv[:1] != ["-m"] or "-m" not in sys.orig_argv[:-1]:
        return ""
    return sys.orig_argv[sys.orig_argv.index("-m") + 1]


def _check_packages() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(
            f"error: missing packages: {', '.join(missing)}; activate the environment they are in, "
            "or run pip install -r requirements.txt"
        )


def _check_program(program: str, package: str, folder: pathlib.Path) -> None:
    """Explain a wrong name better than Python's own "No module named recipes.irs"."""
    parent, _, name = program.rpartition(".")
    place = folder.joinpath(*parent.split(".")[1:])
    there = [path.stem for path in place.glob("[!_]*") if path.suffix in ("", ".py")]
    if parent not in (package, f"{package}.lessons") or name in there:
        return
    near = difflib.get_close_matches(name, there, n=1)
    hint = f"did you mean {parent}.{near[0]}?" if near else f"`python -m {parent}` lists them"
    print(f"error: there is no {program}; {hint}", file=sys.stderr)
    sys.exit(2)


def _end_in_one_line(
    kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
) -> None:
    """Print in one line why a program has not begun: Ctrl-C, or a slip in its file."""
    if issubclass(kind, KeyboardInterrupt):
        print("stopped by Ctrl-C; nothing had begun", file=sys.stderr)
    elif isinstance(error, SyntaxError):
        print(f"error: {error.filename}, line {error.lineno}: {error.msg}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _import_lazily(name: str) -> None:
    if name in sys.modules or (spec := importlib.util.find_spec(name)) is None or not spec.loader:
        return
    spec.loader = loader = importlib.util.LazyLoader(spec.loader)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    lazy = type(module)

    def get(self: types.ModuleType, attribute: str) -> object:
        own = types.ModuleType if attribute in ("__spec__", "__class__") else lazy
        return own.__getattribute__(self, attribute)

    # Stays lazy at a further `import`, which looks at __spec__ (as of Python 3.12.3).
    module.__class__ = type("Lazy", (lazy,), {"__getattribute__": get})


def load_tensorflow() -> None:
    """Import TensorFlow and Keras for a program: without their notes, and a second sooner.

    Python's garbage collector would look through all that is loaded, again and again, and once
    more at the program's end.
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        _log.warning("KERAS_BACKEND=%s is passed over for tensorflow", os.environ["KERAS_BACKEND"])
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the recipes are written and tested for this one
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with quiet_stderr():
            import tensorflow as tf

            tf.config.list_physical_devices()  # looking for a GPU in vain is logged too
        import keras

        keras.Model  # noqa: B018 (a lazy import takes place here)
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
        atexit.register(gc.freeze)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
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
