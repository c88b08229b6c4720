"""The precision that a network calculates in, where a recipe's Config has one.

bfloat16 has the range of float32 and 8 of its 24 bits of precision. A processor with instructions
for it multiplies twice as many at a time, which convolutions gain from; one without them is many
times slower than in float32. Weights, loss and output layer stay float32 in any case (Keras's
policy "mixed_bfloat16").
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import keras

CPU_INFO = pathlib.Path("/proc/cpuinfo")  # of Linux; other systems take float32
_FLAGS = {"avx512_bf16", "amx_bf16"}


def choose(wanted: str) -> str:
    """Give the name of Keras's dtype policy for a `configs.Precision`.

    Args:
        wanted: "auto" takes mixed_bfloat16 where the processor has instructions for it.
    """
    if wanted != "auto":
        return wanted
    return "mixed_bfloat16" if _has_bfloat16() else "float32"


@contextlib.contextmanager
def policy(wanted: str | None) -> Iterator[None]:
    """Let the layers that are made in this block have a precision; None leaves Keras's own."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(before if wanted is None else choose(wanted))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _has_bfloat16() -> bool:
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not _FLAGS.isdisjoint(flags.split())
