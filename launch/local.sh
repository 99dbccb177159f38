#!/usr/bin/env bash
# Runs Python with eight simulated devices on this machine's CPU.
#
#   bash launch/local.sh -m labse_jax.train --config experiments/quickstart.py:runlocal \
#       --workdir runs/try
set -euo pipefail

if [ $# -eq 0 ] || [ "$1" = --help ] || [ "$1" = -h ]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
  exit 0
fi

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
simulate_devices
exec "$PYTHON" "$@"
