"""Tables of users: a file is read or refused in one line, and its columns mean something."""

import gzip

import numpy as np
import pandas as pd
import pytest

from keras_recipes.data import columns, csv_reader
from keras_recipes.errors import InputError

KOREAN = "이름,도시,값\n" + "김철수,서울,1\n박영희,부산,2\n" * 20


def read(content, header=True, name="table.csv"):
    with open(name, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return csv_reader.read(name, header=header)


@pytest.mark.parametrize(
    ("content", "dialect", "names"),
    [
        ("a,b\n1,2\n", ("utf-8", ",", "."), ["a", "b"]),
        ("a;b\n1,5;x\n2,5;y\n", ("utf-8", ";", ","), ["a", "b"]),
        ("a\tb\n1\t2\n", ("utf-8", "\t", "."), ["a", "b"]),
        ("a|b\n1|2\n", ("utf-8", "|", "."), ["a", "b"]),
        ('a,b\n"1;2;3",4\n"5;6;7",8\n', ("utf-8", ",", "."), ["a", "b"]),
        ("a,b\n1,2\n".encode("utf-8-sig"), ("utf-8-sig", ",", "."), ["a", "b"]),
        ("a,b\n1,2\n".encode("utf-16"), ("utf-16", ",", "."), ["a", "b"]),
        (KOREAN.encode("cp949"), ("cp949", ",", "."), ["이름", "도시", "값"]),
        (KOREAN, ("utf-8", ",", "."), ["이름", "도시", "값"]),
        (
            "ä,Güte\n1,gemäß\n2,mäßig\n3,mäßig\n".encode("cp1252"),
            ("cp1252", ",", "."),
            ["ä", "Güte"],
        ),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), ("utf-8", ",", "."), ["a", "b"]),
        ("a\r\n1\r\n", ("utf-8", ",", "."), ["a"]),
        ("a, b\n1, 2\n\n3, 4\n", ("utf-8", ",", "."), ["a", "b"]),
        ("self,b\n007,1\n012,2\n", ("utf-8", ",", "."), ["self", "b"]),
        (",b\n0,1\n1,2\n", ("utf-8", ",", "."), ["unnamed_1", "b"]),
    ],
)
def test_how_a_file_is_written_is_found_out(content, dialect, names):
    frame, found = read(content)
    assert (found.encoding, found.delimiter, found.decimal) == dialect
    assert list(frame.columns) == names
    assert not frame.isna().any().any()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\n\n  \n", "the file is empty"),
        ("a,b\n", "a header and no rows"),
        (bytes(range(256)) * 4, "null bytes"),
        (b"PK\x03\x04...", "a workbook of Excel"),
        (b"PAR1...", "a Parquet file"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "cannot be read"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, expected 2"),
        ("a,b\n0,1,2\n1,3,4\n", "2 names above rows of 3 cells"),
        ("a,a,b\n1,2,3\n", "two columns are named 'a'"),
        ("1,2\n3,4\n", "put a line with the names above it"),
        ("sep=;\na;b\n1;2\n3;4;5\n", "line 4 has 3 cells"),
        ('a,b\n1,"x\n2,y\n', "a double quote opened in line 2 is never closed"),
    ],
)
def test_what_is_no_table_is_named_in_one_line(content, said):
    with pytest.raises(InputError, match=said) as caught:
        read(content)
    assert "\n" not in str(caught.value)
    assert "table.csv" in str(caught.value)


@pytest.mark.parametrize(("path", "said"), [("nowhere.csv", "no such file"), (".", "a folder")])
def test_a_path_that_is_no_file_is_named(path, said):
    with pytest.raises(InputError, match=said):
        csv_reader.read(path)


def test_without_header_columns_are_numbered():
    frame, _ = read("1,x\n2,y\n", header=False)
    assert list(frame.columns) == ["column_1", "column_2"]
    assert len(frame) == 2


def test_long_and_strange_cells_are_read_as_they_are():
    long = "x" * 200_000
    frame, _ = read(f'a,b\n{long},=SUM(A1)\n"two\nlines","say ""hi"""\n')
    assert frame["a"].tolist() == [long, "two\nlines"]
    assert frame["b"].tolist() == ["=SUM(A1)", 'say "hi"']


def many(values, num_rows=60):
    """A column of the values, repeated."""
    return pd.Series((list(values) * num_rows)[:num_rows], name="x")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (many([1.5, 2.5, np.nan]), "number"),
        (many(["$1,234.50", "$ 99", "-$3"]), "number"),
        (many(["$1,234.50", "€ 99", "12 %"]), "category"),
        (many([*map(str, range(30)), "n/a?"]), "number"),
        (many(["yes", "No"]), "boolean"),
        (many([True, False]), "boolean"),
        (many(["red", "green", None]), "category"),
        (many(["1", "2", "x"]), "category"),
        (many(["2020-01-31", "2021-02-28"]), "date"),
        (many(["31/01/2020", "28/02/2021"]), "date"),
        (many(["2020-01-31T10:00:00", "2021-02-28T11:30:00"]), "date"),
        (many(["always"]), "left out"),
        (many([None]), "left out"),
        (many(range(60)), "left out"),
        (many(f"customer {i}" for i in range(60)), "left out"),
        (many(f"the quick brown fox jumps over the lazy dog {i}" for i in range(60)), "left out"),
        (many(f"the quick brown fox jumps over the lazy dog {i}" for i in range(9)), "category"),
    ],
)
def test_a_column_gets_its_meaning_and_a_reason(values, kind):
    (column,) = columns.infer(values.to_frame())
    assert column.kind == kind
    assert column.reason


def test_a_meaning_can_be_asked_for():
    frame = pd.DataFrame(
        {"zip": [10, 20, 30] * 10, "text": ["1", "b", "3"] * 10, "age": [1, 2, 3] * 10}
    )
    found = columns.infer(frame, categorical=["zip"], numeric=["text"], drop=["age"])
    assert [column.kind for column in found] == ["category", "number", "left out"]
    assert found[1].num_missing == 10, "what is no number is missing"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"drop": ["wings"]}, "no column 'wings'"),
        ({"drop": ["a"], "numeric": ["a"]}, "is named as"),
    ],
)
def test_a_wrong_wish_is_refused(asked, said):
    with pytest.raises(InputError, match=said):
        columns.infer(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), **asked)


def test_converted_tables_hold_numbers_and_words_in_the_rows_of_the_file():
    frame, _ = read(
        "when,price,ok,word,big\n"
        + "31/01/2020,$5,yes,a ,1e40\n30/06/2021,n/a,no,,2\n01/12/2022,7,maybe,b,3\n" * 20
    )
    found = columns.infer(frame)
    table = columns.convert(frame.iloc[::-1], found)
    assert table.index.tolist() == list(range(59, -1, -1))
    first = table.loc[0]
    parts = [first[f"when_{part}"] for part in ("year", "month", "day", "day_of_week")]
    assert parts == [2020, 1, 31, 4]
    assert (first["price"], first["word"]) == (5, "a")
    assert np.isnan(first["big"]), "beyond what float32 can square"
    assert np.isnan(table.loc[1, "price"])
    assert table.loc[1, "word"] == ""


def test_a_number_that_is_a_category_is_written_alike_with_and_without_missing_values():
    whole = pd.DataFrame({"zip": [1, 2, 3]})
    holes = pd.DataFrame({"zip": [1, np.nan, 3]})
    found = columns.infer(whole, categorical=["zip"])
    assert columns.convert(holes, found)["zip"].tolist() == ["1", "", "3"]


def test_new_rows_need_every_column_and_may_have_more():
    found = columns.infer(pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": ["x", "x"]}))
    assert list(columns.convert(pd.DataFrame({"z": [0], "b": [1], "a": [2]}), found)) == ["a", "b"]
    with pytest.raises(InputError, match="missing columns: a, b"):
        columns.convert(pd.DataFrame({"z": [0]}), found)


@pytest.mark.parametrize(("learned", "month"), [("31/12/2020", 2), ("12/31/2020", 1)])
def test_new_dates_are_read_as_those_that_were_learned_from(learned, month):
    found = columns.infer(pd.DataFrame({"when": [learned, "01/02/2020"] * 10}))
    new = columns.convert(pd.DataFrame({"when": ["01/02/2020", None]}), found)
    assert new["when_month"].tolist()[0] == month
    assert new["when_month"].isna().tolist() == [False, True]
