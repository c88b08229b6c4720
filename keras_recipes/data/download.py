"""Downloads with time limits, kept only once they are whole."""

import http.client
import os
import queue
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

from keras_recipes.errors import InputError

CONNECT_SECONDS = 5.0  # name, connection and first answer together; also the longest silence
TOTAL_SECONDS = 300.0  # for all files of a set: 30 MB at 1 Mbit/s take 240 s
_CHUNK_BYTES = 1 << 16


def fetch(
    url: str,
    target: Path,
    check: Callable[[bytes, str], object],
    deadline: float,
    max_bytes: int,
) -> None:
    """Download a file; the target appears only once the content has passed the check.

    Args:
        url: address of the file.
        target: path to write; an older file there is replaced.
        check: called as check(content, url), raises InputError for bad content.
        deadline: time.monotonic() at which to give up.
        max_bytes: of the file; of more, the rest is not received.

    Raises:
        InputError: no connection, too slow, cut off, too large, bad content, or the target
            cannot be written.
    """
    try:
        content = _receive(url, deadline, max_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"{url} could not be downloaded: {_reason(error)}") from error
    check(content, url)
    try:
        _write_whole(target, content)
    except OSError as error:
        raise InputError(
            f"{target} could not be written: {error.strerror}; "
            f"set KERAS_HOME to a folder with room that you may write to."
        ) from error


def _receive(url: str, deadline: float, max_bytes: int) -> bytes:
    """Content behind a URL; raises TimeoutError after the deadline, OSError for another size."""
    received = bytearray()
    with _open(url) as response:
        total_bytes = response.length
        if (total_bytes or 0) > max_bytes:
            raise OSError(f"it is {total_bytes:,} bytes, expected at most {max_bytes:,}")
        # read1 returns what has arrived, so that a trickle cannot outlast the deadline.
        while chunk := response.read1(_CHUNK_BYTES):
            received += chunk
            _show_progress(url, len(received), total_bytes)
            if time.monotonic() > deadline:
                raise TimeoutError(f"not finished within {TOTAL_SECONDS:g} s")
            if len(received) > max_bytes:
                raise OSError(f"more than the {max_bytes:,} bytes of the file were sent")
    if total_bytes and len(received) < total_bytes:
        raise OSError(f"cut off after {len(received):,} of {total_bytes:,} bytes")
    return bytes(received)


def _open(url: str) -> http.client.HTTPResponse:
    """Open a URL in one time limit for everything up to the first answer.

    urlopen's own timeout holds for each address of a host and not at all for looking its name up,
    so behind a firewall it can hang for a minute. A thread can be left behind instead.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=CONNECT_SECONDS))
        except (OSError, http.client.HTTPException) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {CONNECT_SECONDS:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _reason(error: Exception) -> str:
    """The cause of a failed download in one line."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return " ".join(str(error).split())
    return str(getattr(error, "reason", error))


def _show_progress(url: str, num_bytes: int, total_bytes: int | None) -> None:
    """One line that rewrites itself; nothing where stderr is not a terminal."""
    if not sys.stderr.isatty():
        return
    whole = f" of {total_bytes / 1e6:.1f}" if total_bytes else ""
    line = f"\rdownloading {url}: {num_bytes / 1e6:.1f}{whole} MB"
    print(line, end="\n" if num_bytes == total_bytes else "", file=sys.stderr, flush=True)


def _write_whole(target: Path, content: bytes) -> None:
    """Write beside the target, then rename: another process sees the whole file or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        partial.write_bytes(content)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
