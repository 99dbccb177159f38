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

CPU_INDEX=https://download.pytorch.org/whl/cpu

install_torch() {
  local said="$VENV/torch.log"
  # torch.txt has nothing but torch; the parity lock has what it needs.
  install_lock torch --no-deps 2>/dev/null && return
  say "pip offers no torch for a CPU here; trying PyTorch's CPU index"
  install_lock torch --no-deps --retries 1 --extra-index-url "$CPU_INDEX" 2>"$said" && return
  cat "$said" >&2
  # A file that is not the right one is an error; that there is none is not.
  ! grep -q 'DO NOT MATCH THE HASHES' "$said" || refuse_lock torch
  return 1
}

if [ -z "${LABSE_PYTHON:-}" ]; then
  must_install tpu
  must_install test
  if install_torch; then
    must_install parity
  else
    [ "${CI:-}" != true ] || die 1 "CI=true: no torch could be installed for the parity tests."
    say "no torch could be installed: parity tests are skipped."
  fi
  "$PYTHON" -m pip check ||
    die 1 "$VENV: its packages do not fit together; remove it to make it again."
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
