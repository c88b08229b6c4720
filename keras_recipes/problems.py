"""The problem type decides the output layer, the loss and the metrics: the rule table, once.

A recipe names its problem (`PROBLEM = problems.binary(("benign", "malignant"))`) and takes
everything about its output from that object. It never spells an activation, a loss or a metric.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from keras_recipes.errors import InputError


@dataclasses.dataclass(frozen=True)
class Rule:
    """One row of the rule table.

    Attributes:
        kind: binary, multiclass, multilabel or regression.
        labels: How the targets are written.
        activation: Of the output layer; None is linear.
        loss: Keras's name of the loss function.
        from_logits: Whether the loss takes outputs to which no softmax was applied.
        metrics: What is reported, the headline first unless a problem has another.
    """

    kind: str
    labels: str
    activation: str | None
    loss: str
    from_logits: bool
    metrics: tuple[str, ...]


BINARY = Rule("binary", "0/1", "sigmoid", "binary_crossentropy", False, ("accuracy", "auc"))
MULTICLASS = Rule(
    "multiclass", "integer", "softmax", "sparse_categorical_crossentropy", False, ("accuracy",)
)
MULTICLASS_ONE_HOT = Rule(
    "multiclass", "one-hot", "softmax", "categorical_crossentropy", False, ("accuracy",)
)
MULTICLASS_LOGITS = Rule(
    "multiclass", "integer", None, "sparse_categorical_crossentropy", True, ("accuracy",)
)
MULTILABEL = Rule(
    "multilabel",
    "columns of 0/1",
    "sigmoid",
    "binary_crossentropy",
    False,
    ("binary_accuracy", "auc"),
)
REGRESSION = Rule("regression", "number", None, "mse", False, ("rmse", "mae", "r2"))
RULES = (BINARY, MULTICLASS, MULTICLASS_ONE_HOT, MULTICLASS_LOGITS, MULTILABEL, REGRESSION)

CLIP_NORM = 1.0
MIN_STEPS = 100  # numbers of float32 within one std of a target: rounding is then 0.3 % of the std


def _accuracy(problem: Problem) -> keras.metrics.Metric:
    if problem.rule.kind == "binary":
        return keras.metrics.BinaryAccuracy(name="accuracy", threshold=problem.threshold)
    by_loss = {
        "categorical_crossentropy": keras.metrics.CategoricalAccuracy,
        "sparse_categorical_crossentropy": keras.metrics.SparseCategoricalAccuracy,
    }
    return by_loss[problem.rule.loss](name="accuracy")


def _r2(problem: Problem) -> keras.metrics.Metric:
    # Of several columns the explained fraction of their total variance: in a mean of each one's R²,
    # columns that hardly vary would count as much as the others.
    how = "uniform_average" if problem.num_outputs == 1 else "variance_weighted_average"
    return keras.metrics.R2Score(how, name="r2")


# Every metric is named, so that a second model in the same process does not get "auc_1".
_METRICS: dict[str, Callable[[Problem], keras.metrics.Metric]] = {
    "accuracy": _accuracy,
    "binary_accuracy": lambda _: keras.metrics.BinaryAccuracy(name="binary_accuracy"),
    # Of a multilabel problem over all labels together: Keras's AUC of each label by itself is slow,
    # and TensorFlow logs warnings at each measurement.
    "auc": lambda _: keras.metrics.AUC(name="auc"),
    "rmse": lambda _: keras.metrics.RootMeanSquaredError(name="rmse"),
    "mae": lambda _: keras.metrics.MeanAbsoluteError(name="mae"),
    "r2": _r2,
}


def direction(metric: str) -> str:
    """Return whether a better score of this metric is lower ("min") or higher ("max")."""
    return "min" if metric in ("loss", "rmse", "mae") else "max"


def sign(metric: str) -> int:
    """Return 1 where a higher score of this metric is better, -1 where a lower one is."""
    return 1 if direction(metric) == "max" else -1


@dataclasses.dataclass(frozen=True)
class Problem:
    """A problem: its row of the rule table, and what its outputs stand for.

    Attributes:
        rule: The row that decides output layer, loss and metrics.
        class_names: Of the classes, in label order; empty for regression.
        unit: Of the target, for regression.
        num_outputs: Units of the output layer.
        threshold: A probability of at least this much is a yes (binary, multilabel).
        monitor: What early stopping monitors on the validation split: "loss" or a metric.
        judged_by: Metric that models are compared by, "f1" where the second class is rare; "" for
            the first of the rule.
        dtype: Of a regression's outputs: "float64" for a target that float32 is too coarse for.
    """

    rule: Rule
    num_outputs: int
    class_names: tuple[str, ...] = ()
    unit: str = ""
    threshold: float = 0.5
    monitor: str = "loss"
    judged_by: str = ""
    dtype: str = "float32"

    @property
    def headline(self) -> str:
        """The name of the metric that this problem is judged by."""
        return self.judged_by or self.rule.metrics[0]

    @property
    def direction(self) -> str:
        """Whether the monitored score should fall ("min") or rise ("max")."""
        return direction(self.monitor)

    @property
    def is_regression(self) -> bool:
        """Whether the targets are numbers rather than classes."""
        return self.rule.kind == "regression"

    def outputs(
        self, hidden: keras.KerasTensor, kernel_initializer: str = "glorot_uniform"
    ) -> keras.KerasTensor:
        """Add the output layer that the rule asks for.

        A regression's output is brought to the target's own unit by the mean and variance of the
        training targets (`training.adapt` learns them), since a network starts out near 0 and a
        target that is far from it takes thousands of steps to reach.

        Args:
            hidden: Output of the last hidden layer, shape (batch, units).
            kernel_initializer: Of the layer's weights, by its name in Keras.

        Returns:
            Shape (batch, num_outputs): probabilities, logits, or values in the target's unit.
        """
        # float32 also under a mixed precision policy: bfloat16 has too few digits for a loss.
        layer = keras.layers.Dense(
            self.num_outputs,
            activation=self.rule.activation,
            kernel_initializer=kernel_initializer,
            dtype="float32",
            name="output",
        )
        return self._in_unit(layer(hidden))

    def ensemble_outputs(self, hidden: keras.KerasTensor) -> keras.KerasTensor:
        """Add an output layer for each network of an ensemble in one network.

        Args:
            hidden: Output of the last hidden layer, shape (batch, ensemble_size, units).

        Returns:
            Shape (batch, ensemble_size) where there is one output, else (batch, ensemble_size,
            classes); as `outputs` returns them.
        """
        _, ensemble_size, _ = hidden.shape
        outputs = keras.layers.EinsumDense(
            "bkd,kdo->bko",
            (ensemble_size, self.num_outputs),
            bias_axes="ko",
            activation=self.rule.activation,
            dtype="float32",
            name="output",
        )(hidden)
        outputs = self._in_unit(outputs)
        return outputs[:, :, 0] if self.num_outputs == 1 else outputs

    def _in_unit(self, outputs: keras.KerasTensor) -> keras.KerasTensor:
        """Bring the outputs of a regression to the target's own unit; others are left."""
        if not self.is_regression:
            return outputs
        unit = keras.layers.Normalization(invert=True, dtype=self.dtype, name="target_unit")
        return unit(outputs)

    def compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> keras.Model:
        """Compile with the loss and metrics of the rule, and return the model.

        Plain SGD gets its gradients clipped for a regression: the loss is in the square of the
        target's unit, so they have any size. The other optimizers divide by that size themselves.
        """
        if self.is_regression and isinstance(optimizer, keras.optimizers.SGD):
            optimizer.global_clipnorm = optimizer.global_clipnorm or CLIP_NORM
        model.compile(optimizer=optimizer, loss=self.loss(), metrics=self.metrics())
        return model

    def loss(self) -> str | keras.losses.Loss:
        """Return the loss: its Keras name, or an object where it takes logits."""
        if self.rule.from_logits:
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return self.rule.loss

    def metrics(self) -> list[keras.metrics.Metric]:
        """Return fresh metric objects, in the order of the rule."""
        return [_METRICS[name](self) for name in self.rule.metrics]

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Bring targets to the shape and dtype that the loss takes.

        Args:
            y: Shape (rows,) or (rows, columns).

        Returns:
            int32 (rows,) for integer labels; float32 (rows, num_outputs) otherwise.
        """
        y = np.asarray(y)
        if self.rule.labels == "integer":
            return y.astype("int32")
        return y.astype("float32").reshape(len(y), -1)

    def one_hot(self, y: np.ndarray) -> np.ndarray:
        """Turn integer labels, shape (rows,), into float32 one-hot rows (rows, num_outputs)."""
        return np.eye(self.num_outputs, dtype="float32")[y]

    def classes(self, y: np.ndarray) -> np.ndarray:
        """Turn labels of any of the rule's forms into class numbers, int64 (rows,)."""
        y = np.asarray(y)
        if self.rule.labels == "one-hot":
            return y.argmax(axis=1)
        return y.reshape(len(y), -1)[:, 0].astype("int64")

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Read a classifier's outputs as probabilities.

        Args:
            outputs: What `model.predict` gives, shape (rows, num_outputs).

        Returns:
            Shape (rows, classes): rows sum to 1, except for multilabel. A binary problem's single
            probability p becomes the two columns 1 - p and p.
        """
        outputs = np.asarray(outputs, dtype="float64")
        if self.rule.from_logits:
            powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        if self.rule.kind == "binary":
            return np.column_stack([1 - outputs, outputs])
        return outputs

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """Read outputs as decisions.

        Args:
            outputs: What `model.predict` gives, shape (rows, num_outputs).

        Returns:
            Class numbers (rows,) for binary and multiclass, 0/1 columns for multilabel, the values
            themselves for regression.
        """
        if self.is_regression:
            return outputs
        if self.rule.kind == "multiclass":
            return outputs.argmax(axis=1)
        yes = (outputs >= self.threshold).astype("int64")
        return yes[:, 0] if self.rule.kind == "binary" else yes


def binary(class_names: tuple[str, str] = ("no", "yes")) -> Problem:
    """Two classes, labels 0 and 1: sigmoid and binary cross-entropy."""
    if len(class_names) != 2:
        raise InputError(
            f"a binary problem has 2 class names, received {len(class_names)}: {class_names}; "
            "use problems.multiclass for more classes"
        )
    return Problem(BINARY, 1, tuple(class_names))


def multiclass(
    class_names: tuple[str, ...],
    *,
    one_hot: bool = False,
    logits: bool = False,
    monitor: str = "loss",
) -> Problem:
    """One class of several: softmax and a categorical cross-entropy.

    Args:
        class_names: In label order.
        one_hot: Labels are rows with a single 1, instead of class numbers.
        logits: The output layer has no softmax; the loss applies it.
        monitor: What early stopping watches: "loss" or "accuracy".
    """
    if len(class_names) < 2 or (one_hot and logits):
        raise InputError(
            "a multiclass problem has 2 or more classes, and either one-hot labels or logits; "
            f"received {len(class_names)} classes, one_hot={one_hot}, logits={logits}"
        )
    rule = MULTICLASS_ONE_HOT if one_hot else MULTICLASS_LOGITS if logits else MULTICLASS
    return Problem(rule, len(class_names), tuple(class_names), monitor=monitor)


def multilabel(class_names: tuple[str, ...]) -> Problem:
    """Any number of classes at once, one column of 0/1 each: sigmoid and binary cross-entropy."""
    return Problem(MULTILABEL, len(class_names), tuple(class_names))


def regression(unit: str, num_outputs: int = 1, dtype: str = "float32") -> Problem:
    """Numbers: a linear output and the mean squared error.

    Args:
        unit: What the target is counted in, for reports.
        num_outputs: Columns of the target.
        dtype: Of the outputs: "float64" for values that are close together for their size, such as
            Unix seconds.
    """
    return Problem(REGRESSION, num_outputs, unit=unit, dtype=dtype)


def float32_steps(y: np.ndarray) -> float:
    """Return how many numbers of float32 lie within one standard deviation of a target.

    Args:
        y: Targets, shape (rows,) or (rows, columns); the column with the fewest counts.
    """
    y = np.asarray(y, "float64").reshape(len(y), -1)
    steps = y.std(axis=0) / np.spacing(np.abs(y).max(axis=0).astype("float32"))
    return float(steps[steps > 0].min(initial=np.inf))


def of_kind(
    kind: str,
    class_names: tuple[str, ...],
    unit: str,
    threshold: float,
    y: np.ndarray | None = None,
) -> Problem:
    """Return the problem of a kind that was found in a table: binary, multiclass or regression.

    Args:
        kind: One of these three.
        class_names: In label order; empty for regression.
        unit: Of the target, or its name.
        threshold: A probability of at least this much is a yes (binary).
        y: Training targets: a regression's outputs are float64 where float32 is too coarse.
    """
    if kind == "regression":
        is_coarse = y is not None and float32_steps(y) < MIN_STEPS
        return regression(unit, dtype="float64" if is_coarse else "float32")
    if kind == "multiclass":
        return multiclass(class_names)
    no, yes = class_names
    return dataclasses.replace(binary((no, yes)), threshold=threshold)
