"""Exports of every recipe in every format predict as the run does, without this library."""

import base64
import io
import itertools
import json
import pathlib
import re
import sys
import unicodedata

import keras
import numpy as np
import pandas as pd
import PIL.Image
import pytest
import tensorflow as tf

import keras_recipes
from keras_recipes import catalog, training
from keras_recipes.commands import main
from keras_recipes.data.synthetic import rents, sentences, shapes
from keras_recipes.errors import InputError, RunError
from keras_recipes.runs.exports import export, int8, litert, onnx_model

LATER = pytest.mark.second_tier
pytestmark = pytest.mark.filterwarnings("default")
LOADERS = {"onnx": onnx_model, "litert": litert}
QUICK = {
    "epochs": 1, "refit": False, "hidden_units": (4,), "data": "builtin", "length": 20, "units": 4,
    "embedding_size": 4, "ensemble_size": 2, "max_tokens": 2_000, "num_bins": 4,
}  # fmt: skip


def quick(name, out, **fields):
    kind = catalog.load(name).Config
    fitting = {one: value for one, value in QUICK.items() if one in kind.__dataclass_fields__}
    options = {"out": out, "baselines": False, "verbose": False}
    return keras_recipes.train(name, **{**fitting, **fields}, **options)


def served(folder, format, given):
    """Outputs of an exported model of numbers, by its own runtime alone."""
    module = LOADERS[format]
    return module.load(folder / module.NAME)(given)


# Of each kind of network one is tried in any case.
SLOW = ("fmnist", "fmnist_cnn", "nsmc", "sms_spam", "diabetes", "wine")
RECIPES = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else LATER)
    for name in catalog.recipe_names()
    if name not in ("tabular", "images", "text")
]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_exported_in_every_format(name, tmp_path):
    run = quick(name, tmp_path / "run")
    data = catalog.load(name).load_data(run.config)
    few = data.test.take(np.arange(min(20, len(data.test))))
    expected = training.predict(run.model, few.x)
    if not run.problem.is_regression:
        expected = run.problem.probabilities(expected)
    for format in LOADERS:
        described = export.export(run.folder, tmp_path / format, format=format)
        given = run.inputs.numeric(run.model).encode(few.x)
        outputs = served(tmp_path / format, format, given)
        size = max(1.0, abs(expected).max())
        np.testing.assert_allclose(outputs / size, expected / size, atol=1e-5)
        assert described == json.loads((tmp_path / format / "signature.json").read_text("utf-8"))
        assert {*described["inputs"]} == {*given}
    described = export.export(run, tmp_path / "keras", format="keras")
    plain = keras.models.load_model(tmp_path / "keras" / "model.keras")
    assert {one.name for one in plain.inputs} == {*described["inputs"]}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    rents.draw(300, seed=0).to_csv(folder / "rents.csv", index=False)
    return quick("tabular", folder / "run", csv=folder / "rents.csv", target="rent"), folder


def test_an_onnx_model_of_a_table_predicts_by_signature_and_encoding_alone(table, tmp_path):
    run, _ = table
    export.export(run, tmp_path / "out", format="onnx")
    signature = json.loads((tmp_path / "out" / "signature.json").read_text("utf-8"))
    encoding = json.loads((tmp_path / "out" / signature["encoding"]).read_text("utf-8"))
    new = rents.draw(20, seed=1).drop(columns="rent")
    new.loc[2, "district"] = "moon"
    new.loc[3, "area"] = None
    taken = signature["inputs"]
    day = new["listed"].astype("datetime64[s]").dt
    numbers = {
        "listed_year": day.year, "listed_month": day.month, "listed_day": day.day,
        "listed_day_of_week": day.day_of_week, "listed_hour": day.hour,
        **{name: new[name].map({"yes": 1, "no": 0}) for name in ("balcony", "furnished")},
    }  # fmt: skip
    columns = [one["column"] for one in taken["numeric"]["columns"]]
    wide = np.stack([numbers.get(name, new.get(name)) for name in columns], axis=1)
    indices = [
        [encoding[name].get(value, 0) for value in column]
        for name in taken["categorical"]["columns"]
        for column in [new[name].fillna(taken["categorical"]["missing"])]
    ]
    given = {"numeric": wide.astype("float32"), "categorical": np.array(indices, "int32").T}
    outputs = served(tmp_path / "out", "onnx", given)
    predicted = keras_recipes.predict(run, new)["prediction"].to_numpy()
    np.testing.assert_allclose(outputs[:, 0], predicted, rtol=1e-5)
    areas = next(one for one in taken["numeric"]["columns"] if one["column"] == "area")
    assert areas["range"][0] >= rents.draw(300, seed=0)["area"].min()
    assert signature["outputs"]["prediction"].startswith("numbers")


@LATER
@pytest.mark.parametrize("network", ["ngrams", "conv", "gru"])
def test_a_text_becomes_numbers_by_encoding_json_alone(network, tmp_path):
    sentences.draw(120).to_csv(tmp_path / "reviews.csv", index=False)
    own = {"csv": tmp_path / "reviews.csv", "target": "opinion", "tokens": "words"}
    run = quick("text", tmp_path / "run", network=network, **own)
    said = ["The pizza was NOT good!", "xyzzy, a  fine   place"]
    table = keras_recipes.predict(run, pd.DataFrame({"text": said}))
    expected = table[[f"p({name})" for name in run.problem.class_names]]
    for format in LOADERS:
        export.export(run, tmp_path / format, format=format)
        signature = json.loads((tmp_path / format / "signature.json").read_text("utf-8"))
        encoding = json.loads((tmp_path / format / "encoding.json").read_text("utf-8"))
        number = encoding["vocabulary"]
        example = encoding["example"]
        (size, width) = signature["inputs"]["terms"]["shape"]
        assert size == (1 if (network, format) == ("gru", "litert") else None)
        rows = np.zeros((len(said), width), "int32")
        for row, text in zip(rows, said, strict=True):
            text = unicodedata.normalize("NFC", text).lower()
            words = re.sub(r"[^\w'!?]+", " ", re.sub("([!?])", r" \1 ", text)).split()
            found = [number.get(word, 1) for word in words]
            if network == "ngrams":
                pairs = map(" ".join, itertools.pairwise(words))
                found = sorted({number[term] for term in [*words, *pairs] if term in number})
            row[: len(found)] = found
        numbers = run.inputs.numeric(run.model).encode(pd.DataFrame({"text": [example["text"]]}))
        assert [one for one in numbers["terms"][0] if one] == example["terms"]
        outputs = served(tmp_path / format, format, {"terms": rows})
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


@LATER
def test_images_are_exported_with_a_size_and_int8_says_what_it_costs(tmp_path, capsys):
    x, y, _ = shapes.draw(90)
    for number, (pixels, kind) in enumerate(zip(x, y, strict=True)):
        place = tmp_path / "shapes" / shapes.NAMES[kind]
        place.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(pixels).save(place / f"{number}.png")
    run = quick("images", tmp_path / "run", folder=tmp_path / "shapes", filters=(16, 32), epochs=3)
    pixels = np.stack(list(x[:10]))
    table = keras_recipes.predict(run, pixels)
    expected = table[[f"p({name})" for name in run.problem.class_names]]
    for format in LOADERS:
        described = export.export(run, tmp_path / format, format=format)
        assert described["inputs"]["pixels"]["shape"] == [None, *pixels.shape[1:]]
        outputs = served(tmp_path / format, format, {"pixels": pixels.astype("float32")})
        np.testing.assert_allclose(outputs, expected, atol=1e-5)
    described = export.export(run, tmp_path / "int8", format="litert", quantize="int8")["int8"]
    assert described["kilobytes"] < 0.6 * described["kilobytes before"]
    assert f"on {described['rows']}; largest change" in int8.describe(described)
    for path in (tmp_path / "shapes").rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match="0 files and no class folders"):
        export.export(run, tmp_path / "again", format="litert", quantize="int8")
    assert not (tmp_path / "again").exists()


@LATER
def test_a_recurrent_network_is_not_written_with_8_bits(tmp_path):
    run = quick("imdb_gru", tmp_path / "run")
    with pytest.raises(InputError, match="a recurrent network"):
        export.export(run, tmp_path / "out", format="litert", quantize="int8")
    assert not (tmp_path / "out").exists()


def ask(folder, body):
    """Send the body of a request to a SavedModel, as TensorFlow Serving reads it."""
    name = body.get("signature_name", "serving_default")
    signature = tf.saved_model.load(str(folder)).signatures[name]
    _, wanted = signature.structured_input_signature
    assert {*wanted} == {*body["inputs"]}

    def plain(value):
        if isinstance(value, list):
            return [plain(one) for one in value]
        return base64.b64decode(value["b64"]) if isinstance(value, dict) else value

    given = {k: tf.constant(plain(v), wanted[k].dtype) for k, v in body["inputs"].items()}
    return {name: tensor.numpy() for name, tensor in signature(**given).items()}


@LATER
def test_the_requests_of_the_docs_are_answered_as_predict_does(table, tmp_path):
    page = (pathlib.Path(catalog.folder()).parent / "docs/exports.md").read_text("utf-8")
    found = re.findall(r"<!-- (\w+) -->\n```json\n(.*?)```", page, re.DOTALL)
    bodies = {kind: json.loads(body) for kind, body in found}
    assert {*bodies} == {"table", "images", "pixels", "texts", "arrays"}
    run, _ = table
    export.export(run, tmp_path / "table")
    new = pd.DataFrame(bodies["table"]["inputs"])
    served = ask(tmp_path / "table", bodies["table"])["prediction"]
    np.testing.assert_allclose(served, keras_recipes.predict(run, new)["prediction"], rtol=1e-5)

    x, y, _ = shapes.draw(60)
    for number, (pixels, kind) in enumerate(zip(x, y, strict=True)):
        place = tmp_path / "shapes" / shapes.NAMES[kind]
        place.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(pixels).save(place / f"{number}.png")
    run = quick("images", tmp_path / "of_images", folder=tmp_path / "shapes", filters=(4, 8))
    export.export(run, tmp_path / "images")
    file = io.BytesIO()
    PIL.Image.fromarray(x[0]).save(file, "PNG")
    content = base64.b64encode(file.getvalue()).decode()
    text = json.dumps(bodies["images"]).replace("FILE IN BASE64", content)
    answer = ask(tmp_path / "images", json.loads(text))
    bodies["pixels"]["inputs"]["pixels"] = x[:1].tolist()
    again = ask(tmp_path / "images", bodies["pixels"])
    expected = keras_recipes.predict(run, x[:1])
    for one in (answer, again):
        np.testing.assert_allclose(one["probabilities"][0], expected.iloc[0, 3:], atol=1e-5)
        assert one["prediction"][0].decode() == expected["prediction"][0]

    sentences.draw(120).to_csv(tmp_path / "reviews.csv", index=False)
    run = quick("text", tmp_path / "of_texts", csv=tmp_path / "reviews.csv", target="opinion")
    export.export(run, tmp_path / "texts")
    new = pd.DataFrame({"text": bodies["texts"]["inputs"]["text"]})
    answer = ask(tmp_path / "texts", bodies["texts"])
    expected = keras_recipes.predict(run, new)
    np.testing.assert_allclose(answer["probabilities"], expected.iloc[:, 3:], atol=1e-5)

    run = quick("iris", tmp_path / "of_arrays")
    export.export(run, tmp_path / "arrays")
    answer = ask(tmp_path / "arrays", bodies["arrays"])
    given = pd.DataFrame(bodies["arrays"]["inputs"]["inputs"], columns=run.inputs.columns)
    expected = keras_recipes.predict(run, given)
    np.testing.assert_allclose(answer["probabilities"], expected.iloc[:, 3:], atol=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "onx"], "expected one of savedmodel, onnx, litert, keras"),
        (["--format", "onnx", "--quantize", "int8"], "is for --format litert"),
        (["--format", "litert", "--quantize", "int4"], "expected"),
    ],
)
def test_a_format_that_cannot_be_is_one_line(table, words, said, monkeypatch, capsys):
    run, _ = table
    monkeypatch.setattr(sys, "argv", ["recipes", "export", str(run.folder), "out", *words])
    with pytest.raises(SystemExit):
        main.main()
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.startswith("error")
    assert shown.count("\n") == 1
    assert not pathlib.Path("out").exists()


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(table, monkeypatch):
    run, _ = table
    monkeypatch.setattr(export, "_NEEDED", {"onnx": ("no_such_package",)})
    with pytest.raises(InputError, match="run pip install no-such-package"):
        export.export(run, pathlib.Path("out"), format="onnx")


def test_a_model_that_would_predict_otherwise_is_not_written(table, monkeypatch):
    run, _ = table
    monkeypatch.setattr(onnx_model, "load", lambda _: lambda given: np.zeros((64, 1)))
    with pytest.raises(RunError, match="differ by"):
        export.export(run, pathlib.Path("out"), format="onnx")
    assert not pathlib.Path("out").exists()


def test_columns_of_free_text_are_named_where_a_format_has_no_strings(tmp_path):
    drawn = sentences.draw(60).assign(visits=range(60))
    drawn.to_csv(tmp_path / "t.csv", index=False)
    own = {"csv": tmp_path / "t.csv", "target": "opinion", "text": ("text",)}
    run = quick("tabular", tmp_path / "run", **own)
    with pytest.raises(InputError, match="columns of free text is exported as savedmodel or keras"):
        export.export(run, pathlib.Path("out"), format="onnx")
