"""What a step has to compute, and what its devices could."""

from collections.abc import Sequence

import jax

from labse_jax.base.console import say
from labse_jax.base.types import Params
from labse_jax.planning.chips import chip
from labse_jax.planning.flops import matrix_flops
from labse_jax.training.encoder_task import EncoderTask


def useful_flops(task: EncoderTask, params: Params, mesh: jax.sharding.Mesh) -> int:
  """The matrix arithmetic of a step that computes nothing twice: three times that of the loss.

  Each product of the way forward has two on the way back, one for the gradient of each factor
  (Chowdhery et al. 2022, appendix B). A teacher in the step has no way back, so it counts once.
  What remat, chunks or a loss compute again does not count. Frozen parts count as the others. Of
  `params` only the shapes matter. Raises NotImplementedError as `matrix_flops` does.
  """
  key = jax.eval_shape(lambda: jax.random.key(0))
  batch = task.batch_shapes()
  with jax.set_mesh(mesh):
    loss = jax.make_jaxpr(task.loss_fn)(params, batch, key)
    others = jax.make_jaxpr(task.without_gradient)(params, batch)
  return 3 * sum(matrix_flops(loss).values()) - 2 * sum(matrix_flops(others).values())


def peak_of(devices: Sequence[jax.Device]) -> float | None:
  """What the devices could compute at most together, in FLOP/s; None where no table has them."""
  one = chip(devices)
  return one.peak * len(devices) if one and one.peak else None


def say_parameters(params: Params) -> None:
  """Says how many numbers a model has, and in which parts they are."""
  sizes = {name: _size(part) for name, part in sorted(_parts(params).items())}
  parts = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
  say(f"{sum(sizes.values()):,} parameters: {parts}.")


def _parts(params):
  """The parts of the parameters that a person knows: those of the encoder, and the rest."""
  others = {name: part for name, part in params.items() if name != "bert"}
  return dict(params.get("bert", {})) | others


def _size(part):
  return sum(leaf.size for leaf in jax.tree.leaves(part))
