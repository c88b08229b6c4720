"""The check on images: backbones, data sets of folders, copies, and right models of every kind."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from benchmarks import mistakes
from benchmarks.mistakes import backbone, classifier, convolutional, folders, pictures
from keras_recipes import checks
from keras_recipes.checks.inspect import fingerprints

PIXELS, CLASSES = pictures(), mistakes.classes()
UNIT, SIGNED = PIXELS / 255, PIXELS / 127.5 - 1
SPARSE = mistakes.SPARSE
FIRST, LAST = slice(150), slice(150, None)
ABC = list("abc")
rescaling = layers.Rescaling


# One example and one right model of each rule are among the quick tests of the check.
pytestmark = pytest.mark.second_tier


@pytest.fixture(autouse=True)
def _same_weights():
    keras.utils.set_random_seed(0)


def found(model, x, y=CLASSES, *validation, **settings):
    findings = checks.check(model, x, y, *validation, **settings)
    assert not [note for note in findings.notes if "could not be judged" in note]
    return [(one.id, one.level) for one in findings]


def model_of(outputs, inputs, rate=0.001):
    model = keras.Model(inputs, layers.Dense(3, "softmax")(outputs))
    model.compile(keras.optimizers.Adam(rate), SPARSE)
    return model


# Scaled once, twice and not at all


def in_graph(scale, inside):
    inputs = keras.Input((16, 16, 3))
    return model_of(inside(scale(layers.RandomFlip()(inputs))), inputs)


@pytest.mark.parametrize(
    ("model", "x", "ids"),
    [
        (lambda: classifier(backbone(rescaling(1 / 255))), UNIT, ["D25"]),
        (
            lambda: classifier(layers.RandomFlip(), backbone(rescaling(1 / 127.5, -1))),
            UNIT,
            ["D25"],
        ),
        (lambda: classifier(backbone(rescaling(1 / 255))), SIGNED, ["D25"]),
        (lambda: in_graph(lambda x: x / 255.0, backbone(rescaling(1 / 255))), PIXELS, ["D25"]),
        (lambda: classifier(rescaling(1 / 255), backbone(fixed_norm())), PIXELS, ["D25"]),
        (lambda: classifier(backbone(fixed_norm())), UNIT, ["D25"]),
        (lambda: classifier(backbone(fixed_norm())), PIXELS, []),
        (lambda: classifier(backbone(rescaling(1 / 255))), PIXELS.astype("uint8"), []),
        (lambda: classifier(backbone(rescaling(1 / 255))), (UNIT > 0.5).astype("uint8"), []),
        (lambda: classifier(rescaling(255.0), backbone(rescaling(1 / 255))), UNIT, []),
        (lambda: in_graph(lambda x: x * 255.0, backbone(rescaling(1 / 255))), UNIT, []),
        (lambda: classifier(backbone(rescaling(1 / 255), rescaling(2.0, -1))), PIXELS, []),
        (lambda: classifier(rescaling(1 / 127.5, -1), backbone()), PIXELS, []),
    ],
)
def test_scaled_once(model, x, ids):
    assert found(model(), x) == [(rule, "error") for rule in ids]


def fixed_norm():
    """The layer that a ConvNeXt begins with."""
    return layers.Normalization(mean=[124.0, 116.0, 104.0], variance=[3409.0, 3263.0, 3289.0])


@pytest.mark.parametrize("learned", ["pixels", "unit", "signed"])
@pytest.mark.parametrize("given", ["pixels", "unit", "signed", "bytes", "dark"])
def test_scale_is_that_of_the_learned_weights(learned, given):
    data = {"pixels": PIXELS, "unit": UNIT, "signed": SIGNED, "bytes": PIXELS.astype("uint8")}
    data["dark"] = data[learned] * 0.3
    known = backbone(learned_on=data[learned])
    known.trainable = False
    large = {"pixels", "bytes"}
    alike = given in (learned, "dark") or {learned, given} in ({"unit", "signed"}, large)
    ids = [one for one in found(classifier(known), data[given]) if one[0] == "I7"]
    assert ids == ([] if alike else [("I7", "error")])


def test_scale_that_is_named_is_the_right_one():
    known = backbone(learned_on=SIGNED)
    known.trainable = False
    (finding,) = checks.check(classifier(known), PIXELS, CLASSES)
    assert "keras.layers.Rescaling(1 / 127.5, offset=-1)" in finding.fix
    right = classifier(layers.RandomFlip(), rescaling(1 / 127.5, -1), known)
    assert found(right, PIXELS) == []


def test_model_that_trains_on_with_its_own_data_is_left_alone():
    for x in (PIXELS, UNIT * 0.1):
        model = convolutional(layers.Conv2D(4, 3), layers.BatchNormalization())
        model.fit(x, CLASSES, epochs=1, verbose=0)
        assert not {"I2", "I7"} & {rule for rule, _ in found(model, x)}


# The networks of keras.applications


def application(name, learned_on=None):
    made = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg"
    )
    if learned_on is not None:
        first = next(one for one in made.layers if isinstance(one, layers.Conv2D))
        outputs = first(learned_on) if not first.bias else None
        norm = next(one for one in made.layers if isinstance(one, layers.BatchNormalization))
        norm.moving_mean.assign(keras.ops.mean(outputs, (0, 1, 2)))
        norm.moving_variance.assign(keras.ops.var(outputs, (0, 1, 2)))
    made.trainable = False
    return made


def large(x):
    return np.kron(x[:60], np.ones((1, 2, 2, 1))).astype("float32")


@pytest.mark.second_tier
def test_mobilenet_takes_signed_pixels():
    known = application("MobileNetV2", large(SIGNED))
    inputs = keras.Input((32, 32, 3))
    prepared = keras.applications.mobilenet_v2.preprocess_input(inputs)
    assert found(model_of(known(prepared), inputs), large(PIXELS), CLASSES[:60]) == []
    plain = classifier(known, shape=(32, 32, 3))
    for x, level in ((PIXELS, "error"), (UNIT, "warning"), (SIGNED, None)):
        said = checks.check(plain, large(x), CLASSES[:60])
        assert [(one.id, one.level) for one in said] == ([("I7", level)] if level else [])
        assert all("mobilenet_v2.preprocess_input" in one.fix for one in said)
    own = application("MobileNetV2", large(UNIT))  # learned from 0 to 1 by its user
    assert found(classifier(own, shape=(32, 32, 3)), large(UNIT), CLASSES[:60]) == []


@pytest.mark.second_tier
@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV3Small"])
def test_networks_that_scale_by_themselves_take_pixels(name):
    known = application(name)
    for first, x, ids in (
        ((), PIXELS, []),
        ((layers.RandomFlip(),), PIXELS, []),
        ((), UNIT, ["D25"]),
        ((rescaling(1 / 255),), PIXELS, ["D25"]),
        ((rescaling(1 / 127.5, -1),), PIXELS, ["D25"]),
    ):
        model = classifier(*first, known, shape=(32, 32, 3))
        assert [rule for rule, _ in found(model, large(x), CLASSES[:60])] == ids


@pytest.mark.second_tier
def test_vgg_takes_pixels_with_the_mean_taken_off():
    known = application("VGG16")
    known.layers[1].bias.assign(np.full(64, 0.1))  # a frozen one has learned
    model = classifier(known, shape=(32, 32, 3))
    x, y = large(PIXELS), CLASSES[:60]
    assert found(model, x, y) == [("I7", "warning")]
    assert found(model, keras.applications.vgg16.preprocess_input(x.copy()), y) == []


# Batch normalisation in fine-tuning


def tuned(training=None, trainable=True, frozen_norms=False, rate=0.001, learned_head=False):
    known = backbone(learned_on=UNIT)
    known.trainable = trainable
    for layer in known.layers:
        if isinstance(layer, layers.BatchNormalization) and frozen_norms:
            layer.trainable = False
    inputs = keras.Input((16, 16, 3))
    model = model_of(known(inputs, training=training), inputs, rate)
    if learned_head:
        model.layers[-1].bias.assign([0.1, 0.2, 0.3])
    return model


def tuned_flat():
    known = backbone(learned_on=UNIT)
    return model_of(known.outputs[0], known.inputs[0])


def tuned_in_part():
    first, second = layers.Conv2D(4, 3), backbone(learned_on=UNIT)
    first.trainable = False
    inputs = keras.Input((16, 16, 3))
    outputs = layers.Concatenate()([second(inputs), layers.Flatten()(first(inputs))])
    model = model_of(outputs, inputs)
    model.layers[-1].bias.assign([0.1, 0.2, 0.3])
    return model


@pytest.mark.parametrize(
    ("model", "part"),
    [
        (tuned, "which has learned nothing yet"),
        (tuned_flat, "which has learned nothing yet"),
        (tuned_in_part, "while other layers are frozen"),
        (lambda: tuned(learned_head=True, rate=1e-5), "at a learning rate of 1e-05"),
        (lambda: tuned(training=False), None),
        (lambda: tuned(trainable=False), None),
        (lambda: tuned(trainable=False, training=True), None),
        (lambda: tuned(frozen_norms=True), None),
        (lambda: tuned(learned_head=True), None),
        (lambda: classifier(backbone()), None),
        (lambda: classifier(layers.Flatten(), layers.BatchNormalization()), None),
    ],
)
def test_batch_normalisation_stays_in_inference(model, part):
    said = checks.check(model(), UNIT, CLASSES)
    assert [one.id for one in said] == (["I2"] if part else [])
    assert part is None or part in str(said)


def test_statistics_of_many_images_may_be_learned_anew():
    x = np.tile(UNIT, (60, 1, 1, 1))[:10_000]
    assert ("I2", "warning") not in found(tuned(), x, np.tile(CLASSES, 60)[:10_000])


# Channels


def axes(shape, data_format="channels_last", kernel=3, *first):
    head = (layers.Flatten(), layers.Dense(3, "softmax"))
    convolution = layers.Conv2D(4, kernel, data_format=data_format)
    model = keras.Sequential([keras.Input(shape), *first, convolution, *head])
    model.compile("adam", SPARSE)
    return model


MOVED = np.moveaxis(UNIT, -1, 1)
SENSORS = np.random.default_rng(0).normal(size=(200, 1, 24, 16)).astype("float32")


@pytest.mark.parametrize(
    ("model", "x", "wrong"),
    [
        (lambda: axes((3, 16, 16)), MOVED, True),
        (lambda: axes((3, 16, 16), "channels_last", 3, layers.RandomFlip()), MOVED, True),
        (lambda: axes((16, 16, 3), "channels_first"), UNIT, True),
        (lambda: axes((3, 16, 16), "channels_first"), MOVED, False),
        (lambda: axes((16, 16, 3)), UNIT, False),
        (lambda: axes((3, 16, 16), "channels_last", 3, layers.Permute((2, 3, 1))), MOVED, False),
        (lambda: axes((1, 24, 16), "channels_last", (1, 3)), SENSORS, False),
        (lambda: axes((3, 24, 16), "channels_last"), np.repeat(SENSORS, 3, 1), False),
    ],
)
def test_channels_stand_where_the_layers_take_them(model, x, wrong):
    said = checks.check(model(), x, CLASSES)
    assert ("I1" in [one.id for one in said]) == wrong


# Folders and files


def scaled():
    return convolutional(rescaling(1 / 255))


def test_folder_that_is_missing_moves_the_labels():
    said = found(scaled(), folders(FIRST, ABC), None, folders(LAST, ["a", "c"]).prefetch(1))
    assert ("I4", "error") in said
    order = folders(LAST, ["b", "a", "c"])
    assert found(scaled(), folders(FIRST, ABC), None, order) == [("I4", "error")]
    assert found(scaled(), folders(FIRST, ABC), None, folders(LAST, ABC)) == []


@pytest.mark.parametrize(
    ("names", "program", "wrong"),
    [
        (["1", "10", "2"], "", True),
        (["1", "10", "2"], "print(data.class_names[label])", False),
        (["01", "02", "10"], "", False),
        (["cat", "dog", "owl"], "names = ['dog', 'cat', 'owl']", True),
        (["cat", "dog", "owl"], "names = {0: 'dog', 1: 'cat', 2: 'owl'}", True),
        (["cat", "dog", "owl"], "labels = {'dog': 1, 'cat': 0, 'owl': 2}", False),
        (["cat", "dog", "owl"], "names = ('cat', 'dog', 'owl')", False),
        (["cat", "dog", "owl"], "print(['owl', 'dog'])", False),
        (["dog", "cat", "owl"], "load(path, class_names=['dog', 'cat', 'owl'])", False),
        (["cat", "dog", "owl"], "no Python", False),
    ],
)
def test_names_are_in_the_order_of_the_labels(names, program, wrong):
    data = folders(slice(None), names).cache().prefetch(1)
    said = found(scaled(), data, None, program=program)
    assert said == ([("I4", "warning")] if wrong else [])


LOOP = """
for label, name in enumerate({folders}):
    for file in os.listdir(os.path.join(data, name)):
        x.append(load(file))
        y.append({kept})
"""


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        (LOOP.format(folders="os.listdir(data)", kept="label"), True),
        ("names = list(data.iterdir())\n" + LOOP.format(folders="names", kept="[label]"), True),
        ("labels = {name: n for n, name in enumerate(os.listdir(data))}", True),
        (LOOP.format(folders="sorted(os.listdir(data))", kept="label"), False),
        (
            "names = os.listdir(d)\nnames.sort()\n" + LOOP.format(folders="names", kept="label"),
            False,
        ),
        (LOOP.format(folders="os.listdir(data)", kept="LABELS[name]"), False),
        (LOOP.format(folders="['cat', 'dog']", kept="label"), False),
        ("for n, file in enumerate(os.listdir(data)):\n    x[n] = load(file)", False),
        ("for n, file in enumerate(os.listdir(data)):\n    x.append((n, load(file)))", False),
    ],
)
def test_folders_are_numbered_in_an_order_that_is_known(program, wrong):
    said = found(convolutional(), UNIT, program=program)
    assert said == ([("I4", "warning")] if wrong else [])


def validated_by(files, num_rows=200):
    data = [folders(slice(start, num_rows, 2), ABC, files) for start in (0, 1)]
    return found(scaled(), data[0], None, data[1])


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ("patient{group}_{number}.png", True),
        ("{group:03}-{number}.jpg", True),
        ("{group}_jackson_{number}.jpg", True),
        ("IMG_{number:04}.JPG", False),
        ("cat.{number}.jpg", False),
        ("photo ({number}).jpg", False),
        ("202304{group:02}_{number:06}.jpg", False),
        ("{group:x}{number}.png", False),
        ("batch{few}_{number}.png", False),
    ],
)
def test_subjects_stand_in_one_split(form, wrong):
    files = [form.format(group=n // 5, number=n, few=n // 50) for n in range(200)]
    assert validated_by(files) == ([("I6", "warning")] if wrong else [])


# Augmentation and copies


FLIP = layers.RandomFlip()


def flipped(x, y):
    return tf.image.random_flip_left_right(x), y


def mirrored(x, y):
    return tf.image.flip_left_right(x), y


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda data: data.map(flipped), True),
        (lambda data: data.map(flipped).unbatch().batch(16).prefetch(1), True),
        (lambda data: data.map(mirrored).shuffle(4), False),
        (lambda data: data.map(lambda x, y: (FLIP(x, training=False), y)), False),
        (lambda data: data.map(lambda x, y: (FLIP(x), y)), True),
    ],
)
def test_validation_images_are_as_they_are(change, wrong):
    said = found(scaled(), folders(FIRST, ABC), None, change(folders(LAST, ABC)))
    assert said == ([("I3", "warning")] if wrong else [])
    assert found(scaled(), change(folders(FIRST, ABC)), None, folders(LAST, ABC)) == []


def test_random_numbers_beside_images_are_no_augmentation():
    x = tf.data.Dataset.from_tensor_slices((mistakes.rows()[0], CLASSES)).batch(32)
    noisy = x.map(lambda x, y: (x + tf.random.normal((4,)), y))
    assert found(mistakes.network(3, "softmax", SPARSE), x, None, noisy) == []


@pytest.mark.parametrize("augmented", [True, False])
def test_generator_of_images_is_read_and_left_as_it_was(augmented):
    make = tf.keras.preprocessing.image.ImageDataGenerator
    plain, changing = make(validation_split=0.25), make(horizontal_flip=True)
    train = plain.flow(PIXELS, CLASSES, subset="training", seed=1)
    x, y = PIXELS[:50], CLASSES[:50]  # the others are for training
    validation = changing.flow(x, y) if augmented else make().flow(x, y)
    before, state = train.total_batches_seen, np.random.get_state()[1].copy()
    said = found(scaled(), train, None, validation, ignore=["S2"])
    assert said == ([("I3", "warning")] if augmented else [])
    assert train.total_batches_seen == before
    assert (np.random.get_state()[1] == state).all()


NOISE = np.random.default_rng(1).normal(0, 2, PIXELS.shape).astype("float32")


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[:, :, ::-1],
        lambda x: np.rot90(x, axes=(1, 2)),
        lambda x: x * 0.8 + 20,
        lambda x: x[:, ::-1] * 0.9,
    ],
)
def test_copies_in_other_forms_are_found(change):
    copies = change(PIXELS + NOISE).clip(0, 255)
    said = found(scaled(), PIXELS[FIRST], CLASSES[FIRST], (copies[:50], CLASSES[:50]))
    assert said == [("I5", "warning")]
    assert found(scaled(), PIXELS[FIRST], CLASSES[FIRST], (copies[LAST], CLASSES[LAST])) == []


def test_pictures_that_are_alike_by_nature_are_no_copies():
    """Strokes on a black ground, one like another."""
    rng = np.random.default_rng(0)
    places = np.arange(28)
    middles = rng.normal(14, 1.2, (600, 1)) + rng.normal(0, 0.15, (600, 1)) * (places - 14)
    strokes = np.exp(-((places[None, None] - middles[:, :, None]) ** 2) / 4) * 255
    alike = fingerprints.near_copies(strokes[:100], strokes[100:])
    assert alike.mean() < 0.01
    assert not fingerprints.near_copies(np.zeros((20, 28, 28)), np.zeros((50, 28, 28))).any()
    assert not fingerprints.near_copies(strokes[:9, :8, :8], strokes[:, :8, :8]).any()
