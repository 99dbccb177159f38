"""Who speaks, where, and when a bar is drawn."""

import os
import subprocess
import sys

import jax
import pytest

from labse_jax.base import console
from tests.support.places import ROOT


@pytest.fixture(params=[0, 1])
def host(request, monkeypatch):
  """The number of the process that this one takes itself for."""
  monkeypatch.setattr(jax, "process_index", lambda: request.param)
  return request.param


def test_one_host_speaks(host, capsys):
  console.say("found")
  console.note("reading")
  console.warn("odd")
  out, err = capsys.readouterr()
  if host == 0:
    assert out == "found\n"
    assert err == "labse-jax: reading\nlabse-jax: warning: odd\n"
  else:
    assert (out, err) == ("", "")


def test_a_bar_is_drawn_on_a_terminal_alone(capsys, monkeypatch):
  assert list(console.progress(range(3), unit="lines", doing="counting")) == [0, 1, 2]
  assert capsys.readouterr().err == ""
  monkeypatch.setattr("sys.stderr.isatty", lambda: True)
  assert list(console.progress(range(3), unit="lines", doing="counting")) == [0, 1, 2]
  drawn = capsys.readouterr().err
  assert "counting" in drawn and "3/3" in drawn and "lines/s" in drawn


def test_a_bar_that_was_asked_for_is_drawn_anywhere(capsys):
  with console.progress(unit="steps", total=10, initial=4, shown=True) as bar:
    bar.update(6)
  assert "10/10" in capsys.readouterr().err


def test_a_terminal_that_tells_no_width_shows_a_bar():
  reader, terminal = os.openpty()  # Its size is 0 x 0.
  code = "from labse_jax.base import console; list(console.progress(range(3), unit='lines'))"
  subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=terminal, check=True)
  os.close(terminal)
  drawn = os.read(reader, 10_000).decode()
  os.close(reader)
  assert "3/3" in drawn and "lines/s" in drawn
