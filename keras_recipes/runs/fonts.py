"""Fonts for what stands in plots: names of classes and columns in any script.

The font of a plot lacks Hangul, for one; where an installed font has it, that one draws the texts
in question, and otherwise one line says which package brings one.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import unicodedata
from collections.abc import Iterator

from matplotlib import font_manager
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

_log = logging.getLogger(__name__)

# Of equal fonts the first: those that systems bring, and that go with the sans serif of a plot.
_PREFERRED = (
    *("DejaVu Sans", "NanumGothic", "NanumBarunGothic", "Malgun Gothic", "Apple SD Gothic Neo"),
    *("AppleGothic", "Noto Sans CJK KR", "Noto Sans KR", "Noto Sans CJK JP", "Noto Sans CJK SC"),
    *("Microsoft YaHei", "PingFang SC", "Yu Gothic", "Hiragino Sans", "IPAexGothic", "Meiryo"),
    *("WenQuanYi Zen Hei", "UnDotum", "Arial Unicode MS", "Noto Sans", "Nirmala UI", "Leelawadee"),
)
_OF_EVERYTHING = ("Last Resort", "LastResort")  # boxes
_SAID: set[str] = set()


def fit(figure: Figure) -> None:
    """Set other fonts for texts that the font of a plot cannot draw, and read no text as a formula.

    Args:
        figure: As it will be written.
    """
    for axis in figure.findobj(Axis):
        axis.get_ticklabels()  # which become texts only when asked for
    lacking = {}
    for text in figure.findobj(Text):
        # A user's "$5 or $6" is no formula; those of Matplotlib's own ticks are marked so.
        text.set_parse_math(r"\mathdefault" in text.get_text())
        drawn = _characters(font_manager.findfont(text.get_fontproperties()))
        if missing := {letter for letter in text.get_text() if not letter.isspace()} - drawn:
            lacking[text] = missing
    if not lacking:
        return
    needed = frozenset().union(*lacking.values())
    names, still = _fonts_for(needed)
    for text in lacking:
        text.set_fontfamily([*text.get_fontfamily(), *names])
    if still:
        _say_boxes(_package_for(still), "".join(sorted(still)))


@functools.cache
def _characters(path: str) -> frozenset[str]:
    """Return what a font can draw."""
    return frozenset(map(chr, font_manager.get_font(path).get_charmap()))


@functools.cache
def _fonts_for(needed: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the names of fonts that draw characters together, and the characters that none has."""
    names: list[str] = []
    for entry in _installed():
        if not needed:
            break
        with contextlib.suppress(OSError, RuntimeError):  # of a font that cannot be opened
            if found := needed & _characters(entry.fname):
                names.append(entry.name)
                needed -= found
    return tuple(names), needed


def _installed() -> Iterator[font_manager.FontEntry]:
    """Yield upright fonts of the usual weight: the preferred, others, those new to Matplotlib."""

    def in_order(entry: font_manager.FontEntry) -> tuple:
        place = _PREFERRED.index(entry.name) if entry.name in _PREFERRED else len(_PREFERRED)
        return place, "Serif" in entry.name, entry.name

    manager = font_manager.fontManager
    seen: set[str] = set()
    for _ in range(2):
        fresh = [entry for entry in manager.ttflist if entry.fname not in seen]
        seen |= {entry.fname for entry in fresh}
        for entry in sorted(fresh, key=in_order):
            is_plain = entry.style == "normal" and entry.weight in (400, "normal", "regular")
            if is_plain and not entry.name.startswith(_OF_EVERYTHING):
                yield entry
        # Its list is kept from one program to the next, and lacks what was installed since.
        for path in {*font_manager.findSystemFonts()} - seen:
            with contextlib.suppress(OSError, RuntimeError):
                manager.addfont(path)


def _package_for(letters: frozenset[str]) -> str:
    """Return the package of Debian and Ubuntu whose font has letters."""
    scripts = {unicodedata.name(letter, "").replace("-", " ").split(" ")[0] for letter in letters}
    if scripts & {"CJK", "HIRAGANA", "KATAKANA"}:
        return "fonts-noto-cjk"
    return "fonts-nanum" if "HANGUL" in scripts else "fonts-noto-core"


def _say_boxes(package: str, letters: str) -> None:
    """Log what no font has, once for each package that would help."""
    if package in _SAID:
        return
    _SAID.add(package)
    where = f"apt-get install {package}" if sys.platform == "linux" else "fonts.google.com/noto"
    shown = letters[:10] + "…" * (len(letters) > 10)
    _log.warning("plots show boxes for %s: no font here has them; install one: %s", shown, where)
