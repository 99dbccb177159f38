#!/usr/bin/env bash
# Runs Python on this machine's GPUs, with the flags of XLA that suit them.
#
#   bash launch/gpu.sh -m labse_jax.train --config experiments/quickstart.py \
#       --config.dtype=bfloat16 --workdir runs/gpu
#
# That reads what launch/quickstart.sh prepared.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

case "${1:-}" in
  '' | -h | --help)
    usage_of "$0"
    exit 0
    ;;
esac

LABSE_EXTRA="${LABSE_EXTRA:-cuda}"
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
source "$ROOT/launch/xla_flags.sh"
XLA_FLAGS="$(with_flags "${XLA_FLAGS:-}" "${GPU_FLAGS[@]}")"
export XLA_FLAGS
exec "$PYTHON" "$@"
