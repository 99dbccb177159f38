# Sourced by the other scripts: a Python with everything installed, as $PYTHON, and the settings for
# work on a CPU. LABSE_PYTHON names a Python to use as it is, with nothing installed. LABSE_EXTRA
# installs what one more extra of pyproject.toml needs: tpu or cuda. LABSE_VENV is another folder
# than .venv. As a command of its own it only installs.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${LABSE_VENV:-$ROOT/.venv}"
source "$ROOT/launch/shell.sh"

recent() { # PYTHON: whether it runs and is 3.11 or newer
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
    if recent "$name"; then
      echo "$name"
      return
    fi
  done
  die 2 "no Python 3.11 or newer among python3, python3.11 to python3.14 and python; install one."
}

make_venv() {
  local python marker="$VENV/installing"
  # A marker, or a Python that does not start, means that an installation was broken off.
  if [ -e "$marker" ] || { [ -e "$VENV/pyvenv.cfg" ] && ! recent "$VENV/bin/python"; }; then
    say "making $VENV again: its installation was not finished"
    rm -rf "$VENV"
  fi
  if ! [ -x "$VENV/bin/python" ]; then
    python="$(find_python)" || exit 2
    say "making $VENV with $("$python" --version 2>&1)"
    "$python" -m venv "$VENV" || {
      rm -rf "$VENV"
      die 2 "$python cannot make a virtual environment; on Debian and Ubuntu install python3-venv."
    }
  fi
}

install_once() { # STAMP FILES... -- ARGUMENTS OF PIP...: once for each content of the files
  local stamp="$VENV/$1.installed" start=$SECONDS files=() sum
  shift
  while [ "$1" != -- ]; do
    files+=("$1")
    shift
  done
  shift
  sum="$(cat "${files[@]}" | cksum) $*"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ]; then
    return
  fi
  say "installing: pip install $*"
  touch "$VENV/installing"
  if ! (cd "$ROOT" && "$PYTHON" -m pip install -qq --disable-pip-version-check "$@"); then
    rm "$VENV/installing" # pip tidied up after itself; only what is killed leaves the marker.
    return 1
  fi
  printf '%s\n' "$sum" >"$stamp"
  rm "$VENV/installing"
  say "installed in $((SECONDS - start)) s"
}

install_lock() { # NAME ARGUMENTS OF PIP...: what a lock lists, only if its files have those hashes
  local lock="launch/locks/$1.txt"
  # promise has no wheel. Without isolation it is built with the setuptools of the first lock.
  install_once "$1" "$ROOT/$lock" -- --require-hashes --only-binary=:all: --no-binary=promise \
    --no-build-isolation "${@:2}" -r "$lock"
}

must_install() { # NAME
  install_lock "$1" || refuse_lock "$1"
}

refuse_lock() { # NAME
  die 1 "launch/locks/$1.txt could not be installed; what pip said is above. About hashes that do not \
match see docs/installation.md; else the same command tries again."
}

install_project() {
  # What a script has to do meanwhile: most of an installation waits for the network and the disk.
  if declare -F while_installing >/dev/null && ! [ -e "$VENV/project.installed" ]; then
    while_installing &
  fi
  local name
  for name in build project ${LABSE_EXTRA:-}; do
    must_install "$name"
  done
  install_once labse_jax "$ROOT/pyproject.toml" "$ROOT/launch/locks/build.txt" -- \
    --no-deps --no-build-isolation -e . ||
    die 1 "labse_jax itself could not be installed; what pip said is above."
  wait
}

stop_background() { # What runs in the background does not get the Ctrl-C itself.
  local pids
  pids="$(jobs -p)"
  [ -z "$pids" ] || kill $pids 2>/dev/null || true
}

trap 'say "interrupted; the same command goes on from here"; exit 130' INT
trap stop_background EXIT

if [ -n "${LABSE_PYTHON:-}" ]; then
  PYTHON="$LABSE_PYTHON"
  recent "$PYTHON" || die 2 "LABSE_PYTHON=$PYTHON: not a Python of version 3.11 or newer."
else
  case "${LABSE_EXTRA:-}" in
    '' | tpu | cuda) ;;
    *) die 2 "LABSE_EXTRA=$LABSE_EXTRA: choose from tpu and cuda." ;;
  esac
  make_venv
  PYTHON="$VENV/bin/python"
  install_project
fi

# Huge pages for XLA's large buffers. On 2 cores a training step of the quickstart fell from 1.95 s
# to 1.12 s: most of the time had gone to page faults.
case "${GLIBC_TUNABLES:-}" in
  *glibc.malloc.hugetlb=*) ;;
  *) export GLIBC_TUNABLES="${GLIBC_TUNABLES:+$GLIBC_TUNABLES:}glibc.malloc.hugetlb=1" ;;
esac

devices_for_cores() { # As many as cores, rounded down to a power of two that divides small batches.
  local cores devices=1
  cores="$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
  while [ $((2 * devices)) -le "$cores" ] && [ $devices -lt 8 ]; do devices=$((2 * devices)); done
  echo $devices
}

simulate_devices() { # Those on a CPU, unless the caller's XLA_FLAGS name a number.
  export JAX_PLATFORMS=cpu
  local flag=--xla_force_host_platform_device_count
  case "${XLA_FLAGS:-}" in
    *"$flag"*) ;;
    *) export XLA_FLAGS="${XLA_FLAGS:+$XLA_FLAGS }$flag=$(devices_for_cores)" ;;
  esac
}
