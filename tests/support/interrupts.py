"""Commands that signals end at several moments, as processes; what they say and leave behind."""

import contextlib
import signal
import subprocess
import sys
import time
from typing import NamedTuple

from tests.support.places import ROOT

HEADER = "| command | signal | after | ended in | status | last line |"


class Row(NamedTuple):
  """How a command ended: `seconds` after the signal, which came `moment` seconds after its start.

  `seconds` is None where it was done before.
  """

  verb: str
  number: int
  moment: float
  seconds: float | None
  status: int
  said: str

  def __str__(self):
    last = self.said.strip().splitlines()[-1] if self.said.strip() else ""
    ended = "was done" if self.seconds is None else f"{self.seconds:.2f} s"
    name = signal.Signals(self.number).name
    return f"| {self.verb} | {name} | {self.moment:.1f} s | {ended} | {self.status} | {last} |"


def words(verb, **flags):
  """The command line of a verb."""
  line = [sys.executable, "-m", f"labse_jax.{verb}"]
  for name, value in flags.items():
    line += [f"--{name}", str(value)]
  return line


def finish(command):
  """Runs a command to its end."""
  subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def interrupted(command, moment, number, *, begun=None):
  """Starts a command and sends it a signal after `moment` seconds; returns a Row.

  The seconds count from when `begun()` holds, or else from the start.
  """
  verb = command[2].removeprefix("labse_jax.")
  pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
  process = subprocess.Popen(command, cwd=ROOT, **pipes)
  while begun and not begun() and process.poll() is None:
    time.sleep(0.02)
  with contextlib.suppress(subprocess.TimeoutExpired):
    _, said = process.communicate(timeout=moment)
    return Row(verb, number, moment, None, process.returncode, said)
  start = time.monotonic()
  process.send_signal(number)
  _, said = process.communicate(timeout=300)
  return Row(verb, number, moment, time.monotonic() - start, process.returncode, said)


def check(row, output, *, within):
  """Asserts that the command ended soon, in words, and with nothing in the output's place."""
  if row.seconds is None:
    assert row.status == 0, row
    return
  if row.status != 0:  # It may have been at its very end.
    assert row.status == 128 + row.number, row
    assert not output.exists(), row
    last = row.said.splitlines()[-1]
    assert last.startswith("labse-jax: "), row
    assert "interrupted" in last or "stopped by a signal" in last, row
  assert "Traceback" not in row.said and "Exception ignored" not in row.said, row
  assert row.seconds < within, row
