"""Searches on several workers: the loop of a search, and what Dask does for it."""

import contextlib
import dataclasses
import importlib.util
import multiprocessing
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import unittest.mock
from multiprocessing import resource_tracker

import keras_tuner
import numpy as np
import pandas as pd
import pretending
import psutil
import pytest
from in_turn import run_in_turn
from own_copies import OWN, ROOT, free_port

import tuning
from keras_recipes.errors import InputError, RunError
from tuning import loop
from tuning.options import Limits, Options
from tuning.oracles import oracles, seeds, spaces
from tuning.report import report
from tuning.spec import SearchSpec
from tuning.trials import fingerprints, records, refit, trials
from tuning.workers import cluster, on_worker, processes, workers

TUNERS = ("grid", "random", "bayesian", "hyperband")


def wide(hp):
    hp.Float("rate", 1e-4, 1e-1, sampling="log", default=1e-3)
    hp.Float("dropout", 0.0, 0.5, step=0.1, default=0.2)
    hp.Int("units", 8, 64, step=8, default=16)


def make_oracle(tuner, max_trials):
    own = {"max_epochs": 9, "bracket_trials": max_trials} if tuner == "hyperband" else {}
    oracle = oracles.ORACLES[tuner](
        objective=keras_tuner.Objective("val_loss", "min"),
        max_trials=max_trials,
        seed=0,
        hyperparameters=spaces.explore(wide),
        **own,
    )
    oracle.verbose = 0
    return oracle


def outcome(number, values):
    """A trial without training; every seventh fails."""
    if number and seeds.derive(spaces.key(values)) % 7 == 0:
        return records.Trial(number, values, "error", "no luck")
    return records.Trial(number, values, scores=[seeds.derive("score", spaces.key(values)) / 2**32])


class KilledError(Exception):
    """The driver was killed."""


class Several:
    """A runner whose trials end in any order, and the files that a search leaves.

    Args:
        places: Trials at a time.
        order: Seed of the order.
        kill: After so many trials have ended; None for never.
    """

    def __init__(self, places, order=0, kill=None, known=()):
        self.places, self.kill = places, kill
        self.files = {trial.number: trial for trial in known}
        self.generator = np.random.default_rng(order)
        self.at_work, self.idle = [], 0

    def begin(self, trial):
        self.files[trial.number] = trial
        self.at_work.append(trial)
        assert len(self.at_work) <= self.places

    def wait(self):
        self.idle += self.places - len(self.at_work)
        if self.kill == 0:
            raise KilledError
        trial = self.at_work.pop(self.generator.integers(len(self.at_work)))
        return outcome(trial.number, trial.values), None

    def keep(self, trial, model):
        self.files[trial.number] = trial
        self.kill = self.kill and self.kill - 1

    def search(self, tuner, max_trials):
        """Give the trials that ended, by number; and those that were at work."""
        oracle, known = make_oracle(tuner, max_trials), [self.files[n] for n in sorted(self.files)]
        ways = (self.begin, self.wait, self.keep)
        loop.run_trials(oracle, known, *ways, count_places=lambda: self.places)
        return self.known()

    def known(self):
        return [self.files[number] for number in sorted(self.files)]


def in_turn(tuner, max_trials):
    done = []
    run_one = lambda *told: done.append(outcome(*told)) or done[-1]  # noqa: E731
    run_in_turn(make_oracle(tuner, max_trials), [], run_one)
    return done


def points(trials):
    return [(spaces.key(trial.values), trial.values.get("tuner/epochs")) for trial in trials]


@pytest.mark.second_tier
@pytest.mark.parametrize("tuner", TUNERS)
def test_several_places_are_always_taken_and_no_point_is_run_twice(tuner):
    runner = Several(places=4)
    done = runner.search(tuner, 24)
    assert len(set(points(done))) == len(done) == 24
    assert sorted(trial.ended_as for trial in done) == list(range(24))
    at_the_end = 1 + 2 + 3
    if tuner == "hyperband":  # waits for the rest of a rung, and begins the next bracket meanwhile
        assert runner.idle <= 8 + at_the_end
    else:
        assert runner.idle == at_the_end
    if tuner in ("grid", "random"):
        assert points(done) == points(in_turn(tuner, 24))


class Checked:
    """An oracle that proposes each trial that it is told of, as it did when it was begun."""

    def __init__(self, oracle):
        self.oracle = oracle

    def __getattr__(self, name):
        return getattr(self.oracle, name)

    def begin_trial(self, tuner_id, values):
        proposal = self.oracle.create_trial(tuner_id)
        assert spaces.point_of(proposal.hyperparameters.values) == values
        return proposal


@pytest.mark.second_tier
@pytest.mark.parametrize("tuner", TUNERS)
@pytest.mark.parametrize("kill", [1, 6, 13, 17])
def test_killed_with_trials_at_work_a_search_goes_on_as_if_it_had_not_been(tuner, kill):
    killed = Several(places=3, order=1, kill=kill)
    with pytest.raises(KilledError):
        killed.search(tuner, 20)
    known = killed.known()
    assert sum(trial.is_running for trial in known) == len(killed.at_work) > 0
    loop.LoopState(Checked(make_oracle(tuner, 20)), known)
    for places in (3, 1):
        done = Several(places, order=2, known=known).search(tuner, 20)
        assert len(set(points(done))) == 20
        assert points(done)[: len(known)] == points(known)
        loop.LoopState(Checked(make_oracle(tuner, 20)), done)
        if tuner in ("grid", "random"):
            assert points(done) == points(in_turn(tuner, 20))


def test_hyperband_promotes_the_best_of_a_whole_rung_whatever_ends_first():
    for order in range(5):
        done = Several(4, order).search("hyperband", 22)
        rungs = {}
        for trial in done:
            place = [trial.values[f"tuner/{name}"] for name in ("sweep", "bracket", "round")]
            rungs.setdefault(tuple(place), []).append(trial)
        assert [len(rungs[0, 0, n]) for n in range(3)] == [9, 3, 1]
        assert [len(rungs[0, 1, n]) for n in range(2)] == [5, 2]
        for (sweep, bracket, number), rung in rungs.items():
            if number:
                best = records.rank(rungs[sweep, bracket, number - 1], "min")[: len(rung)]
                assert {spaces.key(t.values) for t in rung} == {spaces.key(t.values) for t in best}


@pytest.mark.second_tier
def test_bayesian_proposals_of_several_places_are_as_good():
    def best(places):
        class Bowl(Several):
            def wait(self):
                trial, model = super().wait()
                loss = (np.log10(trial.values["rate"]) + 2) ** 2 + trial.values["dropout"]
                return dataclasses.replace(trial, status="ok", scores=[loss], error=""), model

        return records.rank(Bowl(places).search("bayesian", 24), "min")[0].score

    assert best(4) < 0.01
    assert best(1) < 0.01


# What Dask does


def spec_of(recipe):
    return SearchSpec(recipe, "random", None, None, {"seed": 0})


def run_on(runner, points):
    """Run trials, as many at a time as there are places."""
    left, at_work, done = list(enumerate(points)), 0, {}
    while left or at_work:
        while left and at_work < runner.count_places():
            number, values = left.pop(0)
            runner.submit(trials.Job(spec_of("breast_cancer"), number, values))
            at_work += 1
        if ended := runner.wait():
            done[ended[0].number] = ended[0]
            at_work -= 1
    return [done[number] for number in range(len(points))]


@contextlib.contextmanager
def two_workers(**told):
    """Give workers that need no TensorFlow, nor load any."""
    order = on_worker.Order("search-test", {}, {})
    with (
        unittest.mock.patch.object(processes, "method", return_value="spawn"),
        cluster.on_this_machine(2, pathlib.Path("workers")) as client,
    ):
        runner = cluster.Cluster(client, order, Limits(**told), run=pretending.run)
        yield runner
        runner.close()
    assert psutil.Process().children(recursive=True) in ([], [tracker()])
    assert not pathlib.Path("workers").exists()


def tracker():
    """The process by which Python keeps account of what its processes share."""
    return psutil.Process(resource_tracker._resource_tracker._pid)


@pytest.mark.second_tier
def test_a_trial_that_kills_its_worker_twice_is_lost_alone():
    points = [{"sleep": 0.1} for _ in range(12)]
    points[2] = {"signal": signal.SIGKILL, "once": str(pathlib.Path("once").absolute())}
    points[5] = {"signal": signal.SIGKILL}
    with two_workers() as runner:
        done = run_on(runner, points)
    assert [trial.number for trial in done if not trial.is_ok] == [5]
    assert done[5].status == "killed"
    assert done[5].error == "its worker died 2 times, most likely for want of memory"


@pytest.mark.second_tier
@pytest.mark.parametrize("frozen", [{"sleep": 100}, {"signal": signal.SIGSTOP}])
def test_a_trial_that_takes_too_long_is_ended_with_its_process(frozen):
    with two_workers(timeout=1) as runner:
        done = run_on(runner, [{}, frozen, {}, {"sleep": 0.2}, {}])
    assert [trial.status for trial in done] == ["ok", "timeout", "ok", "ok", "ok"]
    assert done[1].error == "took longer than --trial-timeout 1s"


@pytest.mark.second_tier
def test_a_process_runs_as_many_trials_as_it_is_told_to():
    with two_workers(isolate=2) as runner:
        done = run_on(runner, [{"sleep": 0.05}] * 9)
    held_by = [trial.values["process"] for trial in done]
    assert max(map(held_by.count, held_by)) == 2
    assert len(set(held_by)) >= 5


@pytest.mark.second_tier
def test_a_process_that_holds_too_much_memory_is_exchanged():
    with two_workers(max_memory=500) as runner:
        done = run_on(runner, [{"sleep": 0.05, "memory": 501.0}, *[{"sleep": 0.05}] * 5])
    held_by = [trial.values["process"] for trial in done]
    assert held_by.count(held_by[0]) == 1


@pytest.mark.second_tier
def test_a_worker_that_differs_is_sent_away_and_named(caplog):
    with two_workers() as runner:
        done = run_on(runner, [{"refused_by": 0, "sleep": 0.05}] * 6)
        assert len({trial.values["process"] for trial in done}) == 1
        assert runner.count_places() == 1
        assert "a worker is refused and sent away: tcp://127.0.0.1:" in caplog.text
        with pytest.raises(RunError, match=r"no worker is left; refused: .*versions.keras: other"):
            run_on(runner, [{"refused_by": "all"}])


def dask(*words, **settings):
    """Start `dask scheduler` or `dask worker`, which can import what these tests can."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    quiet = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, words), "--no-dashboard"],
        env={**os.environ, **quiet, "PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
        **settings,
    )


def wait_for(address):
    host, _, port = address.partition(":")
    for _ in range(600):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((host, int(port))).close()
            return
        time.sleep(0.1)
    pytest.fail("the scheduler did not start within a minute")


@contextlib.contextmanager
def a_cluster(*workers, protocol="tcp", tls=()):
    """Run a scheduler and workers on loopback; give their processes and HOST:PORT."""
    address = f"127.0.0.1:{free_port()}"
    listen = ("--host", "127.0.0.1", "--protocol", protocol, *tls)
    started = [dask("scheduler", "--port", address.partition(":")[2], *listen)]
    try:
        wait_for(address)
        for words in workers:
            there = (f"{protocol}://{address}", "--local-directory", pathlib.Path.cwd(), *listen)
            started.append(dask("worker", *there, *words))
        yield started, address
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run(["sh", ROOT / "tuning/deploy/certificates.sh", folder], check=True)
    return {"ca": folder / "ca.pem", "cert": folder / "own.pem", "key": folder / "own.key"}


@pytest.mark.second_tier
def test_a_search_on_workers_here_or_on_a_cluster_by_tls_is_the_same_search(
    certificates, monkeypatch, caplog
):
    monkeypatch.setattr(refit, "refit", lambda spec, best, defaults, folder: {})
    monkeypatch.setattr(report.Progress, "show_refit", lambda *arguments: None)
    told = {"tuner": "random", "trials": 3, "epochs": 2, "quiet": True}
    ca, cert, key = certificates.values()
    tls = ("--tls-ca-file", ca, "--tls-cert", cert, "--tls-key", key)
    at_work = (["--nthreads", "1"], ["--nthreads", "2", "--name", "wide"])
    own_tls = {f"tls_{name}": path for name, path in certificates.items()}
    with a_cluster(*at_work, protocol="tls", tls=tls) as (_, address):
        there = tuning.search(OWN, **told, scheduler=address, **own_tls, out="there").trials
        monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
        with pytest.raises(InputError, match="no Dask scheduler answers there by tcp"):
            tuning.search(OWN, **told, scheduler=address)
    assert not any(pathlib.Path("searches").iterdir()), "a search that never began leaves nothing"
    timings = ["seconds", "memory_mb", "scores"]
    alone = tuning.search(OWN, **told).trials.drop(columns=timings)
    with cluster.dask.config.set({"temporary-directory": str(pathlib.Path("elsewhere").resolve())}):
        here = tuning.search(OWN, **told, workers=2, out="here").trials
    assert not pathlib.Path("elsewhere").exists(), "Dask's files are in the search's folder"
    assert psutil.Process().children(recursive=True) in ([], [tracker()])
    for shared in (there, here):
        pd.testing.assert_frame_equal(shared.drop(columns=timings), alone)
    assert not pathlib.Path("here/workers").exists()
    assert len(list(pathlib.Path("there/models").iterdir())) == 1
    assert "it has 2 threads; start it with --nthreads 1" in caplog.text


@pytest.mark.second_tier
def test_a_scheduler_that_goes_away_ends_the_search(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 2)
    at_work = a_cluster(["--nthreads", "1"])
    with at_work as (processes, address), cluster.on_others(address, None) as client:
        runner = cluster.Cluster(
            client, on_worker.Order("gone", {}, {}), Limits(), run=pretending.run
        )
        assert run_on(runner, [{}])[0].is_ok
        processes[0].kill()
        with pytest.raises(RunError, match="Dask's scheduler has gone"):
            run_on(runner, [{}])
        runner.close()


@pytest.mark.second_tier
def test_a_scheduler_that_does_not_answer_ends_the_search(monkeypatch):
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(cluster, "PATIENCE_SECONDS", 2)
    with a_cluster() as (processes, address), cluster.on_others(address, None) as client:
        runner = cluster.Cluster(
            client, on_worker.Order("frozen", {}, {}), Limits(), run=pretending.run
        )
        processes[0].send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(RunError, match="scheduler has not answered for 2 seconds"):
                run_on(runner, [{}])
            runner.close()
        finally:
            processes[0].send_signal(signal.SIGCONT)


@pytest.mark.second_tier
def test_workers_that_all_go_away_end_the_search(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE_SECONDS", 1)
    with a_cluster() as (_, address), cluster.on_others(address, None) as client:
        runner = cluster.Cluster(
            client, on_worker.Order("none", {}, {}), Limits(), run=pretending.run
        )
        with pytest.raises(RunError, match="no worker was there for 1 seconds; a worker that ends"):
            run_on(runner, [{}])


# Options


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"workers": 2, "scheduler": "one:8786"}, "--workers and --scheduler: give one of the two"),
        ({"scheduler": "tcp://one:8786"}, "--scheduler: received 'tcp://one:8786', expected HOST"),
        ({"scheduler": "one"}, "--scheduler: received 'one', expected HOST:PORT"),
        ({"scheduler": ""}, "--scheduler: received '', expected HOST:PORT"),
        ({"scheduler": "one:99999"}, "--scheduler: received 'one:99999', expected HOST:PORT"),
        ({"workers": 100_000}, "--workers: received 100000, expected at most"),
        ({"trial_timeout": "5m"}, "--trial-timeout: only a trial in a process of its own can be"),
        ({"workers": 2, "trial_timeout": "soon"}, "--trial-timeout: received 'soon', expected"),
        ({"workers": 2, "verbose": True}, "--verbose: shows the epochs of one trial at a time"),
        ({"workers": 2, "tls_ca": OWN}, "give all three, with --scheduler"),
        ({"scheduler": "one:8786", "tls_ca": OWN}, "give all three, with --scheduler"),
        ({"workers": 0}, "workers: received 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(told, message):
    with pytest.raises(InputError, match=re.escape(message)):
        Options(recipe="iris", **told)


@pytest.mark.parametrize("told", [{"workers": 2}, {"scheduler": "one:8786"}])
def test_without_dask_one_line_says_how_to_get_it(monkeypatch, told):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs Dask, .*: pip install distributed"):
        Options(recipe="iris", **told)
    assert not Options(recipe="iris", workers=1).is_shared


def grow(job):
    """Stand in for `trials.run` in a forked process."""
    process, memory = os.getpid(), 400.0 + 100 * (job.number == 1)
    trial = records.Trial(job.number, {"process": process}, scores=[1.0], memory=memory)
    return trial, None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_an_isolated_process_that_holds_too_much_memory_is_exchanged(monkeypatch):
    monkeypatch.setattr(processes, "method", lambda: "fork")
    monkeypatch.setattr(trials, "run", grow)
    with workers.alone(Limits(9, max_memory=450), fingerprints.hash_code("iris")) as runner:
        done = [runner.run(trials.Job(spec_of("iris"), number, {}))[0] for number in range(4)]
    first, second, third, fourth = (trial.values["process"] for trial in done)
    assert first == second != third == fourth


def freeze(job):
    """Stand in for `trials.run` in a forked process."""
    if job.number == 1:
        time.sleep(100)
    return records.Trial(job.number, {"process": os.getpid()}, scores=[1.0]), None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_an_isolated_trial_that_takes_too_long_is_ended_without_dask(monkeypatch):
    monkeypatch.setattr(processes, "method", lambda: "fork")
    monkeypatch.setattr(trials, "run", freeze)
    with workers.alone(Limits(5, timeout=0.3), fingerprints.hash_code("iris")) as runner:
        done = [runner.run(trials.Job(spec_of("iris"), number, {}))[0] for number in range(3)]
    assert [trial.status for trial in done] == ["ok", "timeout", "ok"]
    assert done[0].values != done[2].values


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("keras_recipes.py", "spawn"),
        ("keras_recipes/__init__.py", "spawn"),
        ("tuning/__init__.py", "spawn"),
        ("tuning/notes.txt", "forkserver"),
    ],
)
def test_a_folder_with_packages_of_the_same_names_is_no_place_to_load_ahead_in(
    tmp_path, monkeypatch, file, expected
):
    monkeypatch.setattr(pathlib.Path, "glob", lambda *_: ())  # no GPU
    monkeypatch.setattr(sys, "platform", "linux")
    tmp_path.joinpath(file).parent.mkdir(exist_ok=True)
    tmp_path.joinpath(file).write_text("")
    monkeypatch.chdir(tmp_path)
    assert processes.method() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is loaded ahead")
def test_a_search_that_cannot_begin_leaves_no_process(monkeypatch):
    monkeypatch.setattr(processes, "method", lambda: "forkserver")
    monkeypatch.setattr(processes, "_LOADED_AHEAD", [])  # TensorFlow would take seconds
    with pytest.raises(InputError, match=r"^objective: received val_nothing"):
        tuning.search("iris", tuner="random", isolate=1, objective="val_nothing", quiet=True)
    left = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not [command for command in left if "forkserver" in command]


OUTLIVES = """
own = multiprocessing.get_context("forkserver")
own.set_forkserver_preload(["json"])
waiting = own.Process(target=time.sleep, args=(1,))
waiting.start()
with processes.loaded_ahead():
    pass
waiting.join()
print(waiting.exitcode, server._preload_modules)
"""
SHARES = """
with processes.loaded_ahead():
    with processes.loaded_ahead():
        begun = server._forkserver_pid
    print(server._forkserver_pid == begun is not None, end=" ")
print(server._forkserver_pid)
"""


@pytest.mark.second_tier
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is loaded ahead")
@pytest.mark.parametrize(("program", "said"), [(OUTLIVES, "0 ['json']"), (SHARES, "True None")])
def test_only_the_last_search_ends_the_server_and_only_its_own(program, said):
    begin = (
        "import multiprocessing, time\n"
        "from tuning.workers import processes\n"
        "processes.method, processes._LOADED_AHEAD = lambda: 'forkserver', []\n"
        "server = multiprocessing.forkserver._forkserver\n"
    )
    command = [sys.executable, "-c", begin + program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"{said}\n", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is loaded ahead")
def test_a_path_too_long_for_a_socket_is_named(tmp_path, monkeypatch):
    program = "from tuning.workers import processes\nprocesses.method = lambda: 'forkserver'\n"
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    command = [sys.executable, "-c", program + "processes.load_ahead()"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert "too long a path for a socket; set TMPDIR to a shorter one" in done.stderr
    assert not list(folder.iterdir())


def test_a_process_that_imports_its_program_starts_no_search(monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(InputError, match="has to call a search under"), processes.loaded_ahead():
        pass


@pytest.mark.second_tier
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is loaded ahead")
def test_a_search_that_is_killed_while_it_loads_leaves_no_temporary_folder(tmp_path):
    folder = tmp_path / "t"  # a longer path is too long for a socket
    folder.mkdir()
    program = (
        "import os; from tuning.workers import processes\n"
        "processes.method = lambda: 'forkserver'\n"
        "processes._LOADED_AHEAD = ['tuning.workers.processes']\n"
        f"processes.load_ahead(); print(os.listdir({str(folder)!r}), flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "TMPDIR": str(folder)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "pymp-" in done.stdout
    end = time.monotonic() + 30
    while list(folder.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not list(folder.iterdir())
