"""What is chosen for a step where the config leaves it to the machine."""

import importlib
import types

import ml_collections
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.configs import machine_step
from labse_jax.configs.command_line import load_config
from labse_jax.configs.machine_step import settle_step
from labse_jax.planning.chips import GIB, Chip
from labse_jax.planning.program_hash import abstract_mesh

BASE = dict(vocab_size=16_000, width=768, depth=12, heads=12, mlp_width=3_072)


def config(*, dropout=0.0, model=(), **changes):
  fields = dict(
    model=BASE | dict(model, dropout=dropout),
    slots=4,
    length=128,
    batch_rows=128,
    dtype="bfloat16",
    mesh=dict(fsdp=1),
    remat="auto",
    unroll="auto",
  )
  return ml_collections.ConfigDict(fields | changes)


def mesh(platform, memory, monkeypatch):
  """A mesh of one device that is not there, with so many GiB."""
  device = types.SimpleNamespace(platform=platform, device_kind="a card")
  one = Chip(memory * GIB, memory * GIB, None, "")
  monkeypatch.setattr(machine_step, "chip", lambda devices: one)
  return types.SimpleNamespace(size=1, devices=np.array([device]))


def settled(config, mesh):
  found = settle_step(config, mesh)
  return found.attention, found.remat, found.unroll


def test_on_a_cpu_nothing_is_made_again():
  left_open = config(batch_rows=8)
  assert settled(left_open, make_mesh()) == ("cpu", False, True)
  assert left_open.remat == "auto"


@pytest.mark.parametrize(("memory", "remat"), [(80, False), (12, True)])
@pytest.mark.parametrize(("platform", "way"), [("gpu", "cudnn"), ("tpu", "xla")])
def test_activations_are_kept_where_they_fit(platform, way, memory, remat, monkeypatch):
  # 128 pairs of 128 tokens take 10 GB in the layers, or 12 with scores, and 1.6 GB for weights.
  here = mesh(platform, memory, monkeypatch)
  assert settled(config(), here) == (way, remat, not remat)


def test_many_rows_do_not_fit_and_chunks_help(monkeypatch):
  here = mesh("gpu", 80, monkeypatch)
  assert settle_step(config(batch_rows=2_048), here).remat
  assert not settle_step(config(batch_rows=2_048, chunks=16), here).remat
  assert settle_step(config(hard_negatives=dict(k=14)), here).remat


def test_on_a_tpu_long_rows_have_a_kernel_of_their_own(monkeypatch):
  here = mesh("tpu", 80, monkeypatch)
  assert settle_step(config(length=256), here).attention == "splash"


def test_a_mesh_that_is_only_described_will_do():
  described = abstract_mesh({"data": 8, "fsdp": 4}, "tpu", "TPU v5 lite")
  assert settled(config(batch_rows=4_096), described) == ("xla", True, False)


def test_what_the_config_says_stays(monkeypatch):
  here = mesh("gpu", 1, monkeypatch)
  assert settled(config(attention="xla", remat=False, unroll=False), here) == ("xla", False, False)
  assert settled(config(attention="cpu", remat="True", unroll="true"), here) == ("cpu", True, True)


def test_why_attention_is_not_the_platform_s_own_is_said_once(monkeypatch, capsys):
  here = mesh("gpu", 80, monkeypatch)
  found = settle_step(config(dropout=0.1), here)
  assert found.attention == "xla"
  said = capsys.readouterr().out
  assert "not by the faster kernel cudnn, since there is dropout in attention." in said
  settle_step(found, here)
  assert capsys.readouterr().out == ""
  # Dropout elsewhere is no reason.
  assert (
    settle_step(config(dropout=0.1, model={"attention_dropout": 0.0}), here).attention == "cudnn"
  )


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    (dict(attention="flash"), "Unknown config.attention 'flash'"),
    (dict(attention="splash", length=100), "a row of 100 tokens is no multiple of 128"),
    (dict(attention="splash", dtype="float32"), "it computes in bfloat16, not in float32"),
    (dict(attention="cudnn"), "'cudnn': not here, since this is no GPU; choose 'auto' or 'xla'"),
    (dict(remat="perhaps"), "Unknown config.remat 'perhaps'"),
    (dict(dtype="float16"), "Unknown config.dtype 'float16'"),
  ],
)
def test_what_cannot_be_is_refused(changes, words):
  with pytest.raises(InputError, match=words):
    settle_step(config(**changes), make_mesh())


@pytest.mark.parametrize("name", ["quickstart", "pretrain_small", "labse/paper"])
def test_a_field_that_is_left_open_takes_a_word_or_a_truth_value(name):
  module = f"experiments.{name.replace('/', '.')}"
  made = importlib.import_module(module).get_config()
  assert made.remat == "auto"
  made.remat = True  # As an experiment does that is built on this one.
  made.update(remat=False)
  assert made.remat is False
  for word, remat in (("true", True), ("false", False), ("auto", "auto")):
    words = [f"--config=experiments/{name}.py", f"--config.remat={word}", "--workdir=w"]
    config, _ = load_config(words)
    assert config.remat == remat


@pytest.mark.parametrize(
  ("word", "unroll"), [("=auto", "auto"), ("=true", True), ("=false", False), ("", True)]
)
def test_so_does_unroll_in_an_experiment_that_does_not_set_it(word, unroll):
  words = ["--config=experiments/pretrain_small.py", f"--config.unroll{word}", "--workdir=w"]
  config, _ = load_config(words)
  assert config.unroll == unroll and type(config.unroll) is type(unroll)
