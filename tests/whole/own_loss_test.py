"""The loss that docs/a_loss_of_your_own.md shows: it trains, alike on one device and on several."""

import json

import jax
import numpy as np
import pytest

from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from tests.support import tiny
from tests.support.places import ROOT


@pytest.fixture
def own_loss(tmp_path):
  """The page's Python, saved as the page says."""
  page = (ROOT / "docs" / "a_loss_of_your_own.md").read_text("utf-8")
  path = tmp_path / "ranking_margin.py"
  path.write_text(page.split("```python\n")[1].split("```")[0], "utf-8")
  return path


def losses(folder, path, workdir, devices, monkeypatch):
  """The losses of a short run on so many devices."""
  mesh = make_mesh(1, jax.devices()[:devices])
  monkeypatch.setattr(trainer, "make_mesh", lambda fsdp: mesh)
  config = tiny.config(folder, loss=str(path), loss_options=dict(margin=0.3), total_steps=3)
  trainer.train(config, workdir)
  rows = map(json.loads, (workdir / "metrics.jsonl").read_text("utf-8").splitlines())
  return [row["loss"] for row in rows]


@pytest.mark.heavy
def test_it_trains_alike_on_one_device_and_on_two(folder, own_loss, tmp_path, monkeypatch):
  one = losses(folder, own_loss, tmp_path / "one", 1, monkeypatch)
  two = losses(folder, own_loss, tmp_path / "two", 2, monkeypatch)
  assert len(one) == 3 and one[-1] < one[0]
  np.testing.assert_allclose(one, two, rtol=1e-4)
  # A changed file is another run.
  own_loss.write_text(own_loss.read_text("utf-8").replace("margin=0.5", "margin=0.1"), "utf-8")
  with pytest.raises(InputError, match=r"ranking_margin\.py has changed since the run in .* began"):
    losses(folder, own_loss, tmp_path / "two", 2, monkeypatch)
