"""The loss against a float64 oracle written from the equations, on one to eight devices."""

import functools

import jax
import numpy as np
import pytest

from labse_jax.all_pairs import Spread
from labse_jax.losses.margin_softmax import margin_softmax
from labse_jax.sharding import BATCH, make_mesh

B, D, SCALE, MARGIN = 16, 12, 20.0, 0.3


def oracle(x, y, ids, mask):
  """Loss and gradients by loops and finite formulas in float64."""
  total, gx, gy = 0.0, np.zeros_like(x), np.zeros_like(y)
  count = max(mask.sum(), 1)
  for q, k, gq, gk in ((x, y, gx, gy), (y, x, gy, gx)):
    for i in np.flatnonzero(mask):
      same = [bool(set(ids[i]) & set(other)) for other in ids]
      allowed = [j for j in range(len(x)) if j == i or (mask[j] and not same[j])]
      logits = np.array([SCALE * (q[i] @ k[j] - MARGIN * (j == i)) for j in allowed])
      p = np.exp(logits - logits.max())
      p /= p.sum()
      total += -np.log(p[allowed.index(i)]) / count
      for pj, j in zip(p, allowed, strict=True):
        g = SCALE * (pj - (j == i)) / count
        gq[i] += g * k[j]
        gk[j] += g * q[i]
  return total, gx, gy


def inputs(kind):
  rng = np.random.default_rng(0)
  x, y = rng.normal(size=(2, B, D))
  x, y = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, y))
  ids = np.arange(2 * B, dtype=np.uint32).reshape(B, 2)
  mask = np.ones(B, bool)
  if kind == "duplicates":  # Same source on another device, same target, and both.
    ids[9, 0], ids[3, 1], ids[14] = ids[0, 0], ids[12, 1], ids[1]
    ids[6] = ids[11, ::-1]  # The same pair the other way round.
  if kind == "empty slots":  # Unequal numbers of pairs on the devices; one device has none.
    mask[[0, 1, 2, 3, 7, 12]] = False
  if kind == "all empty":
    mask[:] = False
  return x, y, ids, mask


def sharded_loss(devices, fsdp):
  mesh = make_mesh(fsdp, jax.devices()[:devices])
  loss = functools.partial(margin_softmax, scale=SCALE, margin=MARGIN, spread=Spread(BATCH))
  p = jax.P(BATCH)
  return jax.shard_map(loss, mesh=mesh, in_specs=(p, p, p, p), out_specs=(jax.P(), jax.P()))


@pytest.mark.parametrize("kind", ["plain", "duplicates", "empty slots", "all empty"])
@pytest.mark.parametrize("devices,fsdp", [(1, 1), (2, 1), (4, 2), (8, 1), (8, 2)])
def test_value_and_gradient_equal_the_oracle(kind, devices, fsdp):
  x, y, ids, mask = inputs(kind)
  expected = oracle(x, y, ids, mask)
  f = lambda x, y: sharded_loss(devices, fsdp)(x, y, ids, mask)
  (loss, metrics), grads = jax.jit(jax.value_and_grad(f, (0, 1), has_aux=True))(
    x.astype("f4"), y.astype("f4")
  )
  np.testing.assert_allclose(loss, expected[0], rtol=1e-5)
  for got, want in zip(grads, expected[1:], strict=True):
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * max(np.abs(want).max(), 1e-9))
  assert metrics["pairs"] == max(mask.sum(), 1)


def test_duplicates_are_no_negatives():
  x, y, ids, mask = inputs("duplicates")
  _, metrics = sharded_loss(8, 1)(x.astype("f4"), y.astype("f4"), ids, mask)
  assert metrics["negatives"] == (B * (B - 1) - 8) / B  # Four pairs of rows lose each other.


def test_in_batch_accuracy_counts_both_directions():
  x, y, ids, mask = inputs("plain")
  _, metrics = sharded_loss(4, 1)(x.astype("f4"), y.astype("f4"), ids, mask)
  s = x @ y.T
  expected = ((s.argmax(1) == np.arange(B)).mean() + (s.argmax(0) == np.arange(B)).mean()) / 2
  np.testing.assert_allclose(metrics["in_batch_accuracy"], expected, rtol=1e-6)
