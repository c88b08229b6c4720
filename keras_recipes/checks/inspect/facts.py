"""What the rules look at: the model's outputs and losses, the data and the settings, read once."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import numbers
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_recipes import errors
from keras_recipes.checks.inspect import activations, losses, reading, running
from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.reading import Split
from keras_recipes.checks.inspect.targets import Targets
from keras_recipes.errors import InputError, describe

# Methods that make a model's training its own: what its loss stands for is then not known.
_OWN_TRAINING = ("train_step", "compute_loss", "fit")
_TEXT_LAYERS = keras.layers.TextVectorization | keras.layers.StringLookup | keras.layers.Hashing
_Input = tuple[str, keras.KerasTensor | None, reading.Leaf | None]


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the model is going to be trained; the names are those of `fit`.

    Attributes:
        epochs: Passes over the training rows; None where it is not known yet.
        batch_size: Rows of one training step.
        steps_per_epoch: Training steps of one epoch.
        validation_split: Fraction of the rows that `fit` sets aside.
        callbacks: Their monitors and files are looked at; a list, or one alone.
        class_weight: Weight of each class.
        sample_weight: Weight of each row.
        save_path: File that the trained model will be saved to.
        program: Source text of the program that trains and uses the model.
        is_encoded: Whether the model is called with raw rows, which are encoded before `fit`.
        odd_callbacks: What was given among the callbacks and is none.

    The others are arguments of `fit` that no rule looks at.
    """

    epochs: int | None = None
    batch_size: int | None = None
    steps_per_epoch: int | None = None
    validation_split: float = 0.0
    callbacks: Sequence[keras.callbacks.Callback] = ()
    class_weight: dict | None = None
    sample_weight: Any = None
    save_path: str | pathlib.Path | None = None
    program: str | None = None
    is_encoded: bool = False
    odd_callbacks: tuple[Any, ...] = dataclasses.field(default=(), init=False)
    initial_epoch: int = 0
    shuffle: bool = True
    verbose: Any = "auto"
    validation_steps: int | None = None
    validation_batch_size: int | None = None
    validation_freq: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "steps_per_epoch", "validation_split"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, numbers.Real):
                raise InputError(f"{name}: received {describe(value)}, expected a number")
        if not 0 <= (self.validation_split or 0) < 1:
            raise InputError(
                f"validation_split: received {self.validation_split!r}, expected a fraction of "
                "the rows, at least 0 and below 1, such as 0.2"
            )
        given = getattr(self.callbacks, "callbacks", self.callbacks)  # of a CallbackList
        given = [] if given is None else keras.tree.flatten(given)
        made = [one for one in given if isinstance(one, keras.callbacks.Callback)]
        odd = [one for one in given if one is not None and one not in made]
        object.__setattr__(self, "callbacks", tuple(made))
        object.__setattr__(self, "odd_callbacks", tuple(odd))


class Facts:
    """A compiled model, its data and its settings.

    Attributes:
        model: Compiled.
        train: Rows to learn from.
        validation: Rows to choose by; empty where there are none.
        test: Rows for the last measurement; empty where they are not given.
        settings: How the model will be trained.
        heads: The outputs; empty where the model could not be looked at.
        notes: What could not be looked at.
        fault: Why the model cannot be called on these inputs; None where it can.
        rows_given: Rows of x before `validation_split` sets some aside.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        y: Any = None,
        validation_data: Any = None,
        test_data: Any = None,
        settings: Settings | None = None,
    ):
        self.model, self.settings = model, settings or Settings()
        train, validation, test = (
            Split() if data is None else reading.read(*data)
            for data in ((x, y), _pair(validation_data), _pair(test_data))
        )
        self.rows_given, fraction = train.rows, self.settings.validation_split
        if fraction and validation.x is None and train.is_even and train.batches is None:
            rows = np.arange(train.rows)
            kept = int(train.rows * (1 - fraction))  # the first ones, as `fit` does
            train, validation = train.take(rows[:kept]), train.take(rows[kept:])
        self.train, self.validation, self.test = train, validation, test
        self.notes = [split.note for split in (train, validation, test) if split.note]
        if train.rows > reading.ROWS_OF_SAMPLE:
            sample = f"{reading.ROWS_OF_SAMPLE} of {train.rows} rows"
            self.notes.append(f"means and standard deviations of columns are those of {sample}")
        # Training rows that cannot be read are a finding.
        for name, split in (("validation", validation), ("test", test)):
            self.notes += [f"{name} data that are not judged: {split.fault}"] if split.fault else []
        self.fault: str | None = None
        self.heads: list[Head] = []
        try:
            with running.undisturbed():
                names, tensors = running.outputs(model, train.x)
        except running.CallError as error:
            self.fault = str(error)
            return
        self.heads = [self._head(place, names, tensors) for place in range(len(tensors))]
        self.notes += self._unjudged_losses()

    @property
    def trains_itself(self) -> bool:
        """Whether the model has a training step of its own."""
        return any(
            getattr(type(self.model), method) is not getattr(keras.Model, method)
            for method in _OWN_TRAINING
        )

    @functools.cached_property
    def splits(self) -> list[tuple[str, Split]]:
        """The splits that are there, each with the word that goes before "x" and "y"."""
        named = (("", self.train), ("validation ", self.validation), ("test ", self.test))
        return [(name, split) for name, split in named if split.x is not None]

    @functools.cached_property
    def inputs(self) -> list[_Input]:
        """Each input of the model with the training array for it, as `inputs_of` returns them."""
        return self.inputs_of(self.train)

    def inputs_of(self, split: Split) -> list[_Input]:
        """Return each input of the model with its array; nothing for a model without a graph."""
        if not getattr(self.model, "inputs", None) or not split.x_leaves:
            return []
        wanted = None if isinstance(self.model, keras.Sequential) else self.model.input
        if isinstance(split.x, dict):
            if not isinstance(wanted, dict):
                wanted = {tensor.name: tensor for tensor in self.model.inputs}
            return [(f"x[{key!r}]", wanted[key], split.x.get(key)) for key in wanted]
        pairs = itertools.zip_longest(self.model.inputs, split.x_leaves)
        return [
            (given[0] if given else repr(tensor.name), tensor, given[1] if given else None)
            for tensor, given in pairs
        ]

    def takes_text(self, label: str) -> bool:
        """Return whether the model takes text for the array of this label."""
        for mine, tensor, _ in self.inputs:
            if mine == label and tensor is not None:
                return tensor.dtype == "string"
        return any(isinstance(one, _TEXT_LAYERS) for one in self.operations)

    @functools.cached_property
    def operations(self) -> list[Any]:
        """All layers of the model, and the operations between them."""
        return list(running.operations(self.model))

    @functools.cached_property
    def first_outputs(self) -> list[np.ndarray]:
        """What the model returns for one batch of training rows, one array for each output."""
        try:
            with running.undisturbed():
                return running.call(self.model, running.first_batch(self.model, self.train).x)
        except Exception as error:  # whatever the user's own `call` raises
            self.notes.append(f"the model was not run: {errors.first_line(error)}")
            return []

    def _head(self, place: int, names: list[str], tensors: list) -> Head:
        activation, rescaled = activations.name(tensors[place])
        guessed = activation is None
        if guessed and self.train.rows and self.first_outputs:
            activation = activations.guess(self.first_outputs[place])
        given = self._loss(place, names)
        # One array is for the only output that has a loss.
        with_loss = [one for one in range(len(names)) if self._loss(one, names) is not None]
        others = with_loss == [place] and len(names) > 1
        y = Targets(
            *(
                split.y
                if others and not isinstance(split.y, dict | list | tuple)
                else _pick(split.y, place, names)
                for split in (self.train, self.validation, self.test)
            ),
            are_whole=self.train.note is None,
        )
        return Head(
            name=names[place],
            alone=len(names) == 1,
            activation=activation,
            guessed=guessed,
            rescaled=rescaled,
            shape=tuple(tensors[place].shape[1:]),
            loss=losses.describe(given, y.train, tuple(tensors[place].shape)),
            metrics=tuple(_metrics(self.model, place, names)),
            y=y,
        )

    def _loss(self, place: int, names: list[str]) -> Any:
        """Return what one output was compiled with; None where its loss is its own."""
        given = self.model.loss if self.model.compiled and not self.trains_itself else None
        nested = isinstance(given, dict | list | tuple)
        return _pick(given, place, names) if nested else given

    def _unjudged_losses(self) -> Iterator[str]:
        if self.trains_itself:
            yield "the model trains by a method of its own: its loss is not judged"
        elif self.model.compiled and not any(head.loss.function for head in self.heads):
            yield "the model is compiled without a loss: its outputs are not judged"
        for head in self.heads:
            if head.loss.function and not head.loss.name:
                yield f"{head.label}no rule knows what goes with this loss: it is not judged"


def _pair(data: Any) -> tuple | None:
    """Return (x, y) of what `fit` takes as validation data."""
    if data is None:
        return None
    return tuple(data[:2]) if isinstance(data, tuple | list) else (data, None)


def _pick(values: Any, place: int, names: list[str]) -> Any:
    """Return what belongs to one output, out of a dict by name or a list by place."""
    if isinstance(values, dict):
        if len(names) == 1 and len(values) == 1:
            return next(iter(values.values()))
        return values.get(names[place])
    if isinstance(values, list | tuple):
        return values[place] if len(values) == len(names) else None
    return values if len(names) == 1 else None


def _metrics(model: keras.Model, place: int, names: list[str]) -> Iterator[Any]:
    """Yield the metrics of one output, as the user compiled them."""
    compiled = getattr(model, "_compile_metrics", None)
    for given in ("_user_metrics", "_user_weighted_metrics"):
        metrics = getattr(compiled, given, None) or []
        mine = metrics if len(names) == 1 else _pick(metrics, place, names)
        if isinstance(mine, dict):
            mine = list(mine.values())
        yield from keras.tree.flatten([] if mine is None else mine)
