"""benchmarks/encode.py: what it encodes, which samples count, and that it runs."""

import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support.needs import need_torch
from tests.support.places import ROOT

BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))

import contenders  # noqa: E402
import encode as benchmark  # noqa: E402


def test_lines_are_taken_from_each_file_in_turn(tmp_path):
  (tmp_path / "a").write_text("a1\n\na2\na3\n")
  (tmp_path / "b").write_text("b1\n  \n")
  paths = [tmp_path / "a", tmp_path / "b"]
  assert benchmark.mixed_lines(paths, 4) == ["a1", "b1", "a2", "a3"]
  assert benchmark.mixed_lines(paths, 2) == ["a1", "b1"]
  with pytest.raises(InputError, match="has 4 lines; --lines 5 are needed"):
    benchmark.mixed_lines(paths, 5)


def test_only_undisturbed_samples_count():
  samples = [{"seconds": 1, "other": other} for other in (0.0, 0.3, 0.31, 2.0, float("nan"))]
  assert benchmark.clean(samples) == [samples[0], samples[1], samples[4]]


@pytest.mark.heavy
def test_what_others_do_meanwhile_is_measured():
  if not pathlib.Path("/proc/stat").exists():
    pytest.skip("only Linux has /proc/stat")
  sample = contenders.timed(lambda: time.sleep(0.2))
  assert 0.2 <= sample["seconds"] < 5 and sample["other"] >= 0
  other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
  time.sleep(0.5)
  try:
    assert contenders.timed(lambda: time.sleep(1))["other"] > 0.3
  finally:
    other.kill()
    other.wait()


def test_the_lowest_cosine():
  x_ND = np.array([[1, 0], [3, 4]], np.float32)
  y_ND = np.array([[2, 0], [4, 3]], np.float32)
  assert benchmark.lowest_cosine(x_ND, y_ND) == pytest.approx(24 / 25)


def test_padding():
  ids_BL, mask_BL = contenders.padded([np.array([7, 8, 9]), np.array([5])], 1)
  assert ids_BL.tolist() == [[7, 8, 9], [5, 1, 1]] and ids_BL.dtype == np.int64
  assert mask_BL.tolist() == [[1, 1, 1], [1, 0, 0]] and mask_BL.dtype == np.int64


def test_batches_of_like_length_come_back_in_order(tiny_folder, real_lines):
  seen = []

  def forward(ids_BL, mask_BL):
    seen.append(ids_BL.shape)
    return np.stack([(ids_BL * mask_BL).sum(1), mask_BL.sum(1)], 1)

  got = contenders._by_length(tiny_folder, forward)(real_lines[:30], 8)
  assert [shape[0] for shape in seen] == [8, 8, 8, 6]
  assert [shape[1] for shape in seen] == sorted((shape[1] for shape in seen), reverse=True)
  tokens, _ = Tokenizer(tiny_folder / "tokenizer.json").encode(real_lines[:30], 64)
  np.testing.assert_array_equal(got, [(ids.sum(), len(ids)) for ids in tokens])


def run(*arguments):
  done = subprocess.run(
    [sys.executable, BENCHMARKS / "encode.py", *map(str, arguments)],
    capture_output=True,
    text=True,
    timeout=400,
  )
  assert done.returncode == 0, done.stderr[-2000:]
  return done.stdout


@pytest.fixture
def text(tmp_path, real_lines):
  path = tmp_path / "lines.txt"
  path.write_text("\n".join(real_lines[:60]), "utf-8")
  return path


@pytest.mark.heavy
def test_it_runs_with_what_is_there(tiny_folder, text, tmp_path):
  said = run(
    "--model",
    tiny_folder,
    "--text",
    text,
    "--lines",
    40,
    "--samples",
    1,
    "--only",
    "labse_jax bfloat16",
    "--output",
    tmp_path / "o.json",
  )
  assert "| labse_jax bfloat16 | its own |" in said
  content = json.loads((tmp_path / "o.json").read_text())
  assert content["model"] == "tiny" and content["lines"] == 40 and content["cores"]
  result = content["results"]["labse_jax bfloat16"]
  assert result["lowest"] <= result["sentences_per_second"] <= result["highest"]
  assert 1 <= len(result["samples"]) <= benchmark.TURNS


@pytest.mark.slow
def test_all_contenders_give_one_models_vectors(tiny_folder, text, tmp_path):
  need_torch()
  pytest.importorskip("onnxruntime")
  pytest.importorskip("openvino")
  run(
    "--model",
    tiny_folder,
    "--text",
    text,
    "--lines",
    40,
    "--samples",
    1,
    "--output",
    tmp_path / "o.json",
  )
  results = json.loads((tmp_path / "o.json").read_text())["results"]
  assert results.keys() == contenders.CONTENDERS.keys()
  for name, result in results.items():
    assert result["cosine"] > (0.99999 if "float32" in name else 0.9), name
