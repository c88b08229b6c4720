"""Whatever a user's file holds: one line says what is wrong with it, or it is dealt with."""

import gzip
import logging

import numpy as np
import pandas as pd
import pytest

from keras_recipes.data import own_table
from keras_recipes.errors import InputError

ROWS = 60
X = [f"{row * 37 % 101 / 10}" for row in range(ROWS)]
Y = ["yes" if row % 3 else "no" for row in range(ROWS)]
LONG = "x" * 9999
KOREAN = ["서울", "부산", "대구"]


def text(delimiter=",", end="\n", **named):
    """A file of 60 rows: x with numbers, y with yes and no, and the columns named."""
    named = {"x": X, "y": Y, **named}
    named = {name: (list(cells) * ROWS)[:ROWS] for name, cells in named.items() if cells}
    lines = [delimiter.join(row) for row in [tuple(named), *zip(*named.values(), strict=True)]]
    return end.join(lines) + end


def load(content, target="y", **wishes):
    with open("table.csv", "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return own_table.read("table.csv", target, **wishes)


def column(table, name="z"):
    (found,) = (one for one in table.source.columns if one.name == name)
    return found


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


DAYS = [str(day)[:10] for day in pd.date_range("2020-01-31", periods=ROWS)]
NAMES = [f"name {row}" for row in range(ROWS)]
REFUSED = {
    "empty file": (b"", {}, "the file is empty"),
    "blank lines": (b"\n \n\n", {}, "the file is empty"),
    "header only": ("x,y\n", {}, "a header and no rows"),
    "null bytes": (bytes(range(256)) * 9, {}, "null bytes"),
    "workbook": (b"PK\x03\x04" + bytes(99), {}, "Excel or LibreOffice"),
    "old workbook": (b"\xd0\xcf\x11\xe0" + bytes(99), {}, "old Excel"),
    "Parquet": (b"PAR1" + bytes(99), {}, "Parquet"),
    "image": (b"\x89PNG\r\n", {}, "PNG"),
    "packed by xz": (b"\xfd7zXZ\x00abc", {}, "packed by xz"),
    "half a .gz": (gzip.compress(text().encode(), mtime=0)[:-9], {}, "cannot be read"),
    "broken .gz": (b"\x1f\x8b\x08\x00" + b"abc" * 9, {}, "cannot be read"),
    "half of UTF-16": (text().encode("utf-16")[:-1], {}, "is no utf-16"),
    "JSON": ('[{"x": 1, "y": 2}]', {}, "JSON"),
    "web page": ("<!DOCTYPE html>\n<html></html>", {}, "web page"),
    "too long a row": (text() + "1,yes,3\n", {}, "line 62 has 3 cells, expected 2"),
    "too short rows": ("a,b,y\n" + "1\n2\n" * 30 + "1,2,yes\n" * 9, {}, "fewer cells"),
    "open quote": (text() + '"1,yes\n2,no\n', {}, "double quote opened in line 62"),
    "one column": (text(x=None), {}, "one column only, named 'y'"),
    "long names twice": (
        (long := "x" * 9999) + f",{long},y\n" + "1,2,yes\n" * 30,
        {},
        "two columns",
    ),
    "long names": (text(**{LONG: KOREAN}), {"target": "w"}, "no column 'w'"),
    "names of lines": (text(**{'"a\nb"': KOREAN}), {"target": "w"}, "there is x, y, a b."),
    "names twice": ("x,x,y\n" + "1,2,yes\n" * 30, {}, "two columns are named 'x'"),
    "numbers for names": ("5.1,3.5,setosa\n" + "4.9,3.0,setosa\n" * 30, {}, "--no-header"),
    "whole numbers for names": ("39,Private,7\n" + "50,State,13\n" * 30, {}, "--no-header"),
    "words for names": ("a,b,a\n" + "x,y,z\n" * 30, {}, "--no-header"),
    "names for a row": (text(), {"header": False}, "leave out --no-header"),
    "target not there": (text(), {"target": "Y"}, "did you mean 'y'"),
    "target not told": (text(), {"target": None}, "--target COLUMN"),
    "target without values": (text(y=["", "NA", "?", "-"]), {}, "no value in any row"),
    "target infinite": (text(y=["inf", "-inf"]), {}, "no value in any row"),
    "target of 10^30": (text(y=["1e30", "2e30"]), {}, "no value in any row"),
    "target constant": (text(y=["yes"]), {}, "'yes' in every row"),
    "target of names": (text(y=NAMES), {}, "60 different text values in 60 rows, such as 'name 0'"),
    "target of dates": (text(y=DAYS), {}, "60 different text values"),
    "class of 2 rows": (text(y=["no"] * 58 + ["yes"] * 2), {}, "'yes' in 2 of 60 rows"),
    "few rows": ("x,y\n" + "1,yes\n2,no\n" * 5, {}, "10 rows, expected at least 20"),
    "three for binary": (text(y="abc"), {"problem": "binary"}, "has 3 values, expected 2"),
    "numbers for classes": (text(y=X), {"problem": "binary"}, "values, expected 2"),
    "words for numbers": (text(), {"problem": "regression"}, "text such as 'no'"),
    "only names": (text(x=NAMES), {}, "no column to predict 'y' from"),
    "nothing left": (text(), {"drop": ["x"]}, "no column to predict 'y' from"),
    "wish for no column": (text(), {"drop": ["wings"]}, "no column 'wings'"),
    "wish for numbers": (text(z=KOREAN), {"numeric": ["z"]}, "holds no number in any row"),
    "two wishes": (text(), {"drop": ["x"], "numeric": ["x"]}, "is named as"),
    "wish for the target": (text(), {"drop": ["y"]}, "'y' is the target"),
    "time by words": (text(z=KOREAN), {"time": "z"}, "expected dates or numbers"),
    "time by no column": (text(), {"time": "Day"}, "no column 'Day'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_line(case):
    content, wishes, said = REFUSED[case]
    with pytest.raises(InputError) as caught:
        load(content, **wishes)
    message = str(caught.value)
    assert said in message
    assert message.startswith("table.csv: ") or "/table.csv: " in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize(("path", "said"), [("nowhere.csv", "no such file"), (".", "a folder")])
def test_what_is_no_file_is_refused(path, said):
    with pytest.raises(InputError, match=said):
        own_table.read(path, "y")


# The column z, what it is taken for, its missing values, and its first value.
CELLS = {
    "infinities": (["inf", "2.5", "-Infinity"], "number", 40, np.nan),
    "10^30": (["1e30", "1" + "0" * 30, "2.5"], "number", 40, np.nan),
    "mixed": (["1", "x", "2.5"], "category", 0, "1"),
    "hardly mixed": (["1"] * 30 + ["2"] * 29 + ["x"], "number", 1, 1),
    "missing words": (["NA", "?", "-", "n/a", "null", "unknown", "7", "8.5"], "number", 46, np.nan),
    "Excel's errors": (["#DIV/0!", "#N/A", "7", "8.5"], "number", 30, np.nan),
    "dash": (["-", "a", "b"], "category", 20, ""),
    "plus and minus": (["-", "+"], "category", 0, "-"),
    "none": (["none", "some", "all"], "category", 0, "none"),
    "mark or nothing": (["X", "", ""], "category", 40, "X"),
    "formulas": (["=SUM(A1)", "=1+1", "@x"], "category", 0, "=SUM(A1)"),
    "long cell": (["x" * 100_000, "y", "z"], "category", 0, "x" * 100_000),
    "lines in cells": (['"a\nb"', "c", "d"], "category", 0, "a\nb"),
    "stray quotes": (['pipe of 5"', 'pipe of 6"'], "category", 0, 'pipe of 5"'),
    "leading zeros": (["01067", "10115", "80331"], "category", 0, "01067"),
    "codes": (["007", "012"], "category", 0, "007"),
    "thousands": (['"1,234"', '"12,345"', "7"], "number", 0, 1234),
    "decimal comma": (['"1,5"', '"12,345"', "7"], "number", 0, 1.5),
    "Swiss": (["1'234.50", "7"], "number", 0, 1234.5),
    "Indian": (['"12,34,567"', "7"], "number", 0, 1234567),
    "currency": (["$1", '"$1,200.50"', "-$3"], "number", 0, 1),
    "won": (['"3,456,000원"', '"200,000원"'], "number", 0, 3456000),
    "accounts": (["(12.50)", "7.25"], "number", 0, -12.5),
    "percent": (["12%", "3.5 %"], "number", 0, 12),
    "unit": (["5 kg", "7.5kg"], "number", 0, 5),
    "several units": (["5 kg", "7 m", "8 st"], "category", 0, "5 kg"),
    "telephones": ([f"+49 301 {row:03} 000" for row in range(ROWS)], "left out", 0, None),
    "clock": (["7:30", "14:45", "23:00"], "number", 0, 7.5),
    "afternoons": (["7:30 PM", "12:15 am"], "number", 0, 19.5),
    "midnights": (["12:15 am", "12:15 pm"], "number", 0, 0.25),
    "ja": (["ja", "Nein"], "boolean", 0, 1),
    "예": (["예", "아니오"], "boolean", 0, 1),
    "Boolean with gaps": (["True", "", "FALSE"], "boolean", 20, 1),
    "survey": (["I strongly agree with what you say here", "no"], "category", 0, None),
    "free text": ([f"it was day {row} and all went well" for row in range(ROWS)], "left out", 0, 0),
    "identifier": ([f"{row * 7919 % 104729:x}-x" for row in range(1, ROWS + 1)], "left out", 0, 0),
    "row numbers": ([str(row) for row in range(ROWS)], "left out", 0, None),
    "years": ([str(1950 + row) for row in range(ROWS)], "number", 0, 1950),
    "all missing": ([" "], "left out", 60, None),
    "constant": (["7"], "left out", 0, None),
    "all too large": (["1e30", "2e30"], "left out", 0, None),
}


@pytest.mark.second_tier
@pytest.mark.parametrize("case", CELLS)
def test_odd_cells_are_dealt_with_and_said(case):
    cells, kind, num_missing, first = CELLS[case]
    if case == "years":
        table = load(text(year=cells))
        found = column(table, "year")
    else:
        table = load(text(z=cells))
        found = column(table)
    assert (found.kind, found.num_missing) == (kind, num_missing)
    assert found.reason
    assert "\n" not in found.reason
    assert len(found.reason) < 120
    if kind == "left out":
        assert "z" not in table.x
    elif first is not None:
        value = table.x[found.name].iloc[0]
        assert value == first or (first != first and np.isnan(value))


DATES = {
    "ISO": ("2020-01-31", "2021-12-01"),
    "ISO with a time": ("2020-01-31T23:15:00Z", "2021-12-01T01:30:00+09:00"),
    "ISO with a gap": ("2020-01-31 23:15", "2021-12-01 01:30:59.5"),
    "German": ("31.01.2020", "1.12.2021"),
    "British": ("31/01/2020", "01/12/2021"),
    "American": ("01/31/2020", "12/01/2021"),
    "short": ("1/31/20", "12/1/21"),
    "American with a time": ("1/31/2020 11:15 PM", "12/1/2021 1:30 AM"),
    "Korean": ("2020년 1월 31일", "2021년 12월 01일"),
    "Korean with points": ("2020. 1. 31.", "2021. 12. 1."),
    "Japanese": ("2020年1月31日", "2021年12月1日"),
    "in words": ("31 January 2020", "1 December 2021"),
    "American in words": ('"Jan 31, 2020"', '"Dec 1st, 2021"'),
    "German in words": ("31. Januar 2020", "1. Dezember 2021"),
    "with dashes": ("31-Jan-20", "01-Dec-21"),
    "with weekdays": ('"Fri, 31 Jan 2020"', '"Wed, 1 Dec 2021"'),
    "in one": ("20200131", "20211201"),
}


@pytest.mark.second_tier
@pytest.mark.parametrize("case", DATES)
def test_dates_are_read_in_many_forms(case):
    table = load(text(z=DATES[case]))
    assert column(table).kind == "date"
    rows = table.x[["z_year", "z_month", "z_day"]].iloc[:2].to_numpy().tolist()
    assert rows == [[2020, 1, 31], [2021, 12, 1]]
    if ":" in DATES[case][0]:
        assert table.x["z_hour"].iloc[:2].tolist() == [23, 1]


def test_the_number_that_never_changes_is_the_day_of_monthly_dates():
    months = [f"{month:02}/01/2020" for month in range(1, 13)]
    assert load(text(z=months)).x["z_month"].tolist()[:12] == list(range(1, 13))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("customer_id", "category"), ("areaCode", "category"), ("zip", "category"), ("z", "number")],
)
def test_whole_numbers_that_come_again_are_names_where_the_column_says_so(name, kind):
    assert column(load(text(**{name: ["10", "20", "30"]})), name).kind == kind


def test_parts_of_dates_that_never_change_are_left_out_and_names_do_not_clash():
    table = load(text(z=["2020-01-31", "2020-02-29", "2020-03-30"], z_month=["7.5", "8"]))
    assert list(table.x) == ["x", "z_month_", "z_day", "z_day_of_week", "z_month"]


@pytest.mark.second_tier
@pytest.mark.parametrize(
    ("content", "names"),
    [
        (text(end="\r\n"), ["x"]),
        (text(end="\r"), ["x"]),
        (text(end="\n\n"), ["x"]),
        (text(";"), ["x"]),
        ("sep=;\n" + text(";"), ["x"]),
        ("Report\n" + text(), ["x"]),
        (text("^"), ["x"]),
        (text(" "), ["x"]),
        (text("\t"), ["x"]),
        (text(", "), ["x"]),
        (text().replace("\n", ",\n").replace("x,y,", "x,y", 1), ["x"]),
        (text().replace("\n", ",\n"), ["x"]),
        (text().encode("utf-8-sig"), ["x"]),
        (text().encode("utf-16"), ["x"]),
        (gzip.compress(text().encode(), mtime=0), ["x"]),
        (text(도시=KOREAN).encode("cp949"), ["x", "도시"]),
        (text(Größe=["groß", "süß", "weiß"]).encode("cp1252"), ["x", "Größe"]),
        (text(Imię=["Michał", "Łódź", "Żaneta"]).encode("cp1250"), ["x", "Imię"]),
        (text(**{" padded ": ["a", "b "]}), ["x", "padded"]),
        (text(**{"2019": ["1.5", "2"], "2020": ["3", "4.5"]}), ["x", "2019", "2020"]),
    ],
)
def test_however_it_is_written(content, names):
    table = load(content)
    assert list(table.x) == names
    assert table.class_names == ("no", "yes")
    assert len(table.y) == ROWS


def test_german_numbers():
    prices = ["1.234,50 €", "99,00 €", "1.000.000,00 €"]
    table = load(text(";", y=[x.replace(".", ",") for x in X], z=prices))
    assert table.kind == "regression"
    assert table.y[1] == pytest.approx(3.7)
    assert table.x["z"].iloc[:3].tolist() == [1234.5, 99, 1e6]


def test_pandas_own_names_of_columns():
    rows = "".join(
        f"{row},{row * 7 % 11 / 10},{row * 3 % 7 / 10},{row % 2}\n" for row in range(ROWS)
    )
    table = load(",0,1,2\n" + rows, target="2")
    assert list(table.x) == ["0", "1"]
    assert column(table, "unnamed_1").kind == "left out"


def test_file_without_a_header():
    table = load(text().partition("\n")[2], target="column_2", header=False)
    assert list(table.x) == ["column_1"]


@pytest.mark.second_tier
def test_thousands_of_columns():
    names = [f"gene_{number}" for number in range(1500)]
    numbers = np.random.default_rng(0).normal(size=(ROWS, 1500)).round(2).astype(str)
    lines = [
        ",".join([*names, "y"]),
        *(",".join([*row, y]) for row, y in zip(numbers, Y, strict=True)),
    ]
    table = load("\n".join(lines))
    assert list(table.x) == names
    assert len({one.kind for one in table.source.columns}) == 1


# Values of the target, the kind of problem, the classes, rows left out.
TARGETS = {
    "zeros and ones": ("01", "binary", ("0", "1"), 0),
    "ones and zeros with gaps": (["1.0", "0.0", ""], "binary", ("0", "1"), 20),
    "truth values": (["True", "False"], "binary", ("False", "True"), 0),
    "yes and no": (["yes", "no"], "binary", ("no", "yes"), 0),
    "two words": (["ham", "spam"], "binary", ("ham", "spam"), 0),
    "plus and minus": (["+", "-"], "binary", ("-", "+"), 0),
    "none among words": (["None", "mild", "severe"], "multiclass", ("None", "mild", "severe"), 0),
    "capitals": (["Yes", "Yes", "yes", "NO", "NO", "no"], "binary", ("NO", "Yes"), 0),
    "three words": (["c", "a", "b"], "multiclass", ("a", "b", "c"), 0),
    "few whole numbers": ("35421", "multiclass", ("1", "2", "3", "4", "5"), 0),
    "Korean": (KOREAN, "multiclass", ("대구", "부산", "서울"), 0),
    "numbers": (X, "regression", (), 0),
    "prices": (["$1,5".replace(",", "."), "$2.5", "$3.25"], "regression", (), 0),
    "numbers with gaps": (["1.5", "2.5", "3.5", "", "-", "?"], "regression", (), 30),
    "numbers with infinities": (["1.5", "2.5", "3.5", "inf", "1e30"], "regression", (), 24),
}


@pytest.mark.parametrize("case", TARGETS)
def test_kind_of_problem_follows_from_the_target(case):
    cells, kind, class_names, left_out = TARGETS[case]
    table = load(text(y=cells))
    assert (table.kind, table.class_names) == (kind, class_names)
    assert table.source.problem.startswith(f"{kind}: y ")
    assert table.source.num_without_target == left_out
    assert len(table.y) == ROWS - left_out
    assert np.isfinite(table.y).all()
    if class_names:
        known = [word for word in (list(cells) * ROWS)[:ROWS] if word]
        again = [table.class_names[number] for number in table.y]
        assert [word.casefold().removesuffix(".0") for word in known] == [
            word.casefold() for word in again
        ]


def test_kind_of_problem_can_be_asked_for():
    table = load(text(y="12345"), problem="regression")
    assert (table.kind, table.source.problem) == ("regression", "regression: as asked for")
    table = load(text(y=["1.5", "2.5", "4"]), problem="multiclass")
    assert table.class_names == ("1.5", "2.5", "4")


def test_spellings_that_are_taken_for_one_are_said(caplog):
    load(text(y=["Yes", "Yes", "yes", "no"]))
    assert "'yes' as 'Yes'" in caplog.text


def test_rows_that_end_early_are_said(caplog):
    short = text(z=["a", "b"]) + "7\n7.5,yes\n"
    table = load(short)
    assert "2 rows have fewer cells than the header (3), the first in line 62" in caplog.text
    assert table.source.num_without_target == 1
    assert column(table).num_missing == 1


def test_broken_characters_are_said(caplog):
    content = text(도시=KOREAN).encode()
    table = load(content.replace("부산".encode(), b"\xeb\xb6", 1))
    assert "1 characters are no utf-8, the first at byte" in caplog.text
    assert column(table, "도시").num_values == 4
    assert table.x["도시"].iloc[0] == "서울"


def test_copies_are_taken_once_where_rows_are_measured(caplog):
    rows = text(x=[f"{row * 37 % 101 / 7:.4f}" for row in range(ROWS)])
    again = rows + "".join(rows.splitlines(keepends=True)[1:11])
    table = load(again)
    assert (table.source.num_copies, len(table.y)) == (10, ROWS)
    assert "10 rows are copies" in caplog.text
    caplog.clear()
    assert load(text(x=["1", "2", "3"])).source.num_copies == 0, "alike by nature"
    assert not caplog.records


def test_split_by_time_tests_on_the_last_rows():
    shuffled = [DAYS[row * 7 % ROWS] for row in range(ROWS)]
    table = load(text(z=shuffled), time="z")
    parts = table.split(0)
    days = [
        table.x.index[table.x.index.isin(part.x.index)].map(lambda row: shuffled[row])
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert [len(part) for part in days] == [36, 12, 12]
    assert max(days[0]) < min(days[1])
    assert max(days[1]) < min(days[2])


def test_words_never_seen_stay_words_and_numbers_stay_numbers():
    new = convert("z,x\nnew,1\n,2\n7,none\n", z=["a", "b", "c"])
    assert new["z"].tolist() == ["new", "", "7"]
    assert new["x"].tolist()[:2] == [1, 2]


# What a column held, new cells, and how they are read, each by itself and all together.
NEW = {
    "sign": (["-", "+"], ["-", "-", "+"], ["-", "-", "+"]),
    "dash": (["-", "a", "b"], ["-", "a", "+"], ["", "a", "+"]),
    "codes": (["007", "012"], ["012", "7"], ["012", "7"]),
    "numbers among words": (["1", "2", "x"], ["1", "2.5", ""], ["1", "2.5", ""]),
    "truth": (["True", "False"], ["1", "no", "TRUE", ""], [1, 0, 1]),
    "German": (["1.234,5", "7,25"], ["1.000", "2.000,5"], [1000, 2000.5]),
    "German decimals": (["1,5", "7,25"], ["1.000", "2,5"], [1000, 2.5]),
    "clock": (["7:30", "14:45"], ["8:15", "9"], [8.25, 9]),
}


@pytest.mark.second_tier
@pytest.mark.parametrize("case", NEW)
def test_new_cells_are_read_one_by_one_as_all_together(case):
    cells, new, expected = NEW[case]
    learned = quoted(cells)
    alone = [convert(f'x,z\n1,"{cell}"\n', z=learned)["z"].iloc[0] for cell in new]
    rows = "".join(f'1,"{cell}"\n' for cell in new)
    together = convert(f"x,z\n{rows}", z=learned)["z"].tolist()
    for values in (alone, together):
        assert [value for value in values if value == value] == expected


def test_new_numbers_of_a_german_file_may_have_thousands():
    commas = [number.replace(".", ",") for number in X]
    source = load(text(";", x=commas, z=["1,5", "7,25"])).source
    rows = "x;z\n1,5;1.000\n2,5;2.000,5\n"
    new = own_table.read_rows(write(rows), source).x
    assert new["z"].tolist() == [1000, 2000.5]


def quoted(cells):
    return [f'"{cell}"' for cell in cells]


def convert(content, **learned):
    """New rows in the meaning that columns have in a table."""
    source = load(text(**learned)).source
    return own_table.read_rows(write(content), source).x


def write(content):
    with open("new.csv", "w") as file:
        file.write(content)
    return "new.csv"


def test_a_right_table_says_nothing(caplog):
    caplog.set_level(logging.DEBUG, "datasets")
    load(text(z=DAYS))
    assert not caplog.records


def test_a_row_of_units_is_no_row_to_predict(tmp_path, caplog):
    lines = text(speed=[f"{row * 37 % 101 / 7:.3f}" for row in range(ROWS)]).splitlines()
    path = tmp_path / "units.csv"
    path.write_text("\n".join([lines[0], "km/h,,m", *lines[1:]]))
    source = own_table.read(path, "y").source
    caplog.clear()
    new = own_table.read_rows(path, source)
    assert len(new.x) == ROWS
    assert "a row holds no data and is left out" in caplog.text


def test_an_encoding_that_was_asked_for_and_is_not_the_files_is_refused(tmp_path):
    path = tmp_path / "korean.csv"
    path.write_bytes(text(도시=KOREAN).encode("cp949"))
    with pytest.raises(InputError, match="is no utf-8; leave --encoding out, or give another"):
        own_table.read(path, "y", encoding="utf-8")


def test_a_target_without_a_table_is_refused():
    with pytest.raises(InputError, match="--target y: no table is given"):
        own_table.read(None, "y")
