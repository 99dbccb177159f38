#!/usr/bin/env bash
# usage: bash .kit/kit.sh [SECTION...]
#
# Measures labse_jax on this machine's accelerator, from the root of a checkout, in ten minutes: all
# sections, or those that are named. A section gets no more than its own share of the time. One for
# which no time is left is skipped, and one that fails does not stop the others. In the end $OUT has
# results.json, log.txt, trace.tar.gz (three training steps), evaluation.json and report.html.
#
#   OUT        the folder of the results (runs/accelerator/out)
#   WORK       the folder of everything else: dataset, models, runs (runs/accelerator)
#   BUDGET     seconds for all sections together (560)
#   PYTHON     the Python to use (python3)
#   KIT_SMALL  1: the same code with tiny sizes, which a CPU runs in some minutes; without limits
set -uo pipefail

KIT="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
SECTIONS=( # Each with the seconds that it may take; all at their limits would be over the budget.
  ceilings:25 data:60 train:130 layers:150 parity:90 smoke:100 encode:90 search:60 pairs:45
  quality:170 summary:10
)
# These ask whether it is right, not how fast: to time all kernels of each float32 product would
# take most of their seconds (on an H100 one small training step compiled for 49 s).
UNTUNED="parity smoke"
LEAST=25 # Seconds: with less left no section starts, since JAX alone needs ten to do so.
SMALL=false BUDGET="${BUDGET:-560}" PYTHON="${PYTHON:-python3}"
if [ "${KIT_SMALL:-0}" != 0 ]; then
  SMALL=true BUDGET=1800 # A slow machine, too, goes through all of it.
fi
DEADLINE=$(($(date +%s) + BUDGET))
WORK="${WORK:-runs/accelerator}"
OUT="${OUT:-$WORK/out}"
export DEADLINE WORK OUT

usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p;}' "$0"; }

left() { echo $((DEADLINE - $(date +%s))); }

check_names() { # NAMES...
  local name
  for name in "$@"; do
    [[ " ${SECTIONS[*]}" == *" $name:"* ]] && continue
    echo "unknown section '$name'; choose from ${SECTIONS[*]%:*}" >&2
    exit 2
  done
}

log_everything() {
  mkdir -p "$OUT"
  exec > >(tee "$OUT/log.txt") 2>&1
  local writer=$!
  # Without the wait, this script could end before its log is whole.
  trap "exec >&- 2>&-; wait $writer" EXIT
}

install_what_is_missing() {
  "$PYTHON" "$KIT/kit.py" installed && return
  if ! [ -d "$KIT/wheels" ]; then
    echo "The kit has no wheels: pack it again without --no-wheels."
    exit 2
  fi
  "$PYTHON" -m pip install -q --disable-pip-version-check --no-index --no-deps --no-compile \
    --no-cache-dir --upgrade --target "$WORK/site" "$KIT"/wheels/*.whl || exit 1
}

run_section() { # NAME SECONDS
  local name="$1" most="$2" start status=0 flags="${XLA_FLAGS:-}"
  if [ "$(left)" -lt $LEAST ]; then
    echo "== $name: skipped, $(left) s left"
    return
  fi
  if $SMALL || [ "$most" -gt "$(left)" ]; then
    most=$(left)
  fi
  echo "== $name: at most $most s, $(left) s left"
  if [[ " $UNTUNED " == *" $name "* ]]; then
    flags="--xla_gpu_autotune_level=0 $flags"
  fi
  start=$(date +%s)
  XLA_FLAGS="$flags" timeout --kill-after=5 "$most" "$PYTHON" "$KIT/kit.py" "$name" || status=$?
  echo "== $name: status $status after $(($(date +%s) - start)) s"
  [ $status -eq 0 ] || FAILED+=("$name")
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
check_names "$@"
log_everything

export PYTHONPATH="$PWD:$WORK/site" PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$WORK/compiled}"
# Several processes share the device: none may take its memory in advance.
export XLA_PYTHON_CLIENT_PREALLOCATE=false

install_what_is_missing
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.mem --format=csv
fi

FAILED=()
for section in "${SECTIONS[@]}"; do
  name="${section%:*}"
  if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then
    run_section "$name" "${section#*:}"
  fi
done

if [ -d "$WORK/trace" ]; then
  tar -C "$WORK" -czf "$OUT/trace.tar.gz" trace
fi
ls -l "$OUT"
if [ ${#FAILED[@]} -gt 0 ]; then
  echo "failed: ${FAILED[*]}"
  exit 1
fi
