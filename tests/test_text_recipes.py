"""Published texts: archives and files as served or unpacked, splits, wrong input, recipes."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import pathlib
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from benchmarks import classics
from datasets import imdb, nsmc, sms_spam
from keras_recipes import recipe as contract
from keras_recipes.data import columns
from keras_recipes.data.texts import own_texts
from keras_recipes.errors import InputError
from keras_recipes.features import kinds, parts
from recipes import imdb as imdb_recipe, imdb_gru, nsmc as nsmc_recipe, sms_spam as sms_recipe

MODULES = (imdb, nsmc, sms_spam)
NUM_REVIEWS = 20  # of each class, in train and in test
HTML = b"<!doctype html><title>404</title>"


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    """Touch nothing real: no cache of this user, no network; the sets are small ones."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    nowhere = {"base_url": "http://127.0.0.1:9/"}  # the discard port: refused at once
    archive = dataclasses.replace(
        imdb.PUBLISHED.archive,
        md5=hashlib.md5(packed(reviews())).hexdigest(),
        num_texts=NUM_REVIEWS,
        max_missing=1,
    )
    messages = dataclasses.replace(sms_spam.PUBLISHED.messages, num_rows=len(MESSAGES))
    train = dataclasses.replace(nsmc.PUBLISHED.train, num_rows=60)
    test = dataclasses.replace(nsmc.PUBLISHED.test, num_rows=20)
    publish(monkeypatch, imdb, archive=archive, validation_rows=10, **nowhere)
    publish(monkeypatch, sms_spam, messages=messages, **nowhere)
    publish(monkeypatch, nsmc, train=train, test=test, validation_rows=10, **nowhere)


def publish(monkeypatch, module, **changes):
    monkeypatch.setattr(module, "PUBLISHED", dataclasses.replace(module.PUBLISHED, **changes))


def reviews(missing=0):
    """Files of a small IMDB: one text of train stands in test, one stands twice in train."""
    found = {}
    for part in ("train", "test"):
        for name in ("neg", "pos"):
            for number in range(NUM_REVIEWS):
                text = f"{part} {name} {number}<br /><br />a “film”"
                found[f"aclImdb/{part}/{name}/{number}_{3 if name == 'neg' else 8}.txt"] = text
    found["aclImdb/train/neg/7_3.txt"] = found["aclImdb/test/neg/3_3.txt"]
    found["aclImdb/train/pos/5_8.txt"] = found["aclImdb/train/pos/4_8.txt"]
    others = {"aclImdb/README": "of the authors", "aclImdb/train/unsup/0_0.txt": "no class"}
    kept = dict(list(found.items())[missing:])
    return {name: text.encode() for name, text in {**others, **kept}.items()}


def packed(files, packing="gz"):
    buffer = io.BytesIO()
    keywords = {"compresslevel": 1} if packing == "gz" else {}
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}", **keywords) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = buffer.getvalue()
    return content[:4] + bytes(4) + content[8:] if packing == "gz" else content  # without a time


# Two that differ in digits only, one that stands twice, quotes that are no quotes.
MESSAGES = [
    *(("ham", f"see you at the {place}") for place in "abcdefghijklmnopqrstuvwxy"),
    *(("spam", f"win a prize of {place}") for place in "abcdefghi"),
    ("spam", "call 0900 111"),
    ("spam", "call 0900 222"),
    ("ham", '"ok'),
    ("ham", '"ok'),
]
SMS = "".join(f"{label}\t{text}\n" for label, text in MESSAGES).encode()


def zipped(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme", "of the authors")
        archive.writestr(name, content)
    return buffer.getvalue()


SMS_ZIP = zipped("SMSSpamCollection", SMS)


def ratings(num_rows, movies=None, header="id\tdocument\tlabel"):
    rows = [header + "\tmovie" * (movies is not None)]
    for row in range(num_rows):
        text = "" if row == 3 else f'영화 {num_rows} {row} "최고'
        film = f"\t{row % movies}" if movies else ""
        rows.append(f"{row}\t{text}\t{row % 2}{film}")
    return ("\n".join(rows) + "\n").encode()


NSMC = {"ratings_train.txt": ratings(60), "ratings_test.txt": ratings(20)}
BY_FILM = {
    "nsmc_ratings_train.txt.gz": gzip.compress(ratings(60, movies=12)),
    "nsmc_ratings_test.txt.gz": gzip.compress(ratings(20, movies=12)),
}
SERVED = {
    imdb: {"aclImdb_v1.tar.gz": packed(reviews())},
    sms_spam: {"sms+spam+collection.zip": SMS_ZIP},
    nsmc: NSMC,
}


def place(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def parts_of(found):
    return found.train, found.validation, found.test


def texts_of(*splits):
    return sorted(text for split in splits for text in split.x["text"])


def error_of(load, *arguments, **options):
    """The message of the InputError that load raises; one line of it."""
    with pytest.raises(InputError) as caught:
        load(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


LAYOUTS = {
    "served archive": SERVED[imdb],
    "another archive": {"aclImdb.tar.xz": packed(reviews(), "xz")},
    "unpacked": reviews(),
    "inside": {name.removeprefix("aclImdb/"): one for name, one in reviews().items()},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reviews_in_each_layout(tmp_path, layout):
    found = imdb.load("real", place(tmp_path / "own", LAYOUTS[layout]))
    assert (found.source.name, found.source.origin) == ("IMDB reviews", "--data-dir")
    # Of 40 training texts one stands in test, and one is a copy.
    assert [len(split) for split in parts_of(found)] == [28, 10, 40]
    every = texts_of(found.train, found.validation)
    assert len(set(every)) == 38
    assert not set(every) & set(texts_of(found.test))
    assert "train neg 0  a “film”" in every
    assert all(text.split()[0] == "test" for text in found.test.x["text"])
    for split in parts_of(found):
        assert (split.x.dtypes == columns.text_dtype()).all()
        assert split.y.dtype == np.int32
        assert [" pos " in text for text in split.x["text"]] == (split.y == 1).tolist()


def test_reviews_may_lack_a_few_but_not_many(tmp_path):
    one, few = (
        place(tmp_path / str(missing), {"aclImdb.tar.xz": packed(reviews(missing), "xz")})
        for missing in (1, 2)
    )
    assert imdb.load("real", one).source.name == "IMDB reviews (79 of 80 reviews)"
    message = error_of(imdb.load, "real", few)
    assert "aclImdb.tar.xz is damaged or the wrong file (18 in train/neg, 20 in" in message
    assert "expected 20 reviews in each of train/neg, train/pos" in message


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("aclImdb_v1.tar.gz", HTML, "an HTML page of 33 bytes"),
        ("aclImdb_v1.tar.gz", packed(reviews(1)), r"another file of [\d,]+ bytes, without the MD5"),
        ("aclImdb.tar.xz", HTML, r"file could not be opened successfully\)"),
        ("aclImdb.tar.xz", packed(reviews(), "xz")[:-90], "ended before"),
        ("aclImdb.tar.xz", packed({"a/train/neg/1_1.txt": b"\xff"}, "xz"), "can't decode"),
    ],
)
def test_a_damaged_archive_of_reviews_is_named(tmp_path, name, content, said):
    folder = place(tmp_path / "own", {name: content})
    with pytest.raises(InputError, match=f"^[^\n]*{name} is damaged[^\n]*{said}[^\n]*$"):
        imdb.load("auto", folder)


@pytest.mark.parametrize(
    "files",
    [SERVED[sms_spam], {"SMSSpamCollection": SMS}, {"sms.tsv": SMS}],
    ids=["archive", "file", "table"],
)
def test_messages_stand_once_and_alike_ones_together(tmp_path, files):
    folder = place(tmp_path / "own", files)
    for seed in range(3):
        found = sms_spam.load("real", folder, seed)
        assert texts_of(*parts_of(found)) == sorted({text for _, text in MESSAGES})
        for split in parts_of(found):
            assert [text[:4] in ("win ", "call") for text in split.x["text"]] == split.y.tolist()
        letters = [set(map(own_texts.letters, split.x["text"])) for split in parts_of(found)]
        assert sum(map(len, letters)) == len(set.union(*letters))


@pytest.mark.parametrize("files", [NSMC, {f"{n}.gz": gzip.compress(c) for n, c in NSMC.items()}])
def test_ratings_keep_their_test_rows_without_empty_ones(tmp_path, files):
    found = nsmc.load("real", place(tmp_path / "own", files))
    assert [len(split) for split in parts_of(found)] == [49, 10, 19]
    assert [*found.train.x] == ["text"]
    assert found.test.x["text"].tolist()[:2] == ['영화 20 0 "최고', '영화 20 1 "최고']
    for split in parts_of(found):
        numbers = [int(text.split()[2]) for text in split.x["text"]]
        assert [number % 2 for number in numbers] == split.y.tolist()


def test_ratings_by_film(tmp_path):
    found = nsmc.load("real", place(tmp_path / "own", BY_FILM), by_film=True)
    every = [set(split.groups) for split in parts_of(found)]
    assert sum(map(len, every)) == len(set.union(*every)) == 12
    assert len(texts_of(*parts_of(found))) == len(set(texts_of(*parts_of(found)))) == 78
    assert [*found.train.x] == ["text"]
    for split in parts_of(found):
        films = [str(int(text.split()[2]) % 12) for text in split.x["text"]]
        assert films == split.groups.tolist()
    plain = nsmc.load("real", tmp_path / "own")
    assert [*plain.train.x] == ["text"]
    assert plain.train.groups is None


def test_a_split_by_film_without_films_says_what_is_missing(tmp_path):
    folder = place(tmp_path / "own", NSMC)
    message = error_of(nsmc.load, "auto", folder, by_film=True)
    assert message.startswith("--by-film: the files of NSMC (--data-dir) lack the column movie")


@pytest.mark.parametrize(
    ("module", "name", "content", "said"),
    [
        (sms_spam, "sms.tsv", HTML, "1 rows"),
        (sms_spam, "sms.tsv", SMS[:-9], "37 rows"),
        (sms_spam, "sms.tsv", SMS.replace(b"spam\tcall", b"eggs\tcall"), "the label 'eggs'"),
        (sms_spam, "sms.tsv", b"\xff" + SMS, "can't decode byte"),
        (sms_spam, "sms.tsv", b"", "it holds 0 rows"),
        (sms_spam, "sms+spam+collection.zip", SMS_ZIP[:-30], "not a zip file"),
        (sms_spam, "sms+spam+collection.zip", zipped("other", SMS), "holds no SMSSpamCollection"),
        (nsmc, "ratings_test.txt", ratings(20, header="a\tb\tc"), "lacks the column id, document"),
        (nsmc, "ratings_test.txt.gz", gzip.compress(ratings(20))[:-50], "ended before"),
        (nsmc, "ratings_test.txt", ratings(19), "19 rows"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, module, name, content, said):
    files = {"ratings_train.txt": NSMC["ratings_train.txt"]} if module is nsmc else {}
    message = error_of(module.load, "auto", place(tmp_path / "own", {**files, name: content}))
    assert f"{tmp_path / 'own' / name} is damaged or the wrong file (" in message
    assert said in message
    assert "rows with the columns" in message


@pytest.mark.parametrize("module", MODULES)
def test_a_folder_without_the_files_names_them(tmp_path, module):
    (tmp_path / "own").mkdir()
    message = error_of(module.load, "auto", tmp_path / "own")
    assert f"{tmp_path / 'own'} holds no " in message
    assert next(iter(SERVED[module])) in message
    message = error_of(module.load, "real")
    assert f"no real {module.PUBLISHED.name} found" in message
    assert "refused" in message


@pytest.fixture
def serve():
    """Start a server of files; what it returns is asked for by their names."""
    started = []

    def start(files):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = files[self.path[1:]]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("module", MODULES)
def test_files_are_downloaded_and_kept(module, serve, monkeypatch):
    publish(monkeypatch, module, base_url=serve(SERVED[module]))
    first = module.load("real")
    publish(monkeypatch, module, base_url="http://127.0.0.1:9/")
    again = module.load("real")
    assert [one.source.origin for one in (first, again)] == ["download", "Keras cache"]
    assert texts_of(*parts_of(first)) == texts_of(*parts_of(again))


@pytest.mark.parametrize("module", MODULES)
def test_a_wrong_download_is_not_kept(module, serve, monkeypatch, tmp_path):
    publish(monkeypatch, module, base_url=serve(dict.fromkeys(SERVED[module], HTML)))
    assert "damaged or the wrong file" in error_of(module.load, "real")
    assert not [path for path in (tmp_path / "keras").rglob("*") if path.is_file()]
    assert module.load().source.kind == "built-in"


@pytest.mark.parametrize("module", MODULES)
def test_synthetic_texts_by_seed(module):
    first, again, other = (module.load("builtin", seed=seed) for seed in (1, 1, 2))
    assert "built-in data for" in first.source.name
    assert first.train.x["text"].tolist() == again.train.x["text"].tolist()
    assert first.train.x["text"].tolist() != other.train.x["text"].tolist()
    rows = np.concatenate([split.y for split in parts_of(first)])
    assert rows.mean() == pytest.approx(sms_spam.RARE if module is sms_spam else 0.5, abs=0.05)
    assert kinds.of(first).tokens == ("characters" if module is nsmc else "words")
    by_film = nsmc.load("builtin", by_film=True)
    assert not set(by_film.train.groups) & set(by_film.test.groups)


def test_texts_have_no_peers_of_tables():
    assert classics.score(sms_recipe.PROBLEM, sms_spam.load("builtin")) == {}


def test_the_flag_of_films_reaches_the_data():
    config = nsmc_recipe.Config(data="builtin", by_film=True)
    assert nsmc_recipe.load_data(config).train.groups is not None


@pytest.mark.second_tier
def test_a_gru_reads_the_words_alone_and_not_what_fills_up_a_short_text():
    data = imdb.load("builtin")
    short, long = (
        contract.build_model(imdb_gru, imdb_gru.Config(length=length), data) for length in (30, 60)
    )
    parts.of(short).adapt(data.train)
    parts.of(long).adapt(data.train)
    parts.of(long).network.set_weights(parts.of(short).network.get_weights())
    outputs = [parts.of(model).predict(data.test.x[:20]) for model in (short, long)]
    assert np.ptp(outputs[0]) > 0
    np.testing.assert_allclose(*outputs, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "name", "score", "least"),
    [(imdb_recipe, "aclImdb.tar.xz", "accuracy", 0.9), (sms_recipe, "sms.tsv", "f1", 0.93)],
)
def test_scores_on_real_data(recipe, name, score, least, tmp_path, request):
    import keras_recipes

    folder = pathlib.Path(request.config.rootpath).parent / "shared" / "data"
    if not (folder / name).exists():
        pytest.skip(f"no {name} beside the repository")
    request.getfixturevalue("monkeypatch").undo()
    settings = {"data": "real", "data_dir": folder, "baselines": False}
    found = keras_recipes.train(recipe, out=tmp_path / "run", quiet=True, **settings)
    assert found.metrics["test"][score] >= least
