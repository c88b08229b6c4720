"""One model over several devices."""

import subprocess
import sys

import pytest
from own_copies import ROOT

from keras_recipes.errors import InputError
from keras_recipes.training import devices

# A process of its own: devices are made before TensorFlow begins.
PROGRAM = """
import dataclasses, pathlib, sys

sys.path.insert(0, sys.argv[1])
import recipes
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import numpy as np, pandas as pd
from recipes import breast_cancer as recipe
from keras_recipes import configs, errors
from keras_recipes import recipe as contract
from keras_recipes.runs import predict as predictions
from keras_recipes.runs import run as runs

load = contract.load_data

def load_even(*arguments):
    splits = load(*arguments)
    part = splits.train
    return dataclasses.replace(splits, train=type(part)(part.x[:320], part.y[:320]))

contract.load_data = load_even
runs.baselines.predict = lambda *_: {}  # takes long, as pictures do, and is no part of this
runs.plots.draw_curves = runs._draw_predictions = lambda *_: None
config = recipe.Config(epochs=3, dropout=0.0, batch_size=64, refit=False)
for strategy in ("none", "mirrored"):
    told = {"out": pathlib.Path(strategy), "quiet": True, "engine": "keras"}
    metrics = runs.run(recipe, config, configs.RunOptions(strategy=strategy, **told)).metrics
    assert (metrics["strategy"], metrics["engine"]) == (strategy, "keras")
one, two = (pd.read_csv(f"{name}/history.csv") for name in ("none", "mirrored"))
np.testing.assert_allclose(one, two, rtol=1e-4)
recipe.load_data(config).test.x.to_csv("new.csv", index=False)
new = pathlib.Path("new.csv")
first, second = (predictions.predict(pathlib.Path(name), new) for name in ("none", "mirrored"))
assert list(first) == list(second) and len(first) == len(second) > 100
try:
    runs.run(recipe, dataclasses.replace(config, batch_size=63), configs.RunOptions(
        strategy="mirrored", quiet=True))
except errors.InputError as error:
    assert "take a --batch-size that 2 divides" in str(error), error
    print("done")
"""


@pytest.mark.second_tier
def test_two_devices_train_as_one_does():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT)], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.endswith("done\n"), done.stderr


def test_one_device_is_not_enough():
    with pytest.raises(InputError, match=r"--strategy mirrored: .* there is one CPU here"):
        devices.scope("mirrored", 32, 320)
