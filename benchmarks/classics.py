"""Alternatives to a network: scikit-learn's common classifiers with their defaults.

Each follows a scaler. It is fitted on training and validation rows, because it needs no
validation split. For regression, the linear model is one of the baselines.
"""

from __future__ import annotations

import numpy as np

from keras_recipes.problems import Problem

MAX_NUMBERS = 64  # of a row: from here on it is an image, and gradient boosting takes minutes


def score(problem: Problem, splits) -> dict[str, dict[str, float]]:
    """Fit the classifiers and score them on the test part.

    Args:
        problem: Binary or multiclass; others have no peers here.
        splits: With the parts train, validation and test.

    Returns:
        For each classifier its test accuracy, as {"accuracy": share}; none for rows that are
        no numbers, such as texts, whose baselines are linear models.
    """
    if problem.rule.kind not in ("binary", "multiclass"):
        return {}
    train = splits.merge_validation().train
    x, x_test = (np.asarray(split.x).reshape(len(split), -1) for split in (train, splits.test))
    if x.dtype.kind not in "biuf":
        return {}
    y, y_test = problem.classes(train.y), problem.classes(splits.test.y)
    return {
        name: {"accuracy": float(np.mean(model.fit(x, y).predict(x_test) == y_test))}
        for name, model in _models(x.shape[1]).items()
    }


def _models(num_numbers: int) -> dict:
    """Make the classifiers that suit rows of so many numbers, by name."""
    from sklearn import ensemble, pipeline, preprocessing, svm

    is_image = num_numbers >= MAX_NUMBERS
    scaler = preprocessing.MaxAbsScaler() if is_image else preprocessing.StandardScaler()
    models = {
        "SVC": pipeline.make_pipeline(scaler, svm.SVC()),
        "random_forest": ensemble.RandomForestClassifier(random_state=0),
    }
    if not is_image:
        models["gradient_boosting"] = ensemble.GradientBoostingClassifier(random_state=0)
    return models
