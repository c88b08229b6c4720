"""Models that are right, of many shapes: the check must not say a word about any of them."""

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tensorflow as tf
from keras import layers, losses

from keras_recipes import checks

ROWS = 96
RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(ROWS, 4)).astype("float32")
IMAGES = RANDOM.integers(0, 256, size=(ROWS, 8, 8, 1)).astype("uint8")
COLOURS = np.random.default_rng(8).integers(0, 256, size=(ROWS, 16, 16, 3)).astype("float32")
SEQUENCES = RANDOM.normal(size=(ROWS, 6, 3)).astype("float32")
TOKENS = RANDOM.integers(1, 50, size=(ROWS, 7))
TEXTS = np.array(["a good film", "a bad film", "so so"] * 32, dtype=object)
BINARY = RANDOM.integers(0, 2, ROWS)
CLASSES = RANDOM.integers(0, 3, ROWS)
MANY = RANDOM.integers(0, 10, ROWS)
NUMBERS = RANDOM.normal(size=ROWS).astype("float32")
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
LABELS = RANDOM.integers(0, 2, size=(ROWS, 5)).astype("float32")
SPARSE = "sparse_categorical_crossentropy"
BINARY_LOSS = "binary_crossentropy"

RIGHT = {}


def right(function):
    RIGHT[function.__name__] = function
    return function


def right_since_keras_3_13(function):
    """Older versions refuse these metrics of several outputs in `fit`, and the check says so."""
    is_right = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 13)
    return right(function) if is_right else function


def compiled(model, loss, *metrics, **settings):
    model.compile("adam", loss, metrics=list(metrics), **settings)
    return model


def stack(*inside, x=X, dtype=None):
    return keras.Sequential([keras.Input(x.shape[1:], dtype=dtype), *inside])


def simple(loss, units, activation=None, *metrics):
    return compiled(stack(layers.Dense(8, "relu"), layers.Dense(units, activation)), loss, *metrics)


for name, made, target in (
    ("binary", (BINARY_LOSS, 1, "sigmoid", "accuracy"), BINARY),
    ("binary_column", (BINARY_LOSS, 1, "sigmoid"), BINARY[:, None]),
    ("binary_truth_values", (BINARY_LOSS, 1, "sigmoid"), BINARY == 1),
    ("binary_soft_labels", (BINARY_LOSS, 1, "sigmoid"), RANDOM.random(ROWS)),
    ("binary_logits", (losses.BinaryCrossentropy(from_logits=True), 1), BINARY),
    ("binary_focal", (losses.BinaryFocalCrossentropy(), 1, "sigmoid"), BINARY),
    ("binary_hard_sigmoid", (BINARY_LOSS, 1, "hard_sigmoid"), BINARY),
    ("binary_cross_entropy_chosen_by_keras", ("crossentropy", 1, "sigmoid"), BINARY),
    ("hinge", ("hinge", 1, "tanh"), BINARY * 2 - 1),
    ("multiclass", (SPARSE, 3, "softmax", "accuracy"), CLASSES),
    ("multiclass_column", (losses.SparseCategoricalCrossentropy(), 3, "softmax"), CLASSES[:, None]),
    ("multiclass_one_hot", ("categorical_crossentropy", 3, "softmax"), ONE_HOT),
    ("multiclass_soft_labels", ("categorical_crossentropy", 3, "softmax"), ONE_HOT * 0.9 + 0.03),
    ("multiclass_logits", (losses.SparseCategoricalCrossentropy(from_logits=True), 3), CLASSES),
    ("log_softmax", (losses.SparseCategoricalCrossentropy(from_logits=True), 3, "log_softmax"),
     CLASSES),
    ("ten_classes_some_unseen", (SPARSE, 10, "softmax"), np.where(MANY == 9, 0, MANY)),
    ("ignored_class", (losses.SparseCategoricalCrossentropy(ignore_class=-1), 3, "softmax"),
     np.where(BINARY, CLASSES, -1)),
    ("two_classes_by_softmax", (SPARSE, 2, "softmax"), BINARY),
    ("divergence", ("kl_divergence", 3, "softmax"), RANDOM.dirichlet([1, 1, 1], ROWS)),
    ("multilabel", (BINARY_LOSS, 5, "sigmoid", "binary_accuracy"), LABELS),
    ("regression", ("mse", 1, None, "mae"), NUMBERS),
    ("regression_column", ("mae", 1), NUMBERS[:, None]),
    ("regression_several", (losses.Huber(), 2), RANDOM.normal(size=(ROWS, 2))),
    ("regression_of_positive_numbers", ("mse", 1, "softplus"), np.exp(NUMBERS)),
    ("regression_of_shares", ("mse", 1, "sigmoid"), RANDOM.random(ROWS)),
    ("regression_of_counts", ("poisson", 1, "exponential"), RANDOM.poisson(3, ROWS)),
    ("regression_of_ratings", ("mse", 1), RANDOM.integers(1, 6, ROWS).astype("float32")),
    ("large_numbers_by_relative_loss", ("msle", 1, "softplus"), np.exp(NUMBERS + 9)),
    ("loss_of_the_users_own", (lambda y, p: keras.ops.mean((y - p) ** 4), 1), NUMBERS),
):  # fmt: skip

    def build(made=made, target=target):
        return simple(*made), X, target

    build.__name__ = name
    right(build)


@right
def linear_model():
    return compiled(stack(layers.Dense(1)), "mse"), X, NUMBERS


@right
def zero_initial_weights():
    head = layers.Dense(3, "softmax", kernel_initializer="zeros")
    return compiled(stack(head), SPARSE), X, CLASSES


@right
def mixed_precision_idiom():
    inside = (layers.Dense(3, "softmax"), layers.Activation("linear", dtype="float32"))
    return compiled(stack(*inside), SPARSE), X, CLASSES


@right
def softmax_layer_of_its_own():
    return compiled(stack(layers.Dense(3), layers.Softmax()), SPARSE), X, CLASSES


@right
def softmax_as_an_operation():
    inputs = keras.Input((4,))
    outputs = keras.ops.softmax(layers.Dense(3)(inputs))
    return compiled(keras.Model(inputs, outputs), SPARSE), X, CLASSES


@right
def softmax_in_a_layer_of_the_users_own():
    class Head(layers.Dense):
        def call(self, inputs):
            return keras.ops.softmax(super().call(inputs))

    return compiled(stack(Head(3)), SPARSE), X, CLASSES


@right
def softmax_in_a_lambda():
    head = layers.Lambda(tf.nn.softmax)
    return compiled(stack(layers.Dense(3), head), SPARSE), X, CLASSES


@right
def capped_logits():
    inside = (layers.Dense(3), layers.Rescaling(1 / 30), layers.Activation("tanh"))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    return compiled(stack(*inside, layers.Rescaling(30.0)), loss), X, CLASSES


@right
def target_brought_to_its_unit():
    y = NUMBERS * 5000 + 20000
    unit = layers.Normalization(invert=True)
    unit.adapt(y[:, None])
    return compiled(stack(layers.Dense(8, "tanh"), layers.Dense(1), unit), "mse"), X, y


@right
def adapted_inputs():
    x = X * 50 + 300
    normalise = layers.Normalization()
    normalise.adapt(x)
    return compiled(keras.Sequential([normalise, layers.Dense(1)]), "mse"), x, NUMBERS


@right
def batch_normalisation_first():
    x = X * 50 + 300
    return compiled(stack(layers.BatchNormalization(), layers.Dense(1)), "mse"), x, NUMBERS


@right
def pixels_divided_in_the_graph():
    inputs = keras.Input((8, 8, 1))
    outputs = layers.Dense(3, "softmax")(layers.Flatten()(inputs / 255.0))
    return compiled(keras.Model(inputs, outputs), SPARSE, "accuracy"), IMAGES, CLASSES


@right
def convolutional():
    inside = (layers.Rescaling(1 / 255), layers.Conv2D(4, 3, activation="relu"))
    top = (layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5), layers.Dense(3, "softmax"))
    return compiled(stack(*inside, *top, x=IMAGES), SPARSE), IMAGES, CLASSES


@right
def images_without_channel_axis():
    inside = (layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D())
    model = compiled(stack(*inside, layers.Dense(1), x=IMAGES), "mse")
    return model, IMAGES[..., 0], NUMBERS


@right
def images_with_the_mean_taken_off():
    x = IMAGES.astype("float32") - 120
    inside = (layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten())
    return compiled(stack(*inside, layers.Dense(3, "softmax"), x=x), SPARSE), x, CLASSES


@right
def flattened_images_with_an_empty_edge():
    x = (IMAGES.reshape(ROWS, -1) / 255).astype("float32")
    x[:, :9] = 0
    return compiled(stack(layers.Dense(3, "softmax"), x=x), SPARSE), x, CLASSES


def learned_backbone(*first):
    """A network of colour images of 0 to 255 that has learned."""
    norm = layers.BatchNormalization()
    inside = (layers.Conv2D(4, 3), norm, layers.GlobalAveragePooling2D())
    made = stack(*first, *inside, x=COLOURS)
    norm.moving_mean.assign([0.1, 0.2, 0.3, 0.4])
    norm.moving_variance.assign([0.1, 0.2, 1.0, 3.0])
    return made


@right
def backbone_that_scales_by_itself():
    known = learned_backbone(layers.RandomFlip(), layers.Rescaling(1 / 255))
    known.trainable = False
    return compiled(stack(known, layers.Dense(3, "softmax"), x=COLOURS), SPARSE), COLOURS, CLASSES


@right
def fine_tuned_backbone_in_inference():
    known, inputs = learned_backbone(), keras.Input((16, 16, 3))
    outputs = layers.Dense(3, "softmax")(known(inputs / 127.5 - 1, training=False))
    return compiled(keras.Model(inputs, outputs), SPARSE), COLOURS, CLASSES


@right
def folders_of_images():
    data = tf.data.Dataset.from_tensor_slices((COLOURS, CLASSES)).batch(32)
    data.class_names = ["cat", "dog", "owl"]
    data.file_paths = [f"{CLASSES[n]}/IMG_{n:04}.jpg" for n in range(ROWS)]
    inside = (layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D())
    model = compiled(stack(*inside, layers.Dense(3, "softmax"), x=COLOURS), SPARSE)
    return model, data.prefetch(1), None


@right
def autoencoder():
    x = (IMAGES.reshape(ROWS, -1) / 255).astype("float32")
    inside = (layers.Dense(8, "relu"), layers.Dense(64, "sigmoid"))
    return compiled(stack(*inside, x=x), BINARY_LOSS), x, x


@right
def segmentation_of_two_classes():
    inside = (layers.Rescaling(1 / 255), layers.Conv2D(1, 1, activation="sigmoid"))
    y = RANDOM.integers(0, 2, size=(ROWS, 8, 8))
    return compiled(stack(*inside, x=IMAGES), BINARY_LOSS), IMAGES, y


@right
def segmentation_of_three_classes():
    inside = (layers.Rescaling(1 / 255), layers.Conv2D(3, 1, activation="softmax"))
    y = RANDOM.integers(0, 3, size=(ROWS, 8, 8, 1))
    return compiled(stack(*inside, x=IMAGES), SPARSE), IMAGES, y


@right
def recurrent():
    return compiled(stack(layers.LSTM(4), layers.Dense(1), x=SEQUENCES), "mse"), SEQUENCES, NUMBERS


@right
def recurrent_with_state():
    inside = (keras.Input(batch_shape=(16, 6, 3)), layers.GRU(4, stateful=True), layers.Dense(1))
    return compiled(keras.Sequential(list(inside)), "mse"), SEQUENCES, NUMBERS


@right
def sequence_to_numbers():
    inside = (layers.GRU(4, return_sequences=True), layers.Dense(1))
    y = RANDOM.normal(size=(ROWS, 6))
    return compiled(stack(*inside, x=SEQUENCES), "mse"), SEQUENCES, y


@right
def sequence_of_labels():
    head = layers.TimeDistributed(layers.Dense(5, "softmax"))
    inside = (layers.Bidirectional(layers.LSTM(4, return_sequences=True)), head)
    y = RANDOM.integers(0, 5, size=(ROWS, 6))
    return compiled(stack(*inside, x=SEQUENCES), SPARSE), SEQUENCES, y


@right
def sequence_of_two_labels():
    inside = (layers.GRU(4, return_sequences=True), layers.Dense(2, "softmax"))
    y = RANDOM.integers(0, 2, size=(ROWS, 6))
    return compiled(stack(*inside, x=SEQUENCES), SPARSE), SEQUENCES, y


@right
def padded_one_hot_sequence():
    inside = (layers.GRU(4, return_sequences=True), layers.Dense(3, "softmax"))
    y = np.eye(3)[RANDOM.integers(0, 3, size=(ROWS, 6))]
    y[:, 4:] = 0
    return compiled(stack(*inside, x=SEQUENCES), "categorical_crossentropy"), SEQUENCES, y


@right
def language_model_with_a_large_vocabulary():
    inside = (layers.Embedding(1000, 8), layers.LSTM(8), layers.Dense(1000, "softmax"))
    y = RANDOM.integers(1, 1000, ROWS)
    return compiled(stack(*inside, x=TOKENS), SPARSE), TOKENS, y


@right
def words_by_number():
    inside = (layers.Embedding(50, 8, mask_zero=True), layers.LSTM(8), layers.Dense(1, "sigmoid"))
    return compiled(stack(*inside, x=TOKENS), BINARY_LOSS), TOKENS, BINARY


@right
def padded_words():
    inside = (layers.Embedding(50, 8), layers.GlobalAveragePooling1D(), layers.Dense(1, "sigmoid"))
    return compiled(keras.Sequential(inside), BINARY_LOSS), np.pad(TOKENS, ((0, 0), (3, 0))), BINARY


@right
def text_inside_the_model():
    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(TEXTS)
    inside = (words, layers.Embedding(20, 4), layers.Flatten(), layers.Dense(1, "sigmoid"))
    model = keras.Sequential([keras.Input((1,), dtype="string"), *inside])
    return compiled(model, BINARY_LOSS), TEXTS, BINARY


@right
def categories_inside_the_model():
    lookup = layers.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")
    inputs = {
        "colour": keras.Input((1,), dtype="string", name="colour"),
        "size": keras.Input((1,), name="size"),
    }
    joined = layers.Concatenate()([lookup(inputs["colour"]), inputs["size"]])
    model = compiled(keras.Model(inputs, layers.Dense(1)(joined)), "mse")
    colours = np.array(["red", "blue"] * (ROWS // 2), dtype=object)
    return model, {"colour": colours, "size": X[:, :1]}, NUMBERS


@right
def missing_values_handled_in_the_model():
    x = X.copy()
    x[::5, 1] = np.nan
    inputs = keras.Input((4,))
    known = keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs)
    return compiled(keras.Model(inputs, layers.Dense(1)(known)), "mse"), x, NUMBERS


@right
def two_inputs():
    inputs = [keras.Input((4,)), keras.Input((6, 3))]
    joined = layers.Concatenate()([inputs[0], layers.Flatten()(inputs[1])])
    model = compiled(keras.Model(inputs, layers.Dense(3, "softmax")(joined)), SPARSE)
    return model, [X, SEQUENCES], CLASSES


@right
def inputs_by_name():
    inputs = [keras.Input((4,), name="table"), keras.Input((7,), name="words")]
    words = layers.GlobalAveragePooling1D()(layers.Embedding(50, 4)(inputs[1]))
    joined = layers.Concatenate()([inputs[0], words])
    model = compiled(keras.Model(inputs, layers.Dense(1)(joined)), "mse")
    return model, {"words": TOKENS, "table": X}, NUMBERS


@right_since_keras_3_13
def two_outputs():
    inputs = keras.Input((4,))
    heads = [layers.Dense(1)(inputs), layers.Dense(3, "softmax")(inputs)]
    model = compiled(keras.Model(inputs, heads), ["mse", SPARSE])
    return model, X, [NUMBERS, CLASSES]


@right_since_keras_3_13
def outputs_by_name():
    inputs = keras.Input((4,))
    heads = {"size": layers.Dense(1)(inputs), "kind": layers.Dense(1, "sigmoid")(inputs)}
    model = keras.Model(inputs, heads)
    loss = {"size": "mae", "kind": BINARY_LOSS}
    model.compile("adam", loss, metrics={"kind": ["accuracy"]})
    return model, X, {"kind": BINARY, "size": NUMBERS}


@right
def nested_models():
    inside = stack(layers.Dense(8, "relu"), layers.Dense(3, "softmax"))
    inputs = keras.Input((4,))
    return compiled(keras.Model(inputs, inside(inputs)), SPARSE), X, CLASSES


@right
def one_layer_used_twice():
    shared, inputs = layers.Dense(4), keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(1)(shared(shared(inputs))))
    return compiled(model, "mse"), X, NUMBERS


@right
def residual():
    inputs = keras.Input((4,))
    added = layers.Add()([inputs, layers.Dense(4, "relu")(inputs)])
    return compiled(keras.Model(inputs, layers.Dense(1)(added)), "mse"), X, NUMBERS


@right
def dot_product_of_embeddings():
    inputs = [keras.Input((1,), name="user"), keras.Input((1,), name="item")]
    vectors = [layers.Flatten()(layers.Embedding(50, 4)(one)) for one in inputs]
    model = compiled(keras.Model(inputs, layers.Dot(axes=1)(vectors)), "mse")
    return model, [TOKENS[:, :1], TOKENS[:, 1:2]], NUMBERS


@right
def not_built_yet():
    inside = [layers.Dense(8, "relu"), layers.Dense(3, "softmax")]
    return compiled(keras.Sequential(inside), SPARSE), X, CLASSES


class Subclassed(keras.Model):
    def __init__(self, units, activation=None):
        super().__init__()
        self.hidden = layers.Dense(8, "relu")
        self.out = layers.Dense(units, activation)

    def call(self, inputs, training=False):
        return self.out(self.hidden(inputs))


@right
def subclassed():
    return compiled(Subclassed(3, "softmax"), SPARSE), X, CLASSES


@right
def subclassed_logits():
    loss = losses.BinaryCrossentropy(from_logits=True)
    return compiled(Subclassed(1), loss), X, BINARY


@right
def subclassed_without_a_training_argument():
    class Ratings(keras.Model):
        def __init__(self):
            super().__init__()
            self.users = layers.Embedding(50, 4)

        def call(self, inputs):
            users = self.users(inputs)
            return keras.ops.sigmoid(keras.ops.sum(users[:, 0] * users[:, 1], -1, keepdims=True))

    return compiled(Ratings(), BINARY_LOSS), TOKENS[:, :2], RANDOM.random(ROWS)


@right
def scaled_and_then_normalised_by_hand():
    inside = (layers.Rescaling(1 / 255), layers.Normalization(), layers.Flatten())
    return compiled(stack(*inside, layers.Dense(3, "softmax"), x=IMAGES), SPARSE), IMAGES, CLASSES


@right
def with_a_training_step_of_its_own():
    class Own(Subclassed):
        def train_step(self, data):
            return {"loss": 0.0}

    model = Own(1)
    model.compile("adam")
    return model, X, NUMBERS


@right
def pandas_table():
    table = pd.DataFrame(X, columns=list("abcd"))
    table["e"] = np.array([1, 0, 2, 1] * (ROWS // 4), dtype="int8")
    inside = (layers.Dense(8, "relu"), layers.Dense(1, "sigmoid"))
    return compiled(stack(*inside, x=table), BINARY_LOSS), table, pd.Series(BINARY)


@right
def sparse_matrix():
    x = scipy.sparse.random(ROWS, 30, density=0.1, random_state=0, format="csr", dtype="float32")
    return compiled(stack(layers.Dense(3, "softmax"), x=x), SPARSE), x, CLASSES


@right
def single_column():
    x = RANDOM.permutation(np.linspace(-1, 1, ROWS))
    return compiled(keras.Sequential([keras.Input((1,)), layers.Dense(1)]), "mse"), x, 2 * x + 1


@right
def data_set():
    data = tf.data.Dataset.from_tensor_slices((X, CLASSES)).shuffle(96, seed=0).batch(16)
    return compiled(stack(layers.Dense(3, "softmax")), SPARSE), data, None


@right
def batches_by_number():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 6

        def __getitem__(self, number):
            rows = slice(number * 16, number * 16 + 16)
            return X[rows], CLASSES[rows]

    return compiled(stack(layers.Dense(3, "softmax")), SPARSE), Batches(), None


@right
def gates_with_four_rows():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    inside = (layers.Dense(4, "tanh"), layers.Dense(1, "sigmoid"))
    return compiled(stack(*inside, x=x), BINARY_LOSS), x, np.array([0, 1, 1, 0])


def test_there_are_many():
    assert len(RIGHT) >= 60


@pytest.mark.parametrize("case", RIGHT)
def test_right_model_is_left_alone(case):
    model, x, y = RIGHT[case]()
    found = checks.check(model, x, y)
    assert list(found) == []
    assert not [
        note for note in found.notes if "could not be judged" in note or "not tried" in note
    ]


@pytest.mark.second_tier
@pytest.mark.parametrize("case", RIGHT)
def test_right_model_with_a_validation_part_is_left_alone(case):
    model, x, y = RIGHT[case]()
    if y is None or case == "gates_with_four_rows":
        pytest.skip("no rows to set aside")
    found = checks.check(model, x, y, validation_split=0.2, epochs=3)
    assert list(found) == []
    assert not [
        note for note in found.notes if "could not be judged" in note or "not tried" in note
    ]
