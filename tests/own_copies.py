"""What tests of searches share: a recipe of one's own, changed copies of it, a free port."""

import pathlib
import socket

ROOT = pathlib.Path(__file__).resolve().parent.parent
OWN = ROOT / "tests/own_recipe.py"
RECIPE = OWN.read_text()


def write_recipe(name, *replacements):
    """Write a copy of `own_recipe.py` with some of its text replaced; give its name."""
    text = RECIPE
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    pathlib.Path(name).write_text(text)
    return name


def free_port():
    """Give a port of loopback that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
