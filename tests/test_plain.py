"""The files of plain Keras: each alone, by the rule table, and as good as the recipe it mirrors."""

import ast
import functools
import gzip
import importlib.util
import inspect
import json
import pathlib
import re
import statistics

import keras
import numpy as np
import pytest

from keras_recipes import problems

RECIPES = pathlib.Path(__file__).resolve().parent.parent / "recipes"
FOLDER = RECIPES / "plain"
MIRRORED = {
    "binary": ("breast_cancer", problems.BINARY),
    "multiclass": ("iris", problems.MULTICLASS),
    "one_hot": ("digits", problems.MULTICLASS_ONE_HOT),
    "logits": ("fmnist", problems.MULTICLASS_LOGITS),
    "multilabel": ("digit_traits", problems.MULTILABEL),
    "regression": ("diabetes", problems.REGRESSION),
}
BUNDLED = [name for name in MIRRORED if name != "logits"]  # data that come with scikit-learn
OURS = {"keras_recipes", "datasets", "recipes", "tuning", "benchmarks"}
FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")
RESULT = re.compile(
    r"(accuracy|rmse) (\d+\.\d+) ± (\d+\.\d+) \(5 seeds\), "
    r"\d+ s on 2 cores of AMD EPYC \(Zen 3\)"
)
every_file = pytest.mark.parametrize("name", MIRRORED)
QUICK_AND_OTHERS = [
    name if name == "multiclass" else pytest.param(name, marks=pytest.mark.second_tier)
    for name in MIRRORED
]


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def docstring(path):
    """Give the title and the lines `Word: text` of a docstring, without running the file."""
    title, _, rest = ast.get_docstring(parse(path)).partition("\n")
    return title, dict(line.split(": ", 1) for line in rest.strip().splitlines() if ": " in line)


def record(name):
    recipe, _ = MIRRORED[name]
    return json.loads((RECIPES / "results" / f"{recipe}.json").read_text(encoding="utf-8"))


@functools.cache
def load(name):
    spec = importlib.util.spec_from_file_location(f"plain_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def training_set(name):
    if name in BUNDLED:
        return load(name).load_data(seed=0)[0]
    return np.zeros((20, 28, 28), "uint8"), np.arange(20, dtype="uint8") % 10


@functools.cache
def build(name):
    keras.utils.set_random_seed(0)
    function = load(name).build_model
    return function(*training_set(name)[: len(inspect.signature(function).parameters)])


def output_layer(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][-1]


def test_there_is_one_file_for_each_row_of_the_rule_table():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(MIRRORED)
    assert {id(rule) for _, rule in MIRRORED.values()} == set(map(id, problems.RULES))


@every_file
def test_a_file_is_read_in_one_sitting(name):
    assert 60 <= len((FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 90


@every_file
def test_a_file_needs_nothing_of_ours(name):
    imported = set()
    for node in ast.walk(parse(FOLDER / f"{name}.py")):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module.partition(".")[0])
    assert not imported & OURS
    assert imported <= {"argparse", "gzip", "os", "keras", "numpy", "sklearn"}


@every_file
def test_the_docstring_says_what_the_recipe_says(name):
    title, lines = docstring(FOLDER / f"{name}.py")
    _, recipe_lines = docstring(RECIPES / f"{MIRRORED[name][0]}.py")
    assert title.endswith(", in plain Keras.")
    assert list(lines) == ["Problem", "Data", "Result", "Run"]
    assert lines["Problem"] == recipe_lines["Problem"]
    assert lines["Data"] == recipe_lines["Data"]
    assert RESULT.fullmatch(lines["Result"])
    assert lines["Run"].startswith(f"python {name}.py [--seed N]")


@pytest.mark.parametrize("name", QUICK_AND_OTHERS)
def test_output_layer_loss_and_metrics_follow_the_rule_table(name):
    rule, model = MIRRORED[name][1], build(name)
    layer, (x, y) = output_layer(model), training_set(name)
    assert keras.activations.serialize(layer.activation) == (rule.activation or "linear")
    num_classes = int(y.max()) + 1
    integer = rule.labels == "integer"
    assert layer.units == (num_classes if integer else y.shape[1])
    loss = keras.losses.get(model.loss)
    if rule.from_logits:
        assert isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
        assert loss.from_logits
    else:
        assert loss is keras.losses.get(rule.loss)
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    assert set(scores) == {"loss", *rule.metrics}
    # The metrics' names mean what the table means by them.
    outputs = model.predict(x, verbose=0)
    if rule.kind == "multiclass":
        correct = outputs.argmax(axis=1) == (y if integer else y.argmax(axis=1))
        assert scores["accuracy"] == pytest.approx(correct.mean(), abs=1e-6)
    elif rule.kind == "regression":
        assert scores["rmse"] == pytest.approx(np.sqrt(((outputs - y) ** 2).mean()), rel=1e-4)
    else:
        assert scores[rule.metrics[0]] == pytest.approx(((outputs >= 0.5) == y).mean(), abs=1e-6)


@every_file
def test_network_and_settings_are_those_of_the_recipe(name):
    settings, module, model = record(name)["config"], load(name), build(name)
    shared = [key for key in settings if key.upper() in vars(module)]
    assert {"seed", "epochs", "batch_size", "learning_rate", "patience", "hidden_units"} <= set(
        shared
    )
    for key in shared:
        if key == "hidden_units":
            units = vars(module)["HIDDEN_UNITS"]
            assert set(np.atleast_1d(units)) == set(settings[key])
        else:
            assert vars(module)[key.upper()] == settings[key], key
    dense = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert dense[:-1] == settings["hidden_units"]
    rates = {layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)}
    assert rates == {settings["dropout"], settings.get("input_dropout", 0.0)} - {0.0}
    assert type(model.optimizer).__name__.lower() == settings["optimizer"]
    assert float(model.optimizer.learning_rate) == pytest.approx(settings["learning_rate"])
    if "weight_decay" in settings:
        assert model.optimizer.weight_decay == settings["weight_decay"]
    assert model.count_params() == record(name)["parameters"]


@pytest.mark.parametrize("name", BUNDLED)
def test_each_sample_is_in_one_part_and_classes_keep_their_shares(name):
    parts = load(name).load_data(seed=1)
    sizes = [len(y) for _, y in parts]
    total = sum(sizes)
    assert total == sum(record(name)["data"]["rows"].values())
    assert [size / total for size in sizes] == pytest.approx([0.6, 0.2, 0.2], abs=0.005)
    assert all(len(x) == len(y) for x, y in parts)
    if name != "regression":
        fractions = [
            np.eye(10)[y].mean(axis=0) if y.ndim == 1 else y.mean(axis=0) for _, y in parts
        ]
        np.testing.assert_allclose(
            fractions[1:], np.broadcast_to(fractions[0], (2, *fractions[0].shape)), atol=0.02
        )
    again = load(name).load_data(seed=1)
    np.testing.assert_array_equal(parts[2][0], again[2][0])
    assert not np.array_equal(parts[2][0], load(name).load_data(seed=2)[2][0])


def test_fashion_mnist_is_read_from_idx_files_plain_or_packed(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {}
    for part, rows in (("train", 240), ("t10k", 20)):
        arrays[part] = generator.integers(0, 256, (rows, 28, 28), "uint8"), np.arange(rows) % 10
        for array, name in zip(arrays[part], ("images-idx3", "labels-idx1"), strict=True):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            content = header + array.astype("uint8").tobytes()
            path = tmp_path / f"{part}-{name}-ubyte"
            if part == "train":
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)
    training, validation, test = load("logits").load_data(seed=0, folder=str(tmp_path))
    assert [len(x) for x, _ in (training, validation, test)] == [220, 20, 20]
    assert (np.bincount(validation[1]) == 2).all()
    assert np.concatenate([training[0], validation[0]]).sum() == arrays["train"][0].sum()
    for read, written in zip(test, arrays["t10k"], strict=True):
        np.testing.assert_array_equal(read, written)


@pytest.mark.second_tier
def test_a_run_prints_the_scores_of_each_epoch_and_reads_a_prediction(monkeypatch, capsys):
    iris = load("multiclass")
    monkeypatch.setattr(iris, "EPOCHS", 3)
    score = iris.main(seed=0)
    found, refit = capsys.readouterr().out.split("Refit")
    (epochs,) = re.findall(r"(\d+) epochs", refit)
    lines = found.splitlines()
    assert [line.split(" {")[0] for line in lines] == ["Epoch 1", "Epoch 2", "Epoch 3"]
    assert all(re.search("'accuracy': .*'loss': .*'val_loss': ", line) for line in lines)
    assert len(re.findall("^Epoch .*'loss': ", refit, re.MULTILINE)) == int(epochs) <= 3
    assert f"Test set: accuracy {score:.4f}" in refit
    assert re.search(r"First test sample: (setosa|versicolor|virginica), with probability ", refit)
    assert 0 <= score <= 1


@pytest.mark.slow
@every_file
def test_a_file_is_as_good_as_the_recipe_within_noise(name):
    """Three combined standard errors, each from a standard deviation over seeds.

    That of the recipe is over means of five folds (Fashion-MNIST: over seeds), as its record gives
    it; that of the file is over single splits, as its docstring gives it: the three seeds that
    are run here are too few for one. Both train on the same share of the rows.
    """
    arguments = {}
    if name == "logits":
        if not FASHION_MNIST.is_dir():
            pytest.skip(f"no {FASHION_MNIST}")
        arguments["folder"] = str(FASHION_MNIST)
    scores = [load(name).main(seed=seed, **arguments) for seed in range(3)]
    _, lines = docstring(FOLDER / f"{name}.py")
    std = float(RESULT.fullmatch(lines["Result"])[3])
    recipe = record(name)["test"][record(name)["headline"]]
    error = (std**2 / len(scores) + recipe["std"] ** 2 / len(recipe["each"])) ** 0.5
    assert abs(statistics.fmean(scores) - recipe["mean"]) <= 3 * error, scores
