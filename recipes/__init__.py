"""Recipes: one file, one problem. `python -m recipes` lists them."""

import pathlib

from keras_recipes.console import startup

startup.begin(__name__, pathlib.Path(__file__).parent)
