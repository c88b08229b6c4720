"""Decode the bytes of image files inside a TensorFlow program, for an exported model.

It computes what `keras_recipes.data.images.pixels` computes by Pillow for training, number for
number: JPEG (scaled down while it is decoded), PNG (of 16 bits and transparent ones too), WebP, BMP
and the first frame of a GIF, turned as the EXIF data say. TensorFlow has no decoder for other
formats, for the transparent pixels of a GIF and for animated WebP: such a file is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_recipes.data.images import pixels

_KNOWS_WEBP = hasattr(tf.io, "decode_webp")  # not in TensorFlow 2.16
TAKEN = (
    f"a JPEG, PNG,{' WebP (no animation),' * _KNOWS_WEBP} BMP (of 8, 24 or 32 bits, not "
    "compressed) or GIF (not transparent)"
)
_ORIENTATION = 0x0112
_EXIF_SEGMENT, _FIRST_ROWS_SEGMENT = 0xE1, 0xDA
_BYTES_OF_TYPE = (0, 1, 0, 2, 4)  # of TIFF's whole numbers: BYTE, SHORT, LONG


def decoder(size: int, channels: int, depth_shift: int = 8) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function from the bytes of files to images.

    Args:
        size: Height and width of the images.
        channels: 1 for grey, 3 for RGB.
        depth_shift: By how many bits grey numbers of 16 bits are shifted right.

    Returns:
        `tf.function` from strings (rows,) to uint8 (rows, size, size, channels). It raises
        InvalidArgumentError for what it cannot decode.
    """

    def decode(data: tf.Tensor) -> tf.Tensor:
        pixels = _pixels(data, size, depth_shift)
        return _resized(pixels if channels == 3 else _grey(pixels), size, channels)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="file")], autograph=False)
    def decode_all(data: tf.Tensor) -> tf.Tensor:
        of_one = tf.TensorSpec([size, size, channels], tf.uint8)
        return tf.map_fn(decode, data, fn_output_signature=of_one)

    return decode_all


def _pixels(data: tf.Tensor, size: int, depth_shift: int) -> tf.Tensor:
    """Decode one file: uint8 (height, width, 3), turned."""
    numbers = _Numbers(data)
    forms: list[tuple[bytes, Callable[[], tf.Tensor]]] = [
        (b"\xff\xd8\xff", lambda: _turned(_jpeg(data, size), _exif_in_jpeg(numbers), numbers)),
        (b"\x89PNG", lambda: _turned(_png(data, numbers, depth_shift), in_png(), numbers)),
        (b"BM", lambda: _bmp(data, numbers)),
        (b"GIF8", lambda: _gif(data, numbers)),
    ]
    in_png = functools.partial(_chunk, numbers, b"eXIf", is_png=True)
    if _KNOWS_WEBP:
        in_webp = functools.partial(_chunk, numbers, b"EXIF", is_png=False)
        forms.append((b"RIFF", lambda: _turned(_webp(data, numbers), in_webp(), numbers)))
    is_form = [tf.strings.substr(data, 0, len(start)) == start for start, _ in forms]
    is_taken = tf.debugging.Assert(tf.reduce_any(is_form), [f"expected {TAKEN}"])
    with tf.control_dependencies([is_taken]):
        form = tf.argmax(tf.stack(is_form), output_type=tf.int32)
    pixels = tf.switch_case(form, [decode for _, decode in forms])
    return tf.ensure_shape(pixels, [None, None, 3])


class _Numbers:
    """The bytes of a file as numbers; beyond its end all are 0."""

    def __init__(self, data: tf.Tensor):
        found = tf.cast(tf.io.decode_raw(data, tf.uint8), tf.int64)
        self.count = tf.size(found)
        self._padded = tf.concat([found, [0]], axis=0)

    def at(self, places: tf.Tensor | int, length: int, is_little: tf.Tensor | bool) -> tf.Tensor:
        """Read whole numbers, int32; one beyond 2**31 - 1 becomes that.

        Args:
            places: Of their first bytes, int32, any shape.
            length: Bytes of each.
            is_little: Whether the last byte weighs most.
        """
        each = tf.convert_to_tensor(places)[..., None] + np.arange(length, dtype="int32")
        values = tf.gather(self._padded, tf.clip_by_value(each, 0, self.count))
        weights = 256 ** np.arange(length)
        number = tf.reduce_sum(values * tf.where(is_little, weights, weights[::-1]), axis=-1)
        return tf.cast(tf.minimum(number, 2**31 - 1), tf.int32)


def _jpeg(data: tf.Tensor, size: int) -> tf.Tensor:
    height, width, _ = tf.unstack(tf.image.extract_jpeg_shape(data))
    factors = (8, 4, 2)
    is_large = tf.stack([tf.minimum(height, width) >= 2 * factor * size for factor in factors])
    chosen = tf.argmax(tf.concat([is_large, [True]], axis=0), output_type=tf.int32)

    def scaled_down(factor: int) -> Callable[[], tf.Tensor]:
        return lambda: tf.io.decode_jpeg(
            data, channels=3, ratio=factor, dct_method="INTEGER_ACCURATE"
        )

    return tf.switch_case(chosen, [scaled_down(factor) for factor in (*factors, 1)])


def _exif_in_jpeg(numbers: _Numbers) -> tf.Tensor:
    """Return where the EXIF data before the pixels of a JPEG begin; -1 for none."""

    def is_exif(place: tf.Tensor) -> tf.Tensor:
        is_segment = numbers.at(place + 1, 1, False) == _EXIF_SEGMENT
        head = numbers.at(place + 4, 4, False)
        return is_segment & (head == int.from_bytes(b"Exif", "big"))

    def goes_on(place: tf.Tensor) -> tf.Tensor:
        is_marker = numbers.at(place, 1, False) == 0xFF
        is_last = numbers.at(place + 1, 1, False) == _FIRST_ROWS_SEGMENT
        return is_marker & ~is_last & ~is_exif(place) & (place < numbers.count)

    def following(place: tf.Tensor) -> tf.Tensor:
        is_filling = numbers.at(place + 1, 1, False) == 0xFF
        return tf.where(is_filling, place + 1, place + 2 + numbers.at(place + 2, 2, False))

    place = tf.while_loop(goes_on, lambda at: [following(at)], [tf.constant(2)])[0]
    return tf.where(is_exif(place), place + 10, -1)


def _chunk(numbers: _Numbers, name: bytes, *, is_png: bool) -> tf.Tensor:
    """Return where the contents of the chunk of this name begin, in a PNG or WebP; -1 for none."""
    first, name_at, length_at, around = (8, 4, 0, 12) if is_png else (12, 0, 4, 8)

    def goes_on(place: tf.Tensor) -> tf.Tensor:
        is_other = numbers.at(place + name_at, 4, False) != int.from_bytes(name, "big")
        return is_other & (place < numbers.count)

    def following(place: tf.Tensor) -> tf.Tensor:
        length = tf.minimum(numbers.at(place + length_at, 4, not is_png), numbers.count)
        return place + around + length + (0 if is_png else length % 2)

    place = tf.while_loop(goes_on, lambda at: [following(at)], [tf.constant(first)])[0]
    return tf.where(place < numbers.count, place + 8, -1)


def _turned(pixels: tf.Tensor, exif: tf.Tensor, numbers: _Numbers) -> tf.Tensor:
    """Turn an image as the EXIF data that begin at a place say; -1 for none."""
    turn = _orientation(exif, numbers)
    is_transposed = (turn >= 5) & (turn <= 8)
    pixels = tf.cond(is_transposed, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
    for axis, turns in ((0, [3, 4, 7, 8]), (1, [2, 3, 6, 7])):
        is_flipped = tf.reduce_any(turn == turns)
        pixels = tf.cond(
            is_flipped, lambda of=pixels, axis=axis: tf.reverse(of, [axis]), lambda of=pixels: of
        )
    return pixels


def _orientation(exif: tf.Tensor, numbers: _Numbers) -> tf.Tensor:
    """Return the number of the orientation in the EXIF data, of TIFF's form; 1 where none is."""
    has_head = numbers.at(exif, 4, False) == int.from_bytes(b"Exif", "big")  # in some WebP files
    exif = tf.where(has_head, exif + 6, exif)
    is_little = numbers.at(exif, 2, False) == int.from_bytes(b"II", "big")
    directory = exif + numbers.at(exif + 4, 4, is_little)
    count = tf.minimum(numbers.at(directory, 2, is_little), numbers.count // 12)
    entries = directory + 2 + 12 * tf.range(count)
    is_turn = numbers.at(entries, 2, is_little) == _ORIENTATION
    entry = tf.reduce_max(tf.where(is_turn, entries, -1))
    kind = numbers.at(entry + 2, 2, is_little)
    values = [
        tf.where(kind == one, numbers.at(entry + 8, length, is_little), 0)
        for one, length in enumerate(_BYTES_OF_TYPE)
        if length
    ]
    return tf.where((exif >= 0) & (entry >= 0), tf.add_n(values), 1)


def _png(data: tf.Tensor, numbers: _Numbers, depth_shift: int) -> tf.Tensor:
    depth, colours = numbers.at(24, 1, False), numbers.at(25, 1, False)

    def deep() -> tf.Tensor:
        grey = tf.io.decode_png(data, channels=1, dtype=tf.uint16)
        shifted = tf.bitwise.right_shift(grey, tf.constant(depth_shift, tf.uint16))
        return tf.repeat(tf.cast(tf.minimum(shifted, 255), tf.uint8), 3, axis=-1)

    def usual() -> tf.Tensor:
        # Without transparency TensorFlow would fill in an alpha of 1 where pixels have 1 bit.
        has_alpha = (colours >= 4) | (_chunk(numbers, b"tRNS", is_png=True) >= 0)
        return tf.cond(
            has_alpha,
            lambda: _over_white(tf.io.decode_png(data, channels=4)),
            lambda: tf.io.decode_png(data, channels=3),
        )

    return tf.cond((depth == 16) & (colours == 0), deep, usual)


def _webp(data: tf.Tensor, numbers: _Numbers) -> tf.Tensor:
    is_still = _chunk(numbers, b"ANIM", is_png=False) < 0  # TensorFlow 2.21 crashes at an animation
    with tf.control_dependencies([tf.debugging.Assert(is_still, [f"expected {TAKEN}"])]):
        frame = tf.io.decode_webp(data)[0]
    has_alpha = tf.shape(frame)[-1] == 4
    return tf.cond(has_alpha, lambda: _over_white(frame), lambda: frame)


def _over_white(rgba: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(rgba, tf.int32)
    colours, alpha = wide[..., :3], wide[..., 3:]
    return tf.cast((colours * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _bmp(data: tf.Tensor, numbers: _Numbers) -> tf.Tensor:
    header, depth = numbers.at(14, 4, True), numbers.at(28, 2, True)
    is_plain = numbers.at(30, 4, True) == 0
    is_known = is_plain & (header >= 40) & tf.reduce_any(depth == [8, 24, 32])
    count = numbers.at(46, 4, True)
    count = tf.where(count > 0, tf.minimum(count, 256), 256)

    def by_palette() -> tf.Tensor:
        places = 14 + header + 4 * tf.range(count)[:, None] + [2, 1, 0]
        palette = tf.cast(numbers.at(places, 1, True), tf.uint8)
        return tf.gather(palette, tf.cast(tf.io.decode_bmp(data)[..., 0], tf.int32))

    decoders = [
        by_palette,
        lambda: tf.io.decode_bmp(data, channels=3),
        lambda: tf.io.decode_bmp(data, channels=4)[..., :3],
    ]
    with tf.control_dependencies([tf.debugging.Assert(is_known, [f"expected {TAKEN}"])]):
        return tf.switch_case(depth // 16, decoders)


def _gif(data: tf.Tensor, numbers: _Numbers) -> tf.Tensor:
    flags = numbers.at(10, 1, True)
    colours = tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags % 8), 0)

    def length(place: tf.Tensor) -> tf.Tensor:
        return numbers.at(place, 1, True)

    def is_control(place: tf.Tensor) -> tf.Tensor:
        return numbers.at(place, 2, False) == 0x21F9

    def following(place: tf.Tensor) -> tf.Tensor:  # the block after an extension's blocks of bytes
        ends = tf.while_loop(
            lambda at: (length(at) > 0) & (at < numbers.count),
            lambda at: [at + length(at) + 1],
            [place + 2],
        )
        return ends[0] + 1

    first = tf.while_loop(
        lambda at: (length(at) == 0x21) & ~is_control(at) & (at < numbers.count),
        lambda at: [following(at)],
        [13 + colours],
    )[0]
    is_transparent = is_control(first) & (numbers.at(first + 3, 1, True) % 2 == 1)
    with tf.control_dependencies([tf.debugging.Assert(~is_transparent, [f"expected {TAKEN}"])]):
        return tf.io.decode_gif(data)[0]


def _grey(colours: tf.Tensor) -> tf.Tensor:
    weighted = tf.reduce_sum(tf.cast(colours, tf.int32) * pixels.GREY, axis=-1, keepdims=True)
    return tf.cast((weighted + 32768) // 65536, tf.uint8)


def _resized(pixels: tf.Tensor, size: int, channels: int) -> tf.Tensor:
    resized = tf.image.resize(pixels, [size, size], antialias=True)
    found = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    return tf.ensure_shape(found, [size, size, channels])
