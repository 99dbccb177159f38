#!/usr/bin/env bash
# usage: bash launch/test_newest.sh [ARGUMENTS OF test.sh]
#
# launch/test.sh on the newest Python that is supported, 3.13, with the pins of that row. CI runs
# the oldest. It has an environment of its own, .venv-newest. NEWEST names another Python;
# LABSE_PYTHON has no say here.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-}" in
  -h | --help)
    usage_of "$0"
    exit 0
    ;;
esac

export LABSE_VENV="$PWD/.venv-newest"
unset LABSE_PYTHON
# Left to environment.sh, one that was broken off would be made again with any Python.
if [ -e "$LABSE_VENV/installing" ] || ! "$LABSE_VENV/bin/python" -c '' 2>/dev/null; then
  rm -rf "$LABSE_VENV"
  "${NEWEST:-python3.13}" -m venv "$LABSE_VENV" ||
    die 2 "${NEWEST:-python3.13} makes no virtual environment; NEWEST=PATH names another Python."
fi
exec bash launch/test.sh "$@"
