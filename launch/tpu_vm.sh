#!/usr/bin/env bash
# Creates a slice of Cloud TPU VMs, installs labse_jax on every worker of it and runs there.
#
# usage: bash launch/tpu_vm.sh COMMAND --name NAME --zone ZONE [options] [-- ARGUMENTS OF PYTHON]
#
#   create    makes the slice
#   install   copies what is committed here to every worker and installs it
#   run       runs python with the ARGUMENTS on every worker, and shows what they print
#   delete    deletes the slice, after asking
#
#   --name NAME        of the slice
#   --zone ZONE        where it is, such as us-central2-b
#   --type TYPE        create: the accelerators, such as v4-32 (default v3-32)
#   --version VERSION  create: the runtime (default tpu-ubuntu2204-base)
#   --spot             create: cheaper, and may be preempted
#   --dry-run          prints the commands and runs none; needs no gcloud
#
#   bash launch/tpu_vm.sh run --name labse --zone us-central2-b -- -m labse_jax.train \
#       --config experiments/quickstart.py --workdir /mnt/shared/runs/quickstart
#
# A run ends with its connection. After that, or after a preemption (then delete, create and install
# first), the same run command goes on from the newest checkpoint.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

case "${1:-}" in
  create | install | run | delete) COMMAND="$1" ;;
  '' | -h | --help)
    usage_of "$0"
    exit 0
    ;;
  *) die 2 "unknown command '$1'; choose from create, install, run, delete; --help tells more." ;;
esac
shift

NAME='' ZONE='' TYPE=v3-32 VERSION=tpu-ubuntu2204-base DRY_RUN=false SPOT=()
while [ $# -gt 0 ]; do
  case "$1" in
    --name | --zone | --type | --version)
      [ -n "${2:-}" ] || die 2 "$1 needs a value; see --help."
      case "$1" in
        --name) NAME="$2" ;;
        --zone) ZONE="$2" ;;
        --type) TYPE="$2" ;;
        --version) VERSION="$2" ;;
      esac
      shift 2
      ;;
    --spot)
      SPOT=(--spot)
      shift
      ;;
    --dry-run)
      DRY_RUN=true
      shift
      ;;
    -h | --help)
      usage_of "$0"
      exit 0
      ;;
    --)
      shift
      break
      ;;
    *) die 2 "unknown option '$1'; python's arguments stand after --; see --help." ;;
  esac
done
[ -n "$NAME" ] || die 2 "--name NAME is missing; see --help."
[ -n "$ZONE" ] || die 2 "--zone ZONE is missing; see --help."
if [ "$COMMAND" = run ]; then
  [ $# -gt 0 ] || die 2 "run: nothing to run; python's arguments stand after --."
elif [ $# -gt 0 ]; then
  die 2 "$COMMAND takes no arguments after --."
fi
$DRY_RUN || command -v gcloud >/dev/null || die 2 "gcloud is not installed; --dry-run needs none."

do_it() {
  if $DRY_RUN; then
    quoted "$@"
  else
    "$@"
  fi
}

on_every_worker() { # COMMAND: of a shell there
  do_it gcloud compute tpus tpu-vm ssh "$NAME" "--zone=$ZONE" --worker=all "--command=$1"
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
case "$COMMAND" in
  create)
    do_it gcloud compute tpus tpu-vm create "$NAME" "--zone=$ZONE" "--accelerator-type=$TYPE" \
      "--version=$VERSION" ${SPOT[@]+"${SPOT[@]}"}
    ;;
  install)
    do_it mkdir -p runs
    do_it git archive --output=runs/labse_jax.tar.gz HEAD
    do_it gcloud compute tpus tpu-vm scp runs/labse_jax.tar.gz "$NAME:" "--zone=$ZONE" --worker=all
    # The runtime's own Python may be older than 3.11.
    on_every_worker "set -e; mkdir -p labse_jax; tar -xzf labse_jax.tar.gz -C labse_jax; \
python3 -c 'import sys; assert sys.version_info >= (3, 11)' || (sudo apt-get update && sudo apt-get install -y python3.11-venv); \
LABSE_EXTRA=tpu bash labse_jax/launch/environment.sh"
    ;;
  run)
    # The quotes of the arguments have to outlive the shell of the worker.
    status=0
    on_every_worker "cd labse_jax && LABSE_DISTRIBUTED=1 .venv/bin/python $(quoted "$@")" ||
      status=$?
    if [ $status -ne 0 ]; then
      say "run: ended with status $status. The same command goes on from the newest checkpoint;" \
        "if $NAME was preempted, delete, create and install it first."
    fi
    exit $status
    ;;
  delete)
    do_it gcloud compute tpus tpu-vm delete "$NAME" "--zone=$ZONE"
    ;;
esac
