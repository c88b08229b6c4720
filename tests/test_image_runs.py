"""Runs on images of the user's own: trained, predicted, exported, searched and copied."""

import json
import pathlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import keras_recipes
import tuning
from keras_recipes import catalog
from keras_recipes.commands import copy
from keras_recipes.data.synthetic import shapes
from keras_recipes.errors import InputError
from keras_recipes.runs.exports import export
from recipes import images

pytestmark = pytest.mark.second_tier
QUICK = {"epochs": 2, "refit": False, "filters": (4, 8), "verbose": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Drawn shapes of two sizes as PNG and JPEG files in class folders; one is stored turned."""
    root = tmp_path_factory.mktemp("images") / "shapes"
    x, y, _ = shapes.draw(90)
    for number, (pixels, kind) in enumerate(zip(x, y, strict=True)):
        place = root / shapes.NAMES[kind]
        place.mkdir(parents=True, exist_ok=True)
        image = PIL.Image.fromarray(pixels).resize((40, 40) if number % 2 else (32, 32))
        if number % 3:
            image.save(place / f"{number}.png")
        else:
            exif = PIL.Image.Exif()
            exif[0x0112] = 6 if number == 0 else 1
            image.save(place / f"{number}.jpg", exif=exif)
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    return keras_recipes.train(images, folder=folder, out=out, **QUICK)


def test_a_run_leaves_what_every_run_leaves_and_where_the_network_looks(run):
    left = {path.name for path in run.folder.iterdir()}
    assert {"model.keras", "metrics.json", "confusion.png", "samples.png", "gradcam.png"} <= left
    assert list(run.baselines) == ["majority_class", "svm_on_gradients"]
    assert run.metrics["data"]["rows"] == {"train": 54, "validation": 18, "test": 18}


def test_the_page_and_the_card_of_a_run_say_what_was_in_the_files(run):
    for name in ("report.html", "README.md"):
        text = (run.folder / name).read_text(encoding="utf-8")
        assert "what was done" in text
        assert "turned upright" in text or "EXIF" in text
        assert "circle" in text


def test_files_arrays_and_folders_are_predicted_alike(run, folder):
    loaded = keras_recipes.load_run(run.folder)
    by_folder = keras_recipes.predict(loaded, folder).set_index("input")
    assert len(by_folder) == 90
    assert keras_recipes.predict(loaded, folder).attrs["scores"]["rows"] == 90
    file = folder / "circle" / next(one.name for one in sorted((folder / "circle").glob("*.png")))
    alone = keras_recipes.predict(loaded, file)
    name = f"circle/{file.name}"
    assert alone["p(circle)"][0] == pytest.approx(by_folder.loc[name, "p(circle)"], abs=1e-6)
    pixels = np.asarray(PIL.Image.open(file).convert("RGB"))
    assert keras_recipes.predict(loaded, pixels)["p(circle)"][0] == pytest.approx(
        alone["p(circle)"][0], abs=1e-6
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 32, 32, 1), "uint8"), "expected an image file"),
        (np.zeros((2, 32, 32, 3), "float32") + 0.5, "scales them itself"),
        ("no.png", "no such file"),
    ],
)
def test_what_is_no_image_is_one_line(run, given, said):
    with pytest.raises(InputError, match=said) as refused:
        keras_recipes.predict(run, given)
    assert "\n" not in str(refused.value)


def test_an_export_predicts_bytes_and_pixels_as_the_run_does(run, folder, tmp_path):
    description = export.export(run.folder, tmp_path / "served")
    assert set(description["inputs"]) == {"file"}
    assert set(description["other_signatures"]["serve_pixels"]) == {"pixels"}
    predicted = keras_recipes.predict(run, folder)
    files = [folder / name for name in predicted["input"]]
    wanted = predicted[[f"p({name})" for name in run.problem.class_names]].to_numpy()
    signatures = tf.saved_model.load(tmp_path / "served").signatures
    served = signatures["serve"](file=tf.constant([one.read_bytes() for one in files]))
    np.testing.assert_allclose(served["probabilities"], wanted, atol=1e-5)
    png = [row for row, one in enumerate(files) if one.suffix == ".png"]
    for row in png[:4]:
        pixels = np.asarray(PIL.Image.open(files[row]).convert("RGB"), "float32")[np.newaxis]
        found = signatures["serve_pixels"](pixels=tf.constant(pixels))["probabilities"]
        np.testing.assert_allclose(found[0], wanted[row], atol=1e-5)


def test_a_search_takes_the_folder(folder, tmp_path):
    found = tuning.search(
        "images", folder=folder, trials=2, epochs=1, out=tmp_path / "search", quiet=True
    )
    assert len(found.trials) == 2
    assert json.loads((tmp_path / "search/best/metrics.json").read_text())["recipe"] == "images"


def test_a_run_is_a_backbone_and_is_fine_tuned(run, folder, tmp_path):
    head = keras_recipes.train(
        images, folder=folder, backbone=str(run.folder), out=tmp_path / "head", **QUICK
    )
    assert head.metrics["parameters"] > 0
    tuned = keras_recipes.train(
        images, folder=folder, fine_tune=head.folder, learning_rate=1e-5, out=tmp_path / "tuned",
        **QUICK,
    )  # fmt: skip
    assert keras_recipes.predict(tuned, folder).shape[0] == 90
    for name, earlier in (("backbone", str(run.folder)), ("fine_tune", head.folder)):
        with pytest.raises(InputError, match=f"^{name}.*test images of this run were among"):
            keras_recipes.train(images, folder=folder, seed=1, **{name: earlier}, **QUICK)
    with pytest.raises(InputError, match="fine_tune: the model of this run has no frozen back"):
        keras_recipes.train(images, folder=folder, fine_tune=run.folder, **QUICK)


def test_a_copy_has_the_images_beside_its_recipe(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copy.copy(copy.Copy(recipe="images", folder=tmp_path / "mine", csv=folder))
    source = (tmp_path / "mine/recipes/mine.py").read_text().replace("'", '"')
    assert (
        'folder: pathlib.Path | None = pathlib.Path(__file__).with_name("shapes")'
        in source.replace("'", '"')
    )
    assert source.count("import pathlib") == 1
    assert len(list((tmp_path / "mine/recipes/shapes").rglob("*.*"))) == 90
    assert "recipes/shapes\n" in (tmp_path / "mine/.gitignore").read_text()


def test_numbers_are_learned_from_a_csv_of_paths(folder, tmp_path):
    files = sorted(folder.rglob("*.*"))
    rows = [f"{one.relative_to(folder).as_posix()},{len(one.read_bytes()) / 7}" for one in files]
    table = folder / "sizes.csv"
    table.write_text("\n".join(["path,size", *rows]))
    found = keras_recipes.train(
        images, folder=table, target="size", out=tmp_path / "sizes", **QUICK
    )
    table.unlink()
    assert found.problem.is_regression
    assert list(found.baselines) == ["mean", "ridge_on_gradients"]
    assert catalog.recipe_names().count("images") == 1
    assert isinstance(found.folder, pathlib.Path)
