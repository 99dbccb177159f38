"""Being asked to stop: by signals within a long step, and on two hosts at the same step."""

import json
import os
import select
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

LONG_STEP = """
import hashlib, signal, time
import jax
jax.devices()
from labse_jax.base.errors import run
from labse_jax.training.stopper import Stopper

def call_into_c():
  hashlib.pbkdf2_hmac("sha256", b"", b"", 3_000_000)

def main(argv):
  with Stopper() as stopper:
    print("here", flush=True)
    call_into_c()
    print("asked", stopper.asked(0), flush=True)

{start}
"""
ON_CPU = os.environ | {"JAX_PLATFORMS": "cpu"}
SAVING = (
  "labse-jax: will save and stop within two steps; once more stops at once, without saving.\n"
)


def in_a_long_step(start="run(main)"):
  """A process whose main thread is in one call into C for a second or more."""
  process = subprocess.Popen(
    [sys.executable, "-c", LONG_STEP.format(start=start)],
    cwd=ROOT,
    env=ON_CPU,
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )
  assert process.stdout.readline() == "here\n"
  time.sleep(0.1)
  return process


@pytest.mark.heavy
def test_a_signal_is_answered_while_the_step_runs_and_once():
  process = in_a_long_step()
  process.send_signal(signal.SIGINT)
  assert process.stderr.readline() + process.stderr.readline() == "\n" + SAVING
  assert process.poll() is None and not select.select([process.stdout], [], [], 0)[0]
  assert process.communicate(timeout=60) == (f"asked {signal.SIGINT.value}\n", "")


@pytest.mark.heavy
def test_a_second_signal_ends_a_step_at_once():
  process = in_a_long_step()
  process.send_signal(signal.SIGINT)
  assert process.stderr.readline() + process.stderr.readline() == "\n" + SAVING
  process.send_signal(signal.SIGTERM)
  assert process.communicate(timeout=60) == ("", "")
  assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.heavy
def test_without_a_watcher_the_handler_answers():
  process = in_a_long_step("main([])")
  process.send_signal(signal.SIGTERM)
  out, err = process.communicate(timeout=60)
  assert (out, err) == (f"asked {signal.SIGTERM.value}\n", "\n" + SAVING)


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
