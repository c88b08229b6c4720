"""The data sets: splits, sources in order, broken files, downloads, built-in data, constants."""

import contextlib
import dataclasses
import gzip
import hashlib
import http.server
import importlib
import importlib.util
import io
import pathlib
import re
import signal
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

from datasets import (
    breast_cancer,
    california_housing,
    diabetes,
    digit_halves,
    digit_traits,
    digits,
    fashion_mnist,
    iris,
    mnist,
    wine,
)
from keras_recipes import reading
from keras_recipes.data import download, idx, npz, sources, splits
from keras_recipes.errors import InputError

REPOSITORY = pathlib.Path(__file__).parents[1]
BUNDLED = (breast_cancer, diabetes, digit_halves, digit_traits, digits, iris, wine)
TABLES = (breast_cancer, diabetes, iris, wine)
REAL = {module: module.PUBLISHED for module in (fashion_mnist, mnist)}
SOURCE = splits.Source("toy", "real", "the test", "none")


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    """Touch nothing real: no cache of this user, no package of this machine, no network."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for module in (california_housing, fashion_mnist, mnist):
        elsewhere = dataclasses.replace(
            module.PUBLISHED,
            base_url="http://127.0.0.1:9/",  # the discard port: refused at once
            system_folder=tmp_path / "system" if module is fashion_mnist else None,
        )
        monkeypatch.setattr(module, "PUBLISHED", elsewhere)


# --- splits -------------------------------------------------------------------------------------


def toy(num_rows=103, num_classes=4, seed=0):
    """Splits of rows whose x is their own number and whose classes are uneven."""
    y = np.sqrt(np.arange(num_rows) * num_classes**2 / num_rows).astype(np.int32)
    return splits.split(np.arange(num_rows), y, SOURCE, seed)


def one_hot(y):
    return np.eye(4, dtype=np.float32)[y]


def rows_of(*parts):
    return sorted(row for part in parts for row in np.asarray(part.x).tolist())


def check_stratified(part, whole, num_classes=4):
    fraction = len(part) / len(whole)
    counts = np.bincount(part, minlength=num_classes)
    assert np.all(np.abs(counts - fraction * np.bincount(whole, minlength=num_classes)) <= 1)


def test_split_holds_every_row_once():
    parts = toy()
    assert rows_of(parts.train, parts.validation, parts.test) == list(range(103))
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (61, 21, 21)


def test_split_keeps_x_and_y_together():
    x = np.arange(50) * 10
    parts = splits.split(x, np.arange(50, dtype=np.float32), SOURCE, seed=3)
    for part in (parts.train, parts.validation, parts.test):
        np.testing.assert_array_equal(part.x, part.y * 10)


def test_split_takes_no_text_for_a_source():
    with pytest.raises(InputError, match=r"source: received 'my data', expected a splits.Source"):
        splits.split(np.arange(50), np.arange(50) % 2, "my data", seed=0)


def test_split_shuffles():
    train = toy().train
    assert train.x.tolist() != sorted(train.x)
    assert len(set(train.y[:15].tolist())) > 1  # not class after class


def test_same_seed_same_split_other_seed_other_split():
    first, again, other = toy(seed=1), toy(seed=1), toy(seed=2)
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(first, name).x, getattr(again, name).x)
        assert rows_of(getattr(first, name)) != rows_of(getattr(other, name))


@pytest.mark.parametrize("encode", [lambda y: y, one_hot, lambda y: y.astype(np.uint8)])
def test_split_stratifies_classes(encode):
    y = np.repeat([0, 1, 2, 3], [7, 40, 13, 90])
    parts = splits.split(np.arange(150), encode(y), SOURCE, seed=0)
    for part in (parts.train, parts.validation, parts.test):
        check_stratified(y[part.x], y)


def test_table_stays_a_table_with_its_row_labels():
    table = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20})
    parts = splits.split(table, np.arange(40) % 2, SOURCE, seed=0)
    assert list(parts.train.x.columns) == ["a", "b"]
    np.testing.assert_array_equal(parts.train.x.index, parts.train.x["a"])
    labels = [label for p in (parts.train, parts.validation, parts.test) for label in p.x.index]
    assert sorted(labels) == list(range(40))


def test_hold_out_leaves_test_in_its_order_and_stratifies_the_rest():
    y = np.repeat([0, 1, 2, 3], 25)
    train, test = (
        splits.Split(np.arange(100), y),
        splits.Split(np.arange(100, 120), np.zeros(20, int)),
    )
    parts = splits.hold_out(train, test, SOURCE, seed=0, validation_rows=20)
    assert parts.test.x.tolist() == list(range(100, 120))
    assert rows_of(parts.train, parts.validation) == list(range(100))
    assert np.bincount(parts.validation.y).tolist() == [5, 5, 5, 5]


@pytest.mark.parametrize("num_folds", [2, 5, 10])
@pytest.mark.parametrize("encode", [lambda y: y, one_hot])
def test_folds_test_each_row_once_and_stratify(num_folds, encode):
    plain = toy()
    classes = np.empty(103, int)
    for part in (plain.train, plain.validation, plain.test):
        classes[part.x] = part.y
    folds = list(plain.map_labels(encode).folds(num_folds, seed=0))
    assert len(folds) == num_folds
    assert rows_of(*(fold.test for fold in folds)) == list(range(103))
    for fold in folds:
        assert rows_of(fold.train, fold.validation, fold.test) == list(range(103))
        assert len(fold.test) in (103 // num_folds, 103 // num_folds + 1)
        check_stratified(classes[fold.test.x], classes)


def test_folds_of_floats_are_even_and_shuffled():
    parts = splits.split(np.arange(50), np.linspace(0, 1, 50), SOURCE, seed=0)
    folds = list(parts.folds(5, seed=0))
    assert [len(fold.test) for fold in folds] == [10] * 5
    assert rows_of(*(fold.test for fold in folds)) == list(range(50))
    everything = np.concatenate([parts.train.x, parts.validation.x, parts.test.x])
    assert rows_of(folds[0].test) != sorted(everything[:10])


def test_test_folds_depend_on_the_seed_but_not_on_the_validation_share_or_encoding():
    def tests(parts, seed, **options):
        return [rows_of(fold.test) for fold in parts.folds(5, seed, **options)]

    parts = toy()
    assert tests(parts, 0) == tests(parts, 0, validation_fraction=0.5)
    assert tests(parts, 0) == tests(parts.map_labels(one_hot), 0)
    assert tests(parts, 0) != tests(parts, 1)


def test_folds_of_a_table():
    folds = list(iris.load().folds(3, seed=0))
    assert sorted(label for fold in folds for label in fold.test.x.index) == list(range(150))
    assert folds[0].train.x.columns.tolist() == list(iris.FEATURE_NAMES)


def test_validation_folds_never_touch_the_test_rows():
    parts = toy()
    folds = list(parts.validation_folds(4, seed=0))
    learnable = rows_of(parts.train, parts.validation)
    assert rows_of(*(fold.validation for fold in folds)) == learnable
    for fold in folds:
        assert rows_of(fold.train, fold.validation) == learnable
        assert fold.test is parts.test
        check_stratified(fold.validation.y, np.concatenate([parts.train.y, parts.validation.y]))


def test_merge_validation_moves_its_rows_into_train():
    parts = toy()
    merged = parts.merge_validation()
    assert merged.validation is None
    assert rows_of(merged.train) == rows_of(parts.train, parts.validation)
    assert rows_of(merged.test) == rows_of(parts.test)
    assert rows_of(*(fold.test for fold in merged.folds(5, seed=0))) == list(range(103))


def test_map_labels_reaches_every_part_and_skips_a_merged_one():
    mapped = toy().map_labels(lambda y: y + 10)
    assert min(part.y.min() for part in (mapped.train, mapped.validation, mapped.test)) == 10
    merged = toy().merge_validation().map_labels(one_hot)
    assert merged.validation is None
    assert merged.train.y.shape == (82, 4)


@pytest.mark.parametrize("fraction", [0, 1, -0.2, 1.5])
@pytest.mark.parametrize("name", ["validation_fraction", "test_fraction"])
def test_a_fraction_out_of_range_is_named(name, fraction):
    with pytest.raises(InputError, match=rf"{name} must .* received {fraction}"):
        splits.split(np.arange(10), np.arange(10), SOURCE, 0, **{name: fraction})


@pytest.mark.parametrize("num_folds", [-1, 0, 1, 104])
def test_impossible_folds_are_refused_before_the_first(num_folds):
    with pytest.raises(InputError, match=rf"num_folds must be 2..103.*received {num_folds}"):
        toy().folds(num_folds, seed=0)


def test_too_few_rows_for_a_part_is_an_error():
    with pytest.raises(InputError, match="at least 1 row"):
        splits.split(np.arange(2), np.arange(2), SOURCE, 0)
    parts = toy().merge_validation()
    with pytest.raises(InputError, match="received 103 of 82"):
        splits.hold_out(parts.train, parts.test, SOURCE, 0, validation_rows=103)


def test_a_part_refuses_uneven_rows_and_labels_that_are_no_array():
    with pytest.raises(InputError, match="received 3 rows of x and 2 of y"):
        splits.Split(np.arange(3), np.arange(2))
    with pytest.raises(InputError, match="received Series"):
        splits.Split(np.arange(3), pd.Series([1, 2, 3]))


# --- data sets that come with scikit-learn ------------------------------------------------------


@pytest.mark.parametrize("module", BUNDLED)
def test_bundled_set_by_seed(module):
    first, again, other = module.load(seed=1), module.load(seed=1), module.load(seed=2)
    np.testing.assert_array_equal(np.asarray(first.test.x), np.asarray(again.test.x))
    assert not np.array_equal(np.asarray(first.test.x), np.asarray(other.test.x))
    assert (first.source.kind, first.source.origin) == ("real", "scikit-learn")


def rows_by_label(parts):
    """All rows of a table in the order of the source."""
    every_part = (parts.train, parts.validation, parts.test)
    x = pd.concat([part.x for part in every_part])
    y = np.concatenate([part.y for part in every_part])
    order = np.argsort(x.index)
    return x.iloc[order], y[order]


@pytest.mark.parametrize("module", TABLES)
def test_table_matches_scikit_learn(module):
    from sklearn import datasets as bundled

    options = {"scaled": False} if module is diabetes else {}
    bunch = getattr(bundled, "load_" + module.__name__.split(".")[-1])(**options)
    x, y = rows_by_label(module.load())
    names = [re.sub(r"[ /]", "_", re.sub(r" \(cm\)", "", name)) for name in bunch.feature_names]
    assert list(module.FEATURE_NAMES) == names == list(x.columns)
    np.testing.assert_array_equal(x.to_numpy(), bunch.data)
    target = 1 - bunch.target if module is breast_cancer else bunch.target
    np.testing.assert_array_equal(y, target)
    assert y.dtype == (np.float32 if module is diabetes else np.int32)


@pytest.mark.parametrize("module", [breast_cancer, iris, wine])
def test_class_names_match_scikit_learn(module):
    from sklearn import datasets as bundled

    bunch = getattr(bundled, "load_" + module.__name__.split(".")[-1])()
    names = list(bunch.target_names)
    assert list(module.CLASS_NAMES) == (names[::-1] if module is breast_cancer else names)


def test_malignant_is_the_positive_class():
    _, y = rows_by_label(breast_cancer.load())
    assert breast_cancer.CLASS_NAMES[1] == "malignant"
    assert y.sum() == 212  # fewer than the 357 benign ones


def test_diabetes_comes_in_plain_units():
    x, y = rows_by_label(diabetes.load())
    assert x["age"].between(19, 79).all()
    assert set(x["sex"]) == {1, 2}
    assert (y.min(), y.max()) == (25, 346)


def test_each_digit_has_its_traits():
    parts, plain = digit_traits.load(seed=1), digits.load(seed=1)
    np.testing.assert_array_equal(parts.test.x, plain.test.x)
    traits = dict(zip(plain.test.y.tolist(), parts.test.y.tolist(), strict=True))
    names = {
        digit: [name for name, has in zip(digit_traits.CLASS_NAMES, row, strict=True) if has]
        for digit, row in traits.items()
    }
    assert names == {
        0: ["even", "loop"], 1: [], 2: ["even", "prime"], 3: ["prime"], 4: ["even"],
        5: ["prime"], 6: ["even", "loop"], 7: ["prime"], 8: ["even", "loop"], 9: ["loop"],
    }  # fmt: skip


def test_digit_halves_make_whole_digits():
    parts, plain = digit_halves.load(seed=1), digits.load(seed=1)
    for name in ("train", "validation", "test"):
        part = getattr(parts, name)
        lower = part.y.reshape(-1, *digit_halves.IMAGE_SHAPE)
        whole = np.concatenate([part.x, lower], axis=1)
        np.testing.assert_array_equal(whole, getattr(plain, name).x)
    assert parts.test.y.shape[1] == digit_halves.NUM_OUTPUTS


def test_digits_are_small_whole_numbers():
    parts = digits.load()
    assert parts.train.x.dtype == np.uint8
    assert parts.train.x.shape[1:] == digits.IMAGE_SHAPE
    assert parts.train.x.max() == digits.LARGEST_VALUE
    assert sum(len(p) for p in (parts.train, parts.validation, parts.test)) == 1797
    assert np.unique(parts.test.y).tolist() == [int(name) for name in digits.CLASS_NAMES]


# --- published images: a miniature of each set --------------------------------------------------


def to_idx(values):
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def archive_of(name, content):
    return npz.File(name, hashlib.sha256(content).hexdigest(), len(content))


class Miniature:
    """A small set with the files of a published one; `contents` are whole, by download name."""

    def __init__(self, module, tmp_path, monkeypatch):
        self.module = module
        self.cache = tmp_path / "keras" / module.PUBLISHED.cache_folder
        self.own, self.system = tmp_path / "own", tmp_path / "system"
        generator = np.random.default_rng(len(module.__name__))
        self.arrays = {
            "x_train": generator.integers(0, 256, (60, 28, 28), np.uint8),
            "y_train": np.arange(60, dtype=np.uint8) % 10,
            "x_test": generator.integers(0, 256, (20, 28, 28), np.uint8),
            "y_test": np.arange(20, dtype=np.uint8)[::-1] % 10,
        }
        raw = [to_idx(values) for values in self.arrays.values()]
        files = tuple(
            idx.File(file.name, values.shape, hashlib.sha256(content).hexdigest())
            for file, values, content in zip(
                module.PUBLISHED.files, self.arrays.values(), raw, strict=True
            )
        )
        self.idx_contents = {
            file.download_name: gzip.compress(content)
            for file, content in zip(files, raw, strict=True)
        }
        archive = None
        self.contents = self.idx_contents
        if module is mnist:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **self.arrays)
            archive = archive_of("mnist.npz", buffer.getvalue())
            self.contents = {"mnist.npz": buffer.getvalue()}
        self._patch = monkeypatch
        self.publish(files=files, archive=archive, validation_rows=20)

    def publish(self, **changes):
        published = dataclasses.replace(self.module.PUBLISHED, **changes)
        self._patch.setattr(self.module, "PUBLISHED", published)

    def place(self, folder, contents=None):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (contents or self.contents).items():
            (folder / name).write_bytes(content)
        return folder

    def check(self, parts, origin):
        assert (parts.source.kind, parts.source.origin) == ("real", origin)
        assert parts.source.name == self.module.PUBLISHED.name
        assert (len(parts.train), len(parts.validation)) == (40, 20)
        np.testing.assert_array_equal(parts.test.x, self.arrays["x_test"])
        np.testing.assert_array_equal(parts.test.y, self.arrays["y_test"])
        assert (parts.train.x.dtype, parts.train.y.dtype) == (np.uint8, np.int32)
        assert np.bincount(parts.validation.y).tolist() == [2] * 10


@pytest.fixture(params=[fashion_mnist, mnist], ids=["fashion_mnist", "mnist"])
def miniature(request, tmp_path, monkeypatch):
    return Miniature(request.param, tmp_path, monkeypatch)


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    return Miniature(fashion_mnist, tmp_path, monkeypatch)


def error_of(load, *arguments, **options):
    """The message of the DataError that load raises; one line of it."""
    with pytest.raises(InputError) as caught:
        load(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_data_dir_comes_first(miniature):
    other = dict.fromkeys(miniature.contents, b"broken")
    miniature.place(miniature.cache, other)
    folder = miniature.place(miniature.own)
    miniature.check(miniature.module.load("real", folder), "--data-dir")
    miniature.check(miniature.module.load("auto", str(folder)), "--data-dir")


def test_keras_cache_comes_second(miniature):
    miniature.place(miniature.cache)
    miniature.place(miniature.system, dict.fromkeys(miniature.contents, b"broken"))
    miniature.check(miniature.module.load(), "Keras cache")


def test_keras_cache_is_below_home_without_keras_home(miniature, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    (tmp_path / "home").mkdir()
    miniature.place(tmp_path / "home" / ".keras" / miniature.module.PUBLISHED.cache_folder)
    miniature.check(miniature.module.load("real"), "Keras cache")


def test_keras_home_of_a_user_without_a_writable_home_is_that_of_keras(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    assert sources.keras_home() == pathlib.Path("/tmp/.keras")


def test_system_package_comes_third(fashion):
    fashion.place(fashion.system)
    fashion.check(fashion_mnist.load(), "system package")


def test_download_comes_fourth(miniature, server):
    miniature.publish(base_url=server.serve(miniature.contents))
    miniature.check(miniature.module.load(), "download")
    miniature.check(miniature.module.load(), "Keras cache")
    assert server.requests == list(miniature.contents)


@pytest.mark.second_tier
def test_built_in_data_come_last_and_only_for_auto(miniature):
    parts = miniature.module.load()
    assert parts.source.kind == "built-in"
    assert "built-in data for" in parts.source.name
    message = error_of(miniature.module.load, "real")
    assert f"no real {miniature.module.PUBLISHED.name} found" in message
    for part in ("Keras cache", str(miniature.cache), "download", "refused", "--data-dir FOLDER"):
        assert part in message
    if miniature.module is fashion_mnist:
        assert "system package" in message
        assert "apt-get install dataset-fashion-mnist" in message


def test_builtin_never_looks(miniature, monkeypatch):
    miniature.place(miniature.cache)
    monkeypatch.setattr(download, "fetch", pytest.fail)
    monkeypatch.setattr(reading, "read_bytes", pytest.fail)
    assert miniature.module.load("builtin").source.kind == "built-in"
    message = error_of(miniature.module.load, "builtin", miniature.cache)
    assert "reads no files" in message


def test_unknown_choice_of_data_names_the_choices(miniature):
    message = error_of(miniature.module.load, "fake")
    assert "auto, real, builtin" in message
    assert "'fake'" in message


def test_same_seed_same_validation_rows(miniature):
    folder = miniature.place(miniature.own)
    first, again, other = (miniature.module.load("real", folder, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.validation.x, again.validation.x)
    np.testing.assert_array_equal(first.train.x, again.train.x)
    assert not np.array_equal(first.validation.x, other.validation.x)
    np.testing.assert_array_equal(first.test.x, other.test.x)


def test_idx_files_are_read_plain_or_dotted(miniature):
    raw = {name[:-3]: gzip.decompress(c) for name, c in miniature.idx_contents.items()}
    folder = miniature.place(miniature.own / "plain", raw)
    miniature.check(miniature.module.load("real", folder), "--data-dir")
    dotted = {name.replace("-idx", ".idx"): content for name, content in raw.items()}
    folder = miniature.place(miniature.own / "dotted", dotted)
    miniature.check(miniature.module.load("real", folder), "--data-dir")
    folder = miniature.place(miniature.own / "packed", miniature.idx_contents)
    miniature.check(miniature.module.load("real", folder), "--data-dir")


def test_another_compression_of_the_same_bytes_passes(fashion):
    recompressed = {
        name: gzip.compress(gzip.decompress(content), compresslevel=1, mtime=7)
        for name, content in fashion.contents.items()
    }
    assert recompressed != fashion.contents
    fashion.check(
        fashion_mnist.load("real", fashion.place(fashion.own, recompressed)), "--data-dir"
    )


@pytest.mark.parametrize("data", ["auto", "real"])
def test_data_dir_without_the_files_is_an_error(miniature, data):
    miniature.place(miniature.cache)  # never a silent fall-through
    message = error_of(miniature.module.load, data, miniature.own)
    assert str(miniature.own) in message
    assert "which is no folder" in message
    miniature.own.mkdir()
    message = error_of(miniature.module.load, data, miniature.own)
    assert f"{miniature.own} holds no train-images-idx3-ubyte" in message
    assert "leave --data-dir out" in message
    assert ("nor mnist.npz" in message) == (miniature.module is mnist)


def test_one_missing_file_is_named(fashion):
    fashion.place(fashion.own)
    (fashion.own / "t10k-labels-idx1-ubyte.gz").unlink()
    message = error_of(fashion_mnist.load, "auto", fashion.own)
    assert "holds no t10k-labels-idx1-ubyte (plain or .gz)" in message
    assert "train-images" not in message


IMAGES = "train-images-idx3-ubyte.gz"
HTML = b"\n<!doctype html><title>404</title>"


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def break_pixels(content):
    raw = bytearray(gzip.decompress(content))
    raw[-1] ^= 1
    return gzip.compress(bytes(raw))


BROKEN = {
    "truncated": (lambda good: good[IMAGES][:2000], "a gzip file cut off after 2,000 bytes"),
    "corrupted": (lambda good: flip(good[IMAGES]), "a gzip file that cannot be unpacked"),
    "nonsense inside": (
        lambda good: good[IMAGES][:10] + b"\xff" * 500,
        "a gzip file that cannot be unpacked",
    ),
    "empty": (lambda good: b"", "an empty file"),
    "page": (lambda good: HTML, "an HTML page"),
    "packed page": (lambda good: gzip.compress(HTML), "an HTML page"),
    "text": (lambda good: b"hello", "no idx data"),
    "one wrong pixel": (lambda good: break_pixels(good[IMAGES]), "MNIST and Fashion-MNIST use the"),
    "labels": (lambda good: good["train-labels-idx1-ubyte.gz"], r"idx data of shape \(60,\)"),
    "test part": (lambda good: good["t10k-images-idx3-ubyte.gz"], r"of shape \(20, 28, 28\)"),
    "cut before packing": (
        lambda good: gzip.compress(gzip.decompress(good[IMAGES])[:5000]),
        "5,000 bytes instead of 47,056",
    ),
    "bomb": (
        lambda good: gzip.compress(bytes(10**7)),
        "more than the 47,056 bytes of it, unpacked",
    ),
    "header only": (lambda good: b"\0\0\x08\x03\0", "no idx data"),
}


@pytest.fixture(params=BROKEN)
def broken(request, fashion):
    """Contents of Fashion-MNIST with one file broken, and what the message must say of it."""
    damage, received = BROKEN[request.param]
    return {**fashion.contents, IMAGES: damage(fashion.contents)}, received


@pytest.mark.parametrize("data", ["auto", "real"])
def test_broken_file_in_data_dir_is_named(fashion, broken, data):
    contents, received = broken
    fashion.place(fashion.cache)
    folder = fashion.place(fashion.own, contents)
    message = error_of(fashion_mnist.load, data, folder)
    assert re.search(f"^{re.escape(str(folder / IMAGES))} .*received .*{received}", message)
    assert "expected train-images-idx3-ubyte, idx data of shape (60, 28, 28)" in message
    assert "Put the published files there or leave --data-dir out" in message


def test_broken_file_in_keras_cache_is_warned_about_and_passed_over(fashion, broken, caplog):
    contents, received = broken
    fashion.place(fashion.cache, contents)
    fashion.place(fashion.system)
    fashion.check(fashion_mnist.load(), "system package")
    (warning,) = caplog.messages
    assert re.search(f"^{re.escape(str(fashion.cache / IMAGES))} .*{received}", warning)
    assert "downloaded again" in warning


def test_broken_file_in_keras_cache_is_downloaded_again(fashion, broken, server, caplog):
    contents, _ = broken
    fashion.place(fashion.cache, contents)
    fashion.publish(base_url=server.serve(fashion.contents))
    fashion.check(fashion_mnist.load(), "download")
    assert server.requests == [IMAGES]  # the whole ones are kept
    assert (fashion.cache / IMAGES).read_bytes() == fashion.contents[IMAGES]


def test_broken_system_package_is_warned_about(fashion, caplog):
    fashion.place(fashion.system, {**fashion.contents, IMAGES: b""})
    assert fashion_mnist.load().source.kind == "built-in"
    assert "reinstall the package" in caplog.text
    assert str(fashion.system / IMAGES) in caplog.text


def test_a_folder_under_a_file_name_cannot_be_read(fashion):
    fashion.place(fashion.own)
    (fashion.own / IMAGES).unlink()
    (fashion.own / IMAGES).mkdir()
    message = error_of(fashion_mnist.load, "real", fashion.own)
    assert f"{fashion.own / IMAGES}: a folder; give the path of one file" in message


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half an archive", HTML])
def test_broken_archive_of_mnist_is_named(tmp_path, monkeypatch, content, caplog):
    small = Miniature(mnist, tmp_path, monkeypatch)
    folder = small.place(small.own, {"mnist.npz": content})
    message = error_of(mnist.load, "auto", folder)
    kind = "HTML page" if content == HTML else "file"
    assert f"{folder / 'mnist.npz'} is damaged or the wrong file: received a {kind}" in message
    assert "expected mnist.npz with SHA-256" in message
    small.place(small.cache, {"mnist.npz": content})
    assert mnist.load().source.kind == "built-in"
    assert str(small.cache / "mnist.npz") in caplog.text


def test_archive_is_never_unpickled(tmp_path, monkeypatch):
    small = Miniature(mnist, tmp_path, monkeypatch)
    buffer = io.BytesIO()
    np.savez(buffer, x_train=np.array([{"a": "pickle"}], dtype=object))
    content = buffer.getvalue()
    small.publish(archive=archive_of("mnist.npz", content))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        mnist.load("real", small.place(small.own, {"mnist.npz": content}))


# --- downloads ----------------------------------------------------------------------------------


class Server:
    """A web server on this machine; `behave` tells how it answers."""

    def __init__(self):
        self.requests, self.contents, self.behave = [], {}, "well"
        self.started, self.stop = threading.Event(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        self._httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._httpd.serve_forever, args=(0.01,)).start()

    def serve(self, contents, behave="well"):
        self.contents, self.behave = contents, behave
        return f"http://127.0.0.1:{self._httpd.server_port}/"

    def answer(self, handler):
        name = handler.path[1:]
        self.requests.append(name)
        if self.behave == "silent":
            self.started.set()
            self.stop.wait(20)
            return
        content = self.contents.get(name)
        if content is None:
            handler.send_error(404)
            return
        if self.behave == "redirecting":
            handler.send_response(302)
            handler.send_header("Location", "/" + next(iter(set(self.contents) - {name}), "other"))
            handler.end_headers()
            return
        handler.send_response(200)
        if self.behave != "endless":
            told = 10**9 if self.behave == "announcing too much" else len(content)
            handler.send_header("Content-Length", str(told))
        handler.end_headers()
        half = len(content) // 2
        handler.wfile.write(content if self.behave == "well" else content[:half])
        self.started.set()
        for _ in range(200 if self.behave == "trickling" else 0):
            handler.wfile.write(b"\0")
            self.stop.wait(0.05)
        with contextlib.suppress(OSError):  # until the other side has enough
            while self.behave == "endless" and not self.stop.is_set():
                handler.wfile.write(bytes(1 << 16))
        if self.behave == "stalling":
            self.stop.wait(20)

    def close(self):
        self.stop.set()
        self._httpd.shutdown()
        self._httpd.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


def test_download_leaves_exactly_the_files_that_keras_expects(miniature, server):
    miniature.publish(base_url=server.serve(miniature.contents))
    miniature.module.load("real")
    assert files_below(miniature.cache.parents[1]) == sorted(miniature.contents)


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        ("truncating", r"cut off after [\d,]+ of [\d,]+ bytes"),
        ("endless", r"more than the [\d,]+ bytes of the file were sent"),
        ("announcing too much", r"it is 1,000,000,000 bytes, expected at most"),
        ("redirecting", "is damaged or the wrong file|HTTP Error 404|infinite loop"),
        ("silent", "no answer within 0.4 s|timed out"),
        ("stalling", "timed out"),
        ("trickling", "not finished within 1 s"),
    ],
)
def test_bad_download_never_becomes_a_cache_entry(miniature, server, monkeypatch, behave, reason):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(download, "TOTAL_SECONDS", 1)
    url = server.serve(miniature.contents, behave)
    miniature.publish(base_url=url)
    started = time.monotonic()
    message = error_of(miniature.module.load, "real")
    assert time.monotonic() - started < 5
    assert re.search(rf"{url}\S+ .*({reason})", message)
    assert files_below(miniature.cache.parents[1]) == []


@pytest.mark.parametrize(
    "content", [b"", HTML, b"\0" * 500, gzip.compress(b"\0\0\x08\x01", mtime=0)]
)
def test_download_with_wrong_content_never_becomes_a_cache_entry(miniature, server, content):
    wrong = dict.fromkeys(miniature.contents, content)
    miniature.publish(base_url=server.serve(wrong))
    message = error_of(miniature.module.load, "real")
    assert "download (http://127.0.0.1" in message
    assert "is damaged or the wrong file: received" in message
    assert files_below(miniature.cache.parents[1]) == []
    assert miniature.module.load("auto").source.kind == "built-in"


def test_missing_page_is_reported(miniature, server):
    miniature.publish(base_url=server.serve({}))
    assert "HTTP Error 404" in error_of(miniature.module.load, "real")


def test_connection_limit_covers_name_lookup(miniature, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(2) or [])
    started = time.monotonic()
    message = error_of(miniature.module.load, "real")
    assert time.monotonic() - started < 1
    assert "no answer within 0.2 s" in message


def test_interrupt_while_receiving_leaves_nothing(miniature, server, monkeypatch):
    miniature.publish(base_url=server.serve(miniature.contents))

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_show_progress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        miniature.module.load()
    assert files_below(miniature.cache.parents[1]) == []


def test_interrupt_while_writing_leaves_nothing(miniature, server, monkeypatch):
    miniature.publish(base_url=server.serve(miniature.contents))
    whole = pathlib.Path.write_bytes

    def write_half(path, content):
        whole(path, content[: len(content) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(pathlib.Path, "write_bytes", write_half)
    with pytest.raises(KeyboardInterrupt):
        miniature.module.load()
    assert files_below(miniature.cache.parents[1]) == []


def test_full_disk_is_reported_and_leaves_nothing(miniature, server, monkeypatch):
    miniature.publish(base_url=server.serve(miniature.contents))
    whole = pathlib.Path.write_bytes

    def write_half(path, content):
        whole(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_bytes", write_half)
    message = error_of(miniature.module.load, "real")
    first = next(iter(miniature.contents))
    assert f"{miniature.cache / first} could not be written: No space left on device" in message
    assert "KERAS_HOME" in message
    assert files_below(miniature.cache.parents[1]) == []


def test_unwritable_cache_is_reported(miniature, server, tmp_path):
    (tmp_path / "keras").write_text("a file where the folder should be")
    miniature.publish(base_url=server.serve(miniature.contents))
    assert "could not be written" in error_of(miniature.module.load, "real")


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_killed_download_leaves_no_cache_entry(server, tmp_path, name):
    module = importlib.import_module(f"datasets.{name}")
    files = (module.PUBLISHED.archive,) if module.PUBLISHED.archive else module.PUBLISHED.files
    url = server.serve({file.download_name: b"\0" * 500_000 for file in files}, "stalling")
    program = (
        f"import dataclasses\nfrom datasets import {name} as module\n"
        f"changes = dict(base_url={url!r}, system_folder=None)\n"
        f"module.PUBLISHED = dataclasses.replace(module.PUBLISHED, **changes)\n"
        f"module.load('real')"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY) as process:
        half_is_sent = server.started.wait(20)
        time.sleep(0.2)
        process.kill()
    assert half_is_sent
    assert process.returncode == -signal.SIGKILL
    assert files_below(tmp_path / "keras") == []


def test_progress_is_shown_on_a_terminal_only(fashion, server, monkeypatch, capsys):
    fashion.publish(base_url=server.serve(fashion.contents))
    fashion_mnist.load("real")
    assert capsys.readouterr().err == ""
    (fashion.cache / IMAGES).unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fashion_mnist.load("real")
    shown = capsys.readouterr().err
    assert re.search(rf"downloading http\S+{IMAGES}: 0.0 of 0.0 MB\n$", shown)


@pytest.mark.parametrize("module", [fashion_mnist, mnist])
def test_addresses_and_checksums_are_those_of_keras(module):
    keras = pathlib.Path(importlib.util.find_spec("keras").origin).parent  # not imported: 5 s
    name = module.__name__.split(".")[-1]
    source = (keras / "src" / "datasets" / f"{name}.py").read_text()
    published = REAL[module]
    assert f'"{published.base_url}"' in source
    if published.archive:
        assert f'"{published.archive.sha256}"' in source
    else:
        assert all(f'"{file.download_name}"' in source for file in published.files)


# --- built-in data --------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [fashion_mnist, mnist])
def test_built_in_images_by_seed(module):
    first, again, other = (module.load("builtin", seed=seed) for seed in (1, 1, 2))
    assert [len(part) for part in (first.train, first.validation, first.test)] == [1151, 287, 359]
    np.testing.assert_array_equal(first.train.x, again.train.x)
    assert not np.array_equal(first.train.x, other.train.x)
    np.testing.assert_array_equal(first.test.x, other.test.x)
    check_stratified(first.test.y, np.concatenate([first.train.y, first.test.y]), 10)


def test_built_in_images_are_scikit_learns_digits_enlarged():
    loaded = fashion_mnist.load("builtin")
    assert "handwritten digits instead of clothes" in loaded.source.name
    large, small = loaded.test, digits.load(seed=0).test
    np.testing.assert_array_equal(large.y, small.y)
    assert (large.x.dtype, large.x.max()) == (np.uint8, 255)
    places = np.rint(4.75 + 2.5 * np.arange(8)).astype(int)  # the middles of the small pixels
    pixels = large.x[:, places][:, :, places]
    np.testing.assert_allclose(pixels / 255, small.x / 16, atol=0.25)
    assert not large.x[:, :4].any()  # MNIST's margin of 4 pixels
    assert not large.x[:, :, -4:].any()


@pytest.mark.parametrize("module", [fashion_mnist, mnist])
def test_ten_class_names(module):
    assert len(set(module.CLASS_NAMES)) == 10
    assert module.load("builtin").test.x.shape[1:] == module.IMAGE_SHAPE


# --- a published table --------------------------------------------------------------------------

# Two rows of the census, as published, between others: as in the npz file, and what scikit-learn's
# fetch_california_housing gives for them.
COUNTS = np.array(
    [
        [-122.23, 37.88, 41.0, 880.0, 129.0, 322.0, 126.0, 8.3252],
        [-122.22, 37.86, 21.0, 7099.0, 1106.0, 2401.0, 1138.0, 8.3014],
    ]
    * 5,
    dtype="float32",
)
DOLLARS = np.array([452600.0, 358500.0] * 5, dtype="float32")
DERIVED = [8.3252, 41.0, 6.98412698, 1.02380952, 322.0, 2.55555556, 37.88, -122.23]


@pytest.fixture
def census(monkeypatch):
    """The file of a small California housing, by its name."""
    buffer = io.BytesIO()
    np.savez(buffer, x=COUNTS, y=DOLLARS)
    archive = archive_of("california_housing.npz", buffer.getvalue())
    published = dataclasses.replace(california_housing.PUBLISHED, archive=archive)
    monkeypatch.setattr(california_housing, "PUBLISHED", published)
    return {archive.name: buffer.getvalue()}


def check_districts(parts, name, origin):
    assert (parts.source.kind, parts.source.origin, parts.source.name) == ("real", origin, name)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [6, 2, 2]
    x, y = rows_by_label(parts)
    assert tuple(x.columns) == california_housing.FEATURE_NAMES
    np.testing.assert_allclose(x.iloc[0], DERIVED, rtol=1e-6)
    np.testing.assert_allclose(y[:2], [4.526, 3.585], rtol=1e-6)


def test_districts_are_downloaded_and_kept(census, server, monkeypatch):
    published = california_housing.PUBLISHED
    published = dataclasses.replace(published, base_url=server.serve(census))
    monkeypatch.setattr(california_housing, "PUBLISHED", published)
    for origin in ("download", "Keras cache"):
        check_districts(california_housing.load("real"), "California housing", origin)
    assert server.requests == list(census)


def write_housing(path, **changes):
    names = (*california_housing.COUNTED, "ocean_proximity")
    rows = np.column_stack([COUNTS, DOLLARS, np.zeros(len(DOLLARS))])
    table = pd.DataFrame(rows, columns=names).assign(**changes)
    table[table.columns[::-1]].to_csv(path, index=False)


def test_districts_may_come_from_the_table_with_gaps(tmp_path):
    write_housing(tmp_path / "housing.csv")
    table = pd.read_csv(tmp_path / "housing.csv")
    gaps = pd.concat([table, table.assign(total_bedrooms=np.nan).head(3)])
    gaps.to_csv(tmp_path / "housing.csv", index=False)
    name = "California housing (derived from housing.csv: 10 of 13 rows, none missing)"
    check_districts(california_housing.load("real", tmp_path), name, "--data-dir")


def test_the_published_districts_come_before_the_table_with_gaps(census, tmp_path):
    (tmp_path / "housing.csv").write_text("broken")
    for name, content in census.items():
        (tmp_path / name).write_bytes(content)
    parts = california_housing.load("real", tmp_path)
    check_districts(parts, "California housing", "--data-dir")


def test_districts_that_are_not_there_or_not_the_census_are_an_error(census, tmp_path):
    message = error_of(california_housing.load, "auto", tmp_path)
    assert f"{tmp_path} holds no california_housing.npz, nor housing.csv" in message
    write_housing(tmp_path / "housing.csv", population="many")
    message = error_of(california_housing.load, "auto", tmp_path)
    assert "housing.csv cannot be read as the census" in message
    assert "median_house_value" in message
    (tmp_path / "california_housing.npz").write_bytes(b"broken")
    message = error_of(california_housing.load, "auto", tmp_path)
    assert "damaged or the wrong file" in message


def test_synthetic_districts_by_seed():
    first, again, other = (california_housing.load(seed=seed) for seed in (1, 1, 2))
    assert first.source.kind == "built-in"
    np.testing.assert_array_equal(first.test.x, again.test.x)
    assert not np.array_equal(first.test.x, other.test.x)
    assert np.isfinite(first.train.x.to_numpy()).all()
    assert first.train.x["AveBedrms"].lt(first.train.x["AveRooms"]).all()


# --- the package --------------------------------------------------------------------------------


def test_importing_every_data_set_is_quick_and_loads_no_heavy_package():
    names = [path.stem for path in (REPOSITORY / "datasets").glob("*.py") if path.stem[0] != "_"]
    program = (
        f"import sys, {', '.join('datasets.' + name for name in names)}\n"
        f"print({{'keras', 'tensorflow', 'sklearn', 'scipy', 'pandas'}} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
    assert run.stderr == ""


@pytest.mark.slow
def test_real_fashion_mnist_from_the_system_package(monkeypatch):
    published = REAL[fashion_mnist]
    monkeypatch.setattr(fashion_mnist, "PUBLISHED", published)
    if not published.system_folder.is_dir():
        pytest.skip("apt-get install dataset-fashion-mnist")
    parts = fashion_mnist.load("real")
    assert parts.source == splits.Source("Fashion-MNIST", "real", "system package", "MIT")
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [55_000, 5_000, 10_000]
    assert np.bincount(parts.validation.y).tolist() == [500] * 10
    assert np.bincount(parts.test.y).tolist() == [1000] * 10
    assert parts.test.y[:5].tolist() == [9, 2, 1, 1, 6]  # as published, in published order
