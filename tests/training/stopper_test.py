"""Two hosts, as two processes on this machine, stop at the same step and go on together."""

import json
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.support import tiny
from tests.support.places import ROOT

HOST = """
import sys
import jax
jax.config.update("jax_cpu_collectives_implementation", "gloo")
index, port, folder, workdir = sys.argv[1:]
jax.distributed.initialize(f"localhost:{port}", 2, int(index))
sys.path.insert(0, ".")
import pathlib
from labse_jax import train
from labse_jax.base import errors
from tests.support import tiny
config = tiny.config(pathlib.Path(folder), total_steps=60, save_every=1000)
errors.run(lambda argv: train.train(config, workdir), [])
"""


def start_hosts(folder, workdir):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  environment = {"JAX_PLATFORMS": "cpu", "PATH": "/usr/bin:/bin", "HOME": str(folder)}
  return [
    subprocess.Popen(
      [sys.executable, "-c", HOST, str(i), str(port), str(folder), str(workdir)],
      cwd=ROOT,
      env=environment,
      text=True,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
    )
    for i in range(2)
  ]


def finish(processes, status):
  said = [process.communicate(timeout=200) for process in processes]
  assert [p.returncode for p in processes] == [status] * 2, [err[-2000:] for _, err in said]
  return "".join(out + err for out, err in said)


@pytest.mark.slow
def test_sigterm_to_one_host_stops_both_at_a_saved_step(tmp_path):
  tiny.make(tmp_path)
  workdir = tmp_path / "run"
  hosts = start_hosts(tmp_path, workdir)
  while not (workdir / "metrics.jsonl").exists():
    assert all(host.poll() is None for host in hosts), finish(hosts, 0)
    time.sleep(0.05)
  hosts[0].send_signal(signal.SIGTERM)
  said = finish(hosts, 128 + signal.SIGTERM)
  assert said.count("is saved") == 1  # One host speaks.
  steps = [int(p.name) for p in (workdir / "checkpoints").iterdir() if p.name.isdigit()]
  assert 0 < max(steps) < 60
  assert f"goes on from step {max(steps)} of 60" in finish(start_hosts(tmp_path, workdir), 0)
  rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  assert [row["step"] for row in rows] == list(range(60))
  assert (workdir / "model" / "modules.json").exists()
