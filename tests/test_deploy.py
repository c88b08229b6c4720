"""The examples of tuning/deploy, run as they stand: only the other machines are this one."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
import yaml
from own_copies import ROOT, free_port

DEPLOY = ROOT / "tuning/deploy"
SEARCH = ["iris", "--trials", "4", "--epochs", "2", "--quiet", "--out", "found"]
LEFT_SECONDS = 20

# What Slurm and SSH do, on this machine. A real `ssh -tt` that ends hangs up on its command.
STAND_INS = {
    "srun": """
        trap 'kill $tasks; wait' TERM INT
        for _ in $(seq "$SLURM_NTASKS"); do "$@" & tasks="$tasks $!"; done
        wait
    """,
    "ssh": """
        while [ "${1#-}" != "$1" ]; do case $1 in -o|-R|-L) shift 2;; *) shift;; esac; done
        setsid sh -c "$2" &
        trap 'kill -HUP -$!' TERM
        wait
    """,
    "hostname": "echo 127.0.0.1",
}


def write_script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def project(tmp_path):
    """Make a folder with the project, its environment and certificates; give how to run there."""
    for name in ("recipes", "datasets", "keras_recipes", "tuning"):
        tmp_path.joinpath(name).symlink_to(ROOT / name)
    write_script(tmp_path / ".venv/bin/python", f'exec {sys.executable} "$@"')
    tmp_path.joinpath(".venv/bin/activate").write_text('PATH="$PWD/.venv/bin:$PATH"')
    for name, text in STAND_INS.items():
        write_script(tmp_path / "stand-ins" / name, text)
    subprocess.run(["sh", DEPLOY / "certificates.sh", "certificates"], check=True)
    paths = [tmp_path / "stand-ins", tmp_path / ".venv/bin", os.environ["PATH"]]
    return {**os.environ, "PATH": os.pathsep.join(map(str, paths)), "PORT": str(free_port())}


def check_search():
    """The whole search is there, and its best point trained anew."""
    found = pd.read_csv("found/trials.csv")
    assert list(found["trial"]) == [0, 1, 2, 3]
    assert set(found["status"]) == {"ok"}
    assert json.loads(pathlib.Path("found/best/metrics.json").read_text())["recipe"] == "iris"


def check_nothing_runs(port):
    def left():
        said = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
        return [words for words in said if str(port) in words and "dask" in words]

    end = time.monotonic() + LEFT_SECONDS
    while left() and time.monotonic() < end:
        time.sleep(0.2)
    assert left() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (["slurm.sh"], {"SLURM_NTASKS": "2", "SLURM_CPUS_PER_TASK": "1"}),
        (["ssh.sh", "alice@one alice@two"], {}),
    ],
)
def test_a_script_runs_a_search_and_leaves_nothing(project, command, settings):
    script, *words = command
    done = subprocess.run(
        ["sh", DEPLOY / script, *words, *SEARCH],
        env={**project, **settings},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Registered to:") == 2
    check_search()
    check_nothing_runs(project["PORT"])


def listening(process):
    """Give the addresses at which a process and those that it has started can be reached."""
    started = psutil.Process(process).children(recursive=True)
    open_now = [one for child in started for one in child.net_connections("inet")]
    return {one.laddr.ip for one in open_now if one.status == psutil.CONN_LISTEN}


@pytest.mark.slow
@pytest.mark.parametrize("script", [["slurm.sh"], ["ssh.sh", "alice@one"]])
def test_a_script_that_is_ended_leaves_nothing(project, script):
    process = subprocess.Popen(
        ["sh", DEPLOY / script[0], *script[1:], *SEARCH, "--epochs", "100000"],
        env={**project, "SLURM_NTASKS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stderr:
        if "Registered to:" in line:
            break
    time.sleep(3)
    if script[0] == "ssh.sh":  # only SSH's own connections leave a machine
        assert listening(process.pid) == {"127.0.0.1"}
    os.killpg(process.pid, signal.SIGTERM)  # as Slurm does, and Ctrl-C
    process.communicate(timeout=120)
    check_nothing_runs(project["PORT"])


def kubernetes_commands(port):
    """Give the command and the settings of each container, with what differs on this machine."""
    here = {"/tls/": "certificates/", "search-scheduler:8786": f"127.0.0.1:{port}"}
    here |= {"8786": str(port), "/searches/fmnist": "found"}
    documents = yaml.safe_load_all(DEPLOY.joinpath("kubernetes.yaml").read_text())
    for document in documents:
        if document["kind"] != "Service":
            (container,) = document["spec"]["template"]["spec"]["containers"]
            words = container["command"]
            for there, own in here.items():
                words = [word.replace(there, own) for word in words]
            yield words, {one["name"]: one["value"] for one in container.get("env", ())}


@pytest.mark.slow
def test_the_commands_of_kubernetes_run_a_search(project):
    scheduler, worker, search = kubernetes_commands(project["PORT"])
    loopback = ["--host", "127.0.0.1"]
    assert search[0][:4] == ["python", "-m", "tuning", "fmnist"]
    at = search[0].index("--out")
    search = [*search[0][:3], *SEARCH, *search[0][at + 2 :]]
    started = [
        subprocess.Popen([*words, *loopback], env={**project, **settings})
        for words, settings in (scheduler, worker, worker)
    ]
    try:
        subprocess.run(search, env=project, timeout=300, check=True)
    finally:
        for process in started:
            process.terminate()
            process.wait(20)
    check_search()
    check_nothing_runs(project["PORT"])
