#!/usr/bin/env bash
# usage: bash launch/test.sh [--quick | ARGUMENTS OF PYTEST]
#
# Sets up and runs the tests: first ruff and the check of types, then the tests that need no long
# compilation, then the heavy ones. Files of tests are shared out to as many processes as there are
# cores, four at most.
#
#   --quick     stops before the heavy tests: four minutes on two cores
#   ARGUMENTS   go to pytest as they are, in one process, and types are not checked: -k launch,
#               -m slow, tests/losses
#
# Parity tests compare with PyTorch. Its CPU wheel comes from where pip looks, else from PyTorch's
# own index; where neither has one they are skipped, but with CI=true that is an error.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

QUICK=false
case "${1:-}" in
  -h | --help)
    usage_of "$0"
    exit 0
    ;;
  --quick)
    QUICK=true
    shift
    [ $# -eq 0 ] || die 2 "--quick takes no further arguments; see --help."
    ;;
esac

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$ROOT"

TORCH=2.13.0
CPU_INDEX=https://download.pytorch.org/whl/cpu

torch_for_cpu() {
  # On Linux pip's plain torch brings gigabytes of CUDA; a version that ends in +cpu never does.
  local wheel="torch==$TORCH+cpu"
  if [ "$(uname)" = Darwin ]; then
    wheel="torch==$TORCH"
  fi
  "$PYTHON" -c "import torch, sys; sys.exit(torch.__version__.split('+')[0] != '$TORCH')" \
    2>/dev/null && return
  install_once torch launch/test.sh -- "$wheel" 2>/dev/null && return
  say "pip offers no $wheel here; trying PyTorch's CPU index"
  install_once torch launch/test.sh -- --retries 1 --extra-index-url "$CPU_INDEX" "$wheel"
}

if [ -z "${LABSE_PYTHON:-}" ]; then
  install_once test launch/requirements-test.txt -- -r launch/requirements-test.txt ||
    die 1 "the test tools could not be installed; what pip said is above."
  if torch_for_cpu; then
    install_once parity launch/requirements-parity.txt -- -r launch/requirements-parity.txt ||
      die 1 "the parity tests' packages could not be installed; what pip said is above."
  else
    [ "${CI:-}" != true ] || die 1 "CI=true: no torch could be installed for the parity tests."
    say "no torch could be installed: parity tests are skipped."
  fi
fi

"$PYTHON" -m ruff check
"$PYTHON" -m ruff format --check
if [ $# -gt 0 ]; then
  exec "$PYTHON" -m pytest "$@"
fi
"$PYTHON" -m mypy
SHARED_OUT=(--numprocesses auto --maxprocesses 4 --dist loadfile)
"$PYTHON" -m pytest "${SHARED_OUT[@]}" -m "not slow and not heavy"
if $QUICK; then
  say "left out: tests marked heavy or slow; without --quick the heavy ones follow."
  exit
fi
"$PYTHON" -m pytest "${SHARED_OUT[@]}" -m "heavy and not slow"
