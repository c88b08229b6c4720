"""Programs as a user starts them: flags, errors as one line, exit codes, start-up time."""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest
from rich.table import Table

from keras_recipes import catalog, configs
from keras_recipes.commands import predict
from keras_recipes.console import command_line, startup, terminal
from keras_recipes.errors import InputError
from recipes import fmnist, tabular

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(*arguments, program=(), **variables):
    settings = {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **variables}
    return subprocess.run(
        [sys.executable, *(program or ("-m",)), *arguments],
        env={**os.environ, **settings},
        encoding="utf-8",
        errors="replace",
        capture_output=True,
        timeout=120,
    )


@pytest.mark.second_tier
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("recipes.fmnist", "--epoch", "3"), "did you mean --epochs?"),
        (("recipes.fmnist", "--epochs", "-3"), "--epochs: received -3, expected at least 1"),
        (("recipes.fmnist", "--data", "real", "--data-dir", "nowhere"), "nowhere"),
        (("recipes", "fly"), "unknown command 'fly', expected one of"),
        (("recipes", "fmnist"), "python -m recipes.fmnist runs it"),
        (("recipes", "fmnst"), "did you mean python -m recipes.fmnist? Expected one of run, runs"),
        (
            ("recipes", "predct"),
            "did you mean python -m recipes predict? Expected one of run, runs",
        ),
        (("recipes.fmnst",), "there is no recipes.fmnst; did you mean recipes.fmnist?"),
        (("recipes.fly",), "there is no recipes.fly; `python -m recipes` lists them"),
        (("recipes.lessons.xr",), "did you mean recipes.lessons.xor?"),
        (("recipes.lessons", "xor"), "python -m recipes.lessons.xor, with a dot, runs this lesson"),
        (("recipes.lessons", "perzeptron"), "`python -m recipes.lessons.perceptron` runs one"),
        (("recipes", "predict", "nowhere", "x.csv"), "nowhere: not a run folder"),
        (("recipes", "predict"), "missing: RUN_DIR (Folder of a run), INPUT (A table"),
        (("benchmarks.recipes", "nothing"), "unknown recipe nothing"),
        (("benchmarks.recipes", "iris", "--seeds", "0"), "--seeds: received 0"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, part):
    done = run(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert part in line
    assert not pathlib.Path("runs").exists() or not any(pathlib.Path("runs").iterdir())


class Screen(io.TextIOWrapper):
    """A terminal, for which libraries draw boxes and colours."""

    def isatty(self):
        return True


@pytest.fixture(params=["pipe", "terminal", "ASCII terminal", "narrow terminal"])
def output(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40" if "narrow" in request.param else "100")
    monkeypatch.setenv("TERM", "xterm")
    kind = Screen if "terminal" in request.param else io.TextIOWrapper
    return kind(io.BytesIO(), "ascii" if "ASCII" in request.param else "utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--wings 3", "--wings: no such flag; --help lists the flags"),
        ("--epoch 3", "--epoch: no such flag; did you mean --epochs?"),
        ("--epochs 0", "--epochs: received 0, expected at least 1 and at most 1,000,000,000; "),
        ("--batch-size 1000000000000", "--batch-size: received 1000000000000, expected at least"),
        ("--epochs many", "--epochs: received 'many', expected a whole number; "),
        ("--epochs", "--epochs: received none, expected one argument; "),
        ("--dropout 1", "--dropout: received 1.0, expected at least 0 and below 1; "),
        ("--dropout x", "--dropout: received 'x', expected a number; "),
        ("--learning-rate nan", "--learning-rate: received nan, expected above 0 and finite; "),
        ("--seed 4294967296", "--seed: received 4294967296, expected at least 0 and at most 4,29"),
        ("--optimizer magic", "--optimizer: received 'magic', expected one of sgd, momentum"),
        ("--hidden-units 64 0", "--hidden-units: received 0, expected at least 1"),
        ("--hidden-units x", "--hidden-units: received 'x', expected a whole number; "),
    ],
)
def test_wrong_flag_is_named_the_same_on_any_output(output, arguments, message):
    with pytest.raises(InputError) as error, contextlib.redirect_stdout(output):
        command_line.parse("p", "title", arguments.split(), recipe=fmnist.Config)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_renamed_flag_says_its_new_name():
    with pytest.raises(InputError, match=r"^--members: is called --ensemble-size now$"):
        command_line.parse("p", "title", ["--members", "4"], recipe=tabular.Config)


def test_values_without_a_flag_and_flags_come_in_any_order():
    (given,) = command_line.parse("p", "", ["run", "-o", "x.csv", "new.csv"], a=predict.Predict)
    assert list(map(str, (given.run_dir, given.input, given.out))) == ["run", "new.csv", "x.csv"]


def test_home_is_read_in_a_path(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (options,) = command_line.parse("p", "", ["--out=~/x"], run=configs.RunOptions)
    assert options.out == tmp_path / "x"
    with pytest.raises(InputError, match="no such user"):
        command_line.parse("p", "", ["--out=~no-such-user/x"], run=configs.RunOptions)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_output_of_few_characters_gets_the_others_spelled(encoding):
    done = run("recipes.lessons", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "+-" in done.stdout if encoding == "ascii" else "----" in done.stdout


@pytest.mark.second_tier
@pytest.mark.parametrize("module", ["recipes", "recipes.iris"])
def test_reader_that_has_gone_ends_the_program_without_a_word(module):
    reading, writing = os.pipe()
    os.close(reading)
    program = subprocess.Popen(
        [sys.executable, "-m", module, "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert program.communicate(timeout=60)[1] == b""
    assert program.returncode == 141


def test_a_table_for_a_reader_that_has_gone_leaves_the_end_to_the_program():
    class Gone(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        terminal.Console(file=Gone()).print("a line")


@pytest.mark.second_tier
def test_output_to_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "recipes", "--help"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == b"error: [Errno 28] No space left on device\n"


def test_numbers_of_a_table_are_never_cut(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    table = Table("metric")
    for model in ("logistic regression", "majority class"):
        table.add_column(model, justify="right")
    table.add_row("accuracy", "1234567.8901", "0.1234")
    terminal.print_table(table)
    said = capsys.readouterr().out
    assert "1234567.8901" in said
    assert "0.1234" in said


BLOCKED = "import os, sys; sys.modules.update(dict.fromkeys(os.environ['BLOCKED'].split()))"


@pytest.mark.parametrize("module", ["recipes", "recipes.iris", "recipes.lessons"])
def test_missing_packages_are_one_line(tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(BLOCKED)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run(module, PYTHONPATH=path, BLOCKED="rich tensorflow")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: missing packages: tensorflow, rich; ")
    assert line.endswith("pip install -r requirements.txt")


@pytest.mark.second_tier
def test_other_backend_is_said_to_be_passed_over():
    done = run("recipes", "predict", "nowhere", "new.csv", KERAS_BACKEND="jax")
    assert done.stderr.startswith("WARNING: KERAS_BACKEND=jax is passed over for tensorflow\n")


@pytest.mark.second_tier
@pytest.mark.parametrize("module", ["recipes", "recipes.iris", "recipes.lessons", "tuning"])
def test_help_does_without_docstrings(module):
    done = run("-m", module, "--help", program=("-OO",))
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_tensorflow_loads_shows_none_of_its_notes(capfd):
    def fail(error):
        with startup.quiet_stderr():
            os.write(2, b"noise")
            raise error

    for error, said in ((KeyboardInterrupt, ""), (ImportError, "noise")):
        with pytest.raises(error):
            fail(error)
        assert capfd.readouterr().err == said


def wrap(number):
    """Python 3.11 makes a RuntimeError of whatever comes out of `__set_name__`."""

    class Field:
        def __set_name__(self, owner, name):
            os.kill(os.getpid(), number)

    type("Loading", (), {"field": Field()})


def swallow(number):
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    raise ImportError("To use Keras, you need to have `optree` installed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("disguise", [wrap, swallow])
def test_ctrl_c_within_an_import_is_no_error(capsys, disguise, number):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit, match="130"), command_line.errors_as_lines():
        disguise(number)
    assert capsys.readouterr().err == "stopped by Ctrl-C; nothing was saved\n"
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ImportError("a bug")])
def test_without_ctrl_c_a_bug_keeps_its_traceback(error):
    with pytest.raises(type(error), match="a bug"), command_line.errors_as_lines():
        raise error


def test_ctrl_c_that_is_passed_over_in_the_background_stays_so(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with command_line.errors_as_lines():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_before_a_program_has_begun_is_one_line(tmp_path):
    # A recipe's first import after that of its package.
    interrupted = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "datasets.py").write_text(interrupted)
    done = run("recipes.iris", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert done.stderr == "stopped by Ctrl-C; nothing had begun\n"
    assert done.returncode == -signal.SIGINT


@pytest.mark.parametrize("source", [b"def load(", "\xe9 = 1".encode("latin-1"), b"\0"])
def test_recipe_that_cannot_be_read_leaves_the_list_whole(monkeypatch, tmp_path, capsys, source):
    (tmp_path / "broken.py").write_bytes(source)
    (tmp_path / "whole.py").write_text('"""Whole: a recipe.\n\nProblem: none.\n"""\n')
    monkeypatch.setattr(catalog, "folder", lambda: tmp_path)
    catalog.print_catalog()
    said = capsys.readouterr().out
    assert "whole" in said
    assert "cannot be read" in " ".join(said.split())


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "arguments",
    [
        ("recipes",),
        ("recipes", "--help"),
        ("recipes", "predict", "--help"),
        ("recipes.fmnist", "--help"),
        ("recipes.fmnist", "--epochs", "-3"),
        ("recipes.tabular", "--help"),
        ("recipes.text", "--help"),
        ("recipes.imdb", "--help"),
        ("recipes.lessons.xor", "--help"),
        ("tuning", "--help"),
    ],
)
def test_answers_without_loading_tensorflow(arguments):
    done = run(*arguments, program=("-X", "importtime", "-m"))
    assert "| recipes" in done.stderr or "| tuning" in done.stderr
    assert "| tensorflow\n" not in done.stderr.replace(" ", "").replace("|", "| ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--help",), 0, "XOR: two layers can compute it"),
        (("--sed", "3"), 2, "error: --sed: no such flag; did you mean --seed?"),
        (("--seed", "-3"), 2, "error: --seed: received -3"),
    ],
)
def test_a_lesson_answers_before_its_own_imports(arguments, code, said):
    done = run("recipes.lessons.xor", *arguments, program=("-X", "importtime", "-m"))
    assert done.returncode == code
    assert said in (done.stderr if code else done.stdout)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "recipes.lessons._options" in loaded
    assert not loaded & {"pandas", "sklearn", "matplotlib", "tensorflow"}


def test_list_names_every_recipe():
    done = run("recipes")
    assert done.returncode == 0
    assert done.stderr == ""
    for name in catalog.recipe_names():
        assert f"\n{name} " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert len(done.stdout.splitlines()) <= len(catalog.recipe_names()) + 9


@pytest.mark.parametrize("program", ["recipes", "recipes.iris", "recipes.lessons", "tuning"])
def test_version_names_the_library_and_what_it_runs_on(program):
    done = run(program, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("keras_recipes 0.2.0")
    assert "keras-tuner 1.4" in done.stdout


@pytest.mark.parametrize("program", ["recipes", "recipes.lessons", "tuning", "benchmarks"])
def test_each_front_door_lists_the_others(program):
    said = run(program, *(["--help"] if program == "tuning" else [])).stdout
    for other in {"recipes", "recipes.lessons", "tuning", "benchmarks"} - {program}:
        assert f"python -m {other} " in said


def test_help_tells_each_setting_with_its_default():
    said = run("recipes.fmnist", "--help").stdout
    for flag in ("--epochs", "--batch-size", "--hidden-units", "--data-dir", "--seed", "--out"):
        assert flag in said
    assert "default: 512 256" in said


def test_a_switch_has_a_flag_for_either_side_where_it_may_be_on(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        command_line.parse("", None, ["-h"], recipe=tabular.Config, run=configs.RunOptions)
    said = " ".join(capsys.readouterr().out.split())
    for name, default in (("refit", "refit"), ("header", "header"), ("baselines", "baselines")):
        assert f"--{name}, --no-{name} " in said
        assert f"(default: --{default})" in said
    assert "(default: --no-class-weights)" in said
    assert "--no-quiet" not in said
    assert "True" not in said

    def parse(*arguments):
        (config,) = command_line.parse("", None, list(arguments), recipe=tabular.Config)
        return config

    assert parse().refit
    assert not parse("--no-refit").refit
    assert parse("--no-refit", "--refit").refit
    assert not parse("--class-weights", "--no-class-weights").class_weights


def test_found_settings_stand_below_the_flags_and_old_names_are_understood(tmp_path):
    found = tabular.Config(
        csv=pathlib.Path("a b.csv"), drop=("x", "y z"), refit=False, class_weights=True, epochs=7
    )
    settings = json.loads(json.dumps(dataclasses.asdict(found), default=str))
    settings["members"] = settings.pop("ensemble_size")
    (tmp_path / "best").mkdir()
    (tmp_path / "best/config.json").write_text(json.dumps(settings))
    for path in (tmp_path, tmp_path / "best", tmp_path / "best/config.json"):
        arguments = command_line.found_settings(path, tabular.Config, "--config")
        assert command_line.parse("", None, arguments, recipe=tabular.Config) == (found,)
        (changed,) = command_line.parse(
            "", None, [*arguments, "--epochs", "9", "--refit"], recipe=tabular.Config
        )
        assert changed == dataclasses.replace(found, epochs=9, refit=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is damaged"),
        ("[1]", "expected an object, received a list"),
        ('{"wings": 2}', "this recipe has no wings; nothing is trained; give the settings of"),
        ('{"epochs": "many"}', "--epochs: received 'many', expected a whole number"),
        ('{"epochs": true}', "--epochs: received none, expected one argument"),
        ('{"epochs": 0}', "--epochs: received 0, expected at least 1"),
        ('{"refit": "yes"}', "yes: no such argument"),
        (None, "expected a run folder, a search that has ended, or a config.json"),
    ],
)
def test_settings_that_cannot_be_are_one_line(tmp_path, content, message):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=f"^--config {re.escape(str(path))}") as caught:
        command_line.found_settings(path, fmnist.Config, "--config")
    assert message in str(caught.value)


def test_settings_of_another_recipes_run_name_that_recipe(tmp_path):
    settings = {"epochs": 3, "csv": "a.csv", "target": "y", "drop": [], "time": None}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "metrics.json").write_text('{"recipe": "tabular"}')
    said = "received the settings of tabular, and this recipe has no csv, target, drop, …; nothing"
    for path in (tmp_path, tmp_path / "config.json"):
        with pytest.raises(InputError, match=said):
            command_line.found_settings(path, fmnist.Config, "--config")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs: received 0, expected at least 1"),
        ({"epochs": True}, "epochs: received True, expected a whole number"),
        ({"batch_size": 2.5}, "batch_size: received 2.5, expected a whole number"),
        ({"learning_rate": 0.0}, "learning_rate: received 0.0, expected above 0"),
        ({"learning_rate": float("inf")}, "learning_rate: received inf"),
        ({"seed": -1}, "seed: received -1, expected at least 0 and at most"),
        ({"optimizer": "magic"}, "optimizer: received 'magic', expected one of sgd"),
    ],
)
def test_config_refuses_what_cannot_work(changes, message):
    with pytest.raises(InputError, match=message):
        configs.Config(**changes)


def test_config_takes_the_ends_of_its_ranges():
    made = configs.Config(epochs=1, seed=0, learning_rate=1, batch_size=1)
    assert made.learning_rate == 1


@pytest.mark.second_tier
@pytest.mark.parametrize(
    ("flag", "value", "part"),
    [("--optimizer", "x" * 120, "x" * 120), ("--seed", "-1", "at most 4,294,967,295")],
)
def test_a_narrow_terminal_breaks_no_word_of_a_message(flag, value, part):
    done = run("recipes.iris", flag, value, COLUMNS="40")
    assert done.returncode == 2
    assert part in done.stderr
