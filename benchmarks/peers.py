"""Alternatives to Keras: the same dense network in three other libraries.

Each function returns an endless iterator: a step trains an epoch and returns the mean training
loss. It returns None if the library is not installed. All train 784 inputs, 128 ReLU units and 10
classes with Adam and its default settings, on the same rows in batches of the same size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

HIDDEN_UNITS = 128
NUM_CLASSES = 10


def scikit_learn(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterator[float] | None:
    """Train scikit-learn's MLPClassifier.

    Args:
        x: Inputs scaled to 0..1, float32, shape (rows, features).
        y: Classes, int32, shape (rows,).
        batch_size: Rows in a step.

    Returns:
        Iterator over epochs, or None.
    """
    try:
        from sklearn import neural_network
    except ImportError:
        return None
    model = neural_network.MLPClassifier(
        (HIDDEN_UNITS,), batch_size=batch_size, alpha=0, random_state=0
    )

    def train() -> Iterator[float]:
        while True:
            yield model.partial_fit(x, y, classes=np.arange(NUM_CLASSES)).loss_

    return train()


def pytorch(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterator[float] | None:
    """Train by the usual PyTorch loop, over tensors in memory; arguments as above."""
    try:
        import torch
    except ImportError:
        return None
    torch.manual_seed(0)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y).long()
    model = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], HIDDEN_UNITS),
        torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN_UNITS, NUM_CLASSES),
    )
    optimizer = torch.optim.Adam(model.parameters())

    def step(rows: torch.Tensor) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(model(inputs[rows]), targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach() * len(rows)

    def train() -> Iterator[float]:
        while True:
            batches = torch.randperm(len(inputs)).split(batch_size)
            yield float(sum(map(step, batches))) / len(inputs)

    return train()


def jax(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterator[float] | None:
    """Train in JAX, an epoch as one compiled scan, with Adam written out; arguments as above."""
    try:
        import jax
        from jax import numpy as jnp
    except ImportError:
        return None
    inputs, targets = jnp.asarray(x), jnp.asarray(y)

    def loss_of(weights: list, rows: jax.Array) -> jax.Array:
        (w1, b1), (w2, b2) = weights
        logs = jax.nn.log_softmax(jax.nn.relu(inputs[rows] @ w1 + b1) @ w2 + b2)
        return -jnp.take_along_axis(logs, targets[rows][:, None], axis=1).mean()

    def step(state: tuple, rows: jax.Array) -> tuple[tuple, jax.Array]:
        weights, means, squares, count = state
        loss, gradients = jax.value_and_grad(loss_of)(weights, rows)
        count += 1
        rate = 0.001 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        means = jax.tree.map(lambda m, g: m + 0.1 * (g - m), means, gradients)
        squares = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), squares, gradients)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, means, squares
        )
        return (weights, means, squares, count), loss

    @jax.jit
    def epoch(state: tuple, order: jax.Array) -> tuple[tuple, jax.Array]:
        state, losses = jax.lax.scan(step, state, order.reshape(-1, batch_size))
        return state, losses.mean()

    def train() -> Iterator[float]:
        generator = np.random.default_rng(0)
        weights = [
            (
                jnp.asarray(generator.normal(0, (2 / (a + b)) ** 0.5, (a, b)), "float32"),
                jnp.zeros(b),
            )
            for a, b in ((x.shape[1], HIDDEN_UNITS), (HIDDEN_UNITS, NUM_CLASSES))
        ]
        zeros = jax.tree.map(jnp.zeros_like, weights)
        state, num_rows = (weights, zeros, zeros, 0), len(x) // batch_size * batch_size
        while True:  # a scan takes full batches only
            state, loss = epoch(state, jnp.asarray(generator.permutation(len(x))[:num_rows]))
            yield float(loss)  # waits for the result

    return train()


LIBRARIES = {"scikit-learn": scikit_learn, "PyTorch": pytorch, "JAX": jax}
