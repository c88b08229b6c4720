"""MLflow and Weights & Biases, where they are installed: what they are sent arrives."""

import logging
import pathlib

import pytest

import keras_recipes
from keras_recipes import tracking
from keras_recipes.errors import InputError

QUICK = {"epochs": 3, "baselines": False, "verbose": False, "refit": False}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_mlflow_gets_settings_epochs_and_test_scores(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    run = keras_recipes.train("iris", out=tmp_path / "run", mlflow=uri, **QUICK)
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "run"
    assert found.data.params["epochs"] == "3"
    assert found.data.metrics["test_accuracy"] == run.metrics["test"]["accuracy"]
    losses = client.get_metric_history(found.info.run_id, "val_loss")
    assert [one.value for one in losses] == pytest.approx(run.history["val_loss"].tolist())
    with pytest.raises(InputError, match="learning_rate"):
        keras_recipes.train("iris", out=tmp_path / "no", mlflow=uri, learning_rate=-1, **QUICK)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_wandb_gets_them_too(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    for name, value in {"MODE": "offline", "SILENT": "true", "DIR": str(tmp_path)}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    keras_recipes.train("iris", out=tmp_path / "run", wandb="mine", **QUICK)
    assert wandb.run is None, "it has ended"
    (log,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    content = log.read_bytes()
    assert all(word in content for word in (b"val_loss", b"test_accuracy", b"learning_rate"))


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_tracker_that_is_not_installed_is_named_with_the_command(name, monkeypatch):
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=f"run pip install {name}"):
        keras_recipes.train("iris", out="run", **{name: "x"}, **QUICK)
    assert not pathlib.Path("run").exists()


def test_a_tracker_that_fails_does_not_end_the_training(caplog):
    def fail(*_):
        raise ConnectionError("the server has gone")

    ended = []
    tracker = tracking.Tracker("MLflow", fail, lambda *given: ended.append(given))
    with caplog.at_level(logging.WARNING):
        for epoch in range(3):
            tracker.on_epoch_end(epoch, {"loss": 1.0})
        tracker.finish({"accuracy": 1.0}, "run")
    assert [one.message for one in caplog.records] == [
        "MLflow gets no more scores: the server has gone"
    ]
    assert ended == []
