"""Sums over all pairs of two sets of vectors, a tile at a time where there are many.

Every loss with negatives is made of these sums. Written densely, for X [A, D] and Y [B, D] of all
devices together, they are five lines:

    S_AB = X_AD @ Y_BD.T
    counts_AB = real_A[:, None] & real_B & no_text_in_common_AB
    logits_AB = where(counts_AB, S_AB, -inf)
    rows_A = logsumexp(logits_AB, axis=1)  # Over the negatives of each query.
    columns_B = logsumexp(logits_AB, axis=0)  # Over the negatives of each key.

Here S_AB never stands whole where it is large: tiles are folded into running sums, and the way back
forms each tile again. Pairs of two devices count as any others: the keys come by one gather, or go
round a ring (`exchange`). Values and gradients are those of the dense form, whatever the tiles and
the number of devices.
"""

from collections.abc import Callable
import functools
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from labse_jax.base.errors import known
from labse_jax.losses.shared.exchange import (
  EXCHANGES,
  Side,
  Spread,
  Sums,
  gathered,
  walk,
  walk_back,
)
from labse_jax.models.products import product

Arrays = dict[str, jax.Array]
# (similarity of a query and a key, that of their labels) -> what is summed.
Term = Callable[[jax.Array, jax.Array], jax.Array] | Callable[[jax.Array, None], jax.Array]

KEPT = 4  # Tiles: similarities no more than these are formed at once, and kept for the way back.
NEVER = -1e30  # The logit of a pair that does not count: finite, so that no difference is NaN.


def softmax_sums(
  x_aD: jax.Array, y_bD: jax.Array, of_a: Arrays, of_b: Arrays, spread: Spread
) -> tuple[Arrays, Arrays]:
  """Log-sum-exp of the logits x . y over the negatives of each query, and of each key.

  Runs inside `shard_map`; every device brings `a` queries and `b` keys. `of_a` and `of_b` are dicts
  that describe them:

  - `mask` [a]: true where there is a query.
  - `ids` [a, I]: hashes of its texts. Two that have a text in common are no negatives.
  - `label` [a, P] and `label_lse` [a], for soft labels alone: query i weighs key j by
    exp(label_i . label_j - label_lse_i), and key j weighs query i by the same with label_lse_j.

  Returns (rows, columns), dicts of arrays [a] and [b]:

  - `lse`: the log-sum-exp.
  - `soft`: the sum of the logits by the weights of soft labels, where there are any.
  - `best`: the largest logit, not differentiated.
  - `count`: the number of negatives, not differentiated; in rows alone.

  Where there is no negative, `lse` and `best` are below -1e29.
  """
  return _sums(x_aD, y_bD, of_a, of_b, SOFTMAX, spread)


def elementwise_sums(
  x_aD: jax.Array, y_bD: jax.Array, of_a: Arrays, of_b: Arrays, term: Term, spread: Spread
) -> jax.Array:
  """The sum of term(x . y, label . label) over the negatives of each query, [a].

  The arguments are those of `softmax_sums`. Without labels, the term's second argument is None.
  `term` must be a function of a module: one that is made anew at each call compiles anew.
  """
  return _sums(x_aD, y_bD, of_a, of_b, _elementwise(term), spread)[0]


def count_negatives(of_a: Arrays, of_b: Arrays, spread: Spread) -> jax.Array:
  """The number of negatives of each query, [a], float32."""

  def nothing(of):
    return jnp.zeros_like(of["mask"], jnp.float32)[:, None]

  return elementwise_sums(nothing(of_a), nothing(of_b), of_a, of_b, _one, spread)


def all_pairs(
  x_aD: jax.Array, y_bD: jax.Array, of_a: Arrays, of_b: Arrays, spread: Spread
) -> tuple[jax.Array, jax.Array]:
  """(similarities, whether they are of negatives) of this device's queries and all keys, [a, B].

  The arguments are those of `softmax_sums`. Keys come from every device but with the exchange
  "local". For sums over them that are too many to stand whole, there are the functions above.
  """
  known("exchange", spread.exchange, EXCHANGES)
  query = of_a | {"vector": x_aD.astype(jnp.float32)}
  key = of_b | {"vector": y_bD.astype(jnp.float32)}
  if spread.exchange != "local":
    key = gathered(key, spread)
  similarity_aB, counts_aB, _ = _tile(query, key, spread.dtype)
  return similarity_aB, counts_aB


def _one(similarity, _):
  return jnp.ones_like(similarity)


class Kind(NamedTuple):
  """A reduction: its sums at the start, what a tile adds to them, and to the gradient.

  A tile is what `_tile` gives: similarities, whether they count, those of the labels or None.
  """

  start_row: Callable[[Side], Sums]  # query -> rows
  start_column: Callable[[Side], Sums]  # key -> columns
  # tile, query, key, rows, columns -> rows, columns
  fold: Callable[
    [jax.Array, jax.Array, jax.Array | None, Side, Side, Sums, Sums], tuple[Sums, Sums]
  ]
  # Every device's columns of all keys, the axes -> each device's own, whole.
  merge: Callable[[Sums, tuple[str, ...]], Sums]
  finish: Callable[[Sums], Sums]  # The running sums -> the result.
  # tile, query, key -> a number whose gradient is that of the tile's share.
  share: Callable[[jax.Array, jax.Array, jax.Array | None, Side, Side], jax.Array]


def _sums(x_aD, y_bD, of_a, of_b, kind, spread):
  """(rows, columns) of a reduction."""
  known("exchange", spread.exchange, EXCHANGES)
  spread = spread.settled()
  x_aD = x_aD.astype(jnp.float32)
  y_bD = y_bD.astype(jnp.float32)
  devices = 1 if spread.exchange == "local" else jax.lax.axis_size(spread.axis_name)
  # Few similarities are formed at once and kept: autodiff then makes the way back.
  if spread.exchange != "ring" and len(x_aD) * len(y_bD) * devices <= KEPT * spread.tile:
    whole = spread._replace(tile=KEPT * spread.tile, side=0)
    return _forward(x_aD, y_bD, *jax.lax.stop_gradient((of_a, of_b)), kind, whole)[0]
  return _tiled_sums(x_aD, y_bD, of_a, of_b, kind, spread)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _tiled_sums(x_aD, y_bD, of_a, of_b, kind, spread):
  return _forward(x_aD, y_bD, of_a, of_b, kind, spread)[0]


def _forward(x_aD, y_bD, of_a, of_b, kind, spread):
  query = of_a | {"vector": x_aD}
  key = of_b | {"vector": y_bD}

  def step(query, key, *sums):
    return kind.fold(*_tile(query, key, spread.dtype), query, key, *sums)

  rows, columns, key = walk(query, key, kind, step, spread)
  sums = (kind.finish(rows), kind.finish(columns))
  return sums, (query, key, sums)


def _backward(kind, spread, kept, cotangents):
  query, key, (rows, columns) = kept
  query = query | {"sums": rows, "cotangents": cotangents[0]}
  of_columns = {"sums": columns, "cotangents": cotangents[1]}

  def step(query, key, dx_aD, dy_bD):
    # d lse / d s is exp(s - lse). `share` is a function with that gradient while the sums are
    # constants, so that autodiff does the rest.
    def share(x_aD, y_bD):
      tile = _tile(query | {"vector": x_aD}, key | {"vector": y_bD}, spread.dtype)
      return kind.share(*tile, query, key)

    own_aD, own_bD = jax.grad(share, (0, 1))(query["vector"], key["vector"])
    return dx_aD + own_aD, dy_bD + own_bD

  return *walk_back(query, key, of_columns, step, spread), None, None


_tiled_sums.defvjp(_forward, _backward)


def _tile(query, key, dtype):
  """(similarities, whether they count, those of the labels or None), each [queries, keys]."""
  # One "or" after another, no reduction over an axis: these fuse with what uses them.
  equal = [x_a[:, None] == y_b for x_a in query["ids"].T for y_b in key["ids"].T]
  same = functools.reduce(operator.or_, equal)
  counts = query["mask"][:, None] & key["mask"] & ~same
  labels = None
  if "label" in query:
    labels = product("ad,bd->ab", query["label"], key["label"], dtype)
  return product("ad,bd->ab", query["vector"], key["vector"], dtype), counts, labels


def _start_rows(of):
  return _start_columns(of) | {"count": _zeros(of)}


def _start_columns(of):
  zero = _zeros(of)
  sums = {"best": zero + NEVER, "sum": zero}
  if "label" in of:
    sums["soft"] = zero
  return sums


def _zeros(of):
  # Made of an input, they vary over the devices as that does.
  return 0 * of["vector"][:, 0]


def _fold_softmax(s, counts, labels, query, key, rows, columns):
  """The running sums with a tile of similarities in them."""
  logits = jnp.where(counts, s, NEVER)
  rows = _online(rows, logits, 1) | {"count": rows["count"] + counts.sum(1, dtype=jnp.float32)}
  columns = _online(columns, logits, 0)
  if labels is not None:
    by_row, by_column = _weights(counts, labels, query, key)
    rows |= {"soft": rows["soft"] + (by_row * s).sum(1)}
    columns |= {"soft": columns["soft"] + (by_column * s).sum(0)}
  return rows, columns


def _online(sums, logits, axis):
  """Log-sum-exp with a running maximum (Milakov and Gimelshein 2018)."""
  best = jax.lax.stop_gradient(jnp.maximum(sums["best"], logits.max(axis)))
  new = jnp.exp(logits - jnp.expand_dims(best, axis)).sum(axis)
  return sums | {"best": best, "sum": sums["sum"] * jnp.exp(sums["best"] - best) + new}


def _weights(counts, labels, query, key):
  """The soft labels of a tile: how queries weigh keys, and how keys weigh queries."""

  def weigh(lse):
    return jnp.where(counts, jnp.exp(labels - lse), 0)

  return weigh(query["label_lse"][:, None]), weigh(key["label_lse"])


def _merge_softmax(columns, axis_name):
  """Each device's own columns, whole, out of every device's columns of all keys."""
  best = jax.lax.pmax(columns["best"], axis_name)

  def scatter(value):
    return jax.lax.psum_scatter(value, axis_name, tiled=True)

  total = scatter(columns["sum"] * jnp.exp(columns["best"] - best))
  b = total.shape[0]
  own = jax.lax.dynamic_slice_in_dim(best, b * jax.lax.axis_index(axis_name), b)
  merged = {"best": own, "sum": total}
  if "soft" in columns:
    merged["soft"] = scatter(columns["soft"])
  return merged


def _finish_softmax(sums):
  rest = {name: value for name, value in sums.items() if name != "sum"}
  return rest | {"lse": sums["best"] + jnp.log(sums["sum"])}


def _share_softmax(s, counts, labels, query, key):
  """A number whose gradient is what the tile adds to the gradient of the sums."""
  logits = jnp.where(counts, s, NEVER)

  def share(of, axis, weights):
    lse = jnp.expand_dims(of["sums"]["lse"], axis)
    g_lse = jnp.expand_dims(of["cotangents"]["lse"], axis)
    total = g_lse * jnp.exp(logits - lse)
    if weights is None:
      return total
    return total + jnp.expand_dims(of["cotangents"]["soft"], axis) * weights * s

  by_row = None
  by_column = None
  if labels is not None:
    by_row, by_column = _weights(counts, labels, query, key)
  return (share(query, 1, by_row) + share(key, 0, by_column)).sum()


SOFTMAX = Kind(
  _start_rows, _start_columns, _fold_softmax, _merge_softmax, _finish_softmax, _share_softmax
)


@functools.cache
def _elementwise(term):
  """The reduction that sums term(similarity, label) over each row; columns have no sums."""

  def total(s, counts, labels):
    return jnp.where(counts, term(s, labels), 0)

  def fold(s, counts, labels, query, key, rows, columns):
    return rows + total(s, counts, labels).sum(1), ()

  def share(s, counts, labels, query, key):
    return (query["cotangents"] @ total(s, counts, labels)).sum()

  return Kind(
    start_row=_zeros,
    start_column=lambda key: (),
    fold=fold,
    merge=lambda columns, axis_name: (),
    finish=lambda sums: sums,
    share=share,
  )
