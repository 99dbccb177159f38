"""How many rows a batch has where the machine decides."""

import types

import jax
import ml_collections
import numpy as np
import pytest

from labse_jax.base import machine
from labse_jax.base.sharding import make_mesh
from labse_jax.configs.machine_rows import settle_rows


def config(rows=0, chunks=1):
  return ml_collections.ConfigDict(dict(batch_rows=rows, chunks=chunks))


@pytest.mark.parametrize(
  ("cores", "devices", "chunks", "rows"),
  [(1, 1, 1, 8), (2, 1, 1, 16), (2, 2, 1, 16), (3, 8, 1, 24), (64, 8, 1, 64), (2, 8, 3, 24)],
)
def test_on_a_cpu_they_grow_with_the_cores(cores, devices, chunks, rows, monkeypatch, capsys):
  monkeypatch.setattr(machine, "cores", lambda: cores)
  mesh = make_mesh(1, jax.devices()[:devices])
  left_open = config(chunks=chunks)
  assert settle_rows(left_open, mesh).batch_rows == rows
  assert f"batch_rows = {rows}, for {cores} cores; " in capsys.readouterr().out
  assert left_open.batch_rows == 0


def test_on_another_device_they_are_64_or_what_the_devices_divide(capsys):
  device = types.SimpleNamespace(platform="gpu", device_kind="H100")
  mesh = types.SimpleNamespace(size=3, devices=np.array([device] * 3))
  assert settle_rows(config(), mesh).batch_rows == 66
  assert "batch_rows = 66, for 3 x H100; " in capsys.readouterr().out


def test_a_person_s_number_and_that_of_the_run_that_goes_on_stay(capsys):
  assert settle_rows(config(40), make_mesh(), {"batch_rows": 8}).batch_rows == 40
  assert settle_rows(config(), make_mesh(), {"batch_rows": 48}).batch_rows == 48
  assert capsys.readouterr().out == ""
