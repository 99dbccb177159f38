#!/usr/bin/env bash
# Runs Python on this machine's GPUs.
#
#   bash launch/gpu.sh -m labse_jax.train --config experiments/quickstart.py \
#       --config.dtype=bfloat16 --workdir runs/gpu
#
# That reads what launch/quickstart.sh prepared.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

help_if_asked "$@"

LABSE_EXTRA="${LABSE_EXTRA:-cuda}"
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
# JAX takes three quarters of a GPU's memory by itself. With more, activations of a larger batch are
# kept, and remat stays off. A tenth is left to CUDA's own libraries.
export XLA_PYTHON_CLIENT_MEM_FRACTION="${XLA_PYTHON_CLIENT_MEM_FRACTION:-0.9}"
exec "$PYTHON" "$@"
