"""What machine this is."""

import os

from labse_jax.base import machine


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
