"""Backpropagation: the five steps of training in NumPy, with gradients checked in two ways.

한국어: 오차 역전파: 학습의 다섯 단계를 직접 구현하고 기울기를 두 가지 방법으로 검산합니다.
Idea: 1. start from random w and b; 2. forward pass; 3. loss; 4. backward pass: by the chain rule,
from the loss back to each weight; 5. update, w -= learning rate x gradient; and again from 2.
Watch: the gradients equal TensorFlow's and those of finite differences; the loss falls to near 0.
Change: LEARNING_RATE, HIDDEN_UNITS; remove `* (1 - hidden**2)`: the check fails.
"""

import numpy as np
import pandas as pd
import tensorflow as tf

from recipes.lessons import _lesson as lesson, _sketches as sketches
from recipes.lessons.activations import sigmoid

NUM_ROWS, HIDDEN_UNITS, LEARNING_RATE, STEPS = 64, 8, 1.0, 2000
Weights = dict[str, np.ndarray]


def start(rng: np.random.Generator) -> Weights:
    """Step 1: random weights (Xavier, as the hidden activation is tanh) and biases of 0."""
    w1 = rng.normal(0, np.sqrt(2 / (2 + HIDDEN_UNITS)), (2, HIDDEN_UNITS))
    w2 = rng.normal(0, np.sqrt(2 / (HIDDEN_UNITS + 1)), (HIDDEN_UNITS, 1))
    return {"w1": w1, "b1": np.zeros(HIDDEN_UNITS), "w2": w2, "b2": np.zeros(1)}


def forward(w: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step 2: hidden outputs (rows, hidden) and probabilities y (rows, 1)."""
    hidden = np.tanh(x @ w["w1"] + w["b1"])
    return hidden, sigmoid(hidden @ w["w2"] + w["b2"])


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


def train(w: Weights, x: np.ndarray, t: np.ndarray) -> tuple[Weights, list[float]]:
    """Steps 2 to 5, again and again; give the last weights and the loss before each step."""
    losses = []
    for _ in range(STEPS):
        losses.append(loss_of(w, x, t))
        gradients = backward(w, x, t)
        w = {name: w[name] - LEARNING_RATE * gradients[name] for name in w}  # step 5
    return w, losses


def loss_in_tensorflow(w: Weights, x: np.ndarray, t: np.ndarray) -> tf.Tensor:
    """The same loss in TensorFlow, which finds the gradient by itself."""
    logits = tf.tanh(x @ w["w1"] + w["b1"]) @ w["w2"] + w["b2"]
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(t, logits))


def study(seed: int = 0) -> lesson.Shown:
    """Check the gradients at the start, then train: 1s inside a circle, 0s around it."""
    rng = np.random.default_rng(seed)
    x, w = rng.uniform(-1, 1, (NUM_ROWS, 2)), start(rng)
    t = (np.square(x).sum(axis=1, keepdims=True) < 0.6).astype(float)
    ours = backward(w, x, t)
    theirs = lesson.gradients_by_tensorflow(lambda w: loss_in_tensorflow(w, x, t), w)
    nudged = lesson.differences(lambda w: loss_of(w, x, t), w)
    rows = [
        {"weights": name, "numbers": gradient.size, "largest gradient": np.abs(gradient).max(),
         "off TensorFlow's": np.abs(gradient - theirs[name]).max(),
         "off finite differences": np.abs(gradient - nudged[name]).max()}
        for name, gradient in ours.items()
    ]  # fmt: skip
    trained, losses = train(w, x, t)
    right = ((forward(trained, x)[1] > 0.5) == t).mean()
    return lesson.Shown(
        table := pd.DataFrame(rows),
        draw(ours, nudged, losses),
        "The chain rule (연쇄 법칙) computes all gradients (기울기) in one backward pass (역전파), "
        f"equal to TensorFlow's and to finite differences within "
        f"{table.iloc[:, 3:].max(axis=None):.0e}.",
        "Finite differences (수치 미분) need two forward passes (순전파) for each weight.",
        f"Gradient descent (경사 하강법) reduces the loss (손실) from {losses[0]:.3f} to "
        f"{losses[-1]:.3f} in {STEPS} steps; {right:.0%} of the points are correct.",
        korean=(
            "연쇄 법칙으로 역전파 한 번에 모든 기울기를 얻습니다. TensorFlow와 수치 미분의 값과 "
            f"{table.iloc[:, 3:].max(axis=None):.0e} 이내로 같습니다.",
            "수치 미분은 가중치 하나마다 순전파가 두 번 필요합니다.",
            f"경사 하강법은 {STEPS}스텝 만에 손실을 {losses[0]:.3f}에서 {losses[-1]:.3f}로 줄이고, 점의 "
            f"{right:.0%}를 맞힙니다.",
        ),
    )


def draw(ours: Weights, nudged: Weights, losses: list[float]) -> sketches.Figure:
    """Draw the gradients against those of finite differences, and the loss."""
    left, right = sketches.panels(2)
    left.scatter(*[np.concatenate([g.ravel() for g in way.values()]) for way in (nudged, ours)])
    left.axline((0, 0), slope=1, color="0.6", zorder=0)
    left.set(title="gradient by each weight, in two ways", xlabel="by finite differences",
             ylabel="by backpropagation")  # fmt: skip
    sketches.draw_lines(right, {"loss": losses}, title="loss while training", xlabel="step",
                      ylabel="loss (binary cross-entropy)", yscale="log")  # fmt: skip
    return left.figure


if __name__ == "__main__":
    lesson.main(study)
