"""An epoch as one program.

Stock Keras returns to Python after each step, for a fraction of a millisecond of arithmetic. Here
one TensorFlow function runs Keras's own `train_step` in a loop, over batches that it gathers from
arrays in memory. The step is traced once, for any batch size, and two kinds of programs loop over
it: a graph, ready at once, and one compiled by XLA, faster once it is compiled.
"""

import collections
import contextlib
import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from keras_recipes import errors
from keras_recipes.training.fused import (
    convolutions,
    eligibility,
    engine,
    lifted,
    packing,
    randomness,
    recurrent,
    structure,
)

_MAX_STRUCTURES = 8
_MAX_LOOPS = 8  # of one structure: they differ in batch size and number of rows

_log = logging.getLogger(__name__)

# Tracing exchanges attributes of Keras objects for a moment, and a program works on one model at a
# time. Threads that train take turns; one turn lasts about a second.
_one_at_a_time = threading.RLock()

_Kind = Literal["train_step", "test_step"]


class _Replayable:
    """A traced function that runs on the variables of any model of its structure.

    A traced function refers to variables by handles that it captured. With the handles of another
    model in their place it works on that model; nothing is traced or compiled again.
    """

    def __init__(self, concrete: tf.types.experimental.ConcreteFunction, handles: Sequence):
        positions = {id(handle): i for i, handle in enumerate(handles)}
        self._concrete = concrete
        # A graph refers weakly to the variables that it was traced with, and cannot be traced into
        # another graph once they are gone: they stay as long as the program does.
        self._traced_with = concrete.graph.variables
        self._captured = [(positions.get(id(c)), c) for c in concrete.captured_inputs]
        # Anything else that it captured (tables, large arrays of a layer) ties it to one model.
        self.is_shareable = all(position is not None for position, _ in self._captured)

    def on(self, handles: Sequence) -> Callable:
        """Return the function, at work on the variables behind the handles until the next call."""
        self._concrete.set_external_captures(
            [c if position is None else handles[position] for position, c in self._captured]
        )
        return self._concrete


class _Programs:
    """The programs of one structure, made when they are first needed."""

    def __init__(self, *faster: Callable[[], contextlib.AbstractContextManager]):
        """Set up programs whose steps are traced within these contexts."""
        self.is_shareable = True
        self._faster = faster
        self._steps: dict[tuple, _Replayable] = {}
        self._loops: collections.OrderedDict[tuple, _Replayable] = collections.OrderedDict()

    def loop(self, kind: _Kind, job: "Job", data: tuple, xla_batch: int | None) -> Callable:
        """Return the loop over steps, at work on the job's model.

        Args:
            kind: Which step of the model.
            job: The model, its variables and numbers.
            data: Packed data; the program is for rows like these.
            xla_batch: Rows in a step, for XLA; None for a graph, which takes any number.

        Returns:
            Function of (data, order, first step, end of steps, batch size, values of the numbers)
            that gives the metrics' results, each a scalar tensor.
        """
        key = (kind, xla_batch, str(_specs(data, any_rows=xla_batch is None)))
        if key not in self._loops:
            self._loops[key] = self._make_loop(kind, job, data, xla_batch)
            self.is_shareable &= self._loops[key].is_shareable
        return _recent(self._loops, key, _MAX_LOOPS).on(job.handles)

    def _make_loop(
        self, kind: _Kind, job: "Job", data: tuple, xla_batch: int | None
    ) -> _Replayable:
        step = self.step(kind, job, data)

        @tf.autograph.experimental.do_not_convert
        def loop(
            data: tuple,
            order: tf.Tensor,
            first: tf.Tensor,
            end: tf.Tensor,
            batch_size: tf.Tensor,
            values: list[tf.Tensor],
        ) -> tuple[tf.Tensor, ...]:
            def run_step(index: tf.Tensor) -> tf.Tensor:
                start = index * batch_size
                # XLA wants the size of a batch as a constant; a graph takes a shorter last one.
                size = xla_batch or tf.minimum(batch_size, tf.size(order) - start)
                rows = tf.slice(order, [start], [size])
                step(keras.tree.map_structure(lambda array: tf.gather(array, rows), data), values)
                return index + 1

            # One iteration at a time: a step reads the variables that the last one wrote.
            tf.while_loop(lambda index: index < end, run_step, [first], parallel_iterations=1)
            return tuple(job.model.get_metrics_result().values())

        function = tf.function(loop, autograph=False, jit_compile=xla_batch is not None)
        specs = _specs(data, any_rows=xla_batch is None)
        order = tf.TensorSpec([xla_batch and packing.num_rows(data)], tf.int32)
        numbers = [tf.TensorSpec([], tf.int32)] * 3
        concrete = function.get_concrete_function(specs, order, *numbers, job.value_specs)
        return _Replayable(concrete, job.handles)

    def step(self, kind: _Kind, job: "Job", data: tuple) -> Callable:
        """Return Keras's own step, traced for batches of any size."""
        specs = _specs(data, any_rows=True)
        key = (kind, str(specs))
        if key not in self._steps:

            @tf.autograph.experimental.do_not_convert
            def step(batch: tuple, values: list[tf.Tensor]) -> None:
                with job.numbers.replaced(values), contextlib.ExitStack() as stack:
                    for faster in self._faster:
                        stack.enter_context(faster())
                    getattr(job.model, kind)(batch)

            function = tf.function(step, autograph=False)
            concrete = function.get_concrete_function(specs, job.value_specs)
            self._steps[key] = _Replayable(concrete, job.handles)
        return self._steps[key].on(job.handles)


class Job:
    """A model, and the programs that train and evaluate it.

    Attributes:
        model: Its variables hold the state after each run.
        is_known: Whether the programs depend on nothing but Keras's own parts.
        xla: Whether XLA compiles the training.
        numbers: The numbers that go into the programs as values.
        value_specs: Their shapes and dtypes.
        handles: Of the variables, in an order that is the same for models of one structure.
    """

    def __init__(self, model: keras.Model, num_steps: int, batch_size: int):
        """Find the programs of a model's structure, or set up new ones.

        Args:
            model: Built and compiled, with a built optimizer and built metrics.
            num_steps: Steps of the whole training, those before this fit among them.
            batch_size: Rows in a step.
        """
        self.model = model
        self.numbers = lifted.LiftedNumbers(model)
        self.value_specs = [tf.TensorSpec(value.shape) for value in self.numbers.values]
        self.handles = [variable.value.handle for variable in structure.variables(model)]
        key = structure.key(model, self.numbers)
        self.is_known = key is not None
        self.xla = engine.use_xla(model, self.is_known, num_steps, batch_size)
        # What makes a step faster without changing it.
        faster = [randomness.fast_draws if self.xla else convolutions.separate_bias_gradients]
        if not self.xla and engine.compile_loops(model, num_steps):
            faster.append(recurrent.compiled_loops)
        self._programs = _find(model, key, self.numbers, faster)
        self._names = list(model.get_metrics_result())
        # Convolutions gain more from TensorFlow's graph optimizer than its run costs.
        is_dense = engine.is_fast_under_xla(model)
        self._graph_options = _unoptimized_graphs if is_dense else contextlib.nullcontext

    def trace(self, kind: _Kind, data: tuple) -> None:
        """Trace a step on packed data; raise `Unsupported` where that fails."""
        try:
            with _one_at_a_time:
                self._programs.step(kind, self, data)
        except Exception as error:
            said = errors.first_line(error)
            reason = f"tracing its {kind} failed with {type(error).__name__}: {said}"
            raise eligibility.Unsupported(reason) from error

    def run(
        self, kind: _Kind, data: tuple, order: tf.Tensor, first: int, end: int, batch_size: int
    ) -> dict[str, tf.Tensor]:
        """Run the steps from `first` to before `end` of an epoch.

        Args:
            kind: "train_step" or "test_step".
            data: Packed data.
            order: int32 tensor of shape (rows,): the order in which rows make up the batches.
            first: Index of a step.
            end: Index of a step, at most the number of batches; the last of these may be short.
            batch_size: Rows in a step.

        Returns:
            The metrics' results since they were last reset, by name.
        """
        with _one_at_a_time, self._graph_options():
            # A short last batch would take a second compilation: it is left to the graph.
            full = min(end, packing.num_rows(data) // batch_size)
            if self.xla and kind == "train_step" and first < full:
                try:
                    outputs = self._call(kind, data, order, first, full, batch_size, batch_size)
                    first = full
                except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
                    # XLA lacks an operation of the step. It compiles first, so nothing has run.
                    self.xla = False
                    _log.info("the epoch runs without XLA: %s", error.message)
            if first < end:
                outputs = self._call(kind, data, order, first, end, batch_size, None)
        return dict(zip(self._names, outputs, strict=True))

    def _call(
        self,
        kind: _Kind,
        data: tuple,
        order: tf.Tensor,
        first: int,
        end: int,
        batch_size: int,
        xla_batch: int | None,
    ) -> tuple[tf.Tensor, ...]:
        loop = self._programs.loop(kind, self, data, xla_batch)
        scalars = [tf.constant(number, tf.int32) for number in (first, end, batch_size)]
        return loop(data, order, *scalars, self.numbers.values)


_Cache = collections.OrderedDict[str, _Programs]
_structures: _Cache = collections.OrderedDict()
# By the loss tracker, which is new after each `compile` and dies with its model.
_of_one_model: weakref.WeakKeyDictionary[keras.metrics.Metric, _Cache]
_of_one_model = weakref.WeakKeyDictionary()


def _find(
    model: keras.Model, key: str | None, numbers: lifted.LiftedNumbers, faster: Sequence[Callable]
) -> _Programs:
    cache = _structures
    if key is None:
        cache = _of_one_model.setdefault(model.metrics[0], collections.OrderedDict())
    key = f"{key} {numbers.pattern} {[one.__name__ for one in faster]}"
    if key not in cache or (cache is _structures and not cache[key].is_shareable):
        cache[key] = _Programs(*faster)
    return _recent(cache, key, _MAX_STRUCTURES)


def _recent(cache: collections.OrderedDict, key: Any, max_size: int) -> Any:
    """Return an entry of a cache, mark it as used, and drop the ones not used for longest."""
    cache.move_to_end(key)
    while len(cache) > max_size:
        cache.popitem(last=False)
    return cache[key]


@contextlib.contextmanager
def _unoptimized_graphs() -> Iterator[None]:
    """Leave out TensorFlow's graph optimizer.

    It takes longer than a short training, and what it finds in a dense network's step gains
    nothing that can be measured.
    """
    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})


def _specs(data: tuple, *, any_rows: bool) -> tuple:
    def spec(array: tf.Tensor) -> tf.TensorSpec:
        return tf.TensorSpec([None if any_rows else array.shape[0], *array.shape[1:]], array.dtype)

    return keras.tree.map_structure(spec, data)
