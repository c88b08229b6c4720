"""Measure the time of a new process from start to end."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from keras_recipes.errors import RunError


def call(module: str, expression: str) -> dict:
    """Call a function of a benchmark in a process of its own.

    Args:
        module: Name of the benchmark.
        expression: The call; it prints its figures as a line of JSON, the last.

    Returns:
        The figures, with the "seconds" of the process.

    Raises:
        RunError: If it fails.
    """
    # `recipes` quiets TensorFlow, and comes first.
    code = f"import recipes; from benchmarks import {module}; {module}.{expression}"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RunError(f"{module}.{expression} failed: {done.stderr.strip().splitlines()[-1]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds": seconds}
