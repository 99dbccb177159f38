"""What the tiny runs of this folder learn from: data, a vocabulary, a model and held-out pairs."""

import contextlib
import os
import pathlib

from labse_jax import train as trainer
from labse_jax.base.files import replacing_folder
from tests.support import tiny

HELD_OUT = "deu"  # The language of the held-out pairs.


def make(folder: pathlib.Path) -> None:
  """Writes data/, vocabulary/, run/model/ and held_out/ into `folder`, unless it is there."""
  if folder.exists():
    return
  with replacing_folder(folder, marker="run") as partial:
    tiny.make(partial)
    write_held_out(partial / "held_out")
    with quiet():
      trainer.train(tiny.config(partial, total_steps=2), partial / "run")


def write_held_out(folder: pathlib.Path) -> None:
  """Writes made-up translations into a new folder, named as the Tatoeba test set is."""
  folder.mkdir()
  for pair in tiny.pairs(300, seed=5):
    if pair.target_language == HELD_OUT:
      for code, text in ((HELD_OUT, pair.target), ("eng", pair.source)):
        with open(folder / f"tatoeba.{HELD_OUT}-eng.{code}", "a", encoding="utf-8") as file:
          file.write(f"{text}\n")


@contextlib.contextmanager
def quiet():
  """Drops what a run says on stdout."""
  with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
    yield
