#!/bin/sh
# A search over machines that are reached by SSH, each with this project in the same folder and its
# environment in .venv. Only SSH's own, encrypted connections leave a machine.
# Usage: ssh.sh "alice@one alice@two" RECIPE [flags of python -m tuning]
set -eu
hosts=$1
shift
port=${PORT:-8786}
started=
trap 'kill $started 2>/dev/null; wait' EXIT INT TERM

DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=1 \
    python -m dask scheduler --host 127.0.0.1 --port "$port" --no-dashboard \
    --dashboard-address 127.0.0.1:0 &
started="$started $!"
number=0
for host in $hosts; do
    # The worker listens on loopback over there, on ports that both ends of the connection forward.
    worker=$((port + 10 + number))
    nanny=$((port + 110 + number))
    ssh -tt -o ExitOnForwardFailure=yes \
        -R "$port:127.0.0.1:$port" -L "$worker:127.0.0.1:$worker" -L "$nanny:127.0.0.1:$nanny" \
        "$host" "cd '$PWD' && .venv/bin/python -m dask worker tcp://127.0.0.1:$port \
        --host 127.0.0.1 --worker-port $worker --nanny-port $nanny --nthreads 1 --no-dashboard \
        --dashboard-address 127.0.0.1:0" </dev/null &
    started="$started $!"
    number=$((number + 1))
done
python -m tuning "$@" --scheduler "127.0.0.1:$port"
