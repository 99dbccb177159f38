"""Sums over all pairs of two sets of vectors; where those are many, of a tile at a time.

Every loss with negatives is made of these. The vectors are split over the devices, and a pair of
two devices counts like any other: the keys come by one gather, or go round a ring. Values and
gradients are those of the whole matrix, whatever the tiles and the devices.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from labse_jax.base.errors import known
from labse_jax.losses.shared.exchange import EXCHANGES, walk, walk_back

KEPT = 4  # Tiles: similarities no more than these are formed at once, and kept for the way back.
NEVER = -1e30  # The logit of a pair that does not count: finite, so that no difference is NaN.


def softmax_sums(x_aD, y_bD, of_a, of_b, spread):
  """Log-sum-exp of the logits x . y over the negatives of each query, and of each key.

  Runs inside `shard_map`; every device brings `a` queries and `b` keys. `of_a` and `of_b` say more
  of them: `mask` [a], true where there is one; `ids` [a, I], hashes of texts: two that have a text
  in common are no negatives; and for soft labels `label` [a, P] and `label_lse` [a]: query i weighs
  key j by exp(label_i . label_j - label_lse_i), and is weighed by it with label_lse_j. Returns
  (rows, columns), dicts of [a] and of [b]: `lse`; `soft`, the weighted sum of the logits; and, not
  differentiated, `best`, the largest logit, and of rows `count`, the number of negatives. Without
  a negative, lse and best are below -1e29.
  """
  return _sums(x_aD, y_bD, of_a, of_b, SOFTMAX, spread)


def elementwise_sums(x_aD, y_bD, of_a, of_b, term, spread):
  """Sums over the negatives of each query of term(x . y, label . label), [a].

  As `softmax_sums`; without labels the second argument is None. `term` must be a named function:
  two of one code but two identities compile twice.
  """
  return _sums(x_aD, y_bD, of_a, of_b, _elementwise(term), spread)[0]


def count_negatives(of_a, of_b, spread):
  """The number of negatives of each query, [a], float32."""

  def nothing(of):
    return jnp.zeros_like(of["mask"], jnp.float32)[:, None]

  return elementwise_sums(nothing(of_a), nothing(of_b), of_a, of_b, _one, spread)


def _one(similarity, _):
  return jnp.ones_like(similarity)


class _Kind(NamedTuple):
  """A reduction: its sums at the start, what a tile adds to them, and to the gradient."""

  start_row: callable
  start_column: callable
  fold: callable  # tile, query, key, rows, columns -> rows, columns
  merge: callable  # Every device's columns of all keys -> each device's own, whole.
  finish: callable
  share: callable  # tile, query, key -> what the tile put into the sums, by their cotangents.


def _sums(x_aD, y_bD, of_a, of_b, kind, spread):
  """(rows, columns), by autodiff where the similarities are few, else by tiles on both ways."""
  known("exchange", spread.exchange, EXCHANGES)
  x_aD, y_bD = x_aD.astype(jnp.float32), y_bD.astype(jnp.float32)
  devices = 1 if spread.exchange == "local" else jax.lax.axis_size(spread.axis_name)
  if spread.exchange != "ring" and len(x_aD) * len(y_bD) * devices <= KEPT * spread.tile:
    whole = spread._replace(tile=KEPT * spread.tile)
    return _forward(x_aD, y_bD, *jax.lax.stop_gradient((of_a, of_b)), kind, whole)[0]
  return _tiled_sums(x_aD, y_bD, of_a, of_b, kind, spread)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _tiled_sums(x_aD, y_bD, of_a, of_b, kind, spread):
  return _forward(x_aD, y_bD, of_a, of_b, kind, spread)[0]


def _forward(x_aD, y_bD, of_a, of_b, kind, spread):
  query, key = of_a | {"vector": x_aD}, of_b | {"vector": y_bD}

  def step(query, key, *sums):
    return kind.fold(*_tile(query, key), query, key, *sums)

  rows, columns, key = walk(query, key, kind, step, spread)
  sums = kind.finish(rows), kind.finish(columns)
  return sums, (query, key, sums)


def _backward(kind, spread, kept, cotangents):
  query, key, (rows, columns) = kept
  query = query | {"sums": rows, "cotangents": cotangents[0]}
  of_columns = {"sums": columns, "cotangents": cotangents[1]}

  def step(query, key, dx_aD, dy_bD):
    # With the sums held fast, this has the gradient of what the tile put into them.
    def share(x_aD, y_bD):
      return kind.share(*_tile(query | {"vector": x_aD}, key | {"vector": y_bD}), query, key)

    own_aD, own_bD = jax.grad(share, (0, 1))(query["vector"], key["vector"])
    return dx_aD + own_aD, dy_bD + own_bD

  return *walk_back(query, key, of_columns, step, spread), None, None


_tiled_sums.defvjp(_forward, _backward)


def _tile(query, key):
  """(similarities, whether they count, those of the labels or None), each [queries, keys]."""
  # Comparisons that are or-ed, not reduced: those fuse with what uses them.
  same = functools.reduce(
    jnp.logical_or, (x_a[:, None] == y_b for x_a in query["ids"].T for y_b in key["ids"].T)
  )
  counts = query["mask"][:, None] & key["mask"] & ~same
  labels = _matmul(query["label"], key["label"]) if "label" in query else None
  return _matmul(query["vector"], key["vector"]), counts, labels


def _matmul(a, b):
  return jnp.matmul(a, b.T, precision=jax.lax.Precision.HIGHEST)


def _start_rows(of):
  return _start_columns(of) | {"count": _zeros(of)}


def _start_columns(of):
  zero = _zeros(of)
  return {"best": zero + NEVER, "sum": zero} | ({"soft": zero} if "label" in of else {})


def _zeros(of):
  return 0 * of["vector"][:, 0]  # Made of an input, they vary over the devices as that does.


def _fold_softmax(s, counts, labels, query, key, rows, columns):
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
  def weigh(lse):
    return jnp.where(counts, jnp.exp(labels - lse), 0)

  return weigh(query["label_lse"][:, None]), weigh(key["label_lse"])


def _merge_softmax(columns, axis_name):
  best = jax.lax.pmax(columns["best"], axis_name)

  def scatter(value):
    return jax.lax.psum_scatter(value, axis_name, tiled=True)

  total = scatter(columns["sum"] * jnp.exp(columns["best"] - best))
  b = total.shape[0]
  own = jax.lax.dynamic_slice_in_dim(best, b * jax.lax.axis_index(axis_name), b)
  soft = {"soft": scatter(columns["soft"])} if "soft" in columns else {}
  return {"best": own, "sum": total} | soft


def _finish_softmax(sums):
  rest = {name: value for name, value in sums.items() if name != "sum"}
  return rest | {"lse": sums["best"] + jnp.log(sums["sum"])}


def _share_softmax(s, counts, labels, query, key):
  logits = jnp.where(counts, s, NEVER)

  def share(of, axis, weights):
    sums, cotangents = (
      {name: jnp.expand_dims(value, axis) for name, value in of[part].items()}
      for part in ("sums", "cotangents")
    )
    total = cotangents["lse"] * jnp.exp(logits - sums["lse"])
    return total if weights is None else total + cotangents["soft"] * weights * s

  by_row, by_column = (None, None) if labels is None else _weights(counts, labels, query, key)
  return (share(query, 1, by_row) + share(key, 0, by_column)).sum()


SOFTMAX = _Kind(
  _start_rows, _start_columns, _fold_softmax, _merge_softmax, _finish_softmax, _share_softmax
)


@functools.cache
def _elementwise(term):
  def total(s, counts, labels):
    return jnp.where(counts, term(s, labels), 0)

  return _Kind(
    start_row=_zeros,
    start_column=lambda of: (),
    fold=lambda s, counts, labels, query, key, rows, columns: (
      rows + total(s, counts, labels).sum(1),
      (),
    ),
    merge=lambda columns, axis_name: (),
    finish=lambda sums: sums,
    share=lambda s, counts, labels, query, key: (
      query["cotangents"] @ total(s, counts, labels)
    ).sum(),
  )
