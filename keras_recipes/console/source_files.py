"""Python files from anywhere, imported as a script's own neighbours would be."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import traceback
import types

from keras_recipes.errors import InputError


def import_file(path: pathlib.Path) -> types.ModuleType:
    """Import a file as a module, which runs it.

    Raises:
        InputError: If it cannot be read or raises; the message names the line.
    """
    path = path.resolve()
    name = f"file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(f"{path}: no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks its module up
    sys.path.insert(0, str(path.parent))  # so that it finds its neighbours, as a script does
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"{path}: {describe(error, path)}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def describe(error: Exception, path: pathlib.Path | str) -> str:
    """Describe an error in one line, with the line of the file that it came from."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    place = f" (line {lines[-1]} of {pathlib.Path(path).name})" if lines else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{place}"
