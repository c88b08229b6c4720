"""Images become numbers, predictions, explanations and baselines; files are decoded exactly."""

import io
import re
import struct
import subprocess
import sys
import zipfile
import zlib

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from keras_recipes import errors, problems
from keras_recipes.data import splits
from keras_recipes.data.images import pixels
from keras_recipes.features import images, parts
from keras_recipes.features.vision import backbones, decoding, gradients, heat_maps
from keras_recipes.training import fused

SIZE = 16
SOURCE = splits.Source("drawn", "built-in", "drawn", "none")
MULTICLASS = problems.multiclass(("a", "b", "c"))
NETWORK = {
    "filters": (4, 8),
    "dropout": 0.1,
    "rotation": 10.0,
    "zoom": 0.1,
    "shift": 0.1,
    "colour": 0.1,
    "flip": True,
}


def pictures(*shape, seed=0):
    """Return uint8 images of random numbers."""
    return np.random.default_rng(seed).integers(0, 256, shape, "uint8")


def served(problem=MULTICLASS, channels=3, **settings):
    """Return a model for images, compiled, its weights drawn from a seed."""
    keras.utils.set_random_seed(0)
    network = images.network(problem, SIZE, channels, **{**NETWORK, **settings})
    kernel = network.get_layer("output").kernel  # of 0 until it is trained
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    model = images.serving(images.encoder(SIZE, channels), network)
    return problem.compile(model, keras.optimizers.Adam(0.01))


@pytest.mark.parametrize("kind", ["uint8", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_the_size_come_back_as_they_are(kind, channels):
    x = pictures(5, SIZE, SIZE, channels)
    encoded = images.run(images.encoder(SIZE, channels), x.astype(kind))
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, x)


@pytest.mark.parametrize("shape", [(40, 23), (9, 50), (17, 16)])
def test_other_sizes_become_whole_numbers_of_the_size(shape):
    x = pictures(3, *shape, 3)
    encoded = images.run(images.encoder(SIZE, 3), x)
    wanted = tf.image.resize(x, (SIZE, SIZE), antialias=True).numpy()
    np.testing.assert_array_equal(encoded, np.clip(np.rint(wanted), 0, 255))


def test_rows_are_kept_as_bytes():
    model = served()
    of_size, others = pictures(3, SIZE, SIZE, 3), pictures(3, 30, 20, 3)
    y = np.arange(3)
    assert parts.of(model).encode(splits.Split(of_size, y)) is of_size
    encoded = parts.of(model).encode(splits.Split(others, y))
    assert encoded.dtype == np.uint8
    np.testing.assert_array_equal(encoded, images.run(parts.of(model).encoder, others))


def test_augmentation_is_off_in_prediction():
    settings = {"rotation": 0.0, "zoom": 0.0, "shift": 0.0, "colour": 0.0, "flip": False}
    changing, plain = served(), served(**settings)
    plain.set_weights([w for w in changing.get_weights() if w.dtype == np.float32])
    x = pictures(4, SIZE, SIZE, 3)
    np.testing.assert_array_equal(images.run(changing, x), images.run(plain, x))
    training = [changing(x, training=True).numpy() for _ in range(2)]
    assert not np.array_equal(*training)


@pytest.mark.parametrize("flip", [False, True])
def test_a_training_picture_is_moved_not_mixed(flip):
    inputs = keras.Input((SIZE, SIZE, 1))
    keras.utils.set_random_seed(1)
    moved = keras.Model(inputs, images.warped(inputs, 0.0, 0.0, 0.0, flip))
    x = pictures(64, SIZE, SIZE, 1)
    outputs = moved(x, training=True).numpy()
    is_same = (outputs == x).all(axis=(1, 2, 3))
    is_mirrored = (outputs == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (is_same | is_mirrored).all()
    assert 16 < is_mirrored.sum() < 48 if flip else is_same.all()


def test_each_picture_of_a_batch_is_moved_by_itself():
    inputs = keras.Input((SIZE, SIZE, 3))
    shifted = keras.Model(inputs, images.warped(inputs, 0.0, 0.0, 0.2, False))
    x = np.broadcast_to(np.arange(8)[:, None, None, None], (8, SIZE, SIZE, 3)).astype("float32")
    np.testing.assert_array_equal(shifted(x, training=True), x)  # pixels of the same image
    same = np.repeat(pictures(1, SIZE, SIZE, 3), 8, axis=0)
    assert len(np.unique(shifted(same, training=True).numpy(), axis=0)) > 4


@pytest.mark.second_tier
@pytest.mark.parametrize(
    "problem", [problems.binary(), MULTICLASS, problems.regression("kg")], ids=lambda p: p.rule.kind
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_trains_and_its_model_predicts(problem, channels):
    model = served(problem, channels)
    x = pictures(32, SIZE, SIZE, channels)
    y = np.arange(32) % 2
    x[y == 1] //= 3
    network = parts.of(model).trained(problem)
    fused.fit(network, x, problem.labels(y), epochs=2, batch_size=8, verbose=0)
    outputs = images.run(model, x)
    assert outputs.shape == (32, problem.num_outputs)
    np.testing.assert_array_equal(outputs, images.run(network, x))


@pytest.mark.second_tier
def test_a_saved_model_has_parts_of_keras_alone(tmp_path):
    served().save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        config = file.read("config.json").decode()
    found = re.findall(r'"(?:module|registered_name)": "([^"]+)"', config)
    assert "__numpy__" not in config  # searches share programs of networks without arrays
    assert {part.split(".")[0] for part in found if "." in part} == {"keras"}
    assert not any("recipes" in part or ">" in part for part in found)


@pytest.mark.second_tier
def test_a_saved_model_loads_without_the_library(tmp_path):
    model = served()
    x = pictures(4, 20, 30, 3)
    network = parts.of(model).trained(MULTICLASS)
    network.optimizer.build(network.trainable_variables)  # as training does
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    program = """if True:
        import sys, keras, numpy as np
        model = keras.saving.load_model("model.keras")
        np.save("outputs.npy", model(np.load("x.npy"), training=False))
        assert not any(name.startswith("keras_recipes") for name in sys.modules)
    """
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "outputs.npy"), images.run(model, x))
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    parts.attach(loaded, images.ImageParts)
    np.testing.assert_array_equal(
        images.run(
            parts.of(loaded).network, parts.of(loaded).encode(splits.Split(x, np.arange(4)))
        ),
        images.run(model, x),
    )


def corner_model():
    """Return a model whose output 1 grows with the brightness of an image, output 0 falls."""
    settings = {"rotation": 0.0, "zoom": 0.0, "shift": 0.0, "colour": 0.0, "flip": False}
    model = served(problems.multiclass(("dark", "bright")), 1, filters=(4, 8), **settings)
    network = parts.of(model).network
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape)
            kernel[1, 1] = 1.0
            layer.set_weights([kernel])
    output = network.get_layer("output")
    sign = np.array([-1.0, 1.0])
    output.set_weights([np.tile(sign, (output.kernel.shape[0], 1)), np.zeros(2)])
    return model


def test_the_heat_map_is_hot_where_the_score_comes_from():
    x = np.zeros((2, 32, 32, 1), "uint8")
    x[0, :12, :12], x[1, 20:, 20:] = 255, 255
    heat = heat_maps.grad_cam(corner_model(), x, np.array([1, 1]))
    assert heat.shape == (2, SIZE, SIZE)
    assert heat.dtype == np.float32
    assert heat.min() >= 0
    np.testing.assert_array_equal(heat.max(axis=(1, 2)), 1)
    assert heat[0, 1, 1] > 0.9 > 0.1 > heat[0, -2, -2]
    assert heat[1, -2, -2] > 0.9 > 0.1 > heat[1, 1, 1]


def test_the_heat_map_of_the_other_output_is_another():
    x = np.zeros((1, SIZE, SIZE, 1), "uint8")
    x[0, :6, :6] = 255
    assert heat_maps.grad_cam(corner_model(), x, np.array([0])).max() == 0  # all speaks against it


@pytest.mark.second_tier
@pytest.mark.parametrize("problem", [problems.binary(), problems.regression("kg")])
def test_a_single_output_has_heat_maps(problem):
    heat = heat_maps.grad_cam(served(problem), pictures(3, SIZE, SIZE, 3))
    assert heat.shape == (3, SIZE, SIZE)
    assert np.isfinite(heat).all()


@pytest.mark.second_tier
@pytest.mark.parametrize("channels", [1, 3])
def test_an_own_run_is_a_backbone(channels, tmp_path):
    earlier = served()
    backbone = backbones.of_model(earlier)
    encoder = backbones.encoder(backbone, channels)
    head = backbones.head(problems.binary(), backbone, dropout=0.1)
    model = problems.binary().compile(images.serving(encoder, head), keras.optimizers.Adam(0.01))
    x, y = pictures(8, 30, 20, channels), np.arange(8) % 2
    before = [w.copy() for w in backbone.get_weights()]
    features = parts.of(model).encode(splits.Split(x, y))
    assert features.dtype == np.float32
    rgb = np.repeat(x, 3, axis=-1) if channels == 1 else x
    resized = images.run(images.encoder(SIZE, 3), rgb)
    np.testing.assert_allclose(features, images.run(backbone, resized), atol=1e-5)
    network = parts.of(model).trained(problems.binary())
    fused.fit(network, features, problems.binary().labels(y), epochs=2, verbose=0)
    assert all(map(np.array_equal, before, backbone.get_weights()))
    np.testing.assert_allclose(images.run(model, x), images.run(head, features), atol=1e-6)
    assert heat_maps.grad_cam(model, x).shape == (8, SIZE, SIZE)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(images.run(loaded, x), images.run(model, x))


@pytest.mark.second_tier
def test_fine_tuning_starts_at_the_head_and_leaves_batch_normalisation():
    problem = problems.binary()
    backbone = backbones.of_model(served())
    head = backbones.head(problem, backbone, dropout=0.1)
    frozen = images.serving(backbones.encoder(backbone, 3), head)
    x, y = pictures(8, SIZE, SIZE, 3), np.arange(8) % 2
    wanted = images.run(frozen, x)
    tuned = backbones.fine_tuned(frozen, 3)
    np.testing.assert_allclose(images.run(tuned, x), wanted, atol=1e-6)
    assert heat_maps.grad_cam(tuned, x).shape == (8, SIZE, SIZE)
    network = parts.of(problem.compile(tuned, keras.optimizers.Adam(0.01))).trained(problem)
    before = {w.path: w.numpy() for w in backbone.weights}
    fused.fit(network, x, problem.labels(y), epochs=1, verbose=0)
    changed = {w.path for w in backbone.weights if not np.array_equal(w, before[w.path])}
    assert any("conv" in path for path in changed)
    assert not any("batch_normalization" in path for path in changed)


def test_what_is_no_backbone_is_refused():
    table = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(errors.InputError, match="expected a run of"):
        backbones.of_model(table)
    with pytest.raises(errors.InputError, match=r"ResNet5: no run folder.*did you mean ResNet50"):
        backbones.of_applications("ResNet5", 32)
    with pytest.raises(errors.InputError, match="at least 75"):
        backbones.of_applications("InceptionV3", 32)


def test_weights_that_cannot_be_had_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def fail(*arguments, **settings):
        raise OSError("no network")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", fail)
    with pytest.raises(errors.InputError, match=r"put .* into .*models"):
        backbones.of_applications("MobileNetV2", 32)


@pytest.mark.second_tier
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50", "EfficientNetB0"])
def test_networks_of_keras_have_their_own_scaling(name):
    backbone = backbones.of_applications(name, 32, weights=None)
    encoder = backbones.encoder(backbone, 1)
    assert images.run(encoder, pictures(2, 20, 20, 1)).shape == (2, backbone.output_shape[1])
    if name == "MobileNetV2":  # its scaling is that of -1..1
        x = pictures(2, 32, 32, 3).astype("float32")
        base = next(one for one in backbone.layers if isinstance(one, keras.Model))
        wanted = base(x / 127.5 - 1, training=False).numpy().mean(axis=(1, 2))
        np.testing.assert_allclose(images.run(backbone, x), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.second_tier
def test_a_backbone_reads_grey_and_rgb():
    rgb, grey = (backbones.of_model(served(channels=channels)) for channels in (3, 1))
    x = pictures(2, SIZE, SIZE, 1)
    found = images.run(backbones.encoder(rgb, 1), x)
    np.testing.assert_array_equal(found, images.run(rgb, np.repeat(x, 3, axis=-1)))
    x = pictures(2, SIZE, SIZE, 3)
    of_grey = np.stack([PIL.Image.fromarray(one).convert("L") for one in x])[..., None]
    encoder = keras.Model.from_config(backbones.encoder(grey, 3).get_config())
    encoder.set_weights(grey.get_weights())
    found = images.run(encoder, x)
    np.testing.assert_array_equal(found, images.run(grey, of_grey))


def test_histograms_hold_the_directions_of_edges():
    columns = np.broadcast_to(np.arange(64) * 4, (64, 64))
    x = np.stack([columns, columns.T])[..., None]
    found = gradients.histograms(x).reshape(2, 7, 7, 4, 9)
    # Brightness grows to the right: direction 0, between the last bin and the first.
    np.testing.assert_allclose(found[0, ..., 0], found[0, ..., 8], atol=1e-3)
    assert found[0, ..., 2:7].max() < 1e-3 < 0.2 < found[0, ..., 0].min()
    assert found[1].argmax(axis=-1).min() == found[1].argmax(axis=-1).max() == 4
    np.testing.assert_allclose(np.linalg.norm(found.reshape(2, 49, 36), axis=-1), 1, atol=1e-3)


def test_histograms_of_one_colour_are_0_and_of_any_size_have_one_length():
    assert not gradients.histograms(np.full((2, 20, 30, 3), 90, "uint8")).any()
    assert gradients.histograms(pictures(3, 28, 28, 1)).shape == (3, 1764)


def encoded(picture, kind, **settings):
    """Return the bytes of an image file."""
    file = io.BytesIO()
    picture.save(file, kind, **settings)
    return file.getvalue()


def drawn(height=50, width=70, mode="RGB", seed=0):
    """Return an image of smooth random colours."""
    bands = len(PIL.Image.new(mode, (1, 1)).getbands())
    small = pictures(6, 8, bands, seed=seed)
    picture = PIL.Image.fromarray(
        small[..., 0] if bands == 1 else small, mode if bands > 1 else "L"
    )
    return picture.resize((width, height), PIL.Image.Resampling.BICUBIC)


def turned_by(number, kind="JPEG", height=50, width=70):
    """Return a file whose EXIF data say that its image is turned."""
    exif = PIL.Image.Exif()
    exif[0x010F], exif[0x0112] = "a maker", number
    return encoded(drawn(height, width), kind, exif=exif)


def deep_png(channels, kind, largest=65536):
    """Return a PNG file of 16 bits."""
    x = np.random.default_rng(0).integers(0, largest, (50, 70, channels))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in x)
    header = struct.pack(">IIBBBBB", 70, 50, 16, kind, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    packed = (
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def big_endian_exif():
    """Return a JPEG whose EXIF data have the other order of bytes, after a segment of another."""
    file = encoded(drawn(), "JPEG")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    segments = b"".join(
        b"\xff\xe1" + struct.pack(">H", len(one) + 2) + one for one in (b"http://other\0abc", exif)
    )
    return file[:2] + segments + file[2:]


FILES = {
    "jpeg": lambda: encoded(drawn(), "JPEG"),
    "jpeg grey": lambda: encoded(drawn(mode="L"), "JPEG"),
    "jpeg progressive": lambda: encoded(drawn(), "JPEG", progressive=True, quality=30),
    "jpeg cmyk": lambda: encoded(drawn().convert("CMYK"), "JPEG"),
    "jpeg / 2": lambda: encoded(drawn(64, 90), "JPEG"),
    "jpeg / 4": lambda: encoded(drawn(201, 128), "JPEG"),
    "jpeg / 8": lambda: encoded(drawn(257, 300), "JPEG"),
    **{f"jpeg turned {n}": lambda n=n: turned_by(n) for n in range(10)},
    "jpeg / 4 turned": lambda: turned_by(6, height=201, width=128),
    "jpeg big-endian EXIF": big_endian_exif,
    "jpeg damaged EXIF": lambda: turned_by(6).replace(b"II*\0\x08\0\0\0", b"II*\0\xff\xff\xff\xff"),
    "png": lambda: encoded(drawn(), "PNG"),
    "png grey": lambda: encoded(drawn(mode="L"), "PNG"),
    "png 1 bit": lambda: encoded(drawn(mode="L").convert("1"), "PNG"),
    "png palette": lambda: encoded(drawn().quantize(200), "PNG"),
    "png palette 4 bits": lambda: encoded(drawn().quantize(12), "PNG", bits=4),
    "png palette transparent": lambda: encoded(
        drawn().quantize(12), "PNG", transparency=bytes(range(0, 240, 20))
    ),
    "png rgba": lambda: encoded(drawn(mode="RGBA"), "PNG"),
    "png grey and alpha": lambda: encoded(drawn(mode="LA"), "PNG"),
    "png 16 bits": lambda: deep_png(1, 0),
    "png 12 bits": lambda: deep_png(1, 0, largest=4096),
    "png rgb 16 bits": lambda: deep_png(3, 2),
    "png rgba 16 bits": lambda: deep_png(4, 6),
    "png turned": lambda: turned_by(6, "PNG"),
    "webp": lambda: encoded(drawn(), "WEBP"),
    "webp rgba": lambda: encoded(drawn(mode="RGBA"), "WEBP", lossless=True),
    "webp turned": lambda: turned_by(8, "WEBP"),
    "bmp": lambda: encoded(drawn(), "BMP"),
    "bmp grey": lambda: encoded(drawn(mode="L"), "BMP"),
    "bmp palette": lambda: encoded(drawn().quantize(200), "BMP"),
    "gif": lambda: encoded(drawn(), "GIF", comment=b"a" * 300),
    "gif animated": lambda: encoded(drawn(), "GIF", save_all=True, append_images=[drawn(seed=1)]),
    "small": lambda: encoded(drawn(8, 9), "PNG"),
    "of the size": lambda: encoded(drawn(SIZE, SIZE), "PNG"),
}
if "WebP" not in decoding.TAKEN:  # an older TensorFlow
    FILES = {form: make for form, make in FILES.items() if not form.startswith("webp")}


def by_pillow(file, channels, depth_shift):
    """Return what training has of an image file."""
    found, _ = pixels.decode(io.BytesIO(file), SIZE, depth_shift)
    found = pixels.grey(found) if channels == 1 else found
    return np.broadcast_to(pixels.resize(found[None], SIZE)[0], (SIZE, SIZE, channels))


@pytest.fixture(scope="module")
def decode():
    """Return a decoder, traced once."""
    return decoding.decoder(SIZE, 3)


@pytest.mark.second_tier
@pytest.mark.parametrize("form", FILES)
def test_a_file_is_decoded_as_by_pillow(form, decode):
    file = FILES[form]()
    np.testing.assert_array_equal(decode([file]).numpy()[0], by_pillow(file, 3, 8))


@pytest.mark.second_tier
@pytest.mark.parametrize(("channels", "shift"), [(1, 8), (3, 4)])
def test_all_files_are_decoded_to_grey_and_from_12_bits(channels, shift):
    decode = decoding.decoder(SIZE, channels, shift)
    for form, make in FILES.items():
        wanted = by_pillow(make(), channels, shift)
        np.testing.assert_array_equal(decode([make()]).numpy()[0], wanted, err_msg=form)


@pytest.mark.second_tier
def test_several_files_are_decoded_at_once(decode):
    files = [make() for make in FILES.values()]
    found = decode(files)
    assert found.shape == (len(files), SIZE, SIZE, 3)
    for one, file in zip(found, files, strict=True):
        np.testing.assert_array_equal(one, by_pillow(file, 3, 8))
    assert decode(tf.constant([], tf.string)).shape == (0, SIZE, SIZE, 3)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"no image",
        b"RIFF\x24\0\0\0WAVEfmt " + bytes(40),
        encoded(drawn().quantize(12), "GIF", transparency=2),
        encoded(drawn(), "WEBP", save_all=True, append_images=[drawn(seed=1)]),
        encoded(drawn(mode="L").convert("1"), "BMP"),
        encoded(drawn(), "TIFF"),
        encoded(drawn(), "PNG")[:200],
    ],
    ids=["empty", "text", "wav", "transparent gif", "animated webp", "bmp 1 bit", "tiff", "cut"],
)
def test_what_cannot_be_decoded_is_refused(file, decode):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode([file])
