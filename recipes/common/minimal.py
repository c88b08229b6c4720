"""A recipe as one file of plain Keras, for people who want to read everything.

The parts that recipes share stand in a template; what is a recipe's own, its network, its settings
and its problem, is taken from its source.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import json
import pathlib
import re
import string
import textwrap
import types
import typing

from recipes.common import configs, copying, files, problems, shelf
from recipes.common.errors import InputError

RULE_NAMES = {
    problems.BINARY: "binary",
    problems.MULTICLASS: "multiclass",
    problems.MULTICLASS_ONE_HOT: "multiclass, one-hot",
    problems.MULTICLASS_LOGITS: "multiclass, logits",
    problems.MULTILABEL: "multilabel",
    problems.REGRESSION: "regression",
}
# How the arrays of a data set come without the package `datasets`.
BUNDLED = {
    "breast_cancer": "load_breast_cancer(return_X_y=True)\ny = 1 - y  # 1 is malignant",
    "diabetes": "load_diabetes(return_X_y=True, scaled=False)",
    "digits": "load_digits(return_X_y=True)\nx = x.reshape(-1, 8, 8)",
    "iris": "load_iris(return_X_y=True)",
    "wine": "load_wine(return_X_y=True)",
}
LINE_LENGTH = 100
LEFT_OUT = ("data", "data_dir")  # Keras itself knows one place for each set

LOAD_BUNDLED = '''\
def load_data(config):
    """Give (x, y) of 60 % of the rows for training, 20 % for validation, 20 % for the test."""
    x, y = datasets.$load
    x, y = x.astype("float32"), labels(y)
    x, x_test, y, y_test = split(x, y, 0.2, config.seed)
    x, x_validation, y, y_validation = split(x, y, 0.25, config.seed)
    return (x, y), (x_validation, y_validation), (x_test, y_test)
'''
LOAD_IMAGES = '''\
def load_data(config):
    """Give (x, y) for training, for validation (5,000 rows) and of the published test part.

    Keras downloads the files once; offline, put them into ~/.keras/$cache.
    """
    (x, y), (x_test, y_test) = keras.datasets.$data.load_data()
    x, x_validation, y, y_validation = split(x, labels(y), min(5000, len(y) // 10), config.seed)
    return (x, y), (x_validation, y_validation), (x_test, labels(y_test))
'''
TEMPLATE = '''\
"""$title

$problem
$data
Result: $result, of the recipe $recipe that this file was made from.
Needs: pip install $packages
Run: python $file --epochs 5
"""

import dataclasses
import math

import keras
import numpy as np
import tyro
from sklearn import $sklearn

FROM_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
# The rule table: problem -> activation of the output layer, loss, metrics.
RULES = {
    "binary": ("sigmoid", "binary_crossentropy", ["accuracy", "auc"]),
    "multiclass": ("softmax", "sparse_categorical_crossentropy", ["accuracy"]),
    "multiclass, one-hot": ("softmax", "categorical_crossentropy", ["accuracy"]),
    "multiclass, logits": (None, FROM_LOGITS, ["accuracy"]),
    "multilabel": ("sigmoid", "binary_crossentropy", ["binary_accuracy", "auc"]),
    "regression": (None, "mse", ["root_mean_squared_error", "mae", "r2_score"]),
}
PROBLEM = "$rule"
NUM_OUTPUTS = $num_outputs
$constants

@dataclasses.dataclass(frozen=True)
class Config:
    """Settings; each is a flag of the same name."""

$fields


def labels(y):
    """Bring targets to the form that the loss takes."""
    if PROBLEM == "multiclass, one-hot":
        return np.eye(NUM_OUTPUTS, dtype="float32")[y]
    return y.astype("int32") if "multiclass" in PROBLEM else y.astype("float32").reshape(len(y), -1)


def split(x, y, share, seed):
    """Set rows aside; of each class its share."""
    classes = None if PROBLEM == "regression" else y
    return model_selection.train_test_split(
        x, y, test_size=share, random_state=seed, stratify=classes
    )


$load_data

def make_optimizer(config, **settings):
    """Make the optimizer that the config names; SGD's steps are bounded on targets of any size."""
    if PROBLEM == "regression" and config.optimizer in ("sgd", "momentum"):
        settings["global_clipnorm"] = 1.0
    if config.optimizer == "momentum":
        return keras.optimizers.SGD(config.learning_rate, momentum=0.9, **settings)
    return type(keras.optimizers.get(config.optimizer))(config.learning_rate, **settings)


def outputs(hidden):
    """Add the output layer of the rule; a regression's goes on to the target's own unit."""
    result = keras.layers.Dense(NUM_OUTPUTS, activation=RULES[PROBLEM][0])(hidden)
    return keras.layers.Normalization(invert=True)(result) if PROBLEM == "regression" else result


def compile_model(model, optimizer):
    """Compile with loss and metrics of the rule."""
    _, loss, metrics = RULES[PROBLEM]
    model.compile(optimizer, loss=loss, metrics=metrics)
    return model


$build_model

def fit(config, training, validation, epochs):
    """Train a fresh model; with a validation part, keep its best epoch."""
    keras.utils.set_random_seed(config.seed)
    model = build_model(config)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt(training[1 if layer.invert else 0])  # from training rows only
    callbacks = [keras.callbacks.TerminateOnNaN()]
    if config.schedule == "cosine":
        course = [(1 + math.cos(math.pi * i / config.epochs)) / 2 for i in range(config.epochs)]
        rates = keras.callbacks.LearningRateScheduler(lambda i: config.learning_rate * course[i])
        callbacks.append(rates)
    if validation:
        best = {"monitor": "val_$monitor", "mode": "$mode", "restore_best_weights": True}
        callbacks.append(keras.callbacks.EarlyStopping(**best, patience=config.patience))
    history = model.fit(
        *training, config.batch_size, epochs, validation_data=validation, callbacks=callbacks
    ).history
    return model, history


def main(config):
    """Train, refit on all rows but the test's where asked, and open the test part once."""
    training, validation, test = load_data(config)
    model, history = fit(config, training, validation, config.epochs)
    if config.refit:
        best_epoch = int(np.arg$mode(history["val_$monitor"])) + 1
        everything = [np.concatenate(pair) for pair in zip(training, validation, strict=True)]
        model, _ = fit(config, everything, None, best_epoch)
    model.save("model.keras")
    print("test:", model.evaluate(*test, verbose=0, return_dict=True), "The model: model.keras")


if __name__ == "__main__":
    main(tyro.cli(Config))
'''


def copy(recipe: str, path: pathlib.Path, name: str | None = None) -> list[str]:
    """Write a recipe as a single file.

    Args:
        recipe: Name of a recipe.
        path: The .py file to write, or a new or empty folder to write it into.
        name: Of the file where `path` is a folder; by default that of the folder.

    Returns:
        Lines for the terminal: what was written, and what to do next.

    Raises:
        InputError: If recipe, path or name cannot serve, or the recipe has no single-file form.
        RunError: If the disk is full, or fails otherwise.
    """
    path = path.expanduser().absolute()
    if path.suffix == ".py":
        folder, name = path.parent, name or path.stem
        if path.exists():
            raise InputError(f"{path} is there already; give the name of a new file")
    else:
        folder = path
        copying.check_folder(folder)
    name = copying.check_name(recipe, folder, name)
    text = source(recipe, name)
    with files.faults_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / f"{name}.py", text)
    return [
        f"{len(text.splitlines())} lines in {folder / name}.py. Next:",
        f"  cd {copying.quoted(folder)}",
        f"  pip install {_packages()}",
        f"  python {name}.py",
    ]


def source(recipe: str, name: str) -> str:
    """Give a recipe as the source of a single file.

    Args:
        recipe: Name of a recipe.
        name: Of the file, without .py.

    Returns:
        Python source.

    Raises:
        InputError: If the recipe uses parts that a single file cannot hold.
    """
    module = importlib.import_module(f"recipes.{recipe}")
    problem, entry = module.PROBLEM, shelf.read(recipe)
    build, constants = _network(module, name)
    load = _load_data(_data_set(module))
    return string.Template(TEMPLATE).substitute(
        title=entry.title,
        problem=f"Problem: {entry.problem}",
        data=f"Data: {entry.data}",
        result=entry.result,
        recipe=recipe,
        packages=_packages(),
        file=f"{name}.py",
        rule=RULE_NAMES[problem.rule],
        num_outputs=problem.num_outputs,
        constants=constants,
        fields="\n".join(_fields(module.Config)),
        load_data=load,
        build_model=build,
        monitor=problem.monitor,
        mode=problem.direction,
        sklearn="datasets, model_selection" if " datasets." in load else "model_selection",
    )


def _packages() -> str:
    """Give the pinned packages that a single file needs, for pip."""
    pins = copying.read("requirements.txt")
    names = ("tensorflow", "keras", "numpy", "scikit-learn", "tyro")
    return " ".join(re.search(rf"^{name}==\S+", pins, re.MULTILINE)[0] for name in names)


def _data_set(module: types.ModuleType) -> types.ModuleType:
    """Give the data set that a recipe imports."""
    found = [m for m in vars(module).values() if getattr(m, "__name__", "").startswith("datasets.")]
    return next(m for m in found if isinstance(m, types.ModuleType))


def _load_data(data_set: types.ModuleType) -> str:
    name = data_set.__name__.partition(".")[2]
    if hasattr(data_set, "PUBLISHED"):
        cache = data_set.PUBLISHED.cache_folder
        return string.Template(LOAD_IMAGES).substitute(data=name, cache=cache)
    if name not in BUNDLED:
        raise InputError(
            f"the data set {name} has no single-file form; copy the recipe without --minimal"
        )
    return string.Template(LOAD_BUNDLED).substitute(load=BUNDLED[name].replace("\n", "\n    "))


def _network(module: types.ModuleType, name: str) -> tuple[str, str]:
    """Give the source of build_model on its own, and the constants that it needs."""
    text = inspect.getsource(module.build_model)
    text = text.replace("PROBLEM.outputs(", "outputs(").replace(
        "optimizers.make(", "make_optimizer("
    )
    text = text.replace("PROBLEM.compile(", "compile_model(")
    text = re.sub(r"config: \w+\) -> [\w.]+:", "config):", text)
    data_set = _data_set(module)
    short = data_set.__name__.partition(".")[2]
    text = re.sub(
        rf"len\({short}\.(\w+)\)", lambda found: str(len(getattr(data_set, found[1]))), text
    )
    names = sorted(set(re.findall(rf"\b{short}\.([A-Z_]+)\b", text)))
    text = re.sub(rf"\b{short}\.([A-Z_]+)\b", r"\1", text)
    ours = {
        node.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and _is_ours(vars(module).get(node.id))
    }
    if ours:
        raise InputError(
            f"{module.__name__} builds its network with {', '.join(sorted(ours))}, which a single "
            "file does not hold; copy the recipe without --minimal"
        )
    constants = [f"{constant} = {_as_source(getattr(data_set, constant))}" for constant in names]
    text = text.replace(f'name="{module.__name__.rpartition(".")[2]}"', f'name="{name}"')
    return text, "".join(line + "\n" for line in constants)


def _is_ours(value: object) -> bool:
    """Tell whether a value comes from this repository, be it a module or a part of one."""
    name = (
        value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", "")
    )
    return str(name).partition(".")[0] in copying.PACKAGES


def _fields(config: type) -> list[str]:
    """Give a Config's fields as source, each with its meaning as a comment."""
    meanings = _meanings(config)
    hints = typing.get_type_hints(config)
    lines = []
    for field in dataclasses.fields(config):
        if field.name in LEFT_OUT:
            continue
        hint = hints[field.name]
        if typing.get_origin(hint) is typing.Literal:
            hint = str
        hint = getattr(hint, "__name__", hint) if not typing.get_args(hint) else hint
        line = f"    {field.name}: {hint} = {_as_source(field.default)}"
        comment = f"# {meanings[field.name]}"
        fits = len(line) + 2 + len(comment) <= LINE_LENGTH
        lines += [f"{line}  {comment}"] if fits else [f"    {comment}", line]
    return lines


def _as_source(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)  # double quotes


def _meanings(config: type) -> dict[str, str]:
    """Read the sentence below each field of a dataclass, and of those it inherits from."""
    meanings = {}
    for kind in config.__mro__:
        if not issubclass(kind, configs.Config):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body
        for field, after in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr):
                meanings.setdefault(field.target.id, after.value.value.rstrip("."))
    return meanings
