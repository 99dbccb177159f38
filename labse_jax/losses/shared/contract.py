"""What the task gives a loss over pairs and what it must give back, checked where it is traced."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from labse_jax.base.errors import InputError
from labse_jax.base.plugins import file_of, where_it_failed
from labse_jax.base.sharding import BATCH, make_mesh

Result = tuple[jax.Array, dict[str, jax.Array]]  # The loss and the metrics.
Loss = Callable[..., Result]

DIFFERS = "out_specs which require replication"  # In JAX's message.
DIFFER_ERROR = "_RepError"  # What it is raised for; jax 0.12 can fail to write the message.
HELP = "see docs/a_loss_of_your_own.md"


def on_every_device(
  loss: Loss, name: str, mesh: jax.sharding.Mesh | None = None
) -> Callable[[dict[str, jax.Array], dict[str, jax.Array]], Result]:
  """The function (arguments of the pairs, those that are learned) -> (loss, metrics) of a batch.

  Raises InputError, while it is traced, where a result differs between devices.
  """
  whole = jax.shard_map(
    lambda vectors, learned: loss(**vectors, **learned),
    mesh=mesh,
    in_specs=(jax.P(BATCH), jax.P()),
    out_specs=(jax.P(), jax.P()),
  )

  def value(vectors, learned):
    try:
      return whole(vectors, learned)
    except ValueError as error:
      if DIFFERS not in str(error) and not type(error.__context__).__name__ == DIFFER_ERROR:
        raise
      raise InputError(
        f"{name}: the loss or a metric differs between devices, for each has its own pairs; use "
        f"mean_over_pairs(value_b, mask_b, spread) instead of a mean on each device; {HELP}."
      ) from error

  return value


def checked(loss: Loss, name: str) -> Loss:
  """`loss`, whose empty slots hold vectors that are harmless, and whose result is looked at.

  Raises InputError, while it is traced, where the result is not a number and a dict of numbers.
  """

  def whole(**arguments):
    mask_b = arguments["mask_b"]
    x_bD, y_bD = _filled(arguments["x_bD"], arguments["y_bD"], mask_b)
    result = loss(**arguments | {"x_bD": x_bD, "y_bD": y_bD})
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
      raise InputError(f"{name}: must return (loss, metrics), a number and a dict; {HELP}.")
    value, metrics = result
    numbers = {what: _number(what, metric, name) for what, metric in metrics.items()}
    return _number("the loss", value, name), numbers

  return whole


def try_out(
  loss: Loss,
  name: str,
  shapes: tuple[Mapping[str, jax.ShapeDtypeStruct], Mapping[str, jax.ShapeDtypeStruct]],
) -> None:
  """Traces a person's own loss; raises InputError, one line, for whatever it raises."""
  mesh = make_mesh(1, jax.devices()[:1])
  try:
    jax.eval_shape(on_every_device(loss, name, mesh), *shapes)
  except InputError:
    raise
  except Exception as error:
    raise InputError(f"{where_it_failed(error, file_of(name))}; {HELP}.") from error


def _filled(x_bD, y_bD, mask_b):
  """The vectors, and in empty slots two unit vectors of cosine 0.6 instead of zeros.

  At zero vectors, norms and logarithms have no finite gradient. On the way back the slots' own
  gradients are dropped, NaN or not.
  """
  D = x_bD.shape[1]
  one_D = jnp.zeros(D, x_bD.dtype).at[0].set(1)
  other_D = one_D if D == 1 else one_D.at[0].set(0.6).at[1].set(0.8)
  return (
    jnp.where(mask_b[:, None], x_bD, one_D),
    jnp.where(mask_b[:, None], y_bD, other_D),
  )


def _number(what, number, name):
  """A result as an array; raises InputError where it is not one number."""
  number = jnp.asarray(number)
  if number.shape:
    raise InputError(
      f"{name}: {what} has the shape {number.shape}; one number is needed, such as "
      f"mean_over_pairs(value_b, mask_b, spread); {HELP}."
    )
  return number
