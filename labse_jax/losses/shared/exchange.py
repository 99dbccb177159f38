"""The walk of a device's queries past the keys of every device, some keys at a time.

The keys come by one gather, or go round a ring and take their own sums with them.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

EXCHANGES = ("gather", "ring", "local")
TILE = 1 << 22  # Similarities that are formed at a time: 16 MB.


class Spread(NamedTuple):
  """How pairs lie on the devices: the axes they are split over, how keys come, a tile's size.

  The exchange is "gather", "ring", or "local": pairs of one device alone, as others have it.
  """

  axis_name: tuple
  exchange: str = "gather"
  tile: int = TILE


def walk(query, key, kind, step, spread):
  """This device's rows and columns, and the keys where the walk leaves them, for the way back."""
  if spread.exchange == "gather":

    def gathered(rows, key):
      keys = _gather(key, spread)
      rows, columns = step(query, keys, rows, kind.start_column(keys))
      return rows, kind.merge(columns, spread.axis_name)

    return *_in_parts(gathered, kind.start_row(query), key, _gathered(query, spread), spread), key
  fold = functools.partial(_fold, query, step=step, spread=spread)
  rows, columns = fold(kind.start_row(query), key, kind.start_column(key))
  if spread.exchange == "local":
    return rows, columns, key

  def turn(_, carry):
    rows, key, columns = carry
    key, columns = _pass_on((key, columns), -1, spread)
    rows, columns = fold(rows, key, columns)
    return rows, key, columns

  devices = jax.lax.axis_size(spread.axis_name)
  rows, key, columns = jax.lax.fori_loop(1, devices, turn, (rows, key, columns))
  return rows, _pass_on(columns, -1, spread), key


def walk_back(query, key, of_columns, step, spread):
  """The gradients of this device's queries and keys; the ring goes the other way, and home."""

  def zeros(of):
    return jnp.zeros_like(of["vector"]) + 0 * of["vector"][0, 0]

  if spread.exchange == "gather":

    def gathered(dx_aD, key):
      keys = _gather(key, spread)
      dx_aD, dy_BD = step(query, keys, dx_aD, zeros(keys))
      return dx_aD, jax.lax.psum_scatter(dy_BD, spread.axis_name, tiled=True)

    return _in_parts(gathered, zeros(query), key | of_columns, _gathered(query, spread), spread)
  fold = functools.partial(_fold, query, step=step, spread=spread)
  if spread.exchange == "local":
    return fold(zeros(query), key | of_columns, zeros(key))
  key = key | _pass_on(of_columns, 1, spread)
  dx_aD, dy_bD = fold(zeros(query), key, zeros(key))

  def turn(_, carry):
    dx_aD, key, dy_bD = carry
    key, dy_bD = _pass_on((key, dy_bD), 1, spread)
    dx_aD, dy_bD = fold(dx_aD, key, dy_bD)
    return dx_aD, key, dy_bD

  devices = jax.lax.axis_size(spread.axis_name)
  dx_aD, _, dy_bD = jax.lax.fori_loop(1, devices, turn, (dx_aD, key, dy_bD))
  return dx_aD, dy_bD


def _gathered(query, spread):
  """What one key of each device costs in a tile: its similarities or, if more, the vectors."""
  return jax.lax.axis_size(spread.axis_name) * max(query["vector"].shape)


def _gather(tree, spread):
  return jax.tree.map(lambda a: jax.lax.all_gather(a, spread.axis_name, tiled=True), tree)


def _pass_on(tree, places, spread):
  """Every array to the device `places` further on."""
  devices = jax.lax.axis_size(spread.axis_name)
  to = [(device, (device + places) % devices) for device in range(devices)]
  return jax.tree.map(lambda a: jax.lax.ppermute(a, spread.axis_name, to), tree)


def _fold(query, rows, key, columns, step, spread):
  """One block of pairs."""

  def part(rows, of):
    return step(query, of[0], rows, of[1])

  return _in_parts(part, rows, (key, columns), query["mask"].shape[0], spread)


def _in_parts(step, rows, keys, cost, spread):
  """step(rows, keys) -> (rows, columns), some keys at a time; `cost` numbers a key in a tile."""
  b = jax.tree.leaves(keys)[0].shape[0]
  parts = min(b, -(-b * cost // spread.tile))
  if parts == 1:
    return step(rows, keys)
  size = -(-b // parts)
  parts = -(-b // size)

  def split(leaf):
    return jnp.pad(leaf, [(0, parts * size - b)] + [(0, 0)] * (leaf.ndim - 1)).reshape(
      parts, size, *leaf.shape[1:]
    )

  rows, columns = jax.lax.scan(step, rows, jax.tree.map(split, keys))
  return rows, jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:b], columns)
