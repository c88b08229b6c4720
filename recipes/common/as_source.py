"""Values and types as Python source: what copies of a recipe are written with."""

from __future__ import annotations

import json
import typing


def of_value(value: object) -> str:
    """Write a value; text in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def of_type(hint: object) -> str:
    """Write the type of a field, without what it is annotated with."""
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is typing.Literal:
        return f"typing.Literal[{', '.join(map(of_value, typing.get_args(hint)))}]"
    if typing.get_origin(hint) is tuple:
        return f"tuple[{of_type(typing.get_args(hint)[0])}, ...]"
    return hint.__name__ if type(hint) is type else str(hint)
