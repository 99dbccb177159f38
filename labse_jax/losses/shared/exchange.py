"""How the queries of each device meet the keys of every device.

With the exchange "gather", every device gets all keys at once. With "ring", no device ever holds
more than one block of keys besides its own queries: the blocks go round, and each takes the sums
over its columns along.

    device      0        1        2        3
    start     q0 k0    q1 k1    q2 k2    q3 k3     each folds its own block
    turn 1    q0 k1    q1 k2    q2 k3    q3 k0     blocks move one place to the left
    turn 2    q0 k2    q1 k3    q2 k0    q3 k1
    turn 3    q0 k3    q1 k0    q2 k1    q3 k2     now every query has met every key
    end            columns move once more, home to the device that their keys came from

The way back (`walk_back`) starts where the forward walk ended and goes round to the right, so that
the keys and their gradients come home without an extra turn. With "local", a device meets its own
keys alone.
"""

from collections.abc import Callable
import functools
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from labse_jax.base.sharding import traced_platform

if TYPE_CHECKING:
  from labse_jax.losses.shared.pair_sums import Kind

Tree = TypeVar("Tree")
Sums = Any  # A tree of arrays: what a reduction keeps of rows or of columns.
Side = dict[str, Any]  # Arrays that describe queries or keys; on the way back also their sums.

EXCHANGES = ("gather", "ring", "local")
LEFT = -1  # The places that a block moves in a turn of the ring.
RIGHT = 1
TILE = 1 << 22  # Similarities that are formed at a time: 16 MB.
# The queries, and the keys, of a tile on an accelerator, whose products want both to be many. By
# estimates for 65,536 pairs (results/accelerator/tiles.json) no other side is faster on a v5e, and
# on an H100 only one that takes 2.5 times the memory.
SIDES = {"gpu": 8_192, "tpu": 4_096}


class Spread(NamedTuple):
  """How pairs lie on the devices, and how they meet.

  `side` is how many queries and keys meet at a time, so that a tile is a square. Without one (0), a
  tile has all queries, and as many keys as make `tile` similarities. None is the platform's own.
  `dtype` is that of the factors of similarities; their sums are float32.
  """

  axis_name: tuple[str, ...]  # The axes of the mesh that they are split over.
  exchange: str = "gather"  # One of EXCHANGES.
  tile: int = TILE
  side: int | None = None
  dtype: str = "float32"

  def settled(self) -> "Spread":
    """The same, with the side of the platform that JAX traces for where it is None."""
    if self.side is None:
      return self._replace(side=SIDES.get(traced_platform(), 0))
    return self

  @property
  def most(self) -> int:
    """The most similarities of a tile of settled sides."""
    assert self.side is not None, "the side is settled"
    return self.side**2 or self.tile


def walk(
  query: Side,
  key: Side,
  kind: "Kind",
  step: Callable[[Side, Side, Sums, Sums], tuple[Sums, Sums]],
  spread: Spread,
) -> tuple[Sums, Sums, Side]:
  """(this device's rows, its columns, the keys where the walk leaves them for the way back).

  `kind` is a reduction of `pair_sums`; step(query, key, rows, columns) folds a tile into its sums.
  `spread` is a settled one, as in `walk_back`.
  """
  step = _in_rows(step, spread)
  if spread.exchange == "gather":

    def fold_gathered(rows, key):
      keys = gathered(key, spread)
      rows, columns = step(query, keys, rows, kind.start_column(keys))
      return rows, kind.merge(columns, spread.axis_name)

    cost = _cost_of_gathered(query, spread)
    rows, columns = _in_parts(fold_gathered, kind.start_row(query), key, cost, spread)
    return rows, columns, key

  fold = functools.partial(_fold, query, step=step, spread=spread)
  rows, columns = fold(kind.start_row(query), key, kind.start_column(key))
  if spread.exchange == "local":
    return rows, columns, key

  # The sums over columns belong to the keys and travel with them.
  def turn(_, carry):
    rows, key, columns = carry
    key, columns = _pass_on((key, columns), LEFT, spread)
    rows, columns = fold(rows, key, columns)
    return rows, key, columns

  devices = jax.lax.axis_size(spread.axis_name)
  rows, key, columns = jax.lax.fori_loop(1, devices, turn, (rows, key, columns))
  return rows, _pass_on(columns, LEFT, spread), key


def walk_back(
  query: Side,
  key: Side,
  of_columns: Side,
  step: Callable[[Side, Side, jax.Array, jax.Array], tuple[jax.Array, jax.Array]],
  spread: Spread,
) -> tuple[jax.Array, jax.Array]:
  """The gradients (dx_aD, dy_bD) of this device's queries and keys.

  `key` are those that `walk` left here; `of_columns` belong to the device's own keys.
  """
  step = _in_rows(step, spread)

  def zeros(of):
    # Made of an input, the zeros vary over the devices as that does.
    return jnp.zeros_like(of["vector"]) + 0 * of["vector"][0, 0]

  if spread.exchange == "gather":

    def fold_gathered(dx_aD, key):
      keys = gathered(key, spread)
      dx_aD, dy_BD = step(query, keys, dx_aD, zeros(keys))
      return dx_aD, jax.lax.psum_scatter(dy_BD, spread.axis_name, tiled=True)

    cost = _cost_of_gathered(query, spread)
    return _in_parts(fold_gathered, zeros(query), key | of_columns, cost, spread)

  fold = functools.partial(_fold, query, step=step, spread=spread)
  if spread.exchange == "local":
    return fold(zeros(query), key | of_columns, zeros(key))

  # The keys that lie here are those of the device on the left: its columns come to them.
  key = key | _pass_on(of_columns, RIGHT, spread)
  dx_aD, dy_bD = fold(zeros(query), key, zeros(key))

  def turn(_, carry):
    dx_aD, key, dy_bD = carry
    key, dy_bD = _pass_on((key, dy_bD), RIGHT, spread)
    dx_aD, dy_bD = fold(dx_aD, key, dy_bD)
    return dx_aD, key, dy_bD

  devices = jax.lax.axis_size(spread.axis_name)
  dx_aD, _, dy_bD = jax.lax.fori_loop(1, devices, turn, (dx_aD, key, dy_bD))
  return dx_aD, dy_bD


def _cost_of_gathered(query, spread):
  """The numbers that one key of each device adds to a tile.

  A gathered key adds a similarity for each query of a tile, and the D numbers of its vector: the
  larger of the two limits the tile.
  """
  width = query["vector"].shape[1]
  return jax.lax.axis_size(spread.axis_name) * max(_queries_of_a_tile(query, spread), width)


def _queries_of_a_tile(query, spread):
  count = query["mask"].shape[0]
  return min(count, spread.side or count)


def gathered(tree: Tree, spread: Spread) -> Tree:
  """Every array of all devices, one device after another: [b, ...] becomes [B, ...]."""
  return jax.tree.map(lambda a: jax.lax.all_gather(a, spread.axis_name, tiled=True), tree)


def _pass_on(tree, places, spread):
  """Every array to the device `places` further on."""
  devices = jax.lax.axis_size(spread.axis_name)
  to = [(device, (device + places) % devices) for device in range(devices)]
  return jax.tree.map(lambda a: jax.lax.ppermute(a, spread.axis_name, to), tree)


def _fold(query, rows, key, columns, step, spread):
  """(rows, columns) with one block of keys folded in."""

  def part(rows, of_key):
    key, columns = of_key
    return step(query, key, rows, columns)

  return _in_parts(part, rows, (key, columns), _queries_of_a_tile(query, spread), spread)


def _in_parts(step, rows, keys, cost, spread):
  """step(rows, keys) -> (rows, columns), as many keys at a time as make a tile.

  `cost` are the numbers that one key adds to a tile.
  """
  b = jax.tree.leaves(keys)[0].shape[0]
  parts = min(b, -(-b * cost // spread.most))
  if parts == 1:
    return step(rows, keys)
  rows, columns = jax.lax.scan(step, rows, _split(keys, parts))
  return rows, _joined(columns, b)


def _in_rows(step, spread):
  """step(query, key, rows, columns) -> (rows, columns), as many queries at a time as a side has."""

  def by_parts(query, key, rows, columns):
    count = query["mask"].shape[0]
    parts = -(-count // spread.side) if spread.side else 1
    if parts == 1:
      return step(query, key, rows, columns)

    def part(columns, of_query):
      query, rows = of_query
      rows, columns = step(query, key, rows, columns)
      return columns, rows

    columns, rows = jax.lax.scan(part, columns, _split((query, rows), parts))
    return _joined(rows, count), columns

  return by_parts


def _split(tree, parts):
  """Arrays [b, ...] as [parts, b / parts, ...]; the last part is filled up with zeros.

  A query or key of zeros has a mask that is false.
  """

  def split(leaf):
    b = leaf.shape[0]
    size = -(-b // parts)
    full = -(-b // size)  # With so many of that size, fewer parts may do.
    padding = [(0, full * size - b)] + [(0, 0)] * (leaf.ndim - 1)
    return jnp.pad(leaf, padding).reshape(full, size, *leaf.shape[1:])

  return jax.tree.map(split, tree)


def _joined(tree, b):
  """What `_split` has parted, as [b, ...]."""
  return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:b], tree)
