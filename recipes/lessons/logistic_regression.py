"""Logistic regression: in NumPy, as a network of one layer, and in scikit-learn: the same result.

한국어: 로지스틱 회귀: 직접 구현, 층이 하나인 신경망, scikit-learn의 결과가 같습니다.
Idea: the sigmoid of a weighted sum is a probability; binary cross-entropy is its loss, with the
gradient x (y - t). This is a network with one layer and one unit. Its loss is convex, with one
minimum, so every method finds the same weights.
Watch: the same coefficients by three methods; the boundary is the line where the sum is 0.
Change: COLUMNS, any two of datasets/breast_cancer.py; with all 30, the classes are linearly
separable: the weights then grow without limit, and only regularisation stops them.
"""

import keras
import numpy as np
import pandas as pd

from datasets import breast_cancer
from keras_recipes.training import fused
from recipes.lessons import _lesson as lesson, _sketches as sketches
from recipes.lessons.activations import sigmoid

COLUMNS = ["mean_radius", "mean_texture"]
EPOCHS = 500


def load(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two normalised measurements (rows, 2) of each tumour, and whether it is malignant (rows,)."""
    train = breast_cancer.load(seed).train
    x = pd.DataFrame(train.x)[COLUMNS].to_numpy("float64")
    return (x - x.mean(axis=0)) / x.std(axis=0), train.y.astype("float64")


def by_hand(x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Gradient descent with momentum; give (bias, w1, w2) and the loss before each step."""
    x = np.column_stack([np.ones(len(x)), x])
    w, speed, losses = np.zeros(3), np.zeros(3), []
    for _ in range(EPOCHS):
        y = sigmoid(x @ w)
        losses.append(-np.mean(t * np.log(y) + (1 - t) * np.log(1 - y)))
        speed = 0.9 * speed - x.T @ (y - t) / len(t)  # a learning rate of 1
        w = w + speed
    return w, losses


def by_keras(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The same as a network of one layer, trained on all rows at once."""
    unit = keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((2,)), unit])
    model.compile(keras.optimizers.SGD(1.0, momentum=0.9), "binary_crossentropy")
    fused.fit(model, x.astype("float32"), t.astype("float32"), len(x), EPOCHS, verbose=0)
    kernel, bias = model.get_weights()
    return np.array([bias[0], *kernel[:, 0]])


def by_scikit_learn(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The same by a library, without a penalty."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, t)
    return np.array([model.intercept_[0], *model.coef_[0]])


def study(seed: int = 0) -> lesson.Shown:
    """Fit in three ways."""
    x, t = load(seed)
    w, losses = by_hand(x, t)
    ways = {"by hand": w, "Keras": by_keras(x, t), "scikit-learn": by_scikit_learn(x, t)}
    right = ((sigmoid(x @ w[1:] + w[0]) > 0.5) == t).mean()
    return lesson.Shown(
        pd.DataFrame({"coefficient": ["bias", *COLUMNS], **ways}),
        draw(x, t, w, losses),
        "Logistic regression (로지스틱 회귀) is a network of one layer (층) with a sigmoid "
        "(시그모이드) and binary cross-entropy (이진 교차 엔트로피).",
        f"The coefficients (계수) of NumPy, Keras and scikit-learn differ by at most "
        f"{np.ptp(list(ways.values()), axis=0).max():.0e}.",
        f"The decision boundary (결정 경계), where the probability (확률) is 0.5, is a straight "
        f"line; {right:.1%} of the training rows are on the correct side.",
        korean=(
            "로지스틱 회귀는 층 하나에 시그모이드와 이진 교차 엔트로피를 쓴 신경망입니다.",
            "직접 구현, Keras, scikit-learn으로 구한 계수의 차이는 최대 "
            f"{np.ptp(list(ways.values()), axis=0).max():.0e}입니다.",
            f"결정 경계는 확률이 0.5인 곳이며 직선입니다. 훈련 데이터의 {right:.1%}가 올바른 쪽에 있습니다.",
        ),
    )


def draw(x: np.ndarray, t: np.ndarray, w: np.ndarray, losses: list[float]) -> sketches.Figure:
    """Draw the rows with the boundary, and the loss."""
    left, right = sketches.panels(2, width_ratios=(3, 2))
    shades = sketches.shade(left, lambda x: sigmoid(x @ w[1:] + w[0]), -3, 4.2,
                          np.linspace(0, 1, 11), cmap="cividis", alpha=0.5)  # fmt: skip
    sketches.draw_classes(left, x, t, breast_cancer.CLASS_NAMES, size=24)
    left.axline((0, -w[0] / w[2]), slope=-w[1] / w[2], color="black", label="boundary")
    left.set(xlabel="mean radius (standard deviations)", xlim=(-3, 4.2), ylim=(-3, 4.2),
             ylabel="mean texture (standard deviations)")  # fmt: skip
    left.legend(loc="upper right")
    left.figure.colorbar(shades, ax=left, label="probability of malignant")
    sketches.draw_lines(right, {"loss": losses}, xlabel="step", xscale="log",
                      ylabel="loss (binary cross-entropy)")  # fmt: skip
    return left.figure


if __name__ == "__main__":
    lesson.main(study)
