"""Estimates of memory, before anything is compiled, beside what an H200's programs took."""

import json

import jax
import jax.numpy as jnp
import pytest

from labse_jax.models.bert import Bert
from labse_jax.planning.activations import STATE, activation_bytes, state_bytes
from tests.support.places import ROOT

MODEL = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3_072, "vocab_size": 30_522}
MEASURED = json.loads((ROOT / "results" / "accelerator" / "h200.json").read_text("utf-8"))["layers"]
TOKENS = 32_768


def kept(*, tokens=TOKENS, length=128, dtype="bfloat16", fused=False):
  return activation_bytes(MODEL, tokens=tokens, length=length, dtype=dtype, fused=fused)


@pytest.mark.parametrize("length", [128, 512])
@pytest.mark.parametrize(("way", "fused"), [("bhlk", False), ("cudnn", True)])
def test_what_a_step_kept_on_a_gpu_was_nearly_that(way, fused, length):
  measured = MEASURED[f"bf16out, {way}, unroll, {length} tokens"]["temporary_gb"] * 1e9
  assert kept(length=length, fused=fused) == pytest.approx(measured, rel=0.02)


def test_a_token_keeps_as_much_in_any_batch_and_twice_as_much_in_float32():
  assert kept(tokens=2 * TOKENS) == kept(dtype="float32") == 2 * kept()
  assert kept(length=512, fused=True) == kept(fused=True) < kept() < kept(length=512)


@pytest.mark.parametrize("fsdp", [1, 4])
def test_the_state_is_that_of_the_models_weights(fsdp):
  bert = Bert(**MODEL, positions=512)
  ids_BL = jnp.zeros((1, 8), jnp.int32)
  params = jax.eval_shape(lambda: bert.init(jax.random.key(0), ids_BL, ids_BL, ids_BL))
  numbers = sum(leaf.size for leaf in jax.tree.leaves(params))
  assert state_bytes(MODEL, fsdp=fsdp) == pytest.approx(STATE * numbers / fsdp, rel=0.01)
