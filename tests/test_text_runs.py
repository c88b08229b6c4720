"""Runs on texts of the user's own: trained, predicted, exported, searched and copied."""

import json
import pathlib
import unicodedata

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import keras_recipes
import tuning
from keras_recipes.commands import copy, example
from keras_recipes.data.synthetic import sentences
from keras_recipes.errors import InputError
from keras_recipes.features import texts
from keras_recipes.runs.exports import export
from recipes import text

pytestmark = pytest.mark.second_tier
QUICK = {
    "epochs": 2, "refit": False, "embedding_size": 4, "units": 4, "max_tokens": 3000, "length": 40,
    "verbose": False,
}  # fmt: skip
KOREAN = {"good": "맛있다 좋은", "bad": "별로다 나쁜", "soup": "국물", "service": "서비스"}
ODD = [
    "The SOUP was GOOD, not bad!",
    "Le CAFÉ était très bon à l'été",
    unicodedata.normalize("NFD", "Le café était très bon; Tiếng Việt, 맛있다 국물"),
    "국물 맛있다 좋은 👍🏽❤️",
    "the soup\r\nwas\tgood\u3000 \x01 and fresh",
    "",
    "!!!",
    "[UNK] word " * 300,
    "x" * 10_000,
    'she said "good"',
]


def reviews(num=120):
    """Sentences, every third in Korean words."""
    rows = sentences.draw(num)
    third = rows.index % 3 == 0
    rows.loc[third, "text"] = rows.loc[third, "text"].replace(KOREAN, regex=True)
    return rows


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each network, by words or characters, each once."""
    made = {}

    def run(network, tokens):
        if (network, tokens) not in made:
            out = tmp_path_factory.mktemp("run") / "run"
            settings = {"network": network, "tokens": tokens, "out": out, "target": "opinion"}
            settings["baselines"] = (network, tokens) == ("ngrams", "words")
            made[network, tokens] = keras_recipes.train(text, csv=reviews(), **settings, **QUICK)
        return made[network, tokens]

    return run


@pytest.fixture
def run(runs):
    return runs("ngrams", "words")


@pytest.mark.parametrize("tokens", ["words", "characters"])
@pytest.mark.parametrize("network", ["ngrams", "conv", "gru"])
def test_an_export_predicts_strings_as_the_run_does(runs, network, tokens, tmp_path, recwarn):
    run = runs(network, tokens)
    assert not [one for one in recwarn if "mask" in str(one.message)]
    export.export(run.folder, tmp_path / "served")
    predicted = keras_recipes.predict(run, pd.DataFrame({"text": ODD}))
    wanted = predicted[[f"p({name})" for name in run.problem.class_names]].to_numpy()
    serve = tf.saved_model.load(tmp_path / "served").signatures["serve"]
    served = serve(text=tf.constant(ODD))
    np.testing.assert_allclose(served["probabilities"], wanted, atol=1e-5)
    assert [one.decode() for one in served["prediction"].numpy()] == predicted[
        "prediction"
    ].tolist()
    broken = serve(text=tf.constant([b"good \xff\xc3 soup", "good \ufffd\ufffd soup".encode()]))
    np.testing.assert_allclose(*broken["probabilities"].numpy(), atol=1e-6)


def test_a_run_leaves_its_terms_and_mistakes(run):
    left = {path.name for path in run.folder.iterdir()}
    assert {"model.keras", "confusion.png", "probabilities.png", "terms.png"} <= left
    assert list(run.baselines) == [
        "majority_class", "svm_on_tf_idf", "logistic_regression_on_nb_weights",
    ]  # fmt: skip
    terms = run.metrics["terms"]
    assert set(terms) == {"negative", "positive"}
    assert {"good", "fresh", "warm", "tasty", "quick", "clean"} & {*terms["positive"]}
    values = [*terms["positive"].values()]
    assert values == sorted(values, reverse=True)
    assert min(values) > 0
    mistakes = pd.read_csv(run.folder / "mistakes.csv")
    assert list(mistakes.columns) == ["true", "predicted", "probability", "text"]
    assert (mistakes["true"] != mistakes["predicted"]).all()
    assert mistakes["probability"].is_monotonic_decreasing
    assert {*mistakes["text"]} <= {*reviews()["text"]}


def test_a_network_of_characters_is_explained_by_words_or_ngrams_without_spaces(runs):
    run = runs("ngrams", "characters")
    terms = run.metrics["terms"]
    assert {"good", "fresh", "warm", "tasty", "quick", "clean"} & {*terms["positive"]}
    words = {*" ".join(reviews()["text"]).lower().replace(";", " ").replace(".", " ").split()}
    assert {*terms["positive"], *terms["negative"]} <= {*(word.strip(",") for word in words)}
    unspaced = reviews().assign(text=lambda rows: rows["text"].str.replace(" ", ""))
    for side in texts.TextParts(run.model).speaking(unspaced, 10):
        assert side
        assert all(1 < len(term.strip()) <= 4 for term, _ in side)
        assert any(term in "".join(unspaced["text"]) for term, _ in side)


def test_files_folders_and_tables_are_predicted_alike(run, tmp_path, caplog):
    rows = reviews(12)
    loaded = keras_recipes.load_run(run.folder)
    by_frame = keras_recipes.predict(loaded, rows)
    assert by_frame.attrs["scores"]["rows"] == 12
    rows.to_csv(tmp_path / "new.csv", index=False)
    assert keras_recipes.predict(loaded, tmp_path / "new.csv").equals(by_frame)
    (tmp_path / "texts").mkdir()
    for number, one in enumerate(rows["text"], start=10):
        (tmp_path / f"texts/{number}.txt").write_text(one, encoding="utf-8")
    (tmp_path / "texts/99.txt").write_bytes(b"the soup was good " * 9 + b"\0 not bad")
    by_folder = keras_recipes.predict(loaded, tmp_path / "texts")
    assert "99.txt: not text" in caplog.text
    assert by_folder["input"].tolist() == [f"{number}.txt" for number in range(10, 22)]
    np.testing.assert_allclose(by_folder["p(positive)"], by_frame["p(positive)"], atol=1e-6)
    alone = keras_recipes.predict(loaded, tmp_path / "texts/13.txt")
    np.testing.assert_allclose(alone["p(positive)"], by_frame["p(positive)"][3:4], atol=1e-6)


def test_empty_texts_are_counted_before_their_predictions(run, caplog):
    rows = pd.DataFrame({"text": ["good soup", "", "  "]})
    assert len(keras_recipes.predict(run, rows)) == 3
    assert "2 of 3 texts are empty" in caplog.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 4)), "received an array of shape"),
        (pd.DataFrame({"txt": ["good"]}), "missing column"),
        ("no.txt", "no such file"),
        ("empty", "no .txt files"),
        ("bytes.txt", "holds null bytes"),
    ],
)
def test_what_is_no_text_is_one_line(run, given, said):
    pathlib.Path("empty").mkdir()
    pathlib.Path("bytes.txt").write_bytes(b"the soup was good " * 9 + b"\0 not bad")
    with pytest.raises(InputError, match=said) as refused:
        keras_recipes.predict(run, given)
    assert "\n" not in str(refused.value)


def test_stars_of_several_columns_are_a_regression(tmp_path):
    rows = reviews().rename(columns={"text": "body"})
    stars = np.where(rows.pop("opinion") == "positive", 4.5, 1.5) + np.arange(len(rows)) % 2 / 2
    rows = rows.assign(title="a visit", stars=stars)
    out = tmp_path / "stars"
    found = keras_recipes.train(
        text, csv=rows, text=("title", "body"), target="stars", out=out, **QUICK
    )
    assert found.problem.is_regression
    assert list(found.baselines) == ["mean", "ridge_on_tf_idf"]
    assert set(found.metrics["terms"]) == {"lower", "higher"}
    assert list(pd.read_csv(out / "mistakes.csv").columns) == ["true", "predicted", "text"]
    described = export.export(out, tmp_path / "served")["inputs"]["text"]
    assert described == "the text in UTF-8 (column body, title, joined by line breaks)"
    serve = tf.saved_model.load(tmp_path / "served").signatures["serve"]
    joined = (rows["body"] + "\n" + rows["title"]).tolist()
    served = serve(text=tf.constant(joined))["prediction"]
    predicted = keras_recipes.predict(found, rows)["prediction"]
    np.testing.assert_allclose(served, predicted, atol=1e-5)


@pytest.mark.parametrize(
    ("bad", "good"),
    [("👎", "👍"), ("!", "?"), ("[UNK] ", "[UNK] again "), ("हा", "कि ")],
)
def test_texts_of_hardly_any_words_are_learned_from(bad, good, tmp_path):
    made = [(bad, good)[n % 2] * (n // 2 + 2) for n in range(60)]
    frame = pd.DataFrame({"text": made, "label": [f"{n % 3}" for n in range(60)]})
    found = keras_recipes.train(text, csv=frame, target="label", out=tmp_path / "run", **QUICK)
    assert len(keras_recipes.predict(found, frame)) == 60


def test_one_text_of_a_megabyte_stands_beside_short_ones(tmp_path):
    rows = reviews(60)
    rows.loc[0, "text"] = "good soup " * 100_000
    found = keras_recipes.train(text, csv=rows, target="opinion", out=tmp_path / "run", **QUICK)
    assert len(keras_recipes.predict(found, rows)) == 60


@pytest.fixture
def folder(tmp_path):
    for number, (one, label) in enumerate(reviews(60).itertuples(index=False)):
        file = tmp_path / "opinions" / label / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(one, encoding="utf-8")
    return tmp_path / "opinions"


def test_a_search_takes_tables_and_folders(folder, tmp_path):
    settings = {"trials": 2, "epochs": 1, "quiet": True, "tokens": "characters"}
    found = tuning.search("text", csv=folder, out=tmp_path / "search", **settings)
    assert len(found.trials) == 2
    assert json.loads((tmp_path / "search/best/config.json").read_text())["tokens"] == "characters"
    found = tuning.search(
        "text",
        csv=reviews(60),
        target="opinion",
        text=("text",),
        out=tmp_path / "other",
        **settings,
    )
    assert json.loads((tmp_path / "other/best/metrics.json").read_text())["recipe"] == "text"


def test_a_copy_has_the_texts_beside_its_recipe(folder, tmp_path):
    copy.copy(copy.Copy(recipe="text", folder=tmp_path / "mine", csv=folder, tokens="words"))
    source = (tmp_path / "mine/recipes/mine.py").read_text().replace("'", '"')
    line = 'csv: configs.TableFile = pathlib.Path(__file__).with_name("opinions")\n'
    assert line in source
    assert 'tokens: typing.Literal["auto", "words", "characters"] = "words"\n' in source
    assert "Run: python -m recipes.mine\n" in source
    assert len(list((tmp_path / "mine/recipes/opinions").rglob("*.txt"))) == 60
    table = tmp_path / "reviews.csv"
    reviews().to_csv(table, index=False)
    copy.copy(copy.Copy(recipe="text", folder=tmp_path / "yours", csv=table, target="opinion"))
    source = (tmp_path / "yours/recipes/yours.py").read_text().replace("'", '"')
    assert 'pathlib.Path(__file__).with_name("reviews.csv")\n' in source
    assert 'target: str | None = "opinion"\n' in source
    assert (tmp_path / "yours/recipes/reviews.csv").read_bytes() == table.read_bytes()


@pytest.mark.parametrize(
    ("recipe", "given", "said"),
    [
        ("text", {"target": "opinoin"}, "--target opinoin: there is no such column"),
        ("text", {"target": "opinion", "drop": ("text",)}, "--drop: text has no such setting"),
        ("tabular", {"target": "opinion", "tokens": "words"}, "--tokens: tabular has no such"),
    ],
)
def test_a_copy_refuses_flags_of_other_recipes(recipe, given, said, tmp_path):
    reviews().to_csv(tmp_path / "reviews.csv", index=False)
    with pytest.raises(InputError, match=said):
        copy.copy(
            copy.Copy(
                recipe=recipe, folder=tmp_path / "mine", csv=tmp_path / "reviews.csv", **given
            )
        )
    assert not (tmp_path / "mine").exists()


def test_example_texts_are_written_to_train_and_to_predict(tmp_path):
    example.example(example.Example(folder=tmp_path, texts=True))
    known, new = (pd.read_csv(tmp_path / name) for name in ("reviews.csv", "new_reviews.csv"))
    assert known.shape == (1000, 2)
    assert list(new.columns) == ["text"]
    assert len(new) == example.NUM_NEW
    with pytest.raises(InputError, match="give one of the two"):
        example.example(example.Example(folder=tmp_path, images=True, texts=True))
