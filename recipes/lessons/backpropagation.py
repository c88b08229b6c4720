"""Backpropagation: the five steps of training by hand, and its gradients checked twice.

Idea: 1. start from random w and b; 2. forward pass; 3. loss; 4. backward pass: by the chain rule,
from the loss back to each weight; 5. update, w -= learning rate x gradient; and again from 2.
Watch: the gradients equal TensorFlow's and those of finite differences; the loss falls to near 0.
Change: LEARNING_RATE, HIDDEN_UNITS; drop `* (1 - hidden**2)` and see the check fail.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from recipes.common import lesson
from recipes.common.pictures import BLUE, ORANGE

NUM_ROWS, NUM_INPUTS, HIDDEN_UNITS = 64, 2, 8
LEARNING_RATE, STEPS = 1.0, 2000
Weights = dict[str, np.ndarray]


def make_data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points x (rows, 2) in a square; t (rows, 1) is 1 inside a circle, else 0."""
    x = np.random.default_rng(seed).uniform(-1, 1, (NUM_ROWS, NUM_INPUTS))
    return x, (np.square(x).sum(axis=1, keepdims=True) < 0.6).astype(float)


def start(seed: int) -> Weights:
    """Step 1: random weights (Xavier, as the hidden activation is tanh) and biases of 0."""
    rng = np.random.default_rng(seed + 1)
    return {
        "w1": rng.normal(0, np.sqrt(2 / (NUM_INPUTS + HIDDEN_UNITS)), (NUM_INPUTS, HIDDEN_UNITS)),
        "b1": np.zeros(HIDDEN_UNITS),
        "w2": rng.normal(0, np.sqrt(2 / (HIDDEN_UNITS + 1)), (HIDDEN_UNITS, 1)),
        "b2": np.zeros(1),
    }


def forward(w: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step 2: hidden outputs (rows, hidden) and probabilities y (rows, 1)."""
    hidden = np.tanh(x @ w["w1"] + w["b1"])
    return hidden, 1 / (1 + np.exp(-(hidden @ w["w2"] + w["b2"])))


def loss_of(w: Weights, x: np.ndarray, t: np.ndarray) -> float:
    """Step 3: binary cross-entropy, the mean over the rows."""
    y = forward(w, x)[1]
    return float(-np.mean(t * np.log(y) + (1 - t) * np.log(1 - y)))


def backward(w: Weights, x: np.ndarray, t: np.ndarray) -> Weights:
    """Step 4: the gradient of the loss by each weight, layer by layer from the output."""
    hidden, y = forward(w, x)
    dz2 = (y - t) / len(x)  # cross-entropy and sigmoid together: y - t
    dz1 = dz2 @ w["w2"].T * (1 - hidden**2)  # tanh' = 1 - tanh²
    return {"w1": x.T @ dz1, "b1": dz1.sum(axis=0), "w2": hidden.T @ dz2, "b2": dz2.sum(axis=0)}


def by_differences(w: Weights, x: np.ndarray, t: np.ndarray, width: float = 1e-5) -> Weights:
    """The same gradient by nudging each weight: (loss(w + h) - loss(w - h)) / 2h."""
    gradients = {name: np.zeros_like(array) for name, array in w.items()}
    for name, array in w.items():
        for place in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                nudged = {**w, name: array.copy()}
                nudged[name][place] += sign * width
                ends.append(loss_of(nudged, x, t))
            gradients[name][place] = (ends[0] - ends[1]) / (2 * width)
    return gradients


def by_tensorflow(w: Weights, x: np.ndarray, t: np.ndarray) -> Weights:
    """The same gradient by TensorFlow, in double precision."""
    import tensorflow as tf

    v = {name: tf.Variable(array) for name, array in w.items()}
    with tf.GradientTape() as tape:
        logits = tf.tanh(x @ v["w1"] + v["b1"]) @ v["w2"] + v["b2"]
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(t, logits))
    return {name: gradient.numpy() for name, gradient in tape.gradient(loss, v).items()}


def train(w: Weights, x: np.ndarray, t: np.ndarray) -> tuple[Weights, list[float]]:
    """Steps 2 to 5, again and again; give the last weights and the loss before each step."""
    losses = []
    for _ in range(STEPS):
        losses.append(loss_of(w, x, t))
        gradients = backward(w, x, t)
        w = {name: w[name] - LEARNING_RATE * gradients[name] for name in w}  # step 5
    return w, losses


def study(seed: int = 0) -> lesson.Shown:
    """Check the gradients at the start, then train."""
    (x, t), w = make_data(seed), start(seed)
    ours, theirs, nudged = backward(w, x, t), by_tensorflow(w, x, t), by_differences(w, x, t)
    rows = [
        {"weights": name, "numbers": w[name].size, "largest gradient": np.abs(ours[name]).max(),
         "off TensorFlow's": np.abs(ours[name] - theirs[name]).max(),
         "off finite differences": np.abs(ours[name] - nudged[name]).max()}
        for name in w
    ]  # fmt: skip
    trained, losses = train(w, x, t)
    right = ((forward(trained, x)[1] > 0.5) == t).mean()
    return lesson.Shown(
        pd.DataFrame(rows),
        draw(ours, nudged, losses),
        (
            "The chain rule (연쇄 법칙) gives every gradient (기울기) in one backward pass "
            "(역전파), equal to TensorFlow's.",
            f"Gradient descent (경사 하강법) brings the loss (손실) from {losses[0]:.3f} to "
            f"{losses[-1]:.3f} in {STEPS} steps; {right:.0%} of the points are then right.",
            "Finite differences (수치 미분) say the same, but need two forward passes (순전파) for "
            "each single weight.",
        ),
    )


def draw(ours: Weights, nudged: Weights, losses: list[float]) -> Figure:
    """Draw the gradients against those of finite differences, and the loss."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.scatter(*[np.concatenate([g.ravel() for g in side.values()]) for side in (nudged, ours)],
                 color=BLUE, zorder=2)  # fmt: skip
    left.axline((0, 0), slope=1, color="0.6")
    left.set(xlabel="gradient by finite differences", ylabel="gradient by backpropagation")
    right.plot(losses, color=ORANGE)
    right.set(xlabel="step", ylabel="loss (binary cross-entropy)", yscale="log")
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
