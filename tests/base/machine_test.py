"""What machine this is."""

import os

from labse_jax.base import machine


def test_the_processor_the_cores_and_the_devices():
  found = machine.hardware()
  assert found["processor"]
  assert found["cores"] == len(os.sched_getaffinity(0))
  assert found["devices"] == {"cpu": 8}
