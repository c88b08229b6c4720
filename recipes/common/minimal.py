"""A recipe as one file of plain Keras, for people who want to read everything.

The parts that recipes share stand in a template; what is a recipe's own, its network, its settings
and its problem, is taken from its source.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import importlib
import inspect
import itertools
import os
import pathlib
import re
import string
import symtable
import textwrap
import types
import typing

from recipes.common import as_source, configs, copying, problems, shelf
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
    "digit_traits": (
        "load_digits(return_X_y=True)\nx = x.reshape(-1, 8, 8)\n"
        "traits = ((0, 2, 4, 6, 8), (2, 3, 5, 7), (0, 6, 8, 9))  # even, prime, with a loop\n"
        "y = np.column_stack([np.isin(y, having) for having in traits])"
    ),
    "digit_halves": "load_digits().images.reshape(-1, 2, 4, 8).swapaxes(0, 1)  # upper, lower half",
    "iris": "load_iris(return_X_y=True)",
    "wine": "load_wine(return_X_y=True)",
}
# The ranges of fields, as a test and in words.
NOT_NEGATIVE = ("0 <= v < 2**32", "from 0 to below 2**32")
RANGES = {
    typing.get_args(kind)[1]: words
    for kind, words in {
        configs.Count: ("v >= 1", "1 or more"),
        configs.Positive: ("0 < v < math.inf", "above 0"),
        configs.Fraction: ("0 <= v < 1", "from 0 to below 1"),
        configs.NotNegative: NOT_NEGATIVE,
        configs.Seed: NOT_NEGATIVE,
    }.items()
}
LINE_LENGTH = 100
MOST_LINES = 150
SAME_NAMES = {"keras", "math", "np"}  # a recipe that says so means what a single file imports
LEFT_OUT = ("data", "data_dir")  # Keras itself knows one place for each set
# Meanings that are too long to stand beside their fields.
SHORT = {
    "schedule": "Cosine: the rate falls to 0",
    "refit": "Train anew on training and validation rows once the epochs are known",
    "weight_decay": "Share of the weights, times the learning rate, that a step takes",
}
# What differs with the form of the labels.
LABELS = {
    "integer": 'y.astype("int32")',
    "one-hot": 'np.eye(NUM_OUTPUTS, dtype="float32")[y]',
}
NUMBERS = 'y.astype("float32").reshape(len(y), -1)'

LOAD_BUNDLED = '''\
def load_data(config):
    """Give (x, y) of 60 % of the rows for training, 20 % for validation, 20 % for the test."""
    x, y = datasets.$load
    x, y = x.astype("float32"), $labels
    split, how = model_selection.train_test_split, {"random_state": config.seed}
    x, x_test, y, y_test = split(x, y, test_size=0.2$stratify, **how)
    x, x_validation, y, y_validation = split(x, y, test_size=0.25$stratify, **how)
    return (x, y), (x_validation, y_validation), (x_test, y_test)
'''
LOAD_IMAGES = '''\
def load_data(config):
    """Give (x, y) for training, for validation (5,000 rows) and of the published test part."""
    try:
        (x, y), test = keras.datasets.$data.load_data()
    except Exception as error:  # noqa: BLE001 (Keras raises no narrower one)
        files = "$files"
$package        advice = f"put {files} into ~/.keras/$cache$there"
        sys.exit(f"{error}; {advice}; a copy without --minimal has a stand-in")
    how = {"test_size": min(5000, len(y) // 10), "random_state": config.seed, "stratify": y}
    x, x_validation, y, y_validation = model_selection.train_test_split(x, y, **how)
    return (x, y), (x_validation, y_validation), test
'''
IDX_FILES = "{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
# Of a regression: the targets have a unit, and come in no classes.
CLIP = """\
    if config.optimizer in ("sgd", "momentum"):
        settings["global_clipnorm"] = 1.0  # bounded steps on targets of any size
"""
R2_OF_SEVERAL = """\
R2 = keras.metrics.R2Score("variance_weighted_average")  # of all outputs together
"""
TO_UNIT = '''\
    """Add the output layer of the rule, brought to the target's own unit."""
    result = keras.layers.Dense(NUM_OUTPUTS, activation=ACTIVATION)(hidden)
    return keras.layers.Normalization(invert=True)(result)
'''
PLAIN = '''\
    """Add the output layer of the rule."""
    return keras.layers.Dense(NUM_OUTPUTS, activation=ACTIVATION)(hidden)
'''
ADAPT = """\
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt(training[$adapted])  # from the rows that it is trained on
"""
TEMPLATE = '''\
"""$title

$problem
$data
$result
The split is scikit-learn's, not the recipe's: scores of single seeds differ within the noise.
Needs: pip install $packages
Run: python $file
"""

import dataclasses
import math
import os
import sys
import typing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before Keras: fewer notes of TensorFlow's
import keras
import numpy as np
import tyro
from sklearn import $sklearn

FROM_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
$several# The rule table: problem -> activation of the output layer, loss, metrics.
RULES = {
    "binary": ("sigmoid", "binary_crossentropy", ["accuracy", "auc"]),
    "multiclass": ("softmax", "sparse_categorical_crossentropy", ["accuracy"]),
    "multiclass, one-hot": ("softmax", "categorical_crossentropy", ["accuracy"]),
    "multiclass, logits": (None, FROM_LOGITS, ["accuracy"]),
    "multilabel": ("sigmoid", "binary_crossentropy", ["binary_accuracy", "auc"]),
    "regression": (None, "mse", ["root_mean_squared_error", "mae", $r2]),
}
PROBLEM = "$rule"
ACTIVATION, LOSS, METRICS = RULES[PROBLEM]
NUM_OUTPUTS = $num_outputs
$constants

@dataclasses.dataclass(frozen=True)
class Config:
    """Settings; each is a flag of the same name."""

$fields


def check(config):
    """End with one line and exit code 2 where a setting cannot work."""
    for names, fits, expected in (
$limits
    ):
        for name in names.split():
            if not all(map(fits, np.ravel(getattr(config, name)))):
                print(f"{name}: {getattr(config, name)}, expected {expected}", file=sys.stderr)
                sys.exit(2)


$load_data

def make_optimizer(config, **settings):
    """Make the optimizer that the config names."""
$clip    if config.optimizer == "momentum":
        return keras.optimizers.SGD(config.learning_rate, momentum=0.9, **settings)
    return type(keras.optimizers.get(config.optimizer))(config.learning_rate, **settings)


def outputs(hidden):
$outputs

$build_model

def fit(config, training, validation, epochs):
    """Train a fresh model; with a validation part, keep its best epoch."""
    keras.utils.set_random_seed(config.seed)
    model = build_model(config)
$adapt    callbacks = [keras.callbacks.TerminateOnNaN()]
    if config.schedule == "cosine":
        half, turn = config.learning_rate / 2, math.pi / config.epochs
        rates = keras.callbacks.LearningRateScheduler(lambda i: half * (1 + math.cos(turn * i)))
        callbacks.append(rates)
    if validation:
        best = {"monitor": "val_$monitor", "mode": "$mode", "restore_best_weights": True}
        callbacks.append(keras.callbacks.EarlyStopping(**best, patience=config.patience))
    settings = {"validation_data": validation, "callbacks": callbacks, "verbose": $verbose}
    history = model.fit(*training, config.batch_size, epochs, **settings).history
    loss = history["loss"][-1]
    if not math.isfinite(loss):
        sys.exit("the loss became NaN: make learning_rate smaller, or scale inputs and targets")
    print(f"rows: {len(training[0])}, epochs: {len(history['loss'])}, training loss {loss:.4g}")
    return model, history


def main(config):
    """Train, refit on all rows but the test's where asked, and open the test part once."""
    check(config)
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
    path = copying.real_path(path)
    is_file = path.suffix == ".py"
    kind = "file" if is_file else "folder"
    folder = path.parent if is_file else path
    if is_file and name not in (None, path.stem):
        raise InputError(f"--name {name} and the file {path.name} differ; give one of them")
    name = copying.check_name(recipe, path.stem if is_file else path.name, name, kind)
    if not is_file:
        copying.check_folder(folder)
    elif os.path.lexists(path):
        raise InputError(f"{path} is there already; give the name of a new file")
    text = source(recipe, name)
    copying.write_into(folder, {f"{name}.py": text})
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
    problem, entry, data_set = module.PROBLEM, shelf.read(recipe), _data_set(module)
    build, constants = _network(module, name)
    reached = copying.result_of(recipe)
    text = string.Template(TEMPLATE).substitute(
        _parts_of_the_problem(problem) | _parts_of_the_data(data_set, problem),
        title=entry.title,
        problem=f"Problem: {entry.problem}",
        data=f"Data: {entry.data}",
        result=f"Result: {reached}" if reached else "",
        packages=_packages(),
        file=f"{name}.py",
        constants=constants,
        fields="\n".join(_fields(module.Config)),
        limits="\n".join(_limits(module.Config)),
        build_model=build,
        adapt=_adapt(problem) if ".Normalization(" in build or problem.is_regression else "",
    )
    text = text.replace("\n\nThe split is", "\nThe split is")  # where there is no result
    if fault := _fault(text):
        raise _no_single_file(module, fault)
    return text


def _fault(text: str) -> str:
    """Say why a source cannot be a single file; nothing where it can."""
    try:
        undefined = _undefined(text)
    except SyntaxError as error:
        return f"could not hold {(error.text or '').strip()!r}"
    if undefined:
        return f"could not hold {', '.join(sorted(undefined))}"
    too_long = len(text.splitlines()) > MOST_LINES
    return f"would be of more than {MOST_LINES} lines" if too_long else ""


def _no_single_file(module: types.ModuleType, reason: str) -> InputError:
    recipe = module.__name__.rpartition(".")[2]
    return InputError(
        f"{recipe} has no single-file form, which {reason}; copy it without --minimal"
    )


def _parts_of_the_problem(problem: problems.Problem) -> dict[str, object]:
    """Give what differs with the kind of a problem, by the names of the template."""
    several = problem.is_regression and problem.num_outputs > 1
    return {
        "rule": RULE_NAMES[problem.rule],
        "num_outputs": problem.num_outputs,
        "clip": CLIP if problem.is_regression else "",
        "several": R2_OF_SEVERAL if several else "",
        "r2": "R2" if several else '"r2_score"',
        "outputs": TO_UNIT if problem.is_regression else PLAIN,
        "monitor": problem.monitor,
        "mode": problem.direction,
    }


def _parts_of_the_data(data_set: types.ModuleType, problem: problems.Problem) -> dict[str, object]:
    """Give what differs with where the data come from, by the names of the template."""
    is_published = hasattr(data_set, "PUBLISHED")
    return {
        "load_data": _load_data(data_set, problem),
        "verbose": 2 if is_published else 0,  # tables train in seconds, for hundreds of epochs
        "sklearn": "model_selection" if is_published else "datasets, model_selection",
    }


def _adapt(problem: problems.Problem) -> str:
    adapted = "1 if layer.invert else 0" if problem.is_regression else "0"
    return string.Template(ADAPT).substitute(adapted=adapted)


def _packages() -> str:
    """Give the pinned packages that a single file needs, for pip."""
    pins = copying.read("requirements.txt")
    names = ("tensorflow", "keras", "numpy", "scikit-learn", "tyro")
    return " ".join(re.search(rf"^{name}==\S+", pins, re.MULTILINE)[0] for name in names)


def _data_set(module: types.ModuleType) -> types.ModuleType:
    """Give the data set that a recipe imports."""
    modules = [value for value in vars(module).values() if isinstance(value, types.ModuleType)]
    data_sets = [m for m in modules if m.__name__.startswith("datasets.")]
    if len(data_sets) != 1:
        raise _no_single_file(module, "takes a recipe that imports one module of datasets")
    data_set = data_sets[0]
    if not hasattr(data_set, "PUBLISHED") and data_set.__name__.partition(".")[2] not in BUNDLED:
        raise _no_single_file(module, f"could not hold its data, {data_set.__name__}")
    return data_set


def _load_data(data_set: types.ModuleType, problem: problems.Problem) -> str:
    name = data_set.__name__.partition(".")[2]
    if hasattr(data_set, "PUBLISHED"):
        return _load_images(name, data_set.PUBLISHED)
    load = BUNDLED[name].replace("\n", "\n    ")
    return string.Template(LOAD_BUNDLED).substitute(
        load=load,
        labels=LABELS.get(problem.rule.labels, NUMBERS),
        stratify="" if problem.is_regression else ", stratify=y",  # of each class its share
    )


def _load_images(name: str, published) -> str:
    """Give the source that loads a published set, by Keras; its labels are integers."""
    where = published.system_folder
    package = f" (Debian's dataset-{where.name} has them in {where})" if where else ""
    return string.Template(LOAD_IMAGES).substitute(
        data=name,
        package=f'        package = "{package}"\n' if package else "",
        there="{package}" if package else "",
        files=published.archive.download_name if published.archive else IDX_FILES,
        cache=published.cache_folder,
    )


def _network(module: types.ModuleType, name: str) -> tuple[str, str]:
    """Give the source of build_model on its own, and the constants that it needs."""
    text = inspect.getsource(module.build_model)
    text = text.replace("PROBLEM.outputs(", "outputs(").replace(
        "optimizers.make(", "make_optimizer("
    )
    text = _compile_plainly(text)
    text = re.sub(r"config: \w+\) -> [\w.]+:", "config):", text)
    data_set = _data_set(module)
    short = data_set.__name__.partition(".")[2]
    text = re.sub(
        rf"len\({short}\.(\w+)\)", lambda found: str(len(getattr(data_set, found[1]))), text
    )
    names = sorted(set(re.findall(rf"\b{short}\.([A-Z_]+)\b", text)))
    text = re.sub(rf"\b{short}\.([A-Z_]+)\b", r"\1", text)
    given = {"outputs", "make_optimizer", "LOSS", "METRICS", *names} - {*vars(module)}
    if beyond := _undefined(text) - SAME_NAMES - given:
        raise _no_single_file(module, f"could not hold {', '.join(sorted(beyond))} of build_model")
    constants = [
        f"{constant} = {as_source.of_value(getattr(data_set, constant))}" for constant in names
    ]
    text = text.replace(f'name="{module.__name__.rpartition(".")[2]}"', f'name="{name}"')
    return text, "".join(line + "\n" for line in constants)


def _compile_plainly(text: str) -> str:
    """Write out what `PROBLEM.compile(model, optimizer)` does, be it returned or not."""
    returned = r"^( +)return (PROBLEM\.compile\(.*\))$"
    text = re.sub(returned, r"\1model = \2\n\1return model", text, flags=re.MULTILINE)
    called = r"^( +)(?:model = )?PROBLEM\.compile\(model, (.*)\)$"
    plain = r"\1optimizer = \2\n\1model.compile(optimizer, loss=LOSS, metrics=METRICS)"
    return re.sub(called, plain, text, flags=re.MULTILINE)


def _undefined(text: str) -> set[str]:
    """Name what a source takes from outside, Python's own names left out.

    Raises:
        SyntaxError: If it is no Python.
    """
    module = symtable.symtable(text, "single file", "exec")
    tables, names = [module], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        symbols = table.get_symbols()
        names |= {one.get_name() for one in symbols if one.is_global() and one.is_referenced()}
    defined = {
        one.get_name() for one in module.get_symbols() if one.is_assigned() or one.is_imported()
    }
    return names - defined - {*vars(builtins)}


def _fields(config: type) -> list[str]:
    """Give a Config's fields as source, each with its meaning as a comment."""
    meanings = _meanings(config) | SHORT
    lines = []
    for field, hint in _hints(config):
        default = as_source.of_value(field.default)
        line = f"    {field.name}: {as_source.of_type(hint)} = {default}"
        comment = f"# {meanings.get(field.name, field.name)}"
        fits = len(line) + 2 + len(comment) <= LINE_LENGTH
        lines += [f"{line}  {comment}"] if fits else [f"    {comment}", line]
    return lines


def _hints(config: type) -> list[tuple[dataclasses.Field, object]]:
    """Give the fields that a single file has, each with its type and the range in it."""
    hints = typing.get_type_hints(config, include_extras=True)
    fields = [field for field in dataclasses.fields(config) if field.name not in LEFT_OUT]
    return [(field, hints[field.name]) for field in fields]


def _limits(config: type) -> list[str]:
    """Give the rows of `check`: the fields that share a range, what fits it, and in words."""
    names = {}
    for field, hint in _hints(config):
        if typing.get_origin(hint) is tuple:
            hint = typing.get_args(hint)[0]
        for limits in getattr(hint, "__metadata__", ()):
            if limits in RANGES:
                names.setdefault(RANGES[limits], []).append(field.name)
    return [
        f'        ("{" ".join(fields)}", lambda v: {test}, "{words}"),'
        for (test, words), fields in names.items()
    ]


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
