"""Tables that are none, or hardly: the recipe trains on each, or says in one line what is wrong."""

import csv
import gzip
import io
import json
import pathlib
import pickle
import random
import zipfile

import pandas as pd
import pytest

from keras_recipes.configs import RunOptions
from keras_recipes.data import own_table
from keras_recipes.errors import InputError, RunError
from keras_recipes.runs import importance, run as runs
from recipes import tabular

ROWS = 60
rng = random.Random(0)
X = [f"{rng.gauss(0, 1):.3f}" for _ in range(ROWS)]
Z = [rng.choice(["red", "green", "blue"]) for _ in range(ROWS)]
Y = ["yes" if float(x) > 0 else "no" for x in X]


def text(delimiter=",", end="\n", **named):
    """A table of the columns x, z and y, and others by their names; those that are None are not."""
    named = {"x": X, "z": Z, "y": Y, **named}
    named = {name: (list(cells) * ROWS)[:ROWS] for name, cells in named.items() if cells}
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerows([list(named), *zip(*named.values(), strict=True)])
    return out.getvalue()


def replaced(old, new, content=None):
    return (content or text()).replace(old, new)


def lines(change):
    """The table with each line changed: `change` takes its number and the line."""
    return "".join(f"{change(n, line)}\n" for n, line in enumerate(text().splitlines()))


def zipped():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("table.csv", text())
    return packed.getvalue()


GOOD = text().encode()
FRAME = pd.read_csv(io.BytesIO(GOOD))
WIDE = {f"c{n}": ["1", "2", str(n)] for n in range(1000)}

# What the message says; None where the table is learned from.
TABLES = {
    "ragged rows": (lines(lambda n, line: line + ",1" * (n % 3)), "3 names above rows of 4 cells"),
    "short rows": (lines(lambda n, line: line.rpartition(",")[0] if n % 2 else line), None),
    "quote never closed": (replaced("red", '"red', text()), "never closed"),
    "null bytes": (GOOD.replace(b"red", b"r\0d"), "null bytes"),
    "marks of byte order": ("\ufeff\ufeff" + text(), None),
    "UTF-16 without a mark": (text().encode("utf-16-le"), None),
    "encodings mixed": (GOOD.replace(b"red", b"r\xe9d", 9).replace(b"blue", "blü".encode()), None),
    "names twice": (text().replace("x,z,y", "x,x,y"), "two columns are named 'x'"),
    "no names": (text().replace("x,z,y", ",,y"), None),
    "all names empty": (text().replace("x,z,y", ",,"), "the first row holds numbers"),
    "one column": ("y\n" + "\n".join(Y), "one column only"),
    "one row": ("x,z,y\n1,red,yes\n", "1 row, expected at least 20"),
    "header only": ("x,z,y\n", "a header and no rows"),
    "empty": (b"", "the file is empty"),
    "blank": (b" \n\t\n\r\n", "the file is empty"),
    "all missing": ("x,z,y\n" + ",,\n" * ROWS, "no value in any row"),
    "target missing": (text(y=[""]), "no value in any row"),
    "features missing": (text(x=[""], z=["NA"]), "no column to predict"),
    "one class": (text(y=["yes"]), "is 'yes' in every row"),
    "constant columns": (text(x=["1"], z=["red"]), "no column to predict"),
    "infinite numbers": (text(x=["inf", "-inf", "1", "2", "3.5"]), None),
    "infinite target": (text(y=["inf", "-inf"]), "no value in any row"),
    "1e400": (text(x=["1e400", "1", "2", "-1e400", "0.5"]), None),
    "target of 1e400": (text(y=["1e400"]), "no value in any row"),
    "whole numbers of 400 digits": (text(w=["9" * 400, "1", "2"]), None),
    "a number of 5,000 digits": (text(w=["9" * 5000, "1", "2"]), None),
    "a name of 5,000 digits": (text(**{"9" * 5000: X}), "numbers, not names"),
    "target of 5,000 digits": (text(y=["9" * 5000, "1" * 5000]), None),
    "a cell of a million characters": (text(w=["a" * 1_000_000, "b"]), None),
    "names of Python": (text(**{"class": Z, "None": X, "__init__": X, "self": Z}), None),
    "names of ours": (text(numeric=X, categorical=Z, input=X, prediction=Z), None),
    "ends of lines mixed": (lines(lambda n, line: line + "\r" * (n % 2)), None),
    "old ends of lines": (text(end="\r"), None),
    "delimiters mixed": (
        lines(lambda n, line: line.replace(",", ";,\t"[n % 3])),
        "1 names above rows",
    ),
    "digits of other scripts": (text(x=["١٢", "٣٤", "१२", "５"]), None),
    "names of pictures": (text(**{"🌡️": X, "🇰🇷": Z, "\u202ez": X}), None),
    "cells of controls": (text(w=["\x1b[31mred", "\x07", "\x0b"]), None),
    "lines in cells": (text(w=["a\nb", "c\r\nd", "e"]), None),
    "quotes in cells": (text(w=['say "a"', "'b'", '""']), None),
    "formulas": (text(w=['=HYPERLINK("x")', "@SUM(A1)", "+1+1"]), None),
    "markup": (text(**{"[bold]": X, "[/red]": Z, "{x}": X, "%s": Z}), None),
    "1,000 columns": (text(**WIDE), None),
    "JSON": (json.dumps(FRAME.to_dict("records")), "JSON"),
    "a web page": ("<html><table><tr><td>x</td></tr></table></html>", "a web page"),
    "a zip file": (zipped(), None),
    "Parquet": (b"PAR1" + bytes(50) + b"PAR1", "a Parquet file"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\n", "a PDF"),
    "a pickle": (pickle.dumps(FRAME), "a pickle, which may run programs"),
    "random bytes": (random.Random(1).randbytes(5000), "null bytes"),
    "packed twice": (gzip.compress(gzip.compress(GOOD)), None),
    "half a package": (gzip.compress(GOOD)[:-20], "cannot be read"),
    "one long line": ("x,z,y," * 50_000, "two columns are named"),
    "delimiters alone": (",,,\n" * ROWS, "delimiters or comments and no cells"),
    "comments": (lines(lambda n, line: f"# {line}"), "delimiters or comments and no cells"),
}
SLOW = {name for name, (_, said) in TABLES.items() if said is None}


def written(name):
    content, said = TABLES[name]
    path = pathlib.Path("table.csv")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path, said


def check_refused(call, said):
    with pytest.raises((InputError, RunError), match=said) as error:
        call()
    message = str(error.value)
    assert len(message.splitlines()) == 1, message
    assert len(message) < 1000, message
    assert message.startswith("table.csv") or "/table.csv: " in message


@pytest.mark.parametrize("name", [name for name in TABLES if name not in SLOW])
def test_what_is_no_table_is_refused_in_one_line(name):
    path, said = written(name)
    check_refused(lambda: own_table.read(path, "y").split(0), said)


# Every fourth table is trained on in the second tier, the others where slow tests are asked for.
IN_TIERS = [
    pytest.param(
        name,
        marks=pytest.mark.slow if place % 4 or name == "1,000 columns" else pytest.mark.second_tier,
    )
    for place, name in enumerate(TABLES)
]


@pytest.mark.parametrize("name", IN_TIERS)
@pytest.mark.filterwarnings("default")
def test_every_table_trains_or_is_refused(name, monkeypatch):
    path, said = written(name)
    if name != "markup":  # whose names are drawn and printed
        monkeypatch.setattr(runs.plots, "draw_curves", lambda *_: None)
        monkeypatch.setattr(runs, "_draw_predictions", lambda *_: None)
    monkeypatch.setattr(importance, "MAX_COLUMNS", 20)
    quick = {"epochs": 1, "refit": False, "ensemble_size": 2, "hidden_units": (4,)}
    config = tabular.Config(csv=path, target="y", **quick)

    def train():
        return runs.run(tabular, config, RunOptions(out=pathlib.Path("run")))

    if said is None:
        assert train().metrics["epochs_run"] == 1
    else:
        check_refused(train, said)
        assert not pathlib.Path("run").exists()
