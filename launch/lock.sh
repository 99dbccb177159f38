#!/usr/bin/env bash
# usage: bash launch/lock.sh [--upgrade | OPTIONS OF uv pip compile]
#
# Makes launch/locks/ again from the pins in launch/*.txt: each package that they need, with the
# hashes of its files, for every Python and system that is supported. Versions that are not pinned
# stay as they are in the locks, unless a pin asks for others. locks/torch.txt is left as it is.
#
#   --upgrade   takes the newest version of what is not pinned
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

case "${1:-}" in
  -h | --help)
    usage_of "$0"
    exit 0
    ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
LOCKS=launch/locks
TEMPORARY="$(mktemp -d)"
trap 'rm -rf "$TEMPORARY"' EXIT

"${LABSE_PYTHON:-python3}" -m venv "$TEMPORARY/venv"
"$TEMPORARY/venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes \
  --only-binary=:all: -r $LOCKS/uv.txt

compile() { # PINS LOCK OPTIONS OF UV...
  local new="$TEMPORARY/lock.txt"
  say "locking $1"
  # uv keeps the versions of the lock that is there. It would keep its hashes, too, and not ask.
  touch "$2"
  sed -e '/^ *--hash=/d' -e 's/ \\$//' "$2" >"$new"
  "$TEMPORARY/venv/bin/uv" pip compile -q --python "$TEMPORARY/venv/bin/python" --universal \
    --python-version 3.11 --generate-hashes --only-binary :all: --no-binary promise \
    --custom-compile-command 'bash launch/lock.sh' "$1" -o "$new" "${@:3}"
  mv "$new" "$2"
}

beside_project() { # NAME OPTIONS OF UV...: a lock without what project.txt and build.txt have
  local package without=(--no-emit-package torch)
  for package in $(sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' $LOCKS/project.txt $LOCKS/build.txt); do
    without+=(--no-emit-package "$package")
  done
  compile "launch/requirements-$1.txt" "$LOCKS/$1.txt" -c $LOCKS/project.txt -c $LOCKS/build.txt \
    "${without[@]}" "${@:2}"
}

compile launch/requirements-uv.txt $LOCKS/uv.txt "$@"
compile launch/requirements-build.txt $LOCKS/build.txt "$@"
compile launch/requirements.txt $LOCKS/project.txt -c $LOCKS/build.txt \
  --build-constraints $LOCKS/build.txt --require-build-hashes "$@"
echo torch >"$TEMPORARY/without.txt"
for name in test tpu cuda parity; do
  beside_project $name --excludes "$TEMPORARY/without.txt" "$@"
done

# A line each, since the quickstart's small form takes one of them.
compile launch/catalogues.txt "$TEMPORARY/catalogues.txt" --no-deps --no-annotate "$@"
sed -e :next -e '/\\$/{' -e N -e 's/ *\\\n */ /' -e 'b next' -e '}' "$TEMPORARY/catalogues.txt" \
  >$LOCKS/catalogues.txt
