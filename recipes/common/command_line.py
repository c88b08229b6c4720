"""The command line of a recipe, made from its Config; errors as one line and an exit code.

Exit codes: 0 done, 1 a fault (the disk is full, the loss is NaN), 2 bad input, 130 Ctrl-C.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import logging
import pathlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Literal

import tyro

from recipes.common.errors import InputError


@dataclasses.dataclass(frozen=True)
class Options:
    """Where a run writes, what it shows, and which engine trains."""

    out: pathlib.Path | None = None
    """Folder to write the run into; by default the next free one in runs/."""
    tensorboard: bool = False
    """Write TensorBoard's logs into the run folder as well."""
    engine: Literal["fused", "keras"] = "fused"
    """Train whole epochs as one program, or batch by batch by Keras's own fit."""
    quiet: bool = False
    """Print the result only, no progress."""


def main(recipe: types.ModuleType) -> None:
    """Run a recipe as a program: parse the flags, train, print the result.

    Args:
        recipe: The recipe's module, `sys.modules[__name__]` where it calls this.
    """
    with errors_as_lines():
        prog = f"python -m recipes.{pathlib.Path(recipe.__file__).stem}"
        title = (recipe.__doc__ or "").partition("\n")[0]
        config, options = parse(prog, title, recipe=recipe.Config, run=Options)
        from recipes.common import reports, runs  # they load TensorFlow: only after the flags

        reports.print_run(recipe.PROBLEM, runs.run(recipe, config, options))


def parse(
    prog: str, title: str | None, arguments: list[str] | None = None, /, **kinds: type
) -> tuple:
    """Make an instance of each dataclass from the command line.

    Args:
        prog: How the program is called, for `--help`.
        title: Text above the flags in `--help`.
        arguments: What to parse; by default what the program was called with.
        **kinds: Dataclasses; the fields of each become a group of flags under the given name.

    Returns:
        One instance for each dataclass.

    Raises:
        InputError: If a flag or a value is wrong; the message is one line.
    """

    def collect(**made: object) -> tuple:
        return tuple(made.values())

    keyword = inspect.Parameter.KEYWORD_ONLY
    collect.__annotations__ = kinds
    collect.__signature__ = inspect.Signature(
        [inspect.Parameter(name, keyword, annotation=kind) for name, kind in kinds.items()]
    )
    markers = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(collect, prog=prog, description=title, args=arguments, config=markers)
    except SystemExit as end:
        if end.code:
            raise InputError(_in_one_line(said.getvalue())) from None
        raise


@contextlib.contextmanager
def errors_as_lines() -> Iterator[None]:
    """End the program with one line on stderr where an error is meant for the user.

    Such an error carries an `exit_code`. Any other is a bug, in the recipe or here, and keeps its
    traceback.
    """
    _show_warnings()
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(_say("stopped by Ctrl-C; nothing was saved", 130))
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is None:
            raise
        sys.exit(_say(f"error: {error}", code))


def _show_warnings() -> None:
    """Print what the project's own loggers warn of, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    for package in ("recipes", "datasets", "tuning"):
        logging.getLogger(package).handlers = [handler]


def _say(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


def _in_one_line(box: str) -> str:
    """Give the message out of tyro's box: what stands between its title and its help text."""
    lines = [re.sub(r"^[│╭╰]?\s?|\s*[│╮╯]?$", "", line) for line in box.splitlines()]
    sections = re.split(r"\n─+\n", "\n".join(lines[1:-1]))
    suggested = [s for s in sections[1:] if s.startswith("Perhaps you meant")]
    first_line = " ".join(sections[0].split())
    flags = re.findall(r"--[\w-]+", suggested[0]) if suggested else []
    hint = f"; did you mean {flags[0]}?" if flags else "; --help lists the flags"
    return re.sub(r"^Error parsing \w+: ", "", first_line.strip()).rstrip(".") + hint
