#!/usr/bin/env bash
# Runs Python on this machine's CPU, with as many simulated devices as cores: 1, 2, 4 or 8.
#
#   bash launch/local.sh -m labse_jax.train --config experiments/quickstart.py --workdir runs/try
#
# That reads what launch/quickstart.sh prepared; launch/README.md has a smaller one.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

help_if_asked "$@"

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
simulate_devices
exec "$PYTHON" "$@"
