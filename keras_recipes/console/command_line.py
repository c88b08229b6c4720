"""The command line of a recipe, made from its Config; errors as one line and an exit code.

Exit codes: 0 done, 1 a fault (the disk is full, the loss is NaN), 2 bad input, 130 Ctrl-C,
SIGTERM or a closed terminal, 141 where the reader of the output has gone.
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
import typing
from collections.abc import Iterator

import tyro

from keras_recipes.console import interrupts, terminal
from keras_recipes.errors import InputError

# tyro's messages, as patterns, in the words of this collection.
_WORDINGS = {
    r"^Error parsing \w+: (\w+)(?=: received)": lambda found: flag(found[1]),
    r"^Error parsing \w+: ": "",
    r"^Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)": (
        r"\1: received \2, expected a whole number"
    ),
    r"^Error parsing (\S+): could not convert string to float: (.*)": (
        r"\1: received \2, expected a number"
    ),
    r"^Error parsing (\S+): Could not find valid parse for arguments: \[(.*)\]": (
        r"\1: received \2, which cannot be read"
    ),
    r"^invalid choice (.*) for argument '(.*)'\. Expected one of \((.*)\)": (
        r"\2: received \1, expected one of \3"
    ),
    r"^Missing value for argument '(.*)'\. Expected 1 values": r"\1: the value is missing",
    r"^Missing from .*?: (.*)\(required\)$": lambda found: _missing(found[1]),
}


_registry = tyro.constructors.ConstructorRegistry()


@_registry.primitive_rule
def _read_optional(info: tyro.constructors.PrimitiveTypeInfo):
    """Read a flag of type `X | None` as one of type X: None says that it was not given."""
    kinds = set(typing.get_args(info.type)) - {type(None)}
    if len(kinds) != 1 or type(None) not in typing.get_args(info.type):
        return None
    inner = tyro.constructors.PrimitiveTypeInfo.make(kinds.pop(), info.markers)
    spec = tyro.constructors.ConstructorRegistry.get_primitive_spec(inner)
    return dataclasses.replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda v: ["none"] if v is None else spec.str_from_instance(v),
    )


def takes(metavar: str, default: str) -> object:
    """Return the note that makes --help show what a flag takes, and its default."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=f"(default: {default})")


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
    # The box around a message would break long words; the help is to be read as it is.
    is_help = {"-h", "--help"} & set(sys.argv[1:] if arguments is None else arguments)
    width = contextlib.nullcontext() if is_help else terminal.unwrapped()
    try:
        with contextlib.redirect_stderr(said), width:
            made = tyro.cli(
                collect,
                prog=prog,
                description=title,
                args=arguments,
                config=markers,
                registry=_registry,
            )
        return tuple(_expand_home(settings) for settings in made)
    except SystemExit as end:
        if end.code:
            raise InputError(_in_one_line(said.getvalue())) from None
        raise


def _expand_home(settings: object) -> object:
    """Read ~ in a path as the user's home, where the shell has not done it (`--out=~/x`)."""
    paths = {
        field.name: value
        for field in dataclasses.fields(settings)
        if isinstance(value := getattr(settings, field.name), pathlib.Path)
    }
    try:
        return dataclasses.replace(settings, **{n: path.expanduser() for n, path in paths.items()})
    except RuntimeError as error:
        named = ", ".join(map(str, paths.values()))
        raise InputError(f"{named}: there is no such user's home; write the path out") from error


@contextlib.contextmanager
def errors_as_lines() -> Iterator[None]:
    """End the program with one line on stderr where an error is meant for the user.

    Such an error carries an `exit_code`. Any other is a bug, in the recipe or here, and keeps its
    traceback.
    """
    terminal.write_what_it_can()
    _show_warnings()
    try:
        with interrupts.sigterm_as_ctrl_c():
            try:
                yield
            finally:
                if sys.stdout:  # None where it was closed, as by `>&-`
                    sys.stdout.flush()  # here a reader that has gone can still be told from a bug
    except KeyboardInterrupt as error:
        sys.exit(_say(f"stopped by Ctrl-C; {str(error) or 'nothing was saved'}", 130))
    except BrokenPipeError:
        terminal.forget_output()
        sys.exit(141)
    except SyntaxError as error:  # of somebody's recipe
        sys.exit(_say(f"error: {error.filename}, line {error.lineno}: {error.msg}", 2))
    except ModuleNotFoundError as error:
        advice = "activate the environment, or run pip install -r requirements.txt"
        sys.exit(_say(f"error: {error}: {advice}", 1))
    except OSError as error:  # such as a full disk behind `> log.txt`
        terminal.forget_output()
        sys.exit(_say(f"error: {error}", 1))
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is None:
            raise
        sys.exit(_say(f"error: {error}", code))


def _show_warnings() -> None:
    """Print what the project's own loggers warn of, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    for package in ("keras_recipes", "recipes", "datasets", "tuning"):
        logging.getLogger(package).handlers = [handler]


def _say(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


def _in_one_line(box: str) -> str:
    """Return the message out of tyro's box: what stands between its title and its help text."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", box)  # without a terminal's colours
    lines = [line.strip(" │") for line in plain.splitlines()[1:]]
    # Rules of dashes part the sections; without UTF-8 there is one below the title as well.
    sections = [part for part in re.split(r"(?m)^[─-]{3,}$", "\n".join(lines)) if part.strip()]
    suggested = [part for part in sections[1:] if part.strip().startswith("Perhaps you meant")]
    flags = re.findall(r"--[\w-]+", suggested[0]) if suggested else []
    hint = f"; did you mean {flags[0]}?" if flags else "; --help lists the flags"
    line = " ".join(sections[0].split()).rstrip(".")
    for pattern, wording in _WORDINGS.items():
        line = re.sub(pattern, wording, line)
    return line + hint


def _missing(described: str) -> str:
    """Name the arguments that are missing, each with what it is in brackets."""
    each = (one.strip().rstrip(".").partition(" ") for one in described.split("(required)"))
    return f"missing: {', '.join(f'{name} ({what})' for name, _, what in each)}"


def flag(name: str) -> str:
    """Return the flag of a field: --batch-size for batch_size."""
    return "--" + name.replace("_", "-")
