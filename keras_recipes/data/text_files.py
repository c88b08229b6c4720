"""Text files as UTF-8: packed or not, in whatever encoding; what is no text is named.

An encoding that the file does not name is guessed by its words, since a table may hold only a few:
statistics of long texts fail where a header is all that is not ASCII. Each encoding reads the
words, and each letter costs so many bits as it is rare in the languages that are written so; the
encoding that needs the fewest bits is taken.
"""

import bz2
import codecs
import contextlib
import functools
import gzip
import io
import itertools
import lzma
import pathlib
import re
import typing
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

from keras_recipes import reading
from keras_recipes.errors import InputError

_SAMPLE_BYTES = 1 << 18
_MAX_PACKINGS = 5
_BROKEN = "\ufffd"
_UNPACKERS: dict[bytes, tuple[str, Callable[..., typing.Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ": ("xz", lzma.open),
}
# Beginnings of other files, what they are, and what of pandas reads them.
_OTHER_FORMATS = (
    (rb"\xd0\xcf\x11\xe0", "a workbook of an old Excel", "read_excel"),
    (rb"PAR1", "a Parquet file", "read_parquet"),
    (rb"ARROW1|FEA1", "a Feather file", "read_feather"),
    (rb"ORC", "an ORC file", "read_orc"),
    (rb"\x89HDF", "an HDF5 file", "read_hdf"),
    (rb"\$FL[23]", "a file of SPSS", "read_spss"),
    (rb"<stata_dta>", "a file of Stata", "read_stata"),
    (rb"\{|\[\s*[\[{]", "JSON", "read_json"),
    (rb"(?i:<!doctype html|<html|<table)", "a web page (HTML)", "read_html"),
    (rb"<[?!a-zA-Z]", "a web page or XML", "read_xml"),
    (rb"\x89PNG", "a PNG image", ""),
    (rb"\x93NUMPY", "a NumPy array", ""),
    (rb"\x80[\x02-\x05]", "a pickle, which may run programs", ""),
    (rb"\(\xb5/\xfd", "a file packed by zstd", ""),
    (rb"7z\xbc\xaf", "a 7-Zip archive", ""),
    (rb"Rar!", "a RAR archive", ""),
    (rb"%PDF", "a PDF", ""),
    (rb"(?i:(%[^\n]*\n\s*)*@relation)", "an ARFF file of Weka", ""),
    (rb"SQLite", "an SQLite database", ""),
    (rb"(?s:.{257}ustar)", "a tar archive", ""),
)
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MAX_WORDS = 3000
_COMMON, _USUAL, _RARE, _IMPOSSIBLE = 4.5, 7.0, 12.0, 16.0
_SIGNS = "°€£¥²³µ§½±×·–—„“”‘’…\u00a0"


class _Writing(NamedTuple):
    """What is written in an encoding.

    Attributes:
        encoding: Python's name.
        scripts: First words of the Unicode names of its letters.
        common: Letters that are frequent in its languages.
        last_lead: Of two-byte encodings, the last lead byte of the frequent half of the letters.
    """

    encoding: str
    scripts: tuple[str, ...]
    common: str
    last_lead: int = 0


# Beside the letters of grammar those of what tables hold: places, times, people, quantities.
_WRITINGS = (
    _Writing(
        "cp949",
        ("HANGUL",),
        "이다에의는로하을가고지서한은기으년대사시를리도인스일자정전제주상부수보장성원구동중안공해과여나아"
        "어그러니게값름역면적층격만간온강량별업남북산합불매출번호진단학반점등급생미먼농측소명거래금액건축"
        "법용월분계총평균율비유무형태류종목관국내외신고객식품직급위경방세입실선택차조회개당후분위치최",
        0xC8,
    ),
    _Writing(
        "cp932",
        ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH"),
        "のにるたとはしいをでてがなれからさっりすあもこまうくよきんめおけそつだやえわちみせじイントスルリア"
        "ラクドシレジタフロカテマコニウメサビナブャュョバパプポデオグズダ日一人年大十二本中長出三時行見月分"
        "後前生五間上東四今金九入学高円子外八六下来気小七山女北名前都市値地域面積価格京阪男性付温天売齢職"
        "業収道県森岩手晴雨曇合否数番号区町村店品",
        0x97,
    ),
    _Writing(
        "gb18030",
        ("CJK", "IDEOGRAPHIC", "FULLWIDTH"),
        "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后"
        "作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开但因只"
        "从想实姓名城市数值区积价格北京海广州深男女日期温度气否销售额龄职业收入省份口历工资离金号类型量",
        0xD7,
    ),
    _Writing(
        "cp950",
        ("CJK", "IDEOGRAPHIC", "FULLWIDTH"),
        "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後"
        "作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心本前開但因只"
        "從想實姓名城市數值區積價格臺北高雄灣男女日期溫度氣否銷售額齡職業收入縣口歷薪資金號類型量",
        0xC6,
    ),
    _Writing("cp1252", ("LATIN",), "äöüßéèêëàâçîïôûùñáíóúãåæøÄÖÜÉÅØ" + _SIGNS),
    _Writing("cp1251", ("CYRILLIC",), "оеаинтсрвлкмдпуяызьіїє"),
    _Writing("koi8-r", ("CYRILLIC",), "оеаинтсрвлкмдпуяызь"),
    _Writing("cp866", ("CYRILLIC",), "оеаинтсрвлкмдпуяызь"),
    _Writing("cp1253", ("GREEK",), "ατοιενρσκηπςυμλίόάγέδή"),
    _Writing("cp1255", ("HEBREW",), "יוהלרבתמאשנעםד"),
    _Writing("cp1256", ("ARABIC",), "اليمونرتبةعدسفهكقأحج"),
    _Writing("cp874", ("THAI",), "านรอกเงมยลวดทสตะปบคหแจพชขใ่้ีิัื"),
    _Writing("cp1254", ("LATIN",), "ışğüöçİŞĞÜÖÇ" + _SIGNS),
    _Writing("cp1250", ("LATIN",), "ąćęłńóśźżŁŚŻČŠŽáčďéěíňřšťúůýžöüőűăşţ" + _SIGNS),
    _Writing("cp1257", ("LATIN",), "āčēģīķļņšūžėįųąęŠŽ" + _SIGNS),
)
_SELDOM = ("koi8-r", "cp866", "cp1257")  # nobody's default any more, or of few readers


class Text(NamedTuple):
    """A text.

    Attributes:
        content: In UTF-8, accents and syllables composed (Unicode's form NFC).
        encoding: That the file had, Python's name.
        notes: What was found out and is not told by the file itself, for the user.
    """

    content: bytes
    encoding: str
    notes: tuple[str, ...]


def read(path: pathlib.Path, encoding: str | None = None, expected: str | None = None) -> Text:
    """Read a text file.

    Args:
        path: Of the file, packed by gzip, bzip2 or xz, or the only table in a zip file, or plain.
        encoding: That it has; None to find out.
        expected: Encoding to try first where the file is no UTF-8.

    Returns:
        The text.

    Raises:
        InputError: The file is missing, empty, damaged or no text.
    """
    notes: list[str] = []
    content = _unpacked(path, reading.read_bytes(path, pipes=True), notes)
    if not content.strip():
        raise InputError(f"{path}: the file is empty; expected a table with a header.")
    _refuse_other_formats(path, content)
    text, found = _as_utf8(path, content, encoding, expected, notes)
    if b"\0" in text:
        raise InputError(f"{path}: not text (it holds null bytes); save the table as CSV.")
    return Text(text, found, tuple(notes))


def read_plain(path: pathlib.Path, encoding: str | None = None) -> str:
    """Read a file of prose, which may begin and end in any way, and may be empty.

    Args:
        path: Of the file.
        encoding: That it has; None to find out.

    Raises:
        InputError: The file is missing or no text.
    """
    content = reading.read_bytes(path)
    if not content:
        return ""
    text, _ = _as_utf8(path, content, encoding, None, [])
    if b"\0" in text:
        raise InputError(f"{path}: not text (it holds null bytes); save it as plain text.")
    return text.decode().removeprefix("\ufeff")


def _as_utf8(
    path: pathlib.Path,
    content: bytes,
    encoding: str | None,
    expected: str | None,
    notes: list[str],
) -> tuple[bytes, str]:
    """Return a text in UTF-8 and NFC, and the encoding that it had."""
    found, text = encoding or _marked(content), None
    if found is None:
        try:
            found, text = "utf-8", content.decode("utf-8")
        except UnicodeDecodeError as error:
            found = _not_utf8(content, error.start, expected)
    if found not in ("utf-8", "utf-8-sig", encoding):
        guessed = "which was guessed; where that is wrong, save it as UTF-8, or train with"
        how = ", as the file of the training" if found == expected else f", {guessed} --encoding"
        notes.append(f"read as {found}{'' if found.startswith('utf') else how}")
    if text is None or not unicodedata.is_normalized("NFC", text):
        text = text or _decoded(path, content, found, notes, is_asked=encoding is not None)
        content = unicodedata.normalize("NFC", text.removeprefix("\ufeff")).encode()
    return content, found


def _unpacked(path: pathlib.Path, content: bytes, notes: list[str]) -> bytes:
    """Unpack a file, however often it is packed."""
    try:
        for _ in range(_MAX_PACKINGS):
            mark = next((mark for mark in _UNPACKERS if content.startswith(mark)), None)
            if mark is not None:
                packing, unpack = _UNPACKERS[mark]
                with unpack(io.BytesIO(content)) as file:
                    content = reading.unpacked(file)
            elif content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                packing = "zip"
                content = _from_zip(path, content, notes)
            else:
                return content
        raise InputError(f"{path}: packed more than {_MAX_PACKINGS} times; unpack it first.")
    except InputError as error:
        named = str(error).startswith(str(path))
        raise error if named else InputError(f"{path}: {error}") from None
    except zipfile.BadZipFile as error:
        what = "a zip file, or a workbook of Excel or LibreOffice, that cannot be opened"
        raise InputError(f"{path}: {what} ({error}); save the table as CSV.") from None
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise InputError(
            f"{path}: packed by {packing}, and cannot be read ({error}); fetch or pack it anew."
        ) from None


def _from_zip(path: pathlib.Path, content: bytes, notes: list[str]) -> bytes:
    """Return the only table in a zip file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [
            name
            for name in archive.namelist()
            if not re.search(r"/$|(^|/)(__MACOSX/|\.)", name)  # folders, and what systems put in
        ]
        workbooks = {"xl/": "a workbook of Excel", "content.xml": "a workbook of LibreOffice"}
        for mark, what in workbooks.items():
            if any(name.startswith(mark) for name in names):
                raise InputError(_refusal(path, what, "read_excel"))
        tables = [name for name in names if re.search(r"\.(csv|tsv|tab|txt|data)$", name, re.I)]
        if len(names) != 1 and len(tables) != 1:
            shown = ", ".join(names[:5] or ["none"]) + (", …" if len(names) > 5 else "")
            raise InputError(
                f"{path}: a zip file of {len(names)} files ({shown}), expected one table; unpack "
                "it and give one of them."
            )
        (name,) = tables if len(tables) == 1 else names
        try:
            with archive.open(name) as file:
                unpacked = reading.unpacked(file)
        except (RuntimeError, NotImplementedError) as error:  # with a password, or by odd means
            raise InputError(
                f"{path}: a zip file that cannot be unpacked here ({error}); unpack it first."
            ) from None
    notes.append(f"unpacked {name}")
    return unpacked


def _refuse_other_formats(path: pathlib.Path, content: bytes) -> None:
    start = content[:_SAMPLE_BYTES].removeprefix(codecs.BOM_UTF8).lstrip()
    for mark, what, reader in _OTHER_FORMATS:
        if re.match(mark, start):
            raise InputError(_refusal(path, what, reader))


def _refusal(path: pathlib.Path, what: str, reader: str) -> str:
    """Return a message: what a file is, and how to make a table of it."""
    first = "[0]" if reader == "read_html" else ""  # of the tables on the page
    by = f", such as by pandas: {reader}(FILE){first}.to_csv('table.csv', index=False)"
    by = by if reader else ""
    return f"{path}: {what}; expected text with delimiters; save the table as CSV{by}."


def _marked(content: bytes) -> str | None:
    """Return the encoding that a byte order mark names, or null bytes beside letters."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return encoding
    zeros = [content[start:_SAMPLE_BYTES:2].count(0) for start in (0, 1)]
    if min(zeros) == 0 and 8 * max(zeros) > len(content[:_SAMPLE_BYTES]):
        return "utf-16-be" if zeros[0] else "utf-16-le"
    return None


def _not_utf8(content: bytes, start: int, expected: str | None) -> str:
    """Choose the encoding of a text that is no sound UTF-8, from a byte on."""
    # Around the first byte that is not ASCII's: a long file may begin with plain numbers.
    around = max(0, start - _SAMPLE_BYTES // 4)
    sample = content[around : around + _SAMPLE_BYTES]
    text = sample.decode("utf-8", errors="replace")
    if sum(not character.isascii() for character in text) > 20 * text.count(_BROKEN):
        return "utf-8"  # with a broken character here and there
    if expected:
        with contextlib.suppress(LookupError):  # of an encoding that this Python does not know
            text = content.decode(expected, errors="replace")
            if {*"\r\n"} & {*text} and not re.search(f"[{_BROKEN}\x80-\x9f]", text):
                return expected
    return _guess(sample)


def _decoded(
    path: pathlib.Path, content: bytes, encoding: str, notes: list[str], is_asked: bool
) -> str:
    """Decode a text; broken characters are named."""
    try:
        return content.decode(encoding)
    except LookupError:
        raise InputError(
            f"{path}: received the encoding {encoding!r}, expected one that Python knows, such as "
            "utf-8, cp949 or cp1252."
        ) from None
    except UnicodeDecodeError as error:
        if is_asked or encoding.startswith(("utf-16", "utf-32")):
            fix = "leave --encoding out, or give another" if is_asked else "save the file as UTF-8"
            raise InputError(f"{path}: byte {error.start:,} is no {encoding}; {fix}.") from None
        text = content.decode(encoding, errors="replace")
        notes.append(
            f"{text.count(_BROKEN):,} characters are no {encoding}, the first at byte "
            f"{error.start:,}; each is read as {_BROKEN}"
        )
        return text


def _guess(sample: bytes) -> str:
    """Return the encoding that the words of a text are the most likely in."""
    words = list(dict.fromkeys(re.findall(rb"[A-Za-z]?[\x80-\xff][^\s,;\"]*", sample)))
    text = b" ".join(words[:_MAX_WORDS])
    found = {writing.encoding: _bits(text, writing) for writing in _WRITINGS}
    return min(found, key=found.__getitem__)


def _bits(text: bytes, writing: _Writing) -> float:
    """Return how many bits a text needs in an encoding."""
    letters = text.decode(writing.encoding, errors="replace")
    cost = functools.cache(functools.partial(_cost, writing=writing))
    bits = sum(map(cost, letters)) + _USUAL * (writing.encoding in _SELDOM)
    # What hardly occurs in a word: a capital after a small letter, a sign such as ³ between
    # letters, two letters with accents in a row, letters of two scripts.
    odd = sum(one.islower() and other.isupper() for one, other in itertools.pairwise(letters))
    odd += len(re.findall(rf"[^\W\d_][{_SIGNS}](?=[^\W\d_])", letters))
    if writing.scripts == ("LATIN",):
        odd += len(re.findall(r"[^\W\d_\x00-\x7f](?=[^\W\d_\x00-\x7f])", letters))
    else:  # 2호선 A동
        ascii_letters = "a-z" if writing.last_lead else "A-Za-z"
        sides = rf"[{ascii_letters}](?=[^\x00-\x7f])|[^\x00-\x7f](?=[{ascii_letters}])"
        odd += len(re.findall(sides, letters))
    return bits + _USUAL * odd


def _cost(letter: str, writing: _Writing) -> float:
    """Return how many bits a letter needs."""
    if letter.isascii() or letter == _BROKEN:
        return 0 if letter.isascii() else _IMPOSSIBLE
    if letter in writing.common or letter.lower() in writing.common:
        return _COMMON + letter.isupper()
    if unicodedata.name(letter, "").split(" ")[0] not in writing.scripts:
        return _RARE if unicodedata.category(letter)[0] in "PS" else _IMPOSSIBLE
    if not writing.last_lead:
        return _USUAL + letter.isupper()
    code = letter.encode(writing.encoding)
    if len(code) == 1:  # half a letter wide
        return _USUAL
    is_usual = code[0] <= writing.last_lead and (code[1] > 0xA0 or writing.encoding != "cp949")
    return 1.5 * _USUAL if is_usual else _IMPOSSIBLE
