"""Folders of images as people have them: each trouble is rebuilt, and ends in the right value."""

import contextlib
import gc
import io
import json
import os
import pathlib
import subprocess
import sys
import unicodedata

import numpy as np
import PIL.Image
import pytest

from keras_recipes.data import splits
from keras_recipes.data.images import alike, own_images, pixels, storage
from keras_recipes.data.synthetic import shapes
from keras_recipes.errors import InputError
from keras_recipes.features import kinds
from keras_recipes.features.own_images import OwnImages

RNG = np.random.default_rng(0)
NUM = 12  # sound images of each of two classes


def noise(side=12, channels=3, rng=RNG):
    """Smooth noise: no two images are alike."""
    small = rng.integers(0, 256, (4, 4, channels), dtype="uint8")
    image = PIL.Image.fromarray(small if channels == 3 else small[..., 0])
    return image.resize((side, side), PIL.Image.Resampling.BICUBIC)


def save(image, path, **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **settings)
    return path


@pytest.fixture(scope="session")
def sound():
    """PNG files of 24 images, made once: bytes by number."""
    files = []
    for _ in range(2 * NUM):
        stream = io.BytesIO()
        noise().save(stream, "PNG")
        files.append(stream.getvalue())
    return files


@pytest.fixture
def folder(tmp_path, sound):
    """A sound data set: data/cat and data/dog with 12 images each, 0.png to 11.png."""
    root = tmp_path / "data"
    for number, content in enumerate(sound):
        path = root / ("cat", "dog")[number // NUM] / f"{number % NUM}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def seen(images):
    """The table, a row by its first cell: (count, what was done, examples)."""
    return {what: rest for what, *rest in own_images.table(images.source)[1]}


def row_of(images, name):
    return images.x[images.names.index(name)]


# --- what stands in the folder, and what it must become -----------------------------------------


def turned(folder):
    image = PIL.Image.new("RGB", (20, 10), "black")
    image.paste("white", (0, 0, 10, 10))  # the left half
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: white is above
    save(image, folder / "cat" / "turned.jpg", exif=exif, quality=95)


def is_turned(images, table):
    pixels = row_of(images, "cat/turned.jpg").astype(int)
    assert pixels[:8].mean() > 245
    assert pixels[-8:].mean() < 10
    assert table["EXIF orientation"] == ["1", "turned upright", "cat/turned.jpg"]


def one_colour(image_of, name, colour, what=None, **settings):
    """An image of one colour, saved in some way, is that colour."""

    def build(folder):
        save(image_of(), folder / "cat" / name, **settings)

    def check(images, table):
        found = row_of(images, f"cat/{name}").reshape(-1, images.source.channels)
        assert (found == np.array(colour)).all(), found[0]
        if what:
            assert table[what][0] == "1"
            assert name in table[what][2]

    return build, check


def filled(mode, colour):
    return lambda: PIL.Image.new(mode, (12, 12), colour)


def palette():
    return PIL.Image.new("RGB", (12, 12), (200, 30, 30)).convert(
        "P", palette=PIL.Image.Palette.ADAPTIVE
    )


def deep(level):
    return lambda: PIL.Image.fromarray(np.full((12, 12), level, "uint16"))


def frames(name):
    def build(folder):
        first, second = (PIL.Image.new("RGB", (12, 12), one) for one in ("red", "blue"))
        save(first, folder / "cat" / name, save_all=True, append_images=[second], lossless=True)

    return build, one_colour(None, name, (255, 0, 0), "animated")[1]


def left_out(name, content, what, reason=""):
    """A file is left out, and named with the reason."""

    def build(folder):
        path = folder / "cat" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content() if callable(content) else content)

    def check(images, table):
        assert len(images.y) == 2 * NUM
        assert table[what][0] == "1"
        assert table[what][1] == "left out"
        assert name in table[what][2]
        assert reason in table[what][2]

    return build, check


def encoded(image, kind, **settings):
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def half_a_jpeg():
    return encoded(noise(64), "JPEG")[:-400]


def damaged_png():
    content = bytearray(encoded(noise(64), "PNG"))
    content[len(content) // 2] ^= 255
    return bytes(content)


def bomb():
    """The header of a PNG of 30,000 x 30,000 pixels, in a few bytes."""
    content = bytearray(encoded(PIL.Image.new("L", (8, 8)), "PNG"))
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    import zlib

    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


def big_png():
    return encoded(PIL.Image.new("1", (10_000, 6_000)), "PNG")


def built(make):
    """Something in the folder that is noted; the images stay as they are."""

    def wrap(what, count, done, example):
        def check(images, table):
            assert len(images.y) == 2 * NUM
            assert images.class_names == ("cat", "dog")
            assert table[what][:2] == [count, done]
            assert example in table[what][2]

        return make, check

    return wrap


def hidden(folder):
    for name in (".DS_Store", "cat/._1.png", "dog/Thumbs.db", "__MACOSX/cat/1.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"hidden")


def circle(folder):
    (folder / "cat" / "again").symlink_to(folder, target_is_directory=True)


def fifo(folder):
    os.mkfifo(folder / "cat" / "pipe.png")


def broken_link(folder):
    (folder / "cat" / "gone.png").symlink_to(folder / "nowhere.png")


def self_link(folder):
    (folder / "cat" / "self.png").symlink_to(folder / "cat" / "self.png")


def empty_class(folder):
    (folder / "bird").mkdir()


def beside(folder):
    (folder / "README.md").write_text("# cats and dogs")
    save(noise(), folder / "beside.png")


def nested(folder):
    (folder / "cat" / "tabby").mkdir()
    (folder / "cat" / "0.png").rename(folder / "cat" / "tabby" / "0.png")


def two_spellings(folder):
    for number in range(2):
        (folder / "Cat ").mkdir(exist_ok=True)
        (folder / "cat" / f"{number}.png").rename(folder / "Cat " / f"{number + 20}.png")


def misnamed(folder):
    save(PIL.Image.open(folder / "cat" / "0.png"), folder / "cat" / "lie.jpg", format="PNG")
    (folder / "cat" / "0.png").unlink()


def long_name(folder):
    (folder / "cat" / "0.png").rename(folder / "cat" / f"{'n' * 240}.png")


def copy_of(source, target):
    def build(folder):
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((folder / source).read_bytes())

    return build


def are_copies(*lines):
    def check(images, table):
        assert len(images.y) == 2 * NUM + 1
        one, other = (images.names.index(name) for name in lines[0][1].split(" = "))
        assert images.groups[one] == images.groups[other]
        assert len(np.unique(images.groups)) == 2 * NUM
        for what, example in lines:
            assert table[what][0] == "1"
            assert table[what][2] == example

    return check


def near_copy(folder):
    image = PIL.Image.open(folder / "cat" / "3.png").resize((30, 30), PIL.Image.Resampling.BILINEAR)
    save(image.point(lambda level: level * 0.9), folder / "cat" / "again.jpg", quality=90)


def several_kinds(folder):
    for number, kind in enumerate(("jpg", "webp", "bmp", "tiff", "gif", "ppm")):
        file = folder / "cat" / f"{number}.png"
        save(PIL.Image.open(file), file.with_suffix(f".{kind}"))
        file.unlink()


def all_kinds_count(images, table):
    assert len(images.y) == 2 * NUM
    assert table["formats"][1] == "JPEG 1, WEBP 1, BMP 1, TIFF 1, GIF 1, PPM 1, PNG 18"


def all_grey(folder):
    for file in folder.rglob("*.png"):
        file.write_bytes(encoded(PIL.Image.open(file).convert("L").convert("RGB"), "PNG"))


def is_grey(images, table):
    assert images.x.shape == (2 * NUM, 32, 32, 1)
    assert table["colours"][1] == "grey 24 (judged by the pixels); read as grey"


def unequal(folder):
    for number in range(3, NUM):
        (folder / "dog" / f"{number}.png").unlink()
    for number in range(20):
        save(noise(), folder / "cat" / f"more{number}.png")


def is_unequal(images, table):
    assert table["class dog"][0] == "3"
    assert table["unequal classes"][1].startswith("cat has 11 times as many as dog; --class-w")
    assert table["classes of few images"][2] == "dog (3)"


def wrapped(folder):
    (folder / "inner").mkdir()
    for name in ("cat", "dog"):
        (folder / name).rename(folder / "inner" / name)
    (folder / "LICENSE.txt").write_text("free")


def is_passed_through(images, table):
    assert images.class_names == ("cat", "dog")
    assert images.names[0] == "cat/0.png"


def numbered(folder):
    """Class folders 0 to 10, two images each and four of the last."""
    files = [file for name in ("cat", "dog") for file in sorted((folder / name).iterdir())]
    for number, file in enumerate(files):
        kind = min(number // 2, 10)
        (folder / str(kind)).mkdir(exist_ok=True)
        file.rename(folder / str(kind) / file.name)
    for number in range(11):  # three at least of two classes
        save(noise(), folder / str(number) / "third.png")
    for name in ("cat", "dog"):
        (folder / name).rmdir()


def is_in_number_order(images, table):
    assert images.class_names == tuple(map(str, range(11)))
    assert images.y[images.names.index("10/third.png")] == 10
    assert images.y[images.names.index("2/third.png")] == 2


def hangul(folder):
    """The same name twice, composed (NFC) and in pieces (NFD), as two systems write it."""
    nfc = "\uace0\uc591\uc774"
    (folder / "cat").rename(folder / nfc)
    other = folder / unicodedata.normalize("NFD", nfc)
    if not other.exists():
        other.mkdir()
        (folder / nfc / "0.png").rename(other / "0.png")


def is_one_hangul(images, table):
    assert images.class_names == ("dog", "\uace0\uc591\uc774")
    assert np.bincount(images.y).tolist() == [NUM, NUM]


DIRTY = {
    "EXIF orientation": (turned, is_turned),
    "palette": one_colour(palette, "p.png", (200, 30, 30), "palette"),
    "palette with a transparent colour": one_colour(
        filled("P", 0), "t.gif", (255, 255, 255), "transparent pixels", transparency=0
    ),
    "RGBA, half transparent over white": one_colour(
        filled("RGBA", (100, 0, 200, 128)), "a.png", (177, 127, 227), "transparent pixels"
    ),
    "grey with alpha": one_colour(
        filled("LA", (100, 0)), "la.png", (255, 255, 255), "transparent pixels"
    ),
    "grey, 8 bits": one_colour(filled("L", 77), "l.png", (77, 77, 77)),
    "black and white, 1 bit": one_colour(filled("1", 1), "one.png", (255, 255, 255)),
    "16 bits": one_colour(deep(51_200), "deep.png", (200, 200, 200), "16 bits"),
    "16 bits of 12": one_colour(deep(3_200), "12.png", (200, 200, 200), "16 bits"),
    "16 bits in TIFF": one_colour(deep(51_200), "deep.tif", (200, 200, 200), "16 bits"),
    "CMYK": one_colour(filled("CMYK", (0, 255, 0, 0)), "ink.tif", (255, 0, 255), "CMYK"),
    "CMYK in JPEG": one_colour(
        filled("CMYK", (0, 0, 0, 255)), "ink.jpg", (0, 0, 0), "CMYK", quality=95
    ),
    "animated GIF": frames("moves.gif"),
    "animated WebP": frames("moves.webp"),
    "all formats": (several_kinds, all_kinds_count),
    "all grey by their pixels": (all_grey, is_grey),
    "ending of another format": built(misnamed)(
        "ending of another format", "1", "read as what they are", "cat/lie.jpg is PNG"
    ),
    "truncated JPEG": left_out("cut.jpg", half_a_jpeg, "truncated files", "truncated"),
    "damaged PNG": left_out("hurt.png", damaged_png, "corrupt files"),
    "zero bytes": left_out("nothing.jpg", b"", "empty files", "0 bytes"),
    "text": left_out("notes.txt", b"Tom, my cat", "files that are no images", ".txt"),
    "web page as JPEG": left_out("page.jpg", b"<html>404</html>", "corrupt files", "download"),
    "pointer of Git LFS": left_out(
        "far.png", b"version https://git-lfs.github.com/spec/v1\n", "corrupt files", "git lfs pull"
    ),
    "HEIC": left_out(
        "phone.heic", b"\0\0\0\x18ftypheic" + bytes(40), "images of other formats", "HEIC"
    ),
    "pixels of floats": left_out(
        "float.tif",
        lambda: encoded(PIL.Image.fromarray(np.ones((8, 8), "float32")), "TIFF"),
        "images of other formats",
        "decimal",
    ),
    "decompression bomb": left_out("bomb.png", bomb, "images too large", "million"),
    "too many pixels": left_out("wide.png", big_png, "images too large", "50 million"),
    "one pixel": left_out(
        "dot.png", lambda: encoded(PIL.Image.new("RGB", (1, 1)), "PNG"), "tiny images", "1x1"
    ),
    "hidden files": built(hidden)("hidden files and folders", "4", "left out", ".DS_Store"),
    "links in a circle": built(circle)(
        "links to folders seen before", "1", "left out", "cat/again"
    ),
    "named pipe": built(fifo)("unreadable files", "1", "left out", "pipe.png: a named pipe"),
    "broken link": built(broken_link)("unreadable files", "1", "left out", "nowhere.png"),
    "link to itself": built(self_link)("unreadable files", "1", "left out", "circle"),
    "empty class folder": built(empty_class)("empty folders", "1", "left out", "bird"),
    "files beside the classes": built(beside)(
        "files beside the class folders", "2", "left out", "README.md"
    ),
    "folders in class folders": built(nested)(
        "files in folders inside class folders", "1", "taken", "cat/tabby/0.png"
    ),
    "classes that differ in case and spaces": built(two_spellings)(
        "class folders in several spellings", "1", "taken as one class", "'Cat' as 'cat'"
    ),
    "very long name": built(long_name)("sizes", "", "12x12 (24); brought to 32x32", ""),
    "copies": (
        copy_of("cat/3.png", "cat/x.png"),
        are_copies(("copies", "cat/x.png = cat/3.png")),
    ),
    "one image under two labels": (
        copy_of("cat/3.png", "dog/x.png"),
        are_copies(
            ("copies", "dog/x.png = cat/3.png"),
            ("copies under two labels", "dog/x.png = cat/3.png"),
        ),
    ),
    "near copies": (near_copy, are_copies(("near copies", "cat/again.jpg = cat/3.png"))),
    "unequal classes": (unequal, is_unequal),
    "folder around it all": (wrapped, is_passed_through),
    "numeric class folders": (numbered, is_in_number_order),
    "Hangul in two forms": (hangul, is_one_hangul),
}


@pytest.mark.parametrize("name", DIRTY)
def test_dirty_folder_is_read_with_the_right_value(folder, name):
    build, check = DIRTY[name]
    build(folder)
    images = own_images.read(folder)
    check(images, seen(images))
    data = images.split(0)
    assert sum(map(len, (data.train, data.validation, data.test))) == len(images.y)
    kind = OwnImages(images.source)
    assert kinds.from_json(json.loads(json.dumps(kinds.to_json(kind)))) == kind


def test_pictures_that_look_alike_by_nature_are_split_at_random(tmp_path):
    """Many are near copies of each other: no reason to keep them together."""
    base = np.asarray(noise(32)).astype(int)
    for number in range(40):
        pixel = np.clip(base + RNG.normal(0, 4, base.shape), 0, 255).astype("uint8")
        save(PIL.Image.fromarray(pixel), tmp_path / "data" / "ab"[number % 2] / f"{number}.png")
    images = own_images.read(tmp_path / "data")
    assert images.groups is None
    assert "look alike by nature" in seen(images)["near copies"][1]


def test_blank_pictures_are_no_copies_of_each_other(folder):
    for number in range(8):
        save(PIL.Image.new("L", (12, 12), 30 * number), folder / "cat" / f"blank{number}.png")
    assert own_images.read(folder).groups is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_files_and_folders_without_rights_are_named(folder):
    (folder / "cat" / "locked").mkdir(mode=0)
    (folder / "dog" / "locked.png").touch(mode=0)
    table = seen(own_images.read(folder))
    assert table["unreadable folders"][2].startswith("cat/locked: ")
    assert table["unreadable files"][2].startswith("dog/locked.png: cannot be read")
    folder.chmod(0)
    for path in (folder, folder / "cat"):
        with pytest.raises(InputError, match=r"cannot be read \(Permission denied"):
            own_images.read(path)
    folder.chmod(0o700)


def test_names_that_are_no_text_are_shown_escaped(folder):
    (folder / "cat" / "0.png").rename(folder / "cat" / "line\nbreak\x1b[31m.png")
    with contextlib.suppress(OSError):  # a system whose names are text
        os.rename(folder / "cat" / "1.png", os.fsencode(folder / "cat") + b"/\xff.png")
    images = own_images.read(folder)
    assert "cat/line\\nbreak\\x1b[31m.png" in images.names
    assert all(name.isprintable() for name in images.names)
    assert len(images.y) == 24


# --- parts, groups, a CSV -----------------------------------------------------------------------


def in_parts(folder, **counts):
    """Move the images of both classes into folders of parts, so many of each class."""
    for kind in ("cat", "dog"):
        files = sorted((folder / kind).iterdir())
        for part, count in counts.items():
            (folder / part / kind).mkdir(parents=True)
            for file in files[:count]:
                file.rename(folder / part / kind / file.name)
            files = files[count:]
        (folder / kind).rmdir()


def sizes(data):
    return [len(part) for part in (data.train, data.validation, data.test)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"train": 6, "val": 2, "test": 4}, [12, 4, 8]),
        ({"training": 6, "Valid": 2, "testing": 4}, [12, 4, 8]),
        ({"train": 10, "test": 2}, [16, 4, 4]),
        ({"train": 10, "validation": 2}, [16, 4, 4]),
        ({"train": 12}, [14, 5, 5]),
    ],
)
def test_folders_of_parts_stay_as_they_are(folder, counts, expected):
    in_parts(folder, **counts)
    images = own_images.read(folder)
    data = images.split(0)
    assert sizes(data) == expected
    assert images.class_names == ("cat", "dog")
    for part in (data.train, data.validation, data.test):
        assert len(set(part.y.tolist())) == 2
    if "test" in counts:
        rows = [row for row, name in enumerate(images.names) if name.startswith("test/")]
        assert np.array_equal(data.test.x, images.x[rows])


def test_test_folder_of_its_own(folder, tmp_path):
    in_parts(folder, train=10, other=2)
    (folder / "other").rename(tmp_path / "other")
    (folder / "train" / "cat").rename(folder / "cat")
    (folder / "train" / "dog").rename(folder / "dog")
    (folder / "train").rmdir()
    images = own_images.read(folder, test_folder=tmp_path / "other")
    data = images.split(0)
    assert sizes(data) == [16, 4, 4]
    rows = [row for row, name in enumerate(images.names) if name.startswith("other/")]
    assert np.array_equal(data.test.x, images.x[rows])


def test_test_folder_inside_is_no_class(folder):
    for kind in ("cat", "dog"):
        for number in range(2):
            save(noise(), folder / "kept" / kind / f"{number}.png")
    images = own_images.read(folder, test_folder=folder / "kept")
    assert images.class_names == ("cat", "dog")
    assert sizes(images.split(0)) == [19, 5, 4]


def test_pictures_of_train_with_a_copy_in_test_are_left_out(folder, caplog):
    in_parts(folder, train=8, val=2, test=2)
    for source, target in (("test", "train"), ("val", "train"), ("test", "val")):
        file = next((folder / source / "cat").iterdir())
        (folder / target / "cat" / f"of_{source}.png").write_bytes(file.read_bytes())
    images = own_images.read(folder)
    table = seen(images)
    assert sizes(images.split(0)) == [16, 4, 4]
    assert table["images of train with a copy in test"] == [
        "1",
        "left out",
        "train/cat/of_test.png",
    ]
    assert table["images of train with a copy in validation"][2] == "train/cat/of_val.png"
    assert table["images of validation with a copy in test"][2] == "val/cat/of_test.png"


def test_a_test_folder_of_other_classes_is_refused(folder, tmp_path):
    for name in ("0", "1"):
        save(noise(), tmp_path / "other" / name / "1.png")
    said = "test images have the classes 0, 1, the training images cat, dog"
    with pytest.raises(InputError, match=said):
        own_images.read(folder, test_folder=tmp_path / "other")


def test_classes_of_the_test_folder_alone_are_left_out(folder, caplog):
    in_parts(folder, train=10, test=2)
    save(noise(), folder / "test" / "zebra" / "1.png")
    for image in (folder / "test" / "dog").iterdir():
        image.rename(folder / "test" / "cat" / f"of_dog_{image.name}")
    images = own_images.read(folder)
    assert "test images of zebra are left out" in caplog.text
    assert "there are no test images of dog" in caplog.text
    assert images.class_names == ("cat", "dog")
    assert sizes(images.split(0)) == [16, 4, 4]
    what = "images of classes without training images"
    assert seen(images)[what] == ["1", "left out", "test/zebra/1.png"]


def persons(folder):
    """24 images of 8 persons: IMG_0001_P0.png and so on, numbered through both classes."""
    for number, file in enumerate(sorted(folder.rglob("*.png"))):
        file.rename(file.parent / f"P{number // 3}_IMG_{number:04}.png")


def split_of_groups(images):
    data = images.split(0)
    groups = [set(part.groups.tolist()) for part in (data.train, data.validation, data.test)]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    return groups


@pytest.mark.parametrize("group", [r"P(\d+)_", r"P\d+", r"(?P<who>P\d)_IMG_(\d+)"])
def test_group_by_a_regular_expression(folder, group):
    persons(folder)
    images = own_images.read(folder, group=group)
    assert images.source.num_groups == 8
    for name, number in zip(images.names, images.groups, strict=True):
        same = [
            one for one, other in zip(images.names, images.groups, strict=True) if other == number
        ]
        assert {one.split("/")[1][:2] for one in same} == {name.split("/")[1][:2]}
    split_of_groups(images)


def test_copies_join_the_groups_that_they_connect(folder):
    persons(folder)
    copy_of("cat/P0_IMG_0000.png", "dog/P7_IMG_0099.png")(folder)
    images = own_images.read(folder, group=r"P(\d+)_")
    assert images.source.num_groups == 7
    assert len(np.unique(images.groups)) == 7


def test_blocks_are_runs_of_numbers_through_all_classes(folder):
    """IMG_9 comes before IMG_10, whatever the folder."""
    for number, file in enumerate(sorted(folder.rglob("*.png"))):
        file.rename(folder / ("cat", "dog")[number % 2] / f"IMG_{number}.JPG")
    images = own_images.read(folder, group="blocks")
    number = np.array([int(name.rpartition("_")[2][:-4]) for name in images.names])
    in_order = images.groups[np.argsort(number)]
    assert len(np.unique(in_order)) == 20
    assert (np.diff(in_order) != 0).sum() == 19, "each run is in one piece"
    split_of_groups(images)


def test_blocks_are_cut_within_classes_that_count_for_themselves(folder):
    images = own_images.read(folder, group="blocks")  # cat/0.png to 11.png, dog/0.png to 11.png
    runs = {}
    for name, group in zip(images.names, images.groups, strict=True):
        runs.setdefault(group, []).append(name)
    assert len(runs) == 20
    assert all(len({name.split("/")[0] for name in names}) == 1 for names in runs.values())


@pytest.mark.parametrize(
    ("name", "num_runs"),
    [
        ("{kind}/{number:03}.png", 50),  # ten classes that count for themselves: five runs each
        ("{kind}/IMG_{row}.png", 20),  # one series through all classes
        ("{kind}/P{person}_{row}.png", 40),  # forty persons: each one run
        ("{kind}/IMG_{row} (copy).png", 20),
    ],
)
def test_runs_are_as_many_as_classes_and_series_need(name, num_runs):
    rows = [(row, row % 10, row // 10, row // 5) for row in range(200)]
    names = [name.format(row=r, kind=k, number=n, person=p) for r, k, n, p in rows]
    runs = alike.blocks(names, [kind for _, kind, _, _ in rows])
    assert len(np.unique(runs)) == num_runs
    assert np.bincount(runs).max() <= 200 / num_runs


def of_one_person(folder, alike):
    """100 images in two classes; runs of ten of one colour, or each of its own."""
    rng = np.random.default_rng(1)
    own = rng.integers(0, 256, (100, 3))
    for number in range(100):
        colour = own[number // 10 if alike else number]
        pixels = np.clip(colour + rng.normal(0, 25, (8, 8, 3)), 0, 255).astype("uint8")
        name = ("even", "odd")[number % 2]
        save(PIL.Image.fromarray(pixels), folder / name / f"IMG_{number:04}.png")


@pytest.mark.parametrize("alike", [True, False])
def test_neighbours_that_look_alike_are_named(tmp_path, caplog, alike):
    of_one_person(tmp_path / "data", alike)
    images = own_images.read(tmp_path / "data")
    assert ("--group blocks" in caplog.text) == alike
    assert ("neighbouring files look alike" in seen(images)) == alike
    caplog.clear()
    own_images.read(tmp_path / "data", group="blocks")
    assert "neighbouring" not in caplog.text


def csv_of(folder, lines, name="labels.csv"):
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def test_csv_of_paths_and_labels(folder):
    files = sorted(folder.rglob("*.png"))
    rows = [
        f"{file.relative_to(folder)},{file.parent.name},{place // 4}"
        for place, file in enumerate(files)
    ]
    file = csv_of(folder, ["file,animal,person", *rows, "cat/gone.png,cat,99"])
    images = own_images.read(file, "animal", group="person")
    assert images.class_names == ("cat", "dog")
    assert images.kind == "binary"
    assert images.source.target == "animal"
    assert images.source.num_groups == 6
    assert seen(images)["unreadable files"][2] == "cat/gone.png: no such file; check the path"
    again = own_images.read(folder)
    assert np.array_equal(row_of(images, "cat/3.png"), row_of(again, "cat/3.png"))
    assert images.y[images.names.index("dog/3.png")] == 1
    split_of_groups(images)


def test_csv_of_numbers_is_a_regression(folder):
    """With the paths of Windows, a decimal comma, and a row without a value."""
    files = sorted(folder.rglob("*.png"))
    long = "long text, " * 40  # no path can be so long
    rows = [f"{file.parent.name}\\{file.name};{place},5;{long}" for place, file in enumerate(files)]
    rows[3] = rows[3].partition(";")[0] + ";;"
    images = own_images.read(csv_of(folder, ["image;age;note", *rows]), "age")
    assert images.kind == "regression"
    assert images.y.dtype == "float64"
    assert sorted(images.y.tolist()) == [place + 0.5 for place in range(24) if place != 3]
    assert seen(images)["rows without a label"][0] == "1"
    assert images.source.class_names == ()


def test_csv_of_test_pictures_apart(folder, tmp_path):
    files = sorted(folder.rglob("*.png"))
    rows = [f"{file},{file.parent.name}" for file in files]
    parts = {"a.csv": rows[:10] + rows[12:22], "b.csv": rows[10:12] + rows[22:]}
    one, other = (csv_of(folder, ["file,label", *some], name) for name, some in parts.items())
    images = own_images.read(one, "label", test_folder=other)
    data = images.split(0)
    assert sizes(data) == [16, 4, 4]
    assert np.bincount(data.test.y).tolist() == [2, 2]
    with pytest.raises(InputError, match="expected it to be laid out as"):
        own_images.read(one, "label", test_folder=folder)


def test_target_of_two_columns_is_the_other_one(folder):
    sound_csv(folder)
    assert own_images.read(folder / "labels.csv").source.target == "label"


def test_folders_of_numbers_as_a_regression(folder):
    (folder / "cat").rename(folder / "1.5")
    (folder / "dog").rename(folder / "20")
    images = own_images.read(folder, problem="regression")
    assert sorted(set(images.y.tolist())) == [1.5, 20.0]
    assert images.kind == "regression"


# --- pixels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "factor"), [((500, 300), 4), ((130, 90), 1), ((200, 128), 2)])
@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_pixels_are_those_that_tensorflow_computes(tmp_path, side, factor, colour):
    import tensorflow as tf

    file = save(noise(40).resize(side), tmp_path / "a.jpg", quality=90)
    found, _ = pixels.load([file], 32, is_grey=colour == "grey")
    assert pixels.reduction(*side, 32) == factor
    decoded = tf.io.decode_jpeg(
        file.read_bytes(), channels=3, ratio=factor, dct_method="INTEGER_ACCURATE"
    )
    if colour == "grey":
        red, green, blue = tf.unstack(tf.cast(decoded, "int32"), axis=-1)
        grey = (19595 * red + 38470 * green + 7471 * blue + 32768) // 65536
        decoded = tf.cast(grey[..., tf.newaxis], "uint8")
    resized = tf.image.resize(decoded, (32, 32), antialias=True)
    expected = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), "uint8")
    assert np.array_equal(found[0], expected)


def test_phone_pictures_of_two_frames_are_scaled_while_decoded(tmp_path):
    """MPO: a JPEG with another one behind it."""
    first, second = noise(40).resize((400, 300)), noise(400)
    plain = save(first, tmp_path / "plain.jpg", quality=90)
    file = tmp_path / "phone.jpg"
    first.save(file, "MPO", save_all=True, append_images=[second], quality=90)
    (header,) = pixels.look([file])
    assert (header.kind, header.is_misnamed) == ("JPEG", False)
    found, _ = pixels.load([file, plain], 32)
    assert np.array_equal(found[0], found[1])


@pytest.mark.second_tier
def test_2_000_pictures_of_a_camera_need_little_memory(tmp_path):
    """12 megapixels each, here 60 of them, in a process of its own: what they add at most."""
    big = noise(40).resize((4000, 3000), PIL.Image.Resampling.BICUBIC)
    for number in range(60):
        name = tmp_path / "data" / "ab"[number % 2] / f"{number}.jpg"
        save(big.crop((0, 0, 4000 - number, 3000)), name, quality=85)
    program = """
import resource, sys, time
import tensorflow
from keras_recipes.data.images import alike, own_images
from keras_recipes.data.synthetic import shapes
own_images.pixels.resize(shapes.draw(2)[0], 16)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
images = own_images.read("data")
assert images.x.shape == (60, 64, 64, 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    root = pathlib.Path(__file__).parents[1]
    command = [sys.executable, "-c", program]
    found = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert int(found.stdout) < 200_000, "kilobytes"


@pytest.mark.parametrize(("side", "size"), [(8, 32), (28, 32), (45, 48), (90, 64)])
def test_size_is_the_median_of_the_shorter_sides_within_bounds(folder, side, size):
    for file in list(folder.rglob("*.png"))[:13]:
        file.write_bytes(encoded(noise().resize((side + 7, side)), "PNG"))
    images = own_images.read(folder)
    assert images.source.size == size
    assert images.x.shape == (24, size, size, 3)


def test_size_and_colour_as_asked_for(folder):
    images = own_images.read(folder, size=16, colour="grey")
    assert images.x.shape == (24, 16, 16, 1)
    assert images.split(0).train.x.shape == (14, 16, 16, 1)
    file = folder / "cat" / "0.png"
    by_hand = np.asarray(PIL.Image.open(file).convert("L"))[np.newaxis, ..., np.newaxis]
    assert np.array_equal(row_of(images, "cat/0.png"), pixels.resize(by_hand, 16)[0])


def test_new_16_bit_pictures_are_shifted_as_those_of_the_training(folder, tmp_path):
    build, _ = DIRTY["16 bits of 12"]
    build(folder)
    images = own_images.read(folder)
    assert images.source.depth_shift == 4
    file = save(deep(51_200)(), tmp_path / "new.png")
    assert (own_images.read_new(file, images.source)[1] == 255).all()


def test_pictures_beyond_the_budget_are_in_files_that_go_with_them(folder, monkeypatch):
    expected = own_images.read(folder).split(3)
    monkeypatch.setattr(storage, "MAX_BYTES", 1000)
    (folder / "cat" / "cut.jpg").write_bytes(half_a_jpeg())
    images = own_images.read(folder)
    assert isinstance(images.x, np.memmap)
    data = images.split(3)
    for part in ("train", "validation", "test"):
        mapped, plain = getattr(data, part), getattr(expected, part)
        assert isinstance(mapped.x, np.memmap)
        assert np.array_equal(mapped.x, plain.x)
        assert np.array_equal(mapped.y, plain.y)
    if os.path.exists("/proc/self/fd"):
        del mapped
        before = num_mapped()
        del images, data
        gc.collect()
        assert before - num_mapped() == 4


def num_mapped():
    with open("/proc/self/maps") as file:
        return sum("(deleted)" in line for line in file)


def test_split_is_stratified_seeded_and_whole(folder):
    images = own_images.read(folder)
    one, again, other = images.split(1), images.split(1), images.split(2)
    assert np.array_equal(one.train.x, again.train.x)
    assert not np.array_equal(one.train.x, other.train.x)
    assert sizes(one) == [14, 5, 5]
    assert one.train.groups is None
    assert np.bincount(one.train.y).tolist() == [7, 7]
    for part in (one.train, one.validation, one.test):
        assert own_images.names_of(part) is not None
        for pixel, name, label in zip(part.x, own_images.names_of(part), part.y, strict=True):
            assert np.array_equal(pixel, row_of(images, name))
            assert images.class_names[label] == name.split("/")[0]


def test_synthetic_pictures_are_of_three_forms():
    images = own_images.read(None)
    assert images.class_names == ("circle", "square", "triangle")
    assert images.x.shape == (600, 32, 32, 3)
    assert images.source.kind == "built-in"
    data = images.split(0)
    assert sizes(data) == [360, 120, 120]
    assert np.array_equal(images.x, own_images.read(None).x)
    x, y, size = shapes.draw(300)
    ground = np.median(x.reshape(300, -1, 3), axis=1)[:, np.newaxis, np.newaxis]
    area = (np.abs(x - ground).max(axis=-1) > 45).mean(axis=(1, 2))
    means = [area[y == kind].mean() for kind in range(3)]
    assert max(means) < 1.1 * min(means), "the area tells nothing of the form"
    assert np.corrcoef(np.sqrt(area), size)[0, 1] > 0.9


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_synthetic_pictures_of_other_problems(problem):
    images = own_images.read(None, problem=problem, size=16, colour="grey")
    assert images.kind == images.source.problem_kind == problem
    assert images.x.shape == (600, 16, 16, 1)
    assert images.class_names == (() if problem == "regression" else ("circle", "square"))
    assert images.y.dtype == ("float64" if problem == "regression" else "int32")
    own_images.check(images.source)


# --- new images ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["image", "folder", "class folders", "CSV", "CSV with labels"])
def test_new_pictures_are_read_as_those_of_the_training(folder, form, caplog):
    images = own_images.read(folder)
    (folder / "dog" / "cut.jpg").write_bytes(half_a_jpeg())
    (folder / "cat" / "notes.txt").write_text("passed over")
    (folder / "dog" / "LICENSE").write_text("passed over")
    rows = ["dog/3.png,Dog", "cat/5.png,", "dog/cut.jpg,dog"]
    path, names, labels = {
        "image": (folder / "dog" / "3.png", ["3.png"], None),
        "folder": (folder / "dog", None, None),
        "class folders": (folder, None, [0.0] * NUM + [1.0] * NUM),
        "CSV": (
            csv_of(folder, ["a", *(row.partition(",")[0] for row in rows)], "a.csv"),
            ["dog/3.png", "cat/5.png"],
            None,
        ),
        "CSV with labels": (
            csv_of(folder, ["a,class folder", *rows], "b.csv"),
            ["dog/3.png", "cat/5.png"],
            [1.0, np.nan],
        ),
    }[form]
    frame, x, y = own_images.read_new(path, images.source)
    found = frame["input"].tolist()
    assert names is None or found == names
    assert np.array_equal(y, labels, equal_nan=True) if labels else y is None
    assert x.dtype == "uint8"
    for name, pixel in zip(found, x, strict=True):
        whole = name if "/" in name else f"dog/{name}"
        assert np.array_equal(pixel, row_of(images, whole))
    assert ("cut.jpg: " in caplog.text) == (form != "image")
    assert "notes.txt" not in caplog.text
    assert "LICENSE" not in caplog.text
    assert own_images.example(images.source).shape == (1, *x.shape[1:])


# --- errors ---------------------------------------------------------------------------------------


def emptied(folder):
    for file in folder.rglob("*.png"):
        file.unlink()


def one_class(folder):
    for file in (folder / "dog").iterdir():
        file.rename(folder / "cat" / f"dog{file.name}")


def without_folders(folder):
    for file in list(folder.rglob("*.png")):
        file.rename(folder / f"{file.parent.name}{file.name}")


def few(folder):
    for number in range(2, NUM):
        (folder / "cat" / f"{number}.png").write_bytes(b"")


def unnumbered(folder):
    for number, file in enumerate(sorted(folder.rglob("*.png"))):
        file.rename(file.parent / f"{chr(97 + number)}.png")


def twice(folder):
    in_parts(folder, train=8, test=2, more=2)
    (folder / "more").rename(folder.parent / "more")


def third(folder):
    for number in range(5):
        save(noise(), folder / "bird" / f"{number}.png")


def archive(folder):
    (folder.parent / "images.zip").write_bytes(b"PK\x03\x04")


def sound_csv(folder):
    files = sorted(folder.rglob("*.png"))
    csv_of(folder, ["file,label", *(f"{file},{file.parent.name}" for file in files)])


def no_paths(folder):
    csv_of(folder, ["file,label", *(f"gone/{number}.jpg,{number % 2}" for number in range(30))])


def nothing(folder):
    pass


ERRORS = {
    "no folder": (nothing, "data/nowhere", {}, "no such file; check the path"),
    "one image": (nothing, "data/cat/0.png", {}, "one image, expected a folder of class"),
    "no images": (emptied, "data", {}, "0 files and no class folders; expected"),
    "no class folders": (without_folders, "data", {}, "24 files and no class folders; expected"),
    "one class": (one_class, "data", {}, "all 24 images are of one class, 'cat'; expected"),
    "few": (few, "data", {}, "14 images (10 left out, such as cat/2.png: 0 bytes)"),
    "size": (nothing, "data", {"size": 2}, "--size 2: expected a whole number from 8 to 512"),
    "size is text": (nothing, "data", {"size": "big"}, "--size 'big': expected a whole number"),
    "colour": (nothing, "data", {"colour": "red"}, "expected one of auto, grey, rgb"),
    "kind": (nothing, "data", {"problem": "guess"}, "expected one of auto, binary"),
    "binary": (third, "data", {"problem": "binary"}, "received 3 class folders, expected 2"),
    "names as numbers": (
        nothing,
        "data",
        {"problem": "regression"},
        "received a class folder 'cat'",
    ),
    "target of folders": (nothing, "data", {"target": "age"}, "--target age: the folders are the"),
    "bad pattern": (nothing, "data", {"group": "("}, "--group '(' is no regular expression"),
    "no match": (nothing, "data", {"group": "P(.)"}, "matches none of 24 names, such as 'cat/0"),
    "one group": (nothing, "data", {"group": "p(n)g"}, "finds 'n' in every name, expected several"),
    "no numbers": (unnumbered, "data", {"group": "blocks"}, "0 of 24 files are numbered one after"),
    "two test folders": (twice, "data", {"test_folder": "more"}, "there is a test folder in"),
    "test folder": (nothing, "data", {"test_folder": "data/gone"}, "no such file; check the path"),
    "no paths": (
        no_paths,
        "data/labels.csv",
        {"target": "label"},
        "expected a column with paths of",
    ),
    "no target": (sound_csv, "data/labels.csv", {"target": "age"}, "no column 'age' to predict"),
    "archive": (archive, "images.zip", {}, "an archive, expected a folder; unpack it and give"),
    "no path": (nothing, 3, {}, "received 3, expected the path of a folder of images"),
    "no pattern": (nothing, "data", {"group": 5}, "--group: received 5, expected text"),
    "synthetic": (nothing, None, {"target": "age"}, "--target age: no images are given"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_is_one_line(folder, name):
    build, path, settings, message = ERRORS[name]
    build(folder)
    with pytest.raises(InputError) as caught:
        own_images.read(path, **settings)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert text.count("data: ") <= 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/gone.png", "no such file; check the path"),
        ("data/cat/cut.jpg", "no image that can be read; image file is truncated"),
        ("data/bird", "bird: no image in this folder"),
        ("data/notes.csv", "expected a column with paths of images"),
    ],
)
def test_error_of_new_pictures_is_one_line(folder, path, message):
    source = own_images.read(folder).source
    (folder / "cat" / "cut.jpg").write_bytes(half_a_jpeg())
    (folder / "bird").mkdir()
    csv_of(folder, ["a,b", "1,x", "2,y"], "notes.csv")
    with pytest.raises(InputError, match=message):
        own_images.read_new(path, source)


def test_source_of_other_rows_is_refused():
    rows = splits.Source("rows", "real", "made here", "none")
    part = splits.Split(np.zeros((3, 8, 8, 3), "uint8"), np.arange(3))
    with pytest.raises(InputError, match="received no images from"):
        own_images.source_of(splits.Splits(part, part, part, rows))
    assert own_images.names_of(part) is None


@pytest.mark.parametrize(
    ("entry", "value"),
    [("size", 0), ("size", 10**6), ("channels", 2), ("depth_shift", -1), ("seen", "x")],
)
def test_edited_schema_is_refused(entry, value):
    schema = kinds.to_json(OwnImages(own_images.read(None).source))
    schema["images"][entry] = value
    with pytest.raises(ValueError, match=r"cannot|expected"):
        kinds.from_json(schema)
