"""The optimiser: clipping, AdamW whose decay is masked by path, a schedule that knows its end."""

import re

import jax
import jax.numpy as jnp
import optax

from labse_jax.errors import known

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
      optax.add_decayed_weights(weight_decay, mask=decay_mask))  # fmt: skip


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
