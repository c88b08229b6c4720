"""What is no regular file, too large, or of an odd name: one line, read and written nowhere."""

import gzip
import os
import pathlib
import signal
import subprocess

import numpy as np
import pandas as pd
import pytest

import tuning
from keras_recipes import configs, reading
from keras_recipes.console import command_line, files, terminal
from keras_recipes.data import csv_reader, new_inputs, own_table
from keras_recipes.errors import InputError
from keras_recipes.features import own_tables
from keras_recipes.runs import listing, predict as predictions
from recipes import iris, tabular
from tuning.oracles import spaces
from tuning.trials import warm_start

ROWS = "a,y\n" + "\n".join(f"{n % 7},{'no' if n % 2 else 'yes'}" for n in range(40)) + "\n"
IMAGES = new_inputs.Inputs((2, 2), (), 0.0, 1.0)
PATHS = {
    "pipe": "a named pipe, expected a regular file",
    "/dev/zero": "a device, expected a regular file",
    "circle": "links that lead in a circle",
    "circle/x": "links that lead in a circle",
    "dangling": "no such file",
    "folder": "a folder; give",
    "folder.csv": "a folder; give",
    "file/x": "Not a directory",
    "x" * 300: "File name too long",
    "null\0byte": "no path can hold such characters",
    "two\nlines": r"two\\nlines: no such file",
    "~no-such-user/x": "no such user's home",
}


@pytest.fixture(autouse=True)
def _odd_files():
    """Odd files in the current folder; what reads one without end is interrupted."""
    os.mkfifo("pipe")
    pathlib.Path("circle").symlink_to("circle")
    pathlib.Path("dangling").symlink_to("nowhere")
    pathlib.Path("folder").mkdir()
    pathlib.Path("folder.csv").mkdir()
    pathlib.Path("file").write_text("text")
    signal.alarm(60)
    yield
    signal.alarm(0)


def start_from(path):
    return warm_start.find(reading.expanded(path), iris, spaces.explore(iris.search_space))


def one_line(call, *arguments, said):
    with pytest.raises(InputError, match=said) as error:
        call(*arguments)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_what_is_no_file_is_named_wherever_it_is_read(path):
    one_line(own_table.read, path, "y", said=PATHS[path])
    one_line(csv_reader.read, path, said=PATHS[path])
    one_line(reading.read_json, path, "fix", said=PATHS[path])
    one_line(reading.sha256, path, said=PATHS[path])
    is_folder = path.startswith("folder")
    one_line(start_from, path, said="expected a run folder" if is_folder else PATHS[path])
    for read in (predictions.open_run, tuning.load_results):
        with pytest.raises(InputError) as error:
            read(path)
        assert len(str(error.value).splitlines()) == 1
    if PATHS[path].startswith(("links", "File", "no path", "no such user")):
        one_line(listing.list_runs, path, said=PATHS[path])


@pytest.mark.parametrize("path", [path for path in PATHS if path not in ("pipe", "/dev/zero")])
def test_what_cannot_be_written_is_refused_beforehand(path):
    if path in ("dangling", "two\nlines"):  # these can
        files.check_new_file("-o", pathlib.Path(path))
        return
    with pytest.raises(InputError) as error:
        files.check_new_file("-o", reading.expanded(path))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["trials.csv", "search.json"])
def test_a_pipe_in_the_place_of_a_file_of_ours_is_not_written_to(name):
    os.rename("pipe", name)
    with pytest.raises(OSError, match="something that is no file is there"):
        files.write_text(pathlib.Path(name), "text")


def test_a_pipe_of_the_shell_is_read_to_its_end():
    source, target = os.pipe()
    os.write(target, ROWS.encode())
    os.close(target)
    assert len(csv_reader.read(f"/dev/fd/{source}")[0]) == 40
    os.close(source)


def test_home_is_read_in_a_path_from_python(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "table.csv").write_text(ROWS)
    assert own_table.read("~/table.csv", "y").source.name == "table.csv"
    assert tabular.Config(csv=pathlib.Path("~/table.csv")).told()["csv"] == tmp_path / "table.csv"
    assert listing.list_runs("~").empty


def test_larger_files_than_memory_are_not_read(monkeypatch):
    with open("huge.csv", "wb") as file:  # which takes no room
        file.truncate(reading.memory_limit() + 1)
    one_line(csv_reader.read, "huge.csv", said=r"huge.csv: received more than [\d,]+ bytes")
    monkeypatch.setattr(reading, "memory_limit", lambda: 1 << 20)
    pathlib.Path("bomb.csv.gz").write_bytes(gzip.compress(bytes(1 << 21)))
    one_line(csv_reader.read, "bomb.csv.gz", said="unpacked, received more than 1,048,576 bytes")
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as endless:
        path = f"/dev/fd/{endless.stdout.fileno()}"
        one_line(csv_reader.read, path, said="received more than 1,048,576 bytes")
        endless.kill()


def test_an_array_that_claims_to_be_huge_is_named():
    np.save("x.npy", np.zeros((1, 2, 2)))
    content = pathlib.Path("x.npy").read_bytes()
    pathlib.Path("x.npy").write_bytes(content.replace(b"(1, 2, 2), }", b"(10**9,2,2)}")[:200])
    one_line(new_inputs.read, pathlib.Path("x.npy"), IMAGES, said="cannot be read as a .npy array")
    huge = content.replace(b"'shape': (1, 2, 2), }        ", b"'shape': (99999999999, 2, 2),}")
    pathlib.Path("x.npy").write_bytes(huge)
    one_line(new_inputs.read, pathlib.Path("x.npy"), IMAGES, said="cannot be read as a .npy array")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe", "byte 0 is no UTF-8"),
        (b'{"a": 1', "delimiter: line 1"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number of 5,000 digits"),
        (b'{"a": 1e999}', "1e999 is no finite number"),
        (b'{"a": NaN}', "NaN is no finite number"),
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b"null", "expected an object, received null"),
        (b"3", "expected an object, received 3"),
    ],
)
def test_other_json_is_named(content, said):
    pathlib.Path("x.json").write_bytes(content)
    one_line(reading.read_json, "x.json", "put it back", said=f"x.json is damaged .*{said}.*put it")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--epochs", "9" * 5000],
            r"--epochs: received '9+… \(5,002 characters\), expected a whole",
        ),
        (["--learning-rate", "9" * 5000], "--learning-rate: received inf, expected above 0"),
        (
            ["--out", "circle"],
            "--out: circle: links that lead in a circle; give another path; --help",
        ),
    ],
)
def test_odd_values_of_flags_are_one_line(words, said):
    kinds = {"recipe": iris.Config, "run": configs.RunOptions}
    one_line(lambda: command_line.parse("p", "", words, **kinds), said=said)


@pytest.mark.parametrize(
    "value",
    [10**5000, -(10**5000), float("nan"), "9" * 9999],
    ids=["large", "negative", "nan", "text"],
)
def test_odd_values_from_python_are_one_line(value):
    one_line(lambda: iris.Config(epochs=value), said="epochs: received .*, expected")


def test_a_header_of_5000_digits_is_one_line():
    pathlib.Path("x.csv").write_text(f"{'9' * 5000},{'8' * 5000}\n1,2\n3,4\n")
    one_line(csv_reader.read, "x.csv", said="the first row holds numbers, not names .'9999")


def test_a_rights_fault_is_one_line(monkeypatch):
    """A folder that may not be looked into; the superuser may, so the system's answer is given."""

    def stat(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "stat", stat)
    for read in (predictions.open_run, tuning.load_results, listing.list_runs, csv_reader.read):
        one_line(read, "file", said="Permission denied.; check the path and its rights")


def test_a_name_in_brackets_is_printed_as_it_is(capsys):
    path = pathlib.Path("[bold].csv")
    path.write_text(ROWS)
    shown, *_ = own_tables.OwnTables(own_table.read(path, "y").source).describe()
    terminal.print_table(shown)
    assert "[bold].csv: 1 " in capsys.readouterr().out
    assert pd.read_csv(path).shape == (40, 2)
