"""A table of one's own, from the file to predictions: what is learned is what is served."""

import dataclasses
import functools
import json
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import keras_recipes
from keras_recipes import checks, configs, training
from keras_recipes.commands import main as program
from keras_recipes.data import own_table
from keras_recipes.data.synthetic import rents, sentences
from keras_recipes.errors import InputError, RunError
from keras_recipes.features import arrays, baselines as of_kinds, own_tables, parts, tables
from keras_recipes.runs import baselines, importance, predict as predictions, run as runs
from keras_recipes.runs.exports import export
from recipes import california_housing, iris, tabular

QUICK = {"hidden_units": (8,), "num_bins": 4, "ensemble_size": 2}
QUICK |= {"epochs": 20, "learning_rate": 0.01, "batch_size": 64, "refit": False}
KINDS = {"regression": "rent", "multiclass": "size", "binary": "furnished"}

CHECK = checks.PreFlight(tabular.IGNORED_CHECKS, with_test=True)


def flats(kind, num_rows=300):
    """Drawn flats with one of their targets."""
    others = [name for name in rents.TARGETS.values() if name != KINDS[kind]]
    return rents.draw(num_rows).drop(columns=others)


def configured(csv, target, **changes):
    return tabular.Config(csv=pathlib.Path(csv), target=target, **{**QUICK, **changes})


def start(folder, csv, target, **changes):
    config = configured(csv, target, **changes)
    options = configs.RunOptions(out=folder, quiet=True)
    return runs.run(tabular, config, options, CHECK).metrics


@pytest.fixture(scope="module")
def csv_of(tmp_path_factory):
    """A file of flats for each kind of problem."""
    root = tmp_path_factory.mktemp("tables")
    for kind in KINDS:
        flats(kind).to_csv(root / f"{kind}.csv", index=False)
    return lambda kind: root / f"{kind}.csv"


@pytest.fixture(scope="module")
def finished(csv_of):
    """Make the short run of a kind of problem, once, when its folder is asked for."""

    @functools.cache
    def folder(kind):
        target = csv_of(kind).with_suffix("")
        start(target, csv_of(kind), KINDS[kind], refit=kind == "regression")
        return target

    return folder


def predict(finished, kind, frame):
    frame.to_csv("new.csv", index=False)
    return predictions.predict(finished(kind), pathlib.Path("new.csv"))


def numbers_of(table):
    return table.select_dtypes("number").drop(columns="input").to_numpy()


@pytest.mark.second_tier
@pytest.mark.parametrize("kind", KINDS)
def test_the_problem_and_the_names_of_the_classes_come_from_the_target(finished, kind):
    metrics = json.loads((finished(kind) / "metrics.json").read_text())
    assert metrics["problem"] == kind
    assert len(metrics["baselines"]) == 3
    said = predict(finished, kind, flats(kind))
    if kind != "regression":
        assert set(said["prediction"]) <= set(flats(kind)[KINDS[kind]])


@pytest.mark.second_tier
def test_scores_of_an_epoch_are_those_of_the_model_that_is_saved(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)).round(3)
    table = pd.DataFrame(x, columns=list("abc")).assign(
        y=np.where(x[:, 0] > x[:, 1] ** 2, "u", "v")
    )
    settings = {"epochs": 4, "refit": False, "ensemble_size": 4, "hidden_units": (8,)}
    run = keras_recipes.train(
        tabular, csv=table, target="y", **settings, baselines=False, verbose=False
    )
    kept = run.history.loc[run.metrics["best_epoch"]]
    validation = tabular.load_data(tabular.Config(csv=table, target="y", **settings)).validation
    predicted = keras_recipes.predict(run, validation.x)["prediction"] == "v"
    assert kept["val_accuracy"] == pytest.approx((predicted == validation.y).mean())


@pytest.mark.second_tier
def test_the_run_says_which_columns_count(finished):
    metrics = json.loads((finished("regression") / "metrics.json").read_text())
    lost = metrics["importance"]
    assert set(lost) == {"area", "rooms", "floor", "district", "balcony", "listed"}
    assert next(iter(lost)) == "area", "which the rent was drawn by"
    assert lost["area"]["mean"] > 10 * abs(lost["floor"]["mean"]), "which it was not drawn by"
    assert importance.is_clear(lost["area"])
    assert not importance.is_clear(lost["floor"])
    for name in ("importance.png", "predicted_against_true.png"):
        assert (finished("regression") / name).is_file()


@pytest.mark.second_tier
def test_the_threshold_is_advised_by_validation_rows_and_kept(
    finished, csv_of, tmp_path, monkeypatch
):
    metrics = json.loads((finished("binary") / "metrics.json").read_text())
    assert metrics["threshold"]["used"] == 0.5
    assert metrics["threshold"]["test"]["accuracy"] == pytest.approx(
        metrics["test"]["accuracy"], abs=1e-5
    )
    assert 0 < metrics["threshold"]["best_f1_on_validation"] < 1
    assert (finished("binary") / "probabilities.png").is_file()
    monkeypatch.setattr(runs.baselines, "predict", lambda *_: {})
    start(tmp_path / "run", csv_of("binary"), "furnished", threshold=0.9)
    said = predictions.predict(tmp_path / "run", csv_of("binary"))
    assert ((said["p(yes)"] >= 0.9) == (said["prediction"] == "yes")).all()


@pytest.mark.second_tier
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_served_equals_what_was_trained(csv_of, kind):
    config = configured(csv_of(kind), KINDS[kind])
    data = tabular.load_data(config)
    model = training.train(tabular, config, data).model
    # In training the network sees rows that were encoded once; a served model encodes its own.
    encoded = parts.of(model).encode(data.test)
    trained = np.asarray(model.get_layer("network")(encoded)).mean(axis=1).reshape(len(encoded), -1)
    model.save("model.keras")
    loaded = keras.models.load_model("model.keras")
    raw = {name: np.asarray(values) for name, values in tables.by_kind(data.test.x).items()}
    np.testing.assert_allclose(np.asarray(loaded(raw)), trained, rtol=1e-5, atol=1e-5)


@pytest.mark.second_tier
@pytest.mark.parametrize("kind", KINDS)
def test_columns_may_come_in_any_order_and_with_others(finished, kind, caplog):
    frame = flats(kind).head(20)
    as_it_was = predict(finished, kind, frame)
    moved = frame[frame.columns[::-1]].assign(colour="red").drop(columns=KINDS[kind])
    pd.testing.assert_frame_equal(predict(finished, kind, moved), as_it_was)
    assert "passed over: colour" in caplog.text
    assert KINDS[kind] not in caplog.text, "the target may be there or not"


@pytest.mark.second_tier
def test_rows_keep_their_order_and_number(finished):
    frame = flats("binary").head(30)
    said = predict(finished, "binary", frame)
    assert said["input"].tolist() == list(range(1, 31))
    backwards = predict(finished, "binary", frame.iloc[::-1])
    np.testing.assert_allclose(numbers_of(backwards), numbers_of(said)[::-1], rtol=1e-4)
    one = predict(finished, "binary", frame.iloc[[7]])
    np.testing.assert_allclose(numbers_of(one), numbers_of(said)[[7]], rtol=1e-4)


@pytest.mark.second_tier
def test_a_threshold_of_ones_own_decides_and_known_targets_are_scored(
    finished, csv_of, tmp_path, monkeypatch, capsys
):
    folder, rows = finished("binary"), pd.read_csv(csv_of("binary"))
    table = predictions.predict(folder, rows, threshold=0.2)
    no, yes = predictions.open_run(folder).problem.class_names
    assert (table["prediction"] == np.where(table[f"p({yes})"] >= 0.2, yes, no)).all()
    known = rows[KINDS["binary"]].astype(str).str.casefold() == yes.casefold()
    scores = table.attrs["scores"]
    assert scores["rows"] == 300
    assert scores["accuracy"] == pytest.approx(
        ((table["prediction"] == yes) == known).mean(), abs=1e-5
    )
    assert predictions.predict(folder, rows.drop(columns=KINDS["binary"])).attrs == {}
    partly = rows.assign(**{KINDS["binary"]: rows[KINDS["binary"]].where(rows.index < 10)})
    partly.to_csv("partly.csv", index=False)
    words = ["recipes", "predict", str(folder), "partly.csv", "--threshold", "0.2"]
    monkeypatch.setattr(sys, "argv", words)
    program.main()
    printed = capsys.readouterr()
    assert printed.out.startswith("input,")  # the table alone
    assert "scores on the 10 of 300 rows with a known target: loss " in printed.err


@pytest.mark.second_tier
def test_known_numbers_are_scored_and_have_no_threshold(finished, csv_of):
    folder, rows = finished("regression"), pd.read_csv(csv_of("regression"))
    table = predictions.predict(folder, rows)
    errors = table["prediction"] - rows[KINDS["regression"]]
    assert table.attrs["scores"]["mae"] == pytest.approx(errors.abs().mean(), rel=1e-4)
    with pytest.raises(InputError, match=r"--threshold .* this run's problem is regression"):
        predictions.predict(folder, rows, threshold=0.5)


def test_missing_columns_are_all_named(finished):
    with pytest.raises(ValueError, match=r"new\.csv.*missing.*area.*district"):
        predict(finished, "regression", flats("regression").drop(columns=["area", "district"]))


@pytest.mark.second_tier
def test_words_never_seen_are_said_and_count_as_none(finished, caplog):
    frame = flats("multiclass").head(8)
    first, second = (
        predict(finished, "multiclass", frame.assign(district=word)) for word in ("moon", "mars")
    )
    pd.testing.assert_frame_equal(first, second)
    assert (
        "'district': 8 of 8 rows have categories that were not in the training data" in caplog.text
    )


def test_cells_that_cannot_be_read_are_said_and_count_as_missing(finished, caplog):
    frame = flats("regression").head(8).astype({"area": object, "listed": object})
    odd = frame.assign(listed="some day")
    odd.loc[2:4, "area"] = ["large", "small", None]
    said = predict(finished, "regression", odd)
    assert "column 'area': 2 of 8 rows hold no number, such as 'large'" in caplog.text
    assert "column 'listed': 8 of 8 rows hold no date, such as 'some day'" in caplog.text
    frame.loc[2:4, "area"] = None
    pd.testing.assert_frame_equal(said, predict(finished, "regression", frame.assign(listed=None)))


@pytest.mark.second_tier
@pytest.mark.parametrize("drop", [(), ("flat_id", "input")])  # a copied project drops them
def test_rows_are_known_by_their_identifiers(drop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ids = [f"flat-{row:04d}" for row in range(300)]
    flats("regression").assign(flat_id=ids, input=ids).to_csv("named.csv", index=False)
    monkeypatch.setattr(runs.baselines, "predict", lambda *_: {})
    start(pathlib.Path("run"), "named.csv", "rent", epochs=1, drop=drop)
    said = predictions.predict(pathlib.Path("run"), pathlib.Path("named.csv"))
    assert list(said) == ["input", "flat_id", "input_of_file", "prediction"]
    assert said["flat_id"].tolist() == said["input_of_file"].tolist() == ids


@pytest.mark.second_tier
def test_large_numbers_and_identifiers_are_written_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ids = [None, *range(12345678, 12345678 + 7 * 299, 7)]
    frame = flats("regression").assign(flat_id=ids)
    frame.assign(rent=frame["rent"] * 1e5).to_csv("large.csv", index=False)
    monkeypatch.setattr(runs.baselines, "predict", lambda *_: {})
    start(pathlib.Path("run"), "large.csv", "rent", epochs=1)
    monkeypatch.setattr(sys, "argv", ["recipes", "predict", "run", "large.csv", "-o", "out.csv"])
    program.main()
    lines = pathlib.Path("out.csv").read_text().splitlines()
    assert lines[1].startswith("1,,")
    assert lines[2].startswith("2,12345678,")
    assert all(re.fullmatch(r"\d{7,9}", line.split(",")[2]) for line in lines[1:])


@pytest.mark.second_tier
def test_values_may_all_be_missing(finished):
    frame = flats("regression").head(3)
    empty = frame.assign(**{name: None for name in frame.columns if name != "rent"})
    assert np.isfinite(numbers_of(predict(finished, "regression", empty))).all()


@pytest.mark.second_tier
def test_without_header_new_rows_may_lack_the_target(tmp_path, monkeypatch):
    frame = flats("regression")[["rooms", "rent", "district"]]
    frame.to_csv("table.csv", index=False, header=False)
    monkeypatch.setattr(runs.baselines, "predict", lambda *_: {})
    start(tmp_path / "run", "table.csv", "column_2", header=False)
    said = []
    for rows in (frame, frame.drop(columns="rent")):
        rows.to_csv("new.csv", index=False, header=False)
        said.append(predictions.predict(tmp_path / "run", pathlib.Path("new.csv")))
    pd.testing.assert_frame_equal(*said)
    assert len(said[0]) == len(frame)


@pytest.mark.second_tier
def test_linear_models_learn_from_as_many_rows_as_fit_into_memory(csv_of, monkeypatch):
    config = configured(csv_of("regression"), "rent")
    data = tabular.load_data(config)
    problem = tabular.problem(config, data)
    whole = baselines.score(problem, data)
    monkeypatch.setattr(of_kinds, "ROWS_AT_ONCE", 7)
    linear, boosted = "linear_regression_on_quantiles", "early_stopped_gradient_boosting"
    pieces = baselines.score(problem, data)[linear]
    assert pieces == pytest.approx(whole[linear], rel=1e-4)
    monkeypatch.setattr(of_kinds, "MAX_VALUES", 1500)
    fewer = baselines.score(problem, data)
    assert fewer[linear] != pieces
    assert fewer[linear]["r2"] > 0.5
    assert fewer[boosted] == whole[boosted]


@pytest.mark.second_tier
def test_class_weights_find_more_of_a_rare_class():
    frame = flats("binary", 800)
    rare = frame[frame["furnished"] == "yes"].head(30)
    pd.concat([frame[frame["furnished"] == "no"], rare]).to_csv("rare.csv", index=False)
    found = {}
    for weighted in (False, True):
        config = configured("rare.csv", "furnished", class_weights=weighted)
        data = tabular.load_data(config)
        model = training.train(tabular, config, data).model
        found[weighted] = (
            tabular.problem(config, data).decide(training.predict(model, data.train.x)).sum()
        )
    assert found[True] > 2 * found[False]


PLAIN = """
import json, pathlib, sys
import pandas as pd
import tensorflow as tf

for folder in map(pathlib.Path, sys.argv[1:]):
    names = json.loads((folder / "signature.json").read_text())["inputs"]
    frame = pd.read_csv("new.csv")
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    given = {}
    for name, about in names.items():
        cells = frame[about["column"]]
        is_number = about["takes"].startswith("a number")
        given[name] = tf.constant(
            cells.astype("float32") if is_number else cells.fillna("").astype(str).tolist()
        )
    said = serve(**given)["prediction"].numpy().tolist()
    words = [one.decode() if isinstance(one, bytes) else one for one in said]
    pathlib.Path(folder.name + ".json").write_text(json.dumps(words))
assert "recipes" not in sys.modules
"""


@pytest.mark.second_tier
def test_an_export_serves_raw_columns_in_plain_tensorflow(finished):
    frame = rents.draw(50, seed=1).drop(columns=["rent", "size", "furnished"])
    frame.loc[3, "district"] = "moon"
    frame.loc[4, ["area", "listed", "balcony"]] = None
    frame.loc[5, "listed"] = "2024-02-29T13:30"
    frame.to_csv("new.csv", index=False)
    for kind in KINDS:
        described = export.export(finished(kind), pathlib.Path("exports") / kind)
        assert set(described["inputs"]) == set(frame.columns)
    folders = [f"exports/{kind}" for kind in KINDS]
    subprocess.run([sys.executable, "-I", "-c", PLAIN, *folders], check=True, timeout=120)
    for kind in KINDS:
        served = json.loads(pathlib.Path(f"{kind}.json").read_text())
        predicted = predictions.predict(finished(kind), pathlib.Path("new.csv"))["prediction"]
        if kind == "regression":
            np.testing.assert_allclose(served, predicted, rtol=1e-5)
        else:
            assert served == predicted.tolist()


@pytest.mark.second_tier
def test_a_column_of_free_text_is_learned_from_where_it_is_asked_for(tmp_path):
    drawn = sentences.draw(400, seed=1)
    rng = np.random.default_rng(0)
    visits = rng.integers(1, 9, len(drawn))
    stars = 2 * (drawn.opinion == "positive") + 0.1 * visits
    table = drawn.drop(columns="opinion").assign(visits=visits, stars=stars)
    table.loc[7, "text"] = None
    table.to_csv(tmp_path / "stars.csv", index=False)
    plain = start(tmp_path / "plain", tmp_path / "stars.csv", "stars")
    assert "text" not in plain["importance"]
    metrics = start(tmp_path / "run", tmp_path / "stars.csv", "stars", text=("text",))
    assert metrics["test"]["r2"] > plain["test"]["r2"] + 0.4
    assert next(iter(metrics["importance"])) == "text"
    export.export(tmp_path / "run", tmp_path / "export")
    new = table.assign(text=table.text.str.upper()).head(20)
    predicted = predictions.predict(tmp_path / "run", new)["prediction"]
    serve = tf.saved_model.load(str(tmp_path / "export")).signatures["serve"]
    served = serve(
        text=tf.constant(new.text.fillna("").tolist()),
        visits=tf.constant(new.visits.tolist(), tf.float32),
    )
    np.testing.assert_allclose(served["prediction"], predicted, rtol=1e-5)


def test_signatures_have_names_that_tensorflow_takes(finished):
    taken = predictions.open_run(finished("regression")).inputs
    names = ["class", "km/h", "방 수", "km h", "1st", "plain", "Größe", "Gr_e", "größe"]
    names += ["self", "Plain", "_plain", "__all__"]
    used = tuple(dataclasses.replace(taken.table.columns[0], name=name) for name in names)
    table = dataclasses.replace(taken.table, columns=used)
    taken = dataclasses.replace(taken, table=table)
    assert list(taken.signatures()["serve"].specs) == [
        "column_1_class", "km_h", "column_3", "column_4_km_h", "column_5_1st", "plain",
        "column_7_Gr_e", "Gr_e", "column_9_gr_e",
        "column_10_self", "column_11_Plain", "column_12_plain", "all",
    ]  # fmt: skip


@pytest.mark.second_tier
def test_columns_may_be_called_as_what_python_and_tensorflow_call_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = dict(zip(("area", "rooms", "floor"), ("self", "Self", "_self"), strict=True))
    flats("binary").rename(columns=names).to_csv("odd.csv", index=False)
    monkeypatch.setattr(runs.baselines, "predict", lambda *_: {})
    metrics = start(pathlib.Path("run"), "odd.csv", "furnished", epochs=1)
    assert set(names.values()) <= set(metrics["importance"])
    export.export(pathlib.Path("run"), pathlib.Path("served"))
    serve = tf.saved_model.load("served").signatures["serving_default"]
    assert {"column_1_self", "Self", "column_3_self"} <= set(serve.structured_input_signature[1])


def test_a_signature_names_units_and_takes_codes_for_gaps_as_predict_does(tmp_path):
    rows = [
        f"{row + 50} kg,{-200 if row % 4 == 0 else row / 7},{'ab'[row % 2]}" for row in range(40)
    ]
    (tmp_path / "table.csv").write_text("\n".join(["weight,co,y", *rows]))
    table = own_table.read(tmp_path / "table.csv", "y")
    read, _, described = own_tables.OwnTables(table.source).signatures()["serve"]
    assert described["weight"]["unit"] == "kg"
    assert "unit" not in described["co"]
    given = {"weight": tf.constant([70.0, 80.0]), "co": tf.constant([-200.0, 3.0])}
    served = read(given)[tables.NUMERIC].numpy()
    np.testing.assert_array_equal(served, [[70, np.nan], [80, 3]])


def test_a_served_date_of_another_form_is_refused_and_not_passed_over(finished):
    taken = predictions.open_run(finished("regression")).inputs
    read, specs, _ = taken.signatures()["serve"]
    given = {
        name: tf.constant([1.0] if spec.dtype == tf.float32 else [""])
        for name, spec in specs.items()
    }
    read(given)
    for odd in ("31.01.2024", "2024-13-01", "2024-01-32", "2024-01-31T24:00"):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"(?s)ISO 8601.*{odd}"):
            read({**given, "listed": tf.constant([odd])})


@pytest.mark.second_tier
def test_other_runs_are_exported_too(tmp_path, monkeypatch):
    monkeypatch.setattr(runs.baselines, "predict", lambda *_: {})
    config = dataclasses.replace(iris.Config(), epochs=2, refit=False)
    runs.run(iris, config, configs.RunOptions(out=tmp_path / "run", quiet=True))
    export.export(tmp_path / "run", tmp_path / "export")
    x = iris.load_data(config).test.x.to_numpy("float32")
    serve = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    said = serve(inputs=tf.constant(x))
    outputs = training.predict(predictions.open_run(tmp_path / "run").model, x)
    assert set(said["prediction"].numpy()) <= {name.encode() for name in iris.PROBLEM.class_names}
    np.testing.assert_allclose(
        said["probabilities"], iris.PROBLEM.probabilities(outputs), rtol=1e-5
    )


@pytest.mark.second_tier
def test_an_export_of_numbers_in_pieces_takes_them_as_one_array(tmp_path, monkeypatch):
    monkeypatch.setattr(runs.baselines, "predict", lambda *_: {})
    config = california_housing.Config(data="builtin", **{**QUICK, "epochs": 2})
    options = configs.RunOptions(out=tmp_path / "run", quiet=True)
    runs.run(california_housing, config, options)
    export.export(tmp_path / "run", tmp_path / "export")
    x = california_housing.load_data(config).test.x
    serve = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    said = serve(inputs=tf.constant(x.to_numpy("float32")))["prediction"]
    model = predictions.open_run(tmp_path / "run").model
    np.testing.assert_allclose(said, training.predict(model, x)[:, 0], rtol=1e-4)


@pytest.mark.second_tier
def test_a_table_of_many_rows_stands_beside_gradient_boosting(monkeypatch):
    loaded = california_housing.load_data(california_housing.Config(data="builtin"))
    monkeypatch.setattr(arrays, "MIN_BOOSTED_ROWS", 1600)
    scores = runs.baselines.score(california_housing.PROBLEM, loaded)
    boosted = "early_stopped_gradient_boosting"
    assert scores[boosted]["rmse"] < scores["mean"]["rmse"]
    monkeypatch.setattr(arrays, "MIN_BOOSTED_ROWS", 1601)
    assert boosted not in runs.baselines.score(california_housing.PROBLEM, loaded)


@pytest.mark.parametrize(("is_run", "folder"), [(False, "new"), (True, "taken")])
def test_an_export_that_cannot_be_is_one_line(finished, is_run, folder, monkeypatch, capsys):
    pathlib.Path("taken").mkdir()
    run = finished("regression") if is_run else "nowhere"
    monkeypatch.setattr(sys, "argv", ["recipes", "export", str(run), folder])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")


def test_an_export_to_a_full_disk_is_one_line_and_leaves_nothing(finished, monkeypatch):
    said = "{{function_node x}} /a/part-0; No space left on device [Op:SaveV2]"

    def save(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, said)

    monkeypatch.setattr(type(keras.export.ExportArchive()), "write_out", save)
    with pytest.raises(RunError, match=r"could not write new \(No space left on device\)"):
        export.export(finished("regression"), pathlib.Path("new"))
    assert not list(pathlib.Path().glob("new*"))
