"""The command line of a recipe, made from its Config; errors as one line and an exit code.

Exit codes: 0 done, 1 a fault (the disk is full, the loss is NaN), 2 bad input, 130 Ctrl-C,
SIGTERM or a closed terminal, 141 where the reader of the output has gone.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import dataclasses
import difflib
import functools
import importlib.metadata
import inspect
import itertools
import logging
import pathlib
import platform
import sys
import textwrap
import typing
from collections.abc import Iterator

from keras_recipes import configs, reading
from keras_recipes.console import interrupts, terminal
from keras_recipes.errors import InputError
from keras_recipes.version import __version__


@dataclasses.dataclass(frozen=True)
class takes:  # noqa: N801 (reads as a word in a type: Annotated[int, takes("N", "30")])
    """How the command line takes a field of a dataclass, as a note in the field's type.

    Attributes:
        metavar: What --help shows for the value; by default the type.
        default: What --help shows for the default; by default the default itself.
        flags: By default one, such as --batch-size for batch_size.
        positional: Whether the value stands without a flag.
    """

    metavar: str | None = None
    default: str | None = None
    flags: tuple[str, ...] = ()
    positional: bool = False


def parse(
    prog: str, title: str | None, arguments: list[str] | None = None, /, **kinds: type[typing.Any]
) -> tuple[typing.Any, ...]:
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
    parser = argparse.ArgumentParser(
        prog=prog,
        description=title,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        exit_on_error=False,
    )
    parser.add_argument("--version", action=_Version, help="show versions and exit")
    known: dict[str, argparse.Action] = {}
    for name, kind in kinds.items():
        is_one = len(kinds) == 1
        group = parser if is_one else parser.add_argument_group(f"{name} options", kind.__doc__)
        known |= _add_fields(group, kind)
    positional = [str(one.metavar) for one in known.values() if not one.option_strings]
    parser.usage = " ".join(["%(prog)s [OPTIONS]", *positional])
    try:
        given, others = parser.parse_known_intermixed_args(arguments)
    except argparse.ArgumentError as error:
        what = error.message.replace("expected one", "received none, expected one")
        raise InputError(f"{error.argument_name}: {what}; --help lists the flags") from error
    if others:
        raise InputError(_describe_unknown(others, known))
    values = {name: value for name, value in vars(given).items() if value is not None}
    return tuple(_make(kind, values, known) for kind in kinds.values())


class _Version(argparse.Action):
    """Print versions and exit, as argparse's own action does; they are looked up only here."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(describe_versions())
        parser.exit()


def describe_versions() -> str:
    """Return the version of the library, and of what it runs on."""
    names = ("tensorflow", "keras", "keras-tuner", "numpy")
    versions = (f"{name} {importlib.metadata.version(name)}" for name in names)
    return (
        f"keras_recipes {__version__} ({', '.join(versions)}, Python {platform.python_version()})"
    )


def _recipe_of(path: pathlib.Path) -> str:
    """Return the recipe whose settings these are, by the metrics of the run."""
    for folder in (path, path / "best", path.parent):
        with contextlib.suppress(InputError, KeyError):
            return str(reading.read_json(folder / "metrics.json", "")["recipe"])
    return "another recipe"


def found_settings(path: pathlib.Path, kind: type[configs.Config], given_by: str) -> list[str]:
    """Return the settings that a run or a search has left as arguments of the command line.

    Args:
        path: A config.json, or the folder of a run or of a search, whose best point is meant.
        kind: Config of the recipe that they are for.
        given_by: Flag by which the path was given, for messages.

    Raises:
        InputError: If there is no such file, or a setting in it is none of this recipe's.
    """
    arguments, known = [], {field.name for field in dataclasses.fields(kind)}
    settings = configs.read_settings(path, kind, given_by)
    if unknown := [name for name in settings if name not in known]:
        shown = ", ".join(unknown[:3]) + ", …" * (len(unknown) > 3)
        raise InputError(
            f"{given_by} {path}: received the settings of {_recipe_of(path)}, and this recipe has "
            f"no {shown}; nothing is trained; give the settings of a run of the same recipe"
        )
    for name, value in settings.items():
        if isinstance(value, bool):
            arguments.append(flag(name if value else f"no_{name}"))
        elif value is not None:
            values = value if isinstance(value, list) else [value]
            arguments += [flag(name), *map(str, values)]
    try:
        parse("", None, arguments, recipe=kind)
    except InputError as error:
        raise InputError(f"{given_by} {path}: {error}") from error
    return arguments


def _add_fields(
    parser: argparse._ActionsContainer, kind: type[typing.Any]
) -> dict[str, argparse.Action]:
    """Add the fields of a dataclass to a parser, each with the docstring below it."""
    sentences = {}
    for base in filter(dataclasses.is_dataclass, reversed(kind.__mro__)):
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        for statements in itertools.pairwise(typing.cast(ast.ClassDef, definition).body):
            match statements:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                    sentences[name] = " ".join(text.split()).replace("%", "%%")
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        field.name: _add(parser, field, hints[field.name], sentences.get(field.name, ""), kind)
        for field in dataclasses.fields(kind)
    }


def _add(
    parser: argparse._ActionsContainer,
    field: dataclasses.Field[typing.Any],
    hint: typing.Any,
    sentence: str,
    owner: type[typing.Any],
) -> argparse.Action:
    """Add a field of a dataclass to a parser; where it is not given its value is None."""
    notes = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, takes)]
    note, default = notes[0] if notes else takes(), field.default
    if isinstance(default, bool):
        flags: tuple[str, ...] = note.flags or (flag(field.name),)
        # What is on by itself, or may be by a file of settings, has a flag for either.
        if default or issubclass(owner, configs.Config):
            sentence += f" (default: {flag(field.name if default else f'no_{field.name}')})"
            either = argparse.BooleanOptionalAction
            return parser.add_argument(*flags, dest=field.name, action=either, help=sentence)
        return parser.add_argument(
            *flags, dest=field.name, action="store_const", const=True, help=sentence
        )
    kind = hint  # of one value: without notes, None, and the tuple around it
    while typing.get_origin(kind) is not typing.Literal and typing.get_args(kind):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    choices = ",".join(map(str, typing.get_args(kind)))
    settings: dict[str, typing.Any] = {
        "metavar": note.metavar or (f"{{{choices}}}" if choices else kind.__name__.upper()),
        "type": functools.partial(_read, kind),
        "nargs": "*" if isinstance(default, tuple) else None,
    }
    if note.positional:
        settings["default"] = None if default is dataclasses.MISSING else default
        settings["nargs"] = settings["nargs"] or "?"  # a missing one is named in `_make`
        return parser.add_argument(field.name, help=sentence, **settings)
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
    shown = "none" if shown in (None, "", dataclasses.MISSING) else shown
    sentence += f" (default: {note.default or shown})"
    return parser.add_argument(
        *(note.flags or (flag(field.name),)), dest=field.name, help=sentence, **settings
    )


def _read(kind: typing.Any, text: str) -> typing.Any:
    """Read one value; its range is checked where the dataclass is made."""
    try:
        if kind is pathlib.Path:
            return reading.expanded(text)  # the shell leaves ~ in `--out=~/x`
        return kind(text) if kind in (int, float) else text
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error
    except ValueError as error:
        what = {int: "a whole number", float: "a number"}[kind]
        received = reading.shown(repr(text))
        raise argparse.ArgumentTypeError(f"received {received}, expected {what}") from error


def _make(
    kind: type[typing.Any], values: dict[str, typing.Any], known: dict[str, argparse.Action]
) -> typing.Any:
    """Make a dataclass of its fields among the values; an error names the flag."""
    fields = dataclasses.fields(kind)
    no_default = [one.name for one in fields if one.default is one.default_factory]  # both MISSING
    if missing := [known[name] for name in no_default if name not in values]:
        described = (f"{one.metavar} ({str(one.help).rstrip('.')})" for one in missing)
        raise InputError(f"missing: {', '.join(described)}; --help lists the flags")
    own = {one.name: values[one.name] for one in fields if one.name in values}
    try:
        made = kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in own.items()})
        configs.check_fields(made)
        return made
    except InputError as error:
        name, _, text = str(error).partition(": ")
        if name not in known:
            raise
        label = (*known[name].option_strings, known[name].metavar)[0]
        raise InputError(f"{label}: {text}; --help lists the flags") from error


def _describe_unknown(others: list[str], known: dict[str, argparse.Action]) -> str:
    """Describe an argument that nothing takes: what was meant, or what it is called now."""
    first = next((one for one in others if one.startswith("-")), others[0]).partition("=")[0]
    now = configs.RENAMED.get(first.strip("-").replace("-", "_"), "")
    if now in known:
        return f"{first}: is called {flag(now)} now"
    flags = [one for action in known.values() for one in action.option_strings]
    near = [one for one in flags if one.startswith(first)]
    near = near or difflib.get_close_matches(first, flags, n=1, cutoff=0.7)
    hint = f"did you mean {near[0]}?" if near else "--help lists the flags"
    return f"{first}: no such {'flag' if first.startswith('-') else 'argument'}; {hint}"


@contextlib.contextmanager
def errors_as_lines() -> Iterator[None]:
    """Print the project's warnings in lines, and end with one line where an error is the user's.

    Such an error carries an `exit_code`. Any other is a bug, in the recipe or here, and keeps its
    traceback.
    """
    terminal.write_what_it_can()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    for package in ("keras_recipes", "recipes", "datasets", "tuning"):
        logging.getLogger(package).handlers = [handler]
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


def _say(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


def flag(name: str) -> str:
    """Return the flag of a field: --batch-size for batch_size."""
    return "--" + name.replace("_", "-")
