#!/bin/sh
#SBATCH --job-name=search
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=2
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00
# A search as one job: a worker for each task. Submit it in the project's folder, with the
# environment in .venv and the certificates of certificates.sh in certificates.
# Usage: sbatch tuning/deploy/slurm.sh RECIPE [flags of python -m tuning]
set -eu
. .venv/bin/activate
export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=1
export TF_NUM_INTRAOP_THREADS="${SLURM_CPUS_PER_TASK:-1}"
export TF_NUM_INTEROP_THREADS="${SLURM_CPUS_PER_TASK:-1}"
tls="--tls-ca-file certificates/ca.pem --tls-cert certificates/own.pem --tls-key certificates/own.key"
no_http="--no-dashboard --dashboard-address 127.0.0.1:0"
port=${PORT:-8786}
host=$(hostname)
started=
trap 'kill $started 2>/dev/null; wait' EXIT INT TERM

python -m dask scheduler --protocol tls --host "$host" --port "$port" $no_http $tls &
started="$started $!"
srun python -m dask worker "tls://$host:$port" --nthreads 1 $no_http \
    --local-directory "${TMPDIR:-/tmp}" $tls &
started="$started $!"
python -m tuning "$@" --scheduler "$host:$port" --tls-ca certificates/ca.pem \
    --tls-cert certificates/own.pem --tls-key certificates/own.key
