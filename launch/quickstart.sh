#!/usr/bin/env bash
# usage: bash launch/quickstart.sh [--minutes N] [--small]
#
# The main job, from nothing: makes a virtual environment, downloads the translations that six Python
# packages carry, trains a small dual encoder on them and evaluates it, in at most 15 minutes on
# 2 cores and 8 GB. Everything goes to runs/quickstart: model/, evaluation.json, report.html,
# metrics.jsonl. The same command again goes on where it was, or says that all is done.
#
#   --minutes N   in all, the installation included: 15, and at least 5. Where a model is there
#                 that had fewer, its training goes on in runs/quickstart/minutes_N
#   --small       one package, a tiny model and four steps, in runs/quickstart_small: to see that
#                 all runs
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

SMALL=false MINUTES=15 ASKED=false
while [ $# -gt 0 ]; do
  case "$1" in
    --small) SMALL=true ;;
    --minutes)
      case "${2:-}" in
        '' | *[!0-9]*) die 2 "--minutes ${2:-}: a whole number of minutes is needed." ;;
      esac
      MINUTES=$((10#$2))
      ASKED=true
      [ "$MINUTES" -ge 5 ] || die 2 "--minutes $2: 5 or more is needed."
      shift
      ;;
    -h | --help)
      usage_of "$0"
      exit 0
      ;;
    *) die 2 "unknown argument '$1'; see --help." ;;
  esac
  shift
done
if $SMALL && $ASKED; then
  die 2 "--minutes: has no use beside --small."
fi

RUN=runs/quickstart HELD_OUT=1000 SIZE=16000 MINIMUM=200
BUDGET=$((60 * MINUTES - 40)) # Seconds in all; the rest is for a machine that others slow down.
RESERVED=50 LEAST=60          # Seconds: to evaluate and show, and to train at least.
if $SMALL; then
  RUN=runs/quickstart_small HELD_OUT=50 SIZE=2000 MINIMUM=10
fi

# The wheels are read, never run: the Python that they ask for does not matter.
PARTIAL="$RUN/wheels.partial"
DOWNLOAD=(-m pip download -qq --disable-pip-version-check --no-deps --require-hashes
  --only-binary=:all: --ignore-requires-python --dest "$PARTIAL"
  --requirement "$PARTIAL/catalogues.txt")

begin_download() {
  rm -rf "$PARTIAL"
  mkdir -p "$PARTIAL"
  if $SMALL; then
    grep '^django=' launch/locks/catalogues.txt
  else
    cat launch/locks/catalogues.txt
  fi >"$PARTIAL/catalogues.txt"
}

end_download() {
  rm -rf "$RUN/wheels"
  mv "$PARTIAL" "$RUN/wheels"
}

while_installing() { # environment.sh calls it. What fails here is tried again, and shown, below.
  cd "$ROOT"
  if [ -e "$RUN/wheels/catalogues.txt" ]; then
    return
  fi
  begin_download
  # A background job ignores Ctrl-C, and so does its pip: it is told to end when this job is.
  "$PYTHON" "${DOWNLOAD[@]}" 2>/dev/null &
  local pip=$!
  trap 'kill $pip 2>/dev/null; exit 143' TERM
  if wait $pip; then end_download; fi
}

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
simulate_devices
cd "$ROOT"
INSTALLED=$SECONDS

step() { # NAME COMMAND...: shows the command, runs it, shows its time
  local name="$1" start=$SECONDS status=0
  shift
  printf '\n== %s\n$ %s\n' "$name" "$(quoted "$@")"
  if [ "$1" = python ]; then
    "$PYTHON" "${@:2}" || status=$?
  else
    "$@" || status=$?
  fi
  note_phase "$name" $((SECONDS - start))
  if [ $status -ne 0 ]; then
    say "$name: ended with status $status; the same command tries again from here."
    exit $status
  fi
  echo "($name: $((SECONDS - start)) s, $SECONDS s since the start)"
}

note_phase() { # NAME SECONDS: for the report
  printf '%s\t%s\n' "$1" "$2" >>"$WORK/phases.tsv"
}

newer() { # OUTPUT INPUT: whether the output is there and no older than what it was made of
  [ -e "$1" ] && ! [ "$2" -nt "$1" ]
}

have() { printf '\n== %s: there already, %s\n' "$1" "$2"; }

seconds_to_train() {
  local left=$((BUDGET - RESERVED - SECONDS))
  if [ $left -lt $LEAST ]; then left=$LEAST; fi
  echo $left
}

finished() { # FOLDER: whether it holds a model, its evaluation and its report
  [ -e "$1/model/modules.json" ] && newer "$1/evaluation.json" "$1/model/modules.json" &&
    newer "$1/report.html" "$1/evaluation.json"
}

WORK="$RUN" INIT=''
if $ASKED && ! $SMALL && [ -e "$RUN/model/modules.json" ]; then
  before="$(cat "$RUN/minutes" 2>/dev/null || echo 15)"
  if [ "$MINUTES" -gt "$before" ]; then # A longer run starts from the model that is there.
    WORK="$RUN/minutes_$MINUTES" INIT="$RUN/model"
    BUDGET=$((BUDGET - 60 * before))
  fi
fi

if [ -e "$RUN/config.json" ] && ! [ -e "$RUN/steps.json" ] && ! finished "$RUN"; then
  die 2 "$RUN: is a run of an earlier version, which cannot go on; remove it or move it away."
fi
if finished "$WORK"; then
  echo "All is done: open $WORK/report.html; the model is $WORK/model. To start over, remove $RUN."
  exit 0
fi
mkdir -p "$WORK"
if [ "$INSTALLED" -gt 5 ]; then # Less is only a look at what is installed already.
  note_phase install "$INSTALLED"
fi

echo "Each step below is a command of its own; with the same settings:"
echo "  bash launch/local.sh -m labse_jax.VERB ..."

if [ -e "$RUN/wheels/catalogues.txt" ]; then
  have corpus "$RUN/wheels"
else
  begin_download
  step corpus python "${DOWNLOAD[@]}"
  end_download
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
  step vocabulary python -m labse_jax.vocabulary --data "$RUN/data" --pieces $SIZE --exponent 0.3 \
    --sentences 60000 --output "$RUN/vocabulary"
fi

if [ -e "$WORK/model/modules.json" ]; then
  have train "$WORK/model"
else
  if $SMALL; then
    options="runlocal,data=$RUN/data,tokenizer=$RUN/vocabulary"
  else
    options="seconds=$(seconds_to_train),held_out=$RUN/data/held_out${INIT:+,init=$INIT}"
    # A run that was broken off keeps the length that it began with.
    [ -n "$INIT" ] || [ -e "$RUN/steps.json" ] || echo "$MINUTES" >"$RUN/minutes"
  fi
  step train python -m labse_jax.train --config "experiments/quickstart.py:$options" \
    --workdir "$WORK"
fi

if newer "$WORK/evaluation.json" "$WORK/model/modules.json"; then
  have evaluate "$WORK/evaluation.json"
else
  step evaluate python -m labse_jax.evaluate --model "$WORK/model" --suite tatoeba \
    --data "$RUN/data/held_out" --min-pairs $MINIMUM --output "$WORK/evaluation.json"
fi

step report python -m labse_jax.report "$WORK"

printf '\nDone in %s s: open %s/report.html; the model is %s/model.\n' "$SECONDS" "$WORK" "$WORK"
if ! $SMALL && [ -z "$INIT" ]; then
  minutes="$(cat "$RUN/minutes" 2>/dev/null || echo 15)"
  echo "To train on from it: bash launch/quickstart.sh --minutes $((2 * minutes))"
fi
