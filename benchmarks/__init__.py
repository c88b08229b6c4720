"""Benchmarks of speed and scores: each module is a command that prints a table."""

import pathlib
import sys

import recipes  # noqa: F401 - first, so that TensorFlow is imported quietly
from keras_recipes.console import startup

if startup.begin(__name__, pathlib.Path(__file__).parent) and sys.orig_argv[-1] != __name__:
    startup.load_tensorflow()
