"""Whatever a table's file is packed in, written by and surrounded with: read right and said."""

import bz2
import codecs
import functools
import gzip
import io
import logging
import lzma
import pathlib
import sys
import unicodedata
import zipfile

import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from keras_recipes.commands import main as program
from keras_recipes.data import csv_reader, own_table
from keras_recipes.errors import InputError
from keras_recipes.runs import fonts, plots

NUM_ROWS = 40
ROWS = [(f"{i * 37 % 101 / 10}", "yes" if i % 3 else "no", "red") for i in range(NUM_ROWS)]


def text(delimiter=",", end="\n", names=("x", "y", "z")):
    return end.join(delimiter.join(row) for row in [names, *ROWS]) + end


def zipped(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, held in files.items():
            archive.writestr(name, held)
    return content.getvalue()


def read(content, **settings):
    pathlib.Path("table.csv").write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    return csv_reader.read("table.csv", **settings)


FIXED = "".join(f"{a:<9}{b:<9}{c}{' sea' * (i % 2)}\n" for i, (a, b, c) in enumerate(ROWS))
NUMBERED = text().splitlines()[:1] + [
    f"{i},{line}" for i, line in enumerate(text().splitlines()[1:], 1)
]
# What stands in the file, and what is said of it; nothing where nothing is odd.
READ = {
    "colons": (text(":"), "cut at ':'"),
    "carets": (text("^"), "cut at '^'"),
    "tildes": (text("~"), "cut at '~'"),
    "blanks": (text(" "), "cut at blanks"),
    "aligned": (text("    "), "cut at blanks"),
    "blanks and a tab": (text("  ").replace("  red", "\tred"), "cut at blanks"),
    "two colons": (text("::"), "cut at '::'"),
    "two bars": (text("||"), "cut at '||'"),
    "wide commas": (text("\uff0c"), "cut at '\uff0c'"),
    "sep": ("sep=^\n" + text("^"), ""),
    "old Mac": (text(end="\r"), ""),
    "gzip": (gzip.compress(text().encode()), ""),
    "bzip2": (bz2.compress(text().encode()), ""),
    "xz": (lzma.compress(text().encode()), ""),
    "zip": (zipped({"data.csv": text()}), "unpacked data.csv"),
    "zip of a Mac": (
        zipped({"a/data.csv": text(), "__MACOSX/a/data.csv": "x"}),
        "unpacked a/data.csv",
    ),
    "zip with a text": (zipped({"data.csv": text(), "README.md": "x"}), "unpacked data.csv"),
    "zip of gzip": (
        zipped({"data.csv.gz": gzip.compress(text().encode())}),
        "unpacked data.csv.gz",
    ),
    "title": ("Report\n" + text(), "line 1 above the table passed over ('Report', …)"),
    "titles": ("Report,of 2020\n\nby,us\n\n" + text(), "lines 1 to 4 above the table passed over"),
    "padded title": ("Report,,\n,,\n" + text(), "lines 1 to 2 above the table passed over"),
    "comments": ("# by A, B, C\n# 2020\n" + text(), "1 comment line passed over ('# 2020', …)"),
    "comments below": (text() + "# end\n", "1 comment line passed over ('# end', …)"),
    "footer": (text() + "\nA, B, C, D\n", "line 43 below the table passed over ('A', …)"),
    "footer at once": (text() + "Source: A\n", "line 42 below the table passed over"),
    "second table": (text() + "\na,b\n1,2\n", "lines 43 to 44 below the table passed over"),
    "rows end in a comma": (text().replace("red\n", "red,\n"), ""),
    "header ends in a comma": (text().replace("z\n", "z,\n"), ""),
    "row numbers": ("\n".join(NUMBERED), ""),
    "UTF-16 without mark": (text().encode("utf-16-le"), "read as utf-16-le"),
}


@pytest.mark.parametrize("case", READ)
def test_a_table_is_read_whatever_is_around_it(case, caplog):
    content, said = READ[case]
    frame, dialect = read(content)
    assert [name for name in frame if not name.startswith("unnamed")] == ["x", "y", "z"]
    assert len(frame) == NUM_ROWS
    assert frame["x"].tolist() == [float(x) for x, _, _ in ROWS]
    assert frame["y"].tolist() == [y for _, y, _ in ROWS]
    assert said in caplog.text if said else not caplog.text
    lines = io.StringIO(content if isinstance(content, str) else "", newline=None).readlines()
    if lines:
        line = csv_reader.line_of(pathlib.Path("table.csv"), dialect, 2)
        assert "3.7" in lines[line - 1]


REFUSED = {
    "several": (zipped({"a.csv": text(), "b.csv": text()}), "a zip file of 2 files (a.csv, b.csv)"),
    "half a zip": (zipped({"a.csv": text()})[:-30], "cannot be opened"),
    "half an xz": (lzma.compress(text().encode())[:-9], "packed by xz, and cannot be read"),
    "packed and packed": (
        functools.reduce(lambda held, _: gzip.compress(held), range(6), b"x"),
        "packed more than 5 times",
    ),
    "Excel": (
        zipped({"xl/workbook.xml": "x"}),
        "a workbook of Excel; expected text with delimiters",
    ),
    "LibreOffice": (zipped({"content.xml": "x"}), "read_excel(FILE).to_csv"),
    "Parquet": (b"PAR1" + bytes(9), "read_parquet(FILE).to_csv"),
    "HTML": ("<!DOCTYPE html><html>", "read_html(FILE)[0].to_csv"),
    "ARFF": ("% a\n@relation b\n", "an ARFF file of Weka"),
    "tar": (gzip.compress(b"a" * 257 + b"ustar"), "a tar archive"),
    "fixed width": (FIXED, "columns of fixed width"),
    "more names": (text(names=("x", "y", "z", "w")), "have fewer cells than the header (4)"),
    "fewer names": (text(names=("x", "y")), "2 names above rows of 3 cells"),
    "open quote below": (text() + '"a,b,c\n', "a double quote opened in line 42"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_by_its_name(case):
    content, said = REFUSED[case]
    with pytest.raises(InputError) as caught:
        read(content)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_looks_like_a_title_or_a_footer_and_is_a_row_stays(caplog):
    frame, _ = read("name,note\n\nbob,none\nal,5\ncy,6\n")
    assert frame["name"].tolist() == ["bob", "al", "cy"]
    frame, _ = read('a,b\n"one\n# two",1\n"#3",2\n')
    assert frame["a"].tolist() == ["one\n# two", "#3"]
    frame, _ = read("first name,last name\nAn Na,Bo Li\nCy Do,Ed Fu\n")
    assert list(frame) == ["first name", "last name"]
    frame, _ = read("date time,x\n2020-01-01 12:00,1\n2020-01-02 12:30,2\n")
    assert list(frame) == ["date time", "x"]
    assert not caplog.text


# Small files: encoding, header, cells of the first column.
SMALL = [
    ("cp949", "이름,도시,값", "1"),
    ("cp949", "x,매출,z", "1"),
    ("cp949", "a,b,c", "강남구 마포구"),
    ("cp1251", "имя,город,цена", "1"),
    ("cp1251", "a,b,c", "Москва"),
    ("cp1253", "όνομα,πόλη,τιμή", "1"),
    ("cp1254", "şehir,değer,yaş", "1"),
    ("cp1254", "a,b,c", "İstanbul"),
    ("cp932", "名前,都市,値", "1"),
    ("cp932", "a,b,c", "はい"),
    ("gb18030", "姓名,城市,数值", "1"),
    ("cp950", "姓名,城市,數值", "1"),
    ("cp1252", "Größe,Fläche,é", "1"),
    ("cp1252", "a,b,c", "5 €"),
    ("cp1250", "město,hodnota,příjem", "1"),
    ("cp1250", "a,b,c", "mężczyzna"),
]


@pytest.mark.parametrize(("encoding", "header", "cell"), SMALL)
def test_an_encoding_is_guessed_by_few_words_and_said(encoding, header, cell, caplog):
    rows = "".join(f"{cell},{i},{i * 7 % 5}\n" for i in range(30))
    frame, dialect = read(f"{header}\n{rows}".encode(encoding))
    assert ",".join(frame) == header
    assert str(frame.iloc[0, 0]) == cell
    assert f"read as {dialect.encoding}, which was guessed" in caplog.text


def test_an_encoding_that_is_said_or_expected_is_taken(caplog):
    content = ("имя,y\n" + "да,1\nнет,2\n" * 15).encode("koi8-r")
    frame, dialect = read(content, encoding="koi8-r")
    assert (list(frame), dialect.encoding, caplog.text) == (["имя", "y"], "koi8-r", "")
    frame, _ = read(content, expected_encoding="koi8-r")
    assert frame.iloc[0, 0] == "да"
    assert "as the file of the training" in caplog.text
    # The one of the training is no must: new rows may come in another.
    for encoding in ("utf-8", "utf-16", "cp949"):
        frame, _ = read("이름,y\n서울,1\n".encode(encoding), expected_encoding="ascii")
        assert list(frame) == ["이름", "y"]
    with pytest.raises(InputError, match="received the encoding 'cp94', expected one"):
        read(content, encoding="cp94")


def test_composed_and_decomposed_names_and_cells_are_the_same():
    names, cells = ["가격", "sí", "도시"], ["서울", "Café"]
    rows = "".join(f"{i},{'yes' if i % 3 else 'no'},{cells[i % 2]}\n" for i in range(NUM_ROWS))
    tables = []
    for form in ("NFC", "NFD"):
        content = unicodedata.normalize(form, ",".join(names) + "\n" + rows)
        pathlib.Path("table.csv").write_text(content, encoding="utf-8")
        for typed in ("NFC", "NFD"):
            target, dropped = (unicodedata.normalize(typed, name) for name in ("sí", "가격"))
            tables.append(own_table.read("table.csv", target, drop=[dropped]))
    assert len({table.source.target for table in tables}) == 1
    assert all(table.x.equals(tables[0].x) for table in tables)
    assert set(tables[0].x["도시"]) == set(cells)


def figure_of(*names):
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(names)), [-1.0] * len(names))
    axes.set_yticks(range(len(names)), names)
    return figure


def test_texts_of_plots_are_drawn_by_a_font_that_has_them():
    """With a letter that only a second font of Matplotlib's own has, as Hangul may be in none."""
    of_plots, second = (
        set(font_manager.get_font(font_manager.findfont(name)).get_charmap())
        for name in ("DejaVu Sans", "STIXGeneral")
    )
    letter = chr(min(second - of_plots))
    figure = figure_of(f"a {letter}", "plain")
    fonts.fit(figure)
    first, plain = figure.axes[0].get_yticklabels()
    assert len(first.get_fontfamily()) > 1
    assert any(
        ord(letter) in font_manager.get_font(font_manager.findfont(family)).get_charmap()
        for family in first.get_fontfamily()[1:]
    )
    assert len(plain.get_fontfamily()) == 1
    assert len(figure.axes[0].get_xticklabels()[0].get_fontfamily()) == 1  # minus signs stay


def test_boxes_are_said_once_with_what_to_install(monkeypatch, caplog):
    monkeypatch.setattr(fonts, "_fonts_for", lambda needed: ((), needed))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(fonts, "_SAID", set())
    with caplog.at_level(logging.WARNING):
        for name in ("one.png", "two.png"):
            plots.save(figure_of("서울", "plain"), pathlib.Path(name), 50)
    assert caplog.text.count("plots show boxes for 서울") == 1
    assert "apt-get install fonts-nanum" in caplog.text


@pytest.mark.parametrize(
    ("encoding", "delimiter", "begins"),
    [
        ("utf-8", ",", b"input,"),
        ("cp949", ",", codecs.BOM_UTF8 + b"input,"),
        ("utf-8-sig", ";", codecs.BOM_UTF8 + b"input;"),
    ],
)
def test_predictions_are_written_as_the_inputs_were(
    encoding, delimiter, begins, monkeypatch, capsys
):
    import pandas as pd

    from keras_recipes.runs import predict

    table = pd.DataFrame({"input": [1], "prediction": ["서울"], "p(서울)": [0.25]})
    monkeypatch.setattr(predict, "predict", lambda run, source, threshold: table)
    lines = f"도시{delimiter}x\n서울{delimiter}{'1,5' if delimiter == ';' else '1.5'}\n"
    pathlib.Path("new.csv").write_bytes(lines.encode(encoding))
    monkeypatch.setattr(sys, "argv", ["recipes", "predict", "run", "new.csv", "-o", "out.csv"])
    program.main()
    written = pathlib.Path("out.csv").read_bytes()
    assert written.startswith(begins)
    assert written.decode("utf-8-sig").splitlines()[1] == delimiter.join(
        ["1", "서울", "0,25" if delimiter == ";" else "0.25"]
    )
