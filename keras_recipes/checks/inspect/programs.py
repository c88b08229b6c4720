"""What the source text of a program shows about how predictions are read."""

from __future__ import annotations

import ast

_PREDICTING = {"predict", "predict_on_batch"}


def argmax_of_predictions(source: str | None) -> list[int]:
    """Find where a program takes the argmax of a model's predictions.

    Args:
        source: Python source text; None, or text that does not parse, holds none.

    Returns:
        The lines, counted from 1.
    """
    try:
        tree = ast.parse(source or "")
    except SyntaxError:
        return []
    predictions = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _calls(node.value, _PREDICTING)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def holds_predictions(node: ast.AST) -> bool:
        names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        return bool(names & predictions) or _calls(node, _PREDICTING)

    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node) == "argmax" and holds_predictions(node)
    ]


def _calls(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(inner, ast.Call) and _name(inner) in names for inner in ast.walk(node))


def _name(call: ast.Call) -> str:
    """Return the last part of what is called: argmax for np.argmax(...)."""
    function = call.func
    return getattr(function, "attr", None) or getattr(function, "id", "")
