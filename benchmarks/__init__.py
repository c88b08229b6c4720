"""Speed and scores against peers: each module is a command that prints a table."""

import pathlib

import recipes  # noqa: F401 - first, so that TensorFlow is imported quietly
from keras_recipes.console import startup

if startup.begin(__name__, pathlib.Path(__file__).parent):
    startup.load_tensorflow()
