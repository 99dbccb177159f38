"""The optimiser: clipping, AdamW whose decay is masked by path, a schedule that knows its end.

What `config.freeze` names has no gradient and no moments: the optimiser sees only `take_free`.
"""

from collections.abc import Callable, Sequence
import math
import re
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import optax

from labse_jax.base.errors import InputError, known
from labse_jax.base.types import Params

if TYPE_CHECKING:
  from labse_jax.training.stacking import Schedule

# What a run keeps from step to step: "params", "step", "total", and what the optimiser adds.
State = dict[str, Any]
Rate = Callable[[int | jax.Array], jax.Array]  # A step, or an array of steps -> learning rates.
FrozenRows = dict[str, Any]  # For each leaf of the parameters, how many of its rows are frozen.

WHOLE = math.inf  # All rows of a leaf are frozen.
NO_DECAY = re.compile(r"(bias|scale|_norm)\b|logit_scale")


def decay_mask(params: Params) -> dict[str, Any]:
  """True where weight decay applies: by path, since scanned layers make biases matrices."""
  return jax.tree_util.tree_map_with_path(
    lambda path, _: not NO_DECAY.search(jax.tree_util.keystr(path)), params
  )


def transformation(
  *, clip: float, b1: float, b2: float, epsilon: float, weight_decay: float
) -> optax.GradientTransformation:
  """AdamW (Loshchilov and Hutter 2019) after clipping by global norm, before the learning rate."""
  return optax.chain(
    optax.clip_by_global_norm(clip),
    optax.scale_by_adam(b1=b1, b2=b2, eps=epsilon),
    optax.add_decayed_weights(weight_decay, mask=decay_mask),
  )


def rate_of(state: State, schedule: "Schedule") -> Rate:
  """The learning rate of a stage's Schedule as a function of the step, or of an array of steps."""
  first = schedule.span.first(state["total"])
  steps = schedule.span.end(state["total"]) - first
  return lambda step: learning_rate(step - first, steps, **schedule.options)


def frozen_rows(params: Params, paths: Sequence[str]) -> FrozenRows:
  """For each leaf of `params`, how much of its axis 0 `paths` freeze: 0, the first k, or WHOLE.

  A path is keys joined by "/", as "bert/word_embedding" or "bert/blocks"; ":k" after it freezes a
  stack's lowest k layers, a table's first k rows. Raises InputError for what is not there.
  """
  shapes = {
    jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(params)
  }
  rows: dict[str, float] = dict.fromkeys(shapes, 0)
  for entry in paths:
    path, _, count = entry.partition(":")
    known("path in config.freeze", path, _prefixes(shapes))
    inside = [name for name in shapes if f"{name}/".startswith(f"{path}/")]
    here = WHOLE
    if count:
      lengths = {shapes[name][:1] for name in inside}
      here = _first_rows(entry, count, lengths)
    # Of two entries that name the same leaf, the one that freezes more holds.
    for name in inside:
      rows[name] = max(here, rows[name])
  if min(rows.values()) == WHOLE:
    raise InputError(f"config.freeze = {tuple(paths)}: nothing is left to train.")
  return jax.tree.unflatten(jax.tree.structure(params), rows.values())


def _prefixes(names):
  """Each name and all that stands before one of its slashes."""
  prefixes = set()
  for name in names:
    keys = name.split("/")
    for n in range(1, len(keys) + 1):
      prefixes.add("/".join(keys[:n]))
  return prefixes


def _first_rows(entry, count, lengths):
  """The number after the colon, or WHOLE where that is all; `lengths` are the leaves' axes 0."""
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


def take_free(params: Params, rows: FrozenRows) -> Params:
  """What is left to train of `params`: None for a frozen leaf, the later rows of a part of one."""

  def take(k, leaf):
    if k == WHOLE:
      return None
    return leaf[k:] if k else leaf

  return jax.tree.map(take, rows, params)


def put_free(params: Params, free: Params, rows: FrozenRows) -> Params:
  """`params` with the leaves and rows of `take_free` in their places."""

  def put(k, leaf, new):
    if k == WHOLE:
      return leaf
    return jnp.concatenate([leaf[:k], new]) if k else new

  return jax.tree.map(put, rows, params, free)


def _linear(t):
  return 1 - t


def _cosine(t):
  return 0.5 * (1 + jnp.cos(jnp.pi * t))


# From t, the share of the steps after warm-up that are done, to a share of the peak.
DECAYS: dict[str, Callable[[jax.Array], jax.Array]] = {
  "constant": jnp.ones_like,
  "linear": _linear,
  "cosine": _cosine,
}


def learning_rate(
  step: int | jax.Array, total: int | jax.Array, *, peak: float, warmup: float, decay: str
) -> jax.Array:
  """Linear warm-up over the share `warmup` of all steps, then `decay` to the last one.

  `total` is an array: a run that fixes its length by the clock keeps one compiled step.
  """
  known("decay", decay, DECAYS)
  step = jnp.float32(step)
  total = jnp.float32(total)
  warm = jnp.maximum(jnp.round(warmup * total), 1)
  after = jnp.clip((step - warm) / jnp.maximum(total - warm, 1), 0, 1)
  return peak * jnp.where(step < warm, (step + 1) / warm, DECAYS[decay](after))
