"""Diabetes: predict how far the disease has moved on after one year, in plain Keras.

Problem: regression, linear output and mean squared error.
Data: 442 patients x 10 numbers, from scikit-learn (Efron et al. 2004).
Result: rmse 55.10 ± 1.59 (5 seeds), 32 s on 2 cores of AMD EPYC (Zen 3)
Run: python regression.py [--seed N]
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # fewer messages of TensorFlow
import keras
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

SEED = 0  # of the split, the initial weights, the order of the samples and dropout
EPOCHS = 300  # maximum number of passes over the training set
BATCH_SIZE = 32  # samples per update of the weights
LEARNING_RATE = 0.003  # step size of the optimizer
WEIGHT_DECAY = 1.0  # each step subtracts learning rate x weight decay x weight
PATIENCE = 30  # early stopping: epochs without a lower validation loss
HIDDEN_UNITS = 128  # width of the hidden layer
DROPOUT = 0.5  # fraction of the hidden outputs that is set to 0 in training
UNIT = "progression score"  # of the target: a clinical score, 25 to 346


def load_data(seed):
    """Return (x, y) of the training set (60 %), validation set (20 %) and test set (20 %)."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    x, y = x.astype("float32"), y.astype("float32").reshape(-1, 1)  # y: shape (samples, 1)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, random_state=seed)
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.25, random_state=seed)
    return (x, y), (x_val, y_val), (x_test, y_test)


def build_model(x_train, y_train):
    """Build and compile the network. It takes mean and std of inputs and target from the data."""
    normalization = keras.layers.Normalization()
    normalization.adapt(x_train)
    to_unit = keras.layers.Normalization(invert=True)  # output x std + mean of the target
    to_unit.adapt(y_train)
    layers = [
        keras.Input(x_train.shape[1:]),
        normalization,
        keras.layers.Dense(HIDDEN_UNITS, "relu", kernel_initializer="he_normal"),
        keras.layers.Dropout(DROPOUT),
        keras.layers.Dense(1),  # Rule table, regression: 1 linear unit, MSE; RMSE, MAE and R²
        to_unit,
    ]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rmse, r2 = keras.metrics.RootMeanSquaredError(name="rmse"), keras.metrics.R2Score(name="r2")
    model.compile(optimizer, loss="mse", metrics=[rmse, "mae", r2])
    return model


def train(seed, epochs, training, validation=None):
    """Train a new network. Return it, and the number of epochs that gave its weights."""
    keras.utils.set_random_seed(seed)
    model = build_model(*training)
    stopping = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    log = keras.callbacks.LambdaCallback(  # one for each epoch
        on_epoch_end=lambda n, s: print("Epoch", n + 1, {k: round(v, 4) for k, v in s.items()})
    )
    settings = {"batch_size": BATCH_SIZE, "epochs": epochs, "verbose": 0}
    settings["callbacks"] = [log, stopping] if validation else [log]
    model.fit(*training, validation_data=validation, **settings)
    return model, stopping.best_epoch + 1 if validation else epochs  # Keras counts from 0


def main(seed=SEED):
    """Find the best epoch, refit, and test once. Return the RMSE on the test set."""
    training, validation, (x_test, y_test) = load_data(seed)
    _, best_epoch = train(seed, EPOCHS, training, validation)
    print(f"Refit on training and validation set: {best_epoch} epochs", flush=True)
    both = [np.concatenate(parts) for parts in zip(training, validation, strict=True)]
    model, _ = train(seed, best_epoch, both)
    scores = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    print(f"Test set: RMSE {scores['rmse']:.2f}, MAE {scores['mae']:.2f}, R² {scores['r2']:.3f}")
    value = model.predict(x_test[:1], verbose=0)[0, 0]
    print(f"First test sample: {UNIT} {value:.1f}, and {y_test[0, 0]:.0f} is true")
    return scores["rmse"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Diabetes, in plain Keras")
    parser.add_argument("--seed", type=int, default=SEED)
    main(parser.parse_args().seed)
