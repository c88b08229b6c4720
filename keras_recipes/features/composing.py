"""Unicode's composed form (NFC) in TensorFlow, which has none: a letter and its mark become one.

`predict` composes what it reads from a file; a SavedModel is sent strings as they come. Three
things stay as they are: marks of one letter in another order than Unicode's, a mark behind one that
makes no character with the letter, and some 80 letters that NFC takes apart, such as U+0958.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:  # --help answers without it
    import tensorflow as tf

_SHIFT = 2**21  # above every character
# Hangul by arithmetic (The Unicode Standard, section 3.12): first, middle and last letters.
_FIRST, _MIDDLE, _LAST, _SYLLABLE = 0x1100, 0x1161, 0x11A7, 0xAC00
_NUM_FIRST, _NUM_MIDDLE, _NUM_LAST = 19, 21, 28
_END = 0x30000  # no character above has another form
_MAX_MARKS = 3  # of one letter, that become one character with it


class _Table(NamedTuple):
    """Numbers in rising order, and what each becomes."""

    keys: np.ndarray
    results: np.ndarray

    def find(self, values: tf.Tensor) -> tf.Tensor:
        """Return the result of each value that is a key, and -1 for others."""
        import tensorflow as tf

        place = tf.minimum(tf.searchsorted(self.keys, values), len(self.keys) - 1)
        return tf.where(tf.gather(self.keys, place) == values, tf.gather(self.results, place), -1)


@functools.cache
def _tables() -> tuple[_Table, _Table, str]:
    """Return the table of pairs, that of characters with another form, and a pattern of both."""
    pairs, others = {}, {}
    for code in range(0xA0, _END):
        parts = unicodedata.decomposition(chr(code))
        if not parts or parts.startswith("<"):  # which is no matter of NFC
            continue
        composed = unicodedata.normalize("NFC", chr(code))
        if composed == chr(code):
            first, second = (int(part, 16) for part in parts.split())
            pairs[first * _SHIFT + second] = code
        elif len(composed) == 1:
            others[code] = ord(composed)
    changing = {pair % _SHIFT for pair in pairs} | {*others}
    changing |= {*range(_MIDDLE, _LAST + _NUM_LAST)}
    pattern = f"(?s).*[{''.join(map(chr, sorted(changing)))}].*"

    def table(of: dict[int, int]) -> _Table:
        return _Table(*np.array(sorted(of.items()), dtype="int64").T)

    return table(pairs), table(others), pattern


def _together(left: tf.Tensor, right: tf.Tensor, pairs: _Table) -> tf.Tensor:
    """Return what each character makes with the one behind it; -1 where there is no such thing."""
    import tensorflow as tf

    first, middle = left - _FIRST, right - _MIDDLE
    is_open = (first >= 0) & (first < _NUM_FIRST) & (middle >= 0) & (middle < _NUM_MIDDLE)
    syllable, last = left - _SYLLABLE, right - _LAST
    is_closed = (syllable >= 0) & (syllable < _NUM_FIRST * _NUM_MIDDLE * _NUM_LAST)
    is_closed &= (syllable % _NUM_LAST == 0) & (last > 0) & (last < _NUM_LAST)
    made = tf.where(is_closed, left + last, pairs.find(left * _SHIFT + right))
    return tf.where(is_open, _SYLLABLE + (first * _NUM_MIDDLE + middle) * _NUM_LAST, made)


def composed(texts: tf.Tensor) -> tf.Tensor:
    """Return texts in which each letter and its marks are one character, where Unicode has it.

    Args:
        texts: Strings in sound UTF-8, shape (rows,).
    """
    import tensorflow as tf

    pairs, others, pattern = _tables()
    rows = tf.where(tf.strings.regex_full_match(texts, pattern))
    decoded = tf.strings.unicode_decode(tf.gather_nd(texts, rows), "UTF-8")
    codes, owner = tf.cast(decoded.flat_values, tf.int64), decoded.value_rowids()
    other = others.find(codes)
    codes = tf.where(other >= 0, other, codes)
    for _ in range(_MAX_MARKS):
        both = _together(codes[:-1], codes[1:], pairs)
        both = tf.where(owner[:-1] == owner[1:], both, -1)
        # The last character has none behind it; of no characters at all there is none.
        both = tf.concat([both, [-1]], axis=0)[: tf.size(codes)]
        is_mark = tf.concat([[False], both >= 0], axis=0)[: tf.size(codes)]
        codes = tf.where(both >= 0, both, codes)[~is_mark]
        owner = owner[~is_mark]
    made = tf.RaggedTensor.from_value_rowids(tf.cast(codes, tf.int32), owner, decoded.nrows())
    return tf.tensor_scatter_nd_update(texts, rows, tf.strings.unicode_encode(made, "UTF-8"))
