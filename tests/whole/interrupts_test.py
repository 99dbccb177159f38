"""Ctrl-C and SIGTERM at several moments of the commands that take long."""

import os
import signal

import numpy as np
import pytest

from tests.support import interrupts, real, runs, tiny
from tests.support.places import TATOEBA

SIGNALS = (signal.SIGINT, signal.SIGTERM)
WITHIN = 2.0  # Seconds, on a machine that does nothing else.
STEP = 20.0  # A step of training, and its save, are not cut short.


def goes_on(command, output, moments, number, *, within=WITHIN, result=None):
  """Interrupts a command at each moment, each time where it was left; the bytes in the end."""
  result = result or output
  interrupts.finish(command)
  straight = result.read_bytes()
  rename(output)
  for moment in moments:
    row = interrupts.interrupted(command, moment, number)
    print(row, flush=True)
    interrupts.check(row, result, within=within * busy())
    if row.status == 0:
      rename(output)
  interrupts.finish(command)
  assert result.read_bytes() == straight
  rename(output)


def busy():
  """How many times as long things take here as on a machine that does nothing else, about."""
  return max(1.0, os.getloadavg()[0] / os.cpu_count())


def rename(output):
  """Makes room where an output was written."""
  output.rename(output.with_name(f"{output.name}.{len(list(output.parent.iterdir()))}"))


@pytest.mark.heavy
def test_encode_ends_soon_and_goes_on(tiny_folder, real_lines, tmp_path):
  lines = [f"{line} {n}" for n in range(8_000 // len(real_lines)) for line in real_lines]
  (tmp_path / "lines").write_text("\n".join(lines), "utf-8")
  output = tmp_path / "o.npy"
  note = tmp_path / "o.npy.partial.note"
  command = interrupts.words("encode", model=tiny_folder, input=tmp_path / "lines", output=output)

  def begun():
    return note.exists() and note.read_text().count("\n") > 2

  row = interrupts.interrupted(command, 0, signal.SIGTERM, begun=begun)
  interrupts.check(row, output, within=WITHIN * busy())
  kept = int(row.said.split("interrupted; ")[1].split()[0].replace(",", ""))
  assert kept and kept % 256 == 0 and "The same command goes on from here." in row.said
  assert note.read_text().count("\n") in (1 + kept // 256, 2 + kept // 256)
  interrupts.finish(command)
  gone_on = output.read_bytes()
  output.unlink()
  interrupts.finish(command)
  assert output.read_bytes() == gone_on


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("verb", ["encode", "mine", "align", "train"])
def test_ten_moments(tmp_path, verb, number):
  """Prints a table; `pytest -s` shows it."""
  print(f"\n{interrupts.HEADER}")
  output = tmp_path / "output"
  moments = np.linspace(0.3, 12, 10).tolist()
  if verb == "train":
    tiny.make(tmp_path)
    model = output / "model"
    goes_on(
      runs.command(tmp_path, output, "--config.seconds=0"),
      output,
      moments,
      number,
      within=STEP,
      result=model / "model.safetensors",
    )
    return
  news = TATOEBA.parent / "ntrex_first_half"
  if not news.is_dir():
    pytest.skip(f"no NTREX files in {news}")
  sides = {}
  for side, language in (("source", "deu"), ("target", "eng")):
    sides[side] = tmp_path / f"{side}.{language}"
    text = (news / f"{language}.txt").read_text("utf-8").splitlines()
    sides[side].write_text("\n".join(text[:600]), "utf-8")
  if verb == "encode":
    sides = {"input": sides["source"]}
    output = tmp_path / "output.npy"
  model = real.folder("me5-small")
  goes_on(interrupts.words(verb, model=model, output=output, **sides), output, moments, number)
