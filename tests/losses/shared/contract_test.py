"""What a loss must give back, and that empty slots do no harm, whatever it does with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.losses.shared import contract
from labse_jax.losses.shared.exchange import Spread
from labse_jax.losses.shared.ranking import mean_over_pairs
from tests.support import loss_oracles as oracles

SPREAD = Spread(BATCH)


def distance(x_bD, y_bD, ids_b2, mask_b):
  """Norms, whose gradient at zero is NaN."""
  value_b = jnp.sqrt(((x_bD - y_bD) ** 2).sum(1)) + jnp.linalg.norm(x_bD, axis=1)
  return mean_over_pairs(value_b, mask_b, SPREAD), {"one": 1}


def gradient(loss, arguments, devices):
  mesh = make_mesh(1, jax.devices()[:devices])
  whole = contract.on_every_device(contract.checked(loss, "mine.py"), "mine.py", mesh)

  def value(x_bD, y_bD):
    return whole(arguments | {"x_bD": x_bD, "y_bD": y_bD}, {})[0]

  return jax.jit(jax.value_and_grad(value, (0, 1)))(arguments["x_bD"], arguments["y_bD"])


@pytest.mark.parametrize("devices", [1, 8])
def test_empty_slots_change_neither_value_nor_gradient(devices):
  arguments = oracles.inputs("empty slots")
  here = arguments["mask_b"]
  value, (dx_bD, _) = gradient(distance, arguments, devices)
  x_bD, y_bD = arguments["x_bD"][here], arguments["y_bD"][here]
  distance_b = np.linalg.norm(x_bD - y_bD, axis=1)
  np.testing.assert_allclose(value, distance_b.mean() + 1, rtol=1e-5)
  wanted_bD = ((x_bD - y_bD) / distance_b[:, None] + x_bD) / here.sum()
  np.testing.assert_allclose(dx_bD[here], wanted_bD, rtol=1e-4, atol=1e-6)
  assert not np.any(dx_bD[~here])


def local_loss(x_bD, y_bD, ids_b2, mask_b):
  return (x_bD * y_bD).sum(1).mean(), {}


def local_metric(x_bD, y_bD, ids_b2, mask_b):
  return jnp.float32(0), {"cosine": (x_bD * y_bD).sum(1).mean()}


def of_each_pair(x_bD, y_bD, ids_b2, mask_b):
  return (x_bD * y_bD).sum(1), {}


def no_metrics(x_bD, y_bD, ids_b2, mask_b):
  return mean_over_pairs((x_bD * y_bD).sum(1), mask_b, SPREAD)


@pytest.mark.parametrize(
  ("loss", "words"),
  [
    (local_loss, "mine.py: the loss or a metric differs between devices.* mean_over_pairs"),
    (local_metric, "mine.py: the loss or a metric differs between devices"),
    (of_each_pair, r"mine.py: the loss has the shape \(3,\); one number is needed"),
    (no_metrics, r"mine.py: must return \(loss, metrics\)"),
  ],
)
def test_a_wrong_result_is_one_line(loss, words):
  with pytest.raises(InputError, match=words):
    gradient(loss, oracles.inputs("plain"), 8)


def test_a_mistake_of_a_persons_own_is_told_with_its_line(tmp_path):
  path = tmp_path / "mine.py"
  path.write_text("def mine(x_bD, y_bD, ids_b2, mask_b):\n  return x_bD @ y_bD, {}\n")
  names = {}
  exec(compile(path.read_text(), path, "exec"), names)
  with pytest.raises(InputError, match="mine.py:2: TypeError: dot_general requires"):
    contract.try_out(names["mine"], str(path), (oracles.inputs("plain"), {}))
