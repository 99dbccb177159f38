#!/usr/bin/env bash
# usage: bash launch/quickstart.sh [--small]
#
# The main job, from nothing: makes a virtual environment, downloads the translations that six Python
# packages carry, trains a small dual encoder on them and evaluates it, in at most 15 minutes on
# 2 cores and 8 GB. Everything goes to runs/quickstart: model/, evaluation.json, report.html,
# metrics.jsonl. The same command again goes on where it was, or says that all is done.
#
#   --small   one package, a tiny model and four steps, in runs/quickstart_small: to see that all runs
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

SMALL=false
for argument in "$@"; do
  case "$argument" in
    --small) SMALL=true ;;
    -h | --help)
      usage_of "$0"
      exit 0
      ;;
    *) die 2 "unknown argument '$argument'; see --help." ;;
  esac
done

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
simulate_devices
cd "$ROOT"

RUN=runs/quickstart HELD_OUT=1000 SIZE=16000 MINIMUM=200
BUDGET=840 RESERVED=75 MOST=480 LEAST=60 # Seconds: in all, to evaluate and show, to train.
if $SMALL; then
  RUN=runs/quickstart_small HELD_OUT=50 SIZE=2000 MINIMUM=10
fi

step() { # NAME COMMAND...: shows the command, runs it, shows its time
  local name="$1" start=$SECONDS status=0
  shift
  printf '\n== %s\n$ %s\n' "$name" "$(quoted "$@")"
  if [ "$1" = python ]; then
    "$PYTHON" "${@:2}" || status=$?
  else
    "$@" || status=$?
  fi
  if [ $status -ne 0 ]; then
    say "$name: ended with status $status; the same command tries again from here."
    exit $status
  fi
  echo "($name: $((SECONDS - start)) s, $SECONDS s since the start)"
}

newer() { # OUTPUT INPUT: whether the output is there and no older than what it was made of
  [ -e "$1" ] && ! [ "$2" -nt "$1" ]
}

have() { printf '\n== %s: there already, %s\n' "$1" "$2"; }

download() {
  rm -rf "$RUN/wheels.partial"
  mkdir -p "$RUN/wheels.partial"
  if $SMALL; then
    grep '^Django=' launch/catalogues.txt
  else
    cat launch/catalogues.txt
  fi >"$RUN/wheels.partial/catalogues.txt"
  # The wheels are read, never run: the Python that they ask for does not matter.
  step corpus python -m pip download -qq --disable-pip-version-check --no-deps \
    --only-binary=:all: --ignore-requires-python \
    --dest "$RUN/wheels.partial" --requirement "$RUN/wheels.partial/catalogues.txt"
  rm -rf "$RUN/wheels"
  mv "$RUN/wheels.partial" "$RUN/wheels"
}

seconds_to_train() {
  local left=$((BUDGET - RESERVED - SECONDS))
  if [ $left -gt $MOST ]; then left=$MOST; fi
  if [ $left -lt $LEAST ]; then left=$LEAST; fi
  echo $left
}

if newer "$RUN/report.html" "$RUN/evaluation.json" &&
  newer "$RUN/evaluation.json" "$RUN/model/modules.json" && [ -e "$RUN/model/modules.json" ]; then
  echo "All is done: open $RUN/report.html; the model is $RUN/model. To start over, remove $RUN."
  exit 0
fi

echo "Each step below is a command of its own; with the same settings:"
echo "  bash launch/local.sh -m labse_jax.VERB ..."

if [ -e "$RUN/wheels/catalogues.txt" ]; then
  have corpus "$RUN/wheels"
else
  download
fi

if [ -e "$RUN/data/report.json" ]; then
  have prepare "$RUN/data"
else
  step prepare python -m labse_jax.prepare --input "$RUN"/wheels/*.whl --output "$RUN/data" \
    --held-out $HELD_OUT --min-characters 12 --max-characters 200
fi

if [ -e "$RUN/vocabulary/vocabulary.json" ]; then
  have vocabulary "$RUN/vocabulary"
else
  step vocabulary python -m labse_jax.vocabulary --data "$RUN/data" --size $SIZE --exponent 0.3 \
    --output "$RUN/vocabulary"
fi

if [ -e "$RUN/model/modules.json" ]; then
  have train "$RUN/model"
else
  if $SMALL; then
    options="runlocal,data=$RUN/data,tokenizer=$RUN/vocabulary"
  else
    options="seconds=$(seconds_to_train),held_out=$RUN/data/held_out"
  fi
  step train python -m labse_jax.train --config "experiments/quickstart.py:$options" \
    --workdir "$RUN"
fi

if newer "$RUN/evaluation.json" "$RUN/model/modules.json"; then
  have evaluate "$RUN/evaluation.json"
else
  step evaluate python -m labse_jax.evaluate --model "$RUN/model" --suite tatoeba \
    --data "$RUN/data/held_out" --minimum $MINIMUM --output "$RUN/evaluation.json"
fi

step report python -m labse_jax.report "$RUN"

printf '\nDone in %s s: open %s/report.html; the model is %s/model.\n' "$SECONDS" "$RUN" "$RUN"
