"""The table of chips is consistent; this machine's own devices have a row."""

import jax
import pytest

from labse_jax.planning.chips import GIB, GPU_SHARE, GPUS, TPUS, chip, compiler_options


class Device:
  platform = "gpu"

  def __init__(self, kind, stats):
    self.device_kind, self.stats = kind, stats

  def memory_stats(self):
    if isinstance(self.stats, Exception):
      raise self.stats
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


@pytest.mark.parametrize("kind", ["TPU v3", "TPU v4", "TPU v5 lite", "TPU v5"])
def test_the_clock_of_a_tpu_makes_its_peak(kind):
  """A matrix unit has 128 x 128 cells, of which each multiplies and adds in a cycle."""
  units = {"TPU v3": 2, "TPU v4": 8, "TPU v5 lite": 4, "TPU v5": 8}[kind]
  row = TPUS[kind]
  assert row.speed.clock * units * 2 * 128**2 == pytest.approx(row.peak, rel=0.01)


@pytest.mark.parametrize("row", [*TPUS.values(), *GPUS.values()])
def test_speeds_have_a_source_and_are_possible(row):
  if row.speed:
    assert 4e11 < row.speed.memory < 5e12 and 5e10 < row.speed.link < 1e12
    assert (
      "docs" in row.speed.source
      or "data sheet" in row.speed.source
      or ("not checked" in row.speed.source)
    )
    assert max(row.speed.products.values(), default=0) <= row.peak


def test_a_gpu_that_is_not_there_is_the_tables():
  described = Device("NVIDIA H100 80GB HBM3", RuntimeError("only for addressable devices"))
  row = chip([described])
  assert row is GPUS["NVIDIA H100"] and row.usable == GPU_SHARE * row.memory
  assert chip([Device("Other", RuntimeError())]) is None
  assert chip([jax.sharding.AbstractDevice("NVIDIA H100", None, "gpu")]) is row
  assert chip([Device("NVIDIA H100 80GB HBM3", {"bytes_limit": GIB})]).speed is row.speed


@pytest.mark.parametrize("kind", ["NVIDIA H100 PCIe", "NVIDIA H100 NVL", "NVIDIA H200 NVL"])
def test_slower_forms_of_a_gpu_have_no_speed_and_no_peak(kind):
  here = chip([Device(kind, {"bytes_limit": GIB})])
  assert (here.memory, here.speed, here.peak) == (GIB, None, None)
  assert chip([Device(kind, RuntimeError())]) is None


def test_an_a100_has_the_same_peak_in_each_form():
  forms = [Device(f"NVIDIA A100{form}", {"bytes_limit": GIB}) for form in ("-SXM4", " 80GB PCIe")]
  assert [chip([form]).peak for form in forms] == [312e12, 312e12]


WHOLE_WEIGHTS = {"xla_jf_spmd_threshold_for_windowed_einsum_mib": "1000000"}


@pytest.mark.parametrize(
  ("kind", "platform", "options"),
  [
    ("TPU v5", "tpu", WHOLE_WEIGHTS | {"xla_tpu_scoped_vmem_limit_kib": "32768"}),
    ("TPU v5 lite", "tpu", WHOLE_WEIGHTS | {"xla_tpu_scoped_vmem_limit_kib": "32768"}),
    ("TPU v6 lite", "tpu", WHOLE_WEIGHTS),
    ("NVIDIA H100 80GB HBM3", "gpu", {}),
    ("cpu", "cpu", {}),
  ],
)
def test_a_training_step_is_compiled_for_its_chip(kind, platform, options):
  """By estimates TPUs want weights in one piece, and some want larger fusions."""
  assert compiler_options(jax.sharding.AbstractDevice(kind, None, platform)) == options
