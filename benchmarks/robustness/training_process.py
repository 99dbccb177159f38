"""A training as processes: each is forked from this one, runs the command `train`, and is killed.

Forked before JAX has any devices here, a process starts in no time: the package is imported. That
is why this file imports what a run would import later.
"""

import contextlib
import os
import pathlib
import signal
import socket
import sys
import time
import traceback

import jax
import tensorflow_datasets  # noqa: F401

from benchmarks.robustness import kill_configs
from labse_jax import train as trainer
from labse_jax.base.errors import run as run_command
from labse_jax.tasks import dual_encoder, pretrain  # noqa: F401

CONFIGS = pathlib.Path(kill_configs.__file__)
COLLECTIVES = "gloo"  # Between processes on CPUs.
# Compiled in a hurry, as the tests are: most of a short run is XLA's.
XLA = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


def forked(call, log):
  """The id of a new process that does `call` and ends; with a `log`, its output goes there."""
  pid = os.fork()
  if pid:
    return pid
  status = 1
  try:
    if log:
      log.parent.mkdir(parents=True, exist_ok=True)
      file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
      os.dup2(file, 1)
      os.dup2(file, 2)
    call()
    status = 0
  except SystemExit as stop:
    if isinstance(stop.code, str):
      print(stop.code, file=sys.stderr)
    else:
      status = stop.code or 0
  except BaseException:
    traceback.print_exc()
  finally:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def must_end_well(pid):
  _, status = os.waitpid(pid, 0)
  if status:
    sys.exit(f"process {pid}: status {os.waitstatus_to_exitcode(status)}")


class Training:
  """The processes of one start of a training."""

  def __init__(self, name, folder, workdir, log):
    setup = kill_configs.SETUPS[name]
    with socket.socket() as free:
      free.bind(("localhost", 0))
      port = free.getsockname()[1]
    self.log = log
    self.status = {}  # By process id, of those that have ended.
    self.pids = []
    for index in range(setup.processes):
      pid = forked(lambda index=index: train_once(name, folder, workdir, index, port), log)
      with contextlib.suppress(PermissionError, ProcessLookupError):  # It has done so itself.
        os.setpgid(pid, pid)
      self.pids.append(pid)

  def ended(self):
    """Whether all processes have."""
    for pid in self.pids:
      if pid not in self.status:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
          self.status[pid] = os.waitstatus_to_exitcode(status)
    return len(self.status) == len(self.pids)

  def wait(self, seconds, until=lambda: False):
    """Whether all processes ended within so many seconds, and before `until()` was true."""
    end = time.monotonic() + seconds
    while not self.ended():
      if time.monotonic() > end or until():
        return False
      time.sleep(0.002)
    return True

  def kill(self, pids):
    """SIGKILL to these processes and all that they started, where they have not ended."""
    for pid in pids:
      if pid not in self.status:
        os.killpg(pid, signal.SIGKILL)

  def well(self):
    """Whether every process ended with status 0."""
    return set(self.status.values()) == {0}


def train_once(name, folder, workdir, index, port):
  """The command `train`, as process number `index` of the training, with a group of its own."""
  os.setpgid(0, 0)
  signal.signal(signal.SIGTERM, signal.SIG_DFL)
  setup = kill_configs.SETUPS[name]
  devices = f"--xla_force_host_platform_device_count={setup.devices}"
  os.environ["XLA_FLAGS"] = f"{devices} {XLA}"
  if setup.processes > 1:
    jax.config.update("jax_cpu_collectives_implementation", COLLECTIVES)
    jax.distributed.initialize(f"localhost:{port}", setup.processes, index)
  config = f"{CONFIGS}:name={name},folder={folder}"
  sys.argv[1:] = ["--config", config, "--workdir", str(workdir)]
  run_command(trainer.main)
