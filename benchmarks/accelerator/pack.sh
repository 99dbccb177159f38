#!/usr/bin/env bash
# usage: bash benchmarks/accelerator/pack.sh [--no-wheels]
#
# Packs what kit.sh needs into the folder .kit: the kit itself, a vocabulary, held-out sentences, all
# pairs of a prepared dataset, and the wheels of wheels.txt. The data are those of a finished
# `bash launch/quickstart.sh`.
#
#   --no-wheels   packs no wheels, for a machine that has everything labse_jax needs
#
#   RUN            the run folder to take the data from (runs/quickstart)
#   KIT            the folder to write (.kit)
#   TARGET_PYTHON  the Python that the wheels are for (3.12, on Linux and x86-64)
set -euo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
source "$ROOT/launch/shell.sh"

WHEELS=true
for argument in "$@"; do
  case "$argument" in
    --no-wheels) WHEELS=false ;;
    -h | --help)
      usage_of "$0"
      exit 0
      ;;
    *) die 2 "unknown argument '$argument'; see --help." ;;
  esac
done

source "$ROOT/launch/environment.sh"
cd "$ROOT"

RUN="${RUN:-runs/quickstart}" KIT="${KIT:-.kit}" TARGET_PYTHON="${TARGET_PYTHON:-3.12}"
MOST_MIB=64 # So that the kit can travel in one piece.

check_run() {
  local needed
  for needed in data/dataset_info.json data/held_out vocabulary; do
    [ -e "$RUN/$needed" ] ||
      die 2 "$RUN/$needed: is not there; run 'bash launch/quickstart.sh' first, or name a run: RUN=FOLDER."
  done
}

copy_kit() {
  cp "$HERE/kit.sh" "$HERE/kit.py" "$HERE/wheels.txt" "$KIT/"
  cp "$HERE/encoder_step.py" "$KIT/"
  mkdir -p "$KIT/sections"
  cp "$HERE"/sections/*.py "$KIT/sections/"
}

copy_data() {
  cp -r "$RUN/data/held_out" "$RUN/vocabulary" "$KIT/"
  PYTHONPATH="$ROOT" "$PYTHON" "$HERE/pack_data.py" "$RUN/data" "$KIT"
}

download_wheels() {
  local system platforms=()
  # pip takes a wheel only if its platform is named exactly.
  for system in manylinux1 manylinux2014 manylinux_2_17 manylinux_2_24 manylinux_2_27 manylinux_2_28; do
    platforms+=(--platform "${system}_x86_64")
  done
  "$PYTHON" -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version "$TARGET_PYTHON" "${platforms[@]}" \
    --dest "$KIT/wheels" --requirement <(grep -v 'no wheel' "$HERE/wheels.txt")
  # These are pure Python, and what is built here runs on any machine.
  "$PYTHON" -m pip wheel -q --disable-pip-version-check --no-deps \
    --wheel-dir "$KIT/wheels" --requirement <(grep 'no wheel' "$HERE/wheels.txt")
}

check_run
[ ! -e "$KIT" ] || [ -e "$KIT/kit.sh" ] || die 2 "$KIT: is there and is no kit; name another: KIT=FOLDER."
rm -rf "$KIT"
mkdir -p "$KIT"
copy_kit
copy_data
if $WHEELS; then
  download_wheels
fi

size=$(du -sm "$KIT" | cut -f1)
[ "$size" -le $MOST_MIB ] || die 1 "$KIT: has $size MiB; at most $MOST_MIB MiB are meant to travel."
say "$KIT: $size MiB. On the machine with the accelerator: bash $KIT/kit.sh [SECTION...]"
