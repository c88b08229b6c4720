"""The check before training: classic mistakes of any Keras model, named before they cost an hour.

`api.py` holds the entry points, `rules` the rules by subject, `inspect` what they look at.
"""

from keras_recipes.checks.api import RULES, Finding, Findings, PreFlight, check, check_trained

__all__ = ["RULES", "Finding", "Findings", "PreFlight", "check", "check_trained"]
