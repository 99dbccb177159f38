"""A model of LaBSE's size with random weights: how it loads, is trimmed, and is written again."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.configs.architectures import LABSE_HEAD, LABSE_MODEL
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.model_folder import weights
from labse_jax.model_folder.tensor_names import NAMES
from labse_jax.tokenizer import files as tokenizer_files

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
  for name, view in weights.views(params, LABSE_MODEL, NAMES["bert"]).items():
    view[...] = rng.standard_normal(view.shape, np.float32) * np.float32(0.05)
    view += np.float32(name.endswith("LayerNorm.weight"))
  params["dense"] = {
    "kernel": rng.standard_normal((768, 768), np.float32) * np.float32(0.05),
    "bias": np.zeros(768, np.float32),
  }
  model_folder.write(
    path / "model",
    model_folder.ModelFolder(
      LABSE_MODEL, LABSE_HEAD, params, tokenizer_files.tokenizer_file(path), 256
    ),
  )
  return path / "model"


def run(*arguments):
  done = subprocess.run(
    [sys.executable, *arguments],
    capture_output=True,
    text=True,
    env={**os.environ, "XLA_FLAGS": ""},
  )
  assert done.returncode == 0, done.stderr[-2000:]
  return done.stdout


@pytest.mark.slow  # 1.9 GB are written, read and written again.
def test_it_loads_fast_and_once(labse):
  size = (labse / "model.safetensors").stat().st_size
  assert size > 1.85e9
  idle, loaded, encoded, seconds, norm = map(float, run("-c", PROBE, str(labse)).split())
  print(
    f"{seconds:.1f} s; {(loaded - idle) / size:.2f} times the file; "
    f"{(encoded - idle) / size:.2f} after encoding"
  )
  assert seconds < 10 and norm < 1e-5
  assert 0.9 * size < loaded - idle < 1.3 * size


@pytest.mark.slow
def test_it_is_trimmed_to_a_tenth(labse, tmp_path):
  words = [f"w{n}" for n in range(0, 500_000, 9)]
  lines = [" ".join(words[i : i + 20]) for i in range(0, len(words), 20)]
  (tmp_path / "text.txt").write_text("\n".join(lines), "utf-8")
  print(
    run(
      "-m",
      "labse_jax.trim",
      "--model",
      str(labse),
      "--text",
      str(tmp_path / "text.txt"),
      "--output",
      str(tmp_path / "small"),
      "--rows",
      "50115",
    )
  )
  facts = json.loads((tmp_path / "small" / "certificate.json").read_text())
  assert facts["rows"] == {"before": 501_153, "after": 50_115}
  assert facts["bytes"]["after"] < 0.28 * facts["bytes"]["before"]  # The layers stay: 342 MB.
  # The table holds nine in ten of the text's words; the lines with only such keep their ids.
  same = facts["identical"]["lines"]
  assert 0.8 * len(lines) < same < len(lines) == facts["lines"]
  assert -1 < facts["others"]["worst_cosine"] < 1 - 1e-6
  small, full = (SentenceEncoder.load(path) for path in (tmp_path / "small", labse))
  np.testing.assert_array_equal(small.encode(lines[:50]), full.encode(lines[:50]))
