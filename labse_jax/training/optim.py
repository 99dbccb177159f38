"""The optimiser: clipping, AdamW whose decay is masked by path, a schedule that knows its end.

What is frozen (`config.freeze`) never comes here: gradient and moments are those of `take_free`.
"""

import math
import re

import jax
import jax.numpy as jnp
import optax

from labse_jax.base.errors import InputError, known

NO_DECAY = re.compile(r"(bias|scale|_norm)\b|logit_scale")


def decay_mask(params):
  """True where weight decay applies: by path, since scanned layers make biases matrices."""
  return jax.tree_util.tree_map_with_path(
    lambda path, _: not NO_DECAY.search(jax.tree_util.keystr(path)), params
  )


def transformation(*, clip, b1, b2, epsilon, weight_decay):
  """AdamW (Loshchilov and Hutter 2019) after clipping by global norm, before the learning rate."""
  return optax.chain(
    optax.clip_by_global_norm(clip),
    optax.scale_by_adam(b1=b1, b2=b2, eps=epsilon),
    optax.add_decayed_weights(weight_decay, mask=decay_mask),
  )


WHOLE = math.inf


def frozen_rows(params, paths):
  """For each leaf of `params`, how much of its axis 0 `paths` freeze: 0, the first k, or WHOLE.

  A path is keys joined by "/", as "bert/word_embedding" or "bert/blocks"; ":k" after it freezes a
  stack's lowest k layers, a table's first k rows. Raises InputError for what is not there.
  """
  shapes = {
    jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(params)
  }
  rows = dict.fromkeys(shapes, 0)
  for entry in paths:
    path, _, count = entry.partition(":")
    known("path in config.freeze", path, _prefixes(shapes))
    inside = [name for name in shapes if f"{name}/".startswith(f"{path}/")]
    here = _first_rows(entry, count, {shapes[name][:1] for name in inside}) if count else WHOLE
    rows |= {name: max(here, rows[name]) for name in inside}
  if min(rows.values()) == WHOLE:
    raise InputError(f"config.freeze = {tuple(paths)}: nothing is left to train.")
  return jax.tree.unflatten(jax.tree.structure(params), rows.values())


def _prefixes(names):
  return {"/".join(name.split("/")[:n]) for name in names for n in range(1, name.count("/") + 2)}


def _first_rows(entry, count, lengths):
  """The number after the colon, WHOLE where it is all; `lengths` are what axis 0 may be."""
  if len(lengths) > 1 or () in lengths:
    raise InputError(
      f"config.freeze: {entry!r}: a number is for leaves of one length, as those "
      "of bert/blocks, whose layers are stacked."
    )
  ((length,),) = lengths
  if not (count.isdecimal() and 1 <= int(count) <= length):
    raise InputError(
      f"config.freeze: {entry!r}: the number must be 1 to {length}, as many as there are."
    )
  return WHOLE if int(count) == length else int(count)


def take_free(params, rows):
  """What is left to train of `params`: None for a frozen leaf, the later rows of a part of one."""

  def take(k, leaf):
    return None if k == WHOLE else leaf[k:] if k else leaf

  return jax.tree.map(take, rows, params)


def put_free(params, free, rows):
  """`params` with the leaves and rows of `take_free` in their places."""

  def put(k, leaf, new):
    return leaf if k == WHOLE else jnp.concatenate([leaf[:k], new]) if k else new

  return jax.tree.map(put, rows, params, free)


DECAYS = {
  "constant": jnp.ones_like,
  "linear": lambda t: 1 - t,
  "cosine": lambda t: 0.5 * (1 + jnp.cos(jnp.pi * t)),
}


def learning_rate(step, total, *, peak, warmup, decay):
  """Linear warm-up over the share `warmup` of all steps, then `decay` to the last one.

  `total` is an array: a run that fixes its length by the clock keeps one compiled step.
  """
  known("decay", decay, DECAYS)
  step, total = jnp.float32(step), jnp.float32(total)
  warm = jnp.maximum(jnp.round(warmup * total), 1)
  after = jnp.clip((step - warm) / jnp.maximum(total - warm, 1), 0, 1)
  return peak * jnp.where(step < warm, (step + 1) / warm, DECAYS[decay](after))
