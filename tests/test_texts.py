"""Texts as people have them: each trouble is rebuilt, and ends in the right value or one line."""

import json
import pathlib
import re
import unicodedata

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import tensorflow as tf

from keras_recipes import problems
from keras_recipes.data.texts import own_texts
from keras_recipes.errors import InputError
from keras_recipes.features import composing, kinds, own_texts as own_texts_kind, texts
from keras_recipes.features.own_texts import OwnTexts
from keras_recipes.runs import baselines, plots

NUM = 40
THINGS = "soup tea bread salad fish rice cake pie plum leek bean corn beet kale dill mint lime fig"
BAD, GOOD = ("stale", "cold", "rude"), ("fresh", "warm", "kind")


def rows(bad="the {} was stale", good="the {} was fresh", num=NUM, names=("bad", "good")):
    """Texts of two classes in turn, no two of them alike, with their labels."""
    things = [f"{one} {other}" for one in THINGS.split() for other in THINGS.split()]
    return [((bad, good)[n % 2].format(things[n]), names[n % 2]) for n in range(num)]


def table(path, lines, header="text,label", encoding="utf-8", sep=","):
    """Write a CSV whose cells are all quoted."""

    def cell(value):
        return f'"{value}"' if sep == "\t" else '"' + str(value).replace('"', '""') + '"'

    made = [header.replace(",", sep), *(sep.join(map(cell, line)) for line in lines)]
    pathlib.Path(path).write_bytes(("\n".join(made) + "\n").encode(encoding))
    return pathlib.Path(path)


def folder(path, files):
    for name, content in files.items():
        file = pathlib.Path(path, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return pathlib.Path(path)


def in_script(start, letters):
    """Texts of one script: a beginning, and two of seven letters."""
    pairs = [(one, other) for one in letters for other in letters if one != other]
    return [(f"{start}{one}{other}", n % 2) for n, (one, other) in enumerate(pairs)]


def of_classes(lines, start=""):
    return {f"{start}{label}/{n}.txt": text for n, (text, label) in enumerate(lines)}


def seen(read):
    """The table, a row by its first cell: [count, what was done, examples]."""
    return {what: rest for what, *rest in own_texts.table(read.source)[1]}


def strings(read):
    return own_texts.joined(read.x).tolist()


# --- tables that are read with the right value --------------------------------------------------

KOREAN = rows("{} 정말 나쁜 영화", "{} 아주 좋은 영화", names=("나쁨", "좋음"))
FRENCH = rows("le café {} était très mauvais", "l'été {} fut délicieux")


def encoded(lines, encoding, found=None):
    def check(read, table):
        assert strings(read) == [text for text, _ in lines]
        assert read.source.encoding == (found or encoding)

    return lines, {"encoding": encoding}, {}, check


def of_script(lines, tokens, script):
    def check(read, table):
        assert read.source.tokens == tokens
        assert table["script"][1].startswith(script)
        assert len(read.x) == len(lines)

    return lines, {}, {}, check


def counted(lines, num, row=None, expected=None, header="text,label", **settings):
    def check(read, table):
        assert len(read.x) == num
        assert row is None or table[row][: len(expected)] == expected

    return lines, {"header": header}, settings, check


def stars(read, table):
    assert read.kind == "regression"
    assert read.y.min(), read.y.max() == (1.5, 5.0)
    assert table["values"][1] == "from 1.5 to 5, mean 3.25"


def whole_stars(read, table):
    assert read.kind == "multiclass"
    assert read.class_names == ("1", "2", "3", "4", "5")


def in_groups(read, table):
    assert read.source.num_groups == len(np.unique(read.groups)) == 8
    data = read.split(0)
    parts = [set(part.groups.tolist()) for part in (data.train, data.validation, data.test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


def several(read, table):
    assert read.source.text_columns == ["title", "body"]
    assert strings(read)[0] == "the soup soup\nstale, I fear"


def quoted(read, table):
    assert strings(read)[1] == 'he said "the soup tea was fresh",\nand left;\r\nsoon'


def two_labels(read, table):
    assert table["equal texts under different targets"] == [
        "1", "kept, in the same split", "'hello there'",
    ]  # fmt: skip
    one, other = (row for row, text in enumerate(strings(read)) if text == "hello there")
    assert read.groups[one] == read.groups[other]


def copies(read, table):
    what = "copies, equal to the letter and in the target"
    assert table[what] == ["2", "each taken once", "'hello there', 'hello there'"]
    again = [row for row, text in enumerate(strings(read)) if text.lower().startswith("hello")]
    assert len(again) == 2
    assert read.groups[again[0]] == read.groups[again[1]]


def with_common_text(read, table):
    """Everybody wrote it: it joins no groups."""
    assert read.source.num_groups == 20
    assert table["equal texts in several groups"][1] == "too many to keep in one split"


HELLO = [("hello there", "good")]
EMOJI = rows("👎😡 {}", "👍❤️ {}")
ONLY_EMOJI = [("👎👍"[n % 2] * (n + 1), f"{n % 2}") for n in range(NUM)]
USERS = [(*line, n // 5) for n, line in enumerate(rows())]
COMMON = [(f"{text} {n}", label, n // 2) for n, (text, label) in enumerate(rows())]
COMMON += [(f"ok {user}", "good", user) for user in range(20)]
TITLES = rows("the {}|stale, I fear", "the {}|fresh, I hope")
TABLES = {
    "cp949": encoded(KOREAN, "cp949"),
    "cp1252": encoded(FRENCH, "cp1252"),
    "UTF-16": encoded(KOREAN, "utf-16"),
    "byte order mark": encoded(FRENCH, "utf-8-sig"),
    "Hangul": of_script(in_script("정말 나쁜 ", "영화도시산바람"), "characters", "Hangul"),
    "Hebrew": of_script(in_script("גרוע ", "אבגדהוז"), "words", "Hebrew"),
    "Devanagari": of_script(
        in_script("बेकार ", ["का", "कि", "की", "कु", "कू", "के", "कै"]), "words", "Deva"
    ),
    "Arabic": of_script(in_script("رديء ", "ابتثجحخ"), "words", "Arabic"),
    "Thai": of_script(in_script("หนัง", "กขคงจฉช"), "characters", "Thai"),
    "Chinese": of_script(in_script("电影", "天地人和你我他"), "characters", "Han"),
    "Japanese": of_script(in_script("とても", "かきくけこさし"), "characters", "Kana"),
    "emoji": of_script(EMOJI, "words", "Latin"),
    "emoji alone": of_script(ONLY_EMOJI, "words", "no letters"),
    "no letters": of_script(
        [("!?"[n % 2] * (n // 2 + 2), n % 2) for n in range(NUM)], "words", "no letters"
    ),
    "empty texts": counted(
        [*rows(), ("", "bad"), (" \t ", "good")],
        NUM,
        "empty texts",
        ["2", "left out", "row 41, row 42"],
    ),
    "missing cells": counted(
        [*rows(), ("NA", "good"), ("gone", "")], NUM, "texts without a target", ["", "1 left out"]
    ),
    "equal texts under two labels": ([*rows(), *HELLO, ("hello there", "bad")], {}, {}, two_labels),
    "copies": ([*rows(), *HELLO * 3, ("Hello, there 2!", "good")], {}, {}, copies),
    "one text of 1 MB": counted(
        [*rows(), ("word " * 200_000, "good")],
        NUM + 1,
        "length",
        ["", "from 5 to 200,000 words, median 5, 95 % up to 5"],
    ),
    "quotes and line breaks": (
        [(f'he said "{text}",\nand left;\r\nsoon', label) for text, label in rows()],
        {},
        {},
        quoted,
    ),
    "control characters": counted(
        [(f"a\tb\x01\x07{text}\x0b", label) for text, label in rows()], NUM
    ),
    "numbers as texts": counted(
        [(7 * n, "ab"[n % 2]) for n in range(NUM)],
        NUM,
        "length",
        ["", "from 1 to 1 words, median 1, 95 % up to 1"],
        text=("text",),
    ),
    "[UNK]": counted([(f"[UNK] {text}", label) for text, label in rows()], NUM),
    "a word of 10,000 letters": counted([*rows(), ("x" * 10_000, "good")], NUM + 1),
    "stars and halves": (
        [(text, 1.5 + n % 8 / 2) for n, (text, _) in enumerate(rows())],
        {},
        {},
        stars,
    ),
    "whole stars": (
        [(text, 1 + n % 5) for n, (text, _) in enumerate(rows(num=100))],
        {},
        {},
        whole_stars,
    ),
    "groups": (USERS, {"header": "text,label,user"}, {"group": "user"}, in_groups),
    "a text that everybody wrote": (
        COMMON,
        {"header": "text,label,user"},
        {"group": "user"},
        with_common_text,
    ),
    "several columns": (
        [(*text.split("|"), label) for text, label in TITLES],
        {"header": "title,body,label"},
        {"text": ("title", "body")},
        several,
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_table_is_read_with_the_right_value(name):
    lines, how, settings, check = TABLES[name]
    read = own_texts.read(table("texts.csv", lines, **how), "label", **settings)
    check(read, seen(read))
    data = read.split(0)
    assert sum(map(len, (data.train, data.validation, data.test))) == len(read.y)
    kind = OwnTexts(read.source)
    assert kinds.from_json(json.loads(json.dumps(kinds.to_json(kind)))) == kind


def test_pieces_of_letters_are_read_as_whole_ones():
    lines = [*KOREAN, *FRENCH]
    apart = [tuple(unicodedata.normalize("NFD", cell) for cell in line) for line in lines]
    whole = own_texts.read(table("nfc.csv", lines), "label")
    for given in (table("nfd.csv", apart), pd.DataFrame(apart, columns=["text", "label"])):
        read = own_texts.read(given, "label")
        assert strings(read) == strings(whole)
        assert read.class_names == whole.class_names


@pytest.mark.parametrize("form", ['"{} "so', '"{}', '"{}"'])
def test_quotes_that_are_signs_stay_in_messages_between_tabs(form):
    plain = [text + " again" * (n % 4) for n, (text, _) in enumerate(rows())]
    given = [(form if n % 3 == 0 else "{}").format(text) for n, text in enumerate(plain)]
    lines = [f"{label}\t{text}\r\n" for text, (_, label) in zip(given, rows(), strict=True)]
    pathlib.Path("sms.tsv").write_bytes("".join(lines).encode())
    read = own_texts.read("sms.tsv", "column_1", header=False)
    assert strings(read) == (plain if form == '"{}"' else given)
    assert read.class_names == ("bad", "good")


def test_quoted_line_breaks_between_tabs_stay_in_their_cell():
    lines = [(f"{text}\nand so on", label) for text, label in rows()]
    read = own_texts.read(table("texts.tsv", lines, sep="\t"), "label")
    assert strings(read) == [text for text, _ in lines]


def test_half_characters_of_a_data_frame_are_replaced():
    frame = pd.DataFrame(rows("the {} was bad\ud800"), columns=["text", "label"])
    assert strings(own_texts.read(frame, "label"))[0] == "the soup soup was bad?"


# --- folders ------------------------------------------------------------------------------------


def test_folder_of_texts_with_other_files():
    files = {name.replace(".txt", ".md"): text for name, text in of_classes(rows()).items()}
    files |= {
        "good/paper.pdf": b"%PDF-1.4\0",
        "good/empty.txt": b"",
        "good/image.txt": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0",
        "good/wide.txt": "un très bon café".encode("utf-16"),
        "bad/korean.txt": "정말 나쁜 영화".encode("cp949"),
        "notes.md": "notes",
    }
    read = own_texts.read(folder("data", files), None)
    found = seen(read)
    assert len(read.x) == NUM + 2
    assert {"un très bon café", "정말 나쁜 영화"} < {*strings(read)}
    assert found["files that are no .txt"] == ["1", "left out", "good/paper.pdf"]
    assert found["empty texts"] == ["1", "left out", "good/empty.txt"]
    assert found["files that cannot be read"][::2] == ["1", "good/image.txt"]
    assert found["files beside the class folders"][2] == "notes.md"
    assert read.class_names == ("bad", "good")


def test_texts_of_train_with_a_copy_in_test_are_left_out():
    lines = rows(num=90)
    files = of_classes(lines[:40], "train/") | of_classes(lines[40:60], "val/")
    files |= of_classes(lines[60:], "test/")
    files |= {
        "train/good/of_test.txt": lines[61][0].upper(),
        "train/good/of_val.txt": lines[41][0],
        "val/good/of_test.txt": f"{lines[63][0]}!",
        "test/other/1.txt": "the snow was white",
    }
    read = own_texts.read(folder("data", files), None)
    found = seen(read)
    data = read.split(0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [40, 20, 30]
    for early, late in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert found[f"texts of {early} with a copy in {late}"][:2] == ["1", "left out"]
    assert found["texts of classes without training texts"][2] == "test/other/1.txt"
    assert {*own_texts.joined(data.test.x)} == {text for text, _ in lines[60:]}


def test_train_and_test_folders_stay_as_they_are():
    lines = rows(num=90)
    files = of_classes(lines[:60], "train/") | of_classes(lines[60:], "test/")
    data = own_texts.read(folder("data", files), None).split(0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [48, 12, 30]


# --- errors -------------------------------------------------------------------------------------

PLAIN = {"lines": rows()}
ERRORS = {
    "one class": ({"lines": [(text, "good") for text, _ in rows()]}, {}, "is 'good' in every row"),
    "all texts equal": (
        {"lines": [("same", f"{n % 2}") for n in range(NUM)]},
        {},
        "2 different texts with a target, expected at least 20",
    ),
    "digits apart all texts equal": (
        {"lines": [(f"same {n}", f"{n % 2}") for n in range(NUM)]},
        {},
        "1 groups of texts (texts that differ only in digits",
    ),
    "few rows": ({"lines": rows(num=12)}, {}, "12 rows, expected at least 20"),
    "very many classes": (
        {"lines": [(text, f"c{n}") for n, (text, _) in enumerate(rows(num=120))]},
        {},
        "has 120 different text values in 120 rows",
    ),
    "no such target": (PLAIN, {"target": "lable"}, "--target lable: there is no such column; did"),
    "no target": (PLAIN, {"target": None}, "which column to predict? Say --target COLUMN"),
    "no such text": (PLAIN, {"text": ("txt",)}, "no column 'txt'; did you mean 'text'?"),
    "no such group": (PLAIN, {"group": "user"}, "--group user: there is no such column"),
    "target as text": (PLAIN, {"text": ("text", "label")}, "--text label: is the target as well"),
    "target as group": (PLAIN, {"group": "label"}, "--group label: is the target as well"),
    "text as group": (PLAIN, {"text": ("text",), "group": "text"}, "--text text: is the group as"),
    "numbers alone": (
        {"lines": [(n, "ab"[n % 2]) for n in range(NUM)]},
        {},
        "no column of texts to predict 'label' from; name one by --text COLUMN",
    ),
    "null bytes": ({"lines": rows("a\0 {}")}, {}, "it holds null bytes"),
    "encoding": (
        {"lines": KOREAN, "encoding": "cp949"},
        {"encoding": "utf-8"},
        "is no utf-8; leave",
    ),
    "no encoding": (PLAIN, {"encoding": "klingon"}, "received the encoding 'klingon'"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_is_one_line(name):
    how, settings, message = ERRORS[name]
    with pytest.raises(InputError) as caught:
        own_texts.read(table("texts.csv", **how), **{"target": "label", **settings})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


FOLDERS = {
    "no class folders": ("data/bad", {}, "20 files and no class folders"),
    "one class": ("data/one", {}, "all 20 texts are of one class, 'bad'"),
    "no texts": ("data/images", {}, "0 text files, expected at least 20"),
    "file in place of a folder": ("data/bad/0.txt", {"target": "x"}, "a header and no rows"),
    "no such folder": ("nowhere", {"target": "label"}, "no such file; check the path"),
    "target of folders": (
        "data",
        {"target": "age"},
        "--target age: is for a table; the subfolders",
    ),
    "group of folders": ("data", {"group": "user"}, "--group user: is for a table"),
    "text of folders": ("data", {"text": ("a", "b")}, "--text a b: is for a table"),
    "regression": ("data", {"problem": "regression"}, "received a class folder 'bad'"),
    "target of nothing": (None, {"target": "age"}, "--target age: no texts are given"),
    "text of nothing": (None, {"text": ("age",)}, "--text age: no texts are given"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_error_of_folders_is_one_line(name):
    path, settings, message = FOLDERS[name]
    folder("data", of_classes(rows()))
    folder("data/one/bad", {f"{n}.txt": text for n, (text, _) in enumerate(rows(num=20))})
    folder("data/images", {f"{'ab'[n % 2]}/{n}.png": b"\x89PNG" for n in range(NUM)})
    with pytest.raises(InputError) as caught:
        own_texts.read(path, **{"target": None, **settings})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# --- words and composed letters -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's GOOD, isn't it?!", "it's good isn't it ? !"),
        ("ÉTÉ Straße ЖУК ΣΑΣ", "été straße жук σας"),
        ("हिन्दी में", "हिन्दी में"),
        ("ไม่ดี", "ไม่ดี"),
        ("good👍🏽bad❤️", "good 👍 bad ❤️"),
        ("a\tb\r\nc\u3000d\u00a0e\x01f", "a b c d e f"),
        ("e\u0301te\u0301 \u1112\u1161\u11ab", "été 한"),
        ("", ""),
        ("...", ""),
    ],
)
def test_words_of_every_script_stay_whole(text, words):
    made = texts.standardised(tf.constant([[text]]), "words")
    assert made.numpy()[0, 0].decode() == words


def test_letters_are_composed_as_unicode_does():
    letters = [chr(code) for code in (*range(0x20, 0x3000), *range(0xAC00, 0xD7A4, 49), 0x1F44D)]
    letters = [one for one in letters if unicodedata.category(one)[0] != "C"]
    letters += ["Nguyễn Thị Ánh, Tiếng Việt", "값 닭 뷁 한국어", "café Å K Ω", "がぎぐ パ", "", "क़"]
    rng = np.random.default_rng(0)
    alone = [one for one in letters if len(one) == 1 and unicodedata.category(one)[0] != "M"]
    letters += ["".join(rng.choice(alone, 20)) for _ in range(500)]
    for form in ("NFD", "NFC"):
        given = [unicodedata.normalize(form, one) for one in letters]
        found = [one.decode() for one in composing.composed(tf.constant(given)).numpy()]
        assert found == [unicodedata.normalize("NFC", one) for one in given]
    assert composing.composed(tf.zeros((0,), tf.string)).shape == (0,)


@pytest.mark.parametrize("term", ["$$", "$\\frac$", "a$b$", "x" * 10_000, " ", "\u0301"])
def test_terms_of_any_signs_are_drawn(term, tmp_path):
    plots.draw_terms(tmp_path / "terms.png", {"$1 to $2": [(term, 1.0), ("b", 0.5)], "none": []})
    with PIL.Image.open(tmp_path / "terms.png") as image:
        assert image.size == (1200, 480)


def test_baselines_divide_words_as_the_network_does():
    text = "हिन्दी में अच्छा। it's GOOD 👍 été ไม่ดี !? a_b"
    words = ["हिन्दी", "में", "अच्छा", "it's", "GOOD", "👍", "été", "ไม่ดี", "!", "?", "a", "b"]
    assert re.findall(own_texts_kind.WORD, text) == words


@pytest.mark.parametrize("signs", [("👎", "👍"), ("%", "."), ("हा", "कि ")])
def test_baselines_take_texts_without_words(signs):
    made = [signs[n % 2] * (n // 2 + 2) for n in range(NUM)]
    read = own_texts.read(pd.DataFrame({"text": made, "label": [0, 0, 1, 1] * 10}), "label")
    data = read.split(0)
    problem = problems.of_kind("binary", read.class_names, "label", 0.5, data.train.y)
    for name, outputs in baselines.predict(problem, data, 5):
        assert np.isfinite(outputs).all(), name


@pytest.mark.parametrize(("tokens", "expected"), [("words", [5, 2, 1]), ("characters", [2, 3, 4])])
def test_a_network_in_order_reads_the_last_tokens_of_a_text(tokens, expected):
    encoder = texts.sequence_encoder(tokens, 50, 3)
    vocabulary = ["good", "bad", "film", "very"] if tokens == "words" else list("abcd")
    encoder.get_layer(texts.VOCABULARY).set_vocabulary(vocabulary)
    given = ["bad bad very good xyz", "bad", ""] if tokens == "words" else ["dddabc", "b", ""]
    numbers = encoder(np.array(given, dtype=object)[:, None]).numpy()
    assert numbers.tolist() == [expected, [3, 0, 0], [0, 0, 0]]
