"""The table of chips is consistent; this machine's own devices have a row."""

import jax
import pytest

from labse_jax.planning.chips import GIB, TPUS, chip


class Device:
  platform = "gpu"

  def __init__(self, kind, stats):
    self.device_kind, self.stats = kind, stats

  def memory_stats(self):
    return self.stats


@pytest.mark.parametrize("kind", TPUS)
def test_a_row_says_what_is_usable_and_where_it_is_from(kind):
  row = TPUS[kind]
  assert 0.9 * row.memory < row.usable <= row.memory
  assert 20e12 < row.peak < 2e15
  assert "docs.cloud.google.com" in row.source or "not checked" in row.source


def test_a_core_of_v3_has_half_a_chip():
  assert (TPUS["TPU v3"].memory, TPUS["TPU v3"].peak) == (16 * GIB, 123e12 / 2)


def test_cpus_share_the_machine_and_promise_no_peak():
  devices = jax.devices()
  assert chip(devices).peak is None
  assert chip(devices[:1]).memory // 8 == pytest.approx(chip(devices).memory, abs=8)


def test_a_gpu_gives_what_jax_may_allocate():
  row = chip([Device("NVIDIA H200", {"bytes_limit": 100 * GIB})])
  assert (row.memory, row.peak) == (100 * GIB, 989e12)
  assert chip([Device("Other", {"bytes_limit": 7})]).peak is None
  assert chip([Device("NVIDIA H200", None)]) is None
