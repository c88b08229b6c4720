"""Fashion-MNIST: name the garment in a small grey image, in plain Keras.

Problem: multiclass with integer labels, logits and sparse categorical cross-entropy.
Data: 70,000 grey images of 28x28 pixels, 10,000 of them for testing (Zalando Research, MIT).
Result: accuracy 0.9060 ± 0.0024 (5 seeds), 358 s on 2 cores of AMD EPYC (Zen 3)
Run: python logits.py [--seed N] [FOLDER with the four idx files]
"""

import argparse
import gzip
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # fewer messages of TensorFlow
import keras
import numpy as np
from sklearn.model_selection import train_test_split

SEED = 0  # of the split, the initial weights, the order of the samples and dropout
EPOCHS = 50  # maximum number of passes over the training set
BATCH_SIZE = 256  # samples per update of the weights
LEARNING_RATE = 0.003  # step size of the optimizer in the first epoch
WEIGHT_DECAY = 0.05  # each step subtracts learning rate x weight decay x weight
PATIENCE = 25  # early stopping: epochs without a higher validation accuracy
HIDDEN_UNITS = (512, 256)  # width of each hidden layer
INPUT_DROPOUT = 0.1  # fraction of the pixels that is set to 0 in training
DROPOUT = 0.3  # fraction of the hidden outputs that is set to 0 in training
CLASS_NAMES = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"


def read_folder(folder):
    """Return the same as Keras's load_data, from the four idx files in a folder, plain or .gz."""
    arrays = []  # an idx file is a header, of 4 bytes and 4 for each dimension, and the values
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        path = os.path.join(folder, f"{name}-ubyte")
        with open(path, "rb") if os.path.exists(path) else gzip.open(f"{path}.gz") as file:
            arrays.append(np.frombuffer(file.read(), "uint8", offset=4 + 4 * int(name[-1])))
    return (arrays[0].reshape(-1, 28, 28), arrays[1]), (arrays[2].reshape(-1, 28, 28), arrays[3])


def load_data(seed, folder=None):
    """Return (x, y) of the training set (55,000), validation set (5,000) and test set (10,000)."""
    (x, y), test = read_folder(folder) if folder else keras.datasets.fashion_mnist.load_data()
    x, x_val, y, y_val = train_test_split(x, y, test_size=1 / 12, stratify=y, random_state=seed)
    return (x, y), (x_val, y_val), test


def build_model():
    """Build and compile the network. The pixels, 0 to 255, are scaled to 0..1."""
    layers = [keras.Input((28, 28)), keras.layers.Rescaling(1 / 255)]
    layers += [keras.layers.Flatten(), keras.layers.Dropout(INPUT_DROPOUT)]
    for units in HIDDEN_UNITS:
        layers += [keras.layers.Dense(units, kernel_initializer="he_normal")]
        layers += [keras.layers.BatchNormalization(), keras.layers.Activation("relu")]
        layers += [keras.layers.Dropout(DROPOUT)]
    # Rule table, logits: no activation, sparse categorical cross-entropy of logits, accuracy.
    model = keras.Sequential([*layers, keras.layers.Dense(10)])
    adamw = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    of_logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(adamw, of_logits, metrics=["accuracy"])
    return model


def main(seed=SEED, folder=None):
    """Train the network and test it once. Return the accuracy on the test set."""
    training, validation, (x_test, y_test) = load_data(seed, folder)
    keras.utils.set_random_seed(seed)
    model = build_model()
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_accuracy", mode="max", patience=PATIENCE, restore_best_weights=True
    )
    schedule = keras.callbacks.LearningRateScheduler(  # cosine: from LEARNING_RATE to almost 0
        lambda epoch, _: LEARNING_RATE * (1 + np.cos(np.pi * epoch / EPOCHS)) / 2
    )
    log = keras.callbacks.LambdaCallback(  # one for each epoch
        on_epoch_end=lambda n, s: print("Epoch", n + 1, {k: round(v, 4) for k, v in s.items()})
    )
    settings = {"batch_size": BATCH_SIZE, "epochs": EPOCHS, "callbacks": [log, schedule, stopping]}
    model.fit(*training, validation_data=validation, verbose=0, **settings)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test set: accuracy {accuracy:.4f}")
    p = np.array(keras.ops.softmax(model.predict(x_test[:1], verbose=0)))[0]  # probabilities
    print("First test sample:", CLASS_NAMES.split(", ")[p.argmax()], f"(probability {p.max():.4f})")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fashion-MNIST, in plain Keras")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("folder", nargs="?", help="with the four files *-ubyte or *-ubyte.gz")
    main(**vars(parser.parse_args()))
