"""Rules about the program that trains: what its text shows beyond its first fit."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from keras_recipes.checks.findings import Mistake, error, rule_list
from keras_recipes.checks.inspect.facts import Facts

RULES, rule = rule_list("programs")

# Arguments that Keras's fit has, and no other library's of that name.
_OF_KERAS = {"epochs", "batch_size", "validation_data", "validation_split", "steps_per_epoch"}
_RESETS = {"set_weights", "load_weights"}
# Each fold learns from rows before those that it is tested on: one model may well go on.
_IN_TIME = {"TimeSeriesSplit"}
_ARRAYS = {"np", "numpy", "jnp", "tf", "ops"}
_JOINS = {"concatenate", "concat", "vstack", "hstack", "append", "delete", "setdiff1d", "r_"}


@rule("S7", "one-model-for-all-folds")
def one_model_for_all_folds(facts: Facts) -> Iterator[Mistake]:
    """One model that is trained on through all folds of a cross-validation.

    Why: from the second fold on the model has learned from the rows that it is tested on; the
        scores rise from fold to fold and mean nothing. `compile` does not set weights back.
    Fix: `model = build_model()` as the first line of the loop.
    Thread: deepchem/deepchem#926, rstudio/keras3#1149
    """
    try:
        tree = ast.parse(facts.settings.program or "")
    except SyntaxError:
        return
    for loop in ast.walk(tree):
        if not isinstance(loop, ast.For) or not _goes_through_folds(loop, tree):
            continue
        calls = [node for node in _inside(loop) if isinstance(node, ast.Call)]
        if any(_called(call) in _RESETS for call in calls):
            continue
        made = _made_in(loop) | set(_names(loop.target))
        fits = [(call.lineno, model) for call in calls for model in _trained_by(call, tree)]
        for line, model in fits:
            if not made & {model, *_names(ast.parse(model))}:
                yield error(
                    f"in line {line}, {model} trained in each round of a loop over folds "
                    f"(line {loop.lineno}) that does not make it anew",
                    "a new model for each fold",
                    f"make and compile {model} inside the loop, by a function such as "
                    f"{model} = build_model()",
                )
                return


def _goes_through_folds(loop: ast.For, tree: ast.Module) -> bool:
    """Return whether a loop goes through folds: pairs of row numbers, or all parts but one."""
    pair = loop.target
    while isinstance(pair, ast.Tuple) and any(isinstance(one, ast.Tuple) for one in pair.elts):
        pair = next(one for one in pair.elts if isinstance(one, ast.Tuple))
    if isinstance(pair, ast.Tuple) and len(pair.elts) == 2:
        names = {one.id for one in pair.elts if isinstance(one, ast.Name)}
        if len(names) == 2 and (_picks_rows(loop, names) or _splits(loop.iter)):
            return not _IN_TIME & _sources(loop.iter, tree)
    if not isinstance(loop.target, ast.Name):
        return False
    return _leaves_one_part_out(loop)


def _picks_rows(loop: ast.For, names: set[str]) -> bool:
    """Return whether each of two names picks rows of the same data; x[a:b] is one pick of both."""
    picked: dict[str, set[str]] = {}
    for node in _inside(loop):
        if isinstance(node, ast.Subscript) and len(by := names & set(_names(node.slice))) == 1:
            picked.setdefault(ast.unparse(node.value), set()).update(by)
    return any(names <= by for by in picked.values())


def _splits(node: ast.AST) -> bool:
    """Return whether this goes through what a splitter yields, and not through parts of arrays."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call) and _called(one) == "split"]
    return any(
        isinstance(one.func, ast.Attribute) and not _ARRAYS & set(_names(one.func.value))
        for one in calls
    )


def _leaves_one_part_out(loop: ast.For) -> bool:
    """Return whether a loop validates on one part and learns from the others joined."""
    depends = set(_names(loop.target))
    joined: set[str] = set()
    for node in _inside(loop):
        if isinstance(node, ast.Assign) and depends & set(_names(node.value)):
            names = {name for target in node.targets for name in _names(target)}
            depends |= names
            grows = names & set(_names(node.value))  # by a part in each round
            if not grows and any(_joins(part) for part in ast.walk(node.value)):
                joined |= names
    for call in _inside(loop):
        if isinstance(call, ast.Call) and _is_fit(call):
            learned = {name for one in call.args for name in _names(one)}
            held_out = [k.value for k in call.keywords if k.arg == "validation_data"]
            held_out += [
                one
                for other in _inside(loop)
                if isinstance(other, ast.Call) and _called(other) in ("evaluate", "predict")
                for one in other.args
            ]
            if learned & joined and any(depends & set(_names(one)) for one in held_out):
                return True
    return False


def _joins(node: ast.AST) -> bool:
    inverts = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert)
    differs = isinstance(node, ast.Compare) and any(isinstance(op, ast.NotEq) for op in node.ops)
    return inverts or differs or (isinstance(node, ast.Call) and _called(node) in _JOINS)


def _trained_by(call: ast.Call, tree: ast.Module) -> Iterator[str]:
    """Yield the models that a call trains: by fit, or by a function of the program that does."""
    if isinstance(call.func, ast.Attribute) and _is_fit(call):
        yield ast.unparse(call.func.value)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name == _called(call):
            parameters = [one.arg for one in function.args.args]
            given = dict(zip(parameters, call.args, strict=False))
            given |= {one.arg: one.value for one in call.keywords if one.arg in parameters}
            made, calls = _made_in(function), list(_inside(function))
            if any(isinstance(one, ast.Call) and _called(one) in _RESETS for one in calls):
                continue
            for inner in calls:
                if isinstance(inner, ast.Call) and _is_fit(inner):
                    name = ast.unparse(inner.func.value)  # type: ignore[attr-defined]
                    value = given.get(name)
                    if isinstance(value, ast.Name | ast.Attribute) and name not in made:
                        yield ast.unparse(value)


def _is_fit(call: ast.Call) -> bool:
    """Return whether this is Keras's fit, and not that of a scaler or another library."""
    named = {one.arg for one in call.keywords}
    return (
        isinstance(call.func, ast.Attribute) and call.func.attr == "fit" and bool(named & _OF_KERAS)
    )


def _made_in(block: ast.For | ast.FunctionDef) -> set[str]:
    """Return the names that a loop or function gives new values to; another name is no new one."""
    made = set()
    for node in _inside(block):
        targets: Iterable[ast.AST] = ()
        if isinstance(node, ast.Assign):
            targets = node.targets if not isinstance(node.value, ast.Name) else ()
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr | ast.For):
            targets = (node.target,)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            targets = (node.optional_vars,)
        for target in targets:
            made |= {
                ast.unparse(one)
                for one in ast.walk(target)
                if isinstance(one, ast.Name | ast.Attribute)
            }
    return made


def _sources(node: ast.AST, tree: ast.Module) -> set[str]:
    """Return the names in an expression, and those in what its names were assigned."""
    names = set(_names(node))
    for assigned in ast.walk(tree):
        targets = assigned.targets if isinstance(assigned, ast.Assign) else []
        if isinstance(assigned, ast.Assign) and any(names & set(_names(one)) for one in targets):
            names |= set(_names(assigned.value))
    return names


def _inside(block: ast.For | ast.FunctionDef) -> Iterator[ast.AST]:
    for statement in block.body:
        yield from ast.walk(statement)


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names and the last parts of attributes in an expression."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr


def _called(call: ast.Call) -> str:
    """Return the last part of what is called: fit for model.fit(...)."""
    return str(getattr(call.func, "attr", None) or getattr(call.func, "id", ""))
