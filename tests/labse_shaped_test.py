"""A model of LaBSE's size with random weights: how it loads, is trimmed, and is written again."""

import os
import subprocess
import sys

import numpy as np
import pytest

from labse_jax import folder, weights
from labse_jax.architectures import LABSE_HEAD, LABSE_MODEL
from labse_jax.data import tokenizer_files

PROBE = """
import sys, time
import jax, numpy
from labse_jax.encode import SentenceEncoder
jax.device_put(numpy.zeros(3))  # An idle import: the backend is up, no model is open.
status = lambda: open("/proc/self/status").read()  # getrusage would count the parent.
peak = lambda: int(status().split("VmHWM:")[1].split()[0]) * 1024
idle, start = peak(), time.monotonic()
encoder = SentenceEncoder.load(sys.argv[1])
seconds, loaded = time.monotonic() - start, peak()
vectors = encoder.encode(["Hello world", "Bonjour le monde", "w17 w23"])
print(idle, loaded, peak(), seconds, abs((vectors**2).sum(1) - 1).max())
"""


@pytest.fixture(scope="module")
def labse(tmp_path_factory):
  """A folder of LaBSE's sizes; its pieces are letters, numbered words, and real special tokens."""
  path = tmp_path_factory.mktemp("labse")
  letters = [c for c in map(chr, range(33, 0x250)) if c.isalnum()]
  pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters)]
  pieces += [f"w{n}" for n in range(LABSE_MODEL["vocab_size"] - len(pieces))]
  (path / "vocab.txt").write_text("\n".join(pieces) + "\n", "utf-8")
  (path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
  rng = np.random.default_rng(0)
  params = weights.allocate(LABSE_MODEL)
  for view in weights.views(params, LABSE_MODEL, weights.NAMES["bert"]).values():
    view[...] = rng.standard_normal(view.shape, np.float32) * np.float32(0.05)
  params["dense"] = {"kernel": rng.standard_normal((768, 768), np.float32) * np.float32(0.05),
                     "bias": np.zeros(768, np.float32)}  # fmt: skip
  folder.write(path / "model", folder.ModelFolder(
      LABSE_MODEL, LABSE_HEAD, params, tokenizer_files.tokenizer_file(path), 256))  # fmt: skip
  return path / "model"


def run(*arguments):
  done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True,
                        env={**os.environ, "XLA_FLAGS": ""})  # fmt: skip
  assert done.returncode == 0, done.stderr[-2000:]
  return done.stdout


@pytest.mark.slow  # 1.9 GB are written, read and written again.
def test_it_loads_fast_and_once(labse):
  size = (labse / "model.safetensors").stat().st_size
  assert size > 1.85e9
  idle, loaded, encoded, seconds, norm = map(float, run("-c", PROBE, str(labse)).split())
  print(f"{seconds:.1f} s; {(loaded - idle) / size:.2f} times the file; "
        f"{(encoded - idle) / size:.2f} after encoding")  # fmt: skip
  assert seconds < 10 and norm < 1e-5
  assert 0.9 * size < loaded - idle < 1.3 * size
