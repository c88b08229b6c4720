"""Functions of another module, replaced while a step is traced."""

import contextlib
import types
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def replaced(module: types.ModuleType, **functions: Callable) -> Iterator[None]:
    """Put functions in the place of those of the same names in a module, within the block."""
    originals = {name: getattr(module, name) for name in functions}
    try:
        for name, function in functions.items():
            setattr(module, name, function)
        yield
    finally:
        for name, function in originals.items():
            setattr(module, name, function)
