"""The one place where files are opened to be read: regular files, of a limited size; JSON, checked.

What a project keeps (runs, searches) may come back edited, cut off or exchanged. Whatever comes,
a reader here returns what was expected, or raises one line that names the file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import io
import json
import math
import os
import pathlib
import stat
import types
import typing
from collections.abc import Iterator
from typing import Any

from keras_recipes.errors import InputError

Path = str | os.PathLike[str]

_CHUNK_BYTES = 1 << 20
_MAX_DIGITS = 4_000  # of a whole number; Python refuses longer ones, with a line about its settings
_NO_FILES = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    tuple: "a list",
    type(None): "null",
}


def shown(value: object) -> str:
    """Return a path, or any value of a user's, as a message can hold it: in one line, not long."""
    try:
        text = str(value)
    except ValueError:  # a whole number of more digits than Python writes
        return f"a number of more than {_MAX_DIGITS:,} digits"
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= 300 else f"{text[:200]}… ({len(text):,} characters)"


def expanded(path: Path) -> pathlib.Path:
    """Return a path with the user's home for ~.

    Raises:
        InputError: If it cannot be the path of a file.
    """
    resolved(path)
    found = pathlib.Path(path).expanduser()
    try:
        found.stat()
    except (FileNotFoundError, NotADirectoryError):  # there may be such a file yet
        return found
    except OSError as error:
        raise InputError(f"{shown(path)}: {_reason(path, error)}") from error
    return found


def resolved(path: Path) -> pathlib.Path:
    """Return the absolute path of a file that need not be there; ~ and links are followed.

    Raises:
        InputError: If it cannot be the path of a file.
    """
    try:
        return pathlib.Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{shown(path)}: {_reason(path, error)}") from error


def memory_limit() -> int:
    """Return the bytes that a file may hold at most: half of this machine's memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return 1 << 34


@contextlib.contextmanager
def open_file(path: Path, *, pipes: bool = False) -> Iterator[io.BufferedReader]:
    """Open a regular file to read bytes; devices and named pipes could be read without end.

    Args:
        path: Of the file; ~ is expanded.
        pipes: Whether a pipe of the shell will do as well, such as /dev/stdin or `<(command)`.

    Raises:
        InputError: If there is no such file, or reading fails; the message says why.
    """
    try:
        file = pathlib.Path(path).expanduser()
        mode = file.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode) and not (pipes and _is_of_shell(file, mode)):
            raise InputError(
                f"{shown(path)}: {_NO_FILES.get(stat.S_IFMT(mode), 'no file')}, expected a regular "
                "file; write its content into a file and give that."
            )
        opened = file.open("rb")
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{shown(path)}: {_reason(path, error)}") from error
    with opened:
        try:
            yield opened
        except OSError as error:  # such as a disk that fails
            raise InputError(f"{shown(path)}: {_reason(path, error)}") from error


def _is_of_shell(file: pathlib.Path, mode: int) -> bool:
    return stat.S_ISFIFO(mode) and os.path.realpath(file).startswith(("/dev/fd/", "/proc/"))


def _reason(path: Path, error: Exception) -> str:
    """Explain why a path leads to no file, and how to go on."""
    if isinstance(error, FileNotFoundError):
        link = pathlib.Path(path).expanduser()
        if link.is_symlink():
            return f"a link to {shown(os.readlink(link))}, no such file; check the path."
        return "no such file; check the path."
    if isinstance(error, IsADirectoryError):
        return "a folder; give the path of one file."
    number = getattr(error, "errno", None)
    if number == errno.ELOOP or "Symlink loop" in str(error):
        return "links that lead in a circle; give another path."
    if isinstance(error, RuntimeError):
        return "there is no such user's home; write the path out."
    if isinstance(error, ValueError):
        return "no path can hold such characters; check the path."
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return f"cannot be read ({reason}); check the path and its rights."


def read_bytes(path: Path, *, limit: int | None = None, pipes: bool = False) -> bytes:
    """Read a regular file whole.

    Args:
        path: Of the file.
        limit: Bytes that it may hold at most; by default `memory_limit`.
        pipes: As in `open_file`.

    Raises:
        InputError: If it cannot be read, or is larger.
    """
    limit = memory_limit() if limit is None else limit
    with open_file(path, pipes=pipes) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= limit and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file.read()
        parts = _limited(file, limit) if size <= limit else None
    if parts is None:
        raise InputError(f"{shown(path)}: {_too_large(limit)}")
    return parts


def _limited(file: Readable, limit: int) -> bytes | None:
    """Read to the end; None where there is more than the limit."""
    parts, size = [], 0
    while chunk := file.read(_CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            return None
        parts.append(chunk)
    return b"".join(parts)


def _too_large(limit: int) -> str:
    return f"received more than {limit:,} bytes, expected at most these; check the file."


class Readable(typing.Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""
        ...


def unpacked(file: Readable, limit: int | None = None) -> bytes:
    """Read what a packed file holds.

    Args:
        file: That unpacks while it is read, such as `gzip.open` returns.
        limit: Bytes at most that may come out; by default `memory_limit`.

    Raises:
        InputError: If it is more.
        OSError, EOFError, zlib.error: If it is not soundly packed.
    """
    limit = memory_limit() if limit is None else limit
    content = _limited(file, limit)
    if content is None:
        raise InputError(f"unpacked, {_too_large(limit)}")
    return content


def sha256(path: Path) -> str:
    """Return the checksum of a file, as hexadecimal digits."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(content: dict[str, Any]) -> str:
    """Return the checksum of a JSON object, without the one that it holds."""
    own = {name: value for name, value in content.items() if name != "checksum"}
    text = json.dumps(own, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_json(path: Path, fix: str, *, nan: bool = False) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: Of the file.
        fix: How to go on where it is damaged.
        nan: Whether numbers may be NaN.

    Raises:
        InputError: If the file cannot be read, or holds anything else.
    """
    content = read_bytes(path)
    try:
        with damaged(path, fix):
            found = json.loads(
                content.decode("utf-8-sig"),
                object_pairs_hook=_object,
                parse_int=_whole,
                parse_float=_finite,
                parse_constant=float if nan else _finite,
            )
            return typing.cast(dict[str, Any], checked(found, dict, "its content"))
    except RecursionError as error:
        raise InputError(f"{shown(path)} is damaged (nested too deep); {fix}") from error


@contextlib.contextmanager
def damaged(path: Path, fix: str) -> Iterator[None]:
    """Turn a ValueError about the content of a file, within the block, into one line.

    Raises:
        InputError: Instead.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        reason = f"byte {error.start:,} is no UTF-8"
        raise InputError(f"{shown(path)} is damaged ({reason}); {fix}") from error
    except ValueError as error:
        raise InputError(f"{shown(path)} is damaged ({shown(error)}); {fix}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(repr(twice))} is there twice")
    return made


def _whole(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shown(text)} is no finite number")
    return number


def checked(value: Any, hint: Any, name: str) -> Any:
    """Return what JSON holds as its type has it: tuples for lists, and dataclasses for objects.

    Args:
        value: From JSON.
        hint: A type: plain ones, unions, Literal, Annotated, list, tuple, dict, dataclasses and
            TypedDicts, whose further keys are left alone.
        name: Of the value, for messages.

    Raises:
        ValueError: If the value is of another type; the message names the entry.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Annotated, typing.Required, typing.NotRequired):
        return checked(value, inner[0], name)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        first = next(one for one in inner if one is not type(None))  # X | None only
        return checked(value, first, name)
    if origin is typing.Literal:
        if not any(value == one and type(value) is type(one) for one in inner):
            raise _wrong(name, f"one of {', '.join(map(repr, inner))}", value)
        return value
    if dataclasses.is_dataclass(hint) or typing.is_typeddict(hint):
        return _object_of(value, hint, name)
    kind: Any = origin or hint
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return value
    is_other = isinstance(value, bool) and kind is not bool
    if is_other or not isinstance(value, list if kind is tuple else kind):
        raise _wrong(name, _NAMES.get(kind, kind.__name__), value)
    if isinstance(value, dict) and inner:
        return {key: checked(one, inner[1], f"{name}.{key}") for key, one in value.items()}
    if kind in (list, tuple) and inner:
        return kind(checked(one, inner[0], f"{name}[{place}]") for place, one in enumerate(value))
    return value


def _object_of(value: Any, hint: Any, name: str) -> Any:
    """Return a dataclass of an object, or the object as its TypedDict has it."""
    if not isinstance(value, dict):
        raise _wrong(name, "an object", value)
    hints = typing.get_type_hints(hint, include_extras=True)
    if typing.is_typeddict(hint):
        # `__required_keys__` does not see the marks in annotations that are text.
        rest = typing.NotRequired if hint.__total__ else typing.Required
        is_rest = {key: typing.get_origin(one) is rest for key, one in hints.items()}
        needed = {key for key, found in is_rest.items() if found is not hint.__total__}
        allowed = hints.keys() | value.keys()
    else:
        fields = [one for one in dataclasses.fields(hint) if one.init]
        needed = {one.name for one in fields if one.default is one.default_factory}  # both MISSING
        allowed = {one.name for one in fields}
    if missing := sorted(needed - value.keys()):
        raise ValueError(f"{name}: {', '.join(missing)} is missing")
    if unknown := sorted(value.keys() - allowed):
        raise ValueError(f"{name}: {shown(', '.join(unknown))} is none of its entries")
    made = {
        key: checked(one, hints[key], f"{name}.{key}") if key in hints else one
        for key, one in value.items()
    }
    return made if typing.is_typeddict(hint) else hint(**made)


def _wrong(name: str, expected: str, received: object) -> ValueError:
    what = _NAMES.get(type(received), type(received).__name__)
    if isinstance(received, str | int | float) and not isinstance(received, bool):
        what = shown(repr(received) if isinstance(received, str) else received)[:60]
    return ValueError(f"{name}: expected {expected}, received {what}")
