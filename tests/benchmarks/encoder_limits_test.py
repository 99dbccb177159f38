"""What an accelerator's compiler makes of one step of BERT-base's encoder: how long, what it keeps.

The bars are for 32,768 tokens on one chip, in bfloat16, without dropout. Nothing is run.
"""

import dataclasses
import sys

import jax
import pytest

from labse_jax.base.errors import InputError
from labse_jax.planning.hlo.program import Program
from tests.support.places import ROOT

sys.path.append(str(ROOT / "benchmarks" / "accelerator"))

import encoder_step  # noqa: E402

TOKENS = 32_768
# (chip, tokens of a row): the most seconds of a step, the least share of the peak.
BARS = {
  ("v5e:2x2", 128): (0.280, 0.30),
  ("v5e:2x2", 512): (0.360, 0.24),
  ("h100", 128): (0.045, 0.42),
  ("h100", 512): (0.050, 0.42),
}


def need_compiler(topology):
  if topology.startswith("h100"):
    for name in ("jax_cuda13_plugin", "nvidia"):
      pytest.importorskip(name, reason="CUDA's compiler: pip install 'labse_jax[plan-cuda]'")
  else:
    pytest.importorskip("libtpu", reason="the TPU compiler: pip install 'labse_jax[plan]'")


@pytest.fixture(scope="module", params=BARS, ids=str)
def steps(request):
  """(the bar, the length, what was counted before and after, both Programs) of a chip."""
  topology, length = request.param
  need_compiler(topology)
  on_gpu = topology.startswith("h")
  after = encoder_step.Options(
    rows=TOKENS // length,
    length=length,
    dropout=0.0,
    attention_dropout=0.0,
    # A GPU has the memory to keep activations, whatever else a chip holds.
    remat=not on_gpu,
    unroll=on_gpu,
  )
  before = dataclasses.replace(after, attention="cpu", remat=True, unroll=False)
  old, old_text = encoder_step.compiled_step(before, topology)
  new, text = encoder_step.compiled_step(after, topology)
  yield BARS[request.param], length, old, new, (Program(old_text), Program(text))
  jax.clear_caches()


@pytest.mark.parametrize(
  ("way", "length", "dropout"), [("cudnn", 128, 0.0), ("splash", 100, 0.0), ("splash", 128, 0.1)]
)
def test_no_other_attention_is_compiled_than_the_one_that_was_named(way, length, dropout):
  options = encoder_step.Options(
    rows=1, length=length, dropout=dropout, attention_dropout=dropout, attention=way
  )
  with pytest.raises(InputError, match=f"attention {way}: not with these options"):
    encoder_step.trace(options, jax.devices()[0])


@pytest.mark.slow
def test_the_limit_of_a_step_is_within_its_bar(steps):
  (seconds, share), _, old, new, _ = steps
  assert new["step_seconds_limit"] <= seconds < old["step_seconds_limit"]
  assert new["mfu_limit"] >= share > old["mfu_limit"]


def scores_in_float32(program, length):
  """The float32 arrays in the main memory that are as large as all scores [B, H, L, L]."""
  scores = TOKENS // length * 12 * length**2
  found = []
  for executed in program.executed:
    for array in executed.instruction.arrays:
      if array.dtype == "f32" and array.main_size >= 4 * scores:
        found.append(array)
  return found


@pytest.mark.slow
def test_no_scores_lie_in_memory_in_float32(steps):
  _, length, _, _, (before, after) = steps
  # The program before has such arrays, so the search can find them.
  assert scores_in_float32(before, length)
  assert not scores_in_float32(after, length)


@pytest.mark.slow
def test_less_goes_through_the_memory(steps):
  _, _, old, new, _ = steps
  assert new["memory_traffic"] <= 0.6 * old["memory_traffic"]
