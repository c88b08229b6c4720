"""From an image's file to its pixels, by one exact path for training and for new images.

1. Pillow decodes the first frame. A JPEG whose shorter side is at least 2, 4 or 8 times twice the
   wanted size is scaled down by that factor while it is decoded (`reduction`).
2. 16-bit numbers are shifted right; CMYK becomes (255 - c) * (255 - k) // 255; what is transparent
   lies over white, (c * a + 255 * (255 - a) + 127) // 255.
3. The image is turned as its EXIF orientation says.
4. Colours stay RGB, or become grey: (19595 R + 38470 G + 7471 B + 32768) >> 16.
5. `tf.image.resize(antialias=True)` brings it to a square of the wanted size; the result is rounded
   half to even.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import IO, NamedTuple, TypeVar

import numpy as np
import PIL.Image

from keras_recipes import reading
from keras_recipes.data.images import storage
from keras_recipes.errors import InputError

# Others are left out: some start programs (EPS), some the pinned libraries do not all have (AVIF).
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
NO_PICTURES = "files that are no images"
_OTHER_SUFFIXES = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".ico", ".psd", ".dng", ".cr2")
KNOWN = {*_OTHER_SUFFIXES, *(one for ones in SUFFIXES.values() for one in ones)}
_BEGINNINGS = {
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file by git lfs pull",
    b"<": "a page of text, perhaps the message of a failed download; fetch it again",
    b"%PDF": "a PDF document; export its pages as PNG",
    b"PK\x03\x04": "a zip archive; unpack it",
}
_MAX_FILE_BYTES = 1 << 28
_MAX_PIXELS = 50_000_000  # decoded at once: 150 MB
_MIN_SIDE = 4
_TOO_LARGE = f"more than {_MAX_PIXELS // 1_000_000} million pixels; scale it down"
_BITS_12 = 1 << 12
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
GREY = (19595, 38470, 7471)  # of 65536: weights of red, green and blue, as Pillow has them
_ORIENTATION = 0x0112
_FILES_AT_ONCE = 16  # by one thread; those of one shape are resized together
_MAX_WAITING = 3 * 512 * 512  # bytes of an image to be resized together with others

T = TypeVar("T")


class LeftOutError(ValueError):
    """A file cannot serve as an image.

    Attributes:
        what: Kind of trouble, in the plural, such as "corrupt files".
        reason: What is wrong with this file.
    """

    def __init__(self, what: str, reason: str):
        super().__init__(reason)
        self.what, self.reason = what, reason


class Header(NamedTuple):
    """What the beginning of a file says of its image.

    Attributes:
        kind: File format, a key of SUFFIXES.
        mode: Pillow's name of the pixels' form, such as RGB.
        width: In pixels, before it is turned.
        height: In pixels, before it is turned.
        is_animated: Whether there are more frames.
        is_misnamed: Whether the file's name has the ending of another format.
    """

    kind: str
    mode: str
    width: int
    height: int
    is_animated: bool
    is_misnamed: bool

    @property
    def is_deep(self) -> bool:
        """Whether its pixels are numbers of 16 bits."""
        return self.mode.startswith("I")


class Facts(NamedTuple):
    """What was found while an image was decoded.

    Attributes:
        is_grey: Whether all pixels are grey.
        is_turned: Whether its EXIF orientation turned it.
        is_transparent: Whether a pixel was transparent.
        digest: Hash that images of the same pixels share.
    """

    is_grey: bool
    is_turned: bool
    is_transparent: bool
    digest: bytes


def reduction(width: int, height: int, size: int) -> int:
    """Return by which factor a JPEG is scaled down while it is decoded: 1, 2, 4 or 8.

    Its shorter side stays at least twice the wanted size.

    Args:
        width: In pixels.
        height: In pixels.
        size: Side of the square that is wanted.
    """
    return next(
        factor for factor in (8, 4, 2, 1) if factor == 1 or min(width, height) >= 2 * factor * size
    )


def look(files: Sequence[reading.Path]) -> "list[Header | LeftOutError]":
    """Read what the beginning of each file says of its image, or why it holds none.

    Args:
        files: Paths.
    """

    def look_at(rows: range) -> list[Header | LeftOutError]:
        found: list[Header | LeftOutError] = []
        for row in rows:
            try:
                found.append(_look(files[row]))
            except LeftOutError as error:
                found.append(error)
        return found

    return _in_parallel(look_at, len(files))


def _look(path: reading.Path) -> Header:
    suffix = pathlib.PurePath(path).suffix.lower()
    with _file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise LeftOutError("empty files", "0 bytes")
        if size > _MAX_FILE_BYTES:
            raise LeftOutError("files too large", f"{size:,} bytes; at most {_MAX_FILE_BYTES:,}")
        with _opened(file) as image:
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            is_animated = kind in ("GIF", "PNG", "WEBP") and getattr(image, "is_animated", False)
            if min(image.size) < _MIN_SIDE:
                raise LeftOutError(
                    "tiny images",
                    f"{image.width}x{image.height} pixels, expected at least "
                    f"{_MIN_SIDE}x{_MIN_SIDE}",
                )
            is_misnamed = suffix in KNOWN and suffix not in SUFFIXES[kind]
            return Header(kind, image.mode, *image.size, is_animated, is_misnamed)


@contextlib.contextmanager
def _file(path: reading.Path) -> Iterator[IO[bytes]]:
    """Open a file; whatever goes wrong with it, inside too, is a LeftOutError."""
    # The inner one is first: `open_file` takes Pillow's OSErrors for errors of the disk.
    with _reasons(path), reading.open_file(path) as file, _reasons(path):
        yield file


@contextlib.contextmanager
def _reasons(path: reading.Path) -> Iterator[None]:
    """Turn whatever goes wrong with one file into a LeftOutError."""
    try:
        yield
    except LeftOutError:
        raise
    except InputError as error:  # from `reading`: no file, or no rights
        reason = str(error).removeprefix(f"{reading.shown(path)}: ").rstrip(".")
        raise LeftOutError("unreadable files", reason) from error
    except PIL.Image.DecompressionBombError as error:
        raise LeftOutError("images too large", _TOO_LARGE) from error
    except Exception as error:  # Pillow has many; whatever it is, it is about the file
        text = reading.shown(" ".join(str(error).split())) or type(error).__name__
        is_cut = "truncated" in text.lower()
        raise LeftOutError("truncated files" if is_cut else "corrupt files", text) from error


def _opened(file: IO[bytes]) -> PIL.Image.Image:
    """Open an image of one of the formats; say what else the file is."""
    suffix = pathlib.PurePath(getattr(file, "name", "")).suffix.lower()
    try:
        return PIL.Image.open(file, formats=tuple(SUFFIXES))
    except PIL.UnidentifiedImageError:
        file.seek(0)
        beginning = file.read(32)
    if beginning[4:8] == b"ftyp" and beginning[8:11] in (b"hei", b"hev", b"mif", b"avi", b"msf"):
        kind = "AVIF" if beginning[8:11] == b"avi" else "HEIC"
        raise LeftOutError("images of other formats", f"{kind}; save it as JPEG")
    if suffix not in KNOWN:
        raise LeftOutError(NO_PICTURES, suffix or "no ending")
    if suffix in _OTHER_SUFFIXES:
        raise LeftOutError("images of other formats", f"{suffix}; save it as JPEG or PNG")
    reasons = (one for start, one in _BEGINNINGS.items() if beginning.startswith(start))
    raise LeftOutError(
        "corrupt files", next(reasons, "not readable as an image; save it as JPEG or PNG")
    )


def depth_shift(files: Sequence[reading.Path]) -> int:
    """Return by how many bits 16-bit numbers are shifted right: 4 where all are below 4096, else 8.

    Args:
        files: Of the 16-bit images; those that cannot be read do not count.
    """

    def largest(rows: range) -> list[int]:
        found = []
        for row in rows:
            with (
                contextlib.suppress(LeftOutError),
                _file(files[row]) as file,
                _opened(file) as image,
            ):
                found.append(int(np.asarray(image).max()))
        return found

    first = largest(range(min(1, len(files))))  # mostly this one says it
    if not files or max(first, default=0) >= _BITS_12:
        return 8
    return 4 if max(_in_parallel(largest, len(files)), default=_BITS_12) < _BITS_12 else 8


def decode(file: IO[bytes], size: int, depth_shift: int = 8) -> tuple[np.ndarray, Facts]:
    """Decode an image, by the steps 1 to 3 above.

    Args:
        file: Open, with its bytes.
        size: That will be wanted, for `reduction`.
        depth_shift: As in the function of this name.

    Returns:
        uint8 pixels (height, width, 1 or 3), 1 where all are grey; and what was found.

    Raises:
        LeftOutError: If the image cannot serve.
        Exception: Whatever Pillow raises.
    """
    with _opened(file) as image:
        factor = 1
        if image.format in ("JPEG", "MPO"):
            factor = reduction(*image.size, size)
            if factor > 1:
                image.draft(None, (image.width // factor, image.height // factor))
        if image.width * image.height > _MAX_PIXELS:
            raise LeftOutError("images too large", _TOO_LARGE)
        image.load()
        turn = _TURNS.get(_orientation(image))
        pixels, is_transparent = _colours(image, depth_shift)
    if turn is not None:
        pixels = _turned(pixels, turn)
    if is_grey := _is_grey(pixels):
        pixels = pixels[..., :1]
    pixels = np.ascontiguousarray(pixels)
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(pixels.data)
    return pixels, Facts(is_grey, turn is not None, is_transparent, digest.digest())


def _orientation(image: PIL.Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data; the image is sound
        return 1


def _turned(pixels: np.ndarray, turn: PIL.Image.Transpose) -> np.ndarray:
    squeezed = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    found = np.asarray(PIL.Image.fromarray(squeezed).transpose(turn))
    return found.reshape(*found.shape[:2], -1)


def _colours(image: PIL.Image.Image, depth_shift: int) -> tuple[np.ndarray, bool]:
    """Return uint8 pixels (height, width, 1 or 3), and whether any was transparent."""
    if image.mode.startswith("I"):
        numbers = np.asarray(image)
        if numbers.min() < 0 or numbers.max() > 65535:
            raise LeftOutError("images of other formats", "numbers of 32 bits; save 8 or 16 bits")
        return np.minimum(numbers >> depth_shift, 255).astype("uint8")[..., np.newaxis], False
    if image.mode == "F":
        raise LeftOutError("images of other formats", "decimal numbers; save 8 or 16 bits")
    if image.mode == "CMYK":
        inks = 255 - np.asarray(image).astype("uint16")
        return (inks[..., :3] * inks[..., 3:] // 255).astype("uint8"), False
    has_alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    if has_alpha or "transparency" in image.info:
        return _over_white(np.asarray(image.convert("RGBA")))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., np.newaxis], False
    return np.asarray(image.convert("RGB")), False


def _over_white(rgba: np.ndarray) -> tuple[np.ndarray, bool]:
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min() == 255:
        return colours, False
    alpha = alpha.astype("uint16")
    mixed = colours * alpha + 255 * (255 - alpha) + 127  # 65,152 at most
    return (mixed // 255).astype("uint8"), True


def _is_grey(pixels: np.ndarray) -> bool:
    if pixels.shape[-1] == 1:
        return True
    sample = pixels[::16, ::16]  # most coloured images are found out by a few pixels
    return all(bool((some[..., :1] == some[..., 1:]).all()) for some in (sample, pixels))


def grey(pixels: np.ndarray) -> np.ndarray:
    """Return the grey of colours, by step 4 above.

    Args:
        pixels: uint8 (height, width, 1 or 3).

    Returns:
        uint8 (height, width, 1).
    """
    if pixels.shape[-1] == 1:
        return pixels
    return np.asarray(PIL.Image.fromarray(pixels).convert("L"))[..., np.newaxis]


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Bring images of one shape to a square, by step 5 above.

    Args:
        pixels: uint8 (images, height, width, channels).
        size: Side of the square.

    Returns:
        uint8 (images, size, size, channels).
    """
    import tensorflow as tf

    _, height, width, _ = pixels.shape
    if (height, width) == (size, size):
        return pixels
    # What tf.image.resize computes, without making the images four times as large first.
    found = tf.raw_ops.ScaleAndTranslate(
        images=pixels,
        size=[size, size],
        scale=np.float32(size) / np.array([height, width], "float32"),
        translation=[0.0, 0.0],
        kernel_type="triangle",
        antialias=True,
    )
    return np.clip(np.rint(found.numpy()), 0, 255).astype("uint8")


def load(
    files: Sequence[reading.Path], size: int, *, is_grey: bool = False, depth_shift: int = 8
) -> "tuple[np.ndarray, list[Facts | LeftOutError]]":
    """Load images, each decoded once, in parallel.

    Args:
        files: Paths.
        size: Side of the squares.
        is_grey: Whether colours become grey.
        depth_shift: As in the function of this name.

    Returns:
        uint8 (images, size, size, 3 or 1) of the files that can serve, in their order, stored
        as `storage.empty` stores them; and of each file what was found, or why it cannot serve.
    """
    x = storage.empty((len(files), size, size, 1 if is_grey else 3))

    def load_some(rows: range) -> list[Facts | LeftOutError]:
        found: list[Facts | LeftOutError] = []
        waiting: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
        for row in rows:
            try:
                with _file(files[row]) as file:
                    pixels, facts = decode(file, size, depth_shift)
            except LeftOutError as error:
                found.append(error)
                continue
            found.append(facts)
            pixels = grey(pixels) if is_grey else pixels
            if pixels.size > _MAX_WAITING:
                x[row] = resize(pixels[np.newaxis], size)[0]
            else:
                waiting.setdefault(pixels.shape, []).append((row, pixels))
        for some in waiting.values():
            places, same = zip(*some, strict=True)
            x[list(places)] = resize(np.stack(same), size)
        return found

    found = _in_parallel(load_some, len(files))
    kept = [row for row, one in enumerate(found) if isinstance(one, Facts)]
    return storage.keep(x, kept), found


def _in_parallel(function: Callable[[range], list[T]], num_rows: int) -> list[T]:
    """Return what a function returns for all rows, some at once, from several threads."""
    PIL.Image.init()  # threads would do so at the same time
    starts = range(0, num_rows, _FILES_AT_ONCE)
    rows = [range(start, min(start + _FILES_AT_ONCE, num_rows)) for start in starts]
    pool = concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about single files
            return [one for some in pool.map(function, rows) for one in some]
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for all rows
