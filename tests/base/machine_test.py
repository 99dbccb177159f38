"""What machine this is."""

import os
import types

import jax
import pytest

from labse_jax.base import machine
from labse_jax.base.errors import InputError


def test_the_processor_the_cores_and_the_devices():
  found = machine.hardware()
  assert found["processor"]
  assert found["cores"] == len(os.sched_getaffinity(0))
  assert found["devices"] == {"cpu": 8}


def test_a_machine_that_does_not_tell_its_cores_has_one(monkeypatch):
  monkeypatch.delattr(os, "sched_getaffinity")
  monkeypatch.setattr(os, "cpu_count", lambda: 5)
  assert machine.cores() == 5
  monkeypatch.setattr(os, "cpu_count", lambda: None)
  assert machine.cores() == 1


def test_a_gpu_without_bfloat16_is_named():
  old = types.SimpleNamespace(device_kind="Tesla T4", compute_capability="7.5")
  machine.check_dtype("float32", old)
  with pytest.raises(InputError, match="dtype bfloat16: a Tesla T4 has none; choose float32"):
    machine.check_dtype("bfloat16", old)


@pytest.mark.parametrize("capability", ["8.0", "9.0", "12.0", "gfx942"])
def test_other_gpus_and_cpus_have_it(capability):
  machine.check_dtype("bfloat16", types.SimpleNamespace(compute_capability=capability))
  machine.check_dtype("bfloat16", jax.devices()[0])
