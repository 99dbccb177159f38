#!/usr/bin/env bash
# usage: bash benchmarks/plans.sh [NAME ...]
#
# Makes the plans in results/plans again: all, or those named. A test fails for each plan of a training
# step that is not what the code hands to the compiler now. The test does not see what changes inside
# of a kernel of Pallas. Slices need the extra plan, GPUs the extra plan-cuda. LABSE_PYTHON names
# another Python.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/shell.sh
PYTHON=${LABSE_PYTHON:-python}

PLANS="
dual_encoder_h100_8 h100:8 experiments/labse/paper.py:stage=dual_encoder
dual_encoder_v3_4x4 v3:4x4 experiments/labse/paper.py:stage=dual_encoder
dual_encoder_v5e_4x8 v5e:4x8 experiments/labse/paper.py:stage=dual_encoder
pretrain_v3_16x16 v3:16x16 experiments/labse/paper.py
"

case "${1:-}" in
  -h | --help)
    usage_of benchmarks/plans.sh
    exit
    ;;
esac
for name in "$@"; do
  grep -q "^$name " <<<"$PLANS" || die 2 "unknown plan '$name'; choose from $(awk 'NF {printf "%s ", $1}' <<<"$PLANS")"
done
while read -r name topology config; do
  [ -n "$name" ] || continue
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  JAX_PLATFORMS=cpu "$PYTHON" -m labse_jax.plan --config "$config" --topology "$topology" \
    --no-search --output "results/plans/$name.json" </dev/null
done <<<"$PLANS"
